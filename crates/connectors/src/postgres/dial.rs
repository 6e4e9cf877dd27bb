//! From an address to a connection, plain or not, and what is tried next when the server says no.
//!
//! ```text
//! disable                       plain
//! allow                         plain, refused by pg_hba.conf -> TLS
//! prefer                        TLS, none or it fails or refused by pg_hba.conf -> plain
//! require verify-ca verify-full TLS
//! ```

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use tailwater_connector_api::{ConnectorError, ErrorKind, Hint, Setting};
use tailwater_pg_wire::auth::ChannelBinding;
use tailwater_pg_wire::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::{ServerAddress, refused, unreachable};
use super::tls::{self, SslMode};
use super::wire::{TlsWire, Wire};

/// SQLSTATE of a refusal by pg_hba.conf, before or after a look at a certificate.
const NOT_ALLOWED: &str = "28000";
/// Records of TLS are up to 16 kB.
const BUFFER_SIZE: usize = 64 * 1024;

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    Plain,
    TlsIfOffered,
    Tls,
}

/// The attempts at one session.
pub(crate) struct Dialler<'a> {
    address: &'a ServerAddress,
    next: Protection,
    /// What is tried if the server does not want the first.
    then: Option<Protection>,
    /// Why the first attempt failed.
    first: Option<ConnectorError>,
    /// Whether the attempt that runs has TLS.
    is_tls: bool,
}

impl<'a> Dialler<'a> {
    pub(crate) fn new(address: &'a ServerAddress) -> Self {
        let (next, then) = match address.tls.mode {
            SslMode::Disable => (Protection::Plain, None),
            SslMode::Allow => (Protection::Plain, Some(Protection::Tls)),
            SslMode::Prefer => (Protection::TlsIfOffered, Some(Protection::Plain)),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Protection::Tls, None),
        };
        Self { address, next, then, first: None, is_tls: false }
    }

    /// A connection to begin a session on.
    pub(crate) async fn wire(&mut self) -> Result<Wire, ConnectorError> {
        loop {
            let address = self.address;
            let opened = Box::pin(open(address, self.next));
            let opened = match tokio::time::timeout(address.connect_timeout, opened).await {
                Ok(opened) => opened,
                Err(elapsed) => return Err(unreachable(address).with_source(elapsed)),
            };
            let error = match opened {
                Ok(wire) => {
                    self.is_tls = wire.is_tls();
                    let policy = address.tls.channel_binding;
                    if policy == ChannelBinding::Require && wire.end_point().is_none() {
                        return Err(tls::no_channel(self.is_tls));
                    }
                    return Ok(wire);
                }
                Err(Failure::Other(error)) => return Err(error),
                // It was asked for because the server wanted nothing else.
                Err(Failure::NoTls) => {
                    return Err(self.first.take().unwrap_or_else(|| tls::no_tls(address)));
                }
                Err(Failure::Handshake(error)) => error,
            };
            let Some(Protection::Plain) = self.then.take() else {
                return Err(error);
            };
            tracing::warn!(%error, "tls failed, going on without as sslmode \"prefer\" allows");
            self.next = Protection::Plain;
            self.first = Some(error);
        }
    }

    /// Takes a refusal of the session: `Ok` if there is another way to try.
    ///
    /// # Errors
    /// The refusal, or the first one if it says more.
    pub(crate) fn refused(&mut self, sqlstate: &str, message: &str) -> Result<(), ConnectorError> {
        let is_not_allowed = sqlstate == NOT_ALLOWED;
        let error = self.explain(sqlstate, message);
        match self.then.take() {
            Some(then) if is_not_allowed && (self.is_tls || then != Protection::Plain) => {
                self.next = then;
                self.first = Some(error);
                Ok(())
            }
            // That there is no way in without TLS is no news then: why there was none with it is.
            _ if is_not_allowed && !self.is_tls => Err(self.first.take().unwrap_or(error)),
            _ => Err(error),
        }
    }

    fn explain(&self, sqlstate: &str, message: &str) -> ConnectorError {
        let error = refused(self.address, sqlstate, message);
        match (sqlstate, self.is_tls) {
            (NOT_ALLOWED, true) => match tls::uncertified(self.address, message) {
                Some(error) => error,
                None => error.with_hint(
                    "allow it in pg_hba.conf by a line \"hostssl\" or \"host\", then SELECT \
                     pg_reload_conf();",
                ),
            },
            (NOT_ALLOWED, false) if self.address.tls.mode == SslMode::Disable => error.with_hint(Hint::each(|say| {
                format!(
                    "set \"{}\" to require if pg_hba.conf has only \"hostssl\" lines for it, else \
                     allow it there, then SELECT pg_reload_conf();",
                    say.name(Setting::Tls("sslmode"))
                )
            })),
            _ => error,
        }
    }
}

enum Failure {
    /// The server answered that it has none.
    NoTls,
    Handshake(ConnectorError),
    Other(ConnectorError),
}

async fn open(address: &ServerAddress, protection: Protection) -> Result<Wire, Failure> {
    let failed = |error: io::Error| Failure::Other(unreachable(address).with_source(error));
    let endpoint = (address.host.as_str(), address.port);
    let mut stream = TcpStream::connect(endpoint).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    // A peer that is gone is noticed also where we only wait for it.
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive).map_err(failed)?;
    if protection == Protection::Plain {
        return Ok(Wire::Plain(stream));
    }
    // Files that are wrong are wrong whatever the server answers.
    let config = tls::client_config(&address.tls).map_err(Failure::Other)?;
    match (ask(&mut stream).await.map_err(failed)?, protection) {
        (b'S', _) => {}
        (b'N', Protection::TlsIfOffered) => return Ok(Wire::Plain(stream)),
        (b'N', _) => return Err(Failure::NoTls),
        // An error, which nobody has vouched for: without TLS it comes again.
        (_, Protection::TlsIfOffered) => {
            let message = "the server answers the request for TLS with an error";
            return Err(Failure::Handshake(ConnectorError::new(ErrorKind::Connect, message)));
        }
        _ => {
            let message = "the server answers the request for TLS with an error";
            return Err(Failure::Other(ConnectorError::new(ErrorKind::Connect, message)));
        }
    }
    // An address instead of a name that cannot be one: it only keeps the name from being told.
    let unnamed = ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
    let name = ServerName::try_from(address.host.clone()).unwrap_or(unnamed);
    let connector = TlsConnector::from(Arc::new(config));
    let stream = BufReader::with_capacity(BUFFER_SIZE, stream);
    let stream = connector.connect(name, stream).await;
    let stream =
        stream.map_err(|error| Failure::Handshake(tls::handshake_failed(address, error)))?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let end_point = certificate.and_then(|der| tls::end_point(der));
    Ok(Wire::Tls(Box::new(TlsWire { stream, end_point })))
}

/// Asks for TLS and takes one byte: whatever came behind it unencrypted stays in the socket, where
/// the handshake fails of it.
async fn ask(stream: &mut TcpStream) -> io::Result<u8> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all_buf(&mut request).await?;
    stream.read_u8().await
}
