//! The stream of one source: mail of the hub to [`Changes`], never waiting for more than there is.

use std::time::{Duration, Instant};

use tailwater_connector_api::{ConnectorError, SourceEvent};
use tailwater_pg_wire::pgoutput::Relation;

use super::capture::Capture;
use super::changes::{Changes, Taken};
use super::hub::{Letter, Mail, Subscription};

/// Small transactions are handed over after this long even if more are there.
const GATHER: Duration = Duration::from_millis(20);

/// A running stream.
pub(crate) struct ChangeStream {
    subscription: Subscription,
    mail: Mail,
    capture: Capture,
    pub(crate) changes: Changes,
    /// A table that the stream describes, until it is known what to make of it.
    described: Option<Relation>,
    /// Since when the batch gathers.
    begun: Option<Instant>,
    /// There is nothing more, and that is news.
    is_idle_news: bool,
    /// Why there is nothing more behind what has been taken.
    failed: Option<ConnectorError>,
}

impl ChangeStream {
    /// Reads a subscription.
    pub(crate) fn new(subscription: Subscription, capture: Capture, changes: Changes) -> Self {
        let mail = Mail::default();
        Self {
            subscription,
            mail,
            capture,
            changes,
            described: None,
            begun: None,
            is_idle_news: false,
            failed: None,
        }
    }

    /// Learns of a table that is being described, if one is. Waited for to the end now and then: whoever
    /// gives up makes it begin again.
    pub(crate) async fn finish_describing(&mut self) -> Result<(), ConnectorError> {
        match self.failed {
            Some(_) => Ok(()),
            None => self.describe().await.or_else(|error| self.fail(error)),
        }
    }

    async fn describe(&mut self) -> Result<(), ConnectorError> {
        let Some(relation) = &self.described else {
            return Ok(());
        };
        match self.capture.describe(relation).await? {
            Some(captured) => {
                self.subscription.check_format(&captured)?;
                self.changes.describe(relation.oid, captured);
            }
            None => {
                self.changes.forget(relation.oid);
                self.subscription.refuse(relation.oid);
            }
        }
        self.described = None;
        Ok(())
    }

    /// What came before an error is delivered before.
    fn fail(&mut self, error: ConnectorError) -> Result<(), ConnectorError> {
        if !self.changes.has_rows() {
            return Err(error);
        }
        self.failed = Some(error);
        self.changes.cut();
        Ok(())
    }

    /// The next event. Nothing is lost if it is not waited for to the end.
    pub(crate) async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        loop {
            if let Some(event) = self.changes.pop() {
                return Ok(event);
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            match self.decode().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    self.fail(error)?;
                    continue;
                }
            }
            if self.changes.has_whole_transactions() {
                let since = *self.begun.get_or_insert_with(Instant::now);
                if since.elapsed() <= GATHER
                    && let Some(mail) = self.subscription.try_next()?
                {
                    self.mail = mail;
                    continue;
                }
                self.begun = None;
                self.changes.cut();
                continue;
            }
            if std::mem::take(&mut self.is_idle_news) {
                self.changes.cut();
                continue;
            }
            self.mail = self.subscription.next().await?;
        }
    }

    /// Takes letters until an event is complete (true) or none is left.
    async fn decode(&mut self) -> Result<bool, ConnectorError> {
        loop {
            // Whoever waited for the description before may have given up.
            self.describe().await?;
            let Some(letter) = self.mail.next() else {
                return Ok(false);
            };
            match letter {
                Letter::Message(at, message) => {
                    self.is_idle_news = false;
                    if let Taken::Described(relation) = self.changes.take(at, message)? {
                        self.described = Some(relation);
                    }
                }
                Letter::Progress(lsn) => self.is_idle_news = self.changes.keepalive(lsn),
            }
            if self.changes.has_event() {
                return Ok(true);
            }
        }
    }
}
