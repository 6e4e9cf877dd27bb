//! The server's questions at the start of a connection, answered.

use std::fmt;

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    self, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};

use crate::backend::Authentication;
use crate::error::WireError;
use crate::frontend;

/// Whether the proof of the password is tied to the TLS connection it goes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where both sides can.
    #[default]
    Prefer,
    /// Always: everything else is refused.
    Require,
}

/// Who we are, and how far the server believes it.
pub struct Authenticator {
    user: String,
    password: Option<String>,
    binding: ChannelBinding,
    /// The hash of the server's certificate, where the connection has TLS and it has one.
    end_point: Option<Vec<u8>>,
    state: State,
}

enum State {
    Start,
    /// `true`: bound to the channel.
    Scram(Box<ScramSha256>, bool),
    ScramVerified(bool),
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
        let binding = ChannelBinding::Prefer;
        Self { user: user.into(), password, binding, end_point: None, state: State::Start }
    }

    /// The same over TLS: `end_point` is what `tls-server-end-point` of RFC 5929 makes of the
    /// server's certificate, `None` for no TLS or a certificate whose signature names no hash.
    #[must_use]
    pub fn with_channel(mut self, binding: ChannelBinding, end_point: Option<Vec<u8>>) -> Self {
        self.binding = binding;
        self.end_point = end_point.filter(|_| binding != ChannelBinding::Disable);
        self
    }

    /// Whether the server has accepted us.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Takes a question and appends the answer, if one is due.
    ///
    /// # Errors
    /// A method that is not built, a missing password, a server that does not know the password
    /// itself, or one that wants it over a channel that is not bound though it must be.
    pub fn answer(
        &mut self,
        question: Authentication<'_>,
        out: &mut BytesMut,
    ) -> Result<(), WireError> {
        match question {
            // A server that breaks off the SCRAM exchange has not proved that it knows us.
            Authentication::Ok if matches!(self.state, State::Scram(..)) => {
                return Err(scram("the server left it unfinished"));
            }
            Authentication::Ok => {
                if !matches!(self.state, State::ScramVerified(true)) {
                    self.may_be_unbound("no password")?;
                }
                self.state = State::Done;
            }
            Authentication::CleartextPassword => {
                self.may_be_unbound("the password as it is")?;
                frontend::password(self.password()?.as_bytes(), out);
            }
            Authentication::Md5Password(salt) => {
                self.may_be_unbound("an MD5 hash of the password")?;
                let password = self.password()?.as_bytes();
                let hash = md5_hash(self.user.as_bytes(), password, salt);
                frontend::password(hash.as_bytes(), out);
            }
            Authentication::Sasl(mechanisms) => self.start_scram(mechanisms, out)?,
            Authentication::SaslContinue(data) => {
                let State::Scram(exchange, _) = &mut self.state else {
                    return Err(scram("the server continues what was not begun"));
                };
                exchange.update(data).map_err(|e| scram(&e.to_string()))?;
                frontend::sasl_response(exchange.message(), out);
            }
            Authentication::SaslFinal(data) => {
                let State::Scram(exchange, is_bound) = &mut self.state else {
                    return Err(scram("the server ends what was not begun"));
                };
                exchange.finish(data).map_err(|e| scram(&e.to_string()))?;
                self.state = State::ScramVerified(*is_bound);
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

    fn may_be_unbound(&self, method: &'static str) -> Result<(), WireError> {
        match self.binding {
            ChannelBinding::Require => Err(WireError::Unbound { method }),
            ChannelBinding::Disable | ChannelBinding::Prefer => Ok(()),
        }
    }

    fn start_scram(&mut self, mechanisms: &[u8], out: &mut BytesMut) -> Result<(), WireError> {
        let names = || mechanisms.split(|b| *b == 0).filter(|name| !name.is_empty());
        let offers = |mechanism: &str| names().any(|name| name == mechanism.as_bytes());
        let (mechanism, binding) = match self.end_point.clone() {
            Some(hash) if offers(SCRAM_SHA_256_PLUS) => {
                (SCRAM_SHA_256_PLUS, sasl::ChannelBinding::tls_server_end_point(hash))
            }
            // We could and the server says it cannot: it is told so, and refuses if somebody on the
            // way has struck the mechanism out.
            Some(_) => (SCRAM_SHA_256, sasl::ChannelBinding::unrequested()),
            None => (SCRAM_SHA_256, sasl::ChannelBinding::unsupported()),
        };
        if !offers(mechanism) {
            let names: Vec<_> = names().map(String::from_utf8_lossy).collect();
            return Err(WireError::UnsupportedAuthentication { method: names.join(", ") });
        }
        let is_bound = mechanism == SCRAM_SHA_256_PLUS;
        if !is_bound {
            self.may_be_unbound("SCRAM-SHA-256 without it")?;
        }
        let exchange = ScramSha256::new(self.password()?.as_bytes(), binding);
        frontend::sasl_initial_response(mechanism, exchange.message(), out);
        self.state = State::Scram(Box::new(exchange), is_bound);
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

    #[test]
    fn the_strongest_mechanism_is_taken_and_a_downgrade_is_told() {
        use ChannelBinding::{Disable, Prefer, Require};
        let (both, plain) = (&b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"[..], b"SCRAM-SHA-256\0\0");
        let hash = || Some(vec![7; 32]);
        let cases: [(_, _, &[u8], Result<&str, ()>); 8] = [
            (Prefer, hash(), both, Ok("SCRAM-SHA-256-PLUS p=tls-server-end-point,,")),
            (Require, hash(), both, Ok("SCRAM-SHA-256-PLUS p=tls-server-end-point,,")),
            (Disable, hash(), both, Ok("SCRAM-SHA-256 n,,")),
            (Prefer, hash(), plain, Ok("SCRAM-SHA-256 y,,")),
            (Prefer, None, both, Ok("SCRAM-SHA-256 n,,")),
            (Disable, hash(), plain, Ok("SCRAM-SHA-256 n,,")),
            (Require, hash(), plain, Err(())),
            (Require, None, both, Err(())),
        ];
        for (binding, end_point, offered, expected) in cases {
            let mut out = BytesMut::new();
            let auth = Authenticator::new("joe", Some("secret".to_owned()));
            let mut auth = auth.with_channel(binding, end_point);
            let answer = auth.answer(Authentication::Sasl(offered), &mut out);
            let text = String::from_utf8_lossy(&out).into_owned();
            match expected {
                Err(()) => {
                    assert!(matches!(answer, Err(WireError::Unbound { .. })), "{answer:?}");
                    assert!(out.is_empty());
                }
                Ok(expected) => {
                    let (mechanism, flag) = expected.split_once(' ').unwrap();
                    assert!(text[5..].starts_with(&format!("{mechanism}\0")), "{text:?}");
                    assert!(text.contains(&format!("{flag}n=")), "{text:?} {expected}");
                }
            }
        }
    }

    #[test]
    fn nothing_but_a_bound_proof_is_taken_where_it_is_required() {
        for question in [
            Authentication::CleartextPassword,
            Authentication::Md5Password([1, 2, 3, 4]),
            Authentication::Ok,
        ] {
            let mut out = BytesMut::new();
            let auth = Authenticator::new("joe", Some("secret".to_owned()));
            let mut auth = auth.with_channel(ChannelBinding::Require, Some(vec![7; 32]));
            let error = auth.answer(question, &mut out).unwrap_err();
            assert!(matches!(error, WireError::Unbound { .. }), "{error}");
            assert!(out.is_empty() && !auth.is_done());
        }
    }
}
