//! One task per sink: writes what the loop hands over, flushes when nothing more is waiting.

use std::sync::Arc;

use tailwater_connector_api::{ConnectorError, Sink, SinkContext};
use tailwater_types::{ChangeBatch, ChangelogMode, RowKind};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::JobError;
use crate::graph::GraphSink;

/// How many batches wait at most between the loop and a sink.
const QUEUE: usize = 16;

/// What the loop asks of a sink.
pub(crate) enum SinkRequest {
    /// Write these rows.
    Write(Arc<ChangeBatch>),
    /// Make everything before visible and durable, and say so with this number.
    Flush(u64),
}

/// What a sink says to the loop.
pub(crate) enum SinkEvent {
    /// All before the flush of this number is durable.
    Flushed { number: u64 },
    /// The sink has failed; nothing follows from it.
    Failed { sink: usize, error: ConnectorError },
}

/// A running sink as the loop sees it.
pub(crate) struct RunningSink {
    pub(crate) requests: mpsc::Sender<SinkRequest>,
    task: JoinHandle<Result<(), ConnectorError>>,
}

impl RunningSink {
    /// Connects and starts to take requests.
    pub(crate) async fn start(
        sink: &GraphSink,
        number: usize,
        context: SinkContext,
        events: mpsc::UnboundedSender<SinkEvent>,
    ) -> Result<Self, JobError> {
        let connected = sink
            .plan
            .connect(context)
            .await
            .map_err(|e| failed(sink, e))?;
        let (requests, inbox) = mpsc::channel(QUEUE);
        let drops_before = sink.plan.accepts() == ChangelogMode::Upsert;
        let task = tokio::spawn(serve(connected, number, drops_before, inbox, events));
        Ok(Self { requests, task })
    }

    /// Lets the sink finish what it was given and close.
    pub(crate) async fn close(self) -> Result<(), ConnectorError> {
        drop(self.requests);
        // A task that panicked was reported by its closed queue.
        self.task.await.unwrap_or(Ok(()))
    }

    /// Stops the sink where it is.
    pub(crate) fn abort(self) {
        self.task.abort();
    }
}

/// The error of a sink, with the table's name.
pub(crate) fn failed(sink: &GraphSink, error: ConnectorError) -> JobError {
    JobError::Connector {
        role: "sink",
        table: sink.table.clone(),
        source: error,
    }
}

async fn serve(
    mut sink: Box<dyn Sink>,
    number: usize,
    drops_before: bool,
    mut inbox: mpsc::Receiver<SinkRequest>,
    events: mpsc::UnboundedSender<SinkEvent>,
) -> Result<(), ConnectorError> {
    while let Some(request) = inbox.recv().await {
        let done = match request {
            SinkRequest::Write(batch) => {
                let written = if drops_before {
                    sink.write(&without_update_before(&batch)).await
                } else {
                    sink.write(&batch).await
                };
                match written {
                    Ok(()) if inbox.is_empty() => sink.flush().await,
                    other => other,
                }
            }
            SinkRequest::Flush(flush) => {
                let flushed = sink.flush().await;
                if flushed.is_ok() {
                    // The loop may be gone already: then nobody waits for this.
                    let _ = events.send(SinkEvent::Flushed { number: flush });
                }
                flushed
            }
        };
        if let Err(error) = done {
            let _ = events.send(SinkEvent::Failed {
                sink: number,
                error,
            });
            return Ok(());
        }
    }
    sink.close().await
}

fn without_update_before(batch: &ChangeBatch) -> ChangeBatch {
    let mut kept = ChangeBatch::default();
    for (kind, row) in batch.iter() {
        if kind != RowKind::UpdateBefore {
            kept.push(kind, row);
        }
    }
    kept
}
