//! The sink as the job sees it: rows become records here, a thread of its own sends them.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use tailwater_connector_api::{BoxFuture, ConnectorError, ErrorKind, Published, Sink, SinkContext};
use tailwater_types::{ChangeBatch, CheckpointId};
use tokio::sync::oneshot;

use super::encode::{MakeRecords, Records};
use super::producer::{ProducerConfig, Producing, Reply, Request};

/// A connected sink.
pub(super) struct KafkaSink {
    encoder: Box<dyn MakeRecords>,
    /// The last ones, empty: their memory is used again.
    spare: Records,
    /// Holds one request at most: each is answered before the next one.
    requests: Sender<Request>,
    /// What a transactional sink had published when it connected.
    published: Option<Published>,
}

impl KafkaSink {
    /// Connects; a transactional one takes over from whoever wrote with its id before.
    pub(super) async fn open(
        config: Arc<ProducerConfig>,
        encoder: Box<dyn MakeRecords>,
        context: SinkContext,
    ) -> Result<Self, ConnectorError> {
        let (requests, inbox) = channel();
        let (opened, is_open) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("kafka-sink".to_owned());
        let serve = move || {
            let _entered = runtime.enter();
            match Producing::open(&config, &context) {
                Ok((producing, published)) => {
                    if opened.send(Ok(published)).is_ok() {
                        producing.serve(inbox);
                    }
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        };
        thread.spawn(serve).map_err(|error| {
            let message = "cannot start the thread of the Kafka producer";
            ConnectorError::new(ErrorKind::Internal, message).with_source(error)
        })?;
        let published = is_open.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(Self { encoder, spare: Records::default(), requests, published })
    }
}

async fn ask<T>(
    requests: &Sender<Request>,
    request: impl FnOnce(Reply<T>) -> Request + Send,
) -> Result<T, ConnectorError> {
    let (reply, answer) = oneshot::channel();
    requests.send(request(reply)).map_err(|_| gone())?;
    answer.await.unwrap_or_else(|_| Err(gone()))
}

fn gone() -> ConnectorError {
    ConnectorError::new(ErrorKind::Internal, "the thread of the Kafka producer is gone")
}

impl Sink for KafkaSink {
    fn write<'a>(
        &'a mut self,
        batch: &'a ChangeBatch,
    ) -> BoxFuture<'a, Result<(), ConnectorError>> {
        Box::pin(async move {
            let mut records = std::mem::take(&mut self.spare);
            self.encoder.encode(batch, &mut records)?;
            self.spare = ask(&self.requests, |reply| Request::Records(records, reply)).await?;
            self.spare.clear();
            Ok(())
        })
    }

    /// The library sends what waits by itself, after `linger.ms`.
    fn idle(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(ask(&self.requests, Request::Flush))
    }

    fn last_published(&mut self) -> BoxFuture<'_, Result<Option<Published>, ConnectorError>> {
        Box::pin(std::future::ready(Ok(self.published.clone())))
    }

    fn commit(&mut self, checkpoint: CheckpointId) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(ask(&self.requests, move |reply| Request::Commit(checkpoint, reply)))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>> {
        Box::pin(async move { ask(&self.requests, Request::Flush).await })
    }
}
