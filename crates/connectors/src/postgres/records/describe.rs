//! Tables as the stream describes them: its columns, and what only the catalog knows of them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tailwater_connector_api::ConnectorError;
use tailwater_debezium::ColumnSpec;
use tailwater_debezium::config::SourceConfig;
use tailwater_debezium::event::{EventSettings, TablePlan, TableSpec};
use tailwater_pg_wire::pgoutput::{ColumnInfo, Relation, ReplicaIdentity};

use super::super::attributes::{self, names_now};
use super::super::capture::CapturedTable;
use super::super::client::{self, ServerAddress};
use super::super::hub::Newcomers;
use super::super::table_plan;
use super::RecordPlan;
use super::catalog::{self, KnownTable, TypeSpecs};

/// What is known of the captured tables.
pub(crate) struct RecordCapture {
    settings: Arc<EventSettings>,
    /// Which tables are captured.
    source: Arc<SourceConfig>,
    database: String,
    known: BTreeMap<u32, KnownTable>,
    /// Tables that the stream has described: a second description tells of a change.
    described: HashSet<u32>,
}

impl RecordCapture {
    pub(super) fn new(
        settings: Arc<EventSettings>,
        source: Arc<SourceConfig>,
        database: &str,
        known: impl IntoIterator<Item = KnownTable>,
    ) -> Self {
        let known = known.into_iter().map(|known| (known.table.oid, known));
        Self {
            settings,
            source,
            database: database.to_owned(),
            known: known.collect(),
            described: HashSet::new(),
        }
    }

    /// Takes everything out of it.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            source: Arc::clone(&self.source),
            database: std::mem::take(&mut self.database),
            known: std::mem::take(&mut self.known),
            described: HashSet::new(),
        }
    }

    /// Which tables that have not been named are captured.
    pub(crate) fn newcomers(&self) -> Newcomers {
        let source = Arc::clone(&self.source);
        Newcomers::new(move |schema, table| {
            catalog::is_ordinary(table) && source.captures(schema, table)
        })
    }

    /// A table that was not there when the source began, if it is one to capture.
    pub(crate) async fn meet(
        &mut self,
        relation: &Relation,
        address: &ServerAddress,
    ) -> Result<Option<CapturedTable>, ConnectorError> {
        let (schema, name) = (&relation.namespace, &relation.name);
        if !catalog::is_ordinary(name) || !self.source.captures(schema, name) {
            return Ok(None);
        }
        let client = client::connect(address, "tailwater").await?;
        let names = (relation.oid, schema.clone(), name.clone(), false);
        let Some(known) = catalog::describe(&client, &[names]).await?.pop() else {
            return Ok(None);
        };
        let plan = RecordPlan::of(&self.settings, &known, &self.database);
        let plan = table_plan::TablePlan::Records(Arc::new(plan));
        let table = known.table.clone();
        self.known.insert(relation.oid, known);
        Ok(Some(CapturedTable { table, plan, filter: None, place: 0, is_in_snapshot: false }))
    }

    /// The plan for rows of a relation from here on; `now` is that of the catalog. `None` if the table
    /// has a name there that is not captured.
    pub(crate) async fn describe(
        &mut self,
        oid: u32,
        now: &Arc<RecordPlan>,
        relation: &Relation,
        address: &ServerAddress,
    ) -> Result<Option<Arc<RecordPlan>>, ConnectorError> {
        // A partition may be told under the name of its root, and the other way round.
        let (schema, name) = match relation.oid == oid {
            true => (relation.namespace.clone(), relation.name.clone()),
            false => (now.names.schema.clone(), now.names.table.clone()),
        };
        if !self.source.captures(&schema, &name) {
            tracing::info!(schema, table = name, "the table has a name now that is not captured");
            return Ok(None);
        }
        let is_new = self.described.insert(oid);
        let mut types = None;
        let own_name = |column: &ColumnInfo| Some(column.name.clone());
        let mut names: Vec<_> = relation.columns.iter().map(own_name).collect();
        if !is_new || !self.knows(oid, relation) {
            let client = client::connect(address, "tailwater").await?;
            let table = (oid, relation.namespace.clone(), relation.name.clone(), false);
            let mut known = catalog::describe(&client, &[table]).await?;
            if let Some(known) = known.pop() {
                self.known.insert(oid, known);
            }
            let oids: Vec<u32> = relation.columns.iter().map(|column| column.type_oid).collect();
            types = Some(TypeSpecs::load(&client, &oids).await?);
            names = names_now(relation, &attributes::load(&client, oid).await?);
        }
        let known = self.known.get(&oid);
        let columns = relation.columns.iter().zip(&names).map(|(column, name)| {
            spec(known, (column, name.as_deref().unwrap_or(&column.name)), types.as_ref())
        });
        let columns: Vec<ColumnSpec> = columns.collect();
        let key = key(known, relation, &names);
        let spec = TableSpec { schema, name, columns, key };
        if spec == *now.events.table() {
            return Ok(Some(Arc::clone(now)));
        }
        let events = TablePlan::new(&self.settings, spec);
        Ok(Some(Arc::new(RecordPlan::new(events, &self.database))))
    }

    /// Whether the catalog, as it was read, has all columns as the stream has them.
    fn knows(&self, oid: u32, relation: &Relation) -> bool {
        let known = self.known.get(&oid);
        let is_known = |column: &ColumnInfo| {
            let mut columns = known.iter().flat_map(|known| &known.columns);
            columns.any(|c| {
                c.spec.name == column.name
                    && c.type_oid == column.type_oid
                    && c.modifier == column.type_modifier
            })
        };
        relation.columns.iter().all(is_known)
    }
}

/// The places of the key's columns. What the catalog does not tell, of a table that is gone, is in
/// the replica identity.
fn key(known: Option<&KnownTable>, relation: &Relation, names: &[Option<String>]) -> Vec<usize> {
    let key: &[String] = known.map_or(&[], |known| &known.key);
    let is_gone = known.is_none_or(|known| known.columns.is_empty());
    if is_gone && relation.replica_identity != ReplicaIdentity::Full {
        let columns = relation.columns.iter().enumerate();
        return columns.filter(|(_, c)| c.is_key).map(|(place, _)| place).collect();
    }
    let place = |name: &String| names.iter().position(|now| now.as_ref() == Some(name));
    key.iter().filter_map(place).collect()
}

/// A column and what it is called now: its name and type are the stream's, the rest the catalog's, as
/// far as it is still there.
fn spec(
    known: Option<&KnownTable>,
    (column, name_now): (&ColumnInfo, &str),
    types: Option<&TypeSpecs>,
) -> ColumnSpec {
    let mut named = known.iter().flat_map(|known| &known.columns);
    let named = named.find(|c| c.spec.name == name_now);
    let named = named.map(|c| ColumnSpec { name: column.name.clone(), ..c.spec.clone() });
    let streamed = types.map(|types| types.spec(column.type_oid, column.type_modifier));
    match (named, streamed) {
        (Some(named), None) => named,
        (Some(named), Some(pg_type)) => ColumnSpec { pg_type, ..named },
        (None, streamed) => ColumnSpec {
            name: column.name.clone(),
            pg_type: streamed.unwrap_or_else(|| tailwater_debezium::TypeSpec {
                oid: column.type_oid,
                name: String::new(),
                modifier: column.type_modifier,
                value: tailwater_pg_wire::value::ValueType::Opaque,
                sort: tailwater_debezium::TypeSort::Plain,
            }),
            is_optional: !column.is_key,
            default: None,
            comment: None,
        },
    }
}
