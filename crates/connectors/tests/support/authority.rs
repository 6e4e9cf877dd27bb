//! Certificates made for a test.

use std::path::PathBuf;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SignatureAlgorithm,
};
use tailwater_testkit_postgres::ServerTls;
use tempfile::TempDir;

/// Who signs.
pub struct Authority {
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self::with_key(name, KeyPair::generate().expect("a certificate"))
    }

    /// Its key decides how it signs.
    pub fn with_key(name: &str, key: KeyPair) -> Self {
        let params = Self::params(name);
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).expect("a certificate");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params
    }

    pub fn signing_by(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        Self::with_key(name, KeyPair::generate_for(algorithm).expect("a certificate"))
    }

    /// An authority that this one vouches for.
    pub fn below(&self, name: &str) -> Self {
        let below = Self::new(name);
        let params = Self::params(name);
        let signed = params.signed_by(below.issuer.key(), &self.issuer);
        Self { certificate: signed.expect("a certificate").pem(), ..below }
    }

    /// A server's certificate; `change` may spoil it.
    pub fn server(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> ServerTls {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (certificate, key) = self.issue(names, "server", change);
        ServerTls { certificate, key, client_authority: None }
    }

    /// A user's certificate and key.
    pub fn client(&self, user: &str) -> (String, String) {
        self.issue(Vec::new(), user, |_| {})
    }

    fn issue(
        &self,
        names: Vec<String>,
        common_name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        let key = KeyPair::generate().expect("a certificate");
        let mut params = CertificateParams::new(names).expect("a certificate");
        params.distinguished_name.push(DnType::CommonName, common_name);
        change(&mut params);
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }
}

/// A directory of files that options name.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and says its path.
    pub fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).expect("a file");
        self.path(name).display().to_string()
    }

    /// Runs `openssl` of the PATH, which comes with Debian's `postgresql`, for what rcgen cannot do.
    pub fn openssl(&self, arguments: &str) {
        let words = arguments.split_ascii_whitespace();
        let output = Command::new("openssl").args(words).current_dir(self.0.path()).output();
        let output = output.expect("openssl runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {errors}");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }
}
