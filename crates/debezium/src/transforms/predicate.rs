//! Predicates: which records a transform is for.

use std::collections::BTreeMap;

use regex::Regex;

use super::Record;

/// A predicate, or its negation.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) predicate: Predicate,
    pub(crate) is_negated: bool,
}

/// What is asked of a record.
#[derive(Clone, Debug)]
pub(crate) enum Predicate {
    TopicNameMatches(Regex),
    RecordIsTombstone,
    HasHeaderKey(String),
}

impl Predicate {
    /// Reads a predicate's options; the key that is wrong, and why.
    pub(crate) fn new(
        name: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<Self, (String, String)> {
        let get = |option: &str| options.get(&format!("{name}.{option}")).map(String::as_str);
        let at = |option: &str| format!("predicates.{name}.{option}");
        let required = |option: &str| {
            get(option).ok_or_else(|| (at(option), "A value is required".to_owned()))
        };
        let class = required("type")?;
        match class.rsplit('.').next().unwrap_or_default() {
            "TopicNameMatches" => {
                let pattern = required("pattern")?;
                let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|_| {
                    let why = format!("\"{pattern}\" is not a regular expression");
                    (at("pattern"), why)
                })?;
                Ok(Self::TopicNameMatches(regex))
            }
            "RecordIsTombstone" => Ok(Self::RecordIsTombstone),
            "HasHeaderKey" => Ok(Self::HasHeaderKey(required("name")?.to_owned())),
            _ => Err((
                at("type"),
                format!(
                    "{class} is not supported: there are TopicNameMatches, RecordIsTombstone and \
                     HasHeaderKey"
                ),
            )),
        }
    }
}

impl Condition {
    /// Whether the topic alone decides.
    pub(crate) fn is_of_topic(&self) -> bool {
        matches!(self.predicate, Predicate::TopicNameMatches(_))
    }

    /// Whether it holds of every record of a topic.
    pub(crate) fn holds_of_topic(&self, topic: &str) -> bool {
        let Predicate::TopicNameMatches(regex) = &self.predicate else {
            return false;
        };
        regex.is_match(topic) != self.is_negated
    }

    /// Whether it holds of a record.
    pub(crate) fn holds(&self, record: &Record) -> bool {
        let holds = match &self.predicate {
            Predicate::TopicNameMatches(regex) => regex.is_match(&record.topic),
            Predicate::RecordIsTombstone => record.value.is_none(),
            Predicate::HasHeaderKey(name) => record.headers.iter().any(|(key, _)| key == name),
        };
        holds != self.is_negated
    }
}
