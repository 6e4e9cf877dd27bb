//! The mail of one subscriber: what waits to be sent, and the box it goes into.
//!
//! A box that is full holds the reader back, and so the server. But it holds nobody else back who
//! has read all of his: a job may wait for one of its tables before it goes on with another
//! (that is how it repeats an epoch), and a job that is slow is no reason for the others to stand.
//! So mail for a full box gathers, up to the subscriber's [`Patience`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tailwater_connector_api::ConnectorError;
use tokio::sync::mpsc;

use super::super::mail::Paper;
use super::super::{Mail, Patience};

/// Mail of this size is sent even if more is there.
const FULL_BYTES: usize = 120 * 1024;
/// How often it is looked whether others have nothing to read by now.
pub(super) const LOOK: Duration = Duration::from_millis(10);

/// Where a subscriber's mail goes.
pub(super) struct Outbox {
    /// What is being written.
    pub(super) mail: Mail,
    /// Mail in front of it, each of the size at which it leaves; and how many bytes that is.
    waiting: VecDeque<Mail>,
    waiting_bytes: usize,
    sender: mpsc::Sender<Result<Mail, ConnectorError>>,
    patience: Patience,
    paper: Arc<Paper>,
}

impl Outbox {
    pub(super) fn new(
        sender: mpsc::Sender<Result<Mail, ConnectorError>>,
        patience: Patience,
        paper: &Arc<Paper>,
    ) -> Self {
        let (mail, paper) = (paper.mail(), Arc::clone(paper));
        Self { mail, waiting: VecDeque::new(), waiting_bytes: 0, sender, patience, paper }
    }

    pub(super) fn has_mail(&self) -> bool {
        self.mail.byte_size() > 0 || !self.waiting.is_empty()
    }

    /// Whether what is being written should leave.
    pub(super) fn is_full(&self) -> bool {
        self.mail.byte_size() >= FULL_BYTES
    }

    /// Whether something more can be sent at once.
    pub(super) fn has_room(&self) -> bool {
        self.sender.capacity() > 0
    }

    /// Whether everything that was sent has been read.
    pub(super) fn is_read(&self) -> bool {
        self.sender.capacity() == self.sender.max_capacity()
    }

    /// Whether the subscriber has gone.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends what has gathered as far as there is room.
    pub(super) fn send(&mut self) {
        while let Some(mail) = self.waiting.pop_front() {
            let bytes = mail.byte_size();
            if let Err(mail) = self.try_send(mail) {
                self.waiting.push_front(mail);
                break;
            }
            self.waiting_bytes -= bytes;
        }
        if self.mail.byte_size() == 0 || (!self.waiting.is_empty() && !self.is_full()) {
            return;
        }
        let mail = std::mem::replace(&mut self.mail, self.paper.mail());
        let sent = if self.waiting.is_empty() { self.try_send(mail) } else { Err(mail) };
        match sent {
            Ok(()) => {}
            Err(mail) if mail.byte_size() < FULL_BYTES => self.mail = mail,
            Err(mail) => {
                self.waiting_bytes += mail.byte_size();
                self.waiting.push_back(mail);
            }
        }
    }

    fn try_send(&self, mail: Mail) -> Result<(), Mail> {
        match self.sender.try_reserve() {
            Ok(permit) => {
                permit.send(Ok(mail));
                Ok(())
            }
            Err(_) => Err(mail),
        }
    }

    /// Whether the reader may go on although not everything could leave.
    pub(super) fn may_gather(&self, others_starve: bool) -> bool {
        self.waiting.is_empty() || (others_starve && self.waiting_bytes < self.patience.0)
    }

    /// Waits until there is room, or it is time to look at the others.
    pub(super) async fn room(&self) {
        // Room, a subscriber that has gone, and the time are seen by the caller.
        let _ = tokio::time::timeout(LOOK, self.sender.reserve()).await;
    }

    /// Tells of an error behind what has been sent, once there is room.
    pub(super) async fn fail(self, error: ConnectorError) {
        // Who has gone does not mind.
        let _ = self.sender.send(Err(error)).await;
    }
}
