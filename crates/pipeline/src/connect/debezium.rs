//! Debezium's connector for PostgreSQL, run by the engine: its records to the topics of a Kafka.

mod validation;

use std::sync::Arc;
use std::time::Duration;

use tailwater_connector_api::{
    BoxFuture, Dialect, Precondition, SinkContext, SinkPlan, SourceContext, SourcePlan, TableIssue,
};
use tailwater_connectors::kafka::{self, RecordSinkPlan, RecordSinkSettings};
use tailwater_connectors::postgres::records::{
    PostgresRecordPlan, connect_offset, connect_partition,
};
use tailwater_debezium::VERSION;
use tailwater_debezium::config::{self, CONNECTOR_CLASS, ConnectorConfig as DebeziumConfig};
use tailwater_runtime::{
    CheckpointSettings, GraphSink, GraphSource, JobGraph, JobSettings, JobSpec, SinkKey,
    alter_positions, durable_positions, spawn_job,
};

use crate::check::{CheckedTable, TableRole};

use super::{
    Altered, ConfigKey, ConnectEngine, ConnectorConfig, ConnectorOffset, Plugin, PluginKind,
    RunningConnector, StartConnector, TopicSet, Validation, WorkerConfig,
};

/// How much comes twice after a crash, unless the worker says otherwise.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long a record waits for its transaction, unless the worker says otherwise.
const TRANSACTION_INTERVAL: Duration = Duration::from_secs(1);
const STATE_BYTES: usize = 16 << 20;

/// The connectors of this binary.
pub struct DebeziumEngine {
    worker: WorkerConfig,
    /// How those who read its words speak.
    dialect: Dialect,
}

/// A connector whose options are right.
struct Judged {
    config: DebeziumConfig,
    source: PostgresRecordPlan,
    notes: Vec<String>,
}

impl DebeziumEngine {
    /// An engine for a worker.
    pub fn new(worker: WorkerConfig, dialect: Dialect) -> Self {
        Self { worker, dialect }
    }

    /// The options with the worker's own beneath them and everything put in that stands elsewhere.
    fn resolved(&self, config: &ConnectorConfig) -> Result<ConnectorConfig, (String, String)> {
        let mut all = self.worker.defaults.clone();
        for side in ["key", "value"] {
            // A converter of its own does not take the options of another.
            if config.contains_key(&format!("{side}.converter")) {
                all.retain(|option, _| !option.starts_with(&format!("{side}.converter")));
            }
        }
        all.extend(config.clone());
        self.worker.placeholders.resolve(&all)
    }

    /// Judges options without any I/O but that of placeholders.
    fn judge(&self, config: &ConnectorConfig) -> (config::Validation, Result<Judged, Vec<String>>) {
        let (resolved, missing) = match self.resolved(config) {
            Ok(resolved) => (resolved, None),
            Err(missing) => (config.clone(), Some(missing)),
        };
        let mut validation = config::validate(&resolved);
        if let Some((option, message)) = missing {
            let message = format!("The '{option}' value is invalid: {message}");
            validation.errors.push(config::Issue { option, message });
            validation.config = None;
        }
        let Some(config) = validation.config.clone() else {
            let errors = validation.errors.iter().map(|issue| issue.message.clone()).collect();
            return (validation, Err(errors));
        };
        let source = PostgresRecordPlan::new(config.clone());
        let sink = self.sink(&config, &TopicSet::default()).map(drop);
        let wrong: Vec<TableIssue> = [source.as_ref().err(), sink.as_ref().err()]
            .into_iter()
            .flatten()
            .flatten()
            .cloned()
            .collect();
        validation.errors.extend(wrong.into_iter().map(|issue| as_issue(issue, self.dialect)));
        let Ok(source) = source else {
            let errors = validation.errors.iter().map(|issue| issue.message.clone()).collect();
            return (validation, Err(errors));
        };
        if !validation.errors.is_empty() {
            let errors = validation.errors.iter().map(|issue| issue.message.clone()).collect();
            return (validation, Err(errors));
        }
        let notes = validation.notes.iter().map(|n| format!("{}: {}", n.option, n.message));
        let judged = Judged { config, source, notes: notes.collect() };
        (validation, Ok(judged))
    }

    fn sink(
        &self,
        config: &DebeziumConfig,
        topics: &TopicSet,
    ) -> Result<RecordSinkPlan, Vec<TableIssue>> {
        let mut client = self.worker.client.clone();
        client.extend(config.producer.iter().map(|(key, value)| (key.clone(), value.0.clone())));
        let topics = topics.clone();
        RecordSinkPlan::new(&RecordSinkSettings {
            client,
            creation: config.topic_creation.clone(),
            is_exactly_once: self.is_exactly_once(config),
            on_topic: Arc::new(move |topic| topics.insert(topic)),
        })
    }

