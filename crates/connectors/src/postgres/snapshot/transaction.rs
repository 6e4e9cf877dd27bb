//! Transactions that only read: the lock first, then the snapshot, not before its time.

use std::time::{Duration, Instant};

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::{Lsn, WireError};
use tokio_postgres::Client;

use super::super::client::{literal, query_error};
use super::super::rows::wire_error;
use super::super::visibility::{PgSnapshot, widen};
use super::SnapshotTable;

/// When the wait for older transactions is worth a word.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts to get a snapshot that sees enough.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// An open transaction of a reader.
#[derive(Debug)]
pub(super) struct ReadTransaction {
    pub(super) snapshot: PgSnapshot,
    /// The end of the WAL after the snapshot was taken: what it sees is committed before.
    pub(super) horizon: Lsn,
    pub(super) begun: Instant,
}

/// The transaction id below which everything must be over before a snapshot may be taken: called
/// after the slot exists, so that nothing is in neither of the two. `pg_snapshot_xmax` alone is the
/// id behind the last one that *ended*: a commit that waits for a synchronous standby has a higher
/// one, may lie in front of the slot and be invisible still. It holds the lock on its id.
pub(crate) async fn floor(client: &Client) -> Result<u64, ConnectorError> {
    let sql = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text, ARRAY(
        SELECT transactionid::text::bigint FROM pg_locks WHERE locktype = 'transactionid')";
    let row = client.query_one(sql, &[]).await.map_err(failed)?;
    let xmax: u64 = row.get::<_, &str>(0).parse().unwrap_or(0);
    let running: Vec<i64> = row.get(1);
    let behind = |xid: &i64| widen(*xid as u32, xmax).saturating_add(1);
    Ok(running.iter().map(behind).fold(xmax, u64::max))
}

/// Begins a transaction in whose snapshot every transaction below `floor` is over.
pub(super) async fn begin(
    client: &Client,
    table: &SnapshotTable,
    floor: u64,
) -> Result<ReadTransaction, ConnectorError> {
    let since = Instant::now();
    let mut has_told = false;
    loop {
        let transaction = begin_now(client, table).await?;
        if transaction.snapshot.xmin >= floor {
            return Ok(transaction);
        }
        end(client).await?;
        if !has_told && since.elapsed() > PATIENCE {
            has_told = true;
            tell_oldest(client, transaction.snapshot.xmin).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The lock comes before the snapshot: an older snapshot reads a table that an ALTER has rewritten
/// in between as empty.
async fn begin_now(
    client: &Client,
    table: &SnapshotTable,
) -> Result<ReadTransaction, ConnectorError> {
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {} IN ACCESS SHARE MODE",
        table.sql_name
    );
    client.batch_execute(&sql).await.map_err(failed)?;
    let sql = format!(
        "SELECT pg_current_snapshot()::text, CASE WHEN pg_is_in_recovery() THEN '0/0'
        ELSE pg_current_wal_insert_lsn()::text END, {}",
        shape_sql(table.oid)
    );
    let row = client.query_one(&sql, &[]).await.map_err(failed)?;
    let snapshot = row.get::<_, &str>(0).parse::<PgSnapshot>();
    let horizon = row.get::<_, &str>(1).parse().map_err(wire_error)?;
    let invalid = |()| wire_error(WireError::Invalid { what: "pg_current_snapshot()" });
    table.check_shape(row.get(2))?;
    Ok(ReadTransaction { snapshot: snapshot.map_err(invalid)?, horizon, begun: Instant::now() })
}

/// The columns of a table as text, to notice that they changed between two transactions.
pub(super) fn shape_sql(oid: u32) -> String {
    format!(
        "(SELECT coalesce(string_agg(quote_ident(attname) || ' ' || atttypid, ', ' ORDER BY attnum), '')
         FROM pg_attribute WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped)"
    )
}

/// Gives the snapshot to other sessions.
pub(super) async fn export(client: &Client) -> Result<String, ConnectorError> {
    let row = client.query_one("SELECT pg_export_snapshot()", &[]).await.map_err(failed)?;
    Ok(row.get(0))
}

/// Joins the snapshot of another session.
pub(super) async fn join(client: &Client, snapshot: &str) -> Result<(), ConnectorError> {
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
        literal(snapshot)
    );
    client.batch_execute(&sql).await.map_err(failed)
}

/// Ends the transaction.
pub(super) async fn end(client: &Client) -> Result<(), ConnectorError> {
    client.batch_execute("COMMIT").await.map_err(failed)
}

async fn tell_oldest(client: &Client, xmin: u64) {
    let sql = "SELECT pid, coalesce(usename, '')::text, coalesce(application_name, ''),
        coalesce(extract(epoch FROM now() - xact_start)::bigint, 0)
        FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY age(backend_xid) DESC LIMIT 1";
    match client.query_opt(sql, &[]).await {
        Ok(Some(row)) => tracing::warn!(
            pid = row.get::<_, i32>(0),
            user = row.get::<_, &str>(1),
            application = row.get::<_, &str>(2),
            seconds = row.get::<_, i64>(3),
            "snapshot waits for an older transaction to end"
        ),
        _ => tracing::warn!(xmin, "snapshot waits for an older transaction to end"),
    }
}

impl SnapshotTable {
    fn check_shape(&self, now: &str) -> Result<(), ConnectorError> {
        if self.shape == now {
            return Ok(());
        }
        let message = format!("table {} was altered while it was being read", self.plan.table());
        Err(ConnectorError::new(ErrorKind::Conflict, message)
            .with_hint("the job resumes with the chunks that are left, if the table still fits"))
    }
}

pub(super) fn failed(error: tokio_postgres::Error) -> ConnectorError {
    query_error("take a snapshot", error)
}
