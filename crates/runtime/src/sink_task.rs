//! One task per sink: writes what the loop hands over, flushes when nothing more is waiting.

use std::sync::Arc;

use tailwater_connector_api::{ConnectorError, Publication, Published, Sink, SinkContext};
use tailwater_types::{ChangeBatch, ChangelogMode, CheckpointId, RowKind};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::JobError;
use crate::graph::{GraphSink, SinkKey};

/// How many batches wait at most between the loop and a sink.
const QUEUE: usize = 4;

/// What the loop asks of a sink.
pub(crate) enum SinkRequest {
    /// Write these rows.
    Write(Arc<ChangeBatch>),
    /// Make everything before visible and durable, and say so with this number.
    Flush(u64),
    /// Publish everything before as the rows of this checkpoint.
    Commit(CheckpointId),
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
    /// Of a transactional sink, what it had published when it connected.
    pub(crate) published: Option<Published>,
    task: Task,
}

/// Ends with its owner, whatever it waits for.
struct Task(JoinHandle<Result<(), ConnectorError>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RunningSink {
    /// Connects and starts to take requests.
    pub(crate) async fn start(
        sink: &GraphSink,
        number: usize,
        context: SinkContext,
        events: mpsc::UnboundedSender<SinkEvent>,
    ) -> Result<Self, JobError> {
        let mut connected = sink.plan.connect(context).await.map_err(|e| failed(sink, e))?;
        let published = match sink.plan.publication() {
            Publication::Transactional => connected.last_published().await,
            Publication::Idempotent | Publication::AtLeastOnce | Publication::Transient => Ok(None),
        };
        let published = published.map_err(|e| failed(sink, e))?;
        let (requests, inbox) = mpsc::channel(QUEUE);
        let by_key = sink.plan.accepts() == ChangelogMode::Upsert;
        let key = by_key.then(|| sink.key.clone());
        let task = Task(tokio::spawn(serve(connected, number, key, inbox, events)));
        Ok(Self { requests, published, task })
    }

    /// Lets the sink finish what it was given and close.
    pub(crate) async fn close(self) -> Result<(), ConnectorError> {
        let Self { requests, mut task, .. } = self;
        drop(requests);
        // A task that panicked was reported by its closed queue.
        (&mut task.0).await.unwrap_or(Ok(()))
    }
}

/// The error of a sink, with the table's name.
pub(crate) fn failed(sink: &GraphSink, error: ConnectorError) -> JobError {
    JobError::Connector { role: "sink", table: sink.table.clone(), source: error }
}

async fn serve(
    mut sink: Box<dyn Sink>,
    number: usize,
    key: Option<SinkKey>,
    mut inbox: mpsc::Receiver<SinkRequest>,
    events: mpsc::UnboundedSender<SinkEvent>,
) -> Result<(), ConnectorError> {
    while let Some(request) = inbox.recv().await {
        let done = match request {
            SinkRequest::Write(batch) => {
                let written = match &key {
                    Some(key) => sink.write(Arc::new(upserts(&batch, key))).await,
                    None => sink.write(batch).await,
                };
                match written {
                    Ok(()) if inbox.is_empty() => sink.idle().await,
                    other => other,
                }
            }
            SinkRequest::Commit(checkpoint) => sink.commit(checkpoint).await,
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
            let _ = events.send(SinkEvent::Failed { sink: number, error });
            return Ok(());
        }
    }
    sink.close().await
}

/// Changes by key: a row before an update is left out where the row after it follows with the
/// same key, and is a deletion where it does not, because a filter dropped it or the key changed.
fn upserts(batch: &ChangeBatch, key: &SinkKey) -> ChangeBatch {
    let mut kept = ChangeBatch::default();
    for i in 0..batch.len() {
        let (kind, row) = batch.row(i);
        if kind != RowKind::UpdateBefore {
            kept.push(kind, row);
            continue;
        }
        let is_replaced = i + 1 < batch.len() && {
            let (next_kind, next) = batch.row(i + 1);
            let same = |c: &usize| row.get(*c, key.layouts[*c]) == next.get(*c, key.layouts[*c]);
            next_kind.is_addition() && key.columns.iter().all(same)
        };
        if !is_replaced {
            kept.push(RowKind::Delete, row);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use tailwater_types::{Datum, Layout};

    use super::*;

    #[test]
    fn a_row_that_moves_to_another_key_or_is_filtered_out_is_deleted() {
        let layouts: Arc<[Layout]> = vec![Layout::Int, Layout::Int].into();
        let mut batch = ChangeBatch::default();
        let mut push = |kind, key, value| {
            batch.push_datums(kind, &[Datum::Int(key), Datum::Int(value)], &layouts);
        };
        push(RowKind::UpdateBefore, 1, 10);
        push(RowKind::UpdateAfter, 1, 11);
        push(RowKind::UpdateBefore, 2, 20);
        push(RowKind::UpdateAfter, 3, 20);
        push(RowKind::UpdateBefore, 4, 40);
        let key = SinkKey { columns: vec![0], layouts: Arc::clone(&layouts) };
        let seen: Vec<_> = upserts(&batch, &key)
            .iter()
            .map(|(kind, row)| (kind.short(), row.get(0, Layout::Int).as_int().unwrap_or(0)))
            .collect();
        assert_eq!(seen, [("+U", 1), ("-D", 2), ("+U", 3), ("-D", 4)]);
    }
}
