//! Tables that the stream tells of and that were not there when the source began.
//!
//! They are taken from the stream alone, from their first row in it on. A source that is asked to read
//! new tables (`scan.newly-added-table.enabled`) leaves them for its next start.

use std::sync::Arc;

use tailwater_connector_api::{ConnectorError, Preconditions, TableSpec};
use tailwater_pg_wire::pgoutput::Relation;
use tokio_postgres::Client;

use super::super::catalog::{self, CatalogColumn, CatalogTable};
use super::super::client::{self, query_error};
use super::super::declared::row_plan;
use super::super::hub::Newcomers;
use super::super::table_plan::TablePlan;
use super::super::types;
use super::{Capture, CapturedTable, TablePattern};

/// What makes a table one that a source of rows takes.
pub(crate) struct RowNewcomers {
    pub(crate) declared: TableSpec,
    /// Tables that match it, if others than those that were there are wanted.
    pub(crate) pattern: Option<TablePattern>,
    /// Whether partitions come under names of their own.
    pub(crate) has_partitions: bool,
    pub(crate) database: String,
}

/// The tables that a partition is a partition of, from itself to the root.
const ANCESTORS: &str = "SELECT c.oid, n.nspname::text, c.relname::text
    FROM pg_partition_ancestors($1::oid::regclass) WITH ORDINALITY AS a(relid, place)
    JOIN pg_class c ON c.oid = a.relid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY place";

impl Capture {
    /// Which tables are worth [`Capture::describe`], of those that have not been named.
    pub(crate) fn newcomers(&self) -> Option<Newcomers> {
        if let Some(records) = &self.records {
            return Some(records.newcomers());
        }
        let RowNewcomers { pattern, has_partitions, .. } = self.newcomers.as_ref()?;
        match pattern.clone() {
            // Whose partition one is only the catalog knows.
            _ if *has_partitions => Some(Newcomers::new(|_, _| true)),
            Some(pattern) => Some(Newcomers::new(move |s, t| pattern.is_match(s, t))),
            None => None,
        }
    }

    /// Takes a table that was not there when the source began, if it is one that is wanted.
    pub(super) async fn meet(&mut self, relation: &Relation) -> Result<(), ConnectorError> {
        let met = match (&mut self.records, &self.newcomers) {
            (Some(records), _) => records.meet(relation, &self.address).await?,
            (None, Some(newcomers)) => {
                let client = client::connect(&self.address, "tailwater").await?;
                let rows = client.query(ANCESTORS, &[&relation.oid]).await;
                let rows = rows.map_err(|error| query_error("read the partitions", error))?;
                let known = rows.iter().map(|row| row.get(0));
                if let Some(root) = known.into_iter().find(|oid| self.tables.contains_key(oid)) {
                    self.partitions.insert(relation.oid, root);
                    return Ok(());
                }
                let root = rows.last().map(|row| (row.get(0), row.get(1), row.get(2)));
                newcomers.table(&client, relation, root).await?
            }
            (None, None) => None,
        };
        if let Some(captured) = met {
            let table = captured.table.shown();
            tracing::info!(table, "a new table is captured from here on");
            if captured.table.oid != relation.oid {
                self.partitions.insert(relation.oid, captured.table.oid);
            }
            self.tables.insert(captured.table.oid, captured);
        }
        Ok(())
    }
}

impl RowNewcomers {
    /// The table of a relation, or `root`, whose partition it is, if it is wanted.
    async fn table(
        &self,
        client: &Client,
        relation: &Relation,
        root: Option<(u32, String, String)>,
    ) -> Result<Option<CapturedTable>, ConnectorError> {
        let own = || (relation.oid, relation.namespace.clone(), relation.name.clone());
        let (oid, schema, name) = root.unwrap_or_else(own);
        if !self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(&schema, &name)) {
            return Ok(None);
        }
        let table = match catalog::load(client, &schema, &name).await {
            Ok(table) if table.oid == oid => table,
            // Dropped or renamed since the rows were written.
            _ if oid == relation.oid => described(client, relation).await?,
            _ => return Ok(None),
        };
        let mut found = Preconditions::default();
        let plan = row_plan(&self.declared, &table, &self.database, &mut found);
        found.into_result()?;
        let captured = |plan| {
            let plan = TablePlan::Rows(Arc::new(plan));
            CapturedTable { table, plan, filter: None, place: 0, is_in_snapshot: false }
        };
        Ok(plan.map(captured))
    }
}

/// A table of which only the stream knows.
async fn described(client: &Client, relation: &Relation) -> Result<CatalogTable, ConnectorError> {
    let oids: Vec<u32> = relation.columns.iter().map(|column| column.type_oid).collect();
    let types = types::load(client, &oids).await?;
    let columns = relation.columns.iter().map(|column| CatalogColumn {
        name: column.name.clone(),
        attnum: 0,
        type_oid: column.type_oid,
        pg_type: types
            .get(column.type_oid)
            .unwrap_or_else(|| types.column(column.type_oid, String::new())),
        is_not_null: column.is_key,
        has_default: false,
        generated: None,
    });
    Ok(CatalogTable {
        oid: relation.oid,
        schema: relation.namespace.clone(),
        name: relation.name.clone(),
        is_partitioned: false,
        other_kind: None,
        columns: columns.collect(),
    })
}
