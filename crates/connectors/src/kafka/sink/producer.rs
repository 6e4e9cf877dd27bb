//! The thread that writes: it hands records to the library and waits until they are durable.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::util::Timeout;
use tailwater_connector_api::{ConnectorError, ErrorKind, Published, SinkContext};
use tailwater_types::{ChangeBatch, CheckpointId, Datum, Layout, MapRef};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::delivery::{Guarantee, Partitioner};
use super::encode::{MakeRecords, RecordRef};
use super::progress::{PARTITION, Progress};
use super::topics::TopicMaker;
use crate::kafka::client::{self, Context};
use crate::kafka::error::failed;
use crate::kafka::properties::Settings;

/// How long a topic that the brokers are to make by themselves may take.
const TOPIC_LIMIT: Duration = Duration::from_secs(10);
/// How long what the library has to say may wait while records come in or are on their way.
const STEP: Duration = Duration::from_millis(10);
/// The same while nothing goes on before it has been heard.
const SHORT_STEP: Duration = Duration::from_micros(200);

/// Who is told that something is done; not told, it has failed, and the [`Owner`] knows why.
pub(super) type Reply = oneshot::Sender<()>;

/// Held by whom the thread works for; takes why it has stopped.
pub(super) type Owner = Arc<OnceLock<ConnectorError>>;

/// What the thread is asked for.
pub(super) enum Request {
    /// Hand the records of these rows to the library; there is room for more rows then.
    Write(Arc<ChangeBatch>, OwnedSemaphorePermit),
    /// Make everything before durable.
    Flush(Reply),
    /// Make everything before visible, as the rows of this checkpoint.
    Commit(CheckpointId, Reply),
}

/// What a producer is told.
#[derive(Clone, Debug)]
pub(super) struct ProducerConfig {
    pub(super) settings: Settings,
    pub(super) guarantee: Guarantee,
    pub(super) partitioner: Partitioner,
    pub(super) topics: Topics,
}

/// Where records go.
#[derive(Clone, Debug)]
pub(super) enum Topics {
    /// All of them.
    One(String),
    /// Each names its own.
    Each(TopicMaker),
}

/// A producer with its transactions.
pub(super) struct Producing {
    producer: BaseProducer<Context>,
    settings: Settings,
    topics: Topics,
    /// Those that are there, of records that name their own.
    met: HashSet<Arc<str>>,
    partitioner: Partitioner,
    partitions: usize,
    /// The next partition, where they take turns.
    turn: usize,
    progress: Option<Progress>,
    is_in_transaction: bool,
    owner: Weak<OnceLock<ConnectorError>>,
}

impl Producing {
    /// Connects, and gives what was published last where there are transactions.
    pub(super) fn open(
        config: &ProducerConfig,
        context: &SinkContext,
        owner: Weak<OnceLock<ConnectorError>>,
    ) -> Result<(Self, Option<Published>), ConnectorError> {
        let mut settings = client::producer_config(&config.settings);
        let progress = match &config.guarantee {
            Guarantee::AtLeastOnce => None,
            Guarantee::ExactlyOnce(transactions) => {
                let progress = Progress::new(transactions, context);
                progress.configure(&mut settings, &config.settings);
                Some(progress)
            }
        };
        let producer: BaseProducer<Context> = settings
            .create_with_context(Context::default())
            .map_err(|e| failed("make a Kafka producer", &e))?;
        let partitions = match &config.topics {
            Topics::One(topic) => wait_for_topic(&producer, topic)?,
            Topics::Each(_) => 0,
        };
        let published = match &progress {
            Some(progress) => progress.take_over(&producer, &config.settings)?,
            None => None,
        };
        let producing = Self {
            producer,
            settings: config.settings.clone(),
            topics: config.topics.clone(),
            met: HashSet::new(),
            partitioner: config.partitioner,
            partitions,
            turn: 0,
            progress,
            is_in_transaction: false,
            owner,
        };
        Ok((producing, published))
    }

