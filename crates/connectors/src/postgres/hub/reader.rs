//! The task that reads from the slot and sends everybody what is theirs.

mod dispatch;
mod outbox;
mod pings;
mod prepared;

use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use tailwater_connector_api::{ConnectorError, ErrorKind, Hint};
use tailwater_pg_wire::Lsn;
use tailwater_pg_wire::backend::{BackendMessage, Framing, first_frame};
use tailwater_pg_wire::replication::{self, ReplicationMessage};
use tokio::sync::mpsc;

use self::dispatch::Dispatcher;
use self::pings::Pings;
use super::super::client::{literal, quote};
use super::super::connection::{Session, WireConnection, closed, command_error, lost};
use super::super::feedback::{EndOnDrop, Progress, write_status};
use super::super::rows::wire_error;
use super::super::slot;
use super::super::socket::{self, SocketReader};
use super::{Attach, Hub, Request, StreamRequest};

/// While the stream is hot, bytes gather this long before they are read: the server hands them out
/// in pieces of 1.5 kB, and reading each by itself costs several times what decoding does. A stream
/// that was quiet is read at once.
const NAP: Duration = Duration::from_millis(1);
/// A stream of small transactions is handed over after this long even if more is there.
const GATHER: Duration = Duration::from_millis(20);
/// A read of this size shows that bytes had gathered.
const GOOD_READ: usize = 64 * 1024;
/// How often subscribers hear how far an idle stream has got.
const PROGRESS: Duration = Duration::from_millis(500);
/// The server's default, taken when it has switched its own off.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// `undefined_object`: all that the plugin looks up by its name is the publication.
const NO_SUCH_OBJECT: &str = "42704";
/// How long our own last reader may need to leave the slot.
const HANDOVER: Duration = Duration::from_secs(5);

/// Why a connection was given up without an error.
enum Pause {
    /// Somebody wants what this connection does not give.
    Reconnect,
    NobodyLeft,
}

struct Reader {
    hub: Weak<Hub>,
    requests: mpsc::UnboundedReceiver<Request>,
    dispatcher: Dispatcher,
    /// Waiting for the end of a transaction.
    waiting: Vec<Attach>,
}

/// Reads until nobody wants to hear any more.
pub(super) async fn run(
    hub: Weak<Hub>,
    requests: mpsc::UnboundedReceiver<Request>,
    connection: WireConnection,
) {
    let mut connection = Some(connection);
    let (dispatcher, waiting) = (Dispatcher::default(), Vec::new());
    let mut reader = Reader { hub, requests, dispatcher, waiting };
    loop {
        reader.take_requests();
        for attach in std::mem::take(&mut reader.waiting) {
            let start = attach.wish.at;
            reader.dispatcher.add(attach, start);
        }
        if reader.dispatcher.is_empty() {
            if reader.leave() {
                return;
            }
            continue;
        }
        if let Err(error) = Box::pin(reader.stream(connection.take())).await {
            reader.fail(&error).await;
            return;
        }
    }
}

impl Reader {
    /// Ends the task unless somebody has just come.
    fn leave(&mut self) -> bool {
        let Some(hub) = self.hub.upgrade() else {
            return true;
        };
        let mut reader = hub.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.requests.is_empty() {
            return false;
        }
        *reader = None;
        hub.server_process.store(0, std::sync::atomic::Ordering::Relaxed);
        true
    }

    /// Tells everybody what went wrong.
    async fn fail(&mut self, error: &ConnectorError) {
        if let Some(hub) = self.hub.upgrade() {
            *hub.reader.lock().unwrap_or_else(PoisonError::into_inner) = None;
            hub.server_process.store(0, std::sync::atomic::Ordering::Relaxed);
        }
        self.take_requests();
        for attach in std::mem::take(&mut self.waiting) {
            // Who has gone does not mind.
            let _ = attach.mail.send(Err(error.duplicate())).await;
        }
        self.dispatcher.fail(error).await;
    }

