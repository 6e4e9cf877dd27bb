//! `publication.autocreate.mode`: which publication there must be, and what has to be done for it.

use std::collections::{HashMap, HashSet};

use tailwater_connector_api::{ConnectorError, ErrorKind, Object, Preconditions};
use tailwater_debezium::config::{PublicationMode, SourceConfig};
use tokio_postgres::Client;

use super::super::catalog::CatalogTable;
use super::super::client::{query_error, quote};
use super::super::generated;
use super::super::publication::{self, Publication};

const THERE: &str = "SELECT puballtables FROM pg_publication WHERE pubname = $1";

const TABLES: &str = "SELECT c.oid, to_jsonb(t) ->> 'rowfilter'
    FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename WHERE t.pubname = $1";

/// Judges the publication without changing it.
pub(super) async fn inspect(
    client: &Client,
    config: &SourceConfig,
    tables: &[&CatalogTable],
    found: &mut Preconditions,
) -> Publication {
    let object = || Object::Publication(config.publication.clone());
    let there = client.query_opt(THERE, &[&config.publication]).await;
    let there = there.map_err(|error| query_error("read the publications", error));
    let Some(there) = found.take("publication", object(), there) else {
        return Publication::default();
    };
    let Some(there) = there else {
        let statement = create(client, config, tables).await;
        let Some(statement) = found.take("publication", object(), statement) else {
            return Publication::default();
        };
        let unpublished = tables.iter().map(|table| table.oid).collect();
        return Publication::to_be_made(vec![statement], unpublished, HashMap::new());
    };
    let published = client.query(TABLES, &[&config.publication]).await;
    let published = published.map_err(|error| query_error("read the publications", error));
    let Some(rows) = found.take("publication", object(), published) else {
        return Publication::default();
    };
    let published: HashSet<u32> = rows.iter().map(|row| row.get(0)).collect();
    let filters = rows.iter().filter_map(|row| Some((row.get(0), row.get::<_, Option<_>>(1)?)));
    let filters: HashMap<u32, String> = filters.collect();
    let is_published =
        |table: &CatalogTable| published.contains(&table.oid) || table.is_partitioned;
    let missing: Vec<&&CatalogTable> = tables.iter().filter(|table| !is_published(table)).collect();
    let name = quote(&config.publication);
    let is_extended =
        config.publication_mode == PublicationMode::Filtered && !there.get::<_, bool>(0);
    if is_extended {
        let strange = published.iter().any(|oid| !tables.iter().any(|table| table.oid == *oid));
        if !missing.is_empty() || strange {
            let statement = format!("ALTER PUBLICATION {name} SET TABLE {};", list(tables));
            let unpublished = missing.iter().map(|table| table.oid).collect();
            let publication = Publication::to_be_made(vec![statement], unpublished, filters);
            return publication.extended(is_extended);
        }
    }
    for table in missing {
        let message = format!(
            "publication \"{}\" does not contain table \"{}\": its changes do not come",
            config.publication,
            table.shown()
        );
        let mend = format!("ALTER PUBLICATION {name} ADD TABLE {};", table.sql_name());
        found.warn("publication-tables", Object::Table(table.shown()), message, mend);
    }
    Publication::to_be_made(Vec::new(), Vec::new(), filters).extended(is_extended)
}

/// Makes or alters the publication; another connector may have made it meanwhile.
pub(crate) async fn publish(
    client: &Client,
    config: &SourceConfig,
    tables: &[&CatalogTable],
) -> Result<Publication, ConnectorError> {
    let mut found = Preconditions::default();
    let publication = inspect(client, config, tables, &mut found).await;
    found.into_result()?;
    publication::apply(client, &publication.work).await?;
    Ok(publication)
}

/// The statement that is missing before a stream can tell changes of the tables, if one is.
pub(super) async fn lacking(
    client: &Client,
    config: &SourceConfig,
    tables: &[&CatalogTable],
) -> Result<Option<String>, ConnectorError> {
    let there = client.query_opt(THERE, &[&config.publication]).await;
    let there = there.map_err(|error| query_error("read the publications", error))?;
    let mut found = Preconditions::default();
    let publication = inspect(client, config, tables, &mut found).await;
    match found.into_result() {
        Err(error) if there.is_none() => match error.hint() {
            Some(mend) => Ok(Some(mend.to_owned())),
            None => Err(error),
        },
        Err(error) => Err(error),
        Ok(()) if tables.iter().all(|table| publication.had(table.oid)) => Ok(None),
        Ok(()) => Ok(Some(publication.work.join(" "))),
    }
}

fn list(tables: &[&CatalogTable]) -> String {
    let names: Vec<String> = tables.iter().map(|table| table.sql_name()).collect();
    names.join(", ")
}

/// `server_version_num`
async fn version(client: &Client) -> Result<i32, ConnectorError> {
    let row = client.query_one("SELECT current_setting('server_version_num')::int", &[]).await;
    Ok(row.map_err(|error| query_error("read the server's version", error))?.get(0))
}

/// The statement that makes it, if there may be one.
async fn create(
    client: &Client,
    config: &SourceConfig,
    tables: &[&CatalogTable],
) -> Result<String, ConnectorError> {
    let name = quote(&config.publication);
    let mut options = Vec::new();
    if config.published.len() < 4 {
        options.push(format!("publish = '{}'", config.published.join(", ")));
    }
    if config.via_partition_root {
        options.push("publish_via_partition_root = true".to_owned());
    }
    // Without it the server refuses updates of a table whose replica identity has such a column.
    options.extend(generated::publish_option(version(client).await?).map(str::to_owned));
    let with = match options.is_empty() {
        true => String::new(),
        false => format!(" WITH ({})", options.join(", ")),
    };
    let all = format!("CREATE PUBLICATION {name} FOR ALL TABLES{with};");
    let of_tables = format!("CREATE PUBLICATION {name} FOR TABLE {}{with};", list(tables));
    match config.publication_mode {
        PublicationMode::NoTables => Ok(format!("CREATE PUBLICATION {name}{with};")),
        PublicationMode::Filtered => Ok(of_tables),
        PublicationMode::Disabled => {
            let message = format!("publication \"{}\" does not exist", config.publication);
            Err(ConnectorError::new(ErrorKind::Config, message).with_hint(of_tables))
        }
        PublicationMode::AllTables => {
            let sql =
                "SELECT rolsuper, current_user::text FROM pg_roles WHERE rolname = current_user";
            let row = client.query_one(sql, &[]).await;
            let row = row.map_err(|error| query_error("read the privileges", error))?;
            if row.get(0) {
                return Ok(all);
            }
            let message = format!(
                "role \"{}\" may not make a publication for all tables: it is no superuser",
                row.get::<_, &str>(1)
            );
            Err(ConnectorError::new(ErrorKind::Denied, message).with_hint(format!(
                "set \"publication.autocreate.mode\" to filtered, or as a superuser: {all}"
            )))
        }
    }
}
