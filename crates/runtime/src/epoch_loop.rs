//! The loop of one job: sources hand over what is there, operators run dry, sinks get the result.
//! A checkpoint is taken between two epochs: there are no barriers to align.

mod checkpoints;
mod publication;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;
use std::time::{SystemTime, UNIX_EPOCH};

use tailwater_connector_api::{Publication, ReadFrom, SinkContext, SourceContext, SourceEvent};
use tailwater_state::StateStore;
use tailwater_types::{ChangeBatch, Position, Timestamp};
use tokio::sync::{mpsc, watch};

use self::checkpoints::Alignment;
use crate::durability::{Durability, Recovered};
use crate::epoch_log::{EpochLog, FedBatch};
use crate::error::JobError;
use crate::graph::JobGraph;
use crate::job::{JobMetrics, JobSettings, asked_to_stop};
use crate::manifest::PlanIdentity;
use crate::outbox::OutboxReader;
use crate::sink_task::{self, RunningSink, SinkEvent, SinkRequest};
use crate::source_task::{self, RunningSource};

/// An epoch takes up to as many rows; one more batch may go beyond.
const EPOCH_ROWS: usize = 16_384;
/// And as many bytes.
const EPOCH_BYTES: usize = 1 << 20;
/// Batches are put together up to here: what is larger is not worth the copying.
const MERGED_BYTES: usize = 128 << 10;
/// How a job's run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Finished,
    Stopped,
}

/// A job that is running.
pub(crate) struct EpochLoop {
    graph: JobGraph,
    state: StateStore,
    sources: Vec<SourceSlot>,
    sinks: Vec<RunningSink>,
    sink_events: mpsc::UnboundedReceiver<SinkEvent>,
    durability: Option<Durability>,
    /// Epochs that had left the job before a crash and must come again first.
    replay: VecDeque<FedBatch>,
    unsent: Option<OutboxReader>,
    unpublished: Option<OutboxReader>,
    /// For each sink, if it is transactional, the checkpoint that it was last told to publish.
    published: Vec<Option<u64>>,
    /// The checkpoint that the job resumed from, 0 without one.
    resumed_from: u64,
    /// Something has changed since the last cut.
    is_changed: bool,
    /// Rows were fed since the last cut that another reading may bring in another form, or not at
    /// all: nothing that follows from them may leave before the next checkpoint.
    is_inexact: bool,
    next_source: usize,
    alignment: Alignment,
    metrics: Arc<JobMetrics>,
}

struct SourceSlot {
    running: Option<RunningSource>,
    /// The place behind what was fed; `None` while there is none to go on from.
    position: Option<Position>,
    /// Never has a position and needs none.
    is_restless: bool,
}

impl SourceSlot {
    fn is_ended(&self) -> bool {
        self.running.is_none()
    }

    /// Whether there is a place to go on from, or none is needed.
    fn is_settled(&self) -> bool {
        self.is_ended() || self.position.is_some() || self.is_restless
    }
}

/// One batch to be fed.
struct Fed {
    source: usize,
    rows: ChangeBatch,
    position: Option<Position>,
}

