//! The running stream: bytes from the socket to [`Changes`], never waiting for more than there is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tailwater_connector_api::{ConnectorError, ErrorKind, SourceEvent};
use tailwater_pg_wire::Lsn;
use tailwater_pg_wire::backend::{BackendMessage, Framing, first_frame};
use tailwater_pg_wire::replication::{self, ReplicationMessage};

use super::capture::Capture;
use super::changes::{Changes, Taken};
use super::client::{ServerAddress, literal, quote};
use super::connection::{ReplicationConnection, closed, command_error, lost};
use super::feedback::{EndOnDrop, Progress, write_status};
use super::rows::wire_error;
use super::slot;
use super::socket::{self, SocketReader};

/// A stream of small transactions is handed over after this long even if more is there.
const GATHER: Duration = Duration::from_millis(20);
/// While the stream is hot, bytes gather this long before they are read: the server hands them out
/// in pieces of 1.5 kB, and reading each by itself costs several times what decoding does. A stream
/// that was quiet is read at once.
const NAP: Duration = Duration::from_millis(1);
/// A read of this size shows that bytes had gathered.
const GOOD_READ: usize = 64 * 1024;
/// From so many rows on a transaction is worth a nap within.
const LONG_TRANSACTION: u64 = 64;
/// How often an idle stream tells how far the server has got.
const PROGRESS: Duration = Duration::from_millis(500);
/// The server's default, taken when it has switched its own off.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// What to ask of the server.
#[derive(Clone, Debug)]
pub(crate) struct StreamRequest {
    pub(crate) slot: String,
    pub(crate) publication: String,
    pub(crate) start: Lsn,
    pub(crate) binary: bool,
    pub(crate) wal_sender_timeout: Duration,
    pub(crate) heartbeat: Duration,
}

/// A running stream.
pub(crate) struct ChangeStream {
    socket: SocketReader,
    capture: Capture,
    pub(crate) changes: Changes,
    progress: Arc<Progress>,
    silence: Duration,
    last_progress: Option<Instant>,
    last_cut: Option<Instant>,
    last_read: usize,
    /// The server has said that there is nothing more, and that is news.
    is_idle_news: bool,
    _end: EndOnDrop,
}

impl ChangeStream {
    /// Connects, starts to replicate and starts the writer.
    pub(crate) async fn start(
        address: &ServerAddress,
        application: &str,
        connection: ReplicationConnection,
        request: &StreamRequest,
        (capture, changes): (Capture, Changes),
        progress: Arc<Progress>,
    ) -> Result<Self, ConnectorError> {
        let connection = replicate(address, application, connection, request).await?;
        let (stream, buffer) = connection.into_parts();
        let (socket, writer) = socket::split(stream, &buffer).map_err(lost)?;
        let timeout = if request.wal_sender_timeout.is_zero() {
            DEFAULT_TIMEOUT
        } else {
            request.wal_sender_timeout
        };
        let interval = (timeout / 3).min(Duration::from_secs(10)).min(request.heartbeat);
        let interval = interval.max(Duration::from_millis(100));
        tokio::spawn(write_status(writer, Arc::clone(&progress), interval));
        // Two answers may be asked for before the silence is long enough.
        let silence = (timeout * 3 / 2).max(interval * 3);
        Ok(Self {
            socket,
            capture,
            changes,
            silence,
            last_progress: None,
            last_cut: None,
            last_read: 0,
            is_idle_news: false,
            _end: EndOnDrop(Arc::clone(&progress)),
            progress,
        })
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        let mut begun: Option<Instant> = None;
        let mut has_napped = false;
        loop {
            if let Some(event) = self.changes.pop() {
                return Ok(event);
            }
            if self.decode()? {
                continue;
            }
            if self.changes.has_whole_transactions() {
                let since = *begun.get_or_insert_with(Instant::now);
                if since.elapsed() <= GATHER && self.read_ready()? {
                    continue;
                }
                if !has_napped && self.last_cut.is_some_and(|cut| cut.elapsed() < NAP) {
                    has_napped = true;
                    self.socket.nap(NAP).await;
                    continue;
                }
                self.changes.cut();
                self.last_cut = Some(Instant::now());
                continue;
            }
            if std::mem::take(&mut self.is_idle_news) && self.may_tell_progress() {
                self.changes.cut();
                continue;
            }
            if self.last_read < GOOD_READ && self.changes.changes_of_open() > LONG_TRANSACTION {
                self.socket.nap(NAP).await;
            }
            self.read().await?;
        }
    }

