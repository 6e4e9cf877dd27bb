//! A sink of finished records, each with its own topic: what Kafka Connect's connectors write to.

use std::collections::BTreeMap;
use std::sync::Arc;

use tailwater_connector_api::{
    BoxFuture, ConnectorError, Precondition, Publication, Sink, SinkContext, SinkPlan, TableIssue,
};
use tailwater_debezium::record::RecordRef as FinishedRecord;
use tailwater_types::{ChangelogMode, RowKind, RowRef};

use super::delivery::{Guarantee, Partitioner, Transactions};
use super::encode::{MakeRecords, RecordRef};
use super::producer::{ProducerConfig, Topics};
use super::topics::TopicMaker;
use super::writer::KafkaSink;
use crate::kafka::{checks, properties};

/// Where transactional sinks of records note their progress.
const PROGRESS_TOPIC: &str = "tailwater-progress";
/// What their transactional ids begin with.
const PREFIX: &str = "tailwater-connect";

/// How a sink of records writes.
#[derive(Clone)]
pub struct RecordSinkSettings {
    /// Options of the Kafka client under their Java names, `bootstrap.servers` among them.
    pub client: BTreeMap<String, String>,
    /// `topic.creation.GROUP.OPTION`, by group and option; without any the brokers make topics.
    pub creation: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether each record is written exactly once, behind a checkpoint.
    pub is_exactly_once: bool,
    /// Is told each topic before it is first written to.
    pub on_topic: Arc<dyn Fn(&str) + Send + Sync>,
}

/// A judged sink of records.
pub struct RecordSinkPlan {
    config: Arc<ProducerConfig>,
    notes: Vec<TableIssue>,
}

impl RecordSinkPlan {
    /// Judges the settings, without any I/O.
    ///
    /// # Errors
    /// Everything that is wrong, each with the option that it is about.
    pub fn new(settings: &RecordSinkSettings) -> Result<Self, Vec<TableIssue>> {
        let mut errors = Vec::new();
        let client = properties::of_client(&settings.client);
        let (client, notes) = client.unwrap_or_else(|issues| {
            errors.extend(issues);
            Default::default()
        });
        let maker = TopicMaker::new(&settings.creation, Arc::clone(&settings.on_topic));
        let maker = maker.map_err(|issues| {
            errors.extend(issues.into_iter().map(|(o, message)| TableIssue::option(&o, message)));
        });
        let Ok(maker) = maker else { return Err(errors) };
        if !errors.is_empty() {
            return Err(errors);
        }
        let guarantee = if settings.is_exactly_once {
            let (prefix, progress_topic) = (PREFIX.to_owned(), PROGRESS_TOPIC.to_owned());
            Guarantee::ExactlyOnce(Transactions { prefix, progress_topic })
        } else {
            Guarantee::AtLeastOnce
        };
        let partitioner = Partitioner::ByKey;
        let topics = Topics::Each(maker);
        let config = ProducerConfig { settings: client, guarantee, partitioner, topics };
        Ok(Self { config: Arc::new(config), notes })
    }
}

impl SinkPlan for RecordSinkPlan {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::InsertOnly
    }

    fn publication(&self) -> Publication {
        match self.config.guarantee {
            Guarantee::ExactlyOnce(_) => Publication::Transactional,
            Guarantee::AtLeastOnce => Publication::AtLeastOnce,
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
            let config = Arc::clone(&self.config);
            let sink = KafkaSink::open(config, Box::new(Raw::default()), context).await?;
            Ok(Box::new(sink) as Box<dyn Sink>)
        })
    }

    fn check(&self, _context: SinkContext) -> BoxFuture<'_, Vec<Precondition>> {
        let config = Arc::clone(&self.config);
        Box::pin(checks::run(move || {
            let progress_topic = match &config.guarantee {
                Guarantee::ExactlyOnce(transactions) => Some(transactions.progress_topic.as_str()),
                Guarantee::AtLeastOnce => None,
            };
            checks::records(&config.settings, progress_topic)
        }))
    }
}

/// Takes records as they are.
#[derive(Default)]
struct Raw {
    /// The last one first: records of a topic come in runs.
    topics: Vec<Arc<str>>,
}

impl Raw {
    fn topic(&mut self, name: &str) -> &Arc<str> {
        /// Topics that come after so many others are met again.
        const MOST: usize = 64;
        match self.topics.iter().position(|topic| **topic == *name) {
            Some(at) => self.topics.swap(0, at),
            None => {
                self.topics.truncate(MOST - 1);
                self.topics.insert(0, name.into());
            }
        }
        &self.topics[0]
    }
}

impl MakeRecords for Raw {
    fn record<'r>(
        &'r mut self,
        _kind: RowKind,
        row: RowRef<'r>,
    ) -> Result<RecordRef<'r>, ConnectorError> {
        let finished = FinishedRecord::new(row);
        Ok(RecordRef {
            topic: Some(self.topic(finished.topic())),
            key: finished.key(),
            value: finished.value(),
            timestamp: finished.timestamp(),
            headers: finished.header_map(),
        })
    }
}
