//! The publication: used as it is where it serves, made for the captured tables where it is missing.

use std::collections::HashMap;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tokio_postgres::Client;

use super::catalog::CatalogTable;
use super::client::{query_error, quote};
use super::generated;
use super::options::PublicationCreate;
use super::position::SlotPosition;

/// What a publication does with the captured tables, and what has to be done first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publication {
    /// Statements to run before the stream can start.
    pub(crate) work: Vec<String>,
    /// The tables that are not in it yet.
    unpublished: Vec<u32>,
    /// For each published table that was asked for its row filter.
    filters: HashMap<u32, String>,
    /// For each table whose partitions publish under their own names these.
    pub(crate) partitions: HashMap<u32, Vec<u32>>,
}

impl Publication {
    /// The condition under which rows of a table are published.
    pub(crate) fn filter(&self, table: u32) -> Option<&str> {
        self.filters.get(&table).map(String::as_str)
    }
}

/// One table of `pg_publication_tables`.
struct Published {
    oid: u32,
    columns: Option<Vec<String>>,
    filter: Option<String>,
}

const PUBLICATION: &str = "SELECT pubinsert, pubupdate, pubdelete, \
    coalesce(to_jsonb(p) ->> 'pubgencols', 'n') = 's' FROM pg_publication p WHERE pubname = $1";

const TABLES: &str =
    "SELECT c.oid, ARRAY(SELECT jsonb_array_elements_text( \
        CASE jsonb_typeof(to_jsonb(t) -> 'attnames') WHEN 'array' THEN to_jsonb(t) -> 'attnames' END)), \
      to_jsonb(t) ? 'attnames', to_jsonb(t) ->> 'rowfilter'
    FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename WHERE t.pubname = $1";

/// The partitions that hold rows, and whether the publication names the table itself.
const PARTITIONS: &str =
    "SELECT ARRAY(SELECT p.relid::oid FROM pg_partition_tree($1::oid::regclass) p
        WHERE p.isleaf AND p.relid <> $1),
      EXISTS (SELECT 1 FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
        WHERE p.pubname = $2 AND r.prrelid = $1)";

/// Judges the publication without changing it. `wanted` gives the columns needed of each table.
pub(crate) async fn check(
    client: &Client,
    name: &str,
    wanted: &[(&CatalogTable, Vec<&str>)],
    create: PublicationCreate,
    version: i32,
) -> Result<Publication, ConnectorError> {
    let failed = |error| query_error("read the publications", error);
    let found = client.query_opt(PUBLICATION, &[&name]).await.map_err(failed)?;
    for (table, columns) in wanted {
        let has_stored = found.as_ref().is_none_or(|row| row.get(3));
        let publishing = generated::Publishing { name, has_stored, version };
        generated::check(client, table, columns, publishing).await?;
    }
    let Some(row) = found else {
        return create_for(client, name, wanted, create, version).await;
    };
    if !(0..3).all(|at| row.get::<_, bool>(at)) {
        let message =
            format!("publication \"{name}\" does not publish inserts, updates and deletes");
        return Err(ConnectorError::new(ErrorKind::Config, message).with_hint(format!(
            "ALTER PUBLICATION {} SET (publish = 'insert, update, delete, truncate');",
            quote(name)
        )));
    }
    let rows = client.query(TABLES, &[&name]).await.map_err(failed)?;
    let published = rows.iter().map(|row| Published {
        oid: row.get(0),
        columns: row.get::<_, bool>(2).then(|| row.get(1)),
        filter: row.get(3),
    });
    let published: HashMap<u32, Published> = published.map(|p| (p.oid, p)).collect();
    let mut publication = Publication::default();
    for (table, columns) in wanted {
        if let Some(found) = published.get(&table.oid) {
            check_columns(name, table, columns, found)?;
            publication.filters.extend(found.filter.clone().map(|f| (table.oid, f)));
            continue;
        }
        if table.is_partitioned {
            let row = client.query_one(PARTITIONS, &[&table.oid, &name]).await.map_err(failed)?;
            let leaves: Vec<u32> = row.get(0);
            let is_named: bool = row.get(1);
            let are_all =
                !leaves.is_empty() && leaves.iter().all(|oid| published.contains_key(oid));
            if is_named || are_all {
                publication.partitions.insert(table.oid, leaves);
                continue;
            }
        }
        let (publication_sql, table_sql) = (quote(name), table.sql_name());
        let statement = format!("ALTER PUBLICATION {publication_sql} ADD TABLE {table_sql};");
        if create == PublicationCreate::Never {
            let message = format!(
                "publication \"{name}\" does not contain table \"{}.{}\"",
                table.schema, table.name
            );
            return Err(ConnectorError::new(ErrorKind::Config, message).with_hint(statement));
        }
        check_may_publish(client, table, &statement).await?;
        publication.work.push(statement);
        publication.unpublished.push(table.oid);
    }
    Ok(publication)
}

