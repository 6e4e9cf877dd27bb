//! From options to a TLS client: the only place that reads the files.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use tailwater_connector_api::{ConnectorError, ErrorKind, Hint, Setting};

use super::certificate::Parsed;
use super::options::{Identity, Roots, TlsOptions};
use super::verifier::{ServerVerifier, TrustedRoots};

/// A client as the options want it. The files are read each time: certificates change while a job
/// runs.
pub(crate) fn client_config(options: &TlsOptions) -> Result<ClientConfig, ConnectorError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = ServerVerifier {
        verification: options.verification(),
        roots: Arc::new(trusted(options.roots.as_ref())?),
        algorithms: provider.signature_verification_algorithms,
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            let message = "failed to set up TLS";
            ConnectorError::new(ErrorKind::Internal, message).with_source(error)
        })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = certified_key(identity, &provider)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
    };
    // Each connection has a configuration of its own: there is nothing to resume from.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn trusted(roots: Option<&Roots>) -> Result<TrustedRoots, ConnectorError> {
    let certificates = match roots {
        None => Vec::new(),
        Some(Roots::File(path)) => certificates(path, "root certificate file")?,
        Some(Roots::System) => system()?,
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates.iter().cloned());
    Ok(TrustedRoots { store, certificates })
}

fn system() -> Result<Vec<CertificateDer<'static>>, ConnectorError> {
    let found = rustls_native_certs::load_native_certs();
    if !found.certs.is_empty() {
        return Ok(found.certs);
    }
    let message = "the operating system has no root certificates";
    let error = ConnectorError::new(ErrorKind::Config, message).with_hint(Hint::each(|say| {
        let root = say.name(Setting::Tls("sslrootcert"));
        format!("install them (package \"ca-certificates\"), or set \"{root}\" to a file")
    }));
    Err(match found.errors.into_iter().next() {
        Some(source) => error.with_source(source),
        None => error,
    })
}

fn certified_key(
    identity: &Identity,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ConnectorError> {
    let chain = certificates(&identity.certificate, "client certificate file")?;
    let path = identity.key.display();
    let key = provider.key_provider.load_private_key(private_key(&identity.key)?);
    let key = key.map_err(|error| {
        let message = format!("the private key in file \"{path}\" cannot be used");
        ConnectorError::new(ErrorKind::Config, message)
            .with_hint("RSA from 2048 bits on, ECDSA on P-256 and P-384, and Ed25519 are taken")
            .with_source(error)
    })?;
    let ours = key.public_key();
    let theirs = chain.first().and_then(|der| Parsed::read(der)).and_then(|c| c.public_key());
    if let (Some(ours), Some(theirs)) = (ours, theirs)
        && *ours != *theirs
    {
        let certificate = identity.certificate.display();
        let message =
            format!("the private key in file \"{path}\" is not that of \"{certificate}\"");
        return Err(ConnectorError::new(ErrorKind::Config, message).with_hint(format!(
            "these must print the same: openssl x509 -in {certificate} -noout -pubkey; \
             openssl pkey -in {path} -pubout"
        )));
    }
    Ok(CertifiedKey::new(chain, key))
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, ConnectorError> {
    let bytes = read(path, what)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let name = path.display();
    let hint = format!("PEM is expected; of DER: openssl x509 -inform der -in {name} -out FILE");
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => {
            let message = format!("{what} \"{name}\" holds no certificate");
            Err(ConnectorError::new(ErrorKind::Config, message).with_hint(hint))
        }
        Err(error) => {
            let message = format!("{what} \"{name}\" cannot be understood");
            Err(ConnectorError::new(ErrorKind::Config, message).with_hint(hint).with_source(error))
        }
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConnectorError> {
    let bytes = read(path, "private key file")?;
    let name = path.display();
    let is_pem = bytes.windows(11).any(|bytes| bytes == b"-----BEGIN ");
    if !is_pem {
        return der_key(path, bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(encrypted(path, ""));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let message = format!("private key file \"{name}\" cannot be understood");
        let error = match error {
            pem::Error::NoItemsFound => {
                let message = format!("private key file \"{name}\" holds no private key");
                return ConnectorError::new(ErrorKind::Config, message)
                    .with_hint("a PEM file with BEGIN PRIVATE KEY is expected, or PKCS-8 in DER");
            }
            other => other,
        };
        ConnectorError::new(ErrorKind::Config, message)
            .with_hint(format!("to see whether it is whole: openssl pkey -in {name} -noout"))
            .with_source(error)
    })
}

/// PKCS-8 begins with its version, its encrypted form with an algorithm, PKCS-12 with version 3.
fn der_key(path: &Path, bytes: Vec<u8>) -> Result<PrivateKeyDer<'static>, ConnectorError> {
    let header = match bytes.get(1) {
        Some(length) if *length >= 0x80 => 2 + usize::from(length & 0x7f),
        _ => 2,
    };
    match bytes.get(header..header + 3) {
        Some([0x02, 0x01, 0x00 | 0x01]) if bytes[0] == 0x30 => {
            Ok(PrivatePkcs8KeyDer::from(bytes).into())
        }
        Some([0x30, ..]) if bytes[0] == 0x30 => Err(encrypted(path, "-inform der ")),
        Some([0x02, 0x01, 0x03]) if bytes[0] == 0x30 => {
            let name = path.display();
            let message = format!("private key file \"{name}\" is a PKCS-12 archive");
            Err(ConnectorError::new(ErrorKind::Config, message).with_hint(format!(
                "take certificate and key out: openssl pkcs12 -in {name} -clcerts -nokeys -out \
                 CERT; openssl pkcs12 -in {name} -nocerts -nodes -out KEY"
            )))
        }
        _ => {
            let message = format!("private key file \"{}\" holds no private key", path.display());
            Err(ConnectorError::new(ErrorKind::Config, message)
                .with_hint("a PEM file with BEGIN PRIVATE KEY is expected, or PKCS-8 in DER"))
        }
    }
}

fn encrypted(path: &Path, form: &str) -> ConnectorError {
    let name = path.display();
    let message =
        format!("the private key in file \"{name}\" is encrypted, which is not supported");
    ConnectorError::new(ErrorKind::Unsupported, message).with_hint(format!(
        "decrypt it, and name the result in \"sslkey\": openssl pkey {form}-in {name} -out FILE"
    ))
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, ConnectorError> {
    fs::read(path).map_err(|error| {
        let name = path.display();
        let (message, hint) = match error.kind() {
            io::ErrorKind::NotFound => (
                format!("{what} \"{name}\" does not exist"),
                "paths are those of the machine that Tailwater runs on, from its working directory",
            ),
            io::ErrorKind::PermissionDenied => (
                format!("{what} \"{name}\" may not be read"),
                "let the user that Tailwater runs as read it",
            ),
            _ => (format!("{what} \"{name}\" cannot be read"), "it must be a readable file"),
        };
        ConnectorError::new(ErrorKind::Config, message).with_hint(hint).with_source(error)
    })
}
