//! Which message goes to whom. No I/O but the spilling of transactions that are not over.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::pgoutput::{self, Block, Commit, CommitPrepared, PgOutput};
use tailwater_pg_wire::{Lsn, WireError};

use super::super::acks::Acks;
use super::super::mail::Paper;
use super::super::spill::Spill;
use super::super::{Attach, StreamRequest, Wish};
use super::outbox::Outbox;
use super::prepared::Prepared;
use crate::postgres::rows::wire_error;

/// From so many messages on a transaction is worth a nap within.
const LONG_TRANSACTION: u64 = 64;

/// Routes the messages of one connection.
#[derive(Default)]
pub(super) struct Dispatcher {
    subscribers: Vec<Subscriber>,
    next_number: u64,
    /// For each table the places of those who want it.
    routes: HashMap<u32, Vec<usize>>,
    /// The last description of each table: who comes later needs it.
    described: BTreeMap<u32, Vec<u8>>,
    request: Option<StreamRequest>,
    /// Everything that ended before is dispatched.
    settled: Lsn,
    /// The transaction that is being dispatched.
    open: Option<Open>,
    block: Option<u32>,
    spills: HashMap<u32, Spill>,
    prepared: Prepared,
    paper: Arc<Paper>,
}

/// A transaction that is being dispatched.
struct Open {
    at: Lsn,
    begin: Vec<u8>,
    /// Where it was made, if not here.
    origin: Option<Vec<u8>>,
    messages: u64,
}

struct Subscriber {
    number: u64,
    wish: Wish,
    wanted: HashSet<u32>,
    outbox: Outbox,
    /// Has been sent the begin of the transaction.
    is_within: bool,
    /// Nothing is left for it before this place; and what it was told.
    progress: Lsn,
    told: Lsn,
}

/// A transaction that was streamed and is committed.
pub(super) struct Streamed {
    xid: u32,
    commit: Commit,
}

impl Dispatcher {
    pub(super) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// How a connection must be for everybody, and where it must begin.
    pub(super) fn request(&self) -> Option<(StreamRequest, Lsn)> {
        let mut request = self.subscribers.first()?.wish.stream.clone();
        request.binary = self.subscribers.iter().all(|s| s.wish.stream.binary);
        request.messages = self.wants_messages();
        request.is_two_phase = self.subscribers.iter().any(|s| s.wish.stream.is_two_phase);
        let start = self.subscribers.iter().map(|s| s.progress).min()?;
        Some((request, start))
    }

    /// A new connection begins.
    pub(super) fn connected(
        &mut self,
        request: StreamRequest,
        start: Lsn,
        acks: Option<Arc<Acks>>,
    ) {
        self.prepared = Prepared::begin(acks);
        (self.request, self.settled) = (Some(request), start);
        (self.open, self.block) = (None, None);
        self.described.clear();
        self.spills.clear();
    }

    /// Where somebody may join the running connection.
    pub(super) fn place_for(&self, wish: &Wish) -> Option<Lsn> {
        let request = self.request.as_ref()?;
        let fits = request.publication == wish.stream.publication
            && (wish.stream.binary || !request.binary)
            && (request.messages || !wish.stream.messages)
            // Of a transaction that is being streamed or is prepared only what was wanted is kept.
            && (self.spills.is_empty() && self.prepared.is_empty() || self.routes_all_of(wish));
        match fits {
            true if wish.at >= self.settled => Some(wish.at),
            true if wish.may_join_later => Some(self.settled),
            _ => None,
        }
    }

    fn routes_all_of(&self, wish: &Wish) -> bool {
        let mut relations = wish.relations.iter();
        wish.newcomers.is_none() && relations.all(|relation| self.routes.contains_key(relation))
    }

    /// Takes somebody on, who begins at `start`.
    pub(super) fn add(&mut self, attach: Attach, start: Lsn) {
        let Attach { wish, mail: sender, answer } = attach;
        self.next_number += 1;
        let number = self.next_number;
        if answer.send((start, number)).is_err() {
            return;
        }
        let mut outbox = Outbox::new(sender, wish.patience, &self.paper);
        let mut wanted: HashSet<u32> = wish.relations.iter().copied().collect();
        for (relation, description) in &self.described {
            outbox.mail.push(start, description);
            if may_take(&wish, description) {
                wanted.insert(*relation);
            }
        }
        self.subscribers.push(Subscriber {
            number,
            wish,
            wanted,
            outbox,
            is_within: false,
            progress: start,
            told: start,
        });
        self.route();
    }

    /// Somebody has gone.
    pub(super) fn remove(&mut self, number: u64) {
        self.subscribers.retain(|s| s.number != number);
        self.route();
    }

