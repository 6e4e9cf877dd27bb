//! Generated columns: from PostgreSQL 18 on stored ones are published, where the publication says so.

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tokio_postgres::Client;

use super::catalog::{CatalogColumn, CatalogTable, Generated};
use super::client::{query_error, quote};

/// The first release that publishes them.
const PUBLISHED_SINCE: i32 = 180_000;

/// How a publication treats generated columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publishing<'a> {
    pub(super) name: &'a str,
    /// It publishes stored ones, if the server does.
    pub(super) has_stored: bool,
    /// `server_version_num`
    pub(super) version: i32,
}

/// What the statement that makes a publication says of them.
pub(super) fn publish_option(version: i32) -> Option<&'static str> {
    (version >= PUBLISHED_SINCE).then_some("publish_generated_columns = stored")
}

/// Checks that the wanted generated columns come, and that being published does not make the
/// server refuse updates of the table.
pub(super) async fn check(
    client: &Client,
    table: &CatalogTable,
    wanted: &[&str],
    publishing: Publishing<'_>,
) -> Result<(), ConnectorError> {
    let generated = || table.columns.iter().filter(|c| c.generated.is_some());
    let listed = || listed_columns(client, table, publishing.name);
    for column in generated().filter(|c| wanted.contains(&c.name.as_str())) {
        if comes(column, publishing) {
            continue;
        }
        // A column list may name it.
        if publishing.version < PUBLISHED_SINCE || !listed().await?.contains(&column.name) {
            return Err(unpublished(table, column, publishing));
        }
    }
    if publishing.version < PUBLISHED_SINCE || generated().all(|c| comes(c, publishing)) {
        return Ok(());
    }
    match identifying(client, table, publishing).await? {
        Some(column) => Err(blocks_updates(table, &column, publishing)),
        None => Ok(()),
    }
}

fn comes(column: &CatalogColumn, publishing: Publishing<'_>) -> bool {
    let is_stored = column.generated == Some(Generated::Stored);
    is_stored && publishing.has_stored && publishing.version >= PUBLISHED_SINCE
}

/// The columns that a publication's column list names.
async fn listed_columns(
    client: &Client,
    table: &CatalogTable,
    publication: &str,
) -> Result<Vec<String>, ConnectorError> {
    let sql = "SELECT a.attname::text FROM pg_publication p
        JOIN pg_publication_rel r ON r.prpubid = p.oid
        JOIN pg_attribute a ON a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[])
        WHERE p.pubname = $1 AND r.prrelid = $2";
    let rows = client.query(sql, &[&publication, &table.oid]).await;
    let rows = rows.map_err(|error| query_error("read the publications", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn unpublished(
    table: &CatalogTable,
    column: &CatalogColumn,
    publishing: Publishing<'_>,
) -> ConnectorError {
    let Publishing { name, version, .. } = publishing;
    let (column_name, generated) = (&column.name, column.generated);
    let what = format!(
        "column \"{column_name}\" of table \"{}.{}\" is generated",
        table.schema, table.name
    );
    let instead = format!(
        "leave it out, or declare it as a computed column: {} AS <its expression>",
        quote(column_name).replace('"', "`")
    );
    let (message, hint) = match generated {
        Some(Generated::Stored) if version >= PUBLISHED_SINCE => (
            format!("{what}, and publication \"{name}\" does not publish generated columns"),
            format!(
                "ALTER PUBLICATION {} SET (publish_generated_columns = stored); Or {instead}",
                quote(name)
            ),
        ),
        Some(Generated::Virtual) => {
            (format!("{what} when it is read: it is not in the stream of changes"), instead)
        }
        _ => (
            format!("{what}, which PostgreSQL {} does not publish", version / 10_000),
            format!("{instead}; PostgreSQL 18 and later publish stored generated columns"),
        ),
    };
    ConnectorError::new(ErrorKind::SchemaMismatch, message).with_hint(hint)
}

/// A generated column that is part of the table's replica identity and does not come.
async fn identifying(
    client: &Client,
    table: &CatalogTable,
    publishing: Publishing<'_>,
) -> Result<Option<String>, ConnectorError> {
    let sql = "SELECT a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind = 'r' AND (c.oid = $1 OR c.oid IN
            (SELECT relid FROM pg_partition_tree($1::oid::regclass)))
          AND NOT a.attisdropped AND (a.attgenerated = 'v' OR a.attgenerated = 's' AND NOT $2)
          AND (c.relreplident = 'f' OR EXISTS (SELECT 1 FROM pg_index i
            WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey::int2[]) AND CASE c.relreplident
              WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END))
        LIMIT 1";
    let row = client.query_opt(sql, &[&table.oid, &publishing.has_stored]).await;
    let row = row.map_err(|error| query_error("read the replica identity", error))?;
    Ok(row.map(|row| row.get(0)))
}

/// The server would refuse every UPDATE and DELETE of the table once it is published.
fn blocks_updates(
    table: &CatalogTable,
    column: &str,
    publishing: Publishing<'_>,
) -> ConnectorError {
    let is_stored = table.column(column).is_some_and(|c| c.generated == Some(Generated::Stored));
    let (publication, sql_name) = (quote(publishing.name), table.sql_name());
    let message = format!(
        "generated column \"{column}\" of table \"{}.{}\" is part of its replica identity and not \
         published: PostgreSQL refuses updates and deletes of such a table",
        table.schema, table.name
    );
    let hint = if is_stored {
        format!("ALTER PUBLICATION {publication} SET (publish_generated_columns = stored);")
    } else {
        format!(
            "ALTER TABLE {sql_name} REPLICA IDENTITY DEFAULT; and set 'changelog-mode' = 'upsert', \
             or drop the column"
        )
    };
    ConnectorError::new(ErrorKind::Config, message).with_hint(hint)
}
