//! Messages of the stream in, batches with their positions out. No I/O.

mod records;
mod rows;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tailwater_connector_api::{ConnectorError, SourceEvent};
use tailwater_pg_wire::pgoutput::{self, Begin, Commit, PgOutput, Relation};
use tailwater_pg_wire::{Lsn, WireError};
use tailwater_types::{ChangeBatch, Position};

pub(crate) use self::rows::{CapturedRelation, Change, Streamed};
use super::options::ChangeForm;
use super::position::SlotPosition;
use super::records::RecordOutput;
use super::rows::wire_error;
use super::snapshot::{self, SegmentId, SnapshotEvent, SnapshotProgress};

const MAX_ROWS: usize = 16 * 1024;
const MAX_BYTES: usize = 224 * 1024;
/// More than this is not held for chunks that are being read: the stream waits.
const MAX_HELD_BYTES: usize = 16 * 1024 * 1024;

/// Puts batches together.
pub(crate) struct Changes {
    /// By object id, a partition under its own.
    relations: Relations,
    form: ChangeForm,
    skips_truncate: bool,
    /// For a source of records.
    records: Option<Box<RecordOutput>>,
    transaction: Option<Transaction>,
    /// Behind everything in `batch` that is whole.
    position: SlotPosition,
    /// Changes of the next transaction that an earlier run has taken.
    skip: u64,
    stops: VecDeque<(SlotPosition, Position)>,
    batch: ChangeBatch,
    /// The last place said by an event.
    told: Lsn,
    ready: VecDeque<SourceEvent>,
    /// Until the stream is past the snapshot of every table.
    snapshot: Option<Arc<Mutex<SnapshotProgress>>>,
    next_horizon: Option<Lsn>,
    /// Chunks of which a part is handed over: there is no place to go on from.
    partial: BTreeSet<SegmentId>,
    /// Transactions that were told, as long as somebody asks for them.
    told_xids: Option<Vec<u32>>,
    scratch: ChangeBatch,
}

/// The tables of the stream; rows come in runs of one table.
#[derive(Default)]
struct Relations {
    all: Vec<Option<CapturedRelation>>,
    places: HashMap<u32, usize>,
    last: Option<(u32, usize)>,
}

impl Relations {
    fn insert(&mut self, oid: u32, relation: CapturedRelation) {
        match self.places.get(&oid) {
            Some(place) => self.all[*place] = Some(relation),
            None => {
                self.places.insert(oid, self.all.len());
                self.all.push(Some(relation));
            }
        }
    }

    fn remove(&mut self, oid: u32) {
        if let Some(place) = self.places.get(&oid) {
            self.all[*place] = None;
        }
    }

    /// Takes one out, for as long as it is worked with.
    fn take(&mut self, oid: u32) -> Option<(usize, CapturedRelation)> {
        let place = match self.last {
            Some((last, place)) if last == oid => place,
            _ => *self.places.get(&oid)?,
        };
        self.last = Some((oid, place));
        Some((place, self.all[place].take()?))
    }

    fn put_back(&mut self, place: usize, relation: CapturedRelation) {
        self.all[place] = Some(relation);
    }
}

struct Transaction {
    begin: Begin,
    /// It lies in front of where we begin.
    is_dropped: bool,
    /// Changes so far, those skipped included.
    changes: u64,
}

/// What is to be done about a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Done,
    /// A table is described: [`Changes::describe`] wants to know what to make of it.
    Described(Relation),
}

impl Changes {
    /// Starts behind `position`.
    pub(crate) fn new(
        form: ChangeForm,
        skips_truncate: bool,
        position: SlotPosition,
        snapshot: Option<Arc<Mutex<SnapshotProgress>>>,
        stops: &[Position],
    ) -> Result<Self, ConnectorError> {
        let read = |p: &Position| Ok((SlotPosition::read(p)?, p.clone()));
        let mut stops: VecDeque<_> =
            stops.iter().map(read).collect::<Result<_, ConnectorError>>()?;
        // Where an earlier run went on from may be the first of them: it has been reached.
        stops.retain(|(stop, _)| !stop.is_at(&position));
        let mut changes = Self {
            relations: Relations::default(),
            form,
            skips_truncate,
            records: None,
            transaction: None,
            skip: position.ordinal,
            stops,
            batch: ChangeBatch::default(),
            told: position.lsn,
            position,
            ready: VecDeque::new(),
            snapshot,
            next_horizon: None,
            partial: BTreeSet::new(),
            told_xids: None,
            scratch: ChangeBatch::default(),
        };
        changes.note_snapshot();
        Ok(changes)
    }

