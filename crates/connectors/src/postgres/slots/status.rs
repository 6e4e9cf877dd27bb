//! What the server says of its slots, and what is dangerous about it. Columns that came with later
//! versions are asked for so that an older server understands it.

use std::collections::{BTreeMap, BTreeSet};

use tailwater_connector_api::ConnectorError;
use tailwater_types::units::show_bytes;
use tokio_postgres::{Client, Row};

use super::SlotServer;
use crate::postgres::client::{self, query_error};

/// So much WAL is no longer the normal distance of a reader.
pub(crate) const MUCH_WAL_BYTES: i64 = 1 << 30;

/// A slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SlotStatus {
    /// Its name.
    pub name: String,
    /// `host:port`
    pub server: String,
    /// `logical` or `physical`
    pub slot_type: String,
    /// The output plugin of a logical slot.
    pub plugin: Option<String>,
    /// The database of a logical slot.
    pub database: Option<String>,
    /// Who reads from it.
    pub holder: Option<Holder>,
    /// Whose it is, if it is ours.
    pub owner: Option<Owner>,
    /// Whether it goes with its session.
    pub is_temporary: bool,
    /// Whether it delivers transactions when they are prepared (14 and later).
    pub two_phase: Option<bool>,
    /// Whether it goes along to a standby (17 and later).
    pub failover: Option<bool>,
    /// Everything before is acknowledged.
    pub confirmed_flush_lsn: Option<String>,
    /// From here on WAL is kept.
    pub restart_lsn: Option<String>,
    /// Bytes of WAL that are kept for it.
    pub retained_bytes: Option<i64>,
    /// Bytes of WAL that its reader has not acknowledged.
    pub unread_bytes: Option<i64>,
    /// `reserved`, `extended`, `unreserved`, `lost`
    pub wal_status: Option<String>,
    /// Bytes that can be written before it is in danger.
    pub safe_wal_size: Option<i64>,
    /// Why it cannot be read any more (17 and later; 16 says `conflicting` only).
    pub invalidation_reason: Option<String>,
    /// Since when nobody reads it (17 and later).
    pub inactive_since: Option<String>,
    /// Transactions since the oldest row version that it keeps.
    pub xmin_age: Option<i32>,
    /// The same for rows of the catalog.
    pub catalog_xmin_age: Option<i32>,
    /// What is dangerous about it.
    pub dangers: Vec<Danger>,
}

/// What may come of a slot. `Display` says it with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Danger {
    /// Nobody can read from it any more, for this reason.
    Lost(String),
    /// The next checkpoint of the server makes it lost.
    Unreserved,
    /// It keeps much WAL; whether somebody reads from it.
    MuchWal {
        /// Somebody does.
        is_read: bool,
    },
    /// Nobody reads from it, and no setting limits what is kept for it.
    Unlimited,
    /// It is lost once it was idle for so long (18 and later).
    IdleTimeout(String),
}

impl std::fmt::Display for Danger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lost(reason) => {
                return write!(f, "is lost ({reason}): nobody can read from it any more, drop it");
            }
            Self::Unreserved => {
                "is about to be lost, the server's next checkpoint removes WAL that it needs: let \
                 its reader catch up, or raise max_slot_wal_keep_size"
            }
            Self::MuchWal { is_read: true } => {
                "keeps much WAL on the server's disk: its reader is slow, or a transaction is long"
            }
            Self::MuchWal { is_read: false } => {
                "keeps much WAL on the server's disk and nobody reads from it: start its reader, or \
                 drop it"
            }
            Self::Unlimited => {
                "can fill the server's disk: nobody reads from it, and nothing limits the WAL that \
                 is kept for it (max_slot_wal_keep_size = -1)"
            }
            Self::IdleTimeout(limit) => {
                return write!(
                    f,
                    "is lost once nobody has read from it for {limit} (idle_replication_slot_timeout)"
                );
            }
        })
    }
}

/// Who reads from a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// The server's process.
    pub pid: i32,
    /// What it calls itself.
    pub application: Option<String>,
    /// Its role.
    pub user: Option<String>,
    /// Where it comes from, if we may know.
    pub client: Option<String>,
}

/// Why a slot is one of Tailwater's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This job reads it.
    Job(String),
    /// This connector of a worker reads it, or will.
    Connector(String),
    /// There is a publication with the name that we give.
    Publication(String),
}

