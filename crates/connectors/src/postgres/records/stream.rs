//! Changes of the stream as records.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;
use tailwater_connector_api::ConnectorError;
use tailwater_debezium::event::{
    Context, EventError, EventSettings, Mark, Old, Origin, TransactionCounter, append_heartbeat,
    append_message,
};
use tailwater_pg_wire::Lsn;
use tailwater_pg_wire::pgoutput::{Begin, Cell, OldTuple, Tuple};
use tailwater_types::ChangeBatch;

use super::super::changes::Change;
use super::super::clock::unix_nanos;
use super::super::snapshot::ChunkKey;
use super::RecordPlan;
use super::signals::Signal;

type Cells<'a> = SmallVec<[Cell<'a>; 64]>;

/// A table as the stream describes it.
pub(crate) struct StreamedRecords {
    pub(crate) plan: Arc<RecordPlan>,
    /// Places of the columns of the key that cuts the table.
    key_places: Vec<usize>,
}

impl StreamedRecords {
    pub(crate) fn new(plan: Arc<RecordPlan>, key: Option<&ChunkKey>) -> Self {
        let columns = &plan.events.table().columns;
        let place = |name: &str| columns.iter().position(|c| c.name == name);
        let key_columns = key.iter().flat_map(|key| &key.columns);
        let key_places = key_columns.map(|c| place(&c.name).unwrap_or(usize::MAX)).collect();
        Self { plan, key_places }
    }

    /// The key that cuts the table, encoded; what a row does not carry is in `previous`.
    pub(crate) fn key(
        &self,
        key: &ChunkKey,
        tuple: Tuple<'_>,
        previous: Option<Tuple<'_>>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let cells: Cells<'_> = tuple.iter().collect();
        let before: Option<Cells<'_>> = previous.map(|previous| previous.iter().collect());
        let cells = self.key_places.iter().map(|place| {
            let cell = match (cells.get(*place), &before) {
                (Some(Cell::UnchangedToast), Some(before)) => before.get(*place),
                (cell, _) => cell,
            };
            cell.copied().unwrap_or(Cell::Null)
        });
        key.encode(cells, out)
    }
}

/// What all records of a stream depend on.
pub(crate) struct RecordOutput {
    pub(crate) settings: Arc<EventSettings>,
    /// Where the message that is being taken begins, and when it was.
    at: Lsn,
    now_nanos: i64,
    /// Where the last transaction before this one ended.
    last_commit: Option<Lsn>,
    counter: TransactionCounter,
    origin: Option<Origin>,
    /// Whose new rows are signals, as `schema.table`.
    signal_table: Option<String>,
    /// Those of transactions that nobody has acted upon yet.
    pub(crate) signals: VecDeque<Signal>,
}

impl RecordOutput {
    /// Records of a stream that begins behind `last_commit`.
    pub(crate) fn new(
        settings: Arc<EventSettings>,
        last_commit: Option<Lsn>,
        signal_table: Option<String>,
    ) -> Self {
        Self {
            settings,
            signal_table,
            signals: VecDeque::new(),
            at: Lsn(0),
            now_nanos: 0,
            last_commit,
            counter: TransactionCounter::default(),
            origin: None,
        }
    }

    /// A message comes whose WAL begins at `at`.
    pub(crate) fn begin_message(&mut self, at: Lsn) {
        self.at = at;
        self.now_nanos = unix_nanos();
    }

    /// A transaction begins.
    pub(crate) fn begin(&mut self) {
        self.counter = TransactionCounter::default();
        self.origin = None;
    }

    /// It came from elsewhere.
    pub(crate) fn set_origin(&mut self, name: &str, lsn: Lsn) {
        self.origin = Some(Origin { name: name.to_owned(), lsn });
    }

    /// The transaction is over.
    pub(crate) fn end(
        &mut self,
        begin: &Begin,
        end_lsn: Lsn,
        batch: &mut ChangeBatch,
    ) -> Result<(), EventError> {
        self.at = end_lsn;
        if self.settings.has_transactions() {
            self.counter.append_end(&self.settings, &self.context(Some(begin)), batch)?;
        }
        self.last_commit = Some(end_lsn);
        Ok(())
    }

