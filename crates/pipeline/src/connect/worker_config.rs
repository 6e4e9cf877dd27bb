//! What a worker is configured with, in the words of Kafka Connect's `connect-distributed.properties`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ConnectorConfig;
use super::placeholders::{Environment, Placeholders};

/// A worker's settings.
#[derive(Clone)]
pub struct WorkerConfig {
    /// Options of the Kafka clients of all connectors, `bootstrap.servers` among them.
    pub client: BTreeMap<String, String>,
    /// Options that a connector has unless it sets them: the converters.
    pub defaults: ConnectorConfig,
    /// Time between two checkpoints: how much comes twice after a crash.
    pub interval: Option<Duration>,
    /// Whether every connector writes each event exactly once.
    pub is_exactly_once: bool,
    /// What stands elsewhere.
    pub placeholders: Placeholders,
}

const BOOTSTRAP: &str = "bootstrap.servers";
/// What begins so is an option of the Kafka clients.
const CLIENT: &[&str] = &["security.", "sasl.", "ssl.", "client.dns.lookup"];
/// What begins so belongs to parts of Connect that are not here: storage topics, its REST server,
/// groups of workers, plugins that are loaded.
const PASSED_OVER: &[&str] = &[
    "access.control.",
    "admin.",
    "client.id",
    "config.providers.",
    "config.storage.",
    "connect.protocol",
    "connector.client.config.override.policy",
    "consumer.",
    "group.id",
    "header.converter",
    "heartbeat.interval.ms",
    "inter.worker.",
    "listeners",
    "metadata.",
    "metric",
    "offset.flush.timeout.ms",
    "offset.storage.",
    "plugin.",
    "rebalance.timeout.ms",
    "request.timeout.ms",
    "response.http.",
    "rest.",
    "scheduled.rebalance.",
    "session.timeout.ms",
    "status.storage.",
    "task.shutdown.",
    "topic.creation.enable",
    "topic.tracking.",
    "worker.",
];

impl WorkerConfig {
    /// Reads a worker's properties; beside it what has no effect here, for people.
    ///
    /// # Errors
    /// Everything that is wrong, a sentence each.
    pub fn read(
        properties: &BTreeMap<String, String>,
        environment: Environment,
    ) -> Result<(Self, Vec<String>), Vec<String>> {
        let (mut errors, mut notes) = (Vec::new(), Vec::new());
        let get = |key: &str| properties.get(key).map(|value| value.trim());
        let providers = get("config.providers").unwrap_or_default();
        let (placeholders, unknown) = Placeholders::new(providers, environment);
        for provider in unknown {
            errors.push(format!(
                "config.providers: there is no provider \"{provider}\"; there are env, file, directory"
            ));
        }
        if get(BOOTSTRAP).is_none_or(str::is_empty) {
            errors
                .push(format!("{BOOTSTRAP} is missing: the Kafka brokers, host:port[,host:port]"));
        }
        let interval = match get("offset.flush.interval.ms").map(str::parse) {
            None => None,
            Some(Ok(millis)) if millis > 0 => Some(Duration::from_millis(millis)),
            Some(_) => {
                errors.push("offset.flush.interval.ms must be a number of milliseconds".to_owned());
                None
            }
        };
        let is_exactly_once = match get("exactly.once.source.support").unwrap_or("disabled") {
            "enabled" => true,
            "disabled" | "preparing" => false,
            _ => {
                errors.push(
                    "exactly.once.source.support must be disabled, preparing or enabled".to_owned(),
                );
                false
            }
        };
        let mut config = Self {
            client: BTreeMap::new(),
            defaults: ConnectorConfig::new(),
            interval,
            is_exactly_once,
            placeholders,
        };
        for (key, value) in properties {
            let value = value.trim().to_owned();
            let begins = |prefixes: &[&str]| prefixes.iter().any(|p| key.starts_with(p));
            if let Some(option) = key.strip_prefix("producer.") {
                config.client.insert(option.to_owned(), value);
            } else if key == BOOTSTRAP || begins(CLIENT) {
                config.client.entry(key.clone()).or_insert(value);
            } else if key.starts_with("key.converter") || key.starts_with("value.converter") {
                config.defaults.insert(key.clone(), value);
            } else if !READ.contains(&key.as_str()) {
                let why = if begins(PASSED_OVER) { "is not needed" } else { "has no effect" };
                notes.push(format!("the worker's property '{key}' {why} here"));
            }
        }
        if errors.is_empty() { Ok((config, notes)) } else { Err(errors) }
    }
}

/// Read above by their names.
const READ: &[&str] =
    &["config.providers", "offset.flush.interval.ms", "exactly.once.source.support"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn read(text: &str) -> Result<(WorkerConfig, Vec<String>), Vec<String>> {
        WorkerConfig::read(&super::super::properties::parse(text), Arc::new(|_| None))
    }

    #[test]
    fn a_workers_file_is_taken_as_it_is() {
        let Ok((config, notes)) = read(
            "bootstrap.servers=a:1,b:2\ngroup.id=g\nkey.converter=org.apache.kafka.connect.json.JsonConverter\n\
             key.converter.schemas.enable=false\noffset.flush.interval.ms=10000\n\
             offset.storage.topic=o\nproducer.linger.ms=5\nsecurity.protocol=SASL_SSL\n\
             producer.security.protocol=SSL\nodd=1\nexactly.once.source.support=enabled\n",
        ) else {
            panic!("refused");
        };
        assert_eq!(config.client["bootstrap.servers"], "a:1,b:2");
        assert_eq!(config.client["linger.ms"], "5");
        assert_eq!(config.client["security.protocol"], "SSL");
        assert_eq!(config.defaults["key.converter.schemas.enable"], "false");
        assert_eq!(config.interval, Some(Duration::from_secs(10)));
        assert!(config.is_exactly_once);
        assert_eq!(
            notes,
            [
                "the worker's property 'group.id' is not needed here",
                "the worker's property 'odd' has no effect here",
                "the worker's property 'offset.storage.topic' is not needed here",
            ]
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let text = "config.providers=env,vault\noffset.flush.interval.ms=soon\n\
                    exactly.once.source.support=yes\n";
        let errors = read(text).err().expect("wrong");
        assert_eq!(errors.len(), 4, "{errors:?}");
        assert!(errors[0].contains("vault") && errors[1].contains("bootstrap.servers"));
    }
}
