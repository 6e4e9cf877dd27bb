//! Declared tables, their sources and sinks, and rows as texts.

use std::time::Duration;

use futures_util::StreamExt;
use tailwater_connector_api::{
    Acker, ConnectorError, ReadFrom, Sink, SinkContext, SinkFactory, SinkPlan, SourceContext,
    SourceEvent, SourceFactory, SourcePlan, TableColumn, TableIssue, TableSpec,
};
use tailwater_connectors::kafka::{
    KafkaSinkFactory, KafkaSourceFactory, UpsertKafkaSinkFactory, UpsertKafkaSourceFactory,
};
use tailwater_expr::to_text;
use tailwater_types::{ChangeBatch, DataType, Datum, Position, RowKind, TypeKind};

const LIMIT: Duration = Duration::from_secs(30);

/// A table over a topic.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) spec: TableSpec,
}

impl Table {
    /// `id BIGINT, name STRING` in `connector` on a broker.
    pub(crate) fn new(connector: &str, address: &str, topic: &str) -> Self {
        let spec = TableSpec {
            name: "c.d.t".to_owned(),
            options: [
                ("connector", connector),
                ("topic", topic),
                ("properties.bootstrap.servers", address),
            ]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
            ..TableSpec::default()
        };
        Self { spec }
            .column("id", TypeKind::BigInt.nullable())
            .column("name", TypeKind::STRING.nullable())
    }

    /// `kafka` in JSON from the earliest offset on.
    pub(crate) fn plain(address: &str, topic: &str) -> Self {
        Self::new("kafka", address, topic)
            .option("format", "json")
            .option("scan.startup.mode", "earliest-offset")
    }

    /// `upsert-kafka` in JSON by `id`.
    pub(crate) fn upsert(address: &str, topic: &str) -> Self {
        let mut table = Self::new("upsert-kafka", address, topic)
            .option("key.format", "json")
            .option("value.format", "json");
        table.spec.primary_key = vec![0];
        table
    }

    pub(crate) fn column(mut self, name: &str, data_type: DataType) -> Self {
        self.spec.columns.push(TableColumn { name: name.to_owned(), data_type, metadata: None });
        self
    }

    pub(crate) fn metadata(mut self, key: &str, data_type: DataType) -> Self {
        let (name, metadata) = (format!("m_{key}"), Some(key.to_owned()));
        self.spec.columns.push(TableColumn { name, data_type, metadata });
        self
    }

    pub(crate) fn option(mut self, key: &str, value: &str) -> Self {
        self.spec.options.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.spec.options.remove(key);
        self
    }

    pub(crate) fn source(&self) -> Result<Box<dyn SourcePlan>, Vec<TableIssue>> {
        match self.spec.options["connector"].as_str() {
            "kafka" => KafkaSourceFactory.plan(&self.spec),
            _ => UpsertKafkaSourceFactory.plan(&self.spec),
        }
    }

    pub(crate) fn sink(&self) -> Result<Box<dyn SinkPlan>, Vec<TableIssue>> {
        match self.spec.options["connector"].as_str() {
            "kafka" => KafkaSinkFactory.plan(&self.spec),
            _ => UpsertKafkaSinkFactory.plan(&self.spec),
        }
    }

    /// Starts to read.
    pub(crate) async fn read(&self, from: ReadFrom) -> Reading {
        self.try_read(from).await.unwrap()
    }

    pub(crate) async fn try_read(&self, from: ReadFrom) -> Result<Reading, ConnectorError> {
        let plan = self.source().unwrap();
        let context =
            SourceContext { time_zone: "Asia/Shanghai".to_owned(), ..SourceContext::default() };
        let reader = plan.connect(context).await?.read(from);
        Ok(Reading { events: reader.events, acker: reader.acker, table: self.spec.clone() })
    }

    /// Connects a sink.
    pub(crate) async fn write(&self, lineage: &str) -> Result<Box<dyn Sink>, ConnectorError> {
        let context = SinkContext {
            job_name: "job".to_owned(),
            time_zone: "Asia/Shanghai".to_owned(),
            sink_name: self.spec.name.clone(),
            lineage: lineage.to_owned(),
            ..SinkContext::default()
        };
        self.sink().unwrap().connect(context).await
    }

    /// Rows of `id` and `name`.
    pub(crate) fn rows(&self, rows: &[(RowKind, i64, &str)]) -> ChangeBatch {
        let layouts = self.spec.schema().layouts();
        let mut batch = ChangeBatch::default();
        for (kind, id, name) in rows {
            let mut datums = vec![Datum::Null; layouts.len()];
            (datums[0], datums[1]) = (Datum::Int(*id), Datum::Str(name));
            batch.push_datums(*kind, &datums, &layouts);
        }
        batch
    }

    /// Reads a bounded table to its end.
    pub(crate) async fn read_all(&self) -> Vec<String> {
        let mut reading = self.read(ReadFrom::default()).await;
        let mut rows = Vec::new();
        while let Some(event) = reading.next().await.unwrap() {
            rows.extend(event.rows);
        }
        rows
    }
}

/// A source that reads.
pub(crate) struct Reading {
    events: tailwater_connector_api::BoxStream<'static, Result<SourceEvent, ConnectorError>>,
    pub(crate) acker: Box<dyn Acker>,
    table: TableSpec,
}

/// Rows as texts, and the place behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<String>,
    pub(crate) position: Position,
}

impl Reading {
    /// The next rows; `None` at the end of a bounded source.
    pub(crate) async fn next(&mut self) -> Result<Option<Batch>, ConnectorError> {
        let event =
            tokio::time::timeout(LIMIT, self.events.next()).await.expect("an event in time");
        Ok(match event.expect("an event")? {
            SourceEvent::Batch { rows, position } => {
                Some(Batch { rows: self.texts(&rows), position: position.unwrap() })
            }
            SourceEvent::Progress(position) => Some(Batch { rows: Vec::new(), position }),
            SourceEvent::End => None,
        })
    }

    /// Reads until there are so many rows.
    pub(crate) async fn take(&mut self, count: usize) -> Batch {
        let mut all = Batch { rows: Vec::new(), position: Position(String::new()) };
        while all.rows.len() < count {
            let next = self.next().await.unwrap().expect("more rows");
            all.rows.extend(next.rows);
            all.position = next.position;
        }
        all
    }

    fn texts(&self, rows: &ChangeBatch) -> Vec<String> {
        let row = |(kind, row): (RowKind, tailwater_types::RowRef<'_>)| {
            let value = |(i, c): (usize, &TableColumn)| {
                to_text(row.get(i, c.data_type.layout()), &c.data_type)
            };
            let values: Vec<String> = self.table.columns.iter().enumerate().map(value).collect();
            format!("{}[{}]", kind.short(), values.join(", "))
        };
        rows.iter().map(row).collect()
    }
}