    fn context(&self, begin: Option<&Begin>) -> Context<'_> {
        Context {
            commit_micros: begin.map_or(self.now_nanos / 1000, |begin| begin.commit_micros),
            xid: begin.map(|begin| begin.xid),
            lsn: Some(self.at),
            last_commit: self.last_commit,
            mark: Mark::Stream,
            now_nanos: self.now_nanos,
            origin: self.origin.as_ref(),
        }
    }

    /// Appends the records of a change.
    pub(crate) fn push(
        &mut self,
        table: &StreamedRecords,
        change: Change<'_>,
        begin: &Begin,
        batch: &mut ChangeBatch,
    ) -> Result<(), ConnectorError> {
        let mut counter = std::mem::take(&mut self.counter);
        let counted = self.settings.has_transactions().then_some(&mut counter);
        let events = &table.plan.events;
        if let (Change::Insert(new), Some(signals)) = (&change, &self.signal_table)
            && events.is_named(signals)
        {
            self.signals.extend(Signal::read(&cells(*new)));
        }
        let context = self.context(Some(begin));
        let appended = match change {
            Change::Insert(new) => events.append_insert(&cells(new), &context, counted, batch),
            Change::Delete(old) => {
                with_old(old, |old| events.append_delete(old, &context, counted, batch))
            }
            Change::Update(None, new) => {
                events.append_update(None, &cells(new), &context, counted, batch)
            }
            Change::Update(Some(old), new) => with_old(old, |old| {
                events.append_update(Some(old), &cells(new), &context, counted, batch)
            }),
            Change::Truncate => events.append_truncate(&context, counted, batch),
        };
        self.counter = counter;
        appended.map_err(|error| table.plan.unreadable(error))
    }

    /// A row that an update has moved here from where it was not seen: it is told as new.
    pub(crate) fn push_moved_in(
        &mut self,
        table: &StreamedRecords,
        (old, new): (Option<OldTuple<'_>>, Tuple<'_>),
        begin: &Begin,
        batch: &mut ChangeBatch,
    ) -> Result<(), ConnectorError> {
        let mut row = cells(new);
        let before = match old {
            Some(OldTuple::Full(before)) => cells(before),
            Some(OldTuple::Key(_)) | None => Cells::new(),
        };
        for (cell, before) in row.iter_mut().zip(&before) {
            if *cell == Cell::UnchangedToast {
                *cell = *before;
            }
        }
        let mut counter = std::mem::take(&mut self.counter);
        let counted = self.settings.has_transactions().then_some(&mut counter);
        let context = self.context(Some(begin));
        let appended = table.plan.events.append_insert(&row, &context, counted, batch);
        self.counter = counter;
        appended.map_err(|error| table.plan.unreadable(error))
    }

    /// Appends the record of a logical message.
    pub(crate) fn push_message(
        &mut self,
        message: (&str, &[u8]),
        begin: Option<&Begin>,
        batch: &mut ChangeBatch,
    ) -> Result<(), EventError> {
        let mut counter = std::mem::take(&mut self.counter);
        let is_counted = self.settings.has_transactions() && begin.is_some();
        let counted = is_counted.then_some(&mut counter);
        let appended =
            append_message(&self.settings, message, &self.context(begin), counted, batch);
        self.counter = counter;
        appended
    }

    /// Appends a heartbeat.
    pub(crate) fn push_heartbeat(&self, batch: &mut ChangeBatch) -> Result<(), EventError> {
        append_heartbeat(&self.settings, unix_nanos(), batch)
    }
}

fn cells(tuple: Tuple<'_>) -> Cells<'_> {
    tuple.iter().collect()
}

fn with_old<R>(old: OldTuple<'_>, take: impl FnOnce(Old<'_>) -> R) -> R {
    match old {
        OldTuple::Key(tuple) => take(Old::Key(&cells(tuple))),
        OldTuple::Full(tuple) => take(Old::Full(&cells(tuple))),
    }
}
