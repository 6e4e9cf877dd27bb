//! What the catalog says of captured tables: all of them in a fixed number of questions.

use hashbrown::HashMap;
use tailwater_connector_api::ConnectorError;
use tailwater_debezium::{ColumnSpec, TypeSort, TypeSpec};
use tailwater_pg_wire::value::ValueType;
use tokio_postgres::{Client, Row};

use super::super::catalog::{CatalogColumn, CatalogTable};
use super::super::client::query_error;
use super::super::types::{self, Types};

/// Types within types are followed this far.
const MAX_DEPTH: usize = 32;

const TABLES: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind = 'p'
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND c.relname <> 'spatial_ref_sys'
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 2, 3";

const COLUMNS: &str = "SELECT a.attrelid, a.attname::text, a.atttypid, a.atttypmod, a.attnum,
      a.attnotnull OR t.typnotnull, pg_get_expr(d.adbin, d.adrelid),
      a.attidentity <> '', col_description(a.attrelid, a.attnum), format_type(a.atttypid, a.atttypmod),
      a.attgenerated <> ''
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum";

/// The primary key, else the replica identity's index, else any unique index without NULLs.
const KEYS: &str = "SELECT DISTINCT ON (i.indrelid) i.indrelid,
      ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE k.place <= i.indnkeyatts ORDER BY k.place)
    FROM pg_index i WHERE i.indrelid = ANY ($1) AND i.indisvalid AND i.indisunique
      AND i.indpred IS NULL AND i.indexprs IS NULL AND (i.indisprimary OR NOT EXISTS (
        SELECT 1 FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        AND NOT a.attnotnull))
    ORDER BY i.indrelid, i.indisprimary DESC, i.indisreplident DESC, i.indexrelid";

const TYPES: &str = "WITH RECURSIVE reached(oid) AS (
      SELECT unnest($1::oid[])
    UNION
      SELECT part.oid FROM reached JOIN pg_type t ON t.oid = reached.oid CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL SELECT t.typelem WHERE t.typtype = 'b' AND t.typcategory = 'A') AS part(oid))
    SELECT t.oid, t.typname::text, t.typtype::text, t.typcategory::text, t.typelem, t.typbasetype,
      t.typtypmod, t.typdelim::text,
      ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
    FROM reached JOIN pg_type t ON t.oid = reached.oid";

/// A table as the catalog has it now.
#[derive(Clone, Debug)]
pub(super) struct KnownTable {
    pub(super) table: CatalogTable,
    pub(super) columns: Vec<KnownColumn>,
    /// The names of its key's columns.
    pub(super) key: Vec<String>,
}

/// A column with what the stream says of it too.
#[derive(Clone, Debug)]
pub(super) struct KnownColumn {
    pub(super) type_oid: u32,
    pub(super) modifier: i32,
    pub(super) spec: ColumnSpec,
}

/// Whether a table may be captured at all: this one belongs to PostGIS.
pub(super) fn is_ordinary(table: &str) -> bool {
    table != "spatial_ref_sys"
}

