//! The thread that reads: one queue per partition, taken in their order, so that the rows between
//! two places are always the same.

mod lane;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tailwater_connector_api::{
    Acker, ConnectorError, ErrorKind, ReadFrom, Source, SourceEvent, SourceReader,
};
use tailwater_types::{ChangeBatch, ChangelogMode, Position};
use tokio::sync::mpsc;

pub(super) use self::lane::Bound;
use self::lane::{Lane, Taken};
use super::plan::SourceConfig;
use super::rows::Rows;
use super::starts;
use crate::kafka::client::KafkaConsumer;
use crate::kafka::error::failed;
use crate::kafka::position::{Offsets, Partition};

/// How often a reader that nothing wakes looks whether somebody still listens.
const LOOK: Duration = Duration::from_millis(50);
/// How many messages a batch takes at most, shared by all partitions.
const BATCH_MESSAGES: usize = 8192;
/// And how many bytes of rows.
const BATCH_BYTES: usize = 512 << 10;
/// What a partition may take of both at least.
const LEAST: (usize, usize) = (16, 16 << 10);

/// A connected source.
pub(super) struct KafkaSource {
    pub(super) consumer: Arc<KafkaConsumer>,
    pub(super) config: Arc<SourceConfig>,
    pub(super) rows: Rows,
    pub(super) partitions: Vec<Partition>,
    pub(super) cluster: String,
}

type Events = mpsc::Sender<Result<SourceEvent, ConnectorError>>;

impl Source for KafkaSource {
    fn changelog_mode(&self) -> Option<ChangelogMode> {
        // Which of the changes lack their rows is not known before they come.
        self.config.layout.value.may_lack_old_rows().then_some(ChangelogMode::Upsert)
    }

    fn read(self: Box<Self>, from: ReadFrom) -> SourceReader {
        let (events, receiver) = mpsc::channel(2);
        let (acks, acked) = channel();
        let has_group = self.config.has_group;
        let thread = std::thread::spawn(move || {
            let Self { consumer, config, rows, partitions, cluster } = *self;
            let offsets = Offsets { cluster, next: BTreeMap::new() };
            let reader = Reader {
                consumer,
                config,
                rows,
                offsets,
                stops: VecDeque::new(),
                ends: None,
                lanes: Vec::new(),
                events: events.clone(),
                acked,
                looked_at: Instant::now(),
            };
            if let Err(error) = reader.run(from, partitions) {
                // Nobody may be left to be told.
                let _ = events.blocking_send(Err(error));
            }
        });
        let thread = thread.thread().clone();
        let events = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|event| (event, receiver))
        });
        let acker = GroupAcker { acks: has_group.then_some(acks), thread };
        SourceReader { events: events.boxed(), acker: Box::new(acker) }
    }
}

/// Hands what is durable to the reader, which commits it for the group.
struct GroupAcker {
    acks: Option<Sender<Position>>,
    thread: Thread,
}

impl Acker for GroupAcker {
    fn ack(&mut self, position: &Position) {
        // A reader that is gone needs no more of them.
        if self.acks.as_ref().is_some_and(|acks| acks.send(position.clone()).is_ok()) {
            self.thread.unpark();
        }
    }
}

struct Reader {
    consumer: Arc<KafkaConsumer>,
    config: Arc<SourceConfig>,
    rows: Rows,
    offsets: Offsets,
    stops: VecDeque<Offsets>,
    /// Before which offsets a bounded source ends.
    ends: Option<BTreeMap<Partition, Bound>>,
    /// In the order of their partitions.
    lanes: Vec<Lane>,
    events: Events,
    acked: Receiver<Position>,
    /// When partitions were last looked for.
    looked_at: Instant,
}

impl Reader {
    fn run(mut self, from: ReadFrom, partitions: Vec<Partition>) -> Result<(), ConnectorError> {
        let begins = from.position.is_none();
        self.begin(from, &partitions)?;
        if begins {
            self.send(SourceEvent::Progress(self.offsets.position()));
        }
        while !self.events.is_closed() {
            self.commit_acked();
            self.serve()?;
            self.discover()?;
            if let Some(stop) = self.stops.pop_front() {
                self.follow(stop)?;
                continue;
            }
            if !self.take_available()? {
                if self.has_ended() {
                    self.send(SourceEvent::End);
                    return Ok(());
                }
                std::thread::park_timeout(LOOK);
            }
        }
        Ok(())
    }