impl EpochLoop {
    /// Reads the checkpoint, connects the sinks and then the sources.
    pub(crate) async fn start(
        mut graph: JobGraph,
        settings: &JobSettings,
        metrics: Arc<JobMetrics>,
    ) -> Result<Self, JobError> {
        let (durability, mut recovered) = open(&graph, settings)?;
        let (events, sink_events) = mpsc::unbounded_channel();
        let mut sinks = Vec::new();
        for (number, sink) in graph.sinks.iter().enumerate() {
            let context = SinkContext {
                job_name: settings.name.clone(),
                time_zone: settings.time_zone.clone(),
                sink_name: sink.table.clone(),
                number,
                resumed_from: recovered.checkpoint,
                lineage: recovered.lineage.clone(),
            };
            sinks.push(RunningSink::start(sink, number, context, events.clone()).await?);
        }
        let published = publication::judge(&graph, &sinks, &recovered)?;
        let mut sources = Vec::new();
        for (number, source) in graph.sources.iter().enumerate() {
            let stops = recovered.fed.iter().filter(|f| f.source == number);
            let from = ReadFrom {
                position: recovered.positions.as_ref().and_then(|p| p.get(number)?.clone()),
                stops: stops.map(|f| f.position.clone()).collect(),
            };
            let is_restless = !source.plan.is_resumable() && !source.plan.is_bounded();
            let has_ended =
                recovered.positions.is_some() && from.position.is_none() && !is_restless;
            let position = from.position.clone();
            let context = SourceContext {
                job_name: settings.name.clone(),
                time_zone: settings.time_zone.clone(),
                source_name: format!("{number} {}", source.table),
                scratch: settings.checkpoints.as_ref().map(|c| c.directory.join("scratch")),
            };
            let running = if has_ended {
                None
            } else {
                Some(RunningSource::start(source, context, from).await?)
            };
            sources.push(SourceSlot { running, position, is_restless });
        }
        for (number, slot) in sources.iter().enumerate() {
            if let Some(mode) = slot.running.as_ref().and_then(|running| running.mode) {
                graph.source_mode(number, mode, &mut recovered.state)?;
            }
        }
        Ok(Self {
            graph,
            state: recovered.state,
            sources,
            sinks,
            sink_events,
            durability,
            replay: recovered.fed,
            unsent: recovered.unsent,
            unpublished: recovered.unpublished,
            published,
            resumed_from: recovered.checkpoint.map_or(0, |c| c.0),
            is_changed: false,
            is_inexact: false,
            next_source: 0,
            alignment: Alignment::default(),
            metrics,
        })
    }

