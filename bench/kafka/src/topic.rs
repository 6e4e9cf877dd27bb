//! A topic as a consumer sees it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message};
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::process::LIMIT;

const ASK: Duration = Duration::from_secs(10);

/// A topic, which may not be there yet.
pub(crate) struct Topic {
    name: String,
    settings: ClientConfig,
    consumer: BaseConsumer,
}

/// What is compared of an event: where and when it was read is each side's own.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    before: &'a RawValue,
    #[serde(borrow)]
    after: &'a RawValue,
    op: &'a str,
}

impl Topic {
    pub(crate) fn new(bootstrap: &str, name: &str) -> Result<Self> {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", bootstrap).set("log_level", "0");
        let mut consuming = settings.clone();
        consuming.set("group.id", "bench").set("enable.auto.commit", "false");
        consuming.set("isolation.level", "read_committed");
        consuming.set("auto.offset.reset", "earliest");
        consuming.set("fetch.message.max.bytes", "4194304");
        let consumer = consuming.create().context("a consumer")?;
        Ok(Self { name: name.to_owned(), settings, consumer })
    }

    pub(crate) fn partitions(&self) -> i32 {
        let asked = self.consumer.fetch_metadata(Some(&self.name), ASK);
        asked.map_or(0, |metadata| {
            metadata.topics().iter().map(|topic| topic.partitions().len() as i32).sum()
        })
    }

    /// Records in it, or places of records where there are transactions; 0 while it is not there.
    pub(crate) fn len(&self) -> u64 {
        let place = |partition| {
            let ends = self.consumer.fetch_watermarks(&self.name, partition, ASK);
            ends.map_or(0, |(low, high)| high - low)
        };
        u64::try_from((0..self.partitions()).map(place).sum::<i64>()).unwrap_or(0)
    }

    /// Reads from the beginning, or from the end.
    fn assign(&self, partitions: i32, from: Offset) -> Result<()> {
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment.add_partition_offset(&self.name, partition, from)?;
        }
        Ok(self.consumer.assign(&assignment)?)
    }

    /// Calls `found` with the key and the value of so many records.
    pub(crate) fn read(
        &self,
        partitions: i32,
        records: u64,
        mut found: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.assign(partitions, Offset::Beginning)?;
        let end = Instant::now() + LIMIT;
        let mut count = 0;
        while count < records {
            ensure!(Instant::now() < end, "{count} of {records} records in {LIMIT:?}");
            // A topic that is new is not known everywhere at once.
            let Some(Ok(message)) = self.consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            found(message.key().unwrap_or_default(), message.payload().unwrap_or_default())?;
            count += 1;
        }
        self.consumer.unassign()?;
        Ok(())
    }

    /// A sum over key, operation and both rows of so many events, in any order.
    pub(crate) fn checksum(&self, records: u64) -> Result<u64> {
        let mut sum = 0_u64;
        let mut bytes = Vec::new();
        self.read(1, records, |key, value| {
            let event: Event<'_> = serde_json::from_slice(value).context("an event")?;
            bytes.clear();
            let rows = [event.op, event.before.get(), event.after.get()];
            for part in [key].into_iter().chain(rows.map(str::as_bytes)) {
                bytes.extend_from_slice(part);
                bytes.push(0);
            }
            sum = sum.wrapping_add(xxh3_64(&bytes));
            Ok(())
        })?;
        Ok(sum)
    }

    /// Removes it, so that the disk does not fill.
    pub(crate) async fn delete(&self) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.settings.create()?;
        admin.delete_topics(&[&self.name], &AdminOptions::new()).await?;
        Ok(())
    }
}

/// Makes a topic with so many partitions.
pub(crate) async fn make(bootstrap: &str, name: &str, partitions: i32) -> Result<()> {
    let mut settings = ClientConfig::new();
    let admin: AdminClient<DefaultClientContext> =
        settings.set("bootstrap.servers", bootstrap).create()?;
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    admin.create_topics([&topic], &AdminOptions::new()).await?;
    Ok(())
}
