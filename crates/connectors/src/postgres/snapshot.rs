//! The rows that were there before the stream: one transaction, one snapshot, one copy.

use std::sync::Arc;
use std::time::Duration;

use tailwater_connector_api::ConnectorError;
use tailwater_types::ChangeBatch;
use tokio_postgres::Client;

use super::client::query_error;
use super::copy::TableCopy;
use super::rows::{RowPlan, wire_error};
use super::visibility::{PgSnapshot, SnapshotFilter, widen};

/// When the wait for older transactions is worth a word.
const PATIENCE: Duration = Duration::from_secs(5);

/// A snapshot that is being copied. The client holds its transaction.
pub(crate) struct TableSnapshot {
    _client: Client,
    copy: TableCopy,
    pub(crate) filter: SnapshotFilter,
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

/// Takes a snapshot in which every transaction below `floor` is over, and starts to copy.
pub(crate) async fn take(
    client: Client,
    plan: Arc<RowPlan>,
    table_sql: &str,
    floor: u64,
) -> Result<TableSnapshot, ConnectorError> {
    let since = tokio::time::Instant::now();
    let mut has_told = false;
    let filter = loop {
        let filter = begin(&client, table_sql).await?;
        if filter.snapshot.xmin >= floor {
            break filter;
        }
        client.batch_execute("ROLLBACK").await.map_err(failed)?;
        if !has_told && since.elapsed() > PATIENCE {
            has_told = true;
            tell_oldest(&client, filter.snapshot.xmin).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let copy = TableCopy::start(&client, plan, table_sql).await?;
    Ok(TableSnapshot { _client: client, copy, filter })
}

impl TableSnapshot {
    /// The next rows, `None` behind the last one.
    pub(crate) async fn next_batch(&mut self) -> Result<Option<ChangeBatch>, ConnectorError> {
        self.copy.next_batch().await
    }
}

/// The lock comes before the snapshot: an older snapshot reads a table that an ALTER has rewritten
/// in between as empty.
async fn begin(client: &Client, table_sql: &str) -> Result<SnapshotFilter, ConnectorError> {
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {table_sql} IN ACCESS SHARE MODE"
    );
    client.batch_execute(&sql).await.map_err(failed)?;
    let sql = "SELECT pg_current_snapshot()::text, CASE WHEN pg_is_in_recovery() THEN '0/0'
        ELSE pg_current_wal_insert_lsn()::text END";
    let row = client.query_one(sql, &[]).await.map_err(failed)?;
    let snapshot = row.get::<_, &str>(0).parse::<PgSnapshot>();
    let horizon = row.get::<_, &str>(1).parse().map_err(wire_error)?;
    let invalid =
        || wire_error(tailwater_pg_wire::WireError::Invalid { what: "pg_current_snapshot()" });
    let snapshot = snapshot.map_err(|()| invalid())?;
    Ok(SnapshotFilter { horizon, snapshot })
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

fn failed(error: tokio_postgres::Error) -> ConnectorError {
    query_error("take a snapshot", error)
}
