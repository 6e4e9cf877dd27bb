//! Writing: from a stream of changes to a declared table.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tailwater_types::{ChangeBatch, ChangelogMode, CheckpointId};

use crate::error::{ConnectorError, ErrorKind};
use crate::precondition::{Precondition, connects};
use crate::table::{TableIssue, TableSpec};

/// Makes sinks of one `'connector'` name.
pub trait SinkFactory: Send + Sync {
    /// Judges options and columns without any I/O.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SinkPlan>, Vec<TableIssue>>;
}

/// A validated sink that has not touched anything yet.
pub trait SinkPlan: Send + Sync {
    /// The most it can take: a sink that takes `Upsert` gets `-D` and `+I`/`+U` by the table's
    /// primary key and no `-U`; one that takes `Retract` gets every change with its whole row.
    fn accepts(&self) -> ChangelogMode;

    /// How rows become visible.
    fn publication(&self) -> Publication;

    /// Things the user should know.
    fn notes(&self) -> Vec<TableIssue> {
        Vec::new()
    }

    /// Connects and checks every precondition.
    fn connect(&self, context: SinkContext)
    -> BoxFuture<'_, Result<Box<dyn Sink>, ConnectorError>>;

    /// Checks every precondition and says how each stands, changing nothing. Without more of its
    /// own, a connector says whether it connects.
    fn check(&self, context: SinkContext) -> BoxFuture<'_, Vec<Precondition>> {
        Box::pin(async move {
            let name = context.sink_name.clone();
            connects(name, self.connect(context).await.map(drop))
        })
    }
}

/// When a sink's rows become visible, and what a replay does to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// Every epoch is written through; writing the same change again changes nothing.
    Idempotent,
    /// Every epoch is written through; a replay after a crash writes rows again.
    AtLeastOnce,
    /// Rows are shown or dropped as they come; nothing is kept that could become untrue.
    Transient,
    /// The rows of a checkpoint become visible all at once, after it is durable, and never twice:
    /// the job keeps them until then, and asks after a crash what has been [published](Published).
    Transactional,
}

/// What a transactional sink has published last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The [lineage](SinkContext::lineage) of the checkpoint.
    pub lineage: String,
    /// The checkpoint whose rows were the last.
    pub checkpoint: CheckpointId,
}

/// What a sink is told when it is made.
#[derive(Clone, Debug, Default)]
pub struct SinkContext {
    /// The job's name.
    pub job_name: String,
    /// `table.local-time-zone`, an IANA name.
    pub time_zone: String,
    /// The sink's table, by which the job knows it.
    pub sink_name: String,
    /// The sink's number in its job: one table may be written by several.
    pub number: usize,
    /// The checkpoint the job resumes from, if it resumes.
    pub resumed_from: Option<CheckpointId>,
    /// From which beginning of the job its checkpoints count: a job that begins anew counts from 1
    /// again, under another name.
    pub lineage: String,
}

/// A connected sink. Calls come one after the other; after an error only `close` follows.
pub trait Sink: Send {
    /// Takes rows. When this returns they are accepted, not durable: the sink may buffer.
    fn write(&mut self, batch: Arc<ChangeBatch>) -> BoxFuture<'_, Result<(), ConnectorError>>;

    /// Nothing more is waiting: what was accepted should become visible soon. A sink that sees to that
    /// by itself need not flush here; what fails meanwhile is told by the next call.
    fn idle(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        self.flush()
    }

    /// Makes everything accepted so far visible and durable. Called before each checkpoint.
    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>>;

    /// For [`Publication::Transactional`]: what was published last; `None` if nothing ever was.
    /// Rows that were written and not committed, by whomever, never become visible after this.
    fn last_published(&mut self) -> BoxFuture<'_, Result<Option<Published>, ConnectorError>> {
        Box::pin(std::future::ready(Err(not_transactional())))
    }

    /// For [`Publication::Transactional`]: makes everything that was written since the last commit
    /// visible, and in the same transaction notes that `checkpoint` was published.
    fn commit(&mut self, checkpoint: CheckpointId) -> BoxFuture<'_, Result<(), ConnectorError>> {
        let _ = checkpoint;
        Box::pin(std::future::ready(Err(not_transactional())))
    }

    /// Flushes and lets go of everything.
    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>>;
}

fn not_transactional() -> ConnectorError {
    ConnectorError::new(ErrorKind::Internal, "the sink has no transactions")
}
