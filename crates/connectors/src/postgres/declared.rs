//! The declaration laid over the catalog: where each declared column comes from.

use tailwater_connector_api::{
    ConnectorError, ErrorKind, Object, Preconditions, TableColumn, TableSpec,
};

use super::catalog::CatalogTable;
use super::checks;
use super::column::ColumnDecoder;
use super::metadata::{Metadata, Names};
use super::rows::{Content, PlannedColumn, RowPlan};

/// Finds each declared column in the table and decides how it is read; without a plan every column
/// that cannot be read has failed.
pub(crate) fn row_plan(
    declared: &TableSpec,
    table: &CatalogTable,
    database: &str,
    found: &mut Preconditions,
) -> Option<RowPlan> {
    let mut columns = Vec::with_capacity(declared.columns.len());
    let mut fail = |error| found.fail("columns", Object::Table(table.shown()), error);
    for column in &declared.columns {
        let content = match &column.metadata {
            Some(key) => match Metadata::of(column, key) {
                Ok(metadata) => Content::Metadata(metadata, column.data_type.layout()),
                Err(issue) => {
                    fail(ConnectorError::new(ErrorKind::Config, issue.message));
                    continue;
                }
            },
            None => {
                let Some(found) = table.column(&column.name) else {
                    fail(checks::missing_column(table, &column.name));
                    continue;
                };
                let decoder = ColumnDecoder::new(&found.pg_type.value, &column.data_type);
                let Some(decoder) = decoder else {
                    fail(unreadable(table, &column.name, &found.pg_type.name, column));
                    continue;
                };
                Content::Physical {
                    decoder,
                    type_oid: found.type_oid,
                    type_name: found.pg_type.name.clone(),
                }
            }
        };
        columns.push(PlannedColumn {
            name: column.name.clone(),
            declared: column.data_type.clone(),
            content,
        });
    }
    let is_whole = columns.len() == declared.columns.len();
    is_whole.then(|| RowPlan {
        columns,
        names: Names {
            table: table.name.clone(),
            schema: table.schema.clone(),
            database: database.to_owned(),
        },
        key: declared.primary_key.clone(),
        // The server sends all columns, also those that nobody has declared.
        sends_binary: !table.columns.iter().any(|c| c.pg_type.value.fails_in_binary()),
    })
}

fn unreadable(
    table: &CatalogTable,
    name: &str,
    type_name: &str,
    column: &TableColumn,
) -> ConnectorError {
    let message = format!(
        "column \"{name}\" of table \"{}.{}\" is {type_name} and cannot be read as {}",
        table.schema, table.name, column.data_type.kind
    );
    ConnectorError::new(ErrorKind::SchemaMismatch, message)
        .with_hint("declare it with the type that fits, or as STRING")
}
