//! The sink as the job sees it: a thread of its own makes records of the rows and sends them.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};

use tailwater_connector_api::{BoxFuture, ConnectorError, ErrorKind, Published, Sink, SinkContext};
use tailwater_types::{ChangeBatch, CheckpointId};
use tokio::sync::{Semaphore, oneshot};

use super::encode::MakeRecords;
use super::producer::{Owner, ProducerConfig, Producing, Reply, Request};

/// How many batches may wait for the thread.
const WAITING: usize = 2;

/// A connected sink.
pub(super) struct KafkaSink {
    requests: Sender<Request>,
    /// Room for batches that wait.
    room: Arc<Semaphore>,
    /// Why the thread has stopped.
    failed: Owner,
    /// What a transactional sink had published when it connected.
    published: Option<Published>,
}

impl KafkaSink {
    /// Connects; a transactional one takes over from whoever wrote with its id before.
    pub(super) async fn open(
        config: Arc<ProducerConfig>,
        maker: Box<dyn MakeRecords>,
        context: SinkContext,
    ) -> Result<Self, ConnectorError> {
        let (requests, inbox) = channel();
        let (opened, is_open) = oneshot::channel();
        let failed: Owner = Arc::new(OnceLock::new());
        let owner = Arc::downgrade(&failed);
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("kafka-sink".to_owned());
        let serve = move || {
            let _entered = runtime.enter();
            match Producing::open(&config, &context, owner) {
                Ok((producing, published)) => {
                    if opened.send(Ok(published)).is_ok() {
                        producing.serve(&inbox, maker);
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
        Ok(Self { requests, room: Arc::new(Semaphore::new(WAITING)), failed, published })
    }

    fn request(&self, request: Request) -> Result<(), ConnectorError> {
        self.requests.send(request).map_err(|_| self.failure())
    }

    async fn ask(&self, request: impl FnOnce(Reply) -> Request) -> Result<(), ConnectorError> {
        let (reply, answer) = oneshot::channel();
        self.request(request(reply))?;
        answer.await.map_err(|_| self.failure())
    }

    fn failure(&self) -> ConnectorError {
        self.failed.get().map_or_else(gone, ConnectorError::duplicate)
    }
}

fn gone() -> ConnectorError {
    ConnectorError::new(ErrorKind::Internal, "the thread of the Kafka producer is gone")
}

impl Sink for KafkaSink {
    fn write(&mut self, batch: Arc<ChangeBatch>) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(async move {
            let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| gone())?;
            self.request(Request::Write(batch, room))
        })
    }

    /// The library sends what waits by itself, after `linger.ms`.
    fn idle(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(self.ask(Request::Flush))
    }

    fn last_published(&mut self) -> BoxFuture<'_, Result<Option<Published>, ConnectorError>> {
        Box::pin(std::future::ready(Ok(self.published.clone())))
    }

    fn commit(&mut self, checkpoint: CheckpointId) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(self.ask(move |reply| Request::Commit(checkpoint, reply)))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>> {
        Box::pin(async move { self.ask(Request::Flush).await })
    }
}
