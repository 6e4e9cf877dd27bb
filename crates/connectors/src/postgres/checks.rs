//! Everything that must hold before the first row is read: each failure names its remedy.

use std::time::Duration;

use tailwater_connector_api::{ConnectorError, ErrorKind, nearest};
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
     FROM pg_roles WHERE rolname = current_user), current_user::text";

/// Checks the server's settings and the role.
pub(crate) async fn server(
    client: &Client,
    config: &PostgresConfig,
    own_process: u32,
) -> Result<Server, ConnectorError> {
    let row = client
        .query_one(SERVER, &[])
        .await
        .map_err(|error| query_error("read the server's settings", error))?;
    let version: i32 = row.get(0);
    let fail =
        |kind, message: &str, hint: &str| Err(ConnectorError::new(kind, message).with_hint(hint));
    if version < 130_000 {
        let message = "the server is older than PostgreSQL 13";
        return fail(ErrorKind::Unsupported, message, "upgrade PostgreSQL to 13 or newer");
    }
    let answer = Server {
        version,
        wal_sender_timeout: Duration::from_millis(row.get::<_, i32>(7).max(0) as u64),
    };
    if config.startup == Startup::Snapshot {
        return Ok(answer);
    }
    if row.get(1) {
        let message = "the server is a standby, changes are read from the primary";
        // During a failover it may be promoted next.
        return fail(ErrorKind::Connect, message, "set \"hostname\" to the primary");
    }
    let wal_level: String = row.get(2);
    if wal_level != "logical" {
        return Err(ConnectorError::new(
            ErrorKind::Config,
            format!("wal_level is \"{wal_level}\", changes are only written at \"logical\""),
        )
        .with_hint("ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL"));
    }
    if !row.get::<_, bool>(8) {
        let role: String = row.get(9);
        let message = format!("role \"{role}\" may not replicate");
        let hint = format!("as a superuser: ALTER ROLE {} REPLICATION;", quote(&role));
        return Err(ConnectorError::new(ErrorKind::Auth, message).with_hint(hint));
    }
    let (max_senders, senders): (i32, i32) = (row.get(4), row.get(6));
    if senders >= max_senders {
        return Err(ConnectorError::new(
            ErrorKind::Throttled,
            format!("all {max_senders} WAL senders of the server are in use"),
        )
        .with_hint("stop another reader, or raise max_wal_senders and restart PostgreSQL"));
    }
    let (max_slots, slots): (i32, i32) = (row.get(3), row.get(5));
    let found = slot::find(client, &config.slot, &config.address.database, own_process).await?;
    if found.is_none() && slots >= max_slots {
        let message = format!("all {max_slots} replication slots of the server are in use");
        return fail(ErrorKind::Throttled, &message, slot::MORE_SLOTS);
    }
    Ok(answer)
}

/// Checks that the role may read the table.
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
        return Ok(());
    }
    let role: String = row.get(1);
    let message = format!("role \"{role}\" may not read table \"{}.{}\"", table.schema, table.name);
    Err(ConnectorError::new(ErrorKind::Auth, message).with_hint(format!(
        "as the owner: GRANT USAGE ON SCHEMA {} TO {role}; GRANT SELECT ON {} TO {role};",
        quote(&table.schema),
        table.sql_name(),
        role = quote(&role)
    )))
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
