//! Everything that must hold before the first row is read: each failure names its remedy.

use std::time::Duration;

use tailwater_connector_api::{
    Claim, ConnectorError, ErrorKind, Hint, Object, Preconditions, Setting, nearest,
};
use tailwater_pg_wire::pgoutput::ReplicaIdentity;
use tokio_postgres::Client;

use super::catalog::{self, CatalogTable};
use super::client::{query_error, quote};
use super::options::{ChangeForm, PostgresConfig, Startup};
use super::rows::identity_full;
use super::slot;

/// What the checks have found out about the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    pub(crate) version: i32,
    pub(crate) wal_sender_timeout: Duration,
}

const SERVER: &str = "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(),
    current_setting('wal_level'), current_setting('max_replication_slots')::int,
    current_setting('max_wal_senders')::int,
    (SELECT count(*) FROM pg_replication_slots)::int,
    (SELECT count(*) FROM pg_stat_replication)::int,
    (SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout')::int,
    (SELECT rolreplication OR rolsuper OR EXISTS (SELECT 1 FROM pg_roles r
       WHERE r.rolname = 'rds_replication' AND pg_has_role(r.oid, 'USAGE'))
     FROM pg_roles WHERE rolname = current_user), current_user::text,
    (SELECT active FROM pg_replication_slots WHERE slot_name = $1)";

const MORE_SENDERS: &str = "stop another reader, or raise max_wal_senders and restart PostgreSQL";

/// What there is of everything that a stream takes from the server.
struct Supply {
    is_standby: bool,
    wal_level: String,
    slots: (i32, i32),
    senders: (i32, i32),
    may_replicate: bool,
    role: String,
    slot: String,
    /// Whether the slot is read, if it is there.
    slot_is_active: Option<bool>,
}

/// Checks the server's settings and the role; `None` if there is no use in going on.
pub(crate) async fn server(
    client: &Client,
    config: &PostgresConfig,
    found: &mut Preconditions,
) -> Option<Server> {
    let row = client.query_one(SERVER, &[&config.slot]).await;
    let row = row.map_err(|error| query_error("read the server's settings", error));
    let row = found.take("connection", Object::Server, row)?;
    let version: i32 = row.get(0);
    if version < 130_000 {
        let message = "the server is older than PostgreSQL 13";
        let error = ConnectorError::new(ErrorKind::Unsupported, message);
        let error = error.with_hint("upgrade PostgreSQL to 13 or newer");
        found.fail("server-version", Object::Server, error);
        return None;
    }
    if config.startup != Startup::Snapshot {
        let supply = Supply {
            is_standby: row.get(1),
            wal_level: row.get(2),
            slots: (row.get(5), row.get(3)),
            senders: (row.get(6), row.get(4)),
            may_replicate: row.get(8),
            role: row.get(9),
            slot: config.slot.clone(),
            slot_is_active: row.get(10),
        };
        supply.judge(found);
    }
    Some(Server {
        version,
        wal_sender_timeout: Duration::from_millis(row.get::<_, i32>(7).max(0) as u64),
    })
}

impl Supply {
    fn judge(&self, found: &mut Preconditions) {
        let error = |kind, message: String| ConnectorError::new(kind, message);
        if self.is_standby {
            let message = "the server is a standby, changes are read from the primary".to_owned();
            // During a failover it may be promoted next.
            let error = error(ErrorKind::Connect, message);
            found.fail(
                "standby",
                Object::Server,
                error.with_hint(Hint::each(|say| {
                    format!("set \"{}\" to the primary", say.name(Setting::Host))
                })),
            );
        }
        let wal_level = &self.wal_level;
        if wal_level == "logical" {
            found.ok("wal-level", Object::Server, "wal_level is \"logical\"");
        } else {
            let message =
                format!("wal_level is \"{wal_level}\", changes are only written at \"logical\"");
            let hint = "ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL";
            let error = error(ErrorKind::Config, message).with_hint(hint);
            found.fail("wal-level", Object::Server, error);
        }
        let role = || Object::Role(self.role.clone());
        if self.may_replicate {
            found.ok("role-replication", role(), format!("role \"{}\" may replicate", self.role));
        } else {
            let message = format!("role \"{}\" may not replicate", self.role);
            let hint = format!("as a superuser: ALTER ROLE {} REPLICATION;", quote(&self.role));
            let error = error(ErrorKind::Denied, message).with_hint(hint);
            found.fail("role-replication", role(), error);
        }
        let (senders, max_senders) = self.senders;
        if senders >= max_senders {
            let message = format!("all {max_senders} WAL senders of the server are in use");
            let error = error(ErrorKind::Throttled, message).with_hint(MORE_SENDERS);
            found.fail("wal-senders", Object::Server, error);
        } else {
            let message = format!("{senders} of {max_senders} WAL senders are in use");
            found.ok("wal-senders", Object::Server, message);
            if self.slot_is_active != Some(true) {
                found.claim(self.claim("WAL senders", max_senders - senders, MORE_SENDERS));
            }
        }
        let (slots, max_slots) = self.slots;
        if slots >= max_slots && self.slot_is_active.is_none() {
            let message = format!("all {max_slots} replication slots of the server are in use");
            let error = error(ErrorKind::Throttled, message).with_hint(slot::MORE_SLOTS);
            found.fail("replication-slots", Object::Server, error);
        } else {
            let message = format!("{slots} of {max_slots} replication slots are in use");
            found.ok("replication-slots", Object::Server, message);
            if self.slot_is_active.is_none() {
                let free = max_slots - slots;
                found.claim(self.claim("replication slots", free, slot::MORE_SLOTS));
            }
        }
    }

    fn claim(&self, resource: &'static str, free: i32, mend: &'static str) -> Claim {
        let free = usize::try_from(free).unwrap_or(0);
        Claim { resource, name: self.slot.clone(), free, mend }
    }
}

/// Checks that it is a table, with changes of its own.
pub(crate) fn is_table(table: &CatalogTable) -> Result<(), ConnectorError> {
    let Some(kind) = table.other_kind else {
        return Ok(());
    };
    let message = format!("\"{}\" is {kind}, which writes no changes", table.shown());
    Err(ConnectorError::new(ErrorKind::SchemaMismatch, message)
        .with_hint("capture the tables beneath it, or read it with 'connector' = 'jdbc'"))
}

/// Partitions are read themselves: the right to read the whole is not enough.
async fn may_select_leaves(client: &Client, table: &CatalogTable) -> Result<(), ConnectorError> {
    if !table.is_partitioned {
        return Ok(());
    }
    let sql = "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), current_user::text
        FROM pg_partition_tree($1::oid::regclass) t JOIN pg_class c ON c.oid = t.relid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE t.isleaf AND c.relkind = 'r'
          AND NOT has_table_privilege(c.oid, 'SELECT') ORDER BY 1";
    let rows = client.query(sql, &[&table.oid]).await;
    let rows = rows.map_err(|error| query_error("read the partitions' privileges", error))?;
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let role: String = first.get(1);
    let leaves: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let message = format!(
        "role \"{role}\" may not read {} of the partitions of table \"{}.{}\", which are read one \
         by one",
        leaves.len(),
        table.schema,
        table.name
    );
    Err(ConnectorError::new(ErrorKind::Denied, message).with_hint(format!(
        "as their owner: GRANT SELECT ON {} TO {};",
        leaves.join(", "),
        quote(&role)
    )))
}

/// Whether the role may read a table; of a partitioned one its partitions as well.
pub(crate) async fn may_select(
    client: &Client,
    table: &CatalogTable,
) -> Result<(), ConnectorError> {
    let sql = "SELECT has_table_privilege($1::oid, 'SELECT') AND has_schema_privilege(relnamespace, \
        'USAGE'), current_user::text FROM pg_class WHERE oid = $1";
    let row = client
        .query_one(sql, &[&table.oid])
        .await
        .map_err(|error| query_error("read the privileges", error))?;
    if row.get(0) {
        return may_select_leaves(client, table).await;
    }
    let role: String = row.get(1);
    let message = format!("role \"{role}\" may not read table \"{}.{}\"", table.schema, table.name);
    Err(ConnectorError::new(ErrorKind::Denied, message).with_hint(format!(
        "as the owner: GRANT USAGE ON SCHEMA {} TO {role}; GRANT SELECT ON {} TO {role};",
        quote(&table.schema),
        table.sql_name(),
        role = quote(&role)
    )))
}

/// Checks that no policy hides rows from the snapshot, which the stream would show.
pub(crate) async fn sees_every_row(
    client: &Client,
    table: &CatalogTable,
) -> Result<(), ConnectorError> {
    let sql = "SELECT row_security_active($1::oid), current_user::text";
    let row = client.query_one(sql, &[&table.oid]).await;
    let row = row.map_err(|error| query_error("read the policies", error))?;
    if !row.get::<_, bool>(0) {
        return Ok(());
    }
    let role: String = row.get(1);
    let message = format!(
        "row level security hides rows of table \"{}\" from role \"{role}\": the snapshot would \
         lack them",
        table.shown()
    );
    let hint = format!("as a superuser: ALTER ROLE {} BYPASSRLS;", quote(&role));
    Err(ConnectorError::new(ErrorKind::Denied, message).with_hint(hint))
}

/// What updates and deletes carry of the row before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldRows {
    Whole,
    /// The declared key.
    Keys,
}

