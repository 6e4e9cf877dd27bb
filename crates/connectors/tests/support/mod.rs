//! What the tests of the PostgreSQL connectors share.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    missing_docs,
    reason = "shared by test binaries of which none uses everything"
)]

pub mod debezium;
pub mod job;
pub mod proxy;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tailwater_connector_api::{
    ConnectorError, ReadFrom, SourceContext, SourceEvent, SourceFactory, SourceReader, TableColumn,
    TableSpec,
};
use tailwater_testkit_postgres::{Client, Cluster, wait_for};
use tailwater_types::{DataType, Datum, Layout, Position, RowKind, RowRef, TypeKind};

pub const LIMIT: Duration = Duration::from_secs(30);

/// A database of its own on the shared server.
pub struct Fixture {
    pub cluster: Arc<Cluster>,
    pub database: String,
    pub client: Client,
}

impl Fixture {
    pub async fn new(sql: &str) -> Self {
        Self::on(Cluster::shared(), sql).await
    }

    pub async fn on(cluster: Arc<Cluster>, sql: &str) -> Self {
        let database = cluster.create_database().await;
        let client = cluster.connect(&database).await;
        client.batch_execute(sql).await.expect("the test's tables");
        Self { cluster, database, client }
    }

    pub async fn sql(&self, sql: &str) {
        self.client.batch_execute(sql).await.expect(sql);
    }

    pub async fn text(&self, sql: &str) -> String {
        let row = self.client.query_one(sql, &[]).await.expect(sql);
        row.get::<_, Option<String>>(0).unwrap_or_else(|| "NULL".to_owned())
    }

    /// Takes one event of a reading whose stream may have nothing to say: once it holds the slot,
    /// the server is given something to write.
    pub async fn settle(&self, reading: &mut Reading) {
        let sql = format!(
            "SELECT count(*)::text FROM pg_replication_slots WHERE active AND slot_name = 'slot_{}'",
            self.database
        );
        let write = async {
            wait_for("the slot to be held", LIMIT, || async {
                (self.text(&sql).await == "1").then_some(())
            })
            .await;
            self.sql("CREATE TABLE tick (); DROP TABLE tick").await;
        };
        let (step, ()) = tokio::join!(reading.step(), write);
        step.expect("an event");
    }

    /// `public.orders (id, note ...)` read by `postgres-cdc`, slot named after the database.
    pub fn cdc(&self, columns: &[(&str, TypeKind)], key: &[usize]) -> TableSpec {
        let options = [
            ("connector", "postgres-cdc"),
            ("hostname", "127.0.0.1"),
            ("port", &self.cluster.port().to_string()),
            ("username", "postgres"),
            ("password", self.cluster.password()),
            ("database-name", &self.database),
            ("schema-name", "public"),
            ("table-name", "orders"),
            ("slot.name", &format!("slot_{}", self.database)),
            ("decoding.plugin.name", "pgoutput"),
            ("heartbeat.interval.ms", "200"),
        ];
        spec(columns, key, &options)
    }
}

pub fn spec(columns: &[(&str, TypeKind)], key: &[usize], options: &[(&str, &str)]) -> TableSpec {
    let column = |(name, kind): &(&str, TypeKind)| TableColumn {
        name: (*name).to_owned(),
        data_type: kind.clone().nullable(),
        metadata: None,
    };
    TableSpec {
        name: "default_catalog.default_database.orders".to_owned(),
        columns: columns.iter().map(column).collect(),
        primary_key: key.to_vec(),
        options: set(BTreeMap::new(), options),
        ..TableSpec::default()
    }
}

pub fn with(mut spec: TableSpec, options: &[(&str, &str)]) -> TableSpec {
    spec.options = set(spec.options, options);
    spec
}

fn set(mut map: BTreeMap<String, String>, options: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    map.extend(owned);
    map
}

/// A source that is being read.
pub struct Reading {
    pub reader: SourceReader,
    types: Vec<DataType>,
    /// Every row so far.
    pub rows: Vec<String>,
    /// The last position, and every batch as (rows so far, position).
    pub position: Option<Position>,
    pub cuts: Vec<(usize, Position)>,
    pub is_over: bool,
    /// Within a part of a snapshot.
    is_inside: bool,
}

pub async fn connect(
    factory: &dyn SourceFactory,
    spec: &TableSpec,
    from: ReadFrom,
) -> Result<Reading, ConnectorError> {
    connect_as(factory, spec, from, SourceContext::default()).await
}

pub async fn connect_as(
    factory: &dyn SourceFactory,
    spec: &TableSpec,
    from: ReadFrom,
    context: SourceContext,
) -> Result<Reading, ConnectorError> {
    let plan = factory.plan(spec).expect("a plan");
    let source = plan.connect(context).await?;
    Ok(Reading {
        reader: source.read(from),
        types: spec.columns.iter().map(|c| c.data_type.clone()).collect(),
        rows: Vec::new(),
        position: None,
        cuts: Vec::new(),
        is_over: false,
        is_inside: false,
    })
}

