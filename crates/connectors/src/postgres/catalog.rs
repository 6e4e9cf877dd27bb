//! What the catalog says of a table.

use tailwater_connector_api::{ConnectorError, ErrorKind, nearest};
use tailwater_pg_wire::pgoutput::ReplicaIdentity;
use tokio_postgres::Client;

use super::client::{qualified, query_error};
use super::types::{self, PgType};

/// A table or partitioned table.
#[derive(Clone, Debug)]
pub(crate) struct CatalogTable {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) is_partitioned: bool,
    /// What it is instead of a table: `a view`.
    pub(crate) other_kind: Option<&'static str>,
    pub(crate) columns: Vec<CatalogColumn>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct CatalogColumn {
    pub(crate) name: String,
    /// Its number, which a new name does not change.
    pub(crate) attnum: i16,
    /// The declared type, as the stream names it.
    pub(crate) type_oid: u32,
    /// What to read it as.
    pub(crate) pg_type: PgType,
    pub(crate) is_not_null: bool,
    /// Whether a row may come without it.
    pub(crate) has_default: bool,
    pub(crate) generated: Option<Generated>,
}

/// When a column that is computed from others is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    /// When its row is written.
    Stored,
    /// When it is read (PostgreSQL 18 and later).
    Virtual,
}

impl CatalogTable {
    /// The table in messages: `schema.table`
    pub(crate) fn shown(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The table as SQL.
    pub(crate) fn sql_name(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// A column by its name.
    pub(crate) fn column(&self, name: &str) -> Option<&CatalogColumn> {
        self.columns.iter().find(|c| c.name == name)
    }
}

const TABLE: &str = "SELECT c.oid, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = \
    c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

const COLUMNS: &str = "SELECT attname::text, atttypid, format_type(atttypid, atttypmod), attnum,
      attgenerated::text, attnotnull OR typnotnull,
      atthasdef OR attidentity <> '' OR typdefault IS NOT NULL
    FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
    WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

/// Reads a table, or says which one may have been meant.
pub(crate) async fn load(
    client: &Client,
    schema: &str,
    name: &str,
) -> Result<CatalogTable, ConnectorError> {
    let failed = |error| query_error("read the catalog", error);
    let found = client.query_opt(TABLE, &[&schema, &name]).await.map_err(failed)?;
    let Some(row) = found else {
        return Err(missing_table(client, schema, name).await);
    };
    let oid: u32 = row.get(0);
    let kind: String = row.get(1);
    let rows = client.query(COLUMNS, &[&oid]).await.map_err(failed)?;
    let type_oids: Vec<u32> = rows.iter().map(|row| row.get(1)).collect();
    let types = types::load(client, &type_oids).await?;
    let columns = rows.iter().map(|row| CatalogColumn {
        name: row.get(0),
        attnum: row.get(3),
        type_oid: row.get(1),
        pg_type: types.column(row.get(1), row.get(2)),
        generated: match row.get(4) {
            "s" => Some(Generated::Stored),
            "v" => Some(Generated::Virtual),
            _ => None,
        },
        is_not_null: row.get(5),
        has_default: row.get(6),
    });
    Ok(CatalogTable {
        oid,
        schema: schema.to_owned(),
        name: name.to_owned(),
        is_partitioned: kind == "p",
        other_kind: match kind.as_str() {
            "v" => Some("a view"),
            "m" => Some("a materialized view"),
            "f" => Some("a foreign table"),
            _ => None,
        },
        columns: columns.collect(),
    })
}

async fn missing_table(client: &Client, schema: &str, name: &str) -> ConnectorError {
    let sql = "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = \
        c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> \
        'information_schema' ORDER BY (c.relname = $1) DESC, 1 LIMIT 1000";
    let rows = client.query(sql, &[&name]).await.unwrap_or_default();
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let wanted = format!("{schema}.{name}");
    let same = names.iter().find(|n| n.rsplit('.').next() == Some(name));
    let near =
        same.map(String::as_str).or_else(|| nearest(&wanted, names.iter().map(String::as_str)));
    let message = format!("table \"{wanted}\" does not exist");
    let error = ConnectorError::new(ErrorKind::SchemaMismatch, message);
    match near {
        Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
        None => error.with_hint("check \"schema-name\", \"table-name\" and \"database-name\""),
    }
}

/// What the stream tells of old rows of the table, and the columns of its identity. Of a
/// partitioned table the first leaf whose identity is not FULL counts.
pub(crate) async fn replica_identity(
    client: &Client,
    table: &CatalogTable,
) -> Result<(ReplicaIdentity, Vec<String>, String), ConnectorError> {
    let sql = "WITH leaf AS (
          SELECT c.oid, c.relreplident, n.nspname, c.relname
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind = 'r' AND (c.oid = $1 OR c.oid IN
            (SELECT relid FROM pg_partition_tree($1::oid::regclass) WHERE isleaf)))
        SELECT leaf.relreplident::text, quote_ident(nspname) || '.' || quote_ident(relname),
          ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a
            ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = leaf.oid AND CASE leaf.relreplident
              WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)
        FROM leaf ORDER BY (leaf.relreplident = 'f'), 2 LIMIT 1";
    let row = client
        .query_opt(sql, &[&table.oid])
        .await
        .map_err(|error| query_error("read the replica identity", error))?;
    // A partitioned table without a partition holds no row whose identity could matter.
    let Some(row) = row else {
        return Ok((ReplicaIdentity::Full, Vec::new(), table.sql_name()));
    };
    let letter: String = row.get(0);
    let identity = letter.bytes().next().and_then(ReplicaIdentity::from_byte);
    Ok((identity.unwrap_or(ReplicaIdentity::Nothing), row.get(2), row.get(1)))
}