    /// Somebody does not want a table that was offered.
    pub(super) fn refuse(&mut self, number: u64, relation: u32) {
        let mut subscribers = self.subscribers.iter_mut();
        let found =
            subscribers.find(|s| s.number == number && !s.wish.relations.contains(&relation));
        if found.is_some_and(|subscriber| subscriber.wanted.remove(&relation)) {
            self.route();
        }
    }

    /// Routes a table that is new in the stream to those who may want it.
    fn offer(&mut self, relation: u32, description: &[u8]) {
        let mut is_taken = false;
        for subscriber in &mut self.subscribers {
            if !subscriber.wanted.contains(&relation) && may_take(&subscriber.wish, description) {
                is_taken |= subscriber.wanted.insert(relation);
            }
        }
        if is_taken {
            self.route();
        }
    }

    fn route(&mut self) {
        self.routes.clear();
        for (place, subscriber) in self.subscribers.iter().enumerate() {
            for relation in &subscriber.wanted {
                self.routes.entry(*relation).or_default().push(place);
            }
        }
    }

    fn wants_messages(&self) -> bool {
        self.subscribers.iter().any(|s| s.wish.stream.messages)
    }

    /// Whether no transaction is being dispatched.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.open.is_none() && self.prepared.open().is_none()
    }

    pub(super) fn is_in_long_transaction(&self) -> bool {
        let is_long = |open: &Open| open.messages > LONG_TRANSACTION;
        self.open.as_ref().is_some_and(is_long) || self.block.is_some()
    }

    /// Whether somebody's mail should leave.
    pub(super) fn is_full(&self) -> bool {
        self.subscribers.iter().any(|s| s.outbox.is_full())
    }

    pub(super) fn has_mail(&self) -> bool {
        self.subscribers.iter().any(|s| s.outbox.has_mail())
    }

    /// Whether somebody has not heard how far the stream is.
    pub(super) fn has_progress(&self) -> bool {
        self.open.is_none() && self.subscribers.iter().any(|s| s.progress > s.told)
    }

    /// Sends what has gathered, and (`with_progress`) how far the stream is to those for whom there
    /// was nothing. Waits for those whose box is full unless others have nothing to read meanwhile.
    pub(super) async fn flush(&mut self, with_progress: bool) {
        let is_at_boundary = self.is_at_boundary();
        loop {
            for subscriber in &mut self.subscribers {
                subscriber.send(is_at_boundary, with_progress);
            }
            if self.subscribers.iter().any(|s| s.outbox.is_closed()) {
                self.subscribers.retain(|s| !s.outbox.is_closed());
                self.route();
            }
            let others_starve = self.subscribers.iter().any(|s| s.outbox.is_read());
            let mut outboxes = self.subscribers.iter().map(|s| &s.outbox);
            match outboxes.find(|outbox| !outbox.may_gather(others_starve)) {
                Some(outbox) => outbox.room().await,
                None => return,
            }
        }
    }

    /// Everybody hears of an error behind what has come so far.
    pub(super) async fn fail(&mut self, error: &ConnectorError) {
        let outboxes = self.subscribers.drain(..).map(|subscriber| subscriber.outbox);
        join_all(outboxes.map(|outbox| outbox.fail(error.duplicate()))).await;
    }

    /// The server has nothing more up to here.
    pub(super) fn keepalive(&mut self, wal_end: Lsn) {
        if self.is_at_boundary() {
            self.settle(wal_end);
        }
    }

    fn settle(&mut self, lsn: Lsn) {
        self.settled = self.settled.max(lsn);
        self.prepared.read(self.settled);
        for subscriber in &mut self.subscribers {
            subscriber.progress = subscriber.progress.max(lsn);
        }
    }

    /// Takes a message whose WAL begins at `at`; gives a streamed transaction that is over by it.
    pub(super) fn take(
        &mut self,
        at: Lsn,
        data: &[u8],
    ) -> Result<Option<Streamed>, ConnectorError> {
        let block = if self.block.is_some() { Block::Stream } else { Block::None };
        let head = pgoutput::head(data, block).map_err(wire_error)?;
        if let (Some(xid), Some(top)) = (head.xid, self.block) {
            if let (b'R', Some(relation)) = (head.tag, head.relation) {
                // Without its transaction, as it will be sent.
                self.offer(relation, &[&data[..1], &data[5..]].concat());
            }
            let is_wanted = match head.tag {
                b'I' | b'U' | b'D' => head.relation.is_some_and(|r| self.routes.contains_key(&r)),
                b'R' | b'T' => true,
                b'M' => self.wants_messages(),
                _ => false,
            };
            return match is_wanted {
                true => self.spill(top, (xid, at), data).map(|()| None),
                false => Ok(None),
            };
        }
        if let Some(xid) = self.prepared.open() {
            match (head.tag, head.relation) {
                (b'I' | b'U' | b'D', Some(r)) if !self.routes.contains_key(&r) => return Ok(None),
                // Others rely on it too.
                (b'R', Some(relation)) => self.describe(relation, at, data),
                (b'M', _) if !self.wants_messages() => return Ok(None),
                (b'I' | b'U' | b'D' | b'M' | b'O' | b'T', _) => {}
                _ => return self.boundary(at, data),
            }
            return self.keep_prepared(xid, at, data).map(|()| None);
        }
        match (head.tag, head.relation) {
            (b'I' | b'U' | b'D', Some(relation)) => self.send(relation, at, data),
            (b'R', Some(relation)) => self.describe(relation, at, data),
            (b'B', _) => {
                self.open = Some(Open { at, begin: data.to_vec(), origin: None, messages: 0 });
            }
            (b'O', _) => {
                if let Some(open) = &mut self.open {
                    open.origin = Some(data.to_vec());
                }
            }
            (b'M', _) => self.message(at, data)?,
            (b'T', _) => self.truncate(at, data)?,
            (b'Y', _) => {}
            _ => return self.boundary(at, data),
        }
        Ok(None)
    }

    fn boundary(&mut self, at: Lsn, data: &[u8]) -> Result<Option<Streamed>, ConnectorError> {
        match pgoutput::parse(data).map_err(wire_error)? {
            PgOutput::Commit(commit) => self.commit(at, data, commit),
            PgOutput::StreamStart(start) => self.block = Some(start.xid),
            PgOutput::StreamStop => self.block = None,
            PgOutput::StreamAbort(abort) if abort.xid == abort.subxid => {
                self.spills.remove(&abort.xid);
            }
            PgOutput::StreamAbort(abort) => {
                if let Some(spill) = self.spills.get_mut(&abort.xid) {
                    spill.abort(abort.subxid);
                }
            }
            PgOutput::StreamCommit(over) => {
                return Ok(Some(Streamed { xid: over.xid, commit: over.commit }));
            }
            PgOutput::BeginPrepare(begin) => self.prepared.deliver(begin.xid, begin.prepare_lsn),
            PgOutput::Prepare(_) => self.prepared.delivered(),
            PgOutput::StreamPrepare(over) => {
                let changes = self.spills.remove(&over.xid).unwrap_or_default();
                self.prepared.keep(over.xid, over.prepare_lsn, changes);
            }
            PgOutput::CommitPrepared(CommitPrepared { commit, xid, .. }) => {
                // What has done nothing is only told here.
                if let Some(changes) = self.prepared.finish(xid, Some(commit.end_lsn)) {
                    self.spills.insert(xid, changes);
                }
                return Ok(Some(Streamed { xid, commit }));
            }
            PgOutput::RollbackPrepared(over) => {
                self.prepared.finish(over.xid, None);
                self.settle(over.end_lsn);
            }
            _ => return Err(wire_error(WireError::Invalid { what: "a message" })),
        }
        Ok(None)
    }

    fn keep_prepared(&mut self, xid: u32, at: Lsn, data: &[u8]) -> Result<(), ConnectorError> {
        let directory = self.request.as_ref().and_then(|r| r.scratch.as_deref());
        let Some(changes) = self.prepared.changes(xid) else {
            return Ok(());
        };
        let kept = changes.push(directory, (xid, at), &data[..1], &data[1..]);
        kept.map_err(|error| spill_error(directory, error))
    }

    fn send(&mut self, relation: u32, at: Lsn, data: &[u8]) {
        let (Some(places), Some(open)) = (self.routes.get(&relation), self.open.as_mut()) else {
            return;
        };
        open.messages += 1;
        for place in places {
            self.subscribers[*place].take(open, at, data);
        }
    }

    /// A logical message goes to those who want them, within its transaction if it has one.
    fn message(&mut self, at: Lsn, data: &[u8]) -> Result<(), ConnectorError> {
        let PgOutput::Message { is_transactional, .. } =
            pgoutput::parse(data).map_err(wire_error)?
        else {
            return Err(wire_error(WireError::Invalid { what: "a logical message" }));
        };
        for subscriber in self.subscribers.iter_mut().filter(|s| s.wish.stream.messages) {
            match &self.open {
                Some(open) if is_transactional => subscriber.take(open, at, data),
                _ => subscriber.outbox.mail.push(at, data),
            }
        }
        Ok(())
    }

    fn describe(&mut self, relation: u32, at: Lsn, data: &[u8]) {
        self.offer(relation, data);
        for subscriber in &mut self.subscribers {
            subscriber.outbox.mail.push(at, data);
        }
        self.described.insert(relation, data.to_vec());
    }

    fn truncate(&mut self, at: Lsn, data: &[u8]) -> Result<(), ConnectorError> {
        let PgOutput::Truncate(truncate) = pgoutput::parse(data).map_err(wire_error)? else {
            return Err(wire_error(WireError::Invalid { what: "a truncate" }));
        };
        if let Some(open) = &self.open {
            for subscriber in &mut self.subscribers {
                if truncate.relations().any(|relation| subscriber.wanted.contains(&relation)) {
                    subscriber.take(open, at, data);
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self, at: Lsn, data: &[u8], commit: Commit) {
        for subscriber in &mut self.subscribers {
            if std::mem::take(&mut subscriber.is_within) {
                subscriber.outbox.mail.push(at, data);
                subscriber.told = subscriber.told.max(commit.end_lsn);
            }
        }
        self.open = None;
        self.settle(commit.end_lsn);
    }

    fn spill(
        &mut self,
        top: u32,
        (xid, at): (u32, Lsn),
        data: &[u8],
    ) -> Result<(), ConnectorError> {
        let directory = self.request.as_ref().and_then(|r| r.scratch.as_deref());
        let (tag, rest) = (&data[..1], &data[5..]);
        let spilled = self.spills.entry(top).or_default().push(directory, (xid, at), tag, rest);
        spilled.map_err(|error| spill_error(directory, error))
    }

    /// Sends a transaction that was streamed, as if it had come at its commit.
    pub(super) async fn replay(&mut self, over: Streamed) -> Result<(), ConnectorError> {
        let Streamed { xid, commit } = over;
        let mut begin = vec![b'B'];
        begin.extend_from_slice(&commit.commit_lsn.0.to_be_bytes());
        let micros = commit.commit_micros - tailwater_pg_wire::replication::POSTGRES_EPOCH_MICROS;
        begin.extend_from_slice(&micros.to_be_bytes());
        begin.extend_from_slice(&xid.to_be_bytes());
        let mut end = vec![b'C', 0];
        end.extend_from_slice(&commit.commit_lsn.0.to_be_bytes());
        end.extend_from_slice(&commit.end_lsn.0.to_be_bytes());
        end.extend_from_slice(&micros.to_be_bytes());
        self.take(commit.commit_lsn, &begin)?;
        if let Some(spill) = self.spills.remove(&xid) {
            let failed = |error| spill_error(None, error);
            let mut changes = spill.replay().map_err(failed)?;
            while let Some((at, message)) = changes.next().map_err(failed)? {
                self.take(at, message)?;
                if self.is_full() {
                    self.flush(false).await;
                }
            }
        }
        self.take(commit.end_lsn, &end)?;
        Ok(())
    }
}

impl Subscriber {
    fn send(&mut self, is_at_boundary: bool, with_progress: bool) {
        // A progress alone never takes the room of mail: who has not read the last hears of the next.
        let is_wanted = match self.outbox.has_mail() {
            true => self.outbox.has_room(),
            false => with_progress && self.outbox.is_read(),
        };
        if is_wanted && is_at_boundary && self.progress > self.told {
            self.outbox.mail.push_progress(self.progress);
            self.told = self.progress;
        }
        self.outbox.send();
    }

    fn take(&mut self, open: &Open, at: Lsn, data: &[u8]) {
        if !std::mem::replace(&mut self.is_within, true) {
            self.outbox.mail.push(open.at, &open.begin);
            if let Some(origin) = &open.origin {
                self.outbox.mail.push(open.at, origin);
            }
        }
        self.outbox.mail.push(at, data);
    }
}

/// Whether a table that a subscriber has not named may be wanted all the same.
fn may_take(wish: &Wish, description: &[u8]) -> bool {
    wish.newcomers.as_ref().is_some_and(|newcomers| match pgoutput::parse(description) {
        Ok(PgOutput::Relation(relation)) => newcomers.may_be(&relation.namespace, &relation.name),
        _ => false,
    })
}

fn spill_error(directory: Option<&Path>, error: std::io::Error) -> ConnectorError {
    let message = "failed to keep a large transaction on disk until its commit";
    let directory = directory.map(|directory| directory.display().to_string());
    ConnectorError::new(ErrorKind::Throttled, message)
        .with_context("directory", directory.unwrap_or_default())
        .with_source(error)
}