impl Holder {
    /// The job of ours that it is.
    pub fn job(&self) -> Option<&str> {
        self.application.as_deref()?.strip_prefix("tailwater ")
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {}", self.pid)?;
        let parts = [("", &self.application), ("user ", &self.user), ("from ", &self.client)];
        let parts = parts.iter().filter_map(|(word, part)| Some((word, part.as_deref()?)));
        let shown: Vec<String> = parts
            .filter(|(_, part)| !part.is_empty())
            .map(|(word, part)| format!("{word}\"{part}\""))
            .collect();
        if shown.is_empty() { Ok(()) } else { write!(f, " ({})", shown.join(", ")) }
    }
}

impl SlotStatus {
    /// Whether nobody can read from it any more.
    pub fn is_lost(&self) -> bool {
        self.wal_status.as_deref() == Some("lost") || self.invalidation_reason.is_some()
    }

    /// The publication that we would have made for it.
    pub fn publication(&self) -> String {
        format!("tailwater_{}", self.name)
    }
}

const SLOTS: &str = "SELECT s.slot_name::text, s.slot_type, s.plugin::text, s.database::text,
      s.active_pid, a.application_name, a.usename::text, host(a.client_addr), s.temporary,
      (to_jsonb(s) ->> 'two_phase')::bool, (to_jsonb(s) ->> 'failover')::bool,
      s.confirmed_flush_lsn::text, s.restart_lsn::text,
      pg_wal_lsn_diff(now.lsn, s.restart_lsn)::int8,
      pg_wal_lsn_diff(now.lsn, s.confirmed_flush_lsn)::int8, s.wal_status, s.safe_wal_size,
      coalesce(to_jsonb(s) ->> 'invalidation_reason',
        CASE WHEN (to_jsonb(s) ->> 'conflicting')::bool AND restart_lsn IS NOT NULL THEN 'conflicting' END),
      to_jsonb(s) ->> 'inactive_since', age(s.xmin), age(s.catalog_xmin),
      current_setting('max_slot_wal_keep_size'),
      current_setting('idle_replication_slot_timeout', true)
    FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
    CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
      ELSE pg_current_wal_lsn() END) now(lsn)
    ORDER BY s.slot_name";

/// Reads all slots of the server that `client` is connected to.
pub(crate) async fn load(client: &Client, server: &str) -> Result<Vec<SlotStatus>, ConnectorError> {
    let rows = client.query(SLOTS, &[]).await;
    let rows = rows.map_err(|error| query_error("list the slots", error))?;
    Ok(rows.iter().map(|row| status(row, server)).collect())
}

fn status(row: &Row, server: &str) -> SlotStatus {
    let holder = row.get::<_, Option<i32>>(4).map(|pid| Holder {
        pid,
        application: row.get(5),
        user: row.get(6),
        client: row.get(7),
    });
    let mut slot = SlotStatus {
        name: row.get(0),
        server: server.to_owned(),
        slot_type: row.get(1),
        plugin: row.get(2),
        database: row.get(3),
        owner: holder.as_ref().and_then(Holder::job).map(|job| Owner::Job(job.to_owned())),
        holder,
        is_temporary: row.get(8),
        two_phase: row.get(9),
        failover: row.get(10),
        confirmed_flush_lsn: row.get(11),
        restart_lsn: row.get(12),
        retained_bytes: row.get(13),
        unread_bytes: row.get(14),
        wal_status: row.get(15),
        safe_wal_size: row.get(16),
        invalidation_reason: row.get(17),
        inactive_since: row.get(18),
        xmin_age: row.get(19),
        catalog_xmin_age: row.get(20),
        dangers: Vec::new(),
    };
    let (keep, idle): (String, Option<String>) = (row.get(21), row.get(22));
    slot.dangers = dangers(&slot, &keep, idle.as_deref());
    slot
}

