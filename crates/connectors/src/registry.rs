//! Schema registries with Confluent's interface: schemas by their numbers, and the registering of
//! one's own.

mod http;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tailwater_connector_api::{ConnectorError, ErrorKind, TableIssue};
use tailwater_formats::{SchemaSource, SchemaUnavailable};
use tokio::runtime::Handle;

use crate::options::OptionReader;
use http::{Address, Answer};
use tls::Stores;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A registry, and under which name a sink registers its schema.
#[derive(Clone)]
pub(crate) struct Registry {
    /// Tried one after the other.
    addresses: Vec<Address>,
    /// The header `Authorization`.
    authorization: Option<String>,
    subject: Option<String>,
    stores: Stores,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// Options below a format's name that are honoured.
pub(crate) const KNOWN: [&str; 8] = [
    "url",
    "subject",
    "basic-auth.credentials-source",
    "basic-auth.user-info",
    "bearer-auth.credentials-source",
    "bearer-auth.token",
    "ssl.truststore.location",
    "ssl.keystore.location",
];

impl Registry {
    /// Reads the options below `own`; `None` after a complaint.
    pub(crate) fn read(options: &mut OptionReader<'_>, own: &str) -> Option<Self> {
        let url = format!("{own}.url");
        let written = options.required(&url);
        let mut addresses = Vec::new();
        for one in written.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            match Address::parse(one) {
                Ok(address) => addresses.push(address),
                Err(message) => options.errors.push(TableIssue::option(&url, message)),
            }
        }
        let get = |name: &str| options.get(&format!("{own}.{name}")).map(str::to_owned);
        let of_url = addresses.iter().find_map(|address| address.user_info.clone());
        let basic = match get("basic-auth.credentials-source").as_deref() {
            Some("USER_INFO") => get("basic-auth.user-info"),
            None | Some("URL") => of_url,
            Some(_) => {
                let key = format!("{own}.basic-auth.credentials-source");
                return options.refuse(&key, "USER_INFO, URL", None);
            }
        };
        let authorization = match get("bearer-auth.token") {
            Some(token) => Some(format!("Bearer {token}")),
            None => basic.map(|user_info| http::basic(&user_info)),
        };
        let subject = get("subject");
        let file = |name: &str| get(&format!("ssl.{name}.location")).map(PathBuf::from);
        let stores = Stores { trust: file("truststore"), key: file("keystore") };
        (!addresses.is_empty()).then_some(Self { addresses, authorization, subject, stores })
    }

    /// Registers a schema under the sink's subject; its number.
    pub(crate) async fn register(
        &self,
        default_subject: &str,
        schema: &str,
    ) -> Result<u32, ConnectorError> {
        #[derive(Deserialize)]
        struct Registered {
            id: u32,
        }
        let subject = self.subject.as_deref().unwrap_or(default_subject);
        let path = format!("/subjects/{}/versions", http::escaped(subject));
        let body = serde_json::json!({ "schema": schema }).to_string();
        let answer = self.ask("POST", &path, body).await?;
        let failed = |message: String| {
            ConnectorError::new(ErrorKind::SchemaMismatch, message)
                .with_context("subject", subject.to_owned())
        };
        match answer {
            Answer { status: 200, body } => serde_json::from_slice::<Registered>(&body)
                .map(|registered| registered.id)
                .map_err(|_| failed("the schema registry does not tell a number".to_owned())),
            answer => Err(self.refused(&answer, |said| {
                failed(format!("the schema registry refuses the schema: {said}"))
                    .with_hint("the columns must be compatible with the subject's last schema")
            })),
        }
    }

