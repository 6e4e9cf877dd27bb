//! Rows of a table by `COPY ... TO STDOUT (FORMAT binary)`.

use std::sync::Arc;

use tailwater_connector_api::ConnectorError;
use tailwater_pg_wire::copy_binary;
use tailwater_pg_wire::pgoutput::Cell;
use tailwater_types::ChangeBatch;

use super::client::quote;
use super::connection::{Copied, WireConnection, command_error};
use super::metadata::Names;
use super::records::RecordCopy;
use super::rows::{RowPlan, key_unreadable, wire_error};
use super::snapshot::ChunkKey;

const MAX_ROWS: usize = 8 * 1024;
/// Larger blocks the allocator would give back to the system, which clears them for each new use:
/// a third of the CPU.
const MAX_BYTES: usize = 112 * 1024;

/// What the rows of a copy become.
pub(crate) enum CopyForm {
    Rows(Arc<RowPlan>),
    Records(RecordCopy),
}

impl CopyForm {
    fn columns(&self) -> Vec<String> {
        match self {
            CopyForm::Rows(plan) => plan.copied_columns(),
            CopyForm::Records(copy) => copy.columns(),
        }
    }

    fn names(&self) -> &Names {
        match self {
            CopyForm::Rows(plan) => &plan.names,
            CopyForm::Records(copy) => &copy.plan().names,
        }
    }
}

/// A running copy.
pub(crate) struct TableCopy {
    form: CopyForm,
    key: Option<ChunkKey>,
    last_key: Vec<u8>,
    rows: usize,
    is_headed: bool,
    is_over: bool,
}

impl TableCopy {
    /// Starts to copy the columns of `form`; `from` is what follows behind FROM. With a key its columns
    /// are copied too, for [`TableCopy::last_key`].
    pub(crate) async fn start(
        connection: &mut WireConnection,
        form: CopyForm,
        key: Option<ChunkKey>,
        from: &str,
    ) -> Result<Self, ConnectorError> {
        let mut columns = form.columns();
        columns.extend(key.iter().flat_map(|key| &key.columns).map(|c| quote(&c.name)));
        let columns = columns.join(", ");
        let sql = format!("COPY (SELECT {columns} FROM {from}) TO STDOUT (FORMAT binary)");
        connection.copy_out(&sql).await?;
        Ok(Self { form, key, last_key: Vec::new(), rows: 0, is_headed: false, is_over: false })
    }

    /// How many rows have come.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The key of the last row, encoded.
    pub(crate) fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// The next rows, `None` behind the last one.
    pub(crate) async fn next_batch(
        &mut self,
        connection: &mut WireConnection,
    ) -> Result<Option<ChangeBatch>, ConnectorError> {
        let mut batch = ChangeBatch::default();
        batch.reserve_bytes(MAX_BYTES + MAX_BYTES / 8);
        if !self.is_over {
            let is_room =
                |batch: &ChangeBatch| batch.len() < MAX_ROWS && batch.byte_size() < MAX_BYTES;
            let taken = connection.copied(|message| {
                self.take(message, &mut batch)?;
                Ok(is_room(&batch))
            });
            let copied = taken.await?;
            let copied = copied.map_err(|error| command_error("copy the table", &error))?;
            self.is_over = copied == Copied::Over;
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// What is left to be handed over of the rows that were taken, once no more are: `ends_table` tells
    /// that these were the table's last ones.
    pub(crate) fn rest(&mut self, ends_table: bool) -> Result<Option<ChangeBatch>, ConnectorError> {
        let mut batch = ChangeBatch::default();
        if let CopyForm::Records(copy) = &mut self.form {
            copy.finish(ends_table, &mut batch)?;
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Lets the rest of the rows pass, so that the connection can be used again.
    pub(crate) async fn finish(
        &mut self,
        connection: &mut WireConnection,
    ) -> Result<(), ConnectorError> {
        if !self.is_over {
            let passed = connection.copied(|_| Ok(true)).await?;
            passed.map_err(|error| command_error("copy the table", &error))?;
            self.is_over = true;
        }
        Ok(())
    }

    /// The server sends whole rows in each message, the header in front of the first one.
    fn take(&mut self, message: &[u8], batch: &mut ChangeBatch) -> Result<(), ConnectorError> {
        let mut rest = message;
        if !self.is_headed {
            self.is_headed = true;
            let length = copy_binary::header_length(rest).map_err(wire_error)?;
            rest = &rest[length..];
        }
        while !rest.is_empty() {
            let Some(row) = copy_binary::row(rest).map_err(wire_error)? else {
                return Ok(());
            };
            let mut row = match &mut self.form {
                CopyForm::Rows(plan) => plan.push_copied(row, batch)?,
                CopyForm::Records(copy) => copy.take(row, rest, batch)?,
            };
            self.rows += 1;
            if let Some(key) = &self.key {
                self.last_key.clear();
                let cells = row.by_ref().map_while(Result::ok);
                let cells = cells.map(|field| field.map_or(Cell::Null, Cell::Binary));
                let names = self.form.names();
                key.encode(cells, &mut self.last_key).ok_or_else(|| key_unreadable(names))?;
            }
            rest = row.rest();
        }
        Ok(())
    }
}
