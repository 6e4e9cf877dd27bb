//! Clients of a cluster, and what is asked of it. Calls block.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use tailwater_connector_api::{ConnectorError, ErrorKind, Hint, Setting};

use super::error::{self, failed};
use super::properties::Settings;

/// How long the cluster may take for an answer.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long brokers may refuse connections before there is no hope.
const AWAY_LIMIT: Duration = Duration::from_secs(4);
/// How many of the library's words are taken at a time, logs among them.
const EVENTS: usize = 64;
/// How often it is said that the cluster is away.
const SAY_AGAIN: Duration = Duration::from_secs(30);
/// What may wait in memory between the library and the job.
const CONSUMER_KILOBYTES: &str = "16384";
const PRODUCER_KILOBYTES: &str = "8192";
/// How many requests may wait for their answers.
const IN_FLIGHT: &str = "max.in.flight.requests.per.connection";

/// What the library tells while it works.
#[derive(Clone, Debug, Default)]
pub(super) struct Context(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// The last trouble with the cluster: its code and the library's words.
    trouble: Option<(Code, String)>,
    /// The first record that was not taken.
    undelivered: Option<KafkaError>,
    /// When it was last said that the cluster is away.
    said_away: Option<Instant>,
}

impl Context {
    fn with<T>(&self, f: impl FnOnce(&mut Told) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first record that was not taken.
    pub(super) fn undelivered(&self) -> Option<KafkaError> {
        self.with(|told| told.undelivered.clone())
    }

    /// What the cluster's trouble is, if it is one that waiting does not mend.
    pub(super) fn refusal(&self) -> Option<ConnectorError> {
        self.with(|told| told.trouble.clone())
            .filter(|(code, _)| error::is_refusal(*code))
            .map(|(code, reason)| explained(code, &reason))
    }

    /// An error with what the library said of the cluster meanwhile.
    fn explain(&self, action: &str, error: &KafkaError) -> ConnectorError {
        let waited = matches!(
            error::code(error).map(error::kind),
            None | Some(ErrorKind::Connect | ErrorKind::Timeout)
        );
        match self.with(|told| told.trouble.clone()) {
            Some((code, reason)) if waited => explained(code, &reason),
            _ => failed(action, error),
        }
    }
}

/// Whether it is about the way to the cluster, and not about one partition or record.
fn is_trouble(code: Code) -> bool {
    error::is_refusal(code)
        || matches!(
            code,
            Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve | Code::SSL
        )
}

fn explained(code: Code, reason: &str) -> ConnectorError {
    let error = failed("reach the Kafka cluster", &KafkaError::Global(code));
    let message = format!("failed to reach the Kafka cluster: {reason}");
    let explained = ConnectorError::new(error.kind(), message);
    explained.with_hint(Hint::each(|say| {
        let servers = || format!("check '{}'", say.name(Setting::Client("bootstrap.servers")));
        error.hint_in(say).map_or_else(servers, str::to_owned)
    }))
}

impl ClientContext for Context {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error::code(&error).filter(|code| is_trouble(*code)) else { return };
        let away = self.with(|told| {
            // "All brokers are down" says less than the reason before it.
            if code != Code::AllBrokersDown || told.trouble.is_none() {
                told.trouble = Some((code, reason.to_owned()));
            }
            let is_due = told.said_away.is_none_or(|said| said.elapsed() >= SAY_AGAIN);
            let is_away = code == Code::AllBrokersDown && is_due;
            if is_away {
                told.said_away = Some(Instant::now());
            }
            is_away.then(|| told.trouble.as_ref().map_or(String::new(), |(_, why)| why.clone()))
        });
        if let Some(why) = away {
            tracing::warn!(why, "no broker of the Kafka cluster can be reached; waiting for them");
        }
        tracing::debug!(reason, "trouble with Kafka");
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.with(|told| told.undelivered.get_or_insert_with(|| error.clone()).clone());
        }
    }
}

/// A consumer of this library that reads partitions it is told to, from offsets it is told.
pub(super) type KafkaConsumer = BaseConsumer<Context>;