    fn is_exactly_once(&self, config: &DebeziumConfig) -> bool {
        self.worker.is_exactly_once || config.requires_exactly_once
    }

    /// Checks everything that a connector needs, changing nothing; Kafka as well unless it is left
    /// out.
    pub async fn check(
        &self,
        name: &str,
        config: &ConnectorConfig,
        with_kafka: bool,
    ) -> Vec<CheckedTable> {
        let (validation, judged) = self.judge(config);
        let told = |all: Vec<Precondition>| {
            all.into_iter().map(|found| found.told_in(self.dialect)).collect::<Vec<_>>()
        };
        let table = |role, connector: &str, preconditions| CheckedTable {
            role,
            table: name.to_owned(),
            connector: connector.to_owned(),
            preconditions: told(preconditions),
        };
        let Ok(judged) = judged else {
            let refused = validation::refusals(&validation);
            return vec![table(TableRole::Source, "postgresql", refused)];
        };
        let context = SourceContext {
            job_name: name.to_owned(),
            time_zone: "UTC".to_owned(),
            source_name: name.to_owned(),
            scratch: None,
        };
        let mut found = judged.source.check(context).await;
        found.extend(validation::remarks(&validation));
        let mut checked = vec![table(TableRole::Source, "postgresql", found)];
        if let Ok(sink) = self.sink(&judged.config, &TopicSet::default())
            && with_kafka
        {
            let found = sink.check(SinkContext::default()).await;
            checked.push(table(TableRole::Sink, "kafka", found));
        }
        checked
    }

    fn is_known(class: &str) -> bool {
        CONNECTOR_CLASS == class || CONNECTOR_CLASS.rsplit('.').next() == Some(class)
    }
}

/// Options of the Kafka client are the worker's, or `producer.override.*` of the connector.
fn as_issue(issue: TableIssue, dialect: Dialect) -> config::Issue {
    let hint = issue.hint_in(dialect).map(|hint| format!(" ({hint})")).unwrap_or_default();
    let option = issue.option.unwrap_or_else(|| "connector.class".to_owned());
    let option = match option.strip_prefix("properties.") {
        Some(client) => format!("producer.override.{client}"),
        None => option,
    };
    let message = format!("The '{option}' value is invalid: {}{hint}", issue.message);
    config::Issue { option, message }
}

impl ConnectEngine for DebeziumEngine {
    fn plugins(&self) -> Vec<Plugin> {
        let plugin = |class: &str, kind, version: &str| Plugin {
            class: class.to_owned(),
            kind,
            version: version.to_owned(),
        };
        let mut plugins = vec![plugin(CONNECTOR_CLASS, PluginKind::Source, VERSION)];
        let parts = [
            (PluginKind::Converter, validation::CONVERTERS),
            (PluginKind::Transformation, validation::TRANSFORMATIONS),
            (PluginKind::Predicate, validation::PREDICATES),
        ];
        for (kind, classes) in parts {
            let version =
                |class: &str| if class.starts_with("io.debezium") { VERSION } else { "4.3.0" };
            plugins.extend(classes.iter().map(|class| plugin(class, kind, version(class))));
        }
        plugins
    }

    fn config_keys(&self, class: &str) -> Option<Vec<ConfigKey>> {
        Self::is_known(class).then(validation::config_keys)
    }

