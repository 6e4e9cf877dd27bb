//! Topics that a sink of records makes before it writes to them, as `topic.creation.*` of Kafka
//! Connect say.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, Producer as _};
use regex::Regex;
use tailwater_connector_api::ConnectorError;

use crate::kafka::client::{self, Context};
use crate::kafka::error::failed;
use crate::kafka::properties::Settings;

/// Makes topics.
#[derive(Clone)]
pub(super) struct TopicMaker {
    /// The last one is for every topic that no other takes. Without any the brokers make topics.
    groups: Vec<Group>,
    /// Is told each topic once it is there, before it is written to.
    on_topic: Arc<dyn Fn(&str) + Send + Sync>,
}

/// How some topics are made.
#[derive(Clone, Debug)]
struct Group {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    partitions: i32,
    replication: i32,
    config: Vec<(String, String)>,
}

/// A group's option that is wrong, and why.
pub(super) type Issue = (String, String);

impl TopicMaker {
    /// Reads `topic.creation.GROUP.OPTION`, by group and option.
    pub(super) fn new(
        groups: &BTreeMap<String, BTreeMap<String, String>>,
        on_topic: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Result<Self, Vec<Issue>> {
        let mut issues = Vec::new();
        let own = groups.iter().filter(|(name, _)| *name != "default");
        let last = groups.iter().filter(|(name, _)| *name == "default");
        let default = groups.get("default");
        let groups =
            own.chain(last).map(|(name, set)| Group::read(name, set, default, &mut issues));
        let groups = groups.collect();
        if issues.is_empty() { Ok(Self { groups, on_topic }) } else { Err(issues) }
    }

    /// Tells that a topic is there and will be written to.
    pub(super) fn tell(&self, topic: &str) {
        (self.on_topic)(topic);
    }

    /// Makes a topic that is not there, unless that is left to the brokers.
    pub(super) fn ensure(
        &self,
        producer: &BaseProducer<Context>,
        settings: &Settings,
        topic: &str,
    ) -> Result<(), ConnectorError> {
        let Some(group) = self.groups.iter().find(|group| group.takes(topic)) else {
            return Ok(());
        };
        // The producer would have the brokers make it by asking.
        let consumer = client::consumer(settings, "tailwater-topics")?;
        if client::partitions(&consumer, topic)?.is_ok() {
            return Ok(());
        }
        let mut new =
            NewTopic::new(topic, group.partitions, TopicReplication::Fixed(group.replication));
        for (name, value) in &group.config {
            new = new.set(name, value);
        }
        make(settings, &new)?;
        // What it knows of the topic is that there is none.
        let _ = producer.client().fetch_metadata(Some(topic), client::ANSWER_LIMIT);
        Ok(())
    }
}

/// Makes a topic; one that is there meanwhile is good as well.
pub(super) fn make(settings: &Settings, topic: &NewTopic<'_>) -> Result<(), ConnectorError> {
    let action = format!("make topic \"{}\"", topic.name);
    let config = client::producer_config(settings);
    let admin: AdminClient<Context> =
        config.create_with_context(Context::default()).map_err(|e| failed(&action, &e))?;
    let options = AdminOptions::new().operation_timeout(Some(client::ANSWER_LIMIT));
    let made = tokio::runtime::Handle::current().block_on(admin.create_topics([topic], &options));
    for made in made.map_err(|e| failed(&action, &e))? {
        match made {
            Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(failed(&action, &KafkaError::AdminOp(code))),
        }
    }
    Ok(())
}

impl Group {
    fn read(
        name: &str,
        set: &BTreeMap<String, String>,
        default: Option<&BTreeMap<String, String>>,
        issues: &mut Vec<Issue>,
    ) -> Self {
        let mut patterns = |option: &str| {
            let list = set.get(option).map_or("", String::as_str);
            let mut read = Vec::new();
            for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
                match Regex::new(&format!("^(?:{text})$")) {
                    Ok(pattern) => read.push(pattern),
                    Err(_) => issues.push((
                        format!("topic.creation.{name}.{option}"),
                        format!("\"{text}\" is not a regular expression"),
                    )),
                }
            }
            read
        };
        let (include, exclude) = (patterns("include"), patterns("exclude"));
        let mut number = |option: &str| {
            let text = set.get(option).or_else(|| default?.get(option));
            let number = text.and_then(|text| text.trim().parse::<i32>().ok());
            number.filter(|n| *n == -1 || *n > 0).unwrap_or_else(|| {
                let message = "must be a number from 1 on, or -1 for the brokers' default";
                issues.push((format!("topic.creation.{name}.{option}"), message.to_owned()));
                -1
            })
        };
        let (partitions, replication) = (number("partitions"), number("replication.factor"));
        let known = ["include", "exclude", "partitions", "replication.factor"];
        let config = set.iter().filter(|(option, _)| !known.contains(&option.as_str()));
        let config = config.map(|(option, value)| (option.clone(), value.clone())).collect();
        Self { include, exclude, partitions, replication, config }
    }

    fn takes(&self, topic: &str) -> bool {
        let any = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(topic));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

impl fmt::Debug for TopicMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicMaker").field("groups", &self.groups).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(lines: &[(&str, &str, &str)]) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut groups: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (group, option, value) in lines {
            let set = groups.entry((*group).to_owned()).or_default();
            set.insert((*option).to_owned(), (*value).to_owned());
        }
        groups
    }

    #[test]
    fn the_first_group_that_takes_a_topic_makes_it() {
        let groups = groups(&[
            ("default", "partitions", "3"),
            ("default", "replication.factor", "1"),
            ("big", "partitions", "12"),
            ("big", "include", "db\\.public\\.(orders|events), x"),
            ("big", "cleanup.policy", "compact"),
        ]);
        let maker = TopicMaker::new(&groups, Arc::new(|_| {})).expect("right");
        let of = |topic: &str| maker.groups.iter().find(|g| g.takes(topic)).expect("a group");
        let big = of("db.public.orders");
        assert_eq!((big.partitions, big.replication), (12, 1));
        assert_eq!(big.config, [("cleanup.policy".to_owned(), "compact".to_owned())]);
        assert_eq!(of("db.public.orders2").partitions, 3);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_option() {
        let groups = groups(&[("default", "partitions", "many"), ("default", "include", "(")]);
        let issues = TopicMaker::new(&groups, Arc::new(|_| {})).expect_err("wrong");
        let options: Vec<&str> = issues.iter().map(|(option, _)| option.as_str()).collect();
        let expected = ["include", "partitions", "replication.factor"];
        assert_eq!(options, expected.map(|option| format!("topic.creation.default.{option}")));
    }
}