/// A publication for these tables alone. The changes of partitions come in the name of the table
/// that was asked for.
async fn create_for(
    client: &Client,
    name: &str,
    wanted: &[(&CatalogTable, Vec<&str>)],
    create: PublicationCreate,
    version: i32,
) -> Result<Publication, ConnectorError> {
    let tables: Vec<String> = wanted.iter().map(|(table, _)| table.sql_name()).collect();
    let generated = generated::publish_option(version);
    let statement = format!(
        "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true{generated});",
        quote(name),
        tables.join(", ")
    );
    if create == PublicationCreate::Never {
        let message = format!("publication \"{name}\" does not exist");
        return Err(ConnectorError::new(ErrorKind::Config, message).with_hint(statement));
    }
    for (table, _) in wanted {
        check_may_publish(client, table, &statement).await?;
    }
    let unpublished = wanted.iter().map(|(table, _)| table.oid).collect();
    Ok(Publication { work: vec![statement], unpublished, ..Publication::default() })
}

/// A column may be left out by the publication's column list.
fn check_columns(
    name: &str,
    table: &CatalogTable,
    wanted: &[&str],
    published: &Published,
) -> Result<(), ConnectorError> {
    let Some(columns) = &published.columns else {
        return Ok(());
    };
    let Some(missing) = wanted.iter().find(|w| !columns.iter().any(|c| c == *w)) else {
        return Ok(());
    };
    let message = format!(
        "column \"{missing}\" of table \"{}.{}\" is not published by publication \"{name}\"",
        table.schema, table.name
    );
    Err(ConnectorError::new(ErrorKind::SchemaMismatch, message)
        .with_hint(format!("the publication's column list has {}", columns.join(", "))))
}

async fn check_may_publish(
    client: &Client,
    table: &CatalogTable,
    statement: &str,
) -> Result<(), ConnectorError> {
    let sql = "SELECT has_database_privilege(current_database(), 'CREATE')
        AND pg_has_role(relowner, 'USAGE'), current_user::text FROM pg_class WHERE oid = $1";
    let row = client
        .query_one(sql, &[&table.oid])
        .await
        .map_err(|error| query_error("read the privileges", error))?;
    if row.get(0) {
        return Ok(());
    }
    let message = format!(
        "role \"{}\" may not publish table \"{}.{}\"",
        row.get::<_, &str>(1),
        table.schema,
        table.name
    );
    let hint = format!("as the table's owner: {statement}");
    Err(ConnectorError::new(ErrorKind::Auth, message).with_hint(hint))
}

/// A job that goes on from `position` needs the tables that it had in the publication: what was
/// written while one was not in it never comes.
pub(crate) fn check_resumable(
    name: &str,
    publication: &Publication,
    position: &SlotPosition,
) -> Result<(), ConnectorError> {
    if !position.tables.iter().any(|oid| publication.unpublished.contains(oid)) {
        return Ok(());
    }
    let message = format!(
        "the table is no longer in publication \"{name}\": changes behind {}, where the job \
         stopped, may be missing",
        position.lsn
    );
    Err(ConnectorError::new(ErrorKind::Config, message)
        .with_hint("start the job anew with --fresh (it reads the table again)"))
}

/// Makes or extends the publication.
pub(crate) async fn apply(client: &Client, work: &[String]) -> Result<(), ConnectorError> {
    for statement in work {
        client.batch_execute(statement).await.map_err(|error| {
            query_error("publish the table", error).with_hint(statement.as_str())
        })?;
    }
    Ok(())
}
