//! The two statements of the sink. Pure.

use tokio_postgres::types::Type;

use super::arrays::Element;
use crate::postgres::client::quote;
use crate::postgres::types::PgType;

/// One column that is written.
#[derive(Clone, Debug)]
pub(super) struct TargetColumn {
    /// Its name in the table.
    pub(super) name: String,
    /// How its values are sent.
    pub(super) element: Element,
    /// What it is in the database.
    pub(super) pg_type: PgType,
}

impl TargetColumn {
    /// The cast that assignment to the column does not do by itself: from text to what is no text.
    /// A cast to a string type would cut what is too long instead of refusing it.
    fn assignment_cast(&self) -> String {
        let is_text = self.element.pg_type() == Type::TEXT;
        if is_text && (!self.pg_type.is_string || self.pg_type.is_enum) {
            format!("::{}", self.pg_type.base_name)
        } else {
            String::new()
        }
    }

    /// The cast to the column's own type, so that its index serves.
    fn comparison_cast(&self) -> String {
        if self.element.pg_type().oid() == self.pg_type.oid {
            String::new()
        } else {
            format!("::{}", self.pg_type.base_name)
        }
    }
}

fn parameters(count: usize) -> String {
    let list: Vec<String> = (1..=count).map(|n| format!("${n}")).collect();
    list.join(", ")
}

fn aliases(count: usize) -> String {
    let list: Vec<String> = (0..count).map(|n| format!("c{n}")).collect();
    list.join(", ")
}

/// `INSERT`, with a key as upsert. `key` are places in `columns`.
pub(super) fn insert(table: &str, columns: &[TargetColumn], key: &[usize]) -> String {
    let names: Vec<String> = columns.iter().map(|c| quote(&c.name)).collect();
    let values: Vec<String> =
        columns.iter().enumerate().map(|(n, c)| format!("u.c{n}{}", c.assignment_cast())).collect();
    let mut sql = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM UNNEST({}) AS u ({})",
        names.join(", "),
        values.join(", "),
        parameters(columns.len()),
        aliases(columns.len()),
    );
    if key.is_empty() {
        return sql;
    }
    let keys: Vec<&str> = key.iter().map(|at| names[*at].as_str()).collect();
    sql.push_str(&format!(" ON CONFLICT ({}) DO ", keys.join(", ")));
    let updates: Vec<String> = (0..columns.len())
        .filter(|at| !key.contains(at))
        .map(|at| format!("{0} = EXCLUDED.{0}", names[at]))
        .collect();
    if updates.is_empty() {
        sql.push_str("NOTHING");
    } else {
        sql.push_str(&format!("UPDATE SET {}", updates.join(", ")));
    }
    sql
}

/// `DELETE` by key.
pub(super) fn delete(table: &str, key: &[TargetColumn]) -> String {
    let conditions: Vec<String> = key
        .iter()
        .enumerate()
        .map(|(n, c)| format!("t.{} = u.c{n}{}", quote(&c.name), c.comparison_cast()))
        .collect();
    format!(
        "DELETE FROM {table} AS t USING UNNEST({}) AS u ({}) WHERE {}",
        parameters(key.len()),
        aliases(key.len()),
        conditions.join(" AND "),
    )
}
