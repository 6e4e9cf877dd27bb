//! Single message transforms. What depends on the table alone is decided when a table is described:
//! taking the envelope off, and where records go. Everything else works on the record's JSON.

mod condition;
mod definitions;
mod fields;
mod logical;
mod outbox;
mod predicate;
mod route;
mod timestamp;
mod tree;
mod unwrap;

use regex::Regex;

use crate::record::Headers;

use self::condition::Expression;
pub(crate) use self::definitions::Definitions;
use self::fields::{FieldEdit, Side};
use self::logical::LogicalRoute;
pub(crate) use self::logical::{Routed, append_fields};
use self::outbox::Outbox;
use self::predicate::Condition;
use self::route::Route;
use self::timestamp::TimestampEdit;

/// The transforms of a connector, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    steps: Vec<Step>,
}

/// One transform, and when it applies.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) condition: Option<Condition>,
    pub(crate) action: Action,
}

/// What a transform does.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Route(Route),
    Logical(LogicalRoute),
    /// Records are dropped.
    Drop,
    /// The same but for those of which it holds, among topics that match.
    Filter {
        topics: Option<Regex>,
        expression: Expression,
    },
    Edit(Side, FieldEdit),
    Timestamp(Side, TimestampEdit),
    /// A header of a constant.
    InsertHeader(String, Vec<u8>),
    DropHeaders(Vec<String>),
    Outbox(Box<Outbox>),
}

impl Action {
    fn apply(&self, mut record: Record) -> Option<Record> {
        match self {
            Action::Route(route) => record.topic = route.apply(&record.topic),
            Action::Logical(route) => route.apply(&mut record),
            Action::Drop => return None,
            Action::Filter { topics, expression } => {
                let is_asked = topics.as_ref().is_none_or(|topics| topics.is_match(&record.topic));
                // Without a value there is nothing that a condition could be about.
                let is_kept = !is_asked || record.value.is_none() || expression.holds(&record);
                return is_kept.then_some(record);
            }
            Action::Edit(side, edit) => edit.apply(*side, &mut record),
            Action::Timestamp(side, edit) => edit.apply(*side, &mut record),
            Action::InsertHeader(name, value) => record.headers.push((name.clone(), value.clone())),
            Action::DropHeaders(names) => record.headers.retain(|(name, _)| !names.contains(name)),
            Action::Outbox(outbox) => return outbox.apply(record),
        }
        Some(record)
    }
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
        self.steps.iter().any(|step| {
            let asks_record = step.condition.as_ref().is_some_and(|c| !c.is_of_topic());
            asks_record || !matches!(step.action, Action::Route(_) | Action::Logical(_))
        })
    }

    /// Where records of a topic go, as far as their topic alone decides.
    pub(crate) fn route(&self, topic: &str) -> String {
        self.route_table(topic).topic
    }

    /// The same with what the topic of a table makes of its keys and schemas.
    pub(crate) fn route_table(&self, topic: &str) -> Routed {
        let mut routed = Routed { topic: topic.to_owned(), ..Routed::default() };
        if self.changes_records() {
            return routed;
        }
        for step in &self.steps {
            let condition = step.condition.as_ref();
            if condition.is_some_and(|condition| !condition.holds_of_topic(&routed.topic)) {
                continue;
            }
            match &step.action {
                Action::Route(route) => routed.topic = route.apply(&routed.topic),
                Action::Logical(route) => route.decide(&mut routed),
                _ => {}
            }
        }
        routed
    }

    /// Whether there is a `ByLogicalTableRouter`.
    fn has_logical_route(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Logical(_)))
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
                record = step.action.apply(record)?;
            }
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests;
