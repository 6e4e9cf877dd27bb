//! A subscriber's end.

use std::sync::Arc;

use tailwater_connector_api::ConnectorError;
use tailwater_pg_wire::Lsn;
use tokio::sync::mpsc;

use super::super::connection::closed;
use super::{Hub, Mail, Request};

/// Mail of the stream; dropped, the subscriber is gone.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Where it begins.
    pub(crate) start: Lsn,
    number: u64,
    requests: mpsc::UnboundedSender<Request>,
    inbox: mpsc::Receiver<Result<Mail, ConnectorError>>,
    _hub: Arc<Hub>,
}

impl Subscription {
    pub(super) fn new(
        hub: Arc<Hub>,
        requests: mpsc::UnboundedSender<Request>,
        number: u64,
        start: Lsn,
        inbox: mpsc::Receiver<Result<Mail, ConnectorError>>,
    ) -> Self {
        Self { start, number, requests, inbox, _hub: hub }
    }

    /// Waits for mail.
    pub(crate) async fn next(&mut self) -> Result<Mail, ConnectorError> {
        self.inbox.recv().await.unwrap_or_else(|| Err(closed()))
    }

    /// Mail that is there already.
    pub(crate) fn try_next(&mut self) -> Result<Option<Mail>, ConnectorError> {
        match self.inbox.try_recv() {
            Ok(mail) => mail.map(Some),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => Err(closed()),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // A reader that is gone has nobody to forget.
        let _ = self.requests.send(Request::Detach(self.number));
    }
}
