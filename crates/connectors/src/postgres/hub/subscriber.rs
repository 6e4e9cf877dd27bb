//! A subscriber's end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::Lsn;
use tokio::sync::mpsc;

use super::super::changes::CapturedRelation;
use super::super::connection::closed;
use super::{Hub, Mail, Request};

/// Mail of the stream; dropped, the subscriber is gone.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Where it begins.
    pub(crate) start: Lsn,
    pub(super) is_binary: bool,
    pub(super) number: u64,
    pub(super) requests: mpsc::UnboundedSender<Request>,
    pub(super) inbox: mpsc::Receiver<Result<Mail, ConnectorError>>,
    pub(super) hub: Arc<Hub>,
}

impl Subscription {
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

    /// What the stream describes may need values as text while they come in the binary format: then
    /// the stream has to begin anew.
    pub(crate) fn check_format(&self, relation: &CapturedRelation) -> Result<(), ConnectorError> {
        if !self.is_binary || relation.reads_binary() {
            return Ok(());
        }
        self.hub.is_text.store(true, Ordering::Relaxed);
        let table = relation.names().shown();
        let message = format!("table {table} has got values that only come as text");
        Err(ConnectorError::new(ErrorKind::Conflict, message)
            .with_hint("nothing has to be done: the stream is read again as text"))
    }

    /// A table that was not named is not wanted.
    pub(crate) fn refuse(&self, relation: u32) {
        // A reader that is gone sends nothing of it either.
        let _ = self.requests.send(Request::Refuse(self.number, relation));
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // A reader that is gone has nobody to forget.
        let _ = self.requests.send(Request::Detach(self.number));
    }
}
