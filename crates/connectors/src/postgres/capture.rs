//! The tables of one source: found by name or pattern, described as the stream tells of them.

mod newcomers;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use tailwater_connector_api::{ConnectorError, ErrorKind, Object, Preconditions, TableSpec};
use tailwater_pg_wire::pgoutput::Relation;
use tokio_postgres::Client;

pub(crate) use self::newcomers::RowNewcomers;
use super::attributes;
use super::catalog::{self, CatalogTable};
use super::changes::{CapturedRelation, Streamed};
use super::client::{self, ServerAddress, query_error};
use super::column::ColumnDecoder;
use super::declared::row_plan;
use super::publication;
use super::records::{RecordCapture, StreamedRecords};
use super::rows::{Content, PlannedColumn, RowPlan, StreamedRows};
use super::snapshot::ChunkKey;
use super::table_plan::TablePlan;
use super::types;

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

    /// Whether a table is one of those that an expression means; a plain name means no others.
    pub(crate) fn is_match(&self, schema: &str, table: &str) -> bool {
        let expressions = self.expressions.as_ref();
        expressions.is_some_and(|(s, t)| s.is_match(schema) && t.is_match(table))
    }
}

/// A table whose rows are taken.
#[derive(Clone, Debug)]
pub(crate) struct CapturedTable {
    pub(crate) table: CatalogTable,
    pub(crate) plan: TablePlan,
    /// The row filter of the publication.
    pub(crate) filter: Option<String>,
    /// In which order snapshots read the tables.
    pub(crate) place: usize,
    /// Whether the rows that are there are read.
    pub(crate) is_in_snapshot: bool,
}

/// A table that was found, and how its rows are read if its columns fit.
pub(crate) struct FoundTable {
    pub(crate) table: CatalogTable,
    pub(crate) plan: Option<RowPlan>,
}

/// Finds the tables and decides how their rows are read.
pub(crate) async fn find(
    client: &Client,
    pattern: &TablePattern,
    declared: &TableSpec,
    database: &str,
    found: &mut Preconditions,
) -> Vec<FoundTable> {
    let wanted = Object::Table(format!("{}.{}", pattern.schema, pattern.table));
    let names = names(client, pattern).await;
    let mut tables = Vec::new();
    for (schema, name) in found.take("table", wanted, names).unwrap_or_default() {
        let object = Object::Table(format!("{schema}.{name}"));
        let loaded = catalog::load(client, &schema, &name).await;
        let Some(table) = found.take("table", object, loaded) else {
            continue;
        };
        let plan = row_plan(declared, &table, database, found);
        tables.push(FoundTable { table, plan });
    }
    tables
}

/// A name that is literally there is that table, whatever else it could mean.
async fn names(
    client: &Client,
    pattern: &TablePattern,
) -> Result<Vec<(String, String)>, ConnectorError> {
    let literal = (pattern.schema.clone(), pattern.table.clone());
    if pattern.expressions.is_none() {
        return Ok(vec![literal]);
    }
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
    let found: Vec<_> = all.into_iter().filter(|(s, t)| pattern.is_match(s, t)).collect();
    if found.is_empty() {
        let message = format!("no table matches \"{}\".\"{}\"", pattern.schema, pattern.table);
        return Err(ConnectorError::new(ErrorKind::SchemaMismatch, message)
            .with_hint("check \"schema-name\", \"table-name\" and \"database-name\""));
    }
    Ok(found)
}

/// A relation of the past.
struct Past {
    /// Its columns by the names that they have now.
    relation: Relation,
    /// Places in the plan of columns that were not there: their values are NULL.
    absent: Vec<usize>,
}

/// What the stream's relations are to us.
pub(crate) struct Capture {
    pub(crate) tables: BTreeMap<u32, CapturedTable>,
    /// Partitions that publish under their own names, and of which table they are.
    pub(crate) partitions: HashMap<u32, u32>,
    /// By what the snapshots of tables are cut.
    pub(crate) keys: BTreeMap<u32, ChunkKey>,
    /// For questions about what is new.
    pub(crate) address: ServerAddress,
    pub(crate) publication: String,
    /// For a source of records.
    pub(crate) records: Option<RecordCapture>,
    /// For a source of rows.
    pub(crate) newcomers: Option<RowNewcomers>,
}

impl Capture {
    /// The tables and partitions of which changes come.
    pub(crate) fn relations(&self) -> Vec<u32> {
        self.tables.keys().chain(self.partitions.keys()).copied().collect()
    }

    fn root_of(&self, relation: &Relation) -> u32 {
        self.partitions.get(&relation.oid).copied().unwrap_or(relation.oid)
    }

