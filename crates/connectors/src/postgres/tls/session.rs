//! The TLS state that both halves of a replication connection work on.
//!
//! It is locked for work in memory only, never while a socket is waited for: the writer gets its
//! turn however long the reader stalls. Only the writer sends, so bytes keep their order; what
//! reading makes TLS want to say (a key update) goes out with the next status.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ClientConnection;

/// How much is read from the socket at once.
const READ_SIZE: usize = 256 * 1024;

/// Keys and buffers of one connection.
#[derive(Debug)]
pub(crate) struct TlsSession(Mutex<ClientConnection>);

impl TlsSession {
    pub(crate) fn new(connection: ClientConnection) -> Arc<Self> {
        Arc::new(Self(Mutex::new(connection)))
    }

    fn lock(&self) -> MutexGuard<'_, ClientConnection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what is to be sent for `plain` to arrive.
    pub(crate) fn encrypt(&self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut connection = self.lock();
        connection.writer().write_all(plain)?;
        while connection.wants_write() {
            connection.write_tls(out)?;
        }
        Ok(())
    }
}

/// The reading side: bytes from the socket, and what they mean.
pub(crate) struct TlsReader {
    session: Arc<TlsSession>,
    sealed: Vec<u8>,
    start: usize,
    end: usize,
}

impl TlsReader {
    /// `already_read` comes before what the socket gives.
    pub(crate) fn new(session: Arc<TlsSession>, already_read: &[u8]) -> Self {
        let mut sealed = vec![0; READ_SIZE.max(already_read.len())];
        sealed[..already_read.len()].copy_from_slice(already_read);
        Self { session, sealed, start: 0, end: already_read.len() }
    }

    /// Reads as from the socket itself: 0 is the end, `WouldBlock` that nothing is there.
    pub(crate) fn read(&mut self, socket: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(length) = self.open(into)? {
                return Ok(length);
            }
            let length = socket.read(&mut self.sealed)?;
            if length == 0 {
                return Ok(0);
            }
            (self.start, self.end) = (0, length);
        }
    }

    /// Decrypts what is there; `None` if more is needed for the first byte.
    fn open(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let mut connection = self.session.lock();
        let mut filled = 0;
        while filled < into.len() {
            match connection.reader().read(&mut into[filled..]) {
                // The server has said goodbye.
                Ok(0) => return Ok(Some(filled)),
                Ok(length) => {
                    filled += length;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if self.start == self.end {
                break;
            }
            let mut sealed = &self.sealed[self.start..self.end];
            self.start += connection.read_tls(&mut sealed)?;
            let processed = connection.process_new_packets();
            processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
        Ok((filled > 0).then_some(filled))
    }
}
