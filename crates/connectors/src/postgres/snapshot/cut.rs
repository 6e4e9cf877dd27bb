//! How a table is divided: by ranges of its key, or by pages in one snapshot.

use tailwater_connector_api::{ConnectorError, ErrorKind, Hint};
use tailwater_pg_wire::pgoutput::Cell;
use tokio_postgres::Client;
use tokio_postgres::types::{FromSql, Type};

use super::super::capture::CapturedTable;
use super::super::catalog::CatalogTable;
use super::super::client::{query_error, quote};
use super::super::table_plan::TablePlan;
use super::key::{ChunkKey, KeyColumn, KeyKind};
use super::progress::{Segment, TableProgress};
use super::transaction::{altered, shape_sql};

/// From this size on a table is read by ranges of its key, in short transactions, and resumed where
/// it was left; what is smaller is read by pages in one snapshot.
pub(crate) const BY_KEY_BYTES: i64 = 64 << 20;
/// About the size of a segment.
const SEGMENT_BYTES: i64 = 128 << 20;
const MAX_SEGMENTS: i64 = 256;
/// How much of a table is looked at to find keys that divide it.
const SAMPLE_PAGES: f64 = 500.0;

/// A table to be read.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotTable {
    pub(crate) oid: u32,
    pub(crate) sql_name: String,
    pub(crate) plan: TablePlan,
    /// In which order tables are read.
    pub(super) place: usize,
    /// The row filter of the publication.
    pub(crate) filter: Option<String>,
    /// By what it is cut; `None` is by pages.
    pub(crate) key: Option<ChunkKey>,
    /// The tables that hold its rows: itself, or its partitions.
    pub(super) leaves: Vec<Leaf>,
    is_partitioned: bool,
    /// Its columns, to notice an ALTER.
    pub(super) shape: String,
    /// TOAST included.
    pub(crate) bytes: i64,
    /// As of the last ANALYZE; 0 if nobody knows.
    pub(crate) rows: f64,
    /// How many rows a chunk has, where the user says so.
    pub(super) chunk_rows: Option<usize>,
    /// What a row takes on average, TOAST included; 0 if nobody knows.
    pub(super) row_bytes: usize,
}

/// A table with rows of its own.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) sql_name: String,
    pub(super) pages: u64,
}

/// How the user wants tables to be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CutSettings {
    /// How many readers work at once.
    pub(crate) readers: usize,
    /// `scan.incremental.snapshot.chunk.size`
    pub(crate) chunk_rows: Option<usize>,
    /// `scan.incremental.snapshot.enabled`
    pub(crate) is_by_pages: bool,
}

/// Looks at a table before it is read. `known_key` is by what an earlier run has cut it.
pub(crate) async fn look_at(
    client: &Client,
    captured: &CapturedTable,
    settings: &CutSettings,
    known_key: Option<&[String]>,
) -> Result<SnapshotTable, ConnectorError> {
    let table = &captured.table;
    let failed = |error| query_error("look at the table's size", error);
    let sql = "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname),
          pg_relation_size(c.oid) / current_setting('block_size')::bigint, pg_table_size(c.oid),
          greatest(c.reltuples, 0)::float8
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm') AND (c.oid = $1 OR c.oid IN
          (SELECT relid FROM pg_partition_tree($1::oid::regclass) WHERE isleaf)) ORDER BY 1";
    let rows = client.query(sql, &[&table.oid]).await.map_err(failed)?;
    let leaves = rows.iter().map(|row| Leaf {
        sql_name: row.get(0),
        pages: u64::try_from(row.get::<_, i64>(1)).unwrap_or(0),
    });
    let leaves: Vec<Leaf> = leaves.collect();
    let bytes: i64 = rows.iter().map(|row| row.get::<_, i64>(2)).sum();
    let tuples: f64 = rows.iter().map(|row| row.get::<_, f64>(3)).sum();
    let shape = client.query_one(&format!("SELECT {}", shape_sql(table.oid)), &[]).await;
    let shape: String = shape.map_err(failed)?.get(0);
    // All columns of a record's table are told: none may have come since they were looked at.
    if matches!(captured.plan, TablePlan::Records(_)) && shape != columns(table) {
        return Err(altered(&captured.plan));
    }
    let is_small = bytes < BY_KEY_BYTES && settings.chunk_rows.is_none();
    let is_by_pages = match known_key {
        Some(names) => names.is_empty(),
        None => settings.is_by_pages || is_small,
    };
    let key = if is_by_pages { None } else { chunk_key(client, table).await? };
    if known_key.is_some_and(|known| !is_key_of(key.as_ref(), known)) {
        let message = format!(
            "table {} has another key than when its snapshot was begun",
            captured.plan.table()
        );
        return Err(ConnectorError::new(ErrorKind::Config, message)
            .with_hint(Hint::each(|say| say.begin_anew().to_owned())));
    }
    Ok(SnapshotTable {
        oid: table.oid,
        sql_name: table.sql_name(),
        plan: captured.plan.clone(),
        place: captured.place,
        filter: captured.filter.clone(),
        key,
        leaves,
        is_partitioned: table.is_partitioned,
        shape,
        bytes,
        rows: tuples,
        chunk_rows: settings.chunk_rows,
        row_bytes: if tuples > 0.0 { (bytes as f64 / tuples) as usize } else { 0 },
    })
}

/// The columns as [`shape_sql`] has them.
fn columns(table: &CatalogTable) -> String {
    let columns = table.columns.iter().map(|c| format!("{} {}", c.name, c.type_oid));
    columns.collect::<Vec<_>>().join(", ")
}

