//! What is asked of the server's certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, RootCertStore, SignatureScheme,
};

use super::certificate::Parsed;
use super::host_name;
use super::options::Verification;

/// The certificates that are trusted: for webpki, and as they are.
#[derive(Debug)]
pub(super) struct TrustedRoots {
    pub(super) store: RootCertStore,
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

/// Verifies as `sslmode` says. Whatever it says, the server must own the key of the certificate
/// that it shows: channel binding builds on that.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    pub(super) verification: Verification,
    pub(super) roots: Arc<TrustedRoots>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.verification != Verification::None {
            self.verify_chain(end_entity, intermediates, now)?;
        }
        if self.verification == Verification::ChainAndName {
            verify_name(end_entity, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match old_certificate(certificate) {
            None => verify_tls12_signature(message, certificate, signature, &self.algorithms),
            Some(old) => self.verify_signature(message, &old, signature, usize::MAX),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match old_certificate(certificate) {
            None => verify_tls13_signature(message, certificate, signature, &self.algorithms),
            // Since TLS 1.3 the scheme says the curve as well: the first algorithm is the only one.
            Some(old) => self.verify_signature(message, &old, signature, 1),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ServerVerifier {
    fn verify_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = Parsed::read(end_entity);
        // A self-signed certificate that is its own root: there is no chain.
        if self.roots.certificates.contains(end_entity) {
            return match parsed {
                Some(parsed) => Ok(parsed.check_time(now)?),
                None => Err(CertificateError::BadEncoding.into()),
            };
        }
        if let Some(parsed) = parsed.filter(Parsed::is_version_1) {
            parsed.check_time(now)?;
            let mut roots = self.roots.certificates.iter().filter_map(|der| Parsed::read(der));
            let is_signed = roots.any(|root| {
                root.check_time(now).is_ok()
                    && parsed.is_signed_by(end_entity, &root, &self.algorithms)
            });
            return match is_signed {
                true => Ok(()),
                false => Err(CertificateError::UnknownIssuer.into()),
            };
        }
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.roots.store,
            intermediates,
            now,
            self.algorithms.all,
        )
    }

    /// The proof that the server owns the key of a certificate that webpki does not read; of the
    /// algorithms that the scheme may stand for, the first `candidates` are tried.
    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &Parsed,
        signature: &DigitallySignedStruct,
        candidates: usize,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
        let Some((_, algorithms)) = known else {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        };
        let algorithms = &algorithms[..algorithms.len().min(candidates)];
        if certificate.has_signed(message, signature.signature(), algorithms) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        Err(CertificateError::BadSignature.into())
    }
}

/// A certificate of version 1.
fn old_certificate(certificate: &CertificateDer<'_>) -> Option<Parsed> {
    Parsed::read(certificate).filter(Parsed::is_version_1)
}

/// The alternative names decide; without any, the common name does, as for libpq.
fn verify_name(end_entity: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<(), Error> {
    let parsed = Parsed::read(end_entity).ok_or(CertificateError::BadEncoding)?;
    let mut presented = parsed.alternative_names();
    let is_for_host = if presented.is_empty() {
        presented.extend(parsed.common_name());
        presented.iter().any(|name| host_name::matches(name, &host.to_str()))
    } else {
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, host).is_ok()
    };
    if is_for_host {
        return Ok(());
    }
    let expected = host.to_owned();
    Err(CertificateError::NotValidForNameContext { expected, presented }.into())
}
