//! A whole table by `COPY ... TO STDOUT (FORMAT binary)`.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use tailwater_connector_api::ConnectorError;
use tailwater_pg_wire::copy_binary;
use tailwater_types::ChangeBatch;
use tokio_postgres::{Client, CopyOutStream};

use super::client::{query_error, quote};
use super::rows::{Content, RowPlan, wire_error};

const MAX_ROWS: usize = 8 * 1024;
const MAX_BYTES: usize = 1024 * 1024;

/// A running copy.
pub(crate) struct TableCopy {
    stream: Pin<Box<CopyOutStream>>,
    plan: Arc<RowPlan>,
    is_headed: bool,
    is_over: bool,
}

impl TableCopy {
    /// Starts to copy the physical columns of `plan` from the table.
    pub(crate) async fn start(
        client: &Client,
        plan: Arc<RowPlan>,
        table_sql: &str,
    ) -> Result<Self, ConnectorError> {
        let columns: Vec<String> = plan
            .columns
            .iter()
            .filter_map(|column| match &column.content {
                Content::Physical { decoder, .. } => {
                    let name = quote(&column.name);
                    // Not a cast, which prints some types otherwise than the stream does: an inet
                    // with the mask of a single host.
                    Some(if decoder.needs_text() {
                        format!("CASE WHEN num_nulls({name}) = 0 THEN format('%s', {name}) END")
                    } else {
                        name
                    })
                }
                Content::Metadata(..) => None,
            })
            .collect();
        let columns = columns.join(", ");
        let sql = format!("COPY (SELECT {columns} FROM {table_sql}) TO STDOUT (FORMAT binary)");
        let stream =
            client.copy_out(&sql).await.map_err(|error| query_error("copy the table", error))?;
        Ok(Self { stream: Box::pin(stream), plan, is_headed: false, is_over: false })
    }

    /// The next rows, `None` behind the last one.
    pub(crate) async fn next_batch(&mut self) -> Result<Option<ChangeBatch>, ConnectorError> {
        let mut batch = ChangeBatch::default();
        while !self.is_over && batch.len() < MAX_ROWS && batch.byte_size() < MAX_BYTES {
            match self.stream.next().await {
                Some(Ok(message)) => self.take(&message, &mut batch)?,
                Some(Err(error)) => return Err(query_error("copy the table", error)),
                None => self.is_over = true,
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// The server sends whole rows in each message, the header in front of the first one.
    fn take(&mut self, message: &Bytes, batch: &mut ChangeBatch) -> Result<(), ConnectorError> {
        let mut rest = &message[..];
        if !self.is_headed {
            self.is_headed = true;
            let length = copy_binary::header_length(rest).map_err(wire_error)?;
            rest = &rest[length..];
        }
        while !rest.is_empty() {
            match copy_binary::row(rest).map_err(wire_error)? {
                Some(row) => rest = self.plan.push_copied(row, batch)?,
                None => rest = &[],
            }
        }
        Ok(())
    }
}