    fn validate<'a>(
        &'a self,
        class: &'a str,
        config: &'a ConnectorConfig,
    ) -> BoxFuture<'a, Option<Validation>> {
        Box::pin(async move {
            if !Self::is_known(class) {
                return None;
            }
            let (mut validation, judged) = self.judge(config);
            if let Ok(judged) = judged {
                validation
                    .errors
                    .extend(validation::ask_the_server(&judged.source, self.dialect).await);
            }
            Some(validation::answer(&validation))
        })
    }

    fn conflict(&self, config: &ConnectorConfig, other: &ConnectorConfig) -> Option<String> {
        let source = |config| {
            let resolved = self.resolved(config).ok()?;
            config::validate(&resolved).config.map(|config| config.source)
        };
        let (source, other) = (source(config)?, source(other)?);
        let is_same = source.slot == other.slot
            && source.host.eq_ignore_ascii_case(&other.host)
            && source.port == other.port;
        is_same.then(|| {
            format!(
                "The 'slot.name' value is invalid: connector {} reads from slot {} already: each \
                 connector needs a slot of its own",
                other.name, source.slot
            )
        })
    }

    fn is_secret(&self, option: &str) -> bool {
        validation::is_secret(option)
    }

    fn start(&self, request: &StartConnector<'_>) -> Result<RunningConnector, String> {
        let judged = self.judge(request.config).1.map_err(|errors| errors.join("; "))?;
        let sink = self.sink(&judged.config, &request.topics);
        let sink = sink.map_err(|issues| {
            let messages: Vec<String> = issues.into_iter().map(|issue| issue.message).collect();
            messages.join("; ")
        })?;
        let is_exactly_once = self.is_exactly_once(&judged.config);
        let usual = if is_exactly_once { TRANSACTION_INTERVAL } else { INTERVAL };
        let notes =
            judged.notes.into_iter().chain(sink.notes().into_iter().map(|note| note.message));
        let notes = notes.collect();
        let (source, sink) = (Arc::new(judged.source), Arc::new(sink));
        let settings = JobSettings {
            name: request.name.to_owned(),
            checkpoints: Some(CheckpointSettings {
                directory: request.checkpoints.clone(),
                interval: self.worker.interval.unwrap_or(usual),
                begins_anew: false,
                is_unattended: true,
            }),
            state_budget_bytes: STATE_BYTES,
            time_zone: "UTC".to_owned(),
            dialect: self.dialect,
        };
        let graph = move || graph(Arc::clone(&source) as _, Arc::clone(&sink) as _);
        let job = spawn_job(JobSpec { settings, graph: Arc::new(graph) });
        Ok(RunningConnector { job, notes })
    }

    fn offsets(&self, request: &StartConnector<'_>) -> Result<Vec<ConnectorOffset>, String> {
        let positions = durable_positions(&request.checkpoints);
        let positions = positions.map_err(|error| error.reason())?;
        let Ok(judged) = self.judge(request.config).1 else {
            return Ok(Vec::new());
        };
        let partition = connect_partition(&judged.config);
        let offset = |position| {
            let offset = connect_offset(&position)?;
            Some(ConnectorOffset { partition: partition.clone(), offset })
        };
        Ok(positions.into_iter().filter_map(offset).collect())
    }

    fn alter_offsets<'a>(
        &'a self,
        request: StartConnector<'a>,
        offsets: &'a [ConnectorOffset],
    ) -> BoxFuture<'a, Result<Altered, String>> {
        Box::pin(async move {
            let judged = self.judge(request.config).1.map_err(|errors| errors.join("; "))?;
            let offset = one_offset(&connect_partition(&judged.config), offsets)?;
            if offset.is_null() {
                return Ok(Altered::Reset);
            }
            let sink = self.sink(&judged.config, &request.topics);
            let sink = sink.map_err(|_| "the options of the Kafka client are wrong".to_owned())?;
            let known = durable_positions(&request.checkpoints).map_err(|e| e.reason())?;
            let moved = judged.source.moved(known.first(), offset).await;
            let moved = moved.map_err(|error| match error.hint_in(self.dialect) {
                Some(hint) => format!("{error} ({hint})"),
                None => error.to_string(),
            })?;
            let graph = graph(Arc::new(judged.source), Arc::new(sink));
            alter_positions(request.name, &request.checkpoints, &graph, &[moved])
                .map_err(|error| error.reason())?;
            Ok(Altered::Moved)
        })
    }

    fn cluster_id(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(kafka::named_cluster(&self.worker.client))
    }
}

/// The one offset that a connector has.
fn one_offset<'a>(
    partition: &serde_json::Value,
    offsets: &'a [ConnectorOffset],
) -> Result<&'a serde_json::Value, String> {
    if let Some(other) = offsets.iter().find(|offset| offset.partition != *partition) {
        return Err(format!(
            "This connector reads the partition {partition}, not {}",
            other.partition
        ));
    }
    match offsets {
        [offset] => Ok(&offset.offset),
        _ => Err(format!("The partition {partition} must have one offset")),
    }
}

/// Records from the one to the other. What they are known by in a checkpoint does not depend on the
/// options: a connector whose configuration is changed goes on where it was.
fn graph(source: Arc<dyn SourcePlan>, sink: Arc<dyn SinkPlan>) -> JobGraph {
    let mut graph = JobGraph::default();
    let node = graph.add_source(GraphSource {
        identity: "connector".to_owned(),
        table: "connector".to_owned(),
        plan: source,
    });
    let key = SinkKey { columns: Vec::new(), layouts: PostgresRecordPlan::schema().layouts() };
    let (identity, table) = ("records".to_owned(), "records".to_owned());
    graph.add_sink(GraphSink { identity, table, plan: sink, key }, node);
    graph
}
