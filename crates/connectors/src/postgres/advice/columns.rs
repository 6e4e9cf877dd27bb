//! The columns as they are declared, beside what the database's types can hold.

use tailwater_connector_api::{Object, Preconditions, TableColumn, TableSpec};
use tailwater_pg_wire::value::ValueType;
use tailwater_types::TypeKind;
use tokio_postgres::Client;

use super::Digits;
use crate::postgres::catalog::{CatalogColumn, CatalogTable};
use crate::postgres::client::quote;
use crate::postgres::column::ColumnDecoder;
use crate::postgres::preflight::{Preflight, ReadyTable};

const CODE: &str = "column-type";

/// Judges the columns of a table that is captured.
pub(super) async fn check(
    preflight: &Preflight<'_>,
    client: &Client,
    ready: &ReadyTable,
    found: &mut Preconditions,
) {
    let table = &ready.table;
    judge(preflight.declared, table, found);
    if preflight.streams() && ready.plan.as_ref().is_some_and(|plan| !plan.reads_binary()) {
        let columns = shown(text_columns(preflight.declared, table));
        let message = format!(
            "the stream comes as text for {columns}, whose binary format is not known here: the \
             same values, for more of the server's CPU"
        );
        found.note(CODE, Object::Table(table.shown()), message);
    }
    infinities(preflight.declared, client, table, found).await;
}

/// A declared column beside the one it is read from.
type Pair<'a> = (&'a TableColumn, &'a CatalogColumn);

fn pairs<'a>(
    declared: &'a TableSpec,
    table: &'a CatalogTable,
) -> impl Iterator<Item = Pair<'a>> + Clone {
    let physical = declared.columns.iter().filter(|c| c.metadata.is_none());
    physical.filter_map(|column| Some((column, table.column(&column.name)?)))
}

fn shown<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// Judges what the declaration and the catalog say.
pub(crate) fn judge(declared: &TableSpec, table: &CatalogTable, found: &mut Preconditions) {
    let object = || Object::Table(table.shown());
    let all = pairs(declared, table);
    let (count, of) = (all.clone().count(), table.columns.len());
    if !found.fails(|code| code == "columns") {
        let message = format!("{count} of the {of} columns of \"{}\" are declared", table.shown());
        found.ok("columns", object(), message);
    }
    let is_declared = |name: &str| declared.columns.iter().any(|c| c.name == name);
    let left_out = table.columns.iter().filter(|c| !is_declared(&c.name));
    let left_out = shown(left_out.map(|c| c.name.as_str()));
    if !left_out.is_empty() {
        found.note("undeclared-columns", object(), format!("not declared, not read: {left_out}"));
    }
    for (column, there) in all.clone() {
        judge_number(column, there, table, found);
        let is_key =
            declared.primary_key.iter().any(|at| declared.columns[*at].name == column.name);
        if !column.data_type.nullable && !there.is_not_null && !is_key {
            let message =
                format!("column \"{}\" is declared NOT NULL and may hold NULL", column.name);
            let (table, name) = (table.sql_name(), quote(&column.name));
            let mend = format!(
                "ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL; or declare it without NOT \
                 NULL"
            );
            found.warn("not-null", object(), message, mend);
        }
    }
    let mut list = |what: &str, is_one: fn(&CatalogColumn, &TypeKind) -> bool| {
        let names = all.clone().filter(|(column, there)| is_one(there, &column.data_type.kind));
        let names = shown(names.map(|(column, _)| column.name.as_str()));
        if !names.is_empty() {
            found.note(CODE, object(), format!("{what}: {names}"));
        }
    };
    list("cut to the declared digits of a second", |there, declared| {
        digits_of_second(declared).is_some_and(|digits| digits < stored_digits(there))
    });
    list("instants that are declared TIMESTAMP come as UTC", |there, declared| {
        there.pg_type.value == ValueType::TimestampTz && matches!(declared, TypeKind::Timestamp(_))
    });
    list("rounded to the digits of a DOUBLE", |there, declared| {
        let is_exact = matches!(there.pg_type.value, ValueType::Numeric | ValueType::Int8);
        is_exact && *declared == TypeKind::Double
    });
    list("a month counts as 30.4375 days", |there, declared| {
        there.pg_type.value == ValueType::Interval && *declared == TypeKind::BigInt
    });
}

