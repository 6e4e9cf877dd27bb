//! `'connector' = 'kafka'` and `'upsert-kafka'` as sinks: judged, then connected.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, Precondition, Publication, Sink, SinkContext,
    SinkFactory, SinkPlan, TableIssue, TableSpec,
};
use tailwater_types::ChangelogMode;

use super::delivery::{self, Guarantee, Partitioner};
use super::encode::{Encoder, SchemaIds};
use super::producer::{ProducerConfig, Topics};
use super::writer::KafkaSink;
use crate::format::FormatUse;
use crate::kafka::checks;
use crate::kafka::options::{self, Flavour, Layout};
use crate::options::OptionReader;

/// `'connector' = 'kafka'` as a sink.
#[derive(Clone, Copy, Debug, Default)]
pub struct KafkaSinkFactory;

/// `'connector' = 'upsert-kafka'` as a sink.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpsertKafkaSinkFactory;

impl SinkFactory for KafkaSinkFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SinkPlan>, Vec<TableIssue>> {
        plan(table, Flavour::Plain)
    }
}

impl SinkFactory for UpsertKafkaSinkFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SinkPlan>, Vec<TableIssue>> {
        plan(table, Flavour::Upsert)
    }
}

/// What the producer is told.
#[derive(Clone, Debug)]
pub(in crate::kafka) struct SinkConfig {
    pub(in crate::kafka) layout: Layout,
    pub(in crate::kafka) topic: String,
    pub(in crate::kafka) guarantee: Guarantee,
    pub(in crate::kafka) partitioner: Partitioner,
}

struct KafkaSinkPlan {
    config: Arc<SinkConfig>,
    table: Arc<TableSpec>,
    flavour: Flavour,
    notes: Vec<TableIssue>,
}

fn plan(table: &TableSpec, flavour: Flavour) -> Result<Box<dyn SinkPlan>, Vec<TableIssue>> {
    let mut options = OptionReader::new(table);
    options::refuse_unknown(&mut options, flavour);
    let layout = options::layout(&mut options, table, flavour, FormatUse::WriteMessages);
    let topic = options.required("topic");
    if topic.contains(';') {
        let message = "a sink writes to one topic";
        options.errors.push(TableIssue::option("topic", message));
    }
    if options.get("topic-pattern").is_some() {
        let message = "a sink needs 'topic': a pattern names no topic to write to";
        options.errors.push(TableIssue::option("topic-pattern", message));
    }
    let guarantee = delivery::guarantee(&mut options);
    let partitioner = delivery::partitioner(&mut options, layout.as_ref(), flavour);
    if let Some(layout) = &layout {
        checks::formats(&mut options, table, layout, flavour);
        let beside = layout.columns.metadata.iter().filter(|(_, m)| !m.is_writable());
        let read_only = beside.map(|(at, _)| at);
        for at in read_only.chain(layout.columns.value_metadata.iter().map(|(at, _)| at)) {
            let message = "this metadata can only be read";
            let issue = TableIssue::column(&table.columns[*at].name, message);
            options.errors.push(issue.with_hint("declare it METADATA ... VIRTUAL"));
        }
        if let Err(refused) =
            Encoder::new(table, layout, flavour, &TimeZone::UTC, SchemaIds::default())
        {
            options.errors.push(TableIssue::table(refused.message));
        }
    }
    let (errors, notes) = (options.errors, options.notes);
    match layout {
        Some(layout) if errors.is_empty() => Ok(Box::new(KafkaSinkPlan {
            config: Arc::new(SinkConfig { layout, topic, guarantee, partitioner }),
            table: Arc::new(table.clone()),
            flavour,
            notes,
        })),
        _ => Err(errors),
    }
}

impl SinkPlan for KafkaSinkPlan {
    fn accepts(&self) -> ChangelogMode {
        match self.flavour {
            Flavour::Plain => self.config.layout.value.changelog_mode(),
            Flavour::Upsert => ChangelogMode::Upsert,
        }
    }

    fn publication(&self) -> Publication {
        match (&self.config.guarantee, self.flavour) {
            (Guarantee::ExactlyOnce(_), _) => Publication::Transactional,
            (Guarantee::AtLeastOnce, Flavour::Plain) => Publication::AtLeastOnce,
            (Guarantee::AtLeastOnce, Flavour::Upsert) => Publication::Idempotent,
        }
    }

    fn notes(&self) -> Vec<TableIssue> {
        self.notes.clone()
    }

    fn connect(
        &self,
        context: SinkContext,
    ) -> BoxFuture<'_, Result<Box<dyn Sink>, ConnectorError>> {
        Box::pin(async move {
            let zone = TimeZone::get(&context.time_zone).unwrap_or(TimeZone::UTC);
            let layout = &self.config.layout;
            let ids = SchemaIds::register(&self.table, layout, &self.config.topic).await?;
            let encoder = Encoder::new(&self.table, layout, self.flavour, &zone, ids);
            let encoder =
                encoder.map_err(|e| ConnectorError::new(ErrorKind::SchemaMismatch, e.message))?;
            let producer = Arc::new(ProducerConfig {
                settings: self.config.layout.settings.clone(),
                guarantee: self.config.guarantee.clone(),
                partitioner: self.config.partitioner,
                topics: Topics::One(self.config.topic.clone()),
            });
            let sink = KafkaSink::open(producer, Box::new(encoder), context).await?;
            Ok(Box::new(sink) as Box<dyn Sink>)
        })
    }

    fn check(&self, _context: SinkContext) -> BoxFuture<'_, Vec<Precondition>> {
        let config = Arc::clone(&self.config);
        Box::pin(async move { checks::run(move || checks::sink(&config)).await })
    }
}