    /// How the rows of a relation are read from here on, if they are wanted.
    pub(crate) async fn describe(
        &mut self,
        relation: &Relation,
    ) -> Result<Option<CapturedRelation>, ConnectorError> {
        let mut root = self.root_of(relation);
        if !self.tables.contains_key(&root) {
            self.meet(relation).await?;
            root = self.root_of(relation);
        }
        let Some(captured) = self.tables.get(&root) else {
            return Ok(None);
        };
        let key = self.keys.get(&root).cloned();
        let plan = match (&captured.plan, &mut self.records) {
            (TablePlan::Rows(plan), _) => Arc::clone(plan),
            (TablePlan::Records(plan), Some(records)) => {
                let plan = records.describe(root, plan, relation, &self.address).await?;
                let Some(plan) = plan else { return Ok(None) };
                let streamed = Streamed::Records(StreamedRecords::new(plan, key.as_ref()));
                return Ok(Some(CapturedRelation { table: root, key, streamed }));
            }
            (TablePlan::Records(_), None) => return Ok(None),
        };
        let past = self.past(&plan, relation).await?;
        let (relation, absent) = match &past {
            Some(past) => (&past.relation, past.absent.as_slice()),
            None => (relation, [].as_slice()),
        };
        let plan = match self.retyped(&plan, relation).await? {
            Some(plan) => Arc::new(plan),
            None => plan,
        };
        let streamed = StreamedRows::new(Arc::clone(&plan), (relation, absent), key.as_ref());
        let rows = match streamed {
            Ok(rows) => Ok(rows),
            Err(mismatch) => {
                let table = &captured.table;
                Err(Some(self.explain(table, &plan, relation, mismatch).await))
            }
        };
        Ok(Some(CapturedRelation { table: root, key, streamed: Streamed::Rows { plan, rows } }))
    }

    /// How to read rows that lack declared columns: from before they were renamed back, or added
    /// again.
    async fn past(
        &self,
        plan: &RowPlan,
        relation: &Relation,
    ) -> Result<Option<Past>, ConnectorError> {
        let is_there = |name: &str| relation.columns.iter().any(|c| c.name == name);
        let is_missing = |column: &&PlannedColumn| {
            matches!(column.content, Content::Physical { .. }) && !is_there(&column.name)
        };
        if !plan.columns.iter().any(|column| is_missing(&column)) {
            return Ok(None);
        }
        let client = client::connect(&self.address, "tailwater").await?;
        let attributes = attributes::load(&client, relation.oid).await?;
        let names = attributes::names_now(relation, &attributes);
        let mut past = Past { relation: relation.clone(), absent: Vec::new() };
        let missing = plan.columns.iter().enumerate().filter(|(_, column)| is_missing(column));
        for (at, PlannedColumn { name, .. }) in missing {
            if let Some(place) = names.iter().position(|now| now.as_ref() == Some(name)) {
                past.relation.columns[place].name.clone_from(name);
            } else if !plan.key.contains(&at)
                && attributes::is_made_again(name, relation, &attributes)
                && publication::has_column(&client, &self.publication, relation, name).await?
            {
                past.absent.push(at);
            }
        }
        Ok(Some(past))
    }

    /// The plan for rows whose columns have other types than the catalog says: the table was
    /// altered since they were written, or will have been.
    async fn retyped(
        &self,
        plan: &RowPlan,
        relation: &Relation,
    ) -> Result<Option<RowPlan>, ConnectorError> {
        let type_now = |name: &str| relation.columns.iter().find(|c| c.name == name);
        let other = plan.columns.iter().enumerate().filter_map(|(at, column)| {
            let Content::Physical { type_oid, .. } = &column.content else {
                return None;
            };
            let now = type_now(&column.name)?.type_oid;
            (now != *type_oid).then_some((at, now))
        });
        let other: Vec<(usize, u32)> = other.collect();
        if other.is_empty() {
            return Ok(None);
        }
        let client = client::connect(&self.address, "tailwater").await?;
        let oids: Vec<u32> = other.iter().map(|(_, oid)| *oid).collect();
        let types = types::load(&client, &oids).await?;
        let mut plan = plan.clone();
        for (at, oid) in other {
            let column = &mut plan.columns[at];
            let pg_type = types.get(oid);
            let decoder =
                pg_type.as_ref().and_then(|t| ColumnDecoder::new(&t.value, &column.declared));
            if let (Some(decoder), Some(pg_type)) = (decoder, pg_type) {
                column.content =
                    Content::Physical { decoder, type_oid: oid, type_name: pg_type.name };
            }
        }
        Ok(Some(plan))
    }

    /// Says what has become of a column that is missing.
    async fn explain(
        &self,
        table: &CatalogTable,
        plan: &RowPlan,
        relation: &Relation,
        mismatch: ConnectorError,
    ) -> ConnectorError {
        let is_gone = |name: &str| !relation.columns.iter().any(|c| c.name == name);
        let missing = plan.columns.iter().find(|column| {
            matches!(column.content, Content::Physical { .. }) && is_gone(&column.name)
        });
        let Some(column) = missing.and_then(|missing| table.column(&missing.name)) else {
            return mismatch;
        };
        let sql = "SELECT attname::text FROM pg_attribute
            WHERE attrelid = $1 AND attnum = $2 AND NOT attisdropped AND attname::text <> $3";
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&table.oid, &column.attnum, &column.name];
        let renamed = match client::connect(&self.address, "tailwater").await {
            Ok(client) => client.query_opt(sql, &parameters).await.ok().flatten(),
            Err(_) => None,
        };
        let (table, name) = (plan.table(), &column.name);
        let error = |message| ConnectorError::new(ErrorKind::SchemaMismatch, message);
        match renamed {
            Some(row) => {
                let now: String = row.get(0);
                error(format!("column \"{name}\" of table {table} was renamed to \"{now}\""))
                    .with_hint(format!(
                        "declare \"{now}\" and start the job anew, or rename the column back"
                    ))
            }
            None => error(format!(
                "column \"{name}\" of table {table} was dropped or is no longer published"
            ))
            .with_hint("leave it out of the declaration and start the job anew"),
        }
    }
}
