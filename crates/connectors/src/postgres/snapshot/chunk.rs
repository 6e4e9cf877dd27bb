//! One chunk of a table that is read again while the stream goes on: which rows are next, by the
//! server's own order of the key, else by pages.
//!
//! A chunk has a snapshot of its own, and rows in front of it or behind it may change meanwhile. What
//! changes comes with the stream: a row that has moved past the place is told there.

use serde::{Deserialize, Serialize};
use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::query::QueryResult;
use tokio_postgres::Client;

use super::super::capture::CapturedTable;
use super::super::client::{literal, query_error, quote};
use super::super::connection::{WireConnection, command_error};
use super::cut::{CutSettings, SnapshotTable, look_at};
use super::transaction::{self, ReadTransaction};

/// A chunk has at most about so many bytes.
const CHUNK_BYTES: usize = 3 << 20;
const MAX_PAGES: u64 = 256;
/// Rows of a page where nobody knows.
const PAGE_ROWS: usize = 64;

/// Where a chunk begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChunkPlace {
    /// Behind a key, up to the one that was the last when the table was begun; values as text.
    Key { columns: Vec<String>, behind: Option<Vec<String>>, last: Vec<String> },
    /// At a page of a file, in front of the one that was its end when it was begun.
    Page { leaf: String, file: u32, page: u64, end: u64 },
}

/// The rows of a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// What follows behind FROM; nothing where there is no row.
    pub(crate) from: Option<String>,
    /// Where the next one begins; `None` where the table ends.
    pub(crate) behind: Option<ChunkPlace>,
}

/// A table that is read chunk by chunk.
#[derive(Debug)]
pub(crate) struct ChunkTable {
    pub(crate) table: SnapshotTable,
    /// Columns of a unique key in the order of its index, each with its type; none is by pages.
    key: Vec<(String, String)>,
    rows: usize,
    /// What a row takes, as far as is known.
    row_bytes: usize,
}

impl ChunkTable {
    /// Looks at a table with a key of these columns.
    pub(crate) async fn look_at(
        client: &Client,
        captured: &CapturedTable,
        key: &[String],
        rows: usize,
    ) -> Result<Self, ConnectorError> {
        let by_pages = CutSettings { readers: 1, chunk_rows: None, is_by_pages: true };
        let mut table = look_at(client, captured, &by_pages, None).await?;
        table.leaves.sort_by(|a, b| a.sql_name.cmp(&b.sql_name));
        let sql = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
            WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped";
        let types = client.query(sql, &[&table.oid]).await;
        let types = types.map_err(|error| query_error("read the types of the key", error))?;
        let type_of = |name: &String| {
            let row = types.iter().find(|row| row.get::<_, &str>(0) == name)?;
            Some((name.clone(), row.get::<_, String>(1)))
        };
        let key: Option<Vec<_>> = key.iter().map(type_of).collect();
        let row_bytes = table.row_bytes;
        Ok(Self { table, key: key.unwrap_or_default(), rows: rows.max(1), row_bytes })
    }

    /// Begins a transaction whose snapshot the next chunk is read in.
    pub(crate) async fn begin(
        &self,
        session: &mut WireConnection,
    ) -> Result<ReadTransaction, ConnectorError> {
        transaction::begin_now(session, &self.table).await
    }

    /// Takes to heart how large rows have turned out to be.
    pub(crate) fn learn(&mut self, rows: usize, bytes: usize) {
        if let Some(row_bytes) = bytes.checked_div(rows) {
            self.row_bytes = row_bytes;
        }
    }

    fn chunk_rows(&self) -> usize {
        match self.row_bytes {
            0 => self.rows,
            bytes => self.rows.min((CHUNK_BYTES / bytes).max(1)),
        }
    }

    /// The chunk at a place, within a transaction.
    pub(crate) async fn chunk(
        &self,
        session: &mut WireConnection,
        place: Option<&ChunkPlace>,
    ) -> Result<Chunk, ConnectorError> {
        if self.key.is_empty() {
            return self.chunk_of_pages(session, place).await;
        }
        let names = || self.key.iter().map(|(name, _)| name);
        let (behind, last) = match place {
            Some(ChunkPlace::Key { columns, behind, last }) if columns.iter().eq(names()) => {
                (behind.clone(), last.clone())
            }
            _ => match self.key_at(session, &[], true, 0).await? {
                Some(last) => (None, last),
                None => return Ok(Chunk { from: None, behind: None }),
            },
        };
        let low = behind.as_deref().map(|key| self.compared(">", key));
        let mut conditions: Vec<String> = low.into_iter().collect();
        let mut bounded = conditions.clone();
        bounded.push(self.compared("<=", &last));
        let end = self.key_at(session, &bounded, false, self.chunk_rows() - 1).await?;
        let is_last = end.as_ref().is_none_or(|end| *end == last);
        let end = end.unwrap_or_else(|| last.clone());
        conditions.push(self.compared("<=", &end));
        let from = self.table.narrowed(&self.table.from(), conditions);
        let columns = names().cloned().collect();
        let next = ChunkPlace::Key { columns, behind: Some(end), last };
        Ok(Chunk {
            from: Some(format!("{from} ORDER BY {}", self.order(false))),
            behind: (!is_last).then_some(next),
        })
    }

