//! TLS to PostgreSQL, as libpq means `sslmode`.
//!
//! ```text
//! options -> TlsOptions --files, at each connect--> ClientConfig --handshake--> Wire
//!                                                        |
//!                            verifier: nothing | chain | chain and name
//! ```
//! `options` and `certificate` are pure; `client_config` reads files; `session` is what the two
//! halves of a replication connection share.

mod certificate;
mod client_config;
mod failure;
mod host_name;
mod options;
mod session;
mod verifier;

pub(crate) use certificate::end_point;
pub(crate) use client_config::client_config;
pub(crate) use failure::{handshake_failed, hung_up, no_channel, no_tls, unbound, uncertified};
pub(crate) use options::{Given, SslMode, TlsOptions, Verification, gather, is_about_tls, judge};
pub(crate) use session::{TlsReader, TlsSession};
