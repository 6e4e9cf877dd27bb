//! One partition: its queue, and how far it was read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::OwnedMessage;
use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_types::ChangeBatch;

use super::super::rows::Rows;
use crate::kafka::client::{Context, KafkaConsumer};
use crate::kafka::error::{code, failed};
use crate::kafka::position::Partition;

/// A partition that is read.
pub(super) struct Lane {
    pub(super) partition: Partition,
    queue: PartitionQueue<Context>,
    /// Messages that were taken from the library too early.
    held: VecDeque<OwnedMessage>,
    /// Everything that there is was given; reset by the next message.
    is_at_end: bool,
    /// A bounded source has read all that it will read of it.
    pub(super) is_done: bool,
}

/// What became of the attempt to take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There was one.
    Message,
    /// There is none yet.
    Nothing,
    /// The place to stop at is reached.
    Stop,
}

impl Lane {
    /// Opens the queue of a partition that has just been assigned; it wakes this thread.
    pub(super) fn open(
        consumer: &Arc<KafkaConsumer>,
        partition: Partition,
    ) -> Result<Self, ConnectorError> {
        let queue = consumer.split_partition_queue(&partition.0, partition.1);
        let mut queue = queue.ok_or_else(|| {
            let message = format!("topic \"{}\" cannot be read", partition.0);
            ConnectorError::new(ErrorKind::Internal, message)
        })?;
        let reader = std::thread::current();
        queue.set_nonempty_callback(move || reader.unpark());
        Ok(Self { partition, queue, held: VecDeque::new(), is_at_end: false, is_done: false })
    }

    pub(super) fn is_of(&self, (topic, partition): (&str, i32)) -> bool {
        self.partition.0 == topic && self.partition.1 == partition
    }

    /// Keeps a message that came by another way than the queue.
    pub(super) fn hold(&mut self, message: OwnedMessage) {
        self.held.push_back(message);
    }

    /// Messages from `next` on, those before `end`.
    pub(super) fn up_to(&mut self, next: Option<i64>, end: Option<Bound>) -> Taking<'_> {
        Taking { lane: self, next, end, reached: None }
    }
}

/// An offset before which messages are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka::source) struct Bound {
    pub(in crate::kafka::source) offset: i64,
    /// The partition has come so far already: where nothing more is before its present end,
    /// nothing more comes before this.
    pub(in crate::kafka::source) is_there: bool,
}

/// Taking messages of one partition.
pub(super) struct Taking<'l> {
    lane: &'l mut Lane,
    next: Option<i64>,
    end: Option<Bound>,
    reached: Option<i64>,
}

impl Taking<'_> {
    /// The offset behind the last message that was taken, if any was.
    pub(super) fn reached(&self) -> Option<i64> {
        self.reached
    }

    /// Takes one message and appends its rows.
    pub(super) fn next(
        &mut self,
        consumer: &KafkaConsumer,
        rows: &mut Rows,
        out: &mut ChangeBatch,
        wait: Duration,
    ) -> Result<Taken, ConnectorError> {
        if self.is_over() {
            return Ok(Taken::Stop);
        }
        match self.step(rows, out, wait)? {
            Step::Nothing => Ok(Taken::Nothing),
            Step::Old => Ok(Taken::Message),
            Step::Passed(offset) => {
                self.pass(offset);
                Ok(Taken::Message)
            }
            Step::Early(message) => {
                self.lane.held.push_front(message);
                Ok(Taken::Stop)
            }
            Step::End => {
                self.lane.is_at_end = true;
                Ok(if self.is_over() { Taken::Stop } else { Taken::Nothing })
            }
            Step::Failed(error) => {
                judge(consumer, &error, Some(&self.lane.partition.0))?;
                Ok(Taken::Nothing)
            }
        }
    }

    fn step(
        &mut self,
        rows: &mut Rows,
        out: &mut ChangeBatch,
        wait: Duration,
    ) -> Result<Step, ConnectorError> {
        let is_early = |offset: i64| self.end.is_some_and(|end| offset >= end.offset);
        let is_old = |offset: i64| self.next.is_some_and(|next| offset < next);
        if let Some(held) = self.lane.held.pop_front() {
            return match held.offset() {
                offset if is_old(offset) => Ok(Step::Old),
                offset if is_early(offset) => Ok(Step::Early(held)),
                offset => rows.append(&held, out).map(|()| Step::Passed(offset)),
            };
        }
        match self.lane.queue.poll(wait) {
            None => Ok(Step::Nothing),
            Some(Ok(message)) => match message.offset() {
                offset if is_old(offset) => Ok(Step::Old),
                offset if is_early(offset) => Ok(Step::Early(message.detach())),
                offset => rows.append(&message, out).map(|()| Step::Passed(offset)),
            },
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Step::End),
            Some(Err(error)) => Ok(Step::Failed(error)),
        }
    }

    fn pass(&mut self, offset: i64) {
        self.lane.is_at_end = false;
        self.next = Some(offset + 1);
        self.reached = self.next;
    }

    /// Whether nothing before the end can follow: it is behind us, or all that is before it was
    /// given and the rest are offsets without messages.
    fn is_over(&self) -> bool {
        self.lane.is_done
            || self.end.is_some_and(|end| {
                self.next.is_some_and(|next| next >= end.offset)
                    || (end.is_there && self.lane.is_at_end)
            })
    }
}

/// What the queue of a partition gave.
enum Step {
    Nothing,
    /// A message from before the place to begin at.
    Old,
    /// The message of this offset, whose rows were appended.
    Passed(i64),
    /// One from behind the end.
    Early(OwnedMessage),
    /// Everything that there is was given.
    End,
    Failed(KafkaError),
}

/// Whether reading can go on after what the library says.
pub(super) fn judge(
    consumer: &KafkaConsumer,
    error: &KafkaError,
    topic: Option<&str>,
) -> Result<(), ConnectorError> {
    if let Some(refusal) = consumer.context().refusal() {
        return Err(refusal);
    }
    // The library connects again by itself. Anything else may mean that it passes over messages,
    // as those it cannot decompress: the job goes back to its checkpoint instead.
    if code(error).is_some_and(passes) {
        if code(error) == Some(Code::AllBrokersDown) {
            tracing::warn!("no broker of Kafka answers; reading waits for one");
        }
        return Ok(());
    }
    let failed = match code(error) {
        // Whether it is gone for good is asked when the job connects again.
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
            ConnectorError::new(ErrorKind::Connect, "failed to read from Kafka: no such topic")
        }
        _ => failed("read from Kafka", error),
    };
    Err(match topic {
        Some(topic) => failed.with_context("topic", topic),
        None => failed,
    })
}

fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::ThrottlingQuotaExceeded
    )
}
