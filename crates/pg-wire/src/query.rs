//! What replication commands answer.

use crate::backend::BackendMessage;
use crate::error::WireError;
use crate::server_error::ServerError;

/// The rows of a simple query, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryResult {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl QueryResult {
    /// A value of the first row by its column's name.
    pub fn first(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|c| c == column)?;
        self.rows.first()?.get(at)?.as_deref()
    }
}

/// Collects the messages between a query and the server's readiness for the next one.
#[derive(Debug, Default)]
pub struct QueryCollector {
    result: QueryResult,
    error: Option<ServerError>,
}

/// Where a query stands after a message.
#[derive(Debug, PartialEq, Eq)]
pub enum QueryStep {
    /// More messages follow.
    More,
    /// The connection has become a copy in both directions.
    CopyBoth,
    /// The query is over.
    Done(Result<QueryResult, ServerError>),
}

impl QueryCollector {
    /// Takes the next message.
    ///
    /// # Errors
    /// A message that is not what it promises.
    pub fn take(&mut self, message: &BackendMessage<'_>) -> Result<QueryStep, WireError> {
        match message {
            BackendMessage::RowDescription(description) => {
                let names = description.names()?;
                self.result.columns = names.into_iter().map(str::to_owned).collect();
            }
            BackendMessage::DataRow(row) => {
                let values = row.values()?.into_iter();
                let text = |v: &[u8]| String::from_utf8_lossy(v).into_owned();
                self.result.rows.push(values.map(|v| v.map(text)).collect());
            }
            BackendMessage::Error(error) => {
                // A fatal error ends the connection: no readiness will follow.
                if error.severity == "FATAL" || error.severity == "PANIC" {
                    return Ok(QueryStep::Done(Err(error.clone())));
                }
                self.error = Some(error.clone());
            }
            BackendMessage::CopyBoth => return Ok(QueryStep::CopyBoth),
            BackendMessage::ReadyForQuery => {
                let result = std::mem::take(&mut self.result);
                return Ok(QueryStep::Done(self.error.take().map_or(Ok(result), Err)));
            }
            _ => {}
        }
        Ok(QueryStep::More)
    }
}
