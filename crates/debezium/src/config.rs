//! The options of a connector: a flat map of texts in, a validated configuration or everything that is
//! wrong out.

mod definition;
mod events;
mod patterns;
mod reader;
mod source;
mod transforms;

use std::collections::BTreeMap;
use std::fmt;

pub use self::definition::{Definition, definitions};
pub use self::patterns::Patterns;
use self::reader::OptionReader;
pub use self::source::{PublicationMode, SnapshotMode, SourceConfig};
use crate::event::EventSettings;

/// The class of the connector that is understood.
pub const CONNECTOR_CLASS: &str = "io.debezium.connector.postgresql.PostgresConnector";

/// A connector's configuration.
#[derive(Clone, Debug)]
pub struct ConnectorConfig {
    /// What is read from where.
    pub source: SourceConfig,
    /// How events are made of it.
    pub events: EventSettings,
    /// Settings of topics that are made: by group (`default` among them), what they set.
    pub topic_creation: BTreeMap<String, BTreeMap<String, String>>,
    /// `producer.override.*` without the prefix.
    pub producer: BTreeMap<String, Secret>,
    /// `exactly.once.support` is `required`.
    pub requires_exactly_once: bool,
}

/// A text that nothing prints.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// Something about one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The option's key.
    pub option: String,
    /// What is wrong, or to be known, in Connect's words.
    pub message: String,
}

/// The judgement of all options.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The configuration, if nothing is wrong.
    pub config: Option<ConnectorConfig>,
    /// Everything that is wrong.
    pub errors: Vec<Issue>,
    /// Options that have no effect here, and why.
    pub notes: Vec<Issue>,
    options: BTreeMap<String, String>,
}

/// One option for Connect's answer to `validate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatedOption {
    /// What it is.
    pub definition: &'static Definition,
    /// Its value, if it has one and it is no password.
    pub value: Option<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
}

/// Judges the options; placeholders are resolved before.
pub fn validate(options: &BTreeMap<String, String>) -> Validation {
    let mut reader = OptionReader::new(options);
    reader.judge_keys();
    let source = source::read(&mut reader);
    let events = events::read(&mut reader, &source);
    let topic_creation = topic_creation(&mut reader);
    let producer = reader.prefixed("producer.override.");
    let producer = producer.into_iter().map(|(key, value)| (key, Secret(value))).collect();
    let support = reader.word("exactly.once.support", &["requested", "required"]);
    reader.word("errors.tolerance", &["none", "all"]);
    if reader.get("errors.tolerance") == Some("all") {
        reader.invalid("errors.tolerance", "an event is never left out; use none");
    }
    let config = reader.errors.is_empty().then_some(ConnectorConfig {
        source,
        events,
        topic_creation,
        producer,
        requires_exactly_once: support == "required",
    });
    let OptionReader { errors, notes, .. } = reader;
    Validation { config, errors, notes, options: options.clone() }
}

fn topic_creation(reader: &mut OptionReader<'_>) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut groups: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let known = reader.list("topic.creation.groups");
    for (key, value) in reader.prefixed("topic.creation.") {
        let Some((group, setting)) = key.split_once('.') else {
            continue;
        };
        if group != "default" && !known.iter().any(|name| name == group) {
            let message = format!("group \"{group}\" is not in topic.creation.groups");
            reader.invalid(&format!("topic.creation.{key}"), &message);
        }
        groups.entry(group.to_owned()).or_default().insert(setting.to_owned(), value);
    }
    groups
}

impl Validation {
    /// How many things are wrong.
    pub fn error_count(&self) -> usize {
        self.errors.len()
    }

    /// Every option that is shown, in order, with its value and errors.
    pub fn options(&self) -> Vec<ValidatedOption> {
        let shown = definitions().iter().filter(|definition| definition.group.is_some());
        let validated = |definition: &'static Definition| ValidatedOption {
            definition,
            value: match definition.kind {
                "PASSWORD" => None,
                _ => self.options.get(definition.name).cloned(),
            },
            errors: self
                .errors
                .iter()
                .filter(|issue| issue.option == definition.name)
                .map(|issue| issue.message.clone())
                .collect(),
        };
        shown.map(validated).collect()
    }

    /// What is wrong with options that have no definition of their own.
    pub fn other_errors(&self) -> impl Iterator<Item = &Issue> {
        let is_shown = |name: &str| {
            definition::find(name).is_some_and(|definition| definition.group.is_some())
        };
        self.errors.iter().filter(move |issue| !is_shown(&issue.option))
    }
}

#[cfg(test)]
mod tests;
