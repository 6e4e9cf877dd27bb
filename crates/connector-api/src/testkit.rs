//! Sources and sinks in memory, with scripted faults, for tests of whoever runs connectors.

mod transactions;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tailwater_types::{ChangeBatch, ChangelogMode, Layout, Position, RowKind};

use crate::error::{ConnectorError, ErrorKind};
use crate::sink::{Publication, Sink, SinkContext, SinkPlan};
use crate::source::{
    Acker, ReadFrom, Source, SourceContext, SourceEvent, SourcePlan, SourceReader,
};

pub use transactions::{CommitFailure, MemoryTransactions};

/// A source of the given batches. The place behind batch `i` is `i`; batches of the snapshot have
/// none, but for the last.
#[derive(Clone, Default)]
pub struct MemorySource {
    /// What it delivers, in order.
    pub batches: Vec<ChangeBatch>,
    /// How many of them are a snapshot that would be read again from its start.
    pub snapshot_batches: usize,
    /// Whether it ends behind the last batch, or waits for ever.
    pub is_bounded: bool,
    /// What it was told to be durable.
    pub acked: Arc<Mutex<Vec<String>>>,
}

impl SourcePlan for MemorySource {
    fn changelog_mode(&self) -> ChangelogMode {
        ChangelogMode::Retract
    }

    fn is_bounded(&self) -> bool {
        self.is_bounded
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn connect(
        &self,
        _context: SourceContext,
    ) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>> {
        let source: Box<dyn Source> = Box::new(self.clone());
        Box::pin(std::future::ready(Ok(source)))
    }
}

impl Source for MemorySource {
    fn read(self: Box<Self>, from: ReadFrom) -> SourceReader {
        let skipped = from.position.map_or(0, |p| p.0.parse::<usize>().map_or(0, |i| i + 1));
        let (snapshot, is_bounded) = (self.snapshot_batches, self.is_bounded);
        let event = move |(i, rows): (usize, ChangeBatch)| {
            let position = (i + 1 >= snapshot).then(|| Position(i.to_string()));
            Ok(SourceEvent::Batch { rows, position })
        };
        let batches = self.batches.into_iter().enumerate().skip(skipped).map(event);
        let batches = futures_util::stream::iter(batches.collect::<Vec<_>>());
        let end = futures_util::stream::once(async move {
            if !is_bounded {
                std::future::pending::<()>().await;
            }
            Ok(SourceEvent::End)
        });
        SourceReader {
            events: batches.chain(end).boxed(),
            acker: Box::new(RecordingAcker(self.acked)),
        }
    }
}

struct RecordingAcker(Arc<Mutex<Vec<String>>>);

impl Acker for RecordingAcker {
    fn ack(&mut self, position: &Position) {
        if let Ok(mut acked) = self.0.lock() {
            acked.push(position.0.clone());
        }
    }
}

/// A sink that keeps a table by the row's first column, an integer, and counts what it was asked.
#[derive(Clone, Default)]
pub struct MemorySink(Arc<Mutex<MemorySinkState>>);

#[derive(Default)]
struct MemorySinkState {
    rows: BTreeMap<i64, Vec<u8>>,
    writes: usize,
    fails_at_write: Option<usize>,
    refusals: usize,
    released: Option<Arc<gate::Gate>>,
}

/// A gate without a runtime: futures that wait are woken when it opens.
mod gate {
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    #[derive(Default)]
    pub(super) struct Gate(Mutex<(bool, Vec<Waker>)>);

    impl Gate {
        pub(super) fn open(&self) {
            if let Ok(mut gate) = self.0.lock() {
                gate.0 = true;
                gate.1.drain(..).for_each(Waker::wake);
            }
        }

        pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
            let Ok(mut gate) = self.0.lock() else { return Poll::Ready(()) };
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1.push(context.waker().clone());
            Poll::Pending
        }
    }
}

impl MemorySink {
    /// Fails the write of this number, counted from 1 over the sink's whole life, once.
    pub fn fail_at_write(&self, write: usize) {
        self.with(|state| state.fails_at_write = Some(write));
    }

    /// Refuses this many connections, as a server that is away.
    pub fn refuse_connections(&self, count: usize) {
        self.with(|state| state.refusals = count);
    }

    /// Lets no write pass until [`MemorySink::release`].
    pub fn hold(&self) {
        self.with(|state| {
            state.released = Some(Arc::default());
        });
    }

    /// Lets writes pass again.
    pub fn release(&self) {
        self.with(|state| {
            if let Some(gate) = state.released.take() {
                gate.open();
            }
        });
    }

    /// How many writes there were.
    pub fn writes(&self) -> usize {
        self.with(|state| state.writes)
    }

    /// The first columns of all rows.
    pub fn keys(&self) -> Vec<i64> {
        self.with(|state| state.rows.keys().copied().collect())
    }

    fn with<T>(&self, f: impl FnOnce(&mut MemorySinkState) -> T) -> T {
        match self.0.lock() {
            Ok(mut state) => f(&mut state),
            Err(poisoned) => f(&mut poisoned.into_inner()),
        }
    }
}

impl SinkPlan for MemorySink {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Upsert
    }

    fn publication(&self) -> Publication {
        Publication::Idempotent
    }

    fn connect(
        &self,
        _context: SinkContext,
    ) -> BoxFuture<'_, Result<Box<dyn Sink>, ConnectorError>> {
        let is_refused = self.with(|state| {
            let is_refused = state.refusals > 0;
            state.refusals = state.refusals.saturating_sub(1);
            is_refused
        });
        let sink: Box<dyn Sink> = Box::new(self.clone());
        let refused =
            || ConnectorError::new(ErrorKind::Connect, "scripted refusal").with_hint("wait");
        Box::pin(std::future::ready(if is_refused { Err(refused()) } else { Ok(sink) }))
    }
}

impl Sink for MemorySink {
    fn write(&mut self, batch: Arc<ChangeBatch>) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(async move {
            if let Some(gate) = self.with(|state| state.released.clone()) {
                std::future::poll_fn(|context| gate.poll(context)).await;
            }
            self.with(|state| {
                state.writes += 1;
                if state.fails_at_write == Some(state.writes) {
                    return Err(ConnectorError::new(ErrorKind::Connect, "scripted failure"));
                }
                for (kind, row) in batch.iter() {
                    let Some(key) = row.get(0, Layout::Int).as_int() else { continue };
                    match kind {
                        RowKind::Insert | RowKind::UpdateAfter => {
                            state.rows.insert(key, row.bytes().to_vec());
                        }
                        RowKind::UpdateBefore | RowKind::Delete => drop(state.rows.remove(&key)),
                    }
                }
                Ok(())
            })
        })
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
