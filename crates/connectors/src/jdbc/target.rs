//! The table that is written, compared with its declaration before the first row.

use tailwater_connector_api::{
    ConnectorError, ErrorKind, Object, Preconditions, TableColumn, TableSpec,
};
use tokio_postgres::Client;

use super::arrays::Element;
use super::ddl;
use super::options::JdbcConfig;
use super::statements::TargetColumn;
use crate::postgres::catalog::{self, CatalogTable};
use crate::postgres::client::{qualified, query_error, quote};

/// The schema that a table without one is in.
pub(super) async fn schema(client: &Client, config: &JdbcConfig) -> Result<String, ConnectorError> {
    if let Some(schema) = &config.schema {
        return Ok(schema.clone());
    }
    let sql = "SELECT coalesce(current_schema()::text, 'public')";
    let row = client.query_one(sql, &[]).await;
    row.map(|row| row.get(0)).map_err(|error| query_error("read the search path", error))
}

/// The table that is written.
pub(super) struct Target {
    pub(super) table: CatalogTable,
    /// In the order of the declaration; all of them if none has failed.
    pub(super) columns: Vec<TargetColumn>,
}

/// Finds the table, its columns and the uniqueness of its key. Nothing has failed if there is a
/// target and no failure in `found`.
pub(super) async fn inspect(
    client: &Client,
    config: &JdbcConfig,
    declared: &TableSpec,
    found: &mut Preconditions,
) -> Option<Target> {
    let schema = found.take("connection", Object::Server, schema(client, config).await)?;
    let object = || Object::Table(format!("{schema}.{}", config.table));
    let table = find(client, &schema, config, declared).await;
    let table = found.take("table", object(), table)?;
    let mut columns = Vec::new();
    for column in &declared.columns {
        if let Some(column) = found.take("columns", object(), target_column(&table, column)) {
            columns.push(column);
        }
    }
    if let Some(message) =
        found.take("unique-key", object(), check_key(client, &table, declared).await)
    {
        found.ok("unique-key", object(), message);
    }
    let privileges = check_privileges(client, &table, declared).await;
    if let Some(message) = found.take("privileges", object(), privileges) {
        found.ok("privileges", object(), message);
    }
    Some(Target { table, columns })
}

async fn find(
    client: &Client,
    schema: &str,
    config: &JdbcConfig,
    declared: &TableSpec,
) -> Result<CatalogTable, ConnectorError> {
    let sql_name = qualified(schema, &config.table);
    let table = catalog::load(client, schema, &config.table).await;
    table.map_err(|error| match error.kind() {
        ErrorKind::SchemaMismatch => {
            let message = error.to_string();
            let near = error.hint().filter(|hint| hint.starts_with("did you mean"));
            let create = ddl::create_table(&sql_name, declared);
            let hint = near.map_or_else(|| create.clone(), |near| format!("{near} Or: {create}"));
            ConnectorError::new(ErrorKind::SchemaMismatch, message).with_hint(hint)
        }
        _ => error,
    })
}

fn target_column(
    table: &CatalogTable,
    column: &TableColumn,
) -> Result<TargetColumn, ConnectorError> {
    let Some(found) = table.column(&column.name) else {
        let message = format!("column \"{}\" is not in table \"{}\"", column.name, table.shown());
        return Err(ConnectorError::new(ErrorKind::SchemaMismatch, message)
            .with_hint(ddl::add_column(&table.sql_name(), column)));
    };
    let element = Element::of(&column.data_type).ok_or_else(|| {
        let message = format!("a {} cannot be written", column.data_type.kind);
        ConnectorError::new(ErrorKind::Unsupported, message)
    })?;
    Ok(TargetColumn { name: column.name.clone(), element, pg_type: found.pg_type.clone() })
}

async fn check_key(
    client: &Client,
    table: &CatalogTable,
    declared: &TableSpec,
) -> Result<String, ConnectorError> {
    if declared.primary_key.is_empty() {
        return Ok(
            "without a PRIMARY KEY rows are only added, after a crash perhaps twice".to_owned()
        );
    }
    let sql = "SELECT indisprimary, ARRAY(SELECT a.attname::text FROM pg_attribute a
          WHERE a.attrelid = i.indrelid
          AND a.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1]) ORDER BY 1)
        FROM pg_index i WHERE indrelid = $1 AND indisunique AND indisvalid AND indimmediate
          AND indpred IS NULL AND indexprs IS NULL";
    let rows = client
        .query(sql, &[&table.oid])
        .await
        .map_err(|error| query_error("read the table's indexes", error))?;
    let key = declared.primary_key.iter();
    let mut key: Vec<String> = key.map(|at| declared.columns[*at].name.clone()).collect();
    key.sort();
    if rows.iter().any(|row| row.get::<_, Vec<String>>(1) == key) {
        return Ok(format!("the declared key ({}) is unique in the table", key.join(", ")));
    }
    let has_primary_key = rows.iter().any(|row| row.get(0));
    let message = format!(
        "table \"{}.{}\" has no unique constraint on the declared primary key \"{}\"",
        table.schema,
        table.name,
        key.join(", ")
    );
    Err(ConnectorError::new(ErrorKind::SchemaMismatch, message).with_hint(ddl::add_key(
        &table.sql_name(),
        declared,
        has_primary_key,
    )))
}

async fn check_privileges(
    client: &Client,
    table: &CatalogTable,
    declared: &TableSpec,
) -> Result<String, ConnectorError> {
    let needed: &[&str] = if declared.primary_key.is_empty() {
        &["INSERT"]
    } else {
        &["SELECT", "INSERT", "UPDATE", "DELETE"]
    };
    let sql = "SELECT ARRAY(SELECT p FROM UNNEST($2::text[]) AS p
        WHERE NOT has_table_privilege($1::oid, p)), current_user::text";
    let row = client
        .query_one(sql, &[&table.oid, &needed])
        .await
        .map_err(|error| query_error("read the privileges", error))?;
    let missing: Vec<String> = row.get(0);
    if missing.is_empty() {
        return Ok(format!("the role has {}", needed.join(", ")));
    }
    let (role, missing): (String, String) = (row.get(1), missing.join(", "));
    let message =
        format!("role \"{role}\" lacks {missing} on table \"{}.{}\"", table.schema, table.name);
    let grant = format!("GRANT {missing} ON {} TO {};", table.sql_name(), quote(&role));
    Err(ConnectorError::new(ErrorKind::Denied, message).with_hint(format!("as the owner: {grant}")))
}