    /// Runs until all sources have ended or `stop` is asked for.
    pub(crate) async fn run(
        &mut self,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Ended, JobError> {
        self.publish_recovered().await?;
        if let Some(unsent) = self.unsent.take() {
            self.send_all(unsent).await?;
            self.is_changed = true;
        }
        loop {
            self.look_after_checkpoint().await?;
            if self.sources.iter().all(SourceSlot::is_ended) {
                self.finish().await?;
                return Ok(Ended::Finished);
            }
            let wake_at = self.wake_at();
            let turn = self.turn();
            tokio::select! {
                biased;
                () = asked_to_stop(stop) => {
                    self.last_checkpoint().await?;
                    return Ok(Ended::Stopped);
                }
                Some(event) = self.sink_events.recv() => self.take_sink_event(event)?,
                source = next_ready(&mut self.sources, &mut self.next_source, turn) => {
                    let (source, event) = source;
                    self.epoch(source, event).await?;
                }
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }

    /// Lets sinks and sources finish.
    pub(crate) async fn close(mut self) -> Result<(), JobError> {
        for slot in &mut self.sources {
            if let Some(running) = slot.running.take() {
                running.stop().await;
            }
        }
        for (number, sink) in self.sinks.into_iter().enumerate() {
            let closed = sink.close().await;
            closed.map_err(|e| sink_task::failed(&self.graph.sinks[number], e))?;
        }
        Ok(())
    }

    /// Stops everything where it is.
    pub(crate) async fn abort(mut self) {
        if let Some(durability) = &mut self.durability {
            durability.settle().await;
        }
        for slot in &mut self.sources {
            if let Some(running) = slot.running.take() {
                running.stop().await;
            }
        }
        drop(self.sinks);
    }

    /// One epoch: this event and whatever else is there.
    async fn epoch(&mut self, source: usize, event: Event) -> Result<(), JobError> {
        let mut batches: Vec<Fed> = Vec::new();
        let mut rows = 0;
        let mut next = Some((source, event));
        while let Some((source, event)) = next {
            rows += self.take_source_event(source, event, &mut batches)?;
            let is_replaying = !self.replay.is_empty();
            let turn = self.turn();
            let bytes: usize = batches.iter().map(|fed| fed.rows.byte_size()).sum();
            next = if rows < EPOCH_ROWS && bytes < EPOCH_BYTES && !is_replaying {
                try_next(&mut self.sources, &mut self.next_source, turn)
            } else {
                None
            };
        }
        let now = self.replay.front().map_or_else(clock, |fed| fed.now);
        let mut outputs = Vec::new();
        for fed in batches {
            self.note(&fed, now)?;
            JobMetrics::add(&self.metrics.rows_in, fed.rows.len() as u64);
            let (graph, state) = (&mut self.graph, &mut self.state);
            let stepped = graph.step(fed.source, fed.rows, state, now);
            outputs.extend(stepped?);
        }
        if let Some(log) = self.durability.as_ref().and_then(|d| d.epoch_log.as_ref())
            && !outputs.is_empty()
            && self.replay.is_empty()
        {
            log.sync()?;
        }
        JobMetrics::add(&self.metrics.epochs, 1);
        for (sink, batch) in outputs {
            self.hand_out(sink, batch).await?;
        }
        Ok(())
    }

    /// Takes one event of a source; gives how many rows it brought.
    fn take_source_event(
        &mut self,
        source: usize,
        event: Event,
        batches: &mut Vec<Fed>,
    ) -> Result<usize, JobError> {
        let failed = |e| source_task::failed(&self.graph.sources[source], e);
        let event = event.unwrap_or_else(|| Err(source_task::ended_early())).map_err(failed)?;
        let slot = &mut self.sources[source];
        self.is_changed = true;
        match event {
            SourceEvent::Batch { rows, position } => {
                let count = rows.len();
                if position.is_none() && !slot.is_restless && !self.is_inexact {
                    self.is_inexact = true;
                    let log = self.durability.as_mut().and_then(|d| d.epoch_log.as_mut());
                    log.map_or(Ok(()), EpochLog::interrupt)?;
                }
                slot.position.clone_from(&position);
                match batches.last_mut() {
                    Some(last)
                        if last.source == source
                            && self.graph.sources[source].plan.is_ordered()
                            && self.replay.is_empty()
                            && last.rows.byte_size() + rows.byte_size() <= MERGED_BYTES =>
                    {
                        last.rows.append(&rows);
                        last.position = position;
                    }
                    _ => batches.push(Fed { source, rows, position }),
                }
                Ok(count)
            }
            SourceEvent::Progress(position) => {
                // The rows in front of a noted place may have come as a batch of their own.
                let is_noted = |fed: &FedBatch| fed.source == source && fed.position == position;
                if self.replay.front().is_some_and(is_noted) {
                    self.replay.pop_front();
                }
                slot.position = Some(position);
                Ok(0)
            }
            SourceEvent::End => {
                slot.running = None;
                slot.position = None;
                Ok(0)
            }
        }
    }

    /// Notes a batch for a restart, or checks it off the notes of the last run.
    fn note(&mut self, fed: &Fed, now: Timestamp) -> Result<(), JobError> {
        if let Some(expected) = self.replay.front() {
            if fed.position.as_ref() == Some(&expected.position) {
                self.replay.pop_front();
            }
            return Ok(());
        }
        if self.is_inexact {
            return Ok(());
        }
        let log = self.durability.as_mut().and_then(|d| d.epoch_log.as_mut());
        if let (Some(log), Some(position)) = (log, &fed.position) {
            log.append(&FedBatch { source: fed.source, now, position: position.clone() })?;
        }
        Ok(())
    }

    /// Hands rows to their sink, or keeps them if a crash would make them untrue.
    async fn hand_out(&mut self, sink: usize, batch: Arc<ChangeBatch>) -> Result<(), JobError> {
        JobMetrics::add(&self.metrics.rows_out, batch.len() as u64);
        let publication = self.graph.sinks[sink].plan.publication();
        let must_wait = self.is_inexact || !self.is_settled();
        if let Some(durability) = &mut self.durability
            && publication == Publication::Transactional
        {
            return durability.publication.push(sink, &batch);
        }
        if let Some(durability) = &mut self.durability
            && publication != Publication::Transient
            && (must_wait || durability.holds_back())
        {
            return durability.outbox.push(sink, &batch);
        }
        self.send(sink, SinkRequest::Write(batch)).await
    }

    async fn send(&mut self, sink: usize, request: SinkRequest) -> Result<(), JobError> {
        if self.sinks[sink].requests.send(request).await.is_ok() {
            return Ok(());
        }
        // The sink has said why before its queue closed.
        while let Some(event) = self.sink_events.recv().await {
            self.take_sink_event(event)?;
        }
        Ok(())
    }

    async fn send_all(&mut self, mut waiting: OutboxReader) -> Result<(), JobError> {
        while let Some((sink, batch)) = waiting.next()? {
            self.send(sink, SinkRequest::Write(batch)).await?;
        }
        Ok(())
    }

    fn take_sink_event(&mut self, event: SinkEvent) -> Result<(), JobError> {
        match event {
            SinkEvent::Flushed { number } => {
                let checkpoint = self.durability.as_mut().and_then(|d| d.in_progress.as_mut());
                if let Some(checkpoint) = checkpoint.filter(|c| c.number == number) {
                    checkpoint.sinks_left -= 1;
                }
                Ok(())
            }
            SinkEvent::Failed { sink, error } => {
                Err(sink_task::failed(&self.graph.sinks[sink], error))
            }
        }
    }

    /// Whether every source has a place to go on from.
    fn is_settled(&self) -> bool {
        self.sources.iter().all(SourceSlot::is_settled)
    }

    /// All sources have ended: what operators still hold goes out, and the job forgets itself.
    async fn finish(&mut self) -> Result<(), JobError> {
        let (graph, state) = (&mut self.graph, &mut self.state);
        let outputs = graph.end_input(state, clock())?;
        for (sink, batch) in outputs {
            self.hand_out(sink, batch).await?;
        }
        self.last_checkpoint().await?;
        for sink in 0..self.sinks.len() {
            self.send(sink, SinkRequest::Flush(0)).await?;
        }
        let mut left = self.sinks.len();
        while left > 0 {
            let Some(event) = self.sink_events.recv().await else {
                break;
            };
            left -= usize::from(matches!(event, SinkEvent::Flushed { number: 0 }));
            self.take_sink_event(event)?;
        }
        match &self.durability {
            Some(durability) => durability.remove(),
            None => Ok(()),
        }
    }
}

type Event = Option<Result<SourceEvent, tailwater_connector_api::ConnectorError>>;

/// Whose events are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    All,
    /// Of the source that a restart follows next.
    Only(usize),
    /// Of those that are between two places: a checkpoint waits for them.
    Unsettled,
}

impl Turn {
    fn takes(self, number: usize, slot: &SourceSlot) -> bool {
        match self {
            Turn::All => true,
            Turn::Only(only) => only == number,
            Turn::Unsettled => !slot.is_settled(),
        }
    }
}

/// Waits for an event; takes turns.
async fn next_ready(sources: &mut [SourceSlot], next: &mut usize, turn: Turn) -> (usize, Event) {
    std::future::poll_fn(|context| {
        let count = sources.len();
        for i in (*next..*next + count).map(|i| i % count) {
            if turn.takes(i, &sources[i])
                && let Some(running) = &mut sources[i].running
                && let Poll::Ready(event) = running.events.poll_recv(context)
            {
                *next = (i + 1) % count;
                return Poll::Ready((i, event));
            }
        }
        Poll::Pending
    })
    .await
}

/// An event that is there already.
fn try_next(sources: &mut [SourceSlot], next: &mut usize, turn: Turn) -> Option<(usize, Event)> {
    let count = sources.len();
    for i in (*next..*next + count).map(|i| i % count) {
        if turn.takes(i, &sources[i])
            && let Some(running) = &mut sources[i].running
            && let Ok(event) = running.events.try_recv()
        {
            *next = (i + 1) % count;
            return Some((i, Some(event)));
        }
    }
    None
}

fn clock() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(now.as_micros() as i64)
}

fn open(
    graph: &JobGraph,
    settings: &JobSettings,
) -> Result<(Option<Durability>, Recovered), JobError> {
    let Some(checkpoints) = &settings.checkpoints else {
        let recovered = Recovered {
            state: StateStore::in_memory(),
            positions: None,
            fed: VecDeque::new(),
            unsent: None,
            unpublished: None,
            published: Vec::new(),
            lineage: String::new(),
            checkpoint: None,
        };
        return Ok((None, recovered));
    };
    let plan = PlanIdentity::of(graph);
    let merges = graph.sources.len() > 1
        || graph.reads_clock
        || graph.sources.iter().any(|s| !s.plan.is_ordered());
    let writes_through = graph.sinks.iter().any(|s| match s.plan.publication() {
        Publication::Idempotent | Publication::AtLeastOnce => true,
        Publication::Transient | Publication::Transactional => false,
    });
    let (durability, recovered) =
        Durability::open(settings, checkpoints, plan, merges && writes_through)?;
    Ok((Some(durability), recovered))
}
