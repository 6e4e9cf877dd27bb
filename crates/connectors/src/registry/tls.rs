//! TLS to a registry: whom to trust, and who we are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tailwater_connector_api::{ConnectorError, ErrorKind};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Files of PEM. They are read for each request: certificates change while a job runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stores {
    /// Who signs servers' certificates; the operating system's roots without it.
    pub(super) trust: Option<PathBuf>,
    /// Our certificate and its key, in one file.
    pub(super) key: Option<PathBuf>,
}

impl Stores {
    fn client_config(&self) -> Result<ClientConfig, ConnectorError> {
        let mut roots = RootCertStore::empty();
        let trusted = match &self.trust {
            Some(path) => certificates(path, "trust store")?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        if roots.add_parsable_certificates(trusted).0 == 0 {
            let message = "there is no root certificate to verify the schema registry with";
            return Err(ConnectorError::new(ErrorKind::Config, message)
                .with_hint("'...ssl.truststore.location' names a file of PEM"));
        }
        let unset = |error| {
            let message = "failed to set up TLS to the schema registry";
            ConnectorError::new(ErrorKind::Config, message).with_source(error)
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(unset)?;
        let builder = builder.with_root_certificates(roots);
        let Some(path) = &self.key else {
            return Ok(builder.with_no_client_auth());
        };
        let key = PrivateKeyDer::from_pem_file(path).map_err(|error| {
            let path = path.display();
            let message = format!("key store \"{path}\" holds no private key of PEM");
            ConnectorError::new(ErrorKind::Config, message)
                .with_source(error)
                .with_hint(convert("keystore"))
        })?;
        builder.with_client_auth_cert(certificates(path, "key store")?, key).map_err(unset)
    }

    /// Agrees on TLS with a server of this name.
    pub(super) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectorError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            let message = format!("\"{host}\" is no name that a certificate could be for");
            ConnectorError::new(ErrorKind::Config, message).with_source(error)
        })?;
        let connector = TlsConnector::from(Arc::new(self.client_config()?));
        connector.connect(name, stream).await.map_err(|error| {
            let is_untrusted = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
            let message = format!("TLS with the schema registry at \"{host}\" failed");
            match is_untrusted {
                Some(rustls::Error::InvalidCertificate(_)) => {
                    ConnectorError::new(ErrorKind::Config, message).with_hint(
                        "'...ssl.truststore.location' must name a file of PEM with the certificate \
                         of who signed the registry's, which must be for this host",
                    )
                }
                Some(_) => ConnectorError::new(ErrorKind::Config, message),
                None => ConnectorError::new(ErrorKind::Connect, message),
            }
            .with_source(error)
        })
    }
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, ConnectorError> {
    let shown = path.display();
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let failed = |message: String| ConnectorError::new(ErrorKind::Config, message);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(failed(format!("{what} \"{shown}\" holds no certificate of PEM"))
            .with_hint(convert(if what == "trust store" { "truststore" } else { "keystore" }))),
        Err(error) => Err(failed(format!("{what} \"{shown}\" cannot be read")).with_source(error)),
    }
}

/// How a store of Java becomes one of PEM.
fn convert(store: &str) -> String {
    match store {
        "truststore" => "keytool -exportcert -rfc -keystore STORE -alias ... > ca.pem",
        _ => {
            "keytool -importkeystore -srckeystore STORE -destkeystore client.p12 -deststoretype \
             PKCS12, then openssl pkcs12 -in client.p12 -nodes -out client.pem"
        }
    }
    .to_owned()
}
