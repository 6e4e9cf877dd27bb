//! What every record of a table is made of.

use std::sync::Arc;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_debezium::ColumnSpec;
use tailwater_debezium::event::{EventError, EventSettings, TablePlan, TableSpec};
use tailwater_pg_wire::value::ValueType;

use super::super::client::quote;
use super::super::metadata::Names;
use super::catalog::KnownTable;

/// A table's plan.
#[derive(Debug)]
pub(crate) struct RecordPlan {
    pub(crate) names: Names,
    pub(crate) events: Arc<TablePlan>,
}

impl RecordPlan {
    /// The plan of a table as the catalog has it now.
    pub(super) fn of(settings: &Arc<EventSettings>, known: &KnownTable, database: &str) -> Self {
        let columns: Vec<ColumnSpec> = known.columns.iter().map(|c| c.spec.clone()).collect();
        let place_of = |name: &String| columns.iter().position(|c| c.name == *name);
        let key = known.key.iter().filter_map(place_of).collect();
        let (schema, name) = (known.table.schema.clone(), known.table.name.clone());
        let events = TablePlan::new(settings, TableSpec { schema, name, columns, key });
        Self::new(events, database)
    }

    pub(super) fn new(events: TablePlan, database: &str) -> Self {
        let table = events.table();
        let names = Names {
            table: table.name.clone(),
            schema: table.schema.clone(),
            database: database.to_owned(),
        };
        Self { names, events: Arc::new(events) }
    }

    /// Whether the stream can be asked for the binary format: the server sends all columns, also
    /// those that are in no event.
    pub(crate) fn reads_binary(&self) -> bool {
        let columns = &self.events.table().columns;
        columns.iter().enumerate().all(|(place, column)| {
            let value = &column.pg_type.value;
            // What has no binary format by nature comes as text within a binary stream.
            let is_read = *value == ValueType::TextOnly || self.events.column_reads_binary(place);
            is_read && !value.fails_in_binary()
        })
    }

    /// The columns that a copy has, each as its place, whether it comes as text, and its SQL.
    pub(super) fn copied(&self) -> Vec<(usize, bool, String)> {
        let columns = self.events.table().columns.iter().enumerate();
        let needed = columns.filter(|(place, _)| self.events.needs_column(*place));
        let copied = needed.map(|(place, column)| {
            let name = quote(&column.name);
            let is_text = !self.events.column_reads_binary(place)
                || column.pg_type.value == ValueType::TextOnly
                || column.pg_type.value.fails_in_binary();
            let sql = match is_text {
                true => format!("CASE WHEN num_nulls({name}) = 0 THEN format('%s', {name}) END"),
                false => name,
            };
            (place, is_text, sql)
        });
        copied.collect()
    }

    /// A value that is none of its column's type.
    pub(super) fn unreadable(&self, error: EventError) -> ConnectorError {
        let column = self.events.table().columns.get(error.column);
        let name = column.map_or("?", |column| column.name.as_str());
        let message =
            format!("a value of column \"{name}\" of table {} cannot be read", self.names.shown());
        ConnectorError::new(ErrorKind::BadData, message)
    }
}
