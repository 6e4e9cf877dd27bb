//! Rows of a snapshot as records. A row is written when the next one has come: only then it is known
//! whether it is the last one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;
use tailwater_connector_api::ConnectorError;
use tailwater_debezium::event::{Context, Mark};
use tailwater_pg_wire::Lsn;
use tailwater_pg_wire::copy_binary;
use tailwater_pg_wire::pgoutput::Cell;
use tailwater_types::ChangeBatch;

use super::super::clock::unix_nanos;
use super::super::rows::wire_error;
use super::RecordPlan;

/// The snapshot that rows are read in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The end of the WAL after it was taken.
    pub(crate) horizon: Lsn,
    /// When it was taken, microseconds since 1970.
    pub(crate) micros: i64,
    /// The next transaction.
    pub(crate) xid: u32,
}

/// Where the rows of a copy stand in the snapshot.
#[derive(Clone, Debug)]
pub(crate) struct CopyMarks {
    /// Whether the snapshot has had a row; `None` where tables are not read one behind the other.
    pub(crate) has_begun: Option<Arc<AtomicBool>>,
    pub(crate) begins_table: bool,
    pub(crate) is_last_table: bool,
    /// The rows are read again because a signal asks for them.
    pub(crate) is_incremental: bool,
}

/// Writes the rows of one copy.
pub(crate) struct RecordCopy {
    plan: Arc<RecordPlan>,
    /// Where each field of a row belongs, and whether it is text.
    places: Vec<(usize, bool)>,
    columns: Vec<String>,
    seen: Seen,
    marks: CopyMarks,
    is_first: bool,
    /// The row that came last.
    pending: Vec<u8>,
}

impl RecordCopy {
    pub(crate) fn new(plan: Arc<RecordPlan>, seen: Seen, marks: CopyMarks) -> Self {
        let (places, columns) =
            plan.copied().into_iter().map(|(place, is_text, sql)| ((place, is_text), sql)).unzip();
        Self { plan, places, columns, seen, marks, is_first: true, pending: Vec::new() }
    }

    /// The columns that are copied.
    pub(crate) fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    /// A key column held what its type does not have.
    pub(crate) fn plan(&self) -> &RecordPlan {
        &self.plan
    }

    /// Takes a row whose first fields are the columns; gives what is left of it.
    pub(crate) fn take<'a>(
        &mut self,
        mut row: copy_binary::CopyRow<'a>,
        whole: &'a [u8],
        batch: &mut ChangeBatch,
    ) -> Result<copy_binary::CopyRow<'a>, ConnectorError> {
        self.flush(Mark::Snapshot, batch)?;
        for _ in &self.places {
            if let Some(field) = row.next() {
                field.map_err(wire_error)?;
            }
        }
        let length = whole.len() - row.rest().len();
        self.pending.extend_from_slice(&whole[..length]);
        Ok(row)
    }

    /// Writes the last row.
    pub(crate) fn finish(
        &mut self,
        ends_table: bool,
        batch: &mut ChangeBatch,
    ) -> Result<(), ConnectorError> {
        let mark = match (ends_table && self.marks.has_begun.is_some(), self.marks.is_last_table) {
            (true, true) => Mark::Last,
            (true, false) => Mark::LastOfTable,
            (false, _) => Mark::Snapshot,
        };
        self.flush(mark, batch)
    }

    fn flush(&mut self, mark: Mark, batch: &mut ChangeBatch) -> Result<(), ConnectorError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mark = match &self.marks.has_begun {
            Some(has_begun) if std::mem::take(&mut self.is_first) => {
                let is_first = !has_begun.swap(true, Ordering::Relaxed);
                match mark {
                    Mark::Snapshot if is_first => Mark::First,
                    Mark::Snapshot if self.marks.begins_table => Mark::FirstOfTable,
                    mark => mark,
                }
            }
            _ if self.marks.is_incremental => Mark::Incremental,
            _ => mark,
        };
        let Some(row) = copy_binary::row(&self.pending).map_err(wire_error)? else {
            return Ok(());
        };
        let width = self.plan.events.table().columns.len();
        let mut cells: SmallVec<[Cell<'_>; 64]> = SmallVec::from_elem(Cell::Null, width);
        for ((place, is_text), field) in self.places.iter().zip(row) {
            if let Some(bytes) = field.map_err(wire_error)? {
                cells[*place] = if *is_text { Cell::Text(bytes) } else { Cell::Binary(bytes) };
            }
        }
        let context = Context {
            commit_micros: self.seen.micros,
            xid: (!self.marks.is_incremental).then_some(self.seen.xid),
            lsn: (!self.marks.is_incremental).then_some(self.seen.horizon),
            last_commit: self.marks.is_incremental.then_some(self.seen.horizon),
            mark,
            now_nanos: unix_nanos(),
            origin: None,
        };
        let written = self.plan.events.append_insert(&cells, &context, None, batch);
        written.map_err(|error| self.plan.unreadable(error))?;
        drop(cells);
        self.pending.clear();
        Ok(())
    }
}
