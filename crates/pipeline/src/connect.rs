//! What Kafka Connect's front door asks of the engine: which connectors there are, whether a
//! configuration is right, and a running job for one that is.

mod debezium;
pub mod placeholders;
pub mod properties;
mod worker_config;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tailwater_connector_api::BoxFuture;
use tailwater_runtime::JobHandle;

pub use tailwater_connector_api::Dialect;

pub use self::debezium::DebeziumEngine;
pub use self::worker_config::WorkerConfig;

/// A connector's configuration: a flat map, as it is posted.
pub type ConnectorConfig = BTreeMap<String, String>;

/// Runs connectors; the worker behind the REST API keeps their configurations and states.
pub trait ConnectEngine: Send + Sync {
    /// Everything that a configuration may name as a class.
    fn plugins(&self) -> Vec<Plugin>;

    /// The options of a class, by its full name or its last part. `None` if there is no such
    /// connector.
    fn config_keys(&self, class: &str) -> Option<Vec<ConfigKey>>;

    /// Judges a configuration, with connections to what it names. `None` if there is no such
    /// connector.
    fn validate<'a>(
        &'a self,
        class: &'a str,
        config: &'a ConnectorConfig,
    ) -> BoxFuture<'a, Option<Validation>>;

    /// Why a connector cannot run beside another one, if it cannot.
    fn conflict(&self, config: &ConnectorConfig, other: &ConnectorConfig) -> Option<String>;

    /// Whether an option's value is a secret.
    fn is_secret(&self, option: &str) -> bool;

    /// Starts a connector on the current tokio runtime; it resumes from what is in its directory.
    ///
    /// # Errors
    /// Why it cannot be started, for people.
    fn start(&self, request: &StartConnector<'_>) -> Result<RunningConnector, String>;

    /// How far a connector's durable checkpoint is, empty without one.
    ///
    /// # Errors
    /// Why that cannot be told, for people.
    fn offsets(&self, request: &StartConnector<'_>) -> Result<Vec<ConnectorOffset>, String>;

    /// Has a connector that does not run go on from another place. What it gives says whether it is to
    /// begin anew: the offset is null. The error says why that is not possible, for people.
    fn alter_offsets<'a>(
        &'a self,
        request: StartConnector<'a>,
        offsets: &'a [ConnectorOffset],
    ) -> BoxFuture<'a, Result<Altered, String>>;

    /// The identifier of the Kafka cluster, if it can be reached.
    fn cluster_id(&self) -> BoxFuture<'_, Option<String>>;
}

/// What an alteration of offsets comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Altered {
    /// The connector goes on from there.
    Moved,
    /// What is kept of it is to be dropped.
    Reset,
}

/// A connector to be started.
pub struct StartConnector<'a> {
    /// Its name, by which its job is known.
    pub name: &'a str,
    /// Its configuration.
    pub config: &'a ConnectorConfig,
    /// Where its checkpoints lie.
    pub checkpoints: PathBuf,
    /// Filled with the topics that it writes to.
    pub topics: TopicSet,
}

/// A connector at work.
pub struct RunningConnector {
    /// Its job.
    pub job: JobHandle,
    /// Things the user should know.
    pub notes: Vec<String>,
}

/// The topics that a connector has written to since they were last reset.
#[derive(Clone, Debug, Default)]
pub struct TopicSet(Arc<Mutex<BTreeSet<String>>>);

impl TopicSet {
    /// Remembers a topic.
    pub fn insert(&self, topic: &str) {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !topics.contains(topic) {
            topics.insert(topic.to_owned());
        }
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The topics in alphabetical order.
    pub fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// A class that configurations may name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plugin {
    /// The Java name by which users know it.
    pub class: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: PluginKind,
    /// The version of the system whose behaviour it has.
    pub version: String,
}

/// What a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginKind {
    /// Reads a system into Kafka.
    Source,
    /// Turns records into bytes.
    Converter,
    /// Turns headers into bytes.
    HeaderConverter,
    /// Changes records one by one.
    Transformation,
    /// Says which records a transformation takes.
    Predicate,
}

/// An option, as `GET /connector-plugins/{class}/config` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigKey {
    /// The option.
    pub name: String,
    /// `STRING`, `INT`, `BOOLEAN`, `PASSWORD` and so on.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it must be set.
    pub required: bool,
    /// What holds if it is not.
    pub default_value: Option<String>,
    /// `HIGH`, `MEDIUM` or `LOW`.
    pub importance: &'static str,
    /// What it is for.
    pub documentation: String,
    /// The heading that it belongs under.
    pub group: &'static str,
    /// Its place there, from 1.
    pub order_in_group: usize,
    /// `NONE`, `SHORT`, `MEDIUM` or `LONG`: how much room its value takes in a form.
    pub width: &'static str,
    /// Its name for people.
    pub display_name: String,
    /// Options whose recommended values depend on it.
    pub dependents: Vec<String>,
}

/// An option's value and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigValue {
    /// The option.
    pub name: String,
    /// As set, else the default.
    pub value: Option<String>,
    /// What could be set.
    pub recommended_values: Vec<String>,
    /// What is wrong, a sentence each.
    pub errors: Vec<String>,
    /// Whether a form shows it.
    pub visible: bool,
}

/// An option and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigInfo {
    /// The option.
    pub definition: ConfigKey,
    /// Its value.
    pub value: ConfigValue,
}

/// What came of judging a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// The class.
    pub name: String,
    /// How many options have errors.
    pub error_count: usize,
    /// The headings, in their order.
    pub groups: Vec<String>,
    /// All options.
    pub configs: Vec<ConfigInfo>,
}

impl Validation {
    /// All that is wrong.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.configs.iter().flat_map(|c| c.value.errors.iter().map(String::as_str))
    }
}

/// How far a connector is in one of the things it reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectorOffset {
    /// What it reads.
    pub partition: serde_json::Value,
    /// How far it is.
    pub offset: serde_json::Value,
}
