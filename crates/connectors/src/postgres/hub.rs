//! One reader per slot: it reads the stream once, however many tables and jobs hang on it.
//!
//! ```text
//! slot -> socket -> reader --mail--> table of job 1      acknowledged: the least of what
//!                      |------mail--> table of job 2      the jobs have made durable
//! ```
//! Each subscriber begins at a place of its own; what it has already it drops. A job that stops
//! keeps its claim on the slot for as long as others hold the hub: it may come back.

mod acks;
mod mail;
mod newcomers;
mod reader;
mod retention;
mod spill;
mod subscriber;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::Lsn;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::acks::{Acks, HubAcker};
pub(crate) use self::mail::{Letter, Mail};
pub(crate) use self::newcomers::Newcomers;
pub(crate) use self::subscriber::Subscription;
use super::client::ServerAddress;
use super::connection::WireConnection;

/// The hubs of a process, and by which of their slots values come as text.
#[derive(Debug, Default)]
pub(crate) struct Hubs(Mutex<BTreeMap<HubKey, Known>>);

type Known = (Weak<Hub>, Arc<AtomicBool>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct HubKey {
    host: String,
    port: u16,
    database: String,
    slot: String,
}

impl Hubs {
    /// No hub.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The hub of a slot; it lives as long as somebody holds it.
    pub(crate) fn of(&self, address: &ServerAddress, slot: &str) -> Arc<Hub> {
        let key = HubKey {
            host: address.host.clone(),
            port: address.port,
            database: address.database.clone(),
            slot: slot.to_owned(),
        };
        let mut hubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hub) = hubs.get(&key).and_then(|(hub, _)| hub.upgrade()) {
            return hub;
        }
        hubs.retain(|_, (hub, is_text)| hub.strong_count() > 0 || is_text.load(Ordering::Relaxed));
        let is_text = hubs.get(&key).map(|(_, is_text)| Arc::clone(is_text)).unwrap_or_default();
        let hub = Arc::new(Hub {
            slot: slot.to_owned(),
            setup: tokio::sync::Mutex::new(()),
            acks: Arc::default(),
            reader: Mutex::new(None),
            server_process: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            is_text: Arc::clone(&is_text),
        });
        hubs.insert(key, (Arc::downgrade(&hub), is_text));
        hub
    }
}

/// What hangs on one slot.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) slot: String,
    /// Held while publication and slot are made: one at a time.
    pub(crate) setup: tokio::sync::Mutex<()>,
    acks: Arc<Acks>,
    /// The running reader.
    reader: Mutex<Option<mpsc::UnboundedSender<Request>>>,
    /// The server's process that serves the reader, 0 without one.
    server_process: AtomicU32,
    is_watched: AtomicBool,
    /// Its stream has had values that cannot be read in the binary format.
    is_text: Arc<AtomicBool>,
}

/// How to read from the slot.
#[derive(Clone, Debug)]
pub(crate) struct StreamRequest {
    pub(crate) address: ServerAddress,
    pub(crate) application: String,
    pub(crate) publication: String,
    /// Whether values may come in the binary format.
    pub(crate) binary: bool,
    /// Whether logical messages come too (PostgreSQL 14 and later).
    pub(crate) messages: bool,
    /// Where transactions that are not over yet may be kept; `None` has the server keep them.
    pub(crate) scratch: Option<PathBuf>,
    /// Whether the slot delivers transactions when they are prepared.
    pub(crate) is_two_phase: bool,
    pub(crate) wal_sender_timeout: Duration,
    pub(crate) heartbeat: Duration,
}

/// What a subscriber wants.
#[derive(Debug)]
pub(crate) struct Wish {
    /// Job and table: who comes back under the same name takes its old claim over.
    pub(crate) name: String,
    /// Object ids of the tables and partitions whose changes are wanted.
    pub(crate) relations: Vec<u32>,
    /// Which others may be wanted once the stream tells of them.
    pub(crate) newcomers: Option<Newcomers>,
    /// Where to begin.
    pub(crate) at: Lsn,
    /// Whether a later place, where the reader is by now, does as well.
    pub(crate) may_join_later: bool,
    pub(crate) patience: Patience,
    pub(crate) stream: StreamRequest,
}

/// How many bytes may wait for a subscriber while others have nothing to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(usize);

impl Patience {
    /// For a job that reads on.
    pub(crate) const USUAL: Self = Self(8 << 20);
    /// For a job that repeats what it read before: as far apart as its tables were then they may be
    /// again, in smaller pieces.
    pub(crate) const REPEATING: Self = Self(4 * Self::USUAL.0);
}

/// To the reader.
enum Request {
    Attach(Box<Attach>),
    Detach(u64),
    /// A subscriber does not want a table that it has not named.
    Refuse(u64, u32),
}

struct Attach {
    wish: Wish,
    mail: mpsc::Sender<Result<Mail, ConnectorError>>,
    /// Where the subscriber begins, and its number.
    answer: oneshot::Sender<(Lsn, u64)>,
}

impl Hub {
    /// The server's process that reads for us.
    pub(crate) fn server_process(&self) -> u32 {
        self.server_process.load(Ordering::Relaxed)
    }

    /// Whether values must come as text, whatever the catalog says now.
    pub(crate) fn is_text(&self) -> bool {
        self.is_text.load(Ordering::Relaxed)
    }

    /// Takes part in the stream. `connection` is used if nobody reads yet.
    pub(crate) async fn attach(
        self: &Arc<Self>,
        wish: Wish,
        connection: WireConnection,
    ) -> Result<Subscription, ConnectorError> {
        /// How much mail may wait for a subscriber.
        const QUEUE: usize = 4;
        let (mail, inbox) = mpsc::channel(QUEUE);
        let (answer, answered) = oneshot::channel();
        let (name, is_binary) = (wish.name.clone(), wish.stream.binary);
        self.acks.claim(&name, wish.at);
        let attach = Request::Attach(Box::new(Attach { wish, mail, answer }));
        let requests = self.request(attach, connection)?;
        let Ok((start, number)) = answered.await else {
            let mut inbox = inbox;
            let gone = || ConnectorError::new(ErrorKind::Connect, "the slot's reader has stopped");
            return Err(match inbox.recv().await {
                Some(Err(error)) => error,
                Some(Ok(_)) | None => gone(),
            });
        };
        self.acks.claim(&name, start);
        Ok(Subscription { start, is_binary, number, requests, inbox, hub: Arc::clone(self) })
    }

    /// Who acknowledges what subscriber `name` has made durable.
    pub(crate) fn acks(&self) -> &Arc<Acks> {
        &self.acks
    }

    fn request(
        self: &Arc<Self>,
        request: Request,
        connection: WireConnection,
    ) -> Result<mpsc::UnboundedSender<Request>, ConnectorError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let request = match reader.as_ref() {
            Some(requests) => match requests.send(request) {
                Ok(()) => return Ok(requests.clone()),
                Err(mpsc::error::SendError(request)) => request,
            },
            None => request,
        };
        if let (Request::Attach(attach), false) =
            (&request, self.is_watched.swap(true, Ordering::Relaxed))
        {
            let address = attach.wish.stream.address.clone();
            tokio::spawn(retention::watch(Arc::downgrade(self), address));
        }
        let (requests, received) = mpsc::unbounded_channel();
        let sent = requests.send(request);
        sent.map_err(|_| ConnectorError::new(ErrorKind::Internal, "nobody reads from the slot"))?;
        tokio::spawn(reader::run(Arc::downgrade(self), received, connection));
        *reader = Some(requests.clone());
        Ok(requests)
    }
}