    /// The schema of a number.
    async fn schema(&self, id: u32) -> Result<String, ConnectorError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Found {
            schema: String,
            #[serde(default)]
            schema_type: Option<String>,
        }
        let answer = self.ask("GET", &format!("/schemas/ids/{id}"), String::new()).await?;
        let failed = |message: String| ConnectorError::new(ErrorKind::BadData, message);
        match answer {
            Answer { status: 200, body } => {
                let found: Found = serde_json::from_slice(&body).map_err(|_| {
                    failed("the schema registry's answer holds no schema".to_owned())
                })?;
                match found.schema_type.as_deref() {
                    None | Some("AVRO") => Ok(found.schema),
                    Some(other) => Err(failed(format!("it is a schema of {other} and not Avro"))),
                }
            }
            answer => {
                Err(self.refused(&answer, |said| failed(format!("the registry says: {said}"))))
            }
        }
    }

    fn refused(
        &self,
        answer: &Answer,
        or: impl FnOnce(String) -> ConnectorError,
    ) -> ConnectorError {
        #[derive(Deserialize)]
        struct Refusal {
            message: String,
        }
        let said = serde_json::from_slice::<Refusal>(&answer.body).map(|refusal| refusal.message);
        let said = said.unwrap_or_else(|_| format!("HTTP {}", answer.status));
        match answer.status {
            401 | 403 => {
                let message = format!("the schema registry refuses us: {said}");
                ConnectorError::new(ErrorKind::Auth, message)
                    .with_hint("'...basic-auth.user-info' = 'user:password' with '...basic-auth.credentials-source' = 'USER_INFO'")
            }
            429 => ConnectorError::new(ErrorKind::Throttled, "the schema registry asks for time"),
            500.. => {
                let message = format!("the schema registry fails: {said}");
                ConnectorError::new(ErrorKind::Connect, message)
            }
            _ => or(said),
        }
    }

    async fn ask(
        &self,
        method: &'static str,
        path: &str,
        body: String,
    ) -> Result<Answer, ConnectorError> {
        let mut failed = None;
        for address in &self.addresses {
            let how = (self.authorization.as_deref(), &self.stores);
            let asked = http::ask(address, method, path, &body, how);
            match tokio::time::timeout(LIMIT, asked).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => failed = Some(error),
                Err(_) => {
                    let message = format!("schema registry \"{address}\" does not answer");
                    failed = Some(ConnectorError::new(ErrorKind::Timeout, message));
                }
            }
        }
        Err(failed.unwrap_or_else(|| {
            ConnectorError::new(ErrorKind::Config, "no schema registry is named")
        }))
    }
}

/// Looks schemas up from a thread that may block.
pub(crate) struct Lookup {
    pub(crate) registry: Registry,
    pub(crate) runtime: Option<Handle>,
}

impl SchemaSource for Lookup {
    fn schema(&self, id: u32) -> Result<Arc<str>, SchemaUnavailable> {
        let Some(runtime) = &self.runtime else {
            let message = "nothing runs that could ask the schema registry".to_owned();
            return Err(SchemaUnavailable { message, may_pass: false });
        };
        runtime.block_on(self.registry.schema(id)).map(Arc::from).map_err(|error| {
            let may_pass = matches!(
                error.kind(),
                ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Throttled
            );
            SchemaUnavailable { message: error.to_string(), may_pass }
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A registry over TLS for one host; it tells one schema to whoever brings the password.
    async fn serve(names: &[&str]) -> (u16, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let own = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(own.pem().as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                let request = String::from_utf8(request).unwrap().to_lowercase();
                let is_known = request.contains(&http::basic("me:secret").to_lowercase());
                let (status, body) = match is_known {
                    true => (200, r#"{"schema": "\"string\""}"#),
                    false => (401, r#"{"message": "who are you?"}"#),
                };
                let length = body.len();
                let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n");
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        (port, root)
    }

    fn registry(url: &str, user_info: Option<&str>, trust: Option<PathBuf>) -> Registry {
        Registry {
            addresses: vec![Address::parse(url).unwrap()],
            authorization: user_info.map(http::basic),
            subject: None,
            stores: Stores { trust, key: None },
        }
    }

    #[tokio::test]
    async fn a_registry_over_https_is_verified_and_asked_with_a_password() {
        let directory = tempfile::tempdir().unwrap();
        let (port, root) = serve(&["localhost"]).await;
        let trust = directory.path().join("ca.pem");
        std::fs::write(&trust, root).unwrap();
        let empty = directory.path().join("store.jks");
        std::fs::write(&empty, [0xfe, 0xed, 0xfe, 0xed]).unwrap();
        let localhost = format!("https://localhost:{port}");
        let user = Some("me:secret");
        let asked = registry(&localhost, user, Some(trust.clone())).schema(1).await;
        assert_eq!(asked.unwrap(), "\"string\"");
        let by_number = format!("https://127.0.0.1:{port}");
        for (url, user, store, kind, said) in [
            (&localhost, None, &trust, ErrorKind::Auth, "refuses us: who are you?"),
            (&localhost, user, &empty, ErrorKind::Config, "holds no certificate of PEM"),
            (&by_number, user, &trust, ErrorKind::Config, "TLS with the schema registry"),
        ] {
            let error = registry(url, user, Some(store.clone())).schema(1).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.hint().is_some(), "{error}");
        }
        let unknown = registry(&localhost, user, None).schema(1).await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::Config, "{unknown}");
    }
}
