//! A transactional sink in memory.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tailwater_types::{ChangeBatch, ChangelogMode, CheckpointId, Layout};

use crate::error::{ConnectorError, ErrorKind};
use crate::sink::{Publication, Published, Sink, SinkContext, SinkPlan};

/// When a scripted failure of a commit comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFailure {
    /// Nothing of it has become visible.
    Before,
    /// All of it has, and the answer is lost.
    After,
}

/// A sink whose rows, integers in their first column, become visible by commits alone.
#[derive(Clone, Default)]
pub struct MemoryTransactions(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    committed: Vec<i64>,
    published: Option<Published>,
    commits: usize,
    left_open: usize,
    fails: Option<(usize, CommitFailure)>,
}

impl MemoryTransactions {
    /// Fails the commit of this number, counted from 1 over the sink's whole life, once.
    pub fn fail_at_commit(&self, commit: usize, failure: CommitFailure) {
        self.with(|state| state.fails = Some((commit, failure)));
    }

    /// What has become visible, in order.
    pub fn committed(&self) -> Vec<i64> {
        self.with(|state| state.committed.clone())
    }

    /// How many rows were written and not committed when a sink was closed in good order.
    pub fn left_open(&self) -> usize {
        self.with(|state| state.left_open)
    }

    /// Forgets what was published, as a system that loses its memory.
    pub fn forget_published(&self) {
        self.with(|state| state.published = None);
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SinkPlan for MemoryTransactions {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Retract
    }

    fn publication(&self) -> Publication {
        Publication::Transactional
    }

    fn connect(
        &self,
        context: SinkContext,
    ) -> BoxFuture<'_, Result<Box<dyn Sink>, ConnectorError>> {
        let sink = Connected { all: self.clone(), open: Vec::new(), lineage: context.lineage };
        Box::pin(std::future::ready(Ok(Box::new(sink) as Box<dyn Sink>)))
    }
}

struct Connected {
    all: MemoryTransactions,
    open: Vec<i64>,
    lineage: String,
}

impl Sink for Connected {
    fn write(&mut self, batch: Arc<ChangeBatch>) -> BoxFuture<'_, Result<(), ConnectorError>> {
        let keys = batch.iter().filter_map(|(_, row)| row.get(0, Layout::Int).as_int());
        self.open.extend(keys);
        Box::pin(std::future::ready(Ok(())))
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn last_published(&mut self) -> BoxFuture<'_, Result<Option<Published>, ConnectorError>> {
        Box::pin(std::future::ready(Ok(self.all.with(|state| state.published.clone()))))
    }

    fn commit(&mut self, checkpoint: CheckpointId) -> BoxFuture<'_, Result<(), ConnectorError>> {
        let open = std::mem::take(&mut self.open);
        let lineage = self.lineage.clone();
        let done = self.all.with(|state| {
            state.commits += 1;
            let failure = state.fails.filter(|(commit, _)| *commit == state.commits);
            if failure.is_none_or(|(_, failure)| failure == CommitFailure::After) {
                state.committed.extend(open);
                state.published = Some(Published { lineage, checkpoint });
            }
            match failure {
                Some(_) => Err(ConnectorError::new(ErrorKind::Connect, "scripted failure")),
                None => Ok(()),
            }
        });
        Box::pin(std::future::ready(done))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>> {
        self.all.with(|state| state.left_open += self.open.len());
        Box::pin(std::future::ready(Ok(())))
    }
}
