//! Messages of the stream in, batches with their positions out. No I/O.

use std::collections::VecDeque;
use std::sync::Arc;

use tailwater_connector_api::{ConnectorError, ErrorKind, SourceEvent};
use tailwater_pg_wire::pgoutput::{self, Begin, Commit, OldTuple, PgOutput, Relation, Tuple};
use tailwater_pg_wire::{Lsn, WireError};
use tailwater_types::{ChangeBatch, Position, RowKind};

use super::options::ChangeForm;
use super::position::SlotPosition;
use super::rows::{RowPlan, StreamedRow, StreamedRows, wire_error};

const MAX_ROWS: usize = 64 * 1024;
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Puts batches together.
pub(crate) struct Changes {
    plan: Arc<RowPlan>,
    table_oid: u32,
    form: ChangeForm,
    rows: Option<StreamedRows>,
    mismatch: Option<ConnectorError>,
    transaction: Option<Transaction>,
    /// Behind everything in `batch` that is whole.
    position: SlotPosition,
    /// Rows of the next transaction that an earlier run has delivered.
    skip: u64,
    stops: VecDeque<(SlotPosition, Position)>,
    batch: ChangeBatch,
    /// The last place said by an event.
    told: Lsn,
    ready: VecDeque<SourceEvent>,
}

struct Transaction {
    begin: Begin,
    /// It lies in front of where we begin, or in the snapshot.
    is_dropped: bool,
    /// Rows so far, those skipped included.
    rows: u64,
}

impl Changes {
    /// Starts behind `position`.
    pub(crate) fn new(
        plan: Arc<RowPlan>,
        table_oid: u32,
        form: ChangeForm,
        position: SlotPosition,
        stops: &[Position],
    ) -> Result<Self, ConnectorError> {
        let read = |p: &Position| Ok((SlotPosition::read(p)?, p.clone()));
        Ok(Self {
            plan,
            table_oid,
            form,
            rows: None,
            mismatch: None,
            transaction: None,
            skip: position.ordinal,
            stops: stops.iter().map(read).collect::<Result<_, ConnectorError>>()?,
            batch: ChangeBatch::default(),
            told: position.lsn,
            position,
            ready: VecDeque::new(),
        })
    }

    /// An event that is complete.
    pub(crate) fn pop(&mut self) -> Option<SourceEvent> {
        self.ready.pop_front()
    }

