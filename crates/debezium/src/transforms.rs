//! Single message transforms. What depends on the table alone is decided when a table is described:
//! taking the envelope off, and where records go. Everything else works on the record's JSON.

mod definitions;
mod predicate;
mod route;
mod unwrap;

use crate::record::Headers;

pub(crate) use self::definitions::Definitions;
use self::predicate::Condition;
use self::route::Route;

/// The transforms of a connector, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    steps: Vec<Step>,
}

/// One transform, and when it applies.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) condition: Option<Condition>,
    pub(crate) route: Route,
}

/// A record on its way through the transforms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Chain {
    /// Whether records have to be looked at one by one.
    pub(crate) fn changes_records(&self) -> bool {
        self.steps.iter().any(|step| step.condition.as_ref().is_some_and(|c| !c.is_of_topic()))
    }

    /// Where records of a topic go, as far as their topic alone decides.
    pub(crate) fn route(&self, topic: &str) -> String {
        if self.changes_records() {
            return topic.to_owned();
        }
        let mut topic = topic.to_owned();
        for step in &self.steps {
            if step.condition.as_ref().is_none_or(|condition| condition.holds_of_topic(&topic)) {
                topic = step.route.apply(&topic);
            }
        }
        topic
    }

    /// Takes a record through all transforms; `None` if one drops it.
    pub(crate) fn apply(
        &self,
        topic: &str,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        headers: &Headers,
    ) -> Option<Record> {
        let mut record = Record { topic: topic.to_owned(), key, value, headers: headers.unpack() };
        for step in &self.steps {
            if step.condition.as_ref().is_none_or(|condition| condition.holds(&record)) {
                record.topic = step.route.apply(&record.topic);
            }
        }
        Some(record)
    }
}
