//! What tests do with a broker: make topics, write and read messages. Calls block.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message as _, util::Timeout};

use crate::broker::Broker;

const LIMIT: Duration = Duration::from_secs(60);

/// A message as it lies in a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its partition.
    pub partition: i32,
    /// Its place there; not looked at when it is written.
    pub offset: i64,
    /// Milliseconds since 1970; 0 when it is written for the broker's own.
    pub timestamp: i64,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Message {
    /// A message with this key and value.
    pub fn new(key: &str, value: &str) -> Self {
        let bytes = |text: &str| Some(text.as_bytes().to_vec());
        Self { key: bytes(key), value: bytes(value), ..Self::default() }
    }

    /// Key and value as text, a NULL as `-`.
    pub fn text(&self) -> (String, String) {
        let text = |bytes: &Option<Vec<u8>>| match bytes {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => "-".to_owned(),
        };
        (text(&self.key), text(&self.value))
    }
}

/// A client of one broker.
pub struct Client {
    address: String,
    producer: BaseProducer,
}

impl Broker {
    /// A client of this broker.
    ///
    /// # Panics
    /// If there is none.
    pub fn client(&self) -> Client {
        let producer = config(&self.address()).create().expect("a producer");
        Client { address: self.address(), producer }
    }
}

impl Client {
    /// Makes a topic and waits until it is known.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
        let admin: AdminClient<_> = config(&self.address).create().expect("an admin client");
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (name, value) in settings {
            topic = topic.set(name, value);
        }
        let made = wait(admin.create_topics([&topic], &AdminOptions::new()));
        let made = made.expect("an answer").pop().expect("one topic");
        made.expect("a new topic");
        until("the topic", || (self.partitions(name) == partitions as usize).then_some(()));
    }

    /// Removes a topic.
    ///
    /// # Panics
    /// If it cannot be removed.
    pub fn delete_topic(&self, name: &str) {
        use rdkafka::admin::{AdminClient, AdminOptions};
        let admin: AdminClient<_> = config(&self.address).create().expect("an admin client");
        let deleted = wait(admin.delete_topics(&[name], &AdminOptions::new()));
        deleted.expect("an answer").pop().expect("one topic").expect("a topic that goes");
        until("the topic's end", || (self.partitions(name) == 0).then_some(()));
    }

    /// Adds partitions, up to `partitions` in all.
    ///
    /// # Panics
    /// If they cannot be added.
    pub fn add_partitions(&self, name: &str, partitions: usize) {
        use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
        let admin: AdminClient<_> = config(&self.address).create().expect("an admin client");
        let more = NewPartitions::new(name, partitions);
        let made = wait(admin.create_partitions([&more], &AdminOptions::new()));
        made.expect("an answer").pop().expect("one topic").expect("more partitions");
        until("the partitions", || (self.partitions(name) == partitions).then_some(()));
    }

    /// How many partitions a topic has, 0 if it is not there.
    pub fn partitions(&self, name: &str) -> usize {
        let consumer = self.consumer("read_uncommitted");
        let metadata = consumer.fetch_metadata(None, LIMIT).expect("metadata");
        let topic = metadata.topics().iter().find(|topic| topic.name() == name);
        topic.map_or(0, |topic| topic.partitions().len())
    }

    /// Writes messages into their partitions and waits until they are durable.
    ///
    /// # Panics
    /// If they are not taken.
    pub fn produce(&self, topic: &str, messages: &[Message]) {
        for message in messages {
            let mut headers = OwnedHeaders::new();
            for (key, value) in &message.headers {
                headers = headers.insert(Header { key, value: Some(value) });
            }
            let mut record: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(topic).partition(message.partition).headers(headers);
            record.key = message.key.as_deref();
            record.payload = message.value.as_deref();
            record.timestamp = (message.timestamp > 0).then_some(message.timestamp);
            let end = Instant::now() + LIMIT;
            while let Err((error, back)) = self.producer.send(record) {
                match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::QueueFull) => {}
                    // A partition that is new.
                    Some(RDKafkaErrorCode::UnknownPartition) => {
                        let asked = self.producer.client().fetch_metadata(Some(topic), LIMIT);
                        asked.map(drop).expect("metadata");
                    }
                    _ => panic!("a message is refused: {error}"),
                }
                assert!(Instant::now() < end, "a message is refused: {error}");
                self.producer.poll(Duration::from_millis(1));
                record = back;
            }
        }
        self.producer.flush(LIMIT).expect("messages that are taken");
    }

    /// All messages that a reader of committed ones sees, by partition and offset.
    pub fn committed(&self, topic: &str) -> Vec<Message> {
        self.read(topic, "read_committed")
    }

    /// The same once there are at least so many: what was committed is seen a moment later.
    ///
    /// # Panics
    /// If there are not so many in time.
    pub fn committed_at_least(&self, topic: &str, count: usize) -> Vec<Message> {
        until("committed messages", || {
            let messages = self.committed(topic);
            (messages.len() >= count).then_some(messages)
        })
    }

    /// All messages, also those of transactions that were rolled back.
    pub fn uncommitted(&self, topic: &str) -> Vec<Message> {
        self.read(topic, "read_uncommitted")
    }

    fn read(&self, topic: &str, isolation: &str) -> Vec<Message> {
        let consumer = self.consumer(isolation);
        let partitions = self.partitions(topic) as i32;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            let added = assignment.add_partition_offset(topic, partition, Offset::Beginning);
            added.expect("a partition");
        }
        // What is there now: under traffic a partition may never be seen at its end.
        let end = |partition: i32| {
            let ends = consumer.fetch_watermarks(topic, partition, LIMIT);
            (partition, ends.expect("the topic's ends").1)
        };
        let mut left: BTreeMap<i32, i64> = (0..partitions).map(end).collect();
        left.retain(|_, end| *end > 0);
        consumer.assign(&assignment).expect("an assignment");
        let mut found: BTreeMap<(i32, i64), Message> = BTreeMap::new();
        let mut trouble = None;
        let limit = Instant::now() + LIMIT;
        while !left.is_empty() {
            assert!(
                Instant::now() < limit,
                "the topic \"{topic}\" has no end: {} messages, then {trouble:?}",
                found.len()
            );
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    let message = owned(&message);
                    let end = left.get(&message.partition).copied().unwrap_or(0);
                    if message.offset + 1 >= end {
                        left.remove(&message.partition);
                    }
                    if message.offset < end {
                        found.insert((message.partition, message.offset), message);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    left.remove(&partition);
                }
                // What passes by itself passes, and the limit ends what does not.
                Some(Err(error)) => trouble = Some(error),
                None => {}
            }
        }
        found.into_values().collect()
    }

    /// The offsets a group has committed, by partition.
    pub fn group_offsets(&self, group: &str, topic: &str) -> Vec<Option<i64>> {
        let mut config = config(&self.address);
        let consumer: BaseConsumer = config.set("group.id", group).create().expect("a consumer");
        let mut asked = TopicPartitionList::new();
        for partition in 0..self.partitions(topic) as i32 {
            asked.add_partition(topic, partition);
        }
        let told = consumer.committed_offsets(asked, Timeout::from(LIMIT)).expect("offsets");
        let offset = |offset: Offset| offset.to_raw().filter(|raw| *raw >= 0);
        told.elements().iter().map(|e| offset(e.offset())).collect()
    }

    /// Commits offsets for a group.
    pub fn commit_group(&self, group: &str, topic: &str, offsets: &[i64]) {
        let mut config = config(&self.address);
        let consumer: BaseConsumer = config.set("group.id", group).create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets.iter().enumerate() {
            let added = list.add_partition_offset(topic, partition as i32, Offset::Offset(*offset));
            added.expect("a partition");
        }
        let mode = rdkafka::consumer::CommitMode::Sync;
        until("the group's offsets", || consumer.commit(&list, mode).ok());
    }

    /// Shuts out whoever writes with this transactional id, as a second process would.
    ///
    /// # Panics
    /// If it cannot be done.
    pub fn fence(&self, transactional_id: &str) {
        let mut config = config(&self.address);
        let producer: BaseProducer =
            config.set("transactional.id", transactional_id).create().expect("a producer");
        producer.init_transactions(LIMIT).expect("a transactional id");
    }

    fn consumer(&self, isolation: &str) -> BaseConsumer {
        let mut config = config(&self.address);
        config.set("group.id", "testkit").set("enable.auto.commit", "false");
        config.set("enable.partition.eof", "true").set("isolation.level", isolation);
        config.create().expect("a consumer")
    }
}

fn config(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("log_level", "0");
    config
}

fn owned(message: &rdkafka::message::BorrowedMessage<'_>) -> Message {
    let header = |h: Header<'_, &[u8]>| (h.key.to_owned(), h.value.unwrap_or(&[]).to_vec());
    Message {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().unwrap_or(0),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message.headers().map(|h| h.iter().map(header).collect()).unwrap_or_default(),
    }
}

/// Waits for a future of the client, whose own thread drives it.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Thread(std::thread::Thread);
    impl std::task::Wake for Thread {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Thread(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "waited {LIMIT:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