fn judge_number(
    column: &TableColumn,
    there: &CatalogColumn,
    table: &CatalogTable,
    found: &mut Preconditions,
) {
    let kind = &column.data_type.kind;
    let wanted = Digits::of_declared(kind);
    let (Some(holds), Some(takes)) = (Digits::of_database(&there.pg_type), wanted) else {
        return;
    };
    if holds.fit_into(takes) {
        return;
    }
    let (name, type_name) = (&column.name, &there.pg_type.name);
    let message = format!(
        "column \"{name}\" is {type_name} and declared {kind}: a value that does not fit stops the \
         job"
    );
    let mend = match (type_name.as_str(), kind) {
        ("numeric", TypeKind::Decimal { precision, scale }) => format!(
            "declare it STRING, which takes every value; or ALTER TABLE {} ALTER COLUMN {} TYPE \
             numeric({precision},{scale});",
            table.sql_name(),
            quote(name)
        ),
        _ => "declare it wider, or STRING, which takes every value".to_owned(),
    };
    found.warn(CODE, Object::Table(table.shown()), message, mend);
}

fn digits_of_second(declared: &TypeKind) -> Option<u8> {
    match declared {
        TypeKind::Time(digits) => Some((*digits).min(3)),
        TypeKind::Timestamp(digits) | TypeKind::TimestampLtz(digits) => Some(*digits),
        _ => None,
    }
}

/// `timestamp(3) without time zone` has 3, without a number 6.
fn stored_digits(there: &CatalogColumn) -> u8 {
    let is_time = matches!(
        there.pg_type.value,
        ValueType::Time | ValueType::Timestamp | ValueType::TimestampTz
    );
    let name = &there.pg_type.name;
    let given = name.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    match given {
        _ if !is_time => 0,
        Some((digits, _)) => digits.parse().unwrap_or(6),
        None => 6,
    }
}

/// The columns that make the whole stream one of text, declared or not.
fn text_columns<'a>(
    declared: &'a TableSpec,
    table: &'a CatalogTable,
) -> impl Iterator<Item = &'a str> {
    let is_text = |there: &CatalogColumn| {
        let column = declared.columns.iter().find(|c| c.name == there.name);
        let decoder = column.and_then(|c| ColumnDecoder::new(&there.pg_type.value, &c.data_type));
        there.pg_type.value.fails_in_binary() || decoder.is_some_and(|d| d.needs_text_stream())
    };
    table.columns.iter().filter(move |there| is_text(there)).map(|there| there.name.as_str())
}

/// Dates and instants can be infinite, which the declared types are not. What ANALYZE has seen of
/// them tells whether some are.
async fn infinities(
    declared: &TableSpec,
    client: &Client,
    table: &CatalogTable,
    found: &mut Preconditions,
) {
    let is_time = |value: &ValueType| {
        matches!(value, ValueType::Date | ValueType::Timestamp | ValueType::TimestampTz)
    };
    let columns = pairs(declared, table).filter(|(column, there)| {
        is_time(&there.pg_type.value) && !column.data_type.kind.is_string()
    });
    let names: Vec<&str> = columns.map(|(column, _)| column.name.as_str()).collect();
    if names.is_empty() {
        return;
    }
    let sql = "SELECT attname::text FROM pg_stats WHERE schemaname = $1 AND tablename = $2
        AND attname = ANY ($3) AND (most_common_vals::text LIKE '%infinity%'
          OR histogram_bounds::text LIKE '%infinity%') ORDER BY 1";
    let rows = client.query(sql, &[&table.schema, &table.name, &names]).await.unwrap_or_default();
    let infinite: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    let object = || Object::Table(table.shown());
    for name in &infinite {
        let message = format!("column \"{name}\" holds infinity, which stops the job");
        let mend = format!(
            "declare it STRING; or take the infinities out, then ALTER TABLE {} ADD CHECK \
             (isfinite({}));",
            table.sql_name(),
            quote(name)
        );
        found.warn("infinity", object(), message, mend);
    }
    let others = shown(names.iter().copied().filter(|name| !infinite.contains(name)));
    if !others.is_empty() {
        found.note("infinity", object(), format!("infinity would stop the job in {others}"));
    }
}