fn is_key_of(key: Option<&ChunkKey>, names: &[String]) -> bool {
    key.iter().flat_map(|key| &key.columns).map(|c| &c.name).eq(names)
}

impl SnapshotTable {
    /// Whether it has never held a row.
    pub(crate) fn is_untouched(&self) -> bool {
        self.leaves.iter().all(|leaf| leaf.pages == 0)
    }

    /// The table behind FROM: without the tables that inherit from it, which publish by themselves.
    pub(super) fn from(&self) -> String {
        if self.is_partitioned { self.sql_name.clone() } else { format!("ONLY {}", self.sql_name) }
    }

    /// The table behind FROM, in front of a column's name.
    pub(super) fn alias(&self) -> &str {
        &self.sql_name
    }

    /// `from`, narrowed by conditions and the publication's row filter.
    pub(super) fn narrowed(&self, from: &str, conditions: Vec<String>) -> String {
        let filter = self.filter.iter().map(|filter| format!("({filter})"));
        let all: Vec<String> = conditions.into_iter().chain(filter).collect();
        if all.is_empty() { from.to_owned() } else { format!("{from} WHERE {}", all.join(" AND ")) }
    }

    /// Divides the table: by its key, or into one segment without bounds.
    pub(crate) async fn divide(
        &self,
        client: &Client,
        readers: usize,
    ) -> Result<TableProgress, ConnectorError> {
        let Some(key) = &self.key else {
            let segments = vec![Segment::default()];
            return Ok(TableProgress { key: Vec::new(), segments });
        };
        let wanted = (self.bytes / SEGMENT_BYTES).clamp(2 * readers as i64, MAX_SEGMENTS);
        let bounds = bounds(client, self, &key.columns[0], wanted).await?;
        let mut segments = Vec::with_capacity(bounds.len() + 1);
        let mut low = Vec::new();
        for high in bounds {
            let low = std::mem::replace(&mut low, high.clone());
            segments.push(Segment::new(low, Some(high), Vec::new()));
        }
        segments.push(Segment::new(low, None, Vec::new()));
        let names = key.columns.iter().map(|c| c.name.clone()).collect();
        Ok(TableProgress { key: names, segments })
    }
}

/// The columns by which changes and rows of the table can both be told apart, if we know their
/// order: those of the replica identity, of the primary key where that is FULL.
async fn chunk_key(
    client: &Client,
    table: &CatalogTable,
) -> Result<Option<ChunkKey>, ConnectorError> {
    let sql = "SELECT a.attname::text, CASE
          WHEN a.attcollation = 0 THEN true
          WHEN current_setting('server_encoding') NOT IN ('UTF8', 'SQL_ASCII', 'LATIN1') THEN false
          WHEN l.collname = 'default' THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'b'
            OR coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' AND d.datcollate IN ('C', 'POSIX')
          ELSE l.collprovider = 'b' OR l.collname IN ('C', 'POSIX') END
        FROM pg_class c
        JOIN pg_index i ON i.indrelid = c.oid AND i.indisvalid AND CASE c.relreplident
          WHEN 'i' THEN i.indisreplident WHEN 'n' THEN false ELSE i.indisprimary END
        CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
        JOIN pg_database d ON d.datname = current_database()
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE c.oid = $1 AND k.place <= i.indnkeyatts AND NOT EXISTS (
          SELECT 1 FROM pg_partition_tree($1::oid::regclass) t JOIN pg_class leaf ON leaf.oid = t.relid
          WHERE t.isleaf AND leaf.relkind = 'r' AND c.relkind = 'p' AND leaf.relreplident IN ('i', 'n'))
        ORDER BY k.place";
    let rows = client.query(sql, &[&table.oid]).await;
    let rows = rows.map_err(|error| query_error("read the table's key", error))?;
    let columns = rows.iter().map(|row| {
        let name: String = row.get(0);
        let column = table.column(&name)?;
        let kind = KeyKind::of(column.pg_type.oid, row.get(1))?;
        Some(KeyColumn { name, kind })
    });
    let columns: Option<Vec<KeyColumn>> = columns.collect();
    Ok(columns.filter(|c| !c.is_empty()).map(|columns| ChunkKey { columns }))
}

/// A value as the server sent it.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Up to `wanted - 1` values of the key's first column that divide the table about evenly.
async fn bounds(
    client: &Client,
    table: &SnapshotTable,
    column: &KeyColumn,
    wanted: i64,
) -> Result<Vec<Vec<u8>>, ConnectorError> {
    let pages: u64 = table.leaves.iter().map(|leaf| leaf.pages).sum();
    let percent = (100.0 * SAMPLE_PAGES / pages.max(1) as f64).min(100.0);
    let fractions: Vec<String> =
        (1..wanted).map(|i| format!("{}", i as f64 / wanted as f64)).collect();
    let sql = format!(
        "SELECT unnest(percentile_disc(ARRAY[{}]::float8[]) WITHIN GROUP (ORDER BY {})) FROM {} \
         TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)",
        fractions.join(", "),
        quote(&column.name),
        table.from(),
    );
    let rows = client.query(&sql, &[]).await;
    let rows = rows.map_err(|error| query_error("look for keys that divide the table", error))?;
    let single = ChunkKey { columns: vec![column.clone()] };
    let bounds = rows.iter().filter_map(|row| {
        let Raw(value) = row.get::<_, Option<Raw>>(0)?;
        let mut bound = Vec::new();
        single.encode([Cell::Binary(&value)], &mut bound)?;
        ChunkKey::behind(&mut bound);
        Some(bound)
    });
    let mut bounds: Vec<Vec<u8>> = bounds.collect();
    bounds.dedup();
    Ok(bounds)
}
