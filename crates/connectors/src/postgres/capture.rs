//! The tables of one source: found by name or pattern, described as the stream tells of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use tailwater_connector_api::{ConnectorError, ErrorKind, TableSpec};
use tailwater_pg_wire::pgoutput::Relation;
use tokio_postgres::Client;

use super::catalog::{self, CatalogTable};
use super::changes::CapturedRelation;
use super::client::query_error;
use super::declared::row_plan;
use super::rows::{RowPlan, StreamedRows};
use super::snapshot::ChunkKey;

/// `schema-name` and `table-name`: names, or regular expressions that match whole names.
#[derive(Clone, Debug, Default)]
pub(crate) struct TablePattern {
    pub(crate) schema: String,
    pub(crate) table: String,
    expressions: Option<(Regex, Regex)>,
}

impl TablePattern {
    /// Judges both; a wrong one is named with its error.
    pub(crate) fn new(schema: String, table: String) -> Result<Self, (&'static str, String)> {
        let is_plain = |c: char| c.is_alphanumeric() || "_$- \"'é".contains(c);
        if schema.chars().all(is_plain) && table.chars().all(is_plain) {
            return Ok(Self { schema, table, expressions: None });
        }
        let compile = |option, text: &str| {
            let mut builder = RegexBuilder::new(&format!("^(?:{text})$"));
            let built = builder.case_insensitive(true).build();
            built.map_err(|error| {
                (option, format!("\"{text}\" is not a regular expression: {error}"))
            })
        };
        let expressions = (compile("schema-name", &schema)?, compile("table-name", &table)?);
        Ok(Self { schema, table, expressions: Some(expressions) })
    }
}

/// A table whose rows are taken.
#[derive(Clone, Debug)]
pub(crate) struct CapturedTable {
    pub(crate) table: CatalogTable,
    pub(crate) plan: Arc<RowPlan>,
    /// The row filter of the publication.
    pub(crate) filter: Option<String>,
}

/// Finds the tables and decides how their rows are read.
pub(crate) async fn find(
    client: &Client,
    pattern: &TablePattern,
    declared: &TableSpec,
    database: &str,
) -> Result<Vec<CapturedTable>, ConnectorError> {
    let mut captured = Vec::new();
    for (schema, name) in names(client, pattern).await? {
        let table = catalog::load(client, &schema, &name).await?;
        let plan = Arc::new(row_plan(declared, &table, database)?);
        captured.push(CapturedTable { table, plan, filter: None });
    }
    Ok(captured)
}

/// A name that is literally there is that table, whatever else it could mean.
async fn names(
    client: &Client,
    pattern: &TablePattern,
) -> Result<Vec<(String, String)>, ConnectorError> {
    let literal = (pattern.schema.clone(), pattern.table.clone());
    let Some((schema, table)) = &pattern.expressions else {
        return Ok(vec![literal]);
    };
    // Partitions come with the table that they are partitions of.
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
          AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2";
    let rows = client.query(sql, &[]).await;
    let rows = rows.map_err(|error| query_error("list the tables", error))?;
    let all = rows.iter().map(|row| (row.get::<_, String>(0), row.get::<_, String>(1)));
    let all: Vec<(String, String)> = all.collect();
    if all.contains(&literal) {
        return Ok(vec![literal]);
    }
    let matches = |(s, t): &(String, String)| schema.is_match(s) && table.is_match(t);
    let found: Vec<_> = all.into_iter().filter(matches).collect();
    if found.is_empty() {
        let message = format!("no table matches \"{}\".\"{}\"", pattern.schema, pattern.table);
        return Err(ConnectorError::new(ErrorKind::SchemaMismatch, message)
            .with_hint("check \"schema-name\", \"table-name\" and \"database-name\""));
    }
    Ok(found)
}

/// What the stream's relations are to us.
pub(crate) struct Capture {
    pub(crate) tables: BTreeMap<u32, CapturedTable>,
    /// Partitions that publish under their own names, and of which table they are.
    pub(crate) partitions: HashMap<u32, u32>,
    /// By what the snapshots of tables are cut.
    pub(crate) keys: BTreeMap<u32, ChunkKey>,
}

impl Capture {
    /// How the rows of a relation are read, if they are wanted.
    pub(crate) fn describe(&self, relation: &Relation) -> Option<CapturedRelation> {
        let root = self.partitions.get(&relation.oid).copied().unwrap_or(relation.oid);
        let captured = self.tables.get(&root)?;
        let key = self.keys.get(&root).cloned();
        let plan = Arc::clone(&captured.plan);
        let rows = StreamedRows::new(Arc::clone(&plan), relation, key.as_ref()).map_err(Some);
        Some(CapturedRelation { table: root, plan, key, rows })
    }
}
