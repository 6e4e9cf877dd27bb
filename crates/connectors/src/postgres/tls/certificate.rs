//! What is read of a certificate by itself: its names, its age, the hash that binds a channel.
//!
//! The checks proper are webpki's. It takes no certificates of version 1 and no authority's own
//! certificate as a server's, and both are common in front of PostgreSQL: its manual's recipe makes
//! the one, a self-signed server the other. For these two the checks are here.

use std::net::IpAddr;
use std::time::Duration;

use rustls::CertificateError;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, UnixTime};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{AnyRef, Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

/// `tls-server-end-point` of RFC 5929: the hash of the certificate by the hash that its signature
/// uses, SHA-256 for the broken ones. `None` if the signature names none (Ed25519) or hides it in
/// its parameters (RSA-PSS), on which servers disagree.
pub(crate) fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = Certificate::from_der(der).ok()?;
    let algorithm = certificate.signature_algorithm().oid.to_string();
    Some(match algorithm.as_str() {
        // MD5 and SHA-1 with RSA, SHA-1 with ECDSA and DSA.
        "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1"
        | "1.2.840.10040.4.3"
        // SHA-256 with RSA, ECDSA and DSA.
        | "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" | "2.16.840.1.101.3.4.3.2" => {
            Sha256::digest(der).to_vec()
        }
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Sha384::digest(der).to_vec(),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Sha512::digest(der).to_vec(),
        "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" => Sha224::digest(der).to_vec(),
        _ => return None,
    })
}

/// A certificate that was read.
pub(super) struct Parsed(Certificate);

impl Parsed {
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        Certificate::from_der(der).ok().map(Self)
    }

    /// Its alternative names as text: hosts and addresses.
    pub(super) fn alternative_names(&self) -> Vec<String> {
        let found = self.0.tbs_certificate().get_extension::<SubjectAltName>();
        let Ok(Some((_, names))) = found else {
            return Vec::new();
        };
        let text = |name: &GeneralName| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
            GeneralName::IpAddress(bytes) => {
                let bytes = bytes.as_bytes();
                let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                let v6 = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
                v4.or(v6).ok().map(|ip| ip.to_string())
            }
            _ => None,
        };
        names.0.iter().filter_map(text).collect()
    }

    /// The subject's common name.
    pub(super) fn common_name(&self) -> Option<String> {
        let name = self.0.tbs_certificate().subject().common_name().ok()??;
        Some(name.value().into_owned())
    }

    pub(super) fn is_version_1(&self) -> bool {
        self.0.tbs_certificate().version() == Version::V1
    }

    /// Whether its time has come and not gone.
    pub(super) fn check_time(&self, now: UnixTime) -> Result<(), CertificateError> {
        let validity = self.0.tbs_certificate().validity();
        let unix = |time: Duration| UnixTime::since_unix_epoch(time);
        let not_before = unix(validity.not_before.to_unix_duration());
        let not_after = unix(validity.not_after.to_unix_duration());
        if now < not_before {
            return Err(CertificateError::NotValidYetContext { time: now, not_before });
        }
        if now > not_after {
            return Err(CertificateError::ExpiredContext { time: now, not_after });
        }
        Ok(())
    }

    /// The public key as DER.
    pub(super) fn public_key(&self) -> Option<Vec<u8>> {
        self.0.tbs_certificate().subject_public_key_info().to_der().ok()
    }

    /// Whether the key of `issuer`, which must be trusted, has signed this one; `der` is what this
    /// one was read from.
    pub(super) fn is_signed_by(
        &self,
        der: &[u8],
        issuer: &Parsed,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> bool {
        let (own, theirs) = (self.0.tbs_certificate(), issuer.0.tbs_certificate());
        let Some(signed) = signed_part(der) else {
            return false;
        };
        let signature = self.0.signature().raw_bytes();
        let by_this = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
            same(&algorithm.signature_alg_id(), self.0.signature_algorithm())
        };
        own.issuer() == theirs.subject()
            && !issuer.limits_names()
            && algorithms.all.iter().filter(by_this).any(|algorithm| {
                is_signature(*algorithm, theirs.subject_public_key_info(), signed, signature)
            })
    }

    /// Whether it has signed `message` by one of `algorithms`.
    pub(super) fn has_signed(
        &self,
        message: &[u8],
        signature: &[u8],
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> bool {
        let key = self.0.tbs_certificate().subject_public_key_info();
        algorithms.iter().any(|algorithm| is_signature(*algorithm, key, message, signature))
    }

    /// Name constraints, which only webpki judges.
    fn limits_names(&self) -> bool {
        const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
        let extensions = self.0.tbs_certificate().extensions();
        extensions.is_some_and(|all| all.iter().any(|one| one.extn_id == NAME_CONSTRAINTS))
    }
}

fn is_signature(
    algorithm: &dyn SignatureVerificationAlgorithm,
    key: &SubjectPublicKeyInfoOwned,
    message: &[u8],
    signature: &[u8],
) -> bool {
    same(&algorithm.public_key_alg_id(), &key.algorithm)
        && algorithm
            .verify_signature(key.subject_public_key.raw_bytes(), message, signature)
            .is_ok()
}

/// Whether both are the same algorithm; the one of pki-types lacks the outer tag and length.
fn same(known: &AlgorithmIdentifier, found: &AlgorithmIdentifierOwned) -> bool {
    found.to_der().is_ok_and(|der| der.len() < 128 && der[2..] == **known)
}

/// The first element within a certificate: what its signature is about.
fn signed_part(der: &[u8]) -> Option<&[u8]> {
    let whole = AnyRef::from_der(der).ok()?;
    SliceReader::new(whole.value()).ok()?.tlv_bytes().ok()
}