/// The tables that are there: object id, schema, name, whether it is partitioned.
pub(super) async fn tables(
    client: &Client,
) -> Result<Vec<(u32, String, String, bool)>, ConnectorError> {
    let rows = client.query(TABLES, &[]).await;
    let rows = rows.map_err(|error| query_error("list the tables", error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect())
}

/// Describes tables.
pub(super) async fn describe(
    client: &Client,
    tables: &[(u32, String, String, bool)],
) -> Result<Vec<KnownTable>, ConnectorError> {
    let failed = |error| query_error("read the catalog", error);
    let oids: Vec<u32> = tables.iter().map(|(oid, ..)| *oid).collect();
    let rows = client.query(COLUMNS, &[&oids]).await.map_err(failed)?;
    let type_oids: Vec<u32> = rows.iter().map(|row| row.get(2)).collect();
    let types = TypeSpecs::load(client, &type_oids).await?;
    let keys = client.query(KEYS, &[&oids]).await.map_err(failed)?;
    let mut keys: HashMap<u32, Vec<String>> =
        keys.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut columns: HashMap<u32, Vec<(CatalogColumn, KnownColumn)>> = HashMap::new();
    for row in &rows {
        columns.entry(row.get(0)).or_default().push(column(row, &types));
    }
    let known = tables.iter().map(|(oid, schema, name, is_partitioned)| {
        let columns = columns.remove(oid).unwrap_or_default();
        let (catalog, known) = columns.into_iter().unzip();
        let table = CatalogTable {
            oid: *oid,
            schema: schema.clone(),
            name: name.clone(),
            is_partitioned: *is_partitioned,
            other_kind: None,
            columns: catalog,
        };
        KnownTable { table, columns: known, key: keys.remove(oid).unwrap_or_default() }
    });
    Ok(known.collect())
}

fn column(row: &Row, types: &TypeSpecs) -> (CatalogColumn, KnownColumn) {
    let (name, type_oid, modifier): (String, u32, i32) = (row.get(1), row.get(2), row.get(3));
    let (is_not_null, is_identity, is_generated): (bool, bool, bool) =
        (row.get(5), row.get(7), row.get(10));
    let default: Option<String> = row.get(6);
    let catalog = CatalogColumn {
        name: name.clone(),
        attnum: row.get(4),
        type_oid,
        pg_type: types.types.column(type_oid, row.get(9)),
        is_not_null,
        has_default: default.is_some() || is_identity,
        generated: None,
    };
    let spec = ColumnSpec {
        name,
        pg_type: types.spec(type_oid, modifier),
        is_optional: !is_not_null,
        // The expression of a generated column is no default.
        default: default.filter(|_| !is_generated),
        comment: row.get(8),
    };
    (catalog, KnownColumn { type_oid, modifier, spec })
}

struct Entry {
    name: String,
    kind: String,
    category: String,
    element: u32,
    base: u32,
    modifier: i32,
    delimiter: u8,
    labels: Vec<String>,
}

/// Types by their object ids.
pub(super) struct TypeSpecs {
    entries: HashMap<u32, Entry>,
    types: Types,
}

impl TypeSpecs {
    /// Reads types, and what they are made of.
    pub(super) async fn load(client: &Client, oids: &[u32]) -> Result<Self, ConnectorError> {
        let rows = client.query(TYPES, &[&oids]).await;
        let rows = rows.map_err(|error| query_error("read the types in the catalog", error))?;
        let entry = |row: &Row| Entry {
            name: row.get(1),
            kind: row.get(2),
            category: row.get(3),
            element: row.get(4),
            base: row.get(5),
            modifier: row.get(6),
            delimiter: row.get::<_, String>(7).bytes().next().unwrap_or(b','),
            labels: row.get(8),
        };
        let entries = rows.iter().map(|row| (row.get(0), entry(row))).collect();
        Ok(Self { entries, types: types::load(client, oids).await? })
    }

    /// A column's type with its domains resolved.
    pub(super) fn spec(&self, oid: u32, modifier: i32) -> TypeSpec {
        let (mut oid, mut modifier) = (oid, modifier);
        for _ in 0..MAX_DEPTH {
            let Some(domain) = self.entries.get(&oid).filter(|entry| entry.kind == "d") else {
                break;
            };
            modifier = if modifier < 0 { domain.modifier } else { modifier };
            oid = domain.base;
        }
        self.resolved(oid, modifier, 0)
    }

    fn resolved(&self, oid: u32, modifier: i32, depth: usize) -> TypeSpec {
        let value = self.types.get(oid).map_or(ValueType::Opaque, |known| known.value);
        let Some(entry) = self.entries.get(&oid).filter(|_| depth < MAX_DEPTH) else {
            let name = String::new();
            return TypeSpec { oid, name, modifier, value, sort: TypeSort::Plain };
        };
        let sort = match entry.kind.as_str() {
            "e" => TypeSort::Enum(entry.labels.clone()),
            "d" => TypeSort::Domain,
            _ if matches!(value, ValueType::Array { .. }) && entry.category == "A" => {
                let element = self.resolved(entry.element, modifier, depth + 1);
                let delimiter = self.entries.get(&entry.element).map_or(b',', |e| e.delimiter);
                TypeSort::Array(Box::new(element), delimiter)
            }
            _ => TypeSort::Plain,
        };
        TypeSpec { oid, name: entry.name.clone(), modifier, value, sort }
    }
}
