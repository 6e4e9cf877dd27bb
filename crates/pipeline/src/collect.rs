//! The sink of a SELECT: its rows go to whoever asked.

use std::sync::Arc;

use tailwater_connector_api::{
    BoxFuture, ConnectorError, Publication, Sink, SinkContext, SinkPlan,
};
use tailwater_types::{ChangeBatch, ChangelogMode};
use tokio::sync::mpsc;

/// How many batches wait at most for whoever reads the result.
const QUEUE: usize = 16;

/// A sink that hands rows to a queue.
pub(crate) struct CollectPlan(mpsc::Sender<Arc<ChangeBatch>>);

impl CollectPlan {
    /// The sink and the other end of its queue.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Arc<ChangeBatch>>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }
}

impl SinkPlan for CollectPlan {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Retract
    }

    fn publication(&self) -> Publication {
        Publication::Transient
    }

    fn connect(
        &self,
        _context: SinkContext,
    ) -> BoxFuture<'_, Result<Box<dyn Sink>, ConnectorError>> {
        let sink: Box<dyn Sink> = Box::new(CollectSink(self.0.clone()));
        Box::pin(std::future::ready(Ok(sink)))
    }
}

struct CollectSink(mpsc::Sender<Arc<ChangeBatch>>);

impl Sink for CollectSink {
    fn write(&mut self, batch: Arc<ChangeBatch>) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(async move {
            // Nobody reads any more: the job is about to be stopped.
            let _ = self.0.send(batch).await;
            Ok(())
        })
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
