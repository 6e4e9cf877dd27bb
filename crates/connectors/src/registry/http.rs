//! One request and its answer: they are rare, each has a connection of its own.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tailwater_connector_api::{ConnectorError, ErrorKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::tls::Stores;

/// How large an answer may be.
const MOST_BYTES: usize = 16 << 20;
const CONTENT: &str = "application/vnd.schemaregistry.v1+json";

/// Where a registry is.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    has_tls: bool,
    host: String,
    port: u16,
    /// What stands before all paths.
    base: String,
    pub(super) user_info: Option<String>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.has_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.base)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Address {
    /// Reads `http[s]://[user:password@]host[:port][/base]`.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let wrong = || "it is not an address as http://host:8081 or https://host".to_owned();
        let (has_tls, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(wrong()),
        };
        let usual = if has_tls { 443 } else { 80 };
        let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
        let (user_info, place) = match authority.rsplit_once('@') {
            Some((user_info, place)) => (Some(user_info.to_owned()), place),
            None => (None, authority),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None => (place, Some(usual)),
        };
        let base = base.trim_end_matches('/');
        match port {
            Some(port) if !host.is_empty() => Ok(Self {
                has_tls,
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
                base: if base.is_empty() { String::new() } else { format!("/{base}") },
                user_info,
            }),
            _ => Err(wrong()),
        }
    }
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// The header of a user and a password.
pub(super) fn basic(user_info: &str) -> String {
    format!("Basic {}", STANDARD.encode(user_info))
}

/// A part of a path.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

pub(super) async fn ask(
    address: &Address,
    method: &'static str,
    path: &str,
    body: &str,
    (authorization, stores): (Option<&str>, &Stores),
) -> Result<Answer, ConnectorError> {
    let failed = || {
        let message = format!("failed to reach the schema registry \"{address}\"");
        ConnectorError::new(ErrorKind::Connect, message)
    };
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
    let stream = stream.map_err(|error| failed().with_source(error))?;
    let shaken = match address.has_tls {
        true => shake_hands(stores.connect(&address.host, stream).await?).await,
        false => shake_hands(stream).await,
    };
    let mut sender = shaken.map_err(|error| failed().with_source(error))?;
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", address.base))
        .header("Host", format!("{}:{}", address.host, address.port))
        .header("Accept", CONTENT)
        .header("Content-Type", CONTENT);
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    let request = request.map_err(|_| {
        ConnectorError::new(ErrorKind::Config, "the registry's credentials are no header's value")
    })?;
    let answer = sender.send_request(request).await.map_err(|e| failed().with_source(e))?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
    let body = body.map_err(|error| failed().with_source(error))?.to_bytes();
    Ok(Answer { status, body })
}

/// Begins to speak HTTP.
async fn shake_hands(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> hyper::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Its end is seen by who waits for the answer.
        let _ = connection.await;
    });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_passwords() {
        let check = |url: &str, shown: &str, user_info: Option<&str>| {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.user_info.as_deref(), user_info);
        };
        check("http://a:8081", "http://a:8081", None);
        check("http://a/apis/v7/", "http://a:80/apis/v7", None);
        check("http://me:se@cret@a:1/b", "http://a:1/b", Some("me:se@cret"));
        check("http://[::1]:8081", "http://::1:8081", None);
        check("https://a/b", "https://a:443/b", None);
        check("https://me:secret@a:8082", "https://a:8082", Some("me:secret"));
        assert!(Address::parse("ftp://a").unwrap_err().contains("https://host"));
        assert!(Address::parse("a:8081").is_err());
        assert!(Address::parse("http://:8081").is_err());
        assert_eq!(escaped("t/ö-value"), "t%2F%C3%B6-value");
    }
}
