//! One change: judged by the snapshot, and the rows it becomes in the form that was asked for.

use std::sync::Arc;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::WireError;
use tailwater_pg_wire::pgoutput::{OldTuple, Tuple};
use tailwater_types::{ChangeBatch, RowKind};

use super::super::metadata::Names;
use super::super::options::ChangeForm;
use super::super::records::StreamedRecords;
use super::super::rows::{RowPlan, StreamedRow, StreamedRows, key_unreadable, wire_error};
use super::super::snapshot::{ChunkKey, Verdict};
use super::Changes;

/// What happened to a row.
#[derive(Clone, Copy)]
pub(crate) enum Change<'a> {
    Insert(Tuple<'a>),
    Update(Option<OldTuple<'a>>, Tuple<'a>),
    Delete(OldTuple<'a>),
    /// To all rows.
    Truncate,
}

/// A table of the stream that is captured, or a partition of one.
pub(crate) struct CapturedRelation {
    /// The table that was asked for.
    pub(crate) table: u32,
    /// By what its snapshot is cut.
    pub(crate) key: Option<ChunkKey>,
    pub(crate) streamed: Streamed,
}

/// How the rows of a relation are read.
pub(crate) enum Streamed {
    Rows {
        plan: Arc<RowPlan>,
        /// A shape that does not fit matters only once a row of it is wanted.
        rows: Result<StreamedRows, Option<ConnectorError>>,
    },
    Records(StreamedRecords),
}

impl CapturedRelation {
    /// Whether the rows can be read from a stream in the binary format.
    pub(crate) fn reads_binary(&self) -> bool {
        match &self.streamed {
            Streamed::Rows { plan, .. } => plan.reads_binary(),
            Streamed::Records(records) => records.plan.reads_binary(),
        }
    }

    fn rows(&mut self) -> Result<&mut StreamedRows, ConnectorError> {
        let undescribed = || {
            wire_error(WireError::Invalid { what: "a change of a table that was not described" })
        };
        match &mut self.streamed {
            Streamed::Rows { rows: Ok(rows), .. } => Ok(rows),
            Streamed::Rows { rows: Err(mismatch), .. } => {
                Err(mismatch.take().unwrap_or_else(undescribed))
            }
            Streamed::Records(_) => Err(undescribed()),
        }
    }

    pub(crate) fn names(&self) -> &Names {
        match &self.streamed {
            Streamed::Rows { plan, .. } => &plan.names,
            Streamed::Records(records) => &records.plan.names,
        }
    }

    fn key(
        &mut self,
        key: &ChunkKey,
        tuple: Tuple<'_>,
        previous: Option<Tuple<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectorError> {
        if let Streamed::Records(records) = &self.streamed {
            let encoded = records.key(key, tuple, previous, out);
            return encoded.ok_or_else(|| key_unreadable(&records.plan.names));
        }
        self.rows()?.key(key, tuple, previous, out)
    }

    fn identity_changed(&self) -> ConnectorError {
        let names = self.names();
        let message = format!(
            "an update of table {} does not carry the old row: its replica identity is not FULL",
            names.shown()
        );
        ConnectorError::new(ErrorKind::Config, message)
            .with_hint(super::super::rows::identity_full(&names.schema, &names.table))
    }

    fn truncated(&self) -> ConnectorError {
        let message = format!(
            "table {} was truncated: which rows went is not in the stream",
            self.names().shown()
        );
        ConnectorError::new(ErrorKind::Unsupported, message).with_hint(
            "empty the sink tables and start the job anew with --fresh; use DELETE instead of \
             TRUNCATE from now on, or leave out 'debezium.skipped.operations': truncates pass then",
        )
    }
}

impl Changes {
    /// Judges a change by the keys it has and appends its rows to the batch, to what is held, or
    /// nowhere.
    pub(super) fn append(
        &mut self,
        table: &mut CapturedRelation,
        change: Change<'_>,
    ) -> Result<(), ConnectorError> {
        let is_judged = self.progress().is_some_and(|progress| progress.concerns(table.table));
        if let (Change::Truncate, Streamed::Records(_)) = (change, &table.streamed) {
            return self.append_to(table, change, &[]);
        }
        if let Change::Truncate = change {
            let is_passed_over = self.skips_truncate || self.form == ChangeForm::AppendOnly;
            let is_wanted = !is_judged || self.judge(table.table, &[])? != Verdict::Drop;
            if !is_wanted {
                return Ok(());
            }
            if !is_passed_over {
                return Err(table.truncated());
            }
            let table = table.names().shown();
            tracing::warn!(
                table,
                "the table was truncated: its rows stay in the job and its sinks"
            );
            return Ok(());
        }
        if !is_judged {
            let mut batch = std::mem::take(&mut self.batch);
            let pushed = self.push(table, change, &mut batch);
            self.batch = batch;
            return pushed;
        }
        let (mut old_key, mut new_key) = (Vec::new(), Vec::new());
        let rows = table.key.clone();
        if let Some(key) = &rows {
            match change {
                Change::Insert(new) => table.key(key, new, None, &mut new_key)?,
                Change::Delete(old) => table.key(key, old.tuple(), None, &mut new_key)?,
                Change::Update(old, new) => {
                    let old = old.map(OldTuple::tuple);
                    table.key(key, new, old, &mut new_key)?;
                    match old {
                        Some(old) => table.key(key, old, None, &mut old_key)?,
                        None => old_key.clone_from(&new_key),
                    }
                }
                Change::Truncate => {}
            }
        }
        match change {
            Change::Update(old, new) if old_key != new_key => {
                self.append_moved(table, old, new, &old_key, &new_key)
            }
            _ => self.append_to(table, change, &new_key),
        }
    }

    /// An update of the key is judged as a delete here and an insert there.
    fn append_moved(
        &mut self,
        table: &mut CapturedRelation,
        old: Option<OldTuple<'_>>,
        new: Tuple<'_>,
        old_key: &[u8],
        new_key: &[u8],
    ) -> Result<(), ConnectorError> {
        let there = self.judge(table.table, new_key)?;
        if self.judge(table.table, old_key)? == there && there == Verdict::Emit {
            return self.append_to(table, Change::Update(old, new), new_key);
        }
        let Some(old) = old else {
            return Ok(());
        };
        self.append_to(table, Change::Delete(old), old_key)?;
        // What was not sent because it did not change is in the old row.
        let insert = Change::Update(Some(old), new);
        self.route(there, new_key, |changes, batch| changes.push_moved_in(table, insert, batch))
    }

    fn append_to(
        &mut self,
        table: &mut CapturedRelation,
        change: Change<'_>,
        key: &[u8],
    ) -> Result<(), ConnectorError> {
        let verdict = self.judge(table.table, key)?;
        self.route(verdict, key, |changes, batch| changes.push(table, change, batch))
    }

    fn judge(&mut self, table: u32, key: &[u8]) -> Result<Verdict, ConnectorError> {
        let Some(transaction) = &self.transaction else {
            return Err(wire_error(WireError::Invalid { what: "a change outside a transaction" }));
        };
        let (xid, commit) = (transaction.begin.xid, transaction.begin.final_lsn);
        let progress = self.progress();
        Ok(progress.map_or(Verdict::Emit, |mut p| p.judge(table, key, xid, commit)))
    }

    fn route(
        &mut self,
        verdict: Verdict,
        key: &[u8],
        push: impl FnOnce(&mut Self, &mut ChangeBatch) -> Result<(), ConnectorError>,
    ) -> Result<(), ConnectorError> {
        match verdict {
            Verdict::Drop => Ok(()),
            Verdict::Emit => {
                let mut batch = std::mem::take(&mut self.batch);
                let pushed = push(self, &mut batch);
                self.batch = batch;
                pushed
            }
            Verdict::Hold(at) => {
                let mut rows = std::mem::take(&mut self.scratch);
                rows.clear();
                let pushed = push(self, &mut rows);
                let xid = self.transaction.as_ref().map_or(0, |t| t.begin.xid);
                if let Some(mut progress) = self.progress() {
                    progress.hold(at, key, xid, &rows);
                }
                self.scratch = rows;
                pushed
            }
        }
    }

    fn push(
        &mut self,
        table: &mut CapturedRelation,
        change: Change<'_>,
        batch: &mut ChangeBatch,
    ) -> Result<(), ConnectorError> {
        if let (Streamed::Records(streamed), Some(records), Some(transaction)) =
            (&table.streamed, &mut self.records, &self.transaction)
        {
            return records.push(streamed, change, &transaction.begin, batch);
        }
        match change {
            Change::Insert(new) => self.push_row(table, RowKind::Insert, new, None, batch),
            Change::Delete(old) => self.push_row(table, RowKind::Delete, old.tuple(), None, batch),
            Change::Update(old, new) => self.push_update(table, old, new, batch),
            Change::Truncate => Ok(()),
        }
    }

    fn push_moved_in(
        &mut self,
        table: &mut CapturedRelation,
        change: Change<'_>,
        batch: &mut ChangeBatch,
    ) -> Result<(), ConnectorError> {
        let Change::Update(old, new) = change else {
            return self.push(table, change, batch);
        };
        if let (Streamed::Records(streamed), Some(records), Some(transaction)) =
            (&table.streamed, &mut self.records, &self.transaction)
        {
            return records.push_moved_in(streamed, (old, new), &transaction.begin, batch);
        }
        self.push_row(table, RowKind::Insert, new, full(old), batch)
    }

    fn push_update(
        &self,
        table: &mut CapturedRelation,
        old: Option<OldTuple<'_>>,
        new: Tuple<'_>,
        batch: &mut ChangeBatch,
    ) -> Result<(), ConnectorError> {
        if self.form != ChangeForm::Upsert {
            let Some(OldTuple::Full(old)) = old else {
                return Err(table.identity_changed());
            };
            self.push_row(table, RowKind::UpdateBefore, old, None, batch)?;
            return self.push_row(table, RowKind::UpdateAfter, new, Some(old), batch);
        }
        let previous = full(old);
        if let Some(old) = old.map(OldTuple::tuple)
            && !table.rows()?.same_key(new, old)
        {
            self.push_row(table, RowKind::Delete, old, None, batch)?;
            return self.push_row(table, RowKind::Insert, new, previous, batch);
        }
        self.push_row(table, RowKind::UpdateAfter, new, previous, batch)
    }

    fn push_row(
        &self,
        table: &mut CapturedRelation,
        change: RowKind,
        tuple: Tuple<'_>,
        previous: Option<Tuple<'_>>,
        batch: &mut ChangeBatch,
    ) -> Result<(), ConnectorError> {
        let kind = match self.form {
            ChangeForm::AppendOnly => RowKind::Insert,
            ChangeForm::All | ChangeForm::Upsert => change,
        };
        let commit_micros = self.transaction.as_ref().map_or(0, |t| t.begin.commit_micros);
        let may_be_open = self.form == ChangeForm::Upsert;
        let row = StreamedRow { change, tuple, previous, may_be_open };
        table.rows()?.push(kind, row, commit_micros, batch)
    }
}

fn full(old: Option<OldTuple<'_>>) -> Option<Tuple<'_>> {
    match old {
        Some(OldTuple::Full(old)) => Some(old),
        Some(OldTuple::Key(_)) | None => None,
    }
}
