//! The replication socket in two halves that the runtime watches as little as possible.
//!
//! A server that streams hands out pieces of 1.5 kB. A socket that stays registered wakes the
//! runtime for each of them, which costs several times what decoding does. So the reading half is
//! registered only while somebody waits for it, and not while bytes are left to gather. With TLS
//! both halves work on one session (`tls::session`), and the socket is treated the same.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::tls::{TlsReader, TlsSession};
use super::wire::Wire;

/// How much is read at once.
const READ_SIZE: usize = 256 * 1024;

/// Splits a connection; `already_read` comes before what the socket gives.
pub(crate) fn split(wire: Wire, already_read: &[u8]) -> io::Result<(SocketReader, SocketWriter)> {
    let (stream, tls) = match wire {
        Wire::Plain(stream) => (stream, None),
        Wire::Tls(tls) => {
            let (stream, connection) = tls.stream.into_inner();
            let session = TlsSession::new(connection);
            let reader = TlsReader::new(Arc::clone(&session), stream.buffer());
            (stream.into_inner(), Some((reader, session)))
        }
    };
    let (tls_reader, session) = tls.unzip();
    let stream = stream.into_std()?;
    let writer = SocketWriter {
        socket: register(&stream, Interest::WRITABLE)?,
        tls: session,
        sealed: Vec::new(),
    };
    let mut bytes = vec![0; READ_SIZE.max(already_read.len() * 2)];
    bytes[..already_read.len()].copy_from_slice(already_read);
    let end = already_read.len();
    Ok((SocketReader { stream, tls: tls_reader, armed: None, bytes, start: 0, end }, writer))
}

/// Has the runtime watch the socket through a descriptor of its own.
#[expect(
    deprecated,
    reason = "its successor is unsafe; what makes this one unsound, a type that gives another \
              descriptor at every call, a TcpStream is not"
)]
fn register(stream: &TcpStream, interest: Interest) -> io::Result<AsyncFd<TcpStream>> {
    AsyncFd::with_interest(stream.try_clone()?, interest)
}

/// The reading half with its buffer.
pub(crate) struct SocketReader {
    stream: TcpStream,
    tls: Option<TlsReader>,
    armed: Option<AsyncFd<TcpStream>>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl SocketReader {
    /// What has been read and not consumed.
    pub(crate) fn buffer(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Drops bytes from the front of the buffer.
    pub(crate) fn consume(&mut self, length: usize) {
        self.start = (self.start + length).min(self.end);
    }

    /// Reads what is there, `None` if that is nothing; 0 is the end of the stream.
    pub(crate) fn try_read(&mut self) -> io::Result<Option<usize>> {
        self.make_room();
        loop {
            let room = &mut self.bytes[self.end..];
            let read = match &mut self.tls {
                None => self.stream.read(room),
                Some(tls) => tls.read(&mut self.stream, room),
            };
            match read {
                Ok(length) => {
                    self.end += length;
                    return Ok(Some(length));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until there is something and reads it.
    pub(crate) async fn read(&mut self) -> io::Result<usize> {
        loop {
            if let Some(length) = self.try_read()? {
                return Ok(length);
            }
            let armed = match self.armed.take() {
                Some(armed) => armed,
                None => register(&self.stream, Interest::READABLE)?,
            };
            let armed = self.armed.insert(armed);
            armed.readable().await?.clear_ready();
            // What came between the last read and the clearing is read by this one.
            if let Some(length) = self.try_read()? {
                return Ok(length);
            }
        }
    }

    /// Lets bytes gather.
    pub(crate) async fn nap(&mut self, duration: Duration) {
        self.armed = None;
        tokio::time::sleep(duration).await;
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.bytes.len() - self.end < READ_SIZE / 4 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        // A message larger than the buffer.
        if self.bytes.len() - self.end < READ_SIZE / 4 {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
    }
}

/// The writing half.
pub(crate) struct SocketWriter {
    socket: AsyncFd<TcpStream>,
    tls: Option<Arc<TlsSession>>,
    sealed: Vec<u8>,
}

impl SocketWriter {
    /// Writes all bytes.
    pub(crate) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &self.tls else {
            return write_all(&self.socket, bytes).await;
        };
        self.sealed.clear();
        tls.encrypt(bytes, &mut self.sealed)?;
        write_all(&self.socket, &self.sealed).await
    }
}

async fn write_all(socket: &AsyncFd<TcpStream>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut ready = socket.writable().await?;
        match ready.try_io(|socket| socket.get_ref().write(bytes)) {
            Ok(Ok(0)) => return Err(ErrorKind::WriteZero.into()),
            Ok(Ok(length)) => bytes = &bytes[length..],
            Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            Ok(Err(error)) => return Err(error),
            // Not ready after all.
            Err(_) => {}
        }
    }
    Ok(())
}
