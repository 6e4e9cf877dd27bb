//! One JSON object per line, for programs.

use serde_json::{Value, json};
use tailwater_pipeline::Table;
use tailwater_sql::Finding;
use tailwater_types::{DataType, RowKind, Schema, Severity};

use crate::output::{Mode, Output, Place, write_line};

/// Writes lines to standard output.
pub(crate) struct JsonOutput;

fn schema_line<'a>(statement: usize, columns: impl Iterator<Item = (&'a str, &'a DataType)>) {
    let columns: Vec<Value> =
        columns.map(|(name, t)| json!({"name": name, "type": t.to_string()})).collect();
    write_line(json!({"statement": statement, "kind": "schema", "columns": columns}));
}

fn row_line(statement: usize, kind: RowKind, values: &[Option<String>]) {
    write_line(json!({"statement": statement, "kind": "row", "op": kind.short(), "row": values}));
}

impl Output for JsonOutput {
    fn begin(&mut self, _statement: usize, _text: &str) {}

    fn finding(&mut self, statement: usize, finding: &Finding) {
        let diagnostic = &finding.diagnostic;
        let (at, column) = diagnostic.span.line_column(&finding.source.text);
        let kind = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write_line(json!({
            "statement": statement,
            "kind": kind,
            "code": diagnostic.code,
            "message": diagnostic.message,
            "hint": diagnostic.hint,
            "file": finding.source.name,
            "line": at,
            "column": column,
        }));
    }

    fn failure(&mut self, place: &Place, message: &str, hint: Option<&str>) {
        write_line(json!({
            "statement": place.statement,
            "kind": "error",
            "message": message,
            "hint": hint,
            "file": place.file,
            "line": place.line,
            "column": place.column,
        }));
    }

    fn note(&mut self, statement: usize, message: &str) {
        write_line(json!({"statement": statement, "kind": "note", "message": message}));
    }

    fn ok(&mut self, statement: usize) {
        write_line(json!({"statement": statement, "kind": "ok"}));
    }

    fn submitted(&mut self, statement: usize, _is_complete: bool) {
        self.ok(statement);
    }

    fn table(&mut self, statement: usize, table: &Table) {
        schema_line(statement, table.columns.iter().map(|(n, t)| (n.as_str(), t)));
        for row in &table.rows {
            row_line(statement, RowKind::Insert, row);
        }
        self.ok(statement);
    }

    fn rows_begin(&mut self, statement: usize, schema: &Schema, _mode: Mode) {
        schema_line(statement, schema.fields().iter().map(|f| (&*f.name, &f.data_type)));
    }

    fn row(&mut self, statement: usize, kind: RowKind, values: &[Option<String>]) {
        row_line(statement, kind, values);
    }

    fn rows_end(&mut self, statement: usize) {
        self.ok(statement);
    }
}