    fn take_requests(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            self.take_request(request);
        }
    }

    fn take_request(&mut self, request: Request) {
        match request {
            Request::Attach(attach) => self.waiting.push(*attach),
            Request::Detach(number) => self.dispatcher.remove(number),
            Request::Refuse(number, relation) => self.dispatcher.refuse(number, relation),
        }
    }

    /// Connects and reads.
    async fn stream(
        &mut self,
        connection: Option<WireConnection>,
    ) -> Result<Pause, ConnectorError> {
        let Some(hub) = self.hub.upgrade() else {
            return Ok(Pause::NobodyLeft);
        };
        let Some((request, start)) = self.dispatcher.request() else {
            return Ok(Pause::NobodyLeft);
        };
        let connection = match connection {
            Some(connection) => connection,
            None => {
                WireConnection::open(&request.address, &request.application, Session::Replication)
                    .await?
            }
        };
        // The server sends again what is prepared only behind the place that it begins at.
        let start = if request.is_two_phase { Lsn(0) } else { start };
        let connection = replicate(connection, &hub.slot, &request, start).await?;
        let process = connection.server_process();
        hub.server_process.store(process, std::sync::atomic::Ordering::Relaxed);
        let (wire, buffer) = connection.into_parts();
        let (socket, writer) = socket::split(wire, &buffer).map_err(lost)?;
        let timeout = if request.wal_sender_timeout.is_zero() {
            DEFAULT_TIMEOUT
        } else {
            request.wal_sender_timeout
        };
        let interval = (timeout / 3).min(Duration::from_secs(10)).min(request.heartbeat);
        let interval = interval.max(Duration::from_millis(100));
        let progress = Arc::new(Progress::default());
        let publication_gone = publication_gone(&hub.slot, &request.publication);
        let acks = request.is_two_phase.then(|| Arc::clone(&hub.acks));
        hub.acks.report_to(Arc::clone(&progress), acks.is_some());
        drop(hub);
        let end = EndOnDrop(Arc::clone(&progress));
        tokio::spawn(write_status(writer, Arc::clone(&progress), interval));
        // Two answers may be asked for before the silence is long enough.
        let silence = (timeout * 3 / 2).max(interval * 3);
        self.dispatcher.connected(request, start, acks);
        let mut stream = Stream {
            socket,
            progress,
            pings: Pings::new(timeout),
            silence,
            last_read: 0,
            last_flush: None,
            last_progress: None,
            publication_gone,
            _end: end,
        };
        self.read(&mut stream).await
    }

    async fn read(&mut self, stream: &mut Stream) -> Result<Pause, ConnectorError> {
        let mut begun: Option<Instant> = None;
        let mut has_napped = false;
        loop {
            while stream.dispatch_next(&mut self.dispatcher).await? {
                if self.dispatcher.is_full() {
                    self.dispatcher.flush(false).await;
                }
            }
            // A stream that is always ahead would leave its neighbours on this thread no turn.
            tokio::task::coop::consume_budget().await;
            self.take_requests();
            if self.dispatcher.is_at_boundary()
                && let Some(pause) = self.admit()
            {
                self.dispatcher.flush(true).await;
                return Ok(pause);
            }
            if self.dispatcher.has_mail() {
                let since = *begun.get_or_insert_with(Instant::now);
                if since.elapsed() <= GATHER && stream.read_ready()? {
                    continue;
                }
                if !has_napped && stream.last_flush.is_some_and(|at| at.elapsed() < NAP) {
                    has_napped = true;
                    stream.socket.nap(NAP).await;
                    continue;
                }
                self.dispatcher.flush(false).await;
                stream.last_flush = Some(Instant::now());
                (begun, has_napped) = (None, false);
            }
            if stream.last_read < GOOD_READ && self.dispatcher.is_in_long_transaction() {
                stream.socket.nap(NAP).await;
            }
            self.wait(stream).await?;
        }
    }

    /// Waits for bytes, for a request, or until it is time to tell of progress.
    async fn wait(&mut self, stream: &mut Stream) -> Result<(), ConnectorError> {
        if stream.read_ready()? {
            return Ok(());
        }
        let idle = Duration::from_secs(3600);
        let mut tell_in = if self.dispatcher.has_mail() { outbox::LOOK } else { idle };
        if self.dispatcher.has_progress() {
            let since = stream.last_progress.map_or(PROGRESS, |last| last.elapsed());
            tell_in = tell_in.min(PROGRESS.saturating_sub(since));
            if tell_in.is_zero() {
                self.dispatcher.flush(true).await;
                stream.last_progress = Some(Instant::now());
                return Ok(());
            }
        }
        tokio::select! {
            read = stream.read() => read,
            request = self.requests.recv() => {
                if let Some(request) = request {
                    self.take_request(request);
                }
                Ok(())
            }
            () = tokio::time::sleep(tell_in) => Ok(()),
        }
    }

    /// Lets in who came meanwhile; gives why the connection has to be given up, if it has to.
    fn admit(&mut self) -> Option<Pause> {
        for attach in std::mem::take(&mut self.waiting) {
            match self.dispatcher.place_for(&attach.wish) {
                Some(start) => self.dispatcher.add(attach, start),
                None => self.waiting.push(attach),
            }
        }
        match () {
            () if !self.waiting.is_empty() => Some(Pause::Reconnect),
            () if self.dispatcher.is_empty() => Some(Pause::NobodyLeft),
            () => None,
        }
    }
}