    /// The key of one row, as text: the one `skipped` rows behind the first that fits. Conditions of the
    /// reader do not count: a chunk is so many rows that are looked at.
    async fn key_at(
        &self,
        session: &mut WireConnection,
        conditions: &[String],
        is_descending: bool,
        skipped: usize,
    ) -> Result<Option<Vec<String>>, ConnectorError> {
        let columns: Vec<String> =
            self.key.iter().map(|(name, _)| format!("{}::text", quote(name))).collect();
        let narrowed = match conditions {
            [] => String::new(),
            all => format!(" WHERE {}", all.join(" AND ")),
        };
        let sql = format!(
            "SELECT {} FROM {}{narrowed} ORDER BY {} OFFSET {skipped} LIMIT 1",
            columns.join(", "),
            self.table.from(),
            self.order(is_descending),
        );
        let told = ask(session, &sql).await?;
        Ok(told.rows.into_iter().next().and_then(|row| row.into_iter().collect()))
    }

    fn order(&self, is_descending: bool) -> String {
        let direction = if is_descending { " DESC" } else { "" };
        // A name alone would mean the column of the result, which is text.
        let from = &self.table.alias();
        let columns = self.key.iter().map(|(name, _)| format!("{from}.{}{direction}", quote(name)));
        columns.collect::<Vec<_>>().join(", ")
    }

    fn compared(&self, operator: &str, key: &[String]) -> String {
        let names: Vec<String> = self.key.iter().map(|(name, _)| quote(name)).collect();
        let values = self.key.iter().zip(key);
        let values: Vec<String> =
            values.map(|((_, kind), value)| format!("{}::{kind}", literal(value))).collect();
        format!("({}) {operator} ({})", names.join(", "), values.join(", "))
    }

    async fn chunk_of_pages(
        &self,
        session: &mut WireConnection,
        place: Option<&ChunkPlace>,
    ) -> Result<Chunk, ConnectorError> {
        let leaves = &self.table.leaves;
        let known = match place {
            Some(ChunkPlace::Page { leaf, file, page, end }) => Some((leaf, *file, *page, *end)),
            _ => None,
        };
        let number = match known {
            Some((leaf, ..)) => leaves.partition_point(|l| l.sql_name < *leaf),
            None => 0,
        };
        let Some(leaf) = leaves.get(number) else {
            return Ok(Chunk { from: None, behind: None });
        };
        let sql = format!(
            "SELECT pg_relation_filenode(oid) AS file, pg_relation_size(oid)
              / current_setting('block_size')::bigint AS pages
             FROM (SELECT {}::regclass::oid) AS t(oid)",
            literal(&leaf.sql_name)
        );
        let told = ask(session, &sql).await?;
        let number_of = |name| told.first(name).and_then(|text| text.parse::<u64>().ok());
        let file = number_of("file").unwrap_or(0) as u32;
        let (page, end) = match known {
            // A table that was written anew has its rows elsewhere.
            Some((name, known, page, end)) if *name == leaf.sql_name && known == file => {
                (page, end)
            }
            _ => (0, number_of("pages").unwrap_or(0)),
        };
        let to = (page + self.chunk_pages(leaf.pages)).min(end);
        let conditions = vec![format!("ctid >= '({page},0)'"), format!("ctid < '({to},0)'")];
        let next = leaves.get(number + 1);
        let behind = match (to < end, next) {
            (true, _) => {
                Some(ChunkPlace::Page { leaf: leaf.sql_name.clone(), file, page: to, end })
            }
            // File 0 is none: its pages are counted when it is begun.
            (false, Some(next)) => {
                let leaf = next.sql_name.clone();
                Some(ChunkPlace::Page { leaf, file: 0, page: 0, end: 0 })
            }
            (false, None) => None,
        };
        let only = format!("ONLY {}", leaf.sql_name);
        let from = (page < to).then(|| self.table.narrowed(&only, conditions));
        Ok(Chunk { from, behind })
    }

    fn chunk_pages(&self, pages: u64) -> u64 {
        let page_rows = match self.table.rows {
            rows if rows > 0.0 && pages > 0 => (rows / pages as f64).ceil().max(1.0) as usize,
            _ => PAGE_ROWS,
        };
        (self.chunk_rows() / page_rows).clamp(1, MAX_PAGES as usize) as u64
    }
}

async fn ask(session: &mut WireConnection, sql: &str) -> Result<QueryResult, ConnectorError> {
    let told = session.query(sql).await?;
    told.map_err(|error| command_error("find the next chunk", &error))
}

/// Whether a failure passes by itself: a lock that somebody holds, a table that has just been altered.
pub(crate) fn is_passing(error: &ConnectorError) -> bool {
    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Timeout | ErrorKind::Throttled)
}
