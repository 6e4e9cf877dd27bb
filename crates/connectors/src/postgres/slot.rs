//! The replication slot: found, judged, made. Never dropped.

use std::time::Duration;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::Lsn;
use tokio_postgres::Client;

use super::client::{ServerAddress, literal, query_error, quote};
use super::connection::{ReplicationConnection, command_error};

/// How long another session may still hold the slot: our own last run that is just leaving.
const HANDOVER: Duration = Duration::from_secs(5);

/// A usable slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Everything before is acknowledged.
    pub(crate) confirmed: Lsn,
}

/// Looks for the slot; an unusable one is an error.
pub(crate) async fn find(
    client: &Client,
    name: &str,
    database: &str,
) -> Result<Option<Slot>, ConnectorError> {
    let end = tokio::time::Instant::now() + HANDOVER;
    loop {
        let found = look(client, name, database).await?;
        let Some((slot, holder)) = found else {
            return Ok(None);
        };
        let Some(pid) = holder else {
            return Ok(Some(slot));
        };
        if tokio::time::Instant::now() >= end {
            return Err(held(name, pid));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const SLOT: &str = "SELECT plugin::text, database::text, slot_type, temporary, active_pid,
    coalesce(wal_status, ''), coalesce(confirmed_flush_lsn, '0/0')::text
    FROM pg_replication_slots WHERE slot_name = $1";

async fn look(
    client: &Client,
    name: &str,
    database: &str,
) -> Result<Option<(Slot, Option<i32>)>, ConnectorError> {
    let row = client
        .query_opt(SLOT, &[&name])
        .await
        .map_err(|error| query_error("look for the slot", error))?;
    let Some(row) = row else {
        return Ok(None);
    };
    let plugin: Option<String> = row.get(0);
    let owner: Option<String> = row.get(1);
    let another = "choose another \"slot.name\", or drop this one if nobody needs it";
    let config = |message: String| ConnectorError::new(ErrorKind::Config, message);
    if row.get::<_, &str>(2) != "logical" {
        let message = format!("slot \"{name}\" is a slot for physical replication");
        return Err(config(message).with_hint(another));
    }
    let plugin = plugin.unwrap_or_default();
    if plugin != "pgoutput" {
        let message =
            format!("slot \"{name}\" belongs to the plugin \"{plugin}\", not \"pgoutput\"");
        return Err(config(message).with_hint(format!("{another}: {}", drop_sql(name))));
    }
    let owner = owner.unwrap_or_default();
    if owner != database {
        let message = format!("slot \"{name}\" belongs to the database \"{owner}\"");
        return Err(config(message).with_hint(another));
    }
    if row.get::<_, &str>(5) == "lost" {
        let message = format!("slot \"{name}\" is lost: the server has removed WAL that it needs");
        return Err(config(message).with_hint(format!(
            "{} and start the job anew with --fresh; raise max_slot_wal_keep_size so that it does \
             not happen again",
            drop_sql(name)
        )));
    }
    let confirmed: String = row.get(6);
    let confirmed = confirmed.parse().unwrap_or_default();
    Ok(Some((Slot { confirmed }, row.get(4))))
}

/// Makes the slot, which waits for the transactions that run now.
pub(crate) async fn create(
    address: &ServerAddress,
    application: &str,
    name: &str,
) -> Result<Slot, ConnectorError> {
    let mut connection = ReplicationConnection::open(address, application).await?;
    let name_sql = quote(name);
    let sql = format!("CREATE_REPLICATION_SLOT {name_sql} LOGICAL pgoutput NOEXPORT_SNAPSHOT");
    let created = connection.query(&sql).await?;
    connection.close().await;
    let created = created.map_err(|error| {
        let doing = format!("create the replication slot \"{name}\"");
        let told = command_error(&doing, &error);
        match error.sqlstate.as_str() {
            "53400" => told.with_hint(MORE_SLOTS),
            _ => told,
        }
    })?;
    let point = created.first("consistent_point").unwrap_or_default();
    let confirmed = point.parse().map_err(super::rows::wire_error)?;
    tracing::info!(slot = name, lsn = %confirmed, "replication slot created");
    Ok(Slot { confirmed })
}

/// How to get room for one more slot.
pub(crate) const MORE_SLOTS: &str = "drop slots that nobody needs (SELECT slot_name, active FROM \
    pg_replication_slots;), or raise max_replication_slots and restart PostgreSQL";

/// The statement that drops a slot.
pub(crate) fn drop_sql(name: &str) -> String {
    format!("SELECT pg_drop_replication_slot({});", literal(name))
}

/// Somebody else reads from the slot.
pub(crate) fn held(name: &str, pid: i32) -> ConnectorError {
    let message = format!("slot \"{name}\" is in use by process {pid}");
    ConnectorError::new(ErrorKind::Conflict, message).with_hint(format!(
        "stop the other reader, choose another \"slot.name\", or SELECT pg_terminate_backend({pid});"
    ))
}

/// The slot cannot serve a job that has got as far as `position`.
pub(crate) fn check_resumable(
    name: &str,
    slot: Option<Slot>,
    position: Lsn,
) -> Result<Slot, ConnectorError> {
    let choices = "start the job anew with --fresh (it reads the table again), or restore the \
        checkpoint that belongs to this slot";
    let config = |message: String| ConnectorError::new(ErrorKind::Config, message);
    let Some(slot) = slot else {
        let message = format!(
            "slot \"{name}\" is gone: changes behind {position}, where the job stopped, are missing"
        );
        return Err(config(message).with_hint(choices));
    };
    if slot.confirmed > position {
        let message = format!(
            "slot \"{name}\" begins at {}, behind {position}, where the job stopped: the changes \
             between them are missing",
            slot.confirmed
        );
        return Err(config(message).with_hint(choices));
    }
    Ok(slot)
}