    /// Does what it is asked until nobody asks any more.
    pub(super) fn serve(mut self, inbox: &Receiver<Request>, mut maker: Box<dyn MakeRecords>) {
        loop {
            let request = if self.producer.in_flight_count() == 0 {
                inbox.recv().ok()
            } else {
                match inbox.recv_timeout(STEP) {
                    Ok(request) => Some(request),
                    Err(RecvTimeoutError::Timeout) => {
                        self.listen();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => None,
                }
            };
            let (done, _room, reply) = match request {
                None => return self.give_up(),
                Some(Request::Write(batch, room)) => {
                    (self.send_all(&batch, maker.as_mut()), Some(room), None)
                }
                Some(Request::Flush(reply)) => (self.flush(), None, Some(reply)),
                Some(Request::Commit(checkpoint, reply)) => {
                    (self.commit(checkpoint), None, Some(reply))
                }
            };
            if let Err(error) = done {
                if let Some(owner) = self.owner.upgrade() {
                    // The first error is the one that counts.
                    let _ = owner.set(error);
                }
                return self.give_up();
            }
            if let Some(reply) = reply {
                // Who asked may have been told to stop.
                let _ = reply.send(());
            }
        }
    }

    fn send_all(
        &mut self,
        batch: &ChangeBatch,
        maker: &mut dyn MakeRecords,
    ) -> Result<(), ConnectorError> {
        self.begin()?;
        for (kind, row) in batch.iter() {
            let record = maker.record(kind, row)?;
            let partition = self.partition(&record);
            if let Some(topic) = record.topic {
                self.meet(topic)?;
                self.send(topic, partition, &record)?;
            } else if let Topics::One(topic) = &self.topics {
                self.send(topic, partition, &record)?;
            }
        }
        self.listen();
        self.check()
    }

    /// Takes the reports of delivery that are there. It never lets the library wait for more: with
    /// less than a millisecond to go that is a loop that only looks at the clock.
    fn listen(&self) {
        loop {
            let before = self.producer.in_flight_count();
            self.producer.poll(Duration::ZERO);
            if before == 0 || self.producer.in_flight_count() >= before {
                return;
            }
        }
    }

    /// Waits for a moment, then takes the reports that are there. Nothing is waited for without an
    /// owner: what an ended job has left must not come behind what its successor writes.
    fn wait(&self) -> Result<(), ConnectorError> {
        if self.owner.strong_count() == 0 {
            let message = "the job has ended before its records were written";
            return Err(ConnectorError::new(ErrorKind::Timeout, message));
        }
        std::thread::sleep(SHORT_STEP);
        self.listen();
        self.check()
    }

    /// Makes sure that a topic is there before the first record goes to it.
    fn meet(&mut self, topic: &Arc<str>) -> Result<(), ConnectorError> {
        if self.met.contains(topic) {
            return Ok(());
        }
        if let Topics::Each(maker) = &self.topics {
            maker.ensure(&self.producer, &self.settings, topic)?;
            wait_for_topic(&self.producer, topic)?;
            maker.tell(topic);
        }
        self.met.insert(Arc::clone(topic));
        Ok(())
    }

    fn partition(&mut self, record: &RecordRef<'_>) -> Option<i32> {
        match self.partitioner {
            Partitioner::ByKey => None,
            Partitioner::Fixed => Some(0),
            Partitioner::RoundRobin if record.key.is_some() => None,
            Partitioner::RoundRobin => {
                let turn = self.turn % self.partitions.max(1);
                self.turn = turn + 1;
                Some(turn as i32)
            }
        }
    }

    fn send(
        &self,
        topic: &str,
        partition: Option<i32>,
        record: &RecordRef<'_>,
    ) -> Result<(), ConnectorError> {
        let mut message: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
        message.partition = partition;
        message.key = record.key;
        message.payload = record.value;
        message.timestamp = record.timestamp;
        message.headers = record.headers.filter(|map| !map.is_empty()).map(headers);
        while let Err((error, back)) = self.producer.send(message) {
            match error.rdkafka_error_code() {
                Some(Code::QueueFull) => {
                    self.wait()?;
                    message = back;
                }
                _ => return Err(self.failed(&error)),
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), ConnectorError> {
        if self.progress.is_some() && !self.is_in_transaction {
            self.producer.begin_transaction().map_err(|e| failed("begin a transaction", &e))?;
            self.is_in_transaction = true;
        }
        Ok(())
    }

    /// Waits until nothing is on its way.
    fn flush(&self) -> Result<(), ConnectorError> {
        while self.producer.in_flight_count() > 0 {
            self.wait()?;
        }
        self.check()
    }

    fn commit(&mut self, checkpoint: CheckpointId) -> Result<(), ConnectorError> {
        self.begin()?;
        let Some(progress) = &self.progress else {
            let message = "a sink without transactions was asked to commit one";
            return Err(ConnectorError::new(ErrorKind::Internal, message));
        };
        let (topic, key, note) = progress.note(checkpoint);
        let (key, value, headers) = (Some(key), Some(note.as_slice()), None);
        let record = RecordRef { topic: None, key, value, timestamp: None, headers };
        self.send(topic, Some(PARTITION), &record)?;
        // The library's own wait for what is on its way takes 100 ms at least.
        self.flush()?;
        let committed = self.producer.commit_transaction(Timeout::Never);
        committed.map_err(|e| failed("commit a transaction", &e))?;
        self.is_in_transaction = false;
        Ok(())
    }

    /// Whether the cluster refuses us or a record.
    fn check(&self) -> Result<(), ConnectorError> {
        match self.producer.context().undelivered() {
            Some(error) => Err(self.failed(&error)),
            None => self.fatal(),
        }
    }

    fn fatal(&self) -> Result<(), ConnectorError> {
        if let Some(refusal) = self.producer.context().refusal() {
            return Err(refusal);
        }
        match self.producer.client().fatal_error() {
            Some((code, _)) => Err(self.failed(&KafkaError::MessageProduction(code))),
            None => Ok(()),
        }
    }

    fn failed(&self, error: &KafkaError) -> ConnectorError {
        // What is behind a refused record: another producer with our id, say.
        let behind = self.producer.client().fatal_error();
        let error = match behind {
            Some((code, _)) => KafkaError::MessageProduction(code),
            None => error.clone(),
        };
        let failed = failed("write to Kafka", &error);
        match &self.topics {
            Topics::One(topic) => failed.with_context("topic", topic),
            Topics::Each(_) => failed,
        }
    }

    /// Lets go of everything without waiting for what will not come.
    fn give_up(self) {
        use rdkafka::producer::PurgeConfig;
        self.producer.purge(PurgeConfig::default().queue().inflight());
        if self.is_in_transaction {
            // It is rolled back by the next who takes over, or by time.
            let _ = self.producer.abort_transaction(Duration::from_secs(1));
        }
    }
}

/// A record's headers as the library has them.
fn headers(map: MapRef<'_>) -> OwnedHeaders {
    let (keys, values) = (map.keys(), map.values());
    let mut headers = OwnedHeaders::new_with_capacity(map.len());
    for i in 0..map.len() {
        let Datum::Str(key) = keys.get(i, Layout::Str) else { continue };
        let value = match values.get(i, Layout::Bytes) {
            Datum::Bytes(value) => Some(value),
            _ => None,
        };
        headers = headers.insert(Header { key, value });
    }
    headers
}

/// How many partitions a topic has; brokers that may do so make it when it is first asked for.
fn wait_for_topic(producer: &BaseProducer<Context>, topic: &str) -> Result<usize, ConnectorError> {
    let begun = Instant::now();
    loop {
        match client::partitions(producer, topic)? {
            Ok(partitions) => return Ok(partitions.len()),
            Err(Code::UnknownTopicOrPartition | Code::LeaderNotAvailable)
                if begun.elapsed() < TOPIC_LIMIT =>
            {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(code) => return Err(client::missing_topic(topic, code)),
        }
    }
}
