//! The one table of connectors by name, and what the binder asks of them.

use tailwater_connector_api::{
    Dialect, SinkFactory, SinkPlan, SourceFactory, SourcePlan, TableColumn, TableIssue, TableSpec,
};
use tailwater_connectors as connectors;
use tailwater_connectors::postgres::slots::SlotServer;
use tailwater_sql::{
    CatalogColumn, CatalogTable, ColumnSource, Connectors, DeclarationIssue, Declared,
};
use tailwater_types::{Span, nearest};

/// What a `'connector'` name stands for.
struct Entry {
    name: &'static str,
    source: Option<&'static dyn SourceFactory>,
    sink: Option<&'static dyn SinkFactory>,
}

const CONNECTORS: &[Entry] = &[
    Entry { name: "datagen", source: Some(&connectors::datagen::DatagenFactory), sink: None },
    Entry {
        name: "filesystem",
        source: Some(&connectors::filesystem::FilesystemFactory),
        sink: Some(&connectors::filesystem::FilesystemSinkFactory),
    },
    Entry {
        name: "postgres-cdc",
        source: Some(&connectors::postgres::PostgresCdcFactory),
        sink: None,
    },
    Entry {
        name: "jdbc",
        source: Some(&connectors::jdbc::JdbcSourceFactory),
        sink: Some(&connectors::jdbc::JdbcSinkFactory),
    },
    Entry {
        name: "kafka",
        source: Some(&connectors::kafka::KafkaSourceFactory),
        sink: Some(&connectors::kafka::KafkaSinkFactory),
    },
    Entry {
        name: "upsert-kafka",
        source: Some(&connectors::kafka::UpsertKafkaSourceFactory),
        sink: Some(&connectors::kafka::UpsertKafkaSinkFactory),
    },
    Entry { name: "print", source: None, sink: Some(&connectors::print::PrintFactory) },
    Entry { name: "blackhole", source: None, sink: Some(&connectors::blackhole::BlackholeFactory) },
];

/// The connectors built into this binary.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registry {
    /// `tailwater.flink-strict`
    is_strict: bool,
}

type Issues = Vec<DeclarationIssue>;

impl Registry {
    /// The connectors for a session that [is strict](TableSpec::is_strict) or not.
    pub fn new(is_strict: bool) -> Self {
        Self { is_strict }
    }

    /// The source of a declared table.
    ///
    /// # Errors
    /// What is wrong with the declaration.
    pub fn source(&self, table: &CatalogTable) -> Result<Box<dyn SourcePlan>, Issues> {
        let entry = find(table)?;
        let Some(factory) = entry.source else {
            return Err(vec![about_connector(
                table,
                format!("connector '{}' can be used as a sink only", entry.name),
                None,
            )]);
        };
        let spec = self.spec(table, table.read_columns());
        factory.plan(&spec).map_err(|issues| placed(table, issues))
    }

    /// The sink of a declared table.
    ///
    /// # Errors
    /// What is wrong with the declaration.
    pub fn sink(&self, table: &CatalogTable) -> Result<Box<dyn SinkPlan>, Issues> {
        let entry = find(table)?;
        let Some(factory) = entry.sink else {
            return Err(vec![about_connector(
                table,
                format!("connector '{}' can be used as a source only", entry.name),
                None,
            )]);
        };
        let spec = self.spec(table, table.written_columns());
        factory.plan(&spec).map_err(|issues| placed(table, issues))
    }
}

impl Registry {
    fn spec<'t>(
        &self,
        table: &'t CatalogTable,
        columns: impl Iterator<Item = &'t CatalogColumn>,
    ) -> TableSpec {
        let column = |c: &CatalogColumn| TableColumn {
            name: c.name.clone(),
            data_type: c.data_type.clone(),
            metadata: match &c.source {
                ColumnSource::Metadata { key, .. } => Some(key.clone()),
                ColumnSource::Physical | ColumnSource::Computed(_) => None,
            },
        };
        let columns: Vec<TableColumn> = columns.map(column).collect();
        let place = |name: &String| columns.iter().position(|c| &c.name == name);
        TableSpec {
            name: table.path.to_string(),
            primary_key: table.key_columns().iter().filter_map(place).collect(),
            partition_keys: table.partition_keys.iter().filter_map(place).collect(),
            columns,
            options: table.options.clone(),
            is_strict: self.is_strict,
        }
    }

    /// The server of a `postgres-cdc` table.
    pub(crate) fn slot_server(&self, table: &CatalogTable) -> Result<SlotServer, Issues> {
        let spec = self.spec(table, table.read_columns());
        SlotServer::of_table(&spec).map_err(|issues| placed(table, issues))
    }
}

impl Connectors for Registry {
    fn source_mode(&self, table: &CatalogTable) -> Result<Declared, Issues> {
        let plan = self.source(table)?;
        Ok(Declared { mode: plan.changelog_mode(), notes: noted(table, plan.notes()) })
    }

    fn sink_mode(&self, table: &CatalogTable) -> Result<Declared, Issues> {
        let plan = self.sink(table)?;
        Ok(Declared { mode: plan.accepts(), notes: noted(table, plan.notes()) })
    }
}

fn find(table: &CatalogTable) -> Result<&'static Entry, Issues> {
    let Some(name) = table.options.get("connector") else {
        let message = format!(
            "Table options do not contain an option key 'connector' for discovering a connector \
             of table '{}'",
            table.path
        );
        let hint = "add 'connector' = '...' to WITH (...)".to_owned();
        return Err(vec![issue(table.origin.name, message, Some(hint))]);
    };
    if let Some(entry) = CONNECTORS.iter().find(|e| e.name == name) {
        return Ok(entry);
    }
    let names = CONNECTORS.iter().map(|e| e.name);
    let message = format!(
        "Could not find any factory for identifier '{name}' that implements \
         'org.apache.flink.table.factories.DynamicTableFactory'"
    );
    let hint = match nearest(name, names.clone()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => {
            let all: Vec<&str> = names.collect();
            format!("this binary has: {}", all.join(", "))
        }
    };
    Err(vec![about_connector(table, message, Some(hint))])
}

fn issue(span: Span, message: String, hint: Option<String>) -> DeclarationIssue {
    DeclarationIssue { span, message, hint, is_warning: false, code: None }
}

fn about_connector(
    table: &CatalogTable,
    message: String,
    hint: Option<String>,
) -> DeclarationIssue {
    let span = table.origin.options.get("connector").copied().unwrap_or(table.origin.name);
    issue(span, message, hint)
}

/// The same for what does not keep the table from being used.
fn noted(table: &CatalogTable, notes: Vec<TableIssue>) -> Issues {
    placed(table, notes.into_iter().map(TableIssue::as_warning).collect())
}

/// Points a connector's issues at the declaration.
fn placed(table: &CatalogTable, issues: Vec<TableIssue>) -> Issues {
    let place = |found: &TableIssue| {
        let option = found.option.as_ref().and_then(|o| table.origin.options.get(o));
        let column = found.column.as_ref().and_then(|c| table.origin.columns.get(c));
        option.or(column).copied().unwrap_or(table.origin.name)
    };
    issues
        .into_iter()
        .map(|found| DeclarationIssue {
            span: place(&found),
            hint: found.hint_in(Dialect::Sql),
            message: match &found.option {
                Some(option) if !found.message.contains(option.as_str()) => {
                    format!("option '{option}': {}", found.message)
                }
                _ => found.message,
            },
            is_warning: found.is_warning,
            code: found.code,
        })
        .collect()
}