    /// Whether [`Changes::pop`] gives one.
    pub(crate) fn has_event(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether there is something to hand over at a transaction's end.
    pub(crate) fn has_whole_transactions(&self) -> bool {
        self.transaction.is_none() && !self.batch.is_empty()
    }

    /// How many rows of an unfinished transaction have come.
    pub(crate) fn rows_of_open(&self) -> u64 {
        self.transaction.as_ref().map_or(0, |t| t.rows)
    }

    /// Ends the batch here.
    pub(crate) fn cut(&mut self) {
        let mut position = self.position.clone();
        if let Some(transaction) = &self.transaction {
            position.ordinal = transaction.rows;
        }
        self.emit(position.to_position());
    }

    fn emit(&mut self, position: Position) {
        self.told = self.position.lsn;
        let rows = std::mem::take(&mut self.batch);
        self.ready.push_back(if rows.is_empty() {
            SourceEvent::Progress(position)
        } else {
            SourceEvent::Batch { rows, position: Some(position) }
        });
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

    /// Takes a message of the plugin.
    pub(crate) fn take(&mut self, data: &[u8]) -> Result<(), ConnectorError> {
        match pgoutput::parse(data).map_err(wire_error)? {
            PgOutput::Insert { relation, new } if self.wants(relation) => {
                self.change(|changes, at| changes.insert(new, at))
            }
            PgOutput::Update { relation, old, new } if self.wants(relation) => {
                self.change(|changes, at| changes.update(old, new, at))
            }
            PgOutput::Delete { relation, old } if self.wants(relation) => {
                self.change(|changes, at| changes.delete(old.tuple(), at))
            }
            PgOutput::Begin(begin) => {
                self.begin(begin);
                Ok(())
            }
            PgOutput::Commit(commit) => {
                self.commit(commit);
                Ok(())
            }
            PgOutput::Relation(relation) if self.wants(relation.oid) => {
                self.describe(&relation);
                Ok(())
            }
            PgOutput::Truncate(truncate) => {
                let is_ours = truncate.relations().any(|oid| self.wants(oid));
                let is_dropped = self.transaction.as_ref().is_none_or(|t| t.is_dropped);
                if is_ours && !is_dropped && self.form != ChangeForm::AppendOnly {
                    return Err(self.truncated());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A shape that does not fit matters only once a row of it is wanted.
    fn describe(&mut self, relation: &Relation) {
        (self.rows, self.mismatch) = match StreamedRows::new(Arc::clone(&self.plan), relation) {
            Ok(rows) => (Some(rows), None),
            Err(mismatch) => (None, Some(mismatch)),
        };
    }

    fn wants(&self, relation: u32) -> bool {
        relation == self.table_oid
    }

    fn begin(&mut self, begin: Begin) {
        self.pass_stops(begin.final_lsn);
        let filter = self.position.filter.as_ref();
        let is_in_snapshot =
            filter.is_some_and(|f| begin.final_lsn < f.horizon && f.snapshot.sees(begin.xid));
        self.transaction = Some(Transaction {
            is_dropped: is_in_snapshot || begin.final_lsn < self.position.lsn,
            begin,
            rows: 0,
        });
    }

    fn commit(&mut self, commit: Commit) {
        let Some(transaction) = self.transaction.take() else {
            return;
        };
        if transaction.begin.final_lsn < self.position.lsn {
            return;
        }
        // A transaction without rows of ours is not the one that rows were delivered of.
        if transaction.rows > 0 {
            self.skip = 0;
        }
        self.settle(commit.end_lsn);
        self.pass_stops(commit.end_lsn);
        if self.batch.len() >= MAX_ROWS || self.batch.byte_size() >= MAX_BYTES {
            self.cut();
        }
    }

    /// Moves behind `lsn`, and past the snapshot's horizon forgets the snapshot.
    fn settle(&mut self, lsn: Lsn) {
        self.position.lsn = lsn;
        self.position.ordinal = self.skip;
        let filter = self.position.filter.as_ref();
        if filter.is_some_and(|f| lsn >= f.horizon) {
            self.position.filter = None;
        }
    }

    /// Ends a batch at each wanted place at or in front of `lsn`.
    fn pass_stops(&mut self, lsn: Lsn) {
        while let Some((stop, _)) = self.stops.front() {
            if stop.ordinal > 0 || stop.lsn > lsn {
                return;
            }
            if let Some((_, position)) = self.stops.pop_front() {
                self.emit(position);
            }
        }
    }

    /// Runs one change: skipped, or appended with what follows from it.
    fn change(
        &mut self,
        append: impl FnOnce(&mut Self, i64) -> Result<(), ConnectorError>,
    ) -> Result<(), ConnectorError> {
        let Some(transaction) = &mut self.transaction else {
            return Err(wire_error(WireError::Invalid { what: "a change outside a transaction" }));
        };
        if transaction.is_dropped {
            return Ok(());
        }
        let commit_micros = transaction.begin.commit_micros;
        let begun_at = self.batch.len();
        append(self, commit_micros)?;
        let appended = (self.batch.len() - begun_at) as u64;
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        transaction.rows += appended;
        let (rows, final_lsn) = (transaction.rows, transaction.begin.final_lsn);
        if rows <= self.skip {
            self.batch.truncate(begun_at);
            return Ok(());
        }
        if let Some((stop, _)) = self.stops.front()
            && stop.ordinal == rows
            && final_lsn >= stop.lsn
            && let Some((_, position)) = self.stops.pop_front()
        {
            self.emit(position);
        } else if self.batch.len() >= MAX_ROWS || self.batch.byte_size() >= MAX_BYTES {
            self.cut();
        }
        Ok(())
    }

    fn insert(&mut self, new: Tuple<'_>, at: i64) -> Result<(), ConnectorError> {
        self.push(RowKind::Insert, new, None, at)
    }

    fn delete(&mut self, old: Tuple<'_>, at: i64) -> Result<(), ConnectorError> {
        self.push(RowKind::Delete, old, None, at)
    }

    fn update(
        &mut self,
        old: Option<OldTuple<'_>>,
        new: Tuple<'_>,
        at: i64,
    ) -> Result<(), ConnectorError> {
        if self.form != ChangeForm::Upsert {
            let Some(OldTuple::Full(old)) = old else {
                return Err(self.identity_changed());
            };
            self.push(RowKind::UpdateBefore, old, None, at)?;
            return self.push(RowKind::UpdateAfter, new, Some(old), at);
        }
        let previous = match old {
            Some(OldTuple::Full(old)) => Some(old),
            Some(OldTuple::Key(_)) | None => None,
        };
        if let Some(old) = old.map(OldTuple::tuple)
            && !self.rows()?.same_key(new, old)
        {
            self.push(RowKind::Delete, old, None, at)?;
            return self.push(RowKind::Insert, new, previous, at);
        }
        self.push(RowKind::UpdateAfter, new, previous, at)
    }

    fn push(
        &mut self,
        kind: RowKind,
        tuple: Tuple<'_>,
        previous: Option<Tuple<'_>>,
        commit_micros: i64,
    ) -> Result<(), ConnectorError> {
        let row = StreamedRow { change: kind, tuple, previous };
        let kind = match self.form {
            ChangeForm::AppendOnly => RowKind::Insert,
            ChangeForm::All | ChangeForm::Upsert => kind,
        };
        let mut batch = std::mem::take(&mut self.batch);
        let rows = self.rows();
        let pushed = rows.and_then(|rows| rows.push(kind, row, commit_micros, &mut batch));
        self.batch = batch;
        pushed
    }

    fn rows(&mut self) -> Result<&mut StreamedRows, ConnectorError> {
        let mismatch = self.mismatch.take();
        self.rows.as_mut().ok_or_else(|| {
            mismatch.unwrap_or_else(|| {
                wire_error(WireError::Invalid {
                    what: "a change of a table that was not described",
                })
            })
        })
    }

    fn identity_changed(&self) -> ConnectorError {
        let names = &self.plan.names;
        let message = format!(
            "an update of table {} does not carry the old row: its replica identity is not FULL",
            self.plan.table()
        );
        ConnectorError::new(ErrorKind::Config, message)
            .with_hint(super::rows::identity_full(&names.schema, &names.table))
    }

    fn truncated(&self) -> ConnectorError {
        let message = format!(
            "table {} was truncated: which rows went is not in the stream",
            self.plan.table()
        );
        ConnectorError::new(ErrorKind::Unsupported, message).with_hint(
            "empty the sink tables and start the job anew with --fresh; use DELETE instead of TRUNCATE from now on",
        )
    }
}