    /// The same with records instead of rows.
    pub(crate) fn with_records(mut self, records: Option<RecordOutput>) -> Self {
        self.records = records.map(Box::new);
        self
    }

    /// An event that is complete.
    pub(crate) fn pop(&mut self) -> Option<SourceEvent> {
        self.ready.pop_front()
    }

    /// Whether [`Changes::pop`] gives one.
    pub(crate) fn has_event(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether a restart still follows what an earlier run did: nothing new may come in between.
    pub(crate) fn has_stops(&self) -> bool {
        !self.stops.is_empty()
    }

    /// Whether there is something to hand over at a transaction's end.
    pub(crate) fn has_whole_transactions(&self) -> bool {
        self.transaction.is_none() && !self.batch.is_empty()
    }

    /// Whether the stream has to wait for chunks that are being read.
    pub(crate) fn holds_too_much(&self) -> bool {
        self.progress().is_some_and(|progress| progress.held_bytes() > MAX_HELD_BYTES)
    }

    /// Ends the batch here.
    pub(crate) fn cut(&mut self) {
        let place = self.place();
        self.emit(place);
    }

    /// The place behind what was taken so far; there is none inside a chunk, nor between a
    /// signal and the end of its transaction.
    fn place(&self) -> Option<Position> {
        if !self.partial.is_empty() || self.is_signalled() {
            return None;
        }
        let mut position = self.position.clone();
        if let Some(transaction) = &self.transaction {
            position.ordinal = transaction.changes.max(self.skip);
        }
        Some(position.to_position())
    }

    fn emit(&mut self, place: Option<Position>) {
        self.told = self.position.lsn;
        let rows = std::mem::take(&mut self.batch);
        if rows.byte_size() > MAX_BYTES / 2 {
            self.batch.reserve(&rows);
        }
        match place {
            _ if !rows.is_empty() => {
                self.ready.push_back(SourceEvent::Batch { rows, position: place });
            }
            Some(place) => self.ready.push_back(SourceEvent::Progress(place)),
            None => {}
        }
    }

    /// The server has nothing more up to `wal_end`. Gives whether that is news.
    pub(crate) fn keepalive(&mut self, wal_end: Lsn) -> bool {
        if self.transaction.is_some() || wal_end < self.position.lsn {
            return false;
        }
        self.pass_stops(wal_end);
        self.settle(wal_end);
        self.batch.is_empty() && self.position.lsn > self.told
    }

    /// Takes a message of the plugin whose WAL begins at `at`.
    pub(crate) fn take(&mut self, at: Lsn, data: &[u8]) -> Result<Taken, ConnectorError> {
        if let Some(records) = &mut self.records {
            records.begin_message(at);
        }
        match pgoutput::parse(data).map_err(wire_error)? {
            PgOutput::Insert { relation, new } => self.change(relation, Change::Insert(new))?,
            PgOutput::Update { relation, old, new } => {
                self.change(relation, Change::Update(old, new))?;
            }
            PgOutput::Delete { relation, old } => self.change(relation, Change::Delete(old))?,
            PgOutput::Begin(begin) => self.begin(begin),
            PgOutput::Commit(commit) => self.commit(commit)?,
            PgOutput::Relation(relation) => return Ok(Taken::Described(relation)),
            PgOutput::Truncate(truncate) => {
                for relation in truncate.relations() {
                    self.change(relation, Change::Truncate)?;
                }
            }
            PgOutput::Message { is_transactional, lsn, prefix, content } => {
                let place = if is_transactional { None } else { Some(lsn) };
                self.message(place, (prefix, content))?;
            }
            PgOutput::Origin { lsn, name } => {
                if let Some(records) = &mut self.records {
                    records.set_origin(name, lsn);
                }
            }
            _ => {}
        }
        Ok(Taken::Done)
    }

    /// How the rows of a relation are read from here on. A table that is new is one that positions
    /// name: it is not read again.
    pub(crate) fn describe(&mut self, oid: u32, relation: CapturedRelation) {
        if let Err(place) = self.position.tables.binary_search(&relation.table) {
            self.position.tables.insert(place, relation.table);
        }
        self.relations.insert(oid, relation);
    }

    /// The rows of a relation are not wanted from here on.
    pub(crate) fn forget(&mut self, oid: u32) {
        self.relations.remove(oid);
    }

    fn begin(&mut self, begin: Begin) {
        self.pass_stops(begin.final_lsn);
        if let Some(records) = &mut self.records {
            records.begin();
        }
        self.transaction = Some(Transaction {
            is_dropped: begin.final_lsn < self.position.lsn,
            begin,
            changes: 0,
        });
    }

    fn commit(&mut self, commit: Commit) -> Result<(), ConnectorError> {
        let Some(transaction) = self.transaction.take() else {
            return Ok(());
        };
        if transaction.begin.final_lsn < self.position.lsn {
            return Ok(());
        }
        self.end_records(&transaction.begin, commit.end_lsn)?;
        // A transaction without changes of ours is not the one that changes were taken of.
        if transaction.changes > 0 {
            self.skip = 0;
            if let Some(told) = &mut self.told_xids {
                told.push(transaction.begin.xid);
            }
        }
        let is_signalled = self.keep_signals();
        self.settle(commit.end_lsn);
        self.pass_stops(commit.end_lsn);
        if self.batch.len() >= MAX_ROWS || self.batch.byte_size() >= MAX_BYTES || is_signalled {
            self.cut();
        }
        Ok(())
    }

    /// Moves behind `lsn`, and past a snapshot's horizon forgets the snapshot.
    fn settle(&mut self, lsn: Lsn) {
        self.position.lsn = lsn;
        self.position.ordinal = self.skip;
        if self.next_horizon.is_some_and(|horizon| horizon <= lsn) {
            if let Some(mut progress) = self.progress() {
                progress.settle(lsn);
            }
            self.note_snapshot();
        }
    }

    fn progress(&self) -> Option<MutexGuard<'_, SnapshotProgress>> {
        let progress = self.snapshot.as_ref()?;
        Some(progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The snapshot has got further: positions say so.
    fn note_snapshot(&mut self) {
        let Some(progress) = self.progress() else {
            return;
        };
        let (is_over, next_horizon) = (progress.is_over(), progress.next_horizon());
        let text = if is_over { String::new() } else { snapshot::encode(&progress) };
        drop(progress);
        (self.position.snapshot, self.next_horizon) = (text, next_horizon);
        if is_over {
            self.snapshot = None;
        }
    }

    /// Ends a batch at each wanted place at or in front of `lsn`.
    fn pass_stops(&mut self, lsn: Lsn) {
        while let Some((stop, _)) = self.stops.front() {
            if stop.ordinal > 0 || stop.lsn > lsn {
                return;
            }
            if let Some((_, position)) = self.stops.pop_front() {
                self.emit(Some(position));
            }
        }
    }

    /// Takes one change: skipped, or its rows appended where they belong.
    fn change(&mut self, relation: u32, change: Change<'_>) -> Result<(), ConnectorError> {
        let Some((place, mut captured)) = self.relations.take(relation) else {
            return Ok(());
        };
        let begun_at = self.batch.len();
        let taken = match self.count() {
            Ok(true) => {
                let appended = self.append(&mut captured, change);
                if appended.is_err() {
                    self.uncount(begun_at);
                }
                appended
            }
            Ok(false) => self.recount(&mut captured, change),
            Err(error) => Err(error),
        };
        self.relations.put_back(place, captured);
        taken?;
        self.pass_inner_stop();
        Ok(())
    }

    /// Counts a change; gives whether it is one to be taken now.
    fn count(&mut self) -> Result<bool, ConnectorError> {
        let Some(transaction) = &mut self.transaction else {
            return Err(wire_error(WireError::Invalid { what: "a change outside a transaction" }));
        };
        if transaction.is_dropped {
            return Ok(false);
        }
        transaction.changes += 1;
        Ok(transaction.changes > self.skip)
    }

    /// A change could not be taken: everything is as it was before it.
    fn uncount(&mut self, begun_at: usize) {
        self.batch.truncate(begun_at);
        if let Some(transaction) = &mut self.transaction {
            transaction.changes -= 1;
        }
    }

    /// Whether rows have gathered that nobody has been handed.
    pub(crate) fn has_rows(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Takes what a reader of the snapshot hands over.
    pub(crate) fn take_chunk(&mut self, event: SnapshotEvent) -> Result<(), ConnectorError> {
        if !self.batch.is_empty() {
            self.cut();
        }
        match event {
            SnapshotEvent::Part { id, rows } => {
                self.partial.insert(id);
                self.ready.push_back(SourceEvent::Batch { rows, position: None });
            }
            SnapshotEvent::Chunk { id, rows, horizon } => {
                let held = self.progress().map(|mut progress| progress.release(id, horizon));
                for rows in rows.into_iter().chain(held).filter(|rows| !rows.is_empty()) {
                    self.ready.push_back(SourceEvent::Batch { rows, position: None });
                }
                self.partial.remove(&id);
                let settled = self.position.lsn;
                if let Some(mut progress) = self.progress() {
                    progress.settle(settled);
                }
                self.note_snapshot();
                let place = self.place();
                self.emit(place);
            }
            SnapshotEvent::Failed(error) => return Err(error),
        }
        Ok(())
    }
}
