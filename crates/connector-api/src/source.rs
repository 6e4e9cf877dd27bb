//! Reading: from a declared table to a stream of changes.

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tailwater_types::{ChangeBatch, ChangelogMode, Position};

use crate::error::ConnectorError;
use crate::precondition::{Precondition, connects};
use crate::table::{TableIssue, TableSpec};

/// Makes sources of one `'connector'` name.
pub trait SourceFactory: Send + Sync {
    /// Judges options and columns without any I/O.
    ///
    /// # Errors
    /// Everything that is wrong, at once; warnings are among the plan's notes instead.
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SourcePlan>, Vec<TableIssue>>;
}

/// A validated source that has not touched anything yet.
pub trait SourcePlan: Send + Sync {
    /// What its stream may contain.
    fn changelog_mode(&self) -> ChangelogMode;

    /// Whether it ends by itself.
    fn is_bounded(&self) -> bool;

    /// Whether it can go on from a [`Position`] after a restart without reading everything again.
    fn is_resumable(&self) -> bool;

    /// Whether rows before a change may be missing, all but their declared key: the job then takes
    /// them from its state.
    fn old_rows(&self) -> OldRows {
        OldRows::Sent
    }

    /// Columns that tell where a row comes from: rows of different origins may have the same declared
    /// key.
    fn origin_columns(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether everything is to be read again, unasked, if the place to go on from
    /// [is lost](crate::ErrorKind::PlaceLost).
    fn begins_anew_when_lost(&self) -> bool {
        false
    }

    /// Whether it gives the same rows in the same order again after a restart, however they are
    /// divided into batches. One that merges several inputs does not: it repeats exactly only
    /// batches that end where those before ended, which the job then notes.
    fn is_ordered(&self) -> bool {
        true
    }

    /// Things the user should know.
    fn notes(&self) -> Vec<TableIssue> {
        Vec::new()
    }

    /// Connects and checks every precondition, changing nothing that a later failure would leave
    /// behind half done.
    fn connect(
        &self,
        context: SourceContext,
    ) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>>;

    /// Checks every precondition and says how each stands, changing nothing. Without more of its
    /// own, a connector says whether it connects.
    fn check(&self, context: SourceContext) -> BoxFuture<'_, Vec<Precondition>> {
        Box::pin(async move {
            let name = context.source_name.clone();
            connects(name, self.connect(context).await.map(drop))
        })
    }
}

/// What a source tells of the row before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldRows {
    /// All of it.
    Sent,
    /// Perhaps its key only. The stream begins with all rows there are: the deletion of a row that
    /// it has not told of means nothing.
    PerhapsKeys,
    /// Perhaps its key only, and the stream may begin in the middle: of a row that it has not told
    /// of, the change itself is all there is to know.
    PerhapsKeysFromTheMiddle,
}

/// What a source is told when it is made.
#[derive(Clone, Debug, Default)]
pub struct SourceContext {
    /// The job's name, for `application_name` and logs.
    pub job_name: String,
    /// `table.local-time-zone`, an IANA name.
    pub time_zone: String,
    /// The source's table, by which the job knows it.
    pub source_name: String,
    /// A directory for what is too large for memory and of no use after a crash.
    pub scratch: Option<PathBuf>,
}

/// Where to begin, and where batches must end.
#[derive(Clone, Debug, Default)]
pub struct ReadFrom {
    /// Go on behind this place; from the start without one.
    pub position: Option<Position>,
    /// A batch must end exactly at each of these later places, in this order: a restart follows
    /// the epochs that had already left the job.
    pub stops: Vec<Position>,
}

/// A connected source.
pub trait Source: Send {
    /// What the stream will contain now that the tables are known, if that may differ from the
    /// plan's: one that [may lack old rows](SourcePlan::old_rows) says whether it does.
    fn changelog_mode(&self) -> Option<ChangelogMode> {
        None
    }

    /// Starts to read.
    fn read(self: Box<Self>, from: ReadFrom) -> SourceReader;
}

/// A running source: its events, and the way to tell it what is durable.
pub struct SourceReader {
    /// The changes in order. Dropping the stream stops the source. After an error nothing follows.
    pub events: BoxStream<'static, Result<SourceEvent, ConnectorError>>,
    /// Takes what is durable.
    pub acker: Box<dyn Acker>,
}

/// One event of a source.
#[derive(Debug)]
pub enum SourceEvent {
    /// Rows, and the place behind them.
    Batch {
        /// In order of arrival.
        rows: ChangeBatch,
        /// `None` inside rows that another reading may bring in another form, such as a part of a
        /// snapshot: nothing that follows from them leaves the job before a checkpoint behind the
        /// next place is durable. What lies between two places without such rows must come again
        /// exactly as it did.
        position: Option<Position>,
    },
    /// Nothing new, but a later place to go on from.
    Progress(Position),
    /// A bounded source has delivered everything.
    End,
}

/// Tells a source up to where its rows are durable in every sink and in the job's state.
pub trait Acker: Send {
    /// Everything up to `position` is durable. Only the runtime calls this, after a checkpoint.
    fn ack(&mut self, position: &Position);
}

/// An [`Acker`] for sources that keep nothing back.
pub struct NoAck;

impl Acker for NoAck {
    fn ack(&mut self, _position: &Position) {}
}
