//! The publication: used as it is where it serves, made for the captured tables where it is missing.

use std::collections::HashMap;

use tailwater_connector_api::{ConnectorError, ErrorKind, Hint, Object, Preconditions};
use tailwater_pg_wire::pgoutput::Relation;
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
    /// Changes of partitions come in the name of the table that they are partitions of.
    has_root_name: bool,
    /// A start adds the captured tables that are missing to it.
    pub(crate) is_extended: bool,
}

impl Publication {
    /// What has to be done before the stream of a source of records can start.
    pub(crate) fn to_be_made(
        work: Vec<String>,
        unpublished: Vec<u32>,
        filters: HashMap<u32, String>,
    ) -> Self {
        Self { work, unpublished, filters, ..Self::default() }
    }

    /// The same, if a start may have added tables to it.
    pub(crate) fn extended(self, is_extended: bool) -> Self {
        Self { is_extended, ..self }
    }

    /// Whether a table was in it before this start.
    pub(crate) fn had(&self, table: u32) -> bool {
        !self.unpublished.contains(&table)
    }

    /// Whether changes of a partitioned table come in its own name.
    pub(crate) fn tells_root(&self, table: u32) -> bool {
        self.has_root_name && !self.partitions.contains_key(&table)
    }

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

const PUBLICATION: &str = "SELECT pubinsert, pubupdate, pubdelete, pubviaroot,
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

/// The tables that are wanted, each with the columns that are needed of it.
pub(crate) type Wanted<'a> = [(&'a CatalogTable, Vec<&'a str>)];

/// Judges the publication without changing it.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) async fn check(
    client: &Client,
    name: &str,
    wanted: &Wanted<'_>,
    create: PublicationCreate,
    version: i32,
) -> Result<Publication, ConnectorError> {
    let mut found = Preconditions::default();
    let asked = Asked { name, create, version };
    let publication = inspect(client, wanted, asked, &mut found).await;
    found.into_result()?;
    Ok(publication)
}

/// Which publication, of which server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a str,
    pub(crate) create: PublicationCreate,
    /// `server_version_num`
    pub(crate) version: i32,
}

/// The same with everything that is wrong.
pub(crate) async fn inspect(
    client: &Client,
    wanted: &Wanted<'_>,
    asked: Asked<'_>,
    found: &mut Preconditions,
) -> Publication {
    let name = asked.name;
    let object = || Object::Publication(name.to_owned());
    let there = client.query_opt(PUBLICATION, &[&name]).await;
    let there = there.map_err(|error| query_error("read the publications", error));
    let Some(there) = found.take("publication", object(), there) else {
        return Publication::default();
    };
    for (table, columns) in wanted {
        let has_stored = there.as_ref().is_none_or(|row| row.get(4));
        let publishing = generated::Publishing { name, has_stored, version: asked.version };
        let checked = generated::check(client, table, columns, publishing).await;
        found.take("generated-columns", Object::Table(table.shown()), checked);
    }
    match there {
        None => create_for(client, wanted, asked, found).await,
        Some(row) => {
            if !(0..3).all(|at| row.get::<_, bool>(at)) {
                found.fail("publication-operations", object(), incomplete(name));
            }
            let published = published_tables(client, wanted, asked, found).await;
            let mut publication =
                found.take("publication", object(), published).unwrap_or_default();
            publication.has_root_name = row.get(3);
            publication
        }
    }
}

fn incomplete(name: &str) -> ConnectorError {
    let message = format!("publication \"{name}\" does not publish inserts, updates and deletes");
    ConnectorError::new(ErrorKind::Config, message).with_hint(format!(
        "ALTER PUBLICATION {} SET (publish = 'insert, update, delete, truncate');",
        quote(name)
    ))
}

/// Judges what a publication that is there says of the tables.
async fn published_tables(
    client: &Client,
    wanted: &Wanted<'_>,
    asked: Asked<'_>,
    found: &mut Preconditions,
) -> Result<Publication, ConnectorError> {
    let Asked { name, create, .. } = asked;
    let failed = |error| query_error("read the publications", error);
    let rows = client.query(TABLES, &[&name]).await.map_err(failed)?;
    let published = rows.iter().map(|row| Published {
        oid: row.get(0),
        columns: row.get::<_, bool>(2).then(|| row.get(1)),
        filter: row.get(3),
    });
    let published: HashMap<u32, Published> = published.map(|p| (p.oid, p)).collect();
    let mut publication = Publication::default();
    for (table, columns) in wanted {
        let object = || Object::Table(table.shown());
        if let Some(there) = published.get(&table.oid) {
            let columns = check_columns(name, table, columns, there);
            found.take("publication-columns", object(), columns);
            publication.filters.extend(there.filter.clone().map(|f| (table.oid, f)));
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
            let error = ConnectorError::new(ErrorKind::Config, message).with_hint(statement);
            found.fail("publication-tables", object(), error);
            continue;
        }
        let may_publish = check_may_publish(client, table, Change::Extend(name), &statement);
        found.take("publish-privilege", object(), may_publish.await);
        publication.work.push(statement);
        publication.unpublished.push(table.oid);
    }
    Ok(publication)
}

