//! Whether rows of the declared types go into the table: what the server would say only once a row
//! comes that does not.

use tailwater_connector_api::{ConnectorError, ErrorKind, Object, Preconditions, TableSpec};
use tokio_postgres::Client;

use crate::postgres::advice::Digits;
use crate::postgres::catalog::CatalogTable;
use crate::postgres::client::{query_error, quote};

/// Judges columns, and what else the table asks of its rows.
pub(super) async fn judge(
    client: &Client,
    declared: &TableSpec,
    table: &CatalogTable,
    found: &mut Preconditions,
) {
    let object = || Object::Table(table.shown());
    let (count, of) = (declared.columns.len(), table.columns.len());
    let message = format!("{count} of the {of} columns of \"{}\" are written", table.shown());
    if !found.fails(|code| code == "columns") {
        found.ok("columns", object(), message);
    }
    judge_numbers(declared, table, found);
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = $1 AND tgenabled <> 'D'
          AND NOT tgisinternal AND tgtype & 2 = 2), row_security_active($1::oid)";
    let row = client.query_one(sql, &[&table.oid]).await;
    let row = row.map_err(|error| query_error("read the table's triggers", error));
    let Some(row) = found.take("table", object(), row) else {
        return;
    };
    if row.get(1) {
        let message = "row level security is on for the role: the server may refuse rows";
        let mend = "ALTER ROLE ... BYPASSRLS; or a policy that lets the role write every row";
        found.warn("row-security", object(), message, mend);
    }
    let has_trigger: bool = row.get(0);
    let is_written = |name: &str| declared.columns.iter().any(|c| c.name == name);
    for column in table.columns.iter().filter(|c| c.is_not_null && !c.has_default) {
        if is_written(&column.name) {
            continue;
        }
        let name = &column.name;
        let message = format!(
            "column \"{name}\" of table \"{}\" is NOT NULL without a default, and is not written",
            table.shown()
        );
        let (sql_name, quoted) = (table.sql_name(), quote(name));
        let mend = format!(
            "declare and write it, or ALTER TABLE {sql_name} ALTER COLUMN {quoted} DROP NOT NULL;"
        );
        if has_trigger {
            found.warn("not-null", object(), format!("{message}: a trigger has to"), mend);
        } else {
            let error = ConnectorError::new(ErrorKind::SchemaMismatch, message).with_hint(mend);
            found.fail("not-null", object(), error);
        }
    }
}

fn judge_numbers(declared: &TableSpec, table: &CatalogTable, found: &mut Preconditions) {
    for column in &declared.columns {
        let Some(there) = table.column(&column.name) else {
            continue;
        };
        let kind = &column.data_type.kind;
        let (Some(comes), Some(takes)) =
            (Digits::of_declared(kind), Digits::of_database(&there.pg_type))
        else {
            continue;
        };
        if comes.fit_into(takes) {
            continue;
        }
        let (name, type_name) = (&column.name, &there.pg_type.name);
        let harm = if comes.round_into(takes) {
            "the server rounds what does not fit"
        } else {
            "a value that does not fit stops the job"
        };
        let message = format!("column \"{name}\" is {type_name} and declared {kind}: {harm}");
        let mend = format!(
            "ALTER TABLE {} ALTER COLUMN {} TYPE {};",
            table.sql_name(),
            quote(name),
            super::ddl::type_name(&column.data_type)
        );
        found.warn("column-type", Object::Table(table.shown()), message, mend);
    }
}
