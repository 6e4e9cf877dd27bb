//! The replication slot: found, judged, made. Never dropped.

use std::time::Duration;

use tailwater_connector_api::{ConnectorError, Dialect, ErrorKind, Hint};
use tailwater_pg_wire::Lsn;
use tokio_postgres::Client;

use super::client::{literal, query_error, quote};
use super::connection::{WireConnection, command_error};
use super::position::{ServerIdentity, SlotPosition};
use super::rows::wire_error;

/// How long another session may still hold the slot: our own last run that is just leaving.
const HANDOVER: Duration = Duration::from_secs(5);

/// A usable slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Everything before is acknowledged.
    pub(crate) confirmed: Lsn,
    /// Transactions are delivered when they are prepared.
    pub(crate) is_two_phase: bool,
}

/// Looks for the slot; an unusable one is an error. It may be held by `own`, the server's process
/// that serves our own reader.
pub(crate) async fn find(
    client: &Client,
    name: &str,
    database: &str,
    own: u32,
) -> Result<Option<Slot>, ConnectorError> {
    let end = tokio::time::Instant::now() + HANDOVER;
    loop {
        let found = look(client, name, database).await?;
        let Some((slot, holder)) = found else {
            return Ok(None);
        };
        let Some(pid) = holder.filter(|pid| u32::try_from(*pid) != Ok(own)) else {
            return Ok(Some(slot));
        };
        if tokio::time::Instant::now() >= end {
            return Err(held(name, pid));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const SLOT: &str = "SELECT plugin::text, database::text, slot_type, temporary, active_pid,
    coalesce(wal_status, ''), coalesce(confirmed_flush_lsn, '0/0')::text,
    coalesce((to_jsonb(s) ->> 'two_phase')::bool, false),
    coalesce(to_jsonb(s) ->> 'invalidation_reason', ''),
    coalesce((to_jsonb(s) ->> 'conflicting')::bool AND restart_lsn IS NOT NULL, false)
    FROM pg_replication_slots s WHERE slot_name = $1";

/// Looks for the slot once: with it the server's process that serves its reader.
pub(crate) async fn look(
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
    let (reason, is_conflicting): (&str, bool) = (row.get(8), row.get(9));
    if row.get::<_, &str>(5) == "lost" || is_conflicting || !reason.is_empty() {
        let reason = if is_conflicting && reason.is_empty() { CONFLICTING } else { reason };
        return Err(lost(name, reason));
    }
    let confirmed: String = row.get(6);
    let confirmed = confirmed.parse().unwrap_or_default();
    Ok(Some((Slot { confirmed, is_two_phase: row.get(7) }, row.get(4))))
}

/// PostgreSQL 16 does not say why; where it has removed WAL it has forgotten where it began.
const CONFLICTING: &str = "conflicting";

/// The server does not keep what the slot needs any more; `reason` is what PostgreSQL 17 and later
/// call it.
fn lost(name: &str, reason: &str) -> ConnectorError {
    let (why, mend) = match reason {
        "idle_timeout" => (
            "nobody read from it for longer than idle_replication_slot_timeout",
            "raise idle_replication_slot_timeout",
        ),
        "rows_removed" => (
            "rows of the catalog that it needs were removed on the standby",
            "switch hot_standby_feedback on",
        ),
        CONFLICTING => (
            "it was in the way of the recovery when the server was a standby",
            "switch hot_standby_feedback on",
        ),
        "wal_level_insufficient" => {
            ("the primary's wal_level was lowered", "keep wal_level = logical")
        }
        _ => ("the server has removed WAL that it needs", "raise max_slot_wal_keep_size"),
    };
    let message = format!("slot \"{name}\" is lost: {why}");
    ConnectorError::new(ErrorKind::PlaceLost, message).with_hint(Hint::each(|say| {
        let (drop, anew) = (drop_sql(name), say.begin_anew());
        format!("{drop} and {anew}; {mend} so that it does not happen again")
    }))
}

/// Drops the slot if the server has given it up: it serves nobody any more.
pub(crate) async fn drop_lost(client: &Client, name: &str) -> Result<(), ConnectorError> {
    let sql = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
        WHERE slot_name = $1 AND wal_status = 'lost' AND NOT active AND database = current_database()";
    let dropped = client.execute(sql, &[&name]).await;
    let dropped = dropped.map_err(|error| query_error("drop the lost slot", error))?;
    if dropped > 0 {
        tracing::warn!(slot = name, "the slot was lost and is made anew");
    }
    Ok(())
}

/// Makes the slot, which waits for the transactions that run now.
pub(crate) async fn create(
    connection: &mut WireConnection,
    name: &str,
    is_failover: bool,
) -> Result<Slot, ConnectorError> {
    let failover =
        if is_failover { "(SNAPSHOT 'nothing', FAILOVER true)" } else { "NOEXPORT_SNAPSHOT" };
    let sql = format!("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput {failover}", quote(name));
    let created = connection.query(&sql).await?;
    let created = created.map_err(|error| {
        let doing = format!("create the replication slot \"{name}\"");
        let told = command_error(&doing, &error);
        match error.sqlstate.as_str() {
            "53400" => told.with_hint(MORE_SLOTS),
            _ => told,
        }
    })?;
    let point = created.first("consistent_point").unwrap_or_default();
    let confirmed = point.parse().map_err(wire_error)?;
    tracing::info!(slot = name, lsn = %confirmed, "replication slot created");
    Ok(Slot { confirmed, is_two_phase: false })
}

/// How to get room for one more slot.
pub(crate) const MORE_SLOTS: &str = "drop slots that nobody needs (SELECT slot_name, active FROM \
    pg_replication_slots;), or raise max_replication_slots and restart PostgreSQL";

/// The statement that drops a slot.
pub(crate) fn drop_sql(name: &str) -> String {
    format!("SELECT pg_drop_replication_slot({});", literal(name))
}

/// The statement that makes a slot.
pub(crate) fn create_sql(name: &str) -> String {
    format!("SELECT pg_create_logical_replication_slot({}, 'pgoutput');", literal(name))
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
    let Some(slot) = slot else {
        let message = format!(
            "slot \"{name}\" is gone: changes behind {position}, where the job stopped, are missing"
        );
        return Err(mismatch(message));
    };
    if slot.confirmed > position {
        let message = format!(
            "slot \"{name}\" begins at {}, behind {position}, where the job stopped: the changes \
             between them are missing",
            slot.confirmed
        );
        return Err(mismatch(message));
    }
    Ok(slot)
}

/// Checkpoint and slot do not belong together.
fn mismatch(message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::PlaceLost, message).with_hint(reads_again(
        ", or restore the \
        checkpoint that belongs to this slot",
    ))
}

/// What helps where the place to go on from is lost.
pub(crate) fn reads_again(or: &str) -> Hint {
    Hint::each(|say| {
        let (anew, unasked) = (
            say.begin_anew(),
            match say {
                Dialect::Sql => "'slot.mismatch-policy' = 'resnapshot'",
                Dialect::Connect | Dialect::File => "\"snapshot.mode\" when_needed",
            },
        );
        format!("{anew} (the tables are read again){or}; {unasked} reads again unasked")
    })
}

/// A job that begins on a slot with `two_phase` must not meet the end of a transaction whose changes
/// another reader of the slot was told when it was prepared.
pub(crate) async fn check_unprepared(
    client: &Client,
    name: &str,
    slot: Option<Slot>,
) -> Result<(), ConnectorError> {
    if !slot.is_some_and(|slot| slot.is_two_phase) {
        return Ok(());
    }
    let sql = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()
        ORDER BY prepared LIMIT 1";
    let row = client.query_opt(sql, &[]).await;
    let row = row.map_err(|error| query_error("look for prepared transactions", error))?;
    let Some(gid) = row.map(|row| row.get::<_, String>(0)) else {
        return Ok(());
    };
    let message = format!(
        "transaction \"{gid}\" is prepared: what it did may have been told to another reader of slot \
         \"{name}\", which delivers transactions when they are prepared"
    );
    let gid = literal(&gid);
    Err(ConnectorError::new(ErrorKind::Conflict, message).with_hint(format!(
        "COMMIT PREPARED {gid}; or ROLLBACK PREPARED {gid}; and start again, or choose another \
         \"slot.name\""
    )))
}

/// Asks a server who it is.
pub(crate) async fn identify(
    connection: &mut WireConnection,
) -> Result<ServerIdentity, ConnectorError> {
    let told = connection.query("IDENTIFY_SYSTEM").await?;
    let told = told.map_err(|error| command_error("identify the server", &error))?;
    let number = |name| told.first(name).unwrap_or_default().parse::<u64>();
    match (number("systemid"), number("timeline")) {
        (Ok(system), Ok(timeline)) => Ok(ServerIdentity { system, timeline: timeline as u32 }),
        _ => Err(ConnectorError::new(ErrorKind::Internal, "the server does not say who it is")),
    }
}

/// Checks that the WAL behind `position` is the one that the job was reading: another server, or
/// one that was restored to an earlier time, has other WAL under the same numbers.
pub(crate) async fn check_identity(
    connection: &mut WireConnection,
    now: ServerIdentity,
    position: &SlotPosition,
) -> Result<(), ConnectorError> {
    let then = position.server;
    if now.system != then.system {
        return Err(mismatch(format!(
            "this is another database server than the one the job was reading: its system \
             identifier is {}, not {}",
            now.system, then.system
        )));
    }
    if now.timeline == then.timeline {
        return check_end(connection, position.lsn).await;
    }
    let history = format!("TIMELINE_HISTORY {}", now.timeline);
    let told = connection.query(&history).await?;
    let told = told.map_err(|error| command_error("read the server's history", &error))?;
    let text = told.first("content").unwrap_or_default();
    if left_at(text, then.timeline).is_some_and(|end| position.lsn <= end) {
        tracing::info!(from = then.timeline, to = now.timeline, "the server was promoted");
        return Ok(());
    }
    Err(mismatch(format!(
        "the server is on timeline {}, which does not contain {} of timeline {}, where the job \
         stopped: it was restored, or promoted before it had everything",
        now.timeline, position.lsn, then.timeline
    )))
}

/// Files that were put back bring an earlier end of the same timeline.
async fn check_end(connection: &mut WireConnection, position: Lsn) -> Result<(), ConnectorError> {
    let told = connection.query("IDENTIFY_SYSTEM").await?;
    let told = told.map_err(|error| command_error("identify the server", &error))?;
    let end: Lsn = told.first("xlogpos").unwrap_or_default().parse().map_err(wire_error)?;
    if position <= end {
        return Ok(());
    }
    Err(mismatch(format!(
        "the server's WAL ends at {end}, before {position}, where the job stopped: it was restored \
         to an earlier time"
    )))
}

/// Where a timeline was left, by the lines `number LSN reason` of a history file.
fn left_at(history: &str, timeline: u32) -> Option<Lsn> {
    history.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_it = words.next()?.parse::<u32>() == Ok(timeline);
        let end = words.next()?.parse().ok()?;
        is_it.then_some(end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_slot_tells_its_reason_and_its_remedy() {
        for (reason, why, mend) in [
            ("wal_removed", "removed WAL", "max_slot_wal_keep_size"),
            ("", "removed WAL", "max_slot_wal_keep_size"),
            ("idle_timeout", "nobody read", "idle_replication_slot_timeout"),
            ("rows_removed", "rows of the catalog", "hot_standby_feedback"),
            (CONFLICTING, "recovery", "hot_standby_feedback"),
            ("wal_level_insufficient", "wal_level was lowered", "wal_level = logical"),
        ] {
            let error = lost("s", reason);
            assert!(error.to_string().contains(why), "{error}");
            let hint = error.hint().unwrap_or_default();
            assert!(
                hint.contains(mend) && hint.contains("pg_drop_replication_slot('s')"),
                "{hint}"
            );
        }
    }

    #[test]
    fn a_history_says_where_a_timeline_was_left() {
        let history = "1\t0/5000098\tno recovery target specified\n\n2\t0/70000A0\tbefore\n";
        assert_eq!(left_at(history, 2), "0/70000A0".parse().ok());
        assert_eq!(left_at(history, 3), None);
    }
}