/// Checks that updates and deletes will carry what is needed of the old row: all of it, or the
/// declared key.
pub(crate) async fn identity(
    client: &Client,
    config: &PostgresConfig,
    table: &CatalogTable,
    key: &[&str],
) -> Result<OldRows, ConnectorError> {
    let (identity, columns, leaf) = catalog::replica_identity(client, table).await?;
    if identity == ReplicaIdentity::Full {
        return Ok(OldRows::Whole);
    }
    let full = identity_full(&table.schema, &table.name);
    let leaf_full = format!("ALTER TABLE {leaf} REPLICA IDENTITY FULL;");
    let full = if table.is_partitioned { leaf_full } else { full };
    if key.is_empty() || config.changes == ChangeForm::AppendOnly {
        let message = format!(
            "table \"{}.{}\" does not write whole old rows to the WAL, and no key is declared by \
             which they could be told apart",
            table.schema, table.name
        );
        return Err(ConnectorError::new(ErrorKind::Config, message)
            .with_hint(format!("{full} Or declare PRIMARY KEY (...) NOT ENFORCED")));
    }
    let missing = key.iter().find(|k| !columns.iter().any(|c| c == *k));
    let Some(missing) = missing else {
        return Ok(OldRows::Keys);
    };
    let message = format!(
        "the declared key column \"{missing}\" is not in the replica identity of table \"{}.{}\": \
         deletes would not carry it",
        table.schema, table.name
    );
    Err(ConnectorError::new(ErrorKind::Config, message)
        .with_hint(format!("declare the table's own primary key, or {full}")))
}