    fn may_tell_progress(&mut self) -> bool {
        let may = self.last_progress.is_none_or(|last| last.elapsed() >= PROGRESS);
        if may {
            self.last_progress = Some(Instant::now());
        }
        may
    }

    /// Takes the messages in the buffer until an event is complete (true) or none is left.
    fn decode(&mut self) -> Result<bool, ConnectorError> {
        while let Framing::Complete { frame, length } =
            first_frame(self.socket.buffer()).map_err(wire_error)?
        {
            match frame.parse().map_err(wire_error)? {
                BackendMessage::CopyData(body) => {
                    match replication::parse(body).map_err(wire_error)? {
                        ReplicationMessage::XLogData { start, data } => {
                            self.progress.received(start);
                            self.is_idle_news = false;
                            if let Taken::Described(relation) = self.changes.take(data)?
                                && let Some(captured) = self.capture.describe(&relation)
                            {
                                self.changes.describe(relation.oid, captured);
                            }
                        }
                        ReplicationMessage::Keepalive { wal_end, reply_requested } => {
                            self.progress.received(wal_end);
                            self.is_idle_news = self.changes.keepalive(wal_end);
                            if reply_requested {
                                self.progress.answer();
                            }
                        }
                    }
                }
                BackendMessage::Error(error) => {
                    return Err(command_error("read from the replication slot", &error));
                }
                BackendMessage::CopyDone => return Err(closed()),
                _ => {}
            }
            self.socket.consume(length);
            if self.changes.has_event() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads what is there without waiting; false if there is nothing.
    fn read_ready(&mut self) -> Result<bool, ConnectorError> {
        match self.socket.try_read().map_err(lost)? {
            Some(0) => Err(closed()),
            Some(length) => {
                self.last_read = length;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn read(&mut self) -> Result<(), ConnectorError> {
        match tokio::time::timeout(self.silence, self.socket.read()).await {
            Ok(Ok(0)) => Err(closed()),
            Ok(Ok(length)) => {
                self.last_read = length;
                Ok(())
            }
            Ok(Err(error)) => Err(lost(error)),
            Err(elapsed) => {
                let message =
                    format!("the server has been silent for {} s", self.silence.as_secs());
                Err(ConnectorError::new(ErrorKind::Timeout, message).with_source(elapsed))
            }
        }
    }
}

/// How long our own last reader may need to leave the slot.
const HANDOVER: Duration = Duration::from_secs(5);

async fn replicate(
    address: &ServerAddress,
    application: &str,
    mut connection: ReplicationConnection,
    request: &StreamRequest,
) -> Result<ReplicationConnection, ConnectorError> {
    let publications = literal(&quote(&request.publication));
    let binary = if request.binary { ", binary 'true'" } else { "" };
    let sql = format!(
        "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {publications}\
         {binary})",
        quote(&request.slot),
        request.start,
    );
    let end = Instant::now() + HANDOVER;
    loop {
        let error = match connection.start_replication(&sql).await? {
            Ok(()) => return Ok(connection),
            Err(error) => error,
        };
        connection.close().await;
        if error.sqlstate != "55006" {
            return Err(command_error("start to replicate", &error));
        }
        if Instant::now() > end {
            let digits = error.message.rsplit(' ').next().and_then(|pid| pid.parse().ok());
            return Err(match digits {
                Some(pid) => slot::held(&request.slot, pid),
                None => command_error("start to replicate", &error),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        connection = ReplicationConnection::open(address, application).await?;
    }
}
