//! Who may ask.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::connect::RestError;

/// The rule of a server: who listens on loopback only may do without a token.
#[derive(Clone)]
pub struct Access {
    /// The digest of the token, so that comparing takes as long whatever is wrong with it.
    token: Option<[u8; 32]>,
}

/// There has to be a token.
#[derive(Debug, thiserror::Error)]
#[error("listening on {address}, which other machines reach, takes a token")]
pub struct TokenRequired {
    address: IpAddr,
}

impl Access {
    /// The rule for a server that listens on `address`.
    ///
    /// # Errors
    /// If others than this machine could ask and there is no token.
    pub fn new(address: IpAddr, token: Option<&str>) -> Result<Self, TokenRequired> {
        match token.filter(|token| !token.is_empty()) {
            Some(token) => Ok(Self { token: Some(digest(token)) }),
            None if address.is_loopback() => Ok(Self { token: None }),
            None => Err(TokenRequired { address }),
        }
    }

    fn judge(&self, headers: &HeaderMap, path: &str) -> Result<(), RestError> {
        if is_foreign_page(headers) {
            let message = "requests from pages of other sites are refused".to_owned();
            return Err(RestError::new(StatusCode::FORBIDDEN, message));
        }
        let Some(token) = self.token else {
            return Ok(());
        };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        if path == "/health" || given.is_some_and(|given| digest(given) == token) {
            return Ok(());
        }
        let message = "a token is required: send \"Authorization: Bearer TOKEN\"".to_owned();
        Err(RestError::new(StatusCode::UNAUTHORIZED, message))
    }
}

/// A browser names the page that asks: one that is not served from this machine has no business
/// here, whatever name it has made its own address resolve to.
fn is_foreign_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let host = origin.to_str().ok().and_then(|origin| origin.split("://").nth(1));
    let host = host.map(|host| host.rsplit_once(':').map_or(host, |(host, _)| host));
    !matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Lets through what the rule allows.
pub(crate) async fn guard(
    State(access): State<Access>,
    request: Request<Body>,
    next: Next,
) -> Response {
    match access.judge(request.headers(), request.uri().path()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let value = |v: &'static str| header::HeaderValue::from_static(v);
        pairs.iter().map(|(name, v)| (name.clone(), value(v))).collect()
    }

    #[test]
    fn beyond_loopback_a_token_is_required() {
        let everywhere = IpAddr::from([0, 0, 0, 0]);
        assert!(Access::new(everywhere, None).is_err());
        assert!(Access::new(everywhere, Some("")).is_err());
        let access = Access::new(everywhere, Some("s3cret")).expect("a token");
        let with = |text| headers(&[(header::AUTHORIZATION, text)]);
        assert!(access.judge(&with("Bearer s3cret"), "/connectors").is_ok());
        assert!(access.judge(&with("Bearer s3cres"), "/connectors").is_err());
        assert!(access.judge(&with("s3cret"), "/connectors").is_err());
        assert!(access.judge(&HeaderMap::new(), "/connectors").is_err());
        assert!(access.judge(&HeaderMap::new(), "/health").is_ok());
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let access = Access::new(IpAddr::from([127, 0, 0, 1]), None).expect("loopback");
        assert!(access.judge(&HeaderMap::new(), "/").is_ok());
        let from = |origin| headers(&[(header::ORIGIN, origin)]);
        assert!(access.judge(&from("http://localhost:3000"), "/").is_ok());
        assert!(access.judge(&from("http://[::1]:8083"), "/").is_ok());
        assert!(access.judge(&from("http://evil.example"), "/").is_err());
        assert!(access.judge(&from("http://localhost.evil.example:80"), "/").is_err());
        assert!(access.judge(&from("null"), "/").is_err());
    }
}
