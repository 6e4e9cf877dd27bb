//! Statements that make the target as it should be. Pure: printed in hints, never run.

use tailwater_connector_api::{TableColumn, TableSpec};
use tailwater_types::{DataType, TypeKind};

use crate::postgres::client::quote;

/// The PostgreSQL type that holds a declared one.
pub(super) fn type_name(data_type: &DataType) -> String {
    match &data_type.kind {
        TypeKind::Boolean => "boolean".to_owned(),
        TypeKind::TinyInt | TypeKind::SmallInt => "smallint".to_owned(),
        TypeKind::Int => "integer".to_owned(),
        TypeKind::BigInt => "bigint".to_owned(),
        TypeKind::Float => "real".to_owned(),
        TypeKind::Double => "double precision".to_owned(),
        TypeKind::Decimal { precision, scale } => format!("numeric({precision}, {scale})"),
        TypeKind::Char(n) => format!("char({n})"),
        TypeKind::Varchar(n) if *n <= 10_485_760 => format!("varchar({n})"),
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => "bytea".to_owned(),
        TypeKind::Date => "date".to_owned(),
        TypeKind::Time(p) => format!("time({})", (*p).min(6)),
        TypeKind::Timestamp(p) => format!("timestamp({})", (*p).min(6)),
        TypeKind::TimestampLtz(p) => format!("timestamptz({})", (*p).min(6)),
        TypeKind::Array(element) => format!("{}[]", type_name(element)),
        TypeKind::Varchar(_)
        | TypeKind::Null
        | TypeKind::IntervalYearMonth
        | TypeKind::IntervalDayTime
        | TypeKind::Multiset(_)
        | TypeKind::Map(..)
        | TypeKind::Row(_) => "text".to_owned(),
    }
}

/// `CREATE TABLE` for a declared table.
pub(super) fn create_table(sql_name: &str, table: &TableSpec) -> String {
    let column = |c: &TableColumn| {
        let not_null = if c.data_type.nullable { "" } else { " NOT NULL" };
        format!("{} {}{not_null}", quote(&c.name), type_name(&c.data_type))
    };
    let mut parts: Vec<String> = table.columns.iter().map(column).collect();
    if !table.primary_key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", key_list(table)));
    }
    format!("CREATE TABLE {sql_name} ({});", parts.join(", "))
}

/// `ALTER TABLE` that adds a declared column.
pub(super) fn add_column(sql_name: &str, column: &TableColumn) -> String {
    let data_type = type_name(&column.data_type);
    format!("ALTER TABLE {sql_name} ADD COLUMN {} {data_type};", quote(&column.name))
}

/// `ALTER TABLE` that makes the declared key unique.
pub(super) fn add_key(sql_name: &str, table: &TableSpec, has_primary_key: bool) -> String {
    let kind = if has_primary_key { "UNIQUE" } else { "PRIMARY KEY" };
    format!("ALTER TABLE {sql_name} ADD {kind} ({});", key_list(table))
}

fn key_list(table: &TableSpec) -> String {
    let key = table.primary_key.iter();
    let names: Vec<String> = key.map(|at| quote(&table.columns[*at].name)).collect();
    names.join(", ")
}
