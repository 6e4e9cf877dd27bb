//! What must hold before a topic can be read or written.

use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode as Code;
use tailwater_connector_api::{Object, Precondition, Preconditions, TableIssue, TableSpec};
use tailwater_types::ChangelogMode;

use super::client::{self, KafkaConsumer};
use super::options::{Flavour, Layout, Topics};
use super::properties::Settings;
use super::sink::{Guarantee, SinkConfig};
use super::source::{SourceConfig, partitions, starts};
use crate::options::OptionReader;

/// Refuses a primary key where the format cannot keep it.
pub(super) fn formats(
    options: &mut OptionReader<'_>,
    table: &TableSpec,
    layout: &Layout,
    flavour: Flavour,
) {
    let is_insert_only = layout.value.changelog_mode() == ChangelogMode::InsertOnly;
    if flavour == Flavour::Plain && is_insert_only && !table.primary_key.is_empty() {
        let message = format!(
            "The Kafka table '{}' with '{}' format doesn't support defining PRIMARY KEY constraint \
             on the table, because it can't guarantee the semantic of primary key.",
            table.name,
            layout.value.name()
        );
        let hint = "use 'connector' = 'upsert-kafka', or leave the PRIMARY KEY out";
        options.errors.push(TableIssue::table(message).with_hint(hint));
    }
}

/// Runs checks on a thread that may block.
pub(super) async fn run(
    check: impl FnOnce() -> Preconditions + Send + 'static,
) -> Vec<Precondition> {
    tokio::task::spawn_blocking(check).await.map(Preconditions::into_vec).unwrap_or_default()
}

/// The brokers as they are named in the options.
fn found_on(settings: &Settings) -> Preconditions {
    Preconditions::on(settings.get("bootstrap.servers").map_or("", String::as_str))
}

fn connected(settings: &Settings, group: &str, found: &mut Preconditions) -> Option<KafkaConsumer> {
    let consumer = client::consumer(settings, group);
    let consumer = found.take("connection", Object::Server, consumer)?;
    let topics = client::topics(&consumer);
    let topics = found.take("connection", Object::Server, topics)?;
    let id = client::cluster_id(consumer.client());
    let message = format!("Kafka cluster \"{id}\" with {} topics", topics.len());
    found.ok("connection", Object::Server, message);
    Some(consumer)
}

/// Of a source.
pub(super) fn source(config: &SourceConfig) -> Preconditions {
    let mut found = found_on(&config.layout.settings);
    let Some(consumer) = connected(&config.layout.settings, &config.group, &mut found) else {
        return found;
    };
    let name = match &config.topics {
        Topics::Named(names) => names.join(";"),
        Topics::Matching(pattern) => pattern.as_str().to_owned(),
    };
    let object = || Object::Topic(name.clone());
    let Some(all) = found.take("topic", object(), partitions(&consumer, &config.topics)) else {
        return found;
    };
    match all.len() {
        0 => found.warn(
            "topic",
            object(),
            "no topic matches the pattern yet",
            "make a topic whose whole name matches 'topic-pattern'",
        ),
        count => found.ok("topic", object(), format!("{count} partitions to read")),
    }
    if found.take("offsets", object(), starts(&consumer, config, &all)).is_some() {
        found.ok("offsets", object(), "there is a place to begin in every partition");
    }
    found
}

/// Of a sink of records, whose topics are not known yet.
pub(super) fn records(settings: &Settings, progress_topic: Option<&str>) -> Preconditions {
    let mut found = found_on(settings);
    if let Some(consumer) = connected(settings, "tailwater-check", &mut found)
        && let Some(topic) = progress_topic
    {
        let missing = "the topic of progress does not exist: the job makes it";
        look(&consumer, topic, "progress-topic", missing, &mut found);
    }
    found
}

/// Of a sink.
pub(super) fn sink(config: &SinkConfig) -> Preconditions {
    let mut found = found_on(&config.layout.settings);
    let Some(consumer) = connected(&config.layout.settings, "tailwater-check", &mut found) else {
        return found;
    };
    let missing =
        "the topic does not exist: the brokers make it if auto.create.topics.enable is on";
    look(&consumer, &config.topic, "topic", missing, &mut found);
    if let Guarantee::ExactlyOnce(transactions) = &config.guarantee {
        let missing = "the topic of progress does not exist: the job makes it";
        look(&consumer, &transactions.progress_topic, "progress-topic", missing, &mut found);
    }
    found
}

fn look(
    consumer: &KafkaConsumer,
    topic: &str,
    code: &'static str,
    missing: &str,
    found: &mut Preconditions,
) {
    let object = Object::Topic(topic.to_owned());
    let Some(partitions) = found.take(code, object.clone(), client::partitions(consumer, topic))
    else {
        return;
    };
    match partitions {
        Ok(partitions) => {
            found.ok(code, object, format!("{} partitions to write", partitions.len()));
        }
        Err(error @ (Code::UnknownTopicOrPartition | Code::UnknownTopic)) => {
            let mend = client::missing_topic(topic, error).hint().unwrap_or("").to_owned();
            found.warn(code, object, missing, mend);
        }
        Err(error) => found.fail(code, object, client::missing_topic(topic, error)),
    }
}