/// One connection.
struct Stream {
    socket: SocketReader,
    progress: Arc<Progress>,
    pings: Pings,
    silence: Duration,
    last_read: usize,
    last_flush: Option<Instant>,
    last_progress: Option<Instant>,
    /// What mends it if the server looks for the publication in vain.
    publication_gone: Hint,
    _end: EndOnDrop,
}

impl Stream {
    /// Dispatches the next whole message in the buffer, if there is one.
    async fn dispatch_next(&mut self, to: &mut Dispatcher) -> Result<bool, ConnectorError> {
        let Framing::Complete { frame, length } =
            first_frame(self.socket.buffer()).map_err(wire_error)?
        else {
            return Ok(false);
        };
        let mut over = None;
        match frame.parse().map_err(wire_error)? {
            BackendMessage::CopyData(body) => {
                match replication::parse(body).map_err(wire_error)? {
                    ReplicationMessage::XLogData { start, data } => {
                        self.progress.received(start);
                        self.pings.forget();
                        over = to.take(start, data)?;
                    }
                    ReplicationMessage::Keepalive { wal_end, reply_requested } => {
                        self.progress.received(wal_end);
                        to.keepalive(wal_end);
                        if reply_requested {
                            self.progress.answer();
                            if self.pings.take(Instant::now()) {
                                return Err(shutting_down());
                            }
                        }
                    }
                }
            }
            BackendMessage::Error(error) => {
                let told = command_error("read from the replication slot", &error);
                return Err(match error.sqlstate.as_str() {
                    // The server looks it up as of the change that it decodes.
                    NO_SUCH_OBJECT => told.with_hint(self.publication_gone.clone()),
                    _ => told,
                });
            }
            BackendMessage::CopyDone => return Err(closed()),
            _ => {}
        }
        self.socket.consume(length);
        if let Some(transaction) = over {
            to.replay(transaction).await?;
        }
        Ok(true)
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

/// It waits for what we have not made durable yet; we let it go and come back.
fn shutting_down() -> ConnectorError {
    ConnectorError::new(ErrorKind::Connect, "the server is shutting down")
}

/// A slot in front of the new publication has changes that the server cannot tell.
fn publication_gone(slot: &str, publication: &str) -> Hint {
    let step = format!(
        "{} and, unless the job makes the publication itself, CREATE PUBLICATION {} FOR TABLE ...;",
        slot::drop_sql(slot),
        quote(publication)
    );
    Hint::each(|say| {
        format!(
            "the publication was dropped, and making it anew does not bring it back for what was \
             written meanwhile: {} (the tables are read again)",
            say.begin_anew_behind(&step)
        )
    })
}

async fn replicate(
    mut connection: WireConnection,
    slot_name: &str,
    request: &StreamRequest,
    start: Lsn,
) -> Result<WireConnection, ConnectorError> {
    let publications = literal(&quote(&request.publication));
    let binary = if request.binary { ", binary 'true'" } else { "" };
    let messages = if request.messages { ", messages 'true'" } else { "" };
    let streaming = match request.scratch {
        Some(_) => "proto_version '2', streaming 'on'",
        None => "proto_version '1'",
    };
    let sql = format!(
        "START_REPLICATION SLOT {} LOGICAL {start} ({streaming}, publication_names {publications}\
         {binary}{messages})",
        quote(slot_name),
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
                Some(pid) => slot::held(slot_name, pid),
                None => command_error("start to replicate", &error),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        connection =
            WireConnection::open(&request.address, &request.application, Session::Replication)
                .await?;
    }
}