pub fn at(position: &Option<Position>) -> ReadFrom {
    ReadFrom { position: position.clone(), stops: Vec::new() }
}

impl Reading {
    /// Takes one event.
    pub async fn step(&mut self) -> Result<(), ConnectorError> {
        let event = tokio::time::timeout(LIMIT, self.reader.events.next()).await;
        let event = event.unwrap_or_else(|_| panic!("no event, so far {:?}", self.rows));
        match event {
            None => self.is_over = true,
            Some(Err(error)) => return Err(error),
            Some(Ok(SourceEvent::End)) => self.is_over = true,
            Some(Ok(SourceEvent::Progress(position))) => {
                self.is_inside = false;
                self.cuts.push((self.rows.len(), position.clone()));
                self.position = Some(position);
            }
            Some(Ok(SourceEvent::Batch { rows, position })) => {
                let types = &self.types;
                self.is_inside = position.is_none();
                self.rows.extend(rows.iter().map(|(kind, row)| show(kind, row, types)));
                if let Some(position) = &position {
                    self.cuts.push((self.rows.len(), position.clone()));
                }
                self.position = position.or(self.position.take());
            }
        }
        Ok(())
    }

    /// Reads until there are `count` rows and a place behind them, and shows all so far.
    pub async fn rows(&mut self, count: usize) -> Vec<String> {
        while (self.rows.len() < count || self.is_inside) && !self.is_over {
            self.step().await.unwrap_or_else(|e| panic!("{e} {:?} {e:?}", e.hint()));
        }
        self.rows.clone()
    }

    /// Reads up to the error.
    pub async fn error(&mut self) -> ConnectorError {
        loop {
            if let Err(error) = self.step().await {
                return error;
            }
            assert!(!self.is_over, "the source ended");
        }
    }
}

/// What is left of changes: each row once.
pub fn folded(rows: &[String]) -> std::collections::BTreeSet<String> {
    let mut state = BTreeMap::new();
    for row in rows {
        let (kind, rest) = row.split_at(2);
        *state.entry(rest.to_owned()).or_insert(0) += if kind.starts_with('+') { 1 } else { -1 };
    }
    state.retain(|_, count| *count != 0);
    assert!(state.values().all(|count| *count == 1), "{state:?}");
    state.into_keys().collect()
}

pub fn show(kind: RowKind, row: RowRef<'_>, types: &[DataType]) -> String {
    let fields: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(i, t)| match row.is_unchanged(i) {
            true => "unchanged".to_owned(),
            false => show_datum(row.get(i, t.layout()), &t.kind),
        })
        .collect();
    format!("{}[{}]", kind.short(), fields.join(", "))
}

fn show_datum(datum: Datum<'_>, kind: &TypeKind) -> String {
    match (datum, kind) {
        (Datum::Null, _) => "NULL".to_owned(),
        (Datum::Bool(v), _) => v.to_string(),
        (Datum::Int(v), _) => v.to_string(),
        (Datum::Float(v), _) => v.to_string(),
        (Datum::Double(v), _) => v.to_string(),
        (Datum::Decimal(v), _) => format!("{v}d"),
        (Datum::Timestamp(v), _) => format!("{}us", v.micros),
        (Datum::Str(v), _) if v.len() > 40 => format!("{} bytes", v.len()),
        (Datum::Str(v), _) => v.to_owned(),
        (Datum::Bytes(v), _) => format!("{v:?}"),
        (Datum::Array(v), TypeKind::Array(element)) => {
            let layout: Layout = element.layout();
            let items: Vec<String> =
                (0..v.len()).map(|i| show_datum(v.get(i, layout), &element.kind)).collect();
            format!("[{}]", items.join(", "))
        }
        (Datum::Map(v), TypeKind::Map(key, value)) => {
            let entry = |i: usize| {
                let key = show_datum(v.keys().get(i, key.layout()), &key.kind);
                format!("{key}: {}", show_datum(v.values().get(i, value.layout()), &value.kind))
            };
            let entries: Vec<String> = (0..v.len()).map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        (Datum::Row(v), TypeKind::Row(fields)) => {
            let types = fields.iter().map(|f| &f.data_type).enumerate();
            let items: Vec<String> =
                types.map(|(i, t)| show_datum(v.get(i, t.layout()), &t.kind)).collect();
            format!("({})", items.join(", "))
        }
        (other, _) => format!("{other:?}"),
    }
}

/// An error as the user meets it, ports and process ids masked.
pub fn told(error: &ConnectorError, masks: &[&str]) -> String {
    let mut text = format!("{:?}: {error}", error.kind());
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\nhint: {hint}"));
    }
    for mask in masks {
        text = text.replace(mask, "...");
    }
    text + "\n"
}