/// Checks the same of a partitioned table whose changes come in its own name, and whose partitions
/// write whole old rows: the server tells them as whole as the table itself says.
pub(crate) async fn root_identity(
    client: &Client,
    config: &PostgresConfig,
    table: &CatalogTable,
    key: &[&str],
) -> Result<OldRows, ConnectorError> {
    let sql = "SELECT relkind <> 'p' OR relreplident = 'f' FROM pg_class WHERE oid = $1";
    let row = client.query_one(sql, &[&table.oid]).await;
    if row.map_err(|error| query_error("read the replica identity", error))?.get(0) {
        return Ok(OldRows::Whole);
    }
    if !key.is_empty() && config.changes != ChangeForm::AppendOnly {
        return Ok(OldRows::Keys);
    }
    let message = format!(
        "table \"{}\" is partitioned and is not REPLICA IDENTITY FULL itself, as its partitions are: \
         updates come without whole old rows, and no key is declared by which they could be told \
         apart",
        table.shown()
    );
    let hint = identity_full(&table.schema, &table.name);
    Err(ConnectorError::new(ErrorKind::Config, message)
        .with_hint(format!("{hint} Or declare PRIMARY KEY (...) NOT ENFORCED")))
}

/// The error for a declared column that the table does not have.
pub(crate) fn missing_column(table: &CatalogTable, name: &str) -> ConnectorError {
    let names = table.columns.iter().map(|c| c.name.as_str());
    let message = format!("column \"{name}\" is not in table \"{}.{}\"", table.schema, table.name);
    let error = ConnectorError::new(ErrorKind::SchemaMismatch, message);
    match nearest(name, names.clone()) {
        Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
        None => {
            let names: Vec<_> = names.collect();
            error.with_hint(format!("its columns are {}", names.join(", ")))
        }
    }
}
