//! The server's questions at the start of a connection, answered.

use std::fmt;

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

use crate::backend::Authentication;
use crate::error::WireError;
use crate::frontend;

/// Who we are, and how far the server believes it.
pub struct Authenticator {
    user: String,
    password: Option<String>,
    state: State,
}

enum State {
    Start,
    Scram(Box<ScramSha256>),
    ScramVerified,
    Done,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authenticator({})", self.user)
    }
}

impl Authenticator {
    /// An exchange that has not begun.
    pub fn new(user: impl Into<String>, password: Option<String>) -> Self {
        Self { user: user.into(), password, state: State::Start }
    }

    /// Whether the server has accepted us.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Takes a question and appends the answer, if one is due.
    ///
    /// # Errors
    /// A method that is not built, a missing password, or a server that does not know the password
    /// itself.
    pub fn answer(
        &mut self,
        question: Authentication<'_>,
        out: &mut BytesMut,
    ) -> Result<(), WireError> {
        match question {
            // A server that breaks off the SCRAM exchange has not proved that it knows us.
            Authentication::Ok if matches!(self.state, State::Scram(_)) => {
                return Err(scram("the server left it unfinished"));
            }
            Authentication::Ok => self.state = State::Done,
            Authentication::CleartextPassword => {
                frontend::password(self.password()?.as_bytes(), out);
            }
            Authentication::Md5Password(salt) => {
                let password = self.password()?.as_bytes();
                let hash = md5_hash(self.user.as_bytes(), password, salt);
                frontend::password(hash.as_bytes(), out);
            }
            Authentication::Sasl(mechanisms) => self.start_scram(mechanisms, out)?,
            Authentication::SaslContinue(data) => {
                let State::Scram(exchange) = &mut self.state else {
                    return Err(scram("the server continues what was not begun"));
                };
                exchange.update(data).map_err(|e| scram(&e.to_string()))?;
                frontend::sasl_response(exchange.message(), out);
            }
            Authentication::SaslFinal(data) => {
                let State::Scram(exchange) = &mut self.state else {
                    return Err(scram("the server ends what was not begun"));
                };
                exchange.finish(data).map_err(|e| scram(&e.to_string()))?;
                self.state = State::ScramVerified;
            }
            Authentication::Other(number) => {
                let method = match number {
                    2 | 7 | 8 | 9 => "Kerberos, GSSAPI or SSPI".to_owned(),
                    _ => format!("method {number}"),
                };
                return Err(WireError::UnsupportedAuthentication { method });
            }
        }
        Ok(())
    }

    fn password(&self) -> Result<&str, WireError> {
        self.password.as_deref().ok_or(WireError::PasswordRequired)
    }

    fn start_scram(&mut self, mechanisms: &[u8], out: &mut BytesMut) -> Result<(), WireError> {
        let known = mechanisms.split(|b| *b == 0).any(|name| name == SCRAM_SHA_256.as_bytes());
        if !known {
            let names = mechanisms.split(|b| *b == 0).filter(|name| !name.is_empty());
            let names: Vec<_> = names.map(String::from_utf8_lossy).collect();
            return Err(WireError::UnsupportedAuthentication { method: names.join(", ") });
        }
        let password = self.password()?.as_bytes();
        let exchange = ScramSha256::new(password, ChannelBinding::unsupported());
        frontend::sasl_initial_response(SCRAM_SHA_256, exchange.message(), out);
        self.state = State::Scram(Box::new(exchange));
        Ok(())
    }
}

fn scram(reason: &str) -> WireError {
    WireError::Scram { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_answers_with_its_own_message() {
        let mut out = BytesMut::new();
        let mut auth = Authenticator::new("joe", Some("secret".to_owned()));
        auth.answer(Authentication::CleartextPassword, &mut out).unwrap();
        assert_eq!(&out[..], b"p\0\0\0\x0bsecret\0");
        out.clear();
        auth.answer(Authentication::Md5Password([1, 2, 3, 4]), &mut out).unwrap();
        assert_eq!((out.len(), &out[5..8]), (41, &b"md5"[..]));
        out.clear();
        auth.answer(Authentication::Sasl(b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"), &mut out)
            .unwrap();
        assert_eq!(&out[5..19], b"SCRAM-SHA-256\0");
        assert!(auth.answer(Authentication::Ok, &mut out).is_err());
        assert!(!auth.is_done());
    }

    #[test]
    fn a_missing_password_and_an_unknown_method_are_said() {
        let mut out = BytesMut::new();
        let mut auth = Authenticator::new("joe", None);
        assert_eq!(
            auth.answer(Authentication::CleartextPassword, &mut out),
            Err(WireError::PasswordRequired)
        );
        let error = auth.answer(Authentication::Other(7), &mut out).unwrap_err();
        assert!(error.to_string().contains("Kerberos"));
        let error = auth.answer(Authentication::SaslContinue(b""), &mut out).unwrap_err();
        assert!(matches!(error, WireError::Scram { .. }));
        assert!(!format!("{auth:?}").contains("secret"));
    }
}
