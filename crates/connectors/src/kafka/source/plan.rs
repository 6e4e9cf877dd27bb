//! `'connector' = 'kafka'` and `'upsert-kafka'` as sources: judged, then connected.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use rdkafka::consumer::Consumer;
use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, OldRows, Precondition, Source, SourceContext,
    SourceFactory, SourcePlan, TableIssue, TableSpec,
};
use tailwater_types::ChangelogMode;

use super::bounds::{self, End, Start};
use super::reader::KafkaSource;
use super::rows::Rows;
use super::starts;
use crate::format::FormatUse;
use crate::kafka::checks;
use crate::kafka::client;
use crate::kafka::options::{self, Flavour, Layout, Topics};
use crate::options::OptionReader;

/// `'connector' = 'kafka'` as a source.
#[derive(Clone, Copy, Debug, Default)]
pub struct KafkaSourceFactory;

/// `'connector' = 'upsert-kafka'` as a source.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpsertKafkaSourceFactory;

impl SourceFactory for KafkaSourceFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SourcePlan>, Vec<TableIssue>> {
        plan(table, Flavour::Plain)
    }
}

impl SourceFactory for UpsertKafkaSourceFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SourcePlan>, Vec<TableIssue>> {
        plan(table, Flavour::Upsert)
    }
}

/// What the reader is told.
#[derive(Clone, Debug)]
pub(in crate::kafka) struct SourceConfig {
    pub(in crate::kafka) layout: Layout,
    pub(in crate::kafka) topics: Topics,
    pub(in crate::kafka) start: Start,
    pub(in crate::kafka) end: End,
    pub(in crate::kafka) group: String,
    /// The user has named the group: offsets are committed for it.
    pub(in crate::kafka) has_group: bool,
    /// How often new partitions are looked for.
    pub(in crate::kafka) discovery: Option<Duration>,
}

struct KafkaSourcePlan {
    config: Arc<SourceConfig>,
    table: Arc<TableSpec>,
    flavour: Flavour,
    notes: Vec<TableIssue>,
}

fn plan(table: &TableSpec, flavour: Flavour) -> Result<Box<dyn SourcePlan>, Vec<TableIssue>> {
    let mut options = OptionReader::new(table);
    options::refuse_unknown(&mut options, flavour);
    let layout = options::layout(&mut options, table, flavour, FormatUse::ReadMessages);
    let topics = Topics::read(&mut options);
    let start = match flavour {
        Flavour::Plain => bounds::start(&mut options),
        Flavour::Upsert => Start::Earliest,
    };
    let end = bounds::end(&mut options);
    let interval = "scan.topic-partition-discovery.interval";
    let discovery = options.duration(interval, Duration::from_secs(300));
    if let Some(layout) = &layout {
        checks::formats(&mut options, table, layout, flavour);
        if let Err(refused) = Rows::new(table, layout, flavour, &TimeZone::UTC) {
            options.errors.push(TableIssue::table(refused.message));
        }
    }
    let (errors, notes) = (options.errors, options.notes);
    let group = table.options.get("properties.group.id");
    match layout {
        Some(layout) if errors.is_empty() => Ok(Box::new(KafkaSourcePlan {
            config: Arc::new(SourceConfig {
                layout,
                topics,
                start,
                end,
                group: group.cloned().unwrap_or_else(|| format!("KafkaSource-{}", table.name)),
                has_group: group.is_some(),
                discovery: (!discovery.is_zero()).then_some(discovery),
            }),
            table: Arc::new(table.clone()),
            flavour,
            notes,
        })),
        _ => Err(errors),
    }
}

impl SourcePlan for KafkaSourcePlan {
    fn changelog_mode(&self) -> ChangelogMode {
        match self.flavour {
            Flavour::Plain => self.config.layout.value.changelog_mode(),
            Flavour::Upsert => ChangelogMode::Upsert,
        }
    }

    fn is_bounded(&self) -> bool {
        self.config.end != End::Never
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn is_ordered(&self) -> bool {
        false
    }

    fn old_rows(&self) -> OldRows {
        match self.config.layout.value.may_lack_old_rows() {
            true => OldRows::PerhapsKeysFromTheMiddle,
            false => OldRows::Sent,
        }
    }

    fn notes(&self) -> Vec<TableIssue> {
        self.notes.clone()
    }

    fn connect(
        &self,
        context: SourceContext,
    ) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>> {
        Box::pin(async move {
            let zone = TimeZone::get(&context.time_zone).unwrap_or(TimeZone::UTC);
            let rows = Rows::new(&self.table, &self.config.layout, self.flavour, &zone);
            let rows =
                rows.map_err(|e| ConnectorError::new(ErrorKind::SchemaMismatch, e.message))?;
            let config = Arc::clone(&self.config);
            let connect = move || {
                let consumer = client::consumer(&config.layout.settings, &config.group)?;
                let partitions = starts::partitions(&consumer, &config.topics)?;
                let cluster = client::cluster_id(consumer.client());
                Ok(KafkaSource { consumer: Arc::new(consumer), config, rows, partitions, cluster })
            };
            let connected = blocking(connect).await?;
            Ok(Box::new(connected) as Box<dyn Source>)
        })
    }

    fn check(&self, _context: SourceContext) -> BoxFuture<'_, Vec<Precondition>> {
        let config = Arc::clone(&self.config);
        Box::pin(async move { checks::run(move || checks::source(&config)).await })
    }
}

/// Runs what blocks on a thread for that.
pub(in crate::kafka) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectorError> + Send + 'static,
) -> Result<T, ConnectorError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        let message = "a call of the Kafka client has failed";
        Err(ConnectorError::new(ErrorKind::Internal, message).with_source(error))
    })
}
