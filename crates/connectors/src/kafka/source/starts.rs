//! Where reading begins and ends, as offsets that the cluster is asked for.

use std::collections::BTreeMap;

use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tailwater_connector_api::{ConnectorError, ErrorKind};

use super::bounds::{End, Reset, Start};
use super::plan::SourceConfig;
use super::reader::Bound;
use crate::kafka::client::{self, ANSWER_LIMIT, KafkaConsumer};
use crate::kafka::error::failed;
use crate::kafka::options::Topics;
use crate::kafka::position::Partition;

/// All partitions that there are now.
pub(in crate::kafka) fn partitions(
    consumer: &KafkaConsumer,
    topics: &Topics,
) -> Result<Vec<Partition>, ConnectorError> {
    let mut found = Vec::new();
    match topics {
        Topics::Named(names) => {
            for name in names {
                let partitions = client::partitions(consumer, name)?;
                let partitions = partitions.map_err(|e| client::missing_topic(name, e))?;
                found.extend(partitions.into_iter().map(|partition| (name.clone(), partition)));
            }
        }
        Topics::Matching(pattern) => {
            for (name, partitions) in client::topics(consumer)? {
                if pattern.is_match(&name) {
                    found.extend(partitions.into_iter().map(|p| (name.clone(), p)));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The offsets that a job which begins anew begins at.
pub(in crate::kafka) fn starts(
    consumer: &KafkaConsumer,
    config: &SourceConfig,
    partitions: &[Partition],
) -> Result<BTreeMap<Partition, i64>, ConnectorError> {
    let asked = Asked { consumer, partitions };
    match &config.start {
        Start::Earliest => asked.ends(|(low, _)| low),
        Start::Latest => asked.ends(|(_, high)| high),
        Start::Timestamp(millis) => asked.at_time(*millis),
        Start::Group(reset) => {
            let known = asked.committed()?;
            let missing = asked.without(&known);
            let rest = Asked { consumer, partitions: &missing };
            let rest = match reset {
                _ if missing.is_empty() => BTreeMap::new(),
                Some(Reset::Earliest) => rest.ends(|(low, _)| low)?,
                Some(Reset::Latest) => rest.ends(|(_, high)| high)?,
                None => return Err(no_group_offset(&config.group, &missing)),
            };
            Ok(known.into_iter().chain(rest).collect())
        }
        Start::Specific(offsets) => {
            let named = |p: &Partition| Some((p.clone(), *offsets.get(&p.1)?));
            let known: BTreeMap<Partition, i64> = partitions.iter().filter_map(named).collect();
            let missing = asked.without(&known);
            let rest = Asked { consumer, partitions: &missing };
            let of_group = rest.committed()?;
            let missing = rest.without(&of_group);
            let earliest = Asked { consumer, partitions: &missing }.ends(|(low, _)| low)?;
            Ok(known.into_iter().chain(of_group).chain(earliest).collect())
        }
    }
}

fn no_group_offset(group: &str, missing: &[Partition]) -> ConnectorError {
    let names: Vec<String> = missing.iter().map(|(t, p)| format!("{t}-{p}")).take(8).collect();
    let message = format!(
        "group \"{group}\" has no committed offset for {}, and 'properties.auto.offset.reset' \
         does not say where to begin",
        names.join(", ")
    );
    ConnectorError::new(ErrorKind::Config, message).with_hint(
        "set 'properties.auto.offset.reset' = 'earliest', or another 'scan.startup.mode'",
    )
}

/// The offsets before which a bounded source ends; those of partitions that are not there are not
/// bounded. `None` for a source without end.
pub(super) fn stops(
    consumer: &KafkaConsumer,
    config: &SourceConfig,
    partitions: &[Partition],
) -> Result<Option<BTreeMap<Partition, Bound>>, ConnectorError> {
    let asked = Asked { consumer, partitions };
    let offsets = match &config.end {
        End::Never => return Ok(None),
        End::Latest => asked.ends(|(_, high)| high)?,
        End::Group => {
            let known = asked.committed()?;
            match asked.without(&known) {
                missing if missing.is_empty() => known,
                missing => return Err(no_group_offset(&config.group, &missing)),
            }
        }
        End::Timestamp(millis) => asked.at_time(*millis)?,
        End::Specific(offsets) => {
            let named = |p: &Partition| (p.clone(), offsets.get(&p.1).copied().unwrap_or(0));
            partitions.iter().map(named).collect()
        }
    };
    let highs = asked.ends(|(_, high)| high)?;
    let bound = |(partition, offset): (Partition, i64)| {
        let is_there = highs.get(&partition).is_some_and(|high| *high >= offset);
        (partition, Bound { offset, is_there })
    };
    Ok(Some(offsets.into_iter().map(bound).collect()))
}

/// Questions about some partitions.
struct Asked<'a> {
    consumer: &'a KafkaConsumer,
    partitions: &'a [Partition],
}

impl Asked<'_> {
    fn without(&self, known: &BTreeMap<Partition, i64>) -> Vec<Partition> {
        self.partitions.iter().filter(|p| !known.contains_key(*p)).cloned().collect()
    }

    fn ends(
        &self,
        choose: impl Fn((i64, i64)) -> i64,
    ) -> Result<BTreeMap<Partition, i64>, ConnectorError> {
        let end =
            |p: &Partition| Ok((p.clone(), choose(client::watermarks(self.consumer, &p.0, p.1)?)));
        self.partitions.iter().map(end).collect()
    }

    fn list(&self, offset: Offset) -> Result<TopicPartitionList, ConnectorError> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in self.partitions {
            list.add_partition_offset(topic, *partition, offset)
                .map_err(|e| failed("ask for offsets", &e))?;
        }
        Ok(list)
    }

    /// What the group has committed.
    fn committed(&self) -> Result<BTreeMap<Partition, i64>, ConnectorError> {
        if self.partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let asked = self.list(Offset::Invalid)?;
        let told = self.consumer.committed_offsets(asked, ANSWER_LIMIT);
        let told = told.map_err(|e| failed("read the offsets of the group", &e))?;
        Ok(offsets(&told))
    }

    /// The first message of a time or later; the end where there is none.
    fn at_time(&self, millis: i64) -> Result<BTreeMap<Partition, i64>, ConnectorError> {
        if self.partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let asked = self.list(Offset::Offset(millis))?;
        let told = self.consumer.offsets_for_times(asked, ANSWER_LIMIT);
        let told = told.map_err(|e| failed("find offsets by time", &e))?;
        let known = offsets(&told);
        let missing = self.without(&known);
        let rest = Asked { consumer: self.consumer, partitions: &missing };
        let rest = rest.ends(|(_, high)| high)?;
        Ok(known.into_iter().chain(rest).collect())
    }
}

fn offsets(list: &TopicPartitionList) -> BTreeMap<Partition, i64> {
    let elements = list.elements();
    let known = elements.iter().filter_map(|e| match e.offset() {
        Offset::Offset(offset) => Some(((e.topic().to_owned(), e.partition()), offset)),
        _ => None,
    });
    known.collect()
}