    /// Finds out where to begin and where to end, and begins.
    fn begin(&mut self, from: ReadFrom, partitions: &[Partition]) -> Result<(), ConnectorError> {
        let starts = match &from.position {
            None => {
                let starts = starts::starts(&self.consumer, &self.config, partitions)?;
                self.offsets.next.clone_from(&starts);
                starts
            }
            Some(position) => {
                let place = Offsets::parse(position)?;
                self.recognise(&place)?;
                self.offsets.next = place.next;
                self.offsets.next.clone()
            }
        };
        for stop in &from.stops {
            self.stops.push_back(Offsets::parse(stop)?);
        }
        self.ends = starts::stops(&self.consumer, &self.config, partitions)?;
        let starts: Vec<(Partition, Offset)> = partitions
            .iter()
            .map(|p| {
                // Partitions that came while the job was away are read from their beginning.
                let start = starts.get(p).map_or(Offset::Beginning, |next| Offset::Offset(*next));
                (p.clone(), start)
            })
            .collect();
        self.add_lanes(starts)
    }

    /// Offsets of another cluster mean nothing.
    fn recognise(&self, place: &Offsets) -> Result<(), ConnectorError> {
        let known = &self.offsets.cluster;
        if place.cluster == *known || place.cluster.is_empty() || known.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the checkpoint's offsets are of the Kafka cluster \"{}\", and this is \"{known}\"",
            place.cluster
        );
        let hint = "set 'properties.bootstrap.servers' to the cluster of before, or begin anew \
                    with --fresh";
        Err(ConnectorError::new(ErrorKind::Config, message).with_hint(hint))
    }

    fn add_lanes(&mut self, starts: Vec<(Partition, Offset)>) -> Result<(), ConnectorError> {
        if starts.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for ((topic, partition), start) in &starts {
            list.add_partition_offset(topic, *partition, *start)
                .map_err(|e| failed("begin to read", &e))?;
        }
        self.consumer.incremental_assign(&list).map_err(|e| failed("begin to read", &e))?;
        for (partition, _) in starts {
            self.lanes.push(Lane::open(&self.consumer, partition)?);
        }
        self.lanes.sort_by(|a, b| a.partition.cmp(&b.partition));
        Ok(())
    }

    /// Looks for new partitions when it is time.
    fn discover(&mut self) -> Result<(), ConnectorError> {
        let Some(interval) = self.config.discovery else { return Ok(()) };
        let is_bound = self.ends.is_some() || !self.stops.is_empty();
        if self.looked_at.elapsed() < interval || is_bound {
            return Ok(());
        }
        self.looked_at = Instant::now();
        let found = match starts::partitions(&self.consumer, &self.config.topics) {
            Ok(found) => found,
            // The next look may find brokers again.
            Err(error) if matches!(error.kind(), ErrorKind::Connect | ErrorKind::Timeout) => {
                tracing::warn!(%error, "cannot look for new partitions");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let is_new = |p: &Partition| self.lanes.iter().all(|lane| lane.partition != *p);
        let new: Vec<_> =
            found.into_iter().filter(is_new).map(|p| (p, Offset::Beginning)).collect();
        self.add_lanes(new)
    }

    /// Serves what the library has to say beside messages.
    fn serve(&mut self) -> Result<(), ConnectorError> {
        while let Some(event) = self.consumer.poll(Duration::ZERO) {
            match event {
                // A message from before its partition had a queue of its own.
                Ok(message) => {
                    use rdkafka::Message as _;
                    let partition = (message.topic(), message.partition());
                    let lane = self.lanes.iter_mut().find(|lane| lane.is_of(partition));
                    if let Some(lane) = lane {
                        lane.hold(message.detach());
                    }
                }
                Err(rdkafka::error::KafkaError::PartitionEOF(partition)) => {
                    // Of which topic it does not say: those that it may be of say it again.
                    for lane in self.lanes.iter().filter(|lane| lane.partition.1 == partition) {
                        let next = self.offsets.next.get(&lane.partition);
                        let place = next.map_or(Offset::Beginning, |next| Offset::Offset(*next));
                        let (topic, partition) = (&lane.partition.0, lane.partition.1);
                        self.consumer
                            .seek(topic, partition, place, Duration::from_secs(5))
                            .map_err(|e| failed("read a topic", &e))?;
                    }
                }
                Err(error) => lane::judge(&self.consumer, &error, None)?,
            }
        }
        Ok(())
    }

    /// Takes what is there; false if there is nothing.
    fn take_available(&mut self) -> Result<bool, ConnectorError> {
        let mut rows = ChangeBatch::default();
        let share = |whole: usize, least: usize| (whole / self.lanes.len().max(1)).max(least);
        let messages = share(BATCH_MESSAGES, LEAST.0);
        let bytes = share(BATCH_BYTES, LEAST.1);
        let mut has_moved = false;
        let mut failure = None;
        for lane in &mut self.lanes {
            let end = self.ends.as_ref().and_then(|ends| ends.get(&lane.partition)).copied();
            let next = self.offsets.next.get(&lane.partition).copied();
            let most = rows.byte_size() + bytes;
            let mut taking = lane.up_to(next, end);
            let mut taken = Ok(Taken::Message);
            for _ in 0..messages {
                taken = taking.next(&self.consumer, &mut self.rows, &mut rows, Duration::ZERO);
                if !matches!(taken, Ok(Taken::Message)) || rows.byte_size() >= most {
                    break;
                }
            }
            if let Some(reached) = taking.reached() {
                has_moved = true;
                self.offsets.next.insert(lane.partition.clone(), reached);
            }
            match taken {
                Ok(Taken::Stop) => lane.is_done = true,
                Ok(Taken::Message | Taken::Nothing) => {}
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        // Rows before a broken one are delivered.
        if has_moved {
            self.deliver(rows, self.offsets.position());
        }
        failure.map_or(Ok(has_moved), Err)
    }

    /// Reads up to a place exactly.
    fn follow(&mut self, stop: Offsets) -> Result<(), ConnectorError> {
        let mut rows = ChangeBatch::default();
        for at in 0..self.lanes.len() {
            let Some(end) = stop.next.get(&self.lanes[at].partition).copied() else { continue };
            let end = Bound { offset: end, is_there: true };
            loop {
                let next = self.offsets.next.get(&self.lanes[at].partition).copied();
                let mut taken = self.lanes[at].up_to(next, Some(end));
                let step = taken.next(&self.consumer, &mut self.rows, &mut rows, LOOK)?;
                if let Some(reached) = taken.reached() {
                    self.offsets.next.insert(self.lanes[at].partition.clone(), reached);
                }
                match step {
                    Taken::Stop => break,
                    Taken::Message => {}
                    Taken::Nothing if self.events.is_closed() => return Ok(()),
                    Taken::Nothing => self.serve()?,
                }
            }
        }
        // Offsets that no message has were passed as well.
        self.offsets.next.extend(stop.next.clone());
        self.deliver(rows, stop.position());
        Ok(())
    }

    fn deliver(&self, rows: ChangeBatch, position: Position) {
        self.send(match rows.is_empty() {
            true => SourceEvent::Progress(position),
            false => SourceEvent::Batch { rows, position: Some(position) },
        });
    }

    /// Sends an event; who does not listen any more has the loop end.
    fn send(&self, event: SourceEvent) {
        let _ = self.events.blocking_send(Ok(event));
    }

    fn has_ended(&self) -> bool {
        self.ends.is_some() && self.lanes.iter().all(|lane| lane.is_done)
    }

    /// Commits for the group what is durable, as a sign for people: the job does not read it.
    fn commit_acked(&mut self) {
        let Some(position) = self.acked.try_iter().last() else { return };
        let Ok(durable) = Offsets::parse(&position) else { return };
        let mut list = TopicPartitionList::new();
        for ((topic, partition), next) in &durable.next {
            if let Err(error) = list.add_partition_offset(topic, *partition, Offset::Offset(*next))
            {
                tracing::warn!(%error, "cannot commit the offsets of the group");
                return;
            }
        }
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::warn!(%error, "cannot commit the offsets of the group");
        }
    }
}
