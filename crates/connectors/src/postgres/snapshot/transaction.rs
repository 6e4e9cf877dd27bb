//! Transactions that only read: the lock first, then the snapshot, not before its time.

use std::time::{Duration, Instant};

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::query::QueryResult;
use tailwater_pg_wire::{Lsn, WireError};
use tokio_postgres::Client;

use super::super::client::{literal, query_error};
use super::super::connection::{WireConnection, command_error};
use super::super::records::Seen;
use super::super::rows::wire_error;
use super::super::table_plan::TablePlan;
use super::super::visibility::{PgSnapshot, widen};
use super::SnapshotTable;

/// When the wait for older transactions is worth a word.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts to get a snapshot that sees enough.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// An open transaction of a reader.
#[derive(Debug)]
pub(crate) struct ReadTransaction {
    pub(crate) snapshot: PgSnapshot,
    /// The end of the WAL after the snapshot was taken: what it sees is committed before.
    pub(super) horizon: Lsn,
    /// The server's clock then, microseconds since 1970.
    micros: i64,
    pub(super) begun: Instant,
}

impl ReadTransaction {
    /// What records tell of it.
    pub(crate) fn seen(&self) -> Seen {
        Seen { horizon: self.horizon, micros: self.micros, xid: self.snapshot.xmax as u32 }
    }
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
    connection: &mut WireConnection,
    table: &SnapshotTable,
    floor: u64,
) -> Result<ReadTransaction, ConnectorError> {
    let since = Instant::now();
    let mut has_told = false;
    loop {
        let transaction = begin_now(connection, table).await?;
        if transaction.snapshot.xmin >= floor {
            return Ok(transaction);
        }
        end(connection).await?;
        if !has_told && since.elapsed() > PATIENCE {
            has_told = true;
            tell_oldest(connection, transaction.snapshot.xmin).await?;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The lock comes before the snapshot: an older snapshot reads a table that an ALTER has rewritten
/// in between as empty.
pub(super) async fn begin_now(
    connection: &mut WireConnection,
    table: &SnapshotTable,
) -> Result<ReadTransaction, ConnectorError> {
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {} IN ACCESS SHARE MODE;
        SELECT pg_current_snapshot() AS snapshot, CASE WHEN pg_is_in_recovery() THEN '0/0'
        ELSE pg_current_wal_insert_lsn()::text END AS horizon,
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros, {} AS shape",
        table.sql_name,
        shape_sql(table.oid)
    );
    let told = run(connection, &sql).await?;
    let value = |name| told.first(name).unwrap_or_default();
    let invalid = |()| wire_error(WireError::Invalid { what: "pg_current_snapshot()" });
    table.check_shape(value("shape"))?;
    Ok(ReadTransaction {
        snapshot: value("snapshot").parse::<PgSnapshot>().map_err(invalid)?,
        horizon: value("horizon").parse().map_err(wire_error)?,
        micros: value("micros").parse().unwrap_or(0),
        begun: Instant::now(),
    })
}

async fn run(connection: &mut WireConnection, sql: &str) -> Result<QueryResult, ConnectorError> {
    let told = connection.query(sql).await?;
    told.map_err(|error| command_error("take a snapshot", &error))
}

/// The columns of a table as text, to notice that they changed between two transactions.
pub(super) fn shape_sql(oid: u32) -> String {
    format!(
        "(SELECT coalesce(string_agg(attname || ' ' || atttypid, ', ' ORDER BY attnum), '')
         FROM pg_attribute WHERE attrelid = {oid} AND attnum > 0 AND NOT attisdropped)"
    )
}

/// Gives the snapshot to other sessions.
pub(super) async fn export(connection: &mut WireConnection) -> Result<String, ConnectorError> {
    let told = run(connection, "SELECT pg_export_snapshot() AS name").await?;
    Ok(told.first("name").unwrap_or_default().to_owned())
}

/// Joins the snapshot of another session.
pub(super) async fn join(
    connection: &mut WireConnection,
    snapshot: &str,
) -> Result<(), ConnectorError> {
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
        literal(snapshot)
    );
    run(connection, &sql).await.map(|_| ())
}

/// Ends the transaction.
pub(crate) async fn end(connection: &mut WireConnection) -> Result<(), ConnectorError> {
    run(connection, "COMMIT").await.map(|_| ())
}

/// Says in the log who holds the snapshot up.
pub(crate) async fn tell_oldest(
    connection: &mut WireConnection,
    xmin: u64,
) -> Result<(), ConnectorError> {
    let sql = "SELECT pid, usename, application_name,
          extract(epoch FROM now() - xact_start)::bigint AS seconds
        FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY age(backend_xid) DESC LIMIT 1";
    let told = run(connection, sql).await?;
    let value = |name| told.first(name).unwrap_or_default();
    tracing::warn!(
        xmin,
        pid = value("pid"),
        user = value("usename"),
        application = value("application_name"),
        seconds = value("seconds"),
        "snapshot waits for an older transaction to end"
    );
    Ok(())
}

impl SnapshotTable {
    fn check_shape(&self, now: &str) -> Result<(), ConnectorError> {
        if self.shape == now {
            return Ok(());
        }
        Err(altered(&self.plan))
    }
}

/// A table has other columns than it is read with.
pub(super) fn altered(plan: &TablePlan) -> ConnectorError {
    let message = format!("table {} was altered while it was being read", plan.table());
    ConnectorError::new(ErrorKind::Conflict, message)
        .with_hint("the job resumes with the chunks that are left, if the table still fits")
}

fn failed(error: tokio_postgres::Error) -> ConnectorError {
    query_error("take a snapshot", error)
}
