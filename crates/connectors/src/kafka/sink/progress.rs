//! What a transactional sink has published: a note for each transactional id in a compacted topic,
//! written in the transaction of the rows.
//!
//! The note has its own topic because the offsets of a group, where others keep theirs, expire when
//! nobody reads for a week: a job would take what it has published for not published.

use std::time::{Duration, Instant};

use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{Message, util::Timeout};
use serde::{Deserialize, Serialize};
use tailwater_connector_api::{ConnectorError, Dialect, ErrorKind, Hint, Published, SinkContext};
use tailwater_types::CheckpointId;

use super::delivery::Transactions;
use super::topics;
use crate::kafka::client::{self, Context};
use crate::kafka::error::{code, failed};
use crate::kafka::properties::Settings;

/// How long a transaction may take: as long as brokers allow by themselves. Who takes over ends it
/// at once.
const TRANSACTION_TIMEOUT: &str = "900000";
/// The one partition that notes are in.
pub(super) const PARTITION: i32 = 0;
/// Small segments are compacted soon.
const SEGMENT_BYTES: &str = "16777216";
/// How long other transactions in the topic may hide what was noted.
const READ_LIMIT: Duration = Duration::from_secs(120);

/// The progress of one sink.
pub(super) struct Progress {
    topic: String,
    /// By which the brokers know who writes, and the notes' key.
    transactional_id: String,
    lineage: String,
}

/// A note.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    lineage: String,
    checkpoint: u64,
}

impl Progress {
    pub(super) fn new(transactions: &Transactions, context: &SinkContext) -> Self {
        let Transactions { prefix, progress_topic } = transactions;
        Self {
            topic: progress_topic.clone(),
            transactional_id: format!("{prefix}-{}-{}", context.job_name, context.number),
            lineage: context.lineage.clone(),
        }
    }

    /// Makes a producer's settings transactional.
    pub(super) fn configure(&self, config: &mut ClientConfig, given: &Settings) {
        client::idempotent(config, given);
        config.set("transactional.id", &self.transactional_id);
        if !given.contains_key("transaction.timeout.ms") {
            config.set("transaction.timeout.ms", TRANSACTION_TIMEOUT);
        }
    }

    /// The topic, the key and the value of a note.
    pub(super) fn note(&self, checkpoint: CheckpointId) -> (&str, &[u8], Vec<u8>) {
        let note = Note { lineage: self.lineage.clone(), checkpoint: checkpoint.0 };
        let value = serde_json::to_vec(&note).expect("a note has no map");
        (&self.topic, self.transactional_id.as_bytes(), value)
    }

    /// Ends what a predecessor has left open, shuts it out, and reads what was published last.
    pub(super) fn take_over(
        &self,
        producer: &BaseProducer<Context>,
        settings: &Settings,
    ) -> Result<Option<Published>, ConnectorError> {
        self.ensure_topic(settings)?;
        loop {
            match producer.init_transactions(Timeout::After(client::ANSWER_LIMIT)) {
                Ok(()) => break,
                Err(error) if code(&error) == Some(Code::ConcurrentTransactions) => {}
                Err(error) => {
                    let id = &self.transactional_id;
                    let own = || failed(&format!("take over transactional id \"{id}\""), &error);
                    return Err(producer.context().refusal().unwrap_or_else(own));
                }
            }
        }
        self.read(settings)
    }

    /// Makes the topic if it is not there.
    fn ensure_topic(&self, settings: &Settings) -> Result<(), ConnectorError> {
        let consumer = client::consumer(settings, &self.transactional_id)?;
        match client::partitions(&consumer, &self.topic)? {
            Ok(_) => return Ok(()),
            Err(Code::UnknownTopicOrPartition | Code::UnknownTopic) => {}
            Err(code) => return Err(client::missing_topic(&self.topic, code)),
        }
        let topic = NewTopic::new(&self.topic, 1, TopicReplication::Fixed(-1))
            .set("cleanup.policy", "compact")
            .set("segment.bytes", SEGMENT_BYTES);
        topics::make(settings, &topic)?;
        let begun = Instant::now();
        while client::partitions(&consumer, &self.topic)?.is_err() {
            if begun.elapsed() > client::ANSWER_LIMIT {
                return Err(client::missing_topic(&self.topic, Code::UnknownTopicOrPartition));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The last note that is committed.
    fn read(&self, settings: &Settings) -> Result<Option<Published>, ConnectorError> {
        let reader = |isolation: &str| {
            let mut settings = settings.clone();
            settings.insert("isolation.level".to_owned(), isolation.to_owned());
            client::consumer(&settings, &self.transactional_id)
        };
        let end = client::watermarks(&reader("read_uncommitted")?, &self.topic, PARTITION)?.1;
        let reader = reader("read_committed")?;
        let begun = Instant::now();
        // Transactions of others that are open hide what lies behind their beginning.
        while client::watermarks(&reader, &self.topic, PARTITION)?.1 < end {
            if begun.elapsed() > READ_LIMIT {
                return Err(self.unreadable("an open transaction of another job hides it"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(&self.topic, PARTITION, Offset::Beginning)
            .and_then(|()| reader.assign(&assignment))
            .map_err(|e| failed("read the topic of progress", &e))?;
        let mut last = None;
        loop {
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    if message.key() == Some(self.transactional_id.as_bytes()) {
                        last = message.payload().map(|note| self.parse(note)).transpose()?;
                    }
                    // Others go on writing: the end may never be seen.
                    if message.offset() + 1 >= end {
                        return Ok(last);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(last),
                Some(Err(error)) => tracing::debug!(%error, "reading the topic of progress"),
                None => {}
            }
            if let Some(refusal) = reader.context().refusal() {
                return Err(refusal);
            }
            if begun.elapsed() > READ_LIMIT {
                return Err(self.unreadable("it does not come to its end"));
            }
        }
    }

    fn parse(&self, note: &[u8]) -> Result<Published, ConnectorError> {
        let note: Note = serde_json::from_slice(note)
            .map_err(|_| self.unreadable("a note in it is not one of this program"))?;
        let checkpoint = CheckpointId(note.checkpoint);
        Ok(Published { lineage: note.lineage, checkpoint })
    }

    fn unreadable(&self, why: &str) -> ConnectorError {
        let topic = &self.topic;
        let message = format!("the topic of progress \"{topic}\" cannot be read: {why}");
        ConnectorError::new(ErrorKind::Conflict, message).with_hint(Hint::each(|say| match say {
            Dialect::Sql => "'sink.progress-topic' = '...' names another topic for a job that \
                                 begins"
                .to_owned(),
            Dialect::Connect | Dialect::File => {
                format!("delete the topic if nobody else uses it, and {}", say.begin_anew())
            }
        }))
    }
}