/// Makes a consumer.
pub(super) fn consumer(settings: &Settings, group: &str) -> Result<KafkaConsumer, ConnectorError> {
    let mut config = ClientConfig::new();
    config
        .set("queued.max.messages.kbytes", CONSUMER_KILOBYTES)
        .set("fetch.queue.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "1000")
        .set("isolation.level", "read_committed")
        .set("allow.auto.create.topics", "false");
    for (name, value) in settings.iter().filter(|(name, _)| !is_of_producers(name)) {
        config.set(name, value);
    }
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error");
    let created = config.create_with_context(Context::default());
    created.map_err(|e| failed("make a Kafka consumer", &e))
}

/// The configuration of a producer that keeps the order of records; a retry may repeat some.
///
/// It is not idempotent unless that is asked for, or transactions need it: then the library sends
/// one request of a partition at a time as well, and until it is answered looks at the clock
/// without a pause.
pub(super) fn producer_config(settings: &Settings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("queue.buffering.max.kbytes", PRODUCER_KILOBYTES)
        .set("enable.idempotence", "false")
        .set(IN_FLIGHT, "1")
        .set("partitioner", "murmur2_random")
        .set("reconnect.backoff.max.ms", "1000")
        .set("linger.ms", "2");
    for (name, value) in settings.iter().filter(|(name, _)| !is_of_consumers(name)) {
        config.set(name, value);
    }
    let is_wanted = settings.get("enable.idempotence").is_some_and(|wanted| wanted == "true");
    if settings.get("acks").is_some_and(|acks| acks != "all" && acks != "-1") {
        config.set("enable.idempotence", "false");
    } else if is_wanted {
        idempotent(&mut config, settings);
    }
    config
}

/// Makes a producer idempotent.
pub(super) fn idempotent(config: &mut ClientConfig, given: &Settings) {
    config.set("enable.idempotence", "true");
    if !given.contains_key(IN_FLIGHT) {
        config.set(IN_FLIGHT, "5");
    }
}

fn is_of_producers(name: &str) -> bool {
    matches!(
        name,
        "acks"
            | "batch.size"
            | "batch.num.messages"
            | "compression.codec"
            | "compression.level"
            | "compression.type"
            | "delivery.timeout.ms"
            | "enable.idempotence"
            | "linger.ms"
            | "max.in.flight.requests.per.connection"
            | "message.timeout.ms"
            | "partitioner"
            | "queue.buffering.max.kbytes"
            | "queue.buffering.max.messages"
            | "queue.buffering.max.ms"
            | "request.required.acks"
            | "request.timeout.ms"
            | "retries"
            | "transaction.timeout.ms"
    )
}

fn is_of_consumers(name: &str) -> bool {
    matches!(
        name,
        "allow.auto.create.topics"
            | "check.crcs"
            | "fetch.max.bytes"
            | "fetch.min.bytes"
            | "fetch.wait.max.ms"
            | "group.instance.id"
            | "heartbeat.interval.ms"
            | "isolation.level"
            | "max.partition.fetch.bytes"
            | "max.poll.interval.ms"
            | "session.timeout.ms"
    )
}

/// A client that can be asked about the cluster.
pub(super) trait Asked {
    /// The client itself.
    fn asked(&self) -> &Client<Context>;

    /// Takes what the library has to say while the answer is waited for.
    fn listen(&self);
}

impl Asked for KafkaConsumer {
    fn asked(&self) -> &Client<Context> {
        self.client()
    }

    fn listen(&self) {
        // One that reads has messages there, which belong to whoever reads.
        if self.assignment().is_ok_and(|assigned| assigned.count() == 0) {
            for _ in 0..EVENTS {
                let _ = self.poll(Duration::ZERO);
            }
        }
    }
}

impl Asked for BaseProducer<Context> {
    fn asked(&self) -> &Client<Context> {
        self.client()
    }

    fn listen(&self) {
        (0..EVENTS).for_each(|_| self.poll(Duration::ZERO));
    }
}

/// Asks again until there is an answer, the brokers are found to be away, or time is up. The
/// library itself waits the whole time for brokers that refuse connections.
fn answered<T>(
    client: &impl Asked,
    action: &str,
    mut ask: impl FnMut(Duration) -> Result<T, KafkaError>,
) -> Result<T, ConnectorError> {
    let begun = Instant::now();
    let context = client.asked().context();
    loop {
        let error = match ask(Duration::from_secs(1)) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        client.listen();
        if let Some(refusal) = context.refusal() {
            return Err(refusal);
        }
        let has_trouble = context.with(|told| told.trouble.is_some());
        let kind = error::code(&error).map_or(ErrorKind::Connect, error::kind);
        let may_pass = matches!(kind, ErrorKind::Connect | ErrorKind::Timeout);
        let limit = if has_trouble { AWAY_LIMIT } else { ANSWER_LIMIT };
        if !may_pass || begun.elapsed() >= limit {
            return Err(context.explain(action, &error));
        }
    }
}

/// The partitions of a topic, or why it is not there.
pub(super) fn partitions(
    client: &impl Asked,
    topic: &str,
) -> Result<Result<Vec<i32>, Code>, ConnectorError> {
    let action = format!("look at topic \"{topic}\"");
    let ask = |limit| client.asked().fetch_metadata(Some(topic), limit);
    let metadata = answered(client, &action, ask)?;
    Ok(found(&metadata, topic))
}

fn found(metadata: &Metadata, name: &str) -> Result<Vec<i32>, Code> {
    let topic = metadata.topics().iter().find(|topic| topic.name() == name);
    let Some(topic) = topic else { return Err(Code::UnknownTopicOrPartition) };
    match topic.error().map(Code::from) {
        Some(Code::NoError) | None if topic.partitions().is_empty() => {
            Err(Code::UnknownTopicOrPartition)
        }
        Some(Code::NoError) | None => Ok(topic.partitions().iter().map(|p| p.id()).collect()),
        Some(code) => Err(code),
    }
}

/// All topics with their partitions.
pub(super) fn topics(client: &impl Asked) -> Result<Vec<(String, Vec<i32>)>, ConnectorError> {
    let ask = |limit| client.asked().fetch_metadata(None, limit);
    let metadata = answered(client, "list the topics", ask)?;
    let topic = |topic: &rdkafka::metadata::MetadataTopic| {
        let partitions = topic.partitions().iter().map(|p| p.id()).collect();
        (topic.name().to_owned(), partitions)
    };
    Ok(metadata.topics().iter().map(topic).collect())
}

/// The first offset of a partition and the one behind the last.
pub(super) fn watermarks(
    consumer: &KafkaConsumer,
    topic: &str,
    partition: i32,
) -> Result<(i64, i64), ConnectorError> {
    let action = format!("find the ends of topic \"{topic}\"");
    answered(consumer, &action, |limit| consumer.fetch_watermarks(topic, partition, limit))
}

/// What the cluster calls itself; empty where it says nothing.
pub(super) fn cluster_id(client: &Client<Context>) -> String {
    client.fetch_cluster_id(Duration::from_secs(5)).unwrap_or_default()
}

/// A topic that is not there, with what makes it.
pub(super) fn missing_topic(topic: &str, code: Code) -> ConnectorError {
    match code {
        Code::UnknownTopic | Code::UnknownTopicOrPartition => {
            let message = format!("topic \"{topic}\" does not exist");
            ConnectorError::new(ErrorKind::Config, message).with_hint(format!(
                "kafka-topics.sh --create --topic {topic} --partitions 1 --bootstrap-server ..."
            ))
        }
        code => failed(&format!("look at topic \"{topic}\""), &KafkaError::MetadataFetch(code)),
    }
}

/// What the cluster of these settings, under their Java names, calls itself; `None` if it cannot be
/// reached in a few seconds.
pub async fn named_cluster(given: &std::collections::BTreeMap<String, String>) -> Option<String> {
    let (settings, _) = super::properties::of_client(given).ok()?;
    let asked = tokio::task::spawn_blocking(move || {
        let consumer = consumer(&settings, "tailwater-cluster").ok()?;
        Some(cluster_id(consumer.client())).filter(|id| !id.is_empty())
    });
    asked.await.ok().flatten()
}
