//! The publication: used as it is where it serves, made for the one table where it is missing.

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::Lsn;
use tokio_postgres::Client;

use super::catalog::CatalogTable;
use super::client::{query_error, quote};
use super::options::PublicationCreate;

/// What has to be done before the stream can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicationWork {
    None,
    /// Run this statement.
    Run(String),
}

/// Judges the publication without changing it.
pub(crate) async fn check(
    client: &Client,
    name: &str,
    table: &CatalogTable,
    create: PublicationCreate,
) -> Result<PublicationWork, ConnectorError> {
    let failed = |error| query_error("read the publications", error);
    let sql =
        "SELECT pubinsert, pubupdate, pubdelete, EXISTS (SELECT 1 FROM pg_publication_tables t
        WHERE t.pubname = p.pubname AND t.schemaname = $2 AND t.tablename = $3)
        FROM pg_publication p WHERE pubname = $1";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&name, &table.schema, &table.name];
    let found = client.query_opt(sql, &parameters).await.map_err(failed)?;
    let (publication, table_sql) = (quote(name), table.sql_name());
    let config = |message: String, hint: String| {
        Err(ConnectorError::new(ErrorKind::Config, message).with_hint(hint))
    };
    let Some(row) = found else {
        // The changes of partitions then come in the name of the table that was asked for.
        let root = " WITH (publish_via_partition_root = true)";
        let root = if table.is_partitioned { root } else { "" };
        let statement = format!("CREATE PUBLICATION {publication} FOR TABLE {table_sql}{root};");
        if create == PublicationCreate::Never {
            return config(format!("publication \"{name}\" does not exist"), statement);
        }
        check_may_publish(client, table, &statement).await?;
        return Ok(PublicationWork::Run(statement));
    };
    let publishes_all = (0..3).all(|at| row.get::<_, bool>(at));
    if !publishes_all {
        let message =
            format!("publication \"{name}\" does not publish inserts, updates and deletes");
        let mend = format!(
            "ALTER PUBLICATION {publication} SET (publish = 'insert, update, delete, truncate');"
        );
        return config(message, mend);
    }
    if row.get::<_, bool>(3) {
        return Ok(PublicationWork::None);
    }
    let statement = format!("ALTER PUBLICATION {publication} ADD TABLE {table_sql};");
    if create == PublicationCreate::Never {
        let message = format!(
            "publication \"{name}\" does not contain table \"{}.{}\"",
            table.schema, table.name
        );
        return config(message, statement);
    }
    check_may_publish(client, table, &statement).await?;
    Ok(PublicationWork::Run(statement))
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

/// A job that goes on from `position` needs the publication that it had: what was written while the
/// table was not in it never comes.
pub(crate) fn check_resumable(
    name: &str,
    work: &PublicationWork,
    position: Lsn,
) -> Result<(), ConnectorError> {
    match work {
        PublicationWork::None => Ok(()),
        PublicationWork::Run(_) => {
            let message = format!(
                "the table is no longer in publication \"{name}\": changes behind {position}, where \
                 the job stopped, may be missing"
            );
            Err(ConnectorError::new(ErrorKind::Config, message)
                .with_hint("start the job anew with --fresh (it reads the table again)"))
        }
    }
}

/// Makes or extends the publication.
pub(crate) async fn apply(client: &Client, work: &PublicationWork) -> Result<(), ConnectorError> {
    match work {
        PublicationWork::None => Ok(()),
        PublicationWork::Run(statement) => client
            .batch_execute(statement)
            .await
            .map_err(|error| query_error("publish the table", error).with_hint(statement.as_str())),
    }
}