/// What is dangerous about a slot, by two settings of its server.
fn dangers(slot: &SlotStatus, keep: &str, idle: Option<&str>) -> Vec<Danger> {
    if slot.is_lost() {
        let why = slot.invalidation_reason.as_deref().unwrap_or("wal_removed");
        return vec![Danger::Lost(why.to_owned())];
    }
    let is_read = slot.holder.is_some();
    let is_unreserved = slot.wal_status.as_deref() == Some("unreserved");
    let has_much = slot.retained_bytes.is_some_and(|bytes| bytes > MUCH_WAL_BYTES);
    let limit = idle.filter(|limit| !is_read && *limit != "0");
    [
        is_unreserved.then_some(Danger::Unreserved),
        has_much.then_some(Danger::MuchWal { is_read }),
        (!is_read && keep == "-1").then_some(Danger::Unlimited),
        limit.map(|limit| Danger::IdleTimeout(limit.to_owned())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl SlotServer {
    /// All slots of the server.
    ///
    /// # Errors
    /// The server cannot be reached or asked.
    pub async fn slots(&self) -> Result<Vec<SlotStatus>, ConnectorError> {
        let client = client::connect(self.address(), "tailwater slots").await?;
        let mut slots = load(&client, &self.endpoint()).await?;
        let databases: BTreeSet<String> = slots.iter().filter_map(|s| s.database.clone()).collect();
        let mut published: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for database in databases {
            let names = self.publications(&client, &database).await;
            published.insert(database, names);
        }
        for slot in &mut slots {
            let names = slot.database.as_ref().and_then(|database| published.get(database));
            let name = slot.publication();
            if slot.owner.is_none() && names.is_some_and(|names| names.contains(&name)) {
                slot.owner = Some(Owner::Publication(name));
            }
        }
        Ok(slots)
    }

    /// Publications with our names; none where we may not look.
    async fn publications(&self, client: &Client, database: &str) -> Vec<String> {
        let sql = "SELECT pubname::text FROM pg_publication WHERE pubname LIKE 'tailwater\\_%'";
        let other;
        let client = if database == self.address().database {
            client
        } else {
            match client::connect(&self.address().in_database(database), "tailwater slots").await {
                Ok(client) => {
                    other = client;
                    &other
                }
                Err(error) => {
                    tracing::debug!(%error, database, "cannot look for publications");
                    return Vec::new();
                }
            }
        };
        let rows = client.query(sql, &[]).await.unwrap_or_default();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// How far a slot is behind, in words.
pub(crate) fn distance(slot: &SlotStatus) -> String {
    let bytes = |bytes: Option<i64>| show_bytes(bytes.unwrap_or(0).max(0) as u64);
    format!("{} of WAL kept, {} unread", bytes(slot.retained_bytes), bytes(slot.unread_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> SlotStatus {
        SlotStatus {
            wal_status: Some("reserved".to_owned()),
            retained_bytes: Some(4096),
            holder: Some(Holder { pid: 1, ..Holder::default() }),
            ..SlotStatus::default()
        }
    }

    #[test]
    fn a_slot_in_no_danger_has_none() {
        assert_eq!(dangers(&slot(), "-1", Some("1d")), []);
        let idle = SlotStatus { holder: None, ..slot() };
        assert_eq!(dangers(&idle, "10GB", Some("0")), []);
        assert_eq!(dangers(&idle, "10GB", None), []);
    }

    #[test]
    fn every_danger_is_told() {
        let idle = SlotStatus { holder: None, ..slot() };
        let timeout = Danger::IdleTimeout("1d".to_owned());
        assert_eq!(dangers(&idle, "-1", Some("1d")), [Danger::Unlimited, timeout]);
        let retained_bytes = Some(MUCH_WAL_BYTES + 1);
        let wal_status = Some("unreserved".to_owned());
        let slow = SlotStatus { retained_bytes, wal_status, ..slot() };
        let much = Danger::MuchWal { is_read: true };
        assert_eq!(dangers(&slow, "2GB", None), [Danger::Unreserved, much]);
        let left = SlotStatus { retained_bytes, ..idle.clone() };
        assert_eq!(dangers(&left, "2GB", None), [Danger::MuchWal { is_read: false }]);
        let invalidation_reason = Some("idle_timeout".to_owned());
        let timed_out = SlotStatus { invalidation_reason, ..idle.clone() };
        let lost = |why: &str| vec![Danger::Lost(why.to_owned())];
        assert_eq!(dangers(&timed_out, "-1", Some("1d")), lost("idle_timeout"));
        let removed = SlotStatus { wal_status: Some("lost".to_owned()), ..idle };
        assert_eq!(dangers(&removed, "-1", None), lost("wal_removed"));
    }

    #[test]
    fn a_holder_is_shown_as_far_as_it_is_known() {
        let mut holder = Holder { pid: 7, ..Holder::default() };
        assert_eq!(holder.to_string(), "process 7");
        holder.application = Some("tailwater totals".to_owned());
        holder.user = Some("me".to_owned());
        assert_eq!(holder.to_string(), "process 7 (\"tailwater totals\", user \"me\")");
        assert_eq!(holder.job(), Some("totals"));
    }
}