/// A publication for these tables alone. The changes of partitions come in the name of the table
/// that was asked for.
async fn create_for(
    client: &Client,
    wanted: &Wanted<'_>,
    asked: Asked<'_>,
    found: &mut Preconditions,
) -> Publication {
    let Asked { name, create, version } = asked;
    let generated = generated::publish_option(version);
    let generated = generated.map_or_else(String::new, |option| format!(", {option}"));
    let tables: Vec<String> = wanted.iter().map(|(table, _)| table.sql_name()).collect();
    let statement = format!(
        "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true{generated});",
        quote(name),
        tables.join(", ")
    );
    if create == PublicationCreate::Never {
        let message = format!("publication \"{name}\" does not exist");
        let error = ConnectorError::new(ErrorKind::Config, message).with_hint(statement);
        found.fail("publication", Object::Publication(name.to_owned()), error);
        return Publication::default();
    }
    for (table, _) in wanted {
        let may_publish = check_may_publish(client, table, Change::Create, &statement).await;
        found.take("publish-privilege", Object::Table(table.shown()), may_publish);
    }
    let unpublished = wanted.iter().map(|(table, _)| table.oid).collect();
    let has_root_name = true;
    Publication { work: vec![statement], unpublished, has_root_name, ..Publication::default() }
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
    // Whether a generated column comes has been told.
    let is_plain = |name: &str| table.column(name).is_none_or(|c| c.generated.is_none());
    let is_left_out = |name: &str| !columns.iter().any(|c| c == name) && is_plain(name);
    let Some(missing) = wanted.iter().find(|name| is_left_out(name)) else {
        return Ok(());
    };
    let message = format!(
        "column \"{missing}\" of table \"{}.{}\" is not published by publication \"{name}\"",
        table.schema, table.name
    );
    Err(ConnectorError::new(ErrorKind::SchemaMismatch, message)
        .with_hint(format!("the publication's column list has {}", columns.join(", "))))
}

/// What is done to the publication.
#[derive(Clone, Copy)]
enum Change<'a> {
    /// It is made.
    Create,
    /// A table is added to the one of this name.
    Extend(&'a str),
}

/// Making needs CREATE on the database, extending the publication's owner, both the table's.
async fn check_may_publish(
    client: &Client,
    table: &CatalogTable,
    change: Change<'_>,
    statement: &str,
) -> Result<(), ConnectorError> {
    let sql = "SELECT has_database_privilege(current_database(), 'CREATE'),
        pg_has_role(relowner, 'USAGE'), current_user::text, current_database()::text,
        coalesce((SELECT pg_has_role(pubowner, 'USAGE') FROM pg_publication WHERE pubname = $2), true)
        FROM pg_class WHERE oid = $1";
    let name = match change {
        Change::Create => "",
        Change::Extend(name) => name,
    };
    let row = client
        .query_one(sql, &[&table.oid, &name])
        .await
        .map_err(|error| query_error("read the privileges", error))?;
    let (may_create, owns_table): (bool, bool) = (row.get(0), row.get(1));
    let (role, database): (&str, &str) = (row.get(2), row.get(3));
    let (lacks, hint) = match change {
        _ if !owns_table => (String::new(), format!("as the table's owner: {statement}")),
        Change::Create if !may_create => {
            let grant = format!("GRANT CREATE ON DATABASE {} TO {};", quote(database), quote(role));
            let lacks = format!(": it lacks CREATE on database \"{database}\"");
            (lacks, format!("as the database's owner: {grant}"))
        }
        Change::Extend(name) if !row.get::<_, bool>(4) => {
            let lacks = format!(": it does not own publication \"{name}\"");
            (lacks, format!("as the publication's owner: {statement}"))
        }
        Change::Create | Change::Extend(_) => return Ok(()),
    };
    let table = table.shown();
    let message = format!("role \"{role}\" may not publish table \"{table}\"{lacks}");
    Err(ConnectorError::new(ErrorKind::Denied, message).with_hint(hint))
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
        .with_hint(Hint::each(|say| format!("{} (the table is read again)", say.begin_anew()))))
}

/// Whether a column of a table is published now.
pub(crate) async fn has_column(
    client: &Client,
    name: &str,
    table: &Relation,
    column: &str,
) -> Result<bool, ConnectorError> {
    let sql = "SELECT coalesce(to_jsonb(t) -> 'attnames' ? $4, true) FROM pg_publication_tables t
        WHERE pubname = $1 AND schemaname = $2 AND tablename = $3";
    let row = client.query_opt(sql, &[&name, &table.namespace, &table.name, &column]).await;
    let row = row.map_err(|error| query_error("read the publications", error))?;
    Ok(row.is_none_or(|row| row.get(0)))
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
