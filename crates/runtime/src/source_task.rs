//! One task per source: connects, reads, hands events to the epoch loop through a bounded queue.

use futures_util::StreamExt;
use tailwater_connector_api::{
    Acker, ConnectorError, ErrorKind, ReadFrom, SourceContext, SourceEvent,
};
use tailwater_types::ChangelogMode;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::JobError;
use crate::graph::GraphSource;

/// How many batches wait at most between a source and the loop.
const QUEUE: usize = 4;

/// A running source as the loop sees it.
pub(crate) struct RunningSource {
    pub(crate) events: mpsc::Receiver<Result<SourceEvent, ConnectorError>>,
    pub(crate) acker: Box<dyn Acker>,
    /// What its rows are like, where only the connected source knows.
    pub(crate) mode: Option<ChangelogMode>,
    task: JoinHandle<()>,
}

impl RunningSource {
    /// Connects and starts to read.
    pub(crate) async fn start(
        source: &GraphSource,
        context: SourceContext,
        from: ReadFrom,
    ) -> Result<Self, JobError> {
        let connected = source.plan.connect(context).await.map_err(|e| failed(source, e))?;
        let mode = connected.changelog_mode();
        let mut reader = connected.read(from);
        let (outbox, events) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move {
            while let Some(event) = reader.events.next().await {
                let ends = event.is_err();
                if outbox.send(event).await.is_err() || ends {
                    return;
                }
            }
        });
        Ok(Self { events, acker: reader.acker, mode, task })
    }

    /// Stops reading and waits until the source has let go.
    pub(crate) async fn stop(mut self) {
        self.events.close();
        self.task.abort();
        // An aborted task has nothing more to say.
        let _ = self.task.await;
    }
}

/// The error of a source, with the table's name.
pub(crate) fn failed(source: &GraphSource, error: ConnectorError) -> JobError {
    JobError::Connector { role: "source", table: source.table.clone(), source: error }
}

/// A source that stopped without saying why.
pub(crate) fn ended_early() -> ConnectorError {
    ConnectorError::new(ErrorKind::Connect, "the source stopped before its end")
}
