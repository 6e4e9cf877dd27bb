//! What a source of records makes of the stream beside changes of rows.

use std::collections::VecDeque;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::Lsn;
use tailwater_pg_wire::pgoutput::Begin;

use super::super::records::Signal;
use super::rows::{CapturedRelation, Change};
use super::{Changes, MAX_BYTES, MAX_ROWS};

impl Changes {
    /// A change that an earlier run has taken: its transaction's events are counted all the same.
    pub(super) fn recount(
        &mut self,
        table: &mut CapturedRelation,
        change: Change<'_>,
    ) -> Result<(), ConnectorError> {
        let is_dropped = self.transaction.as_ref().is_none_or(|t| t.is_dropped);
        let counts = self.records.as_ref().is_some_and(|r| r.settings.has_transactions());
        if is_dropped || !counts {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let appended = self.append(table, change);
        self.batch = batch;
        appended
    }

    /// A transaction is over.
    pub(super) fn end_records(&mut self, begin: &Begin, end: Lsn) -> Result<(), ConnectorError> {
        match &mut self.records {
            Some(records) => records.end(begin, end, &mut self.batch).map_err(unwritten),
            None => Ok(()),
        }
    }

    /// Takes a logical message; one without a transaction has a place of its own.
    pub(super) fn message(
        &mut self,
        place: Option<Lsn>,
        message: (&str, &[u8]),
    ) -> Result<(), ConnectorError> {
        let is_wanted = self.records.as_ref().is_some_and(|r| r.settings.takes_message(message.0));
        if self.records.is_none() {
            return Ok(());
        }
        if let Some(lsn) = place {
            // What was taken of the next transaction came behind it.
            if lsn < self.position.lsn || self.skip > 0 {
                return Ok(());
            }
            self.pass_stops(lsn);
            if is_wanted && let Some(records) = &mut self.records {
                records.push_message(message, None, &mut self.batch).map_err(unwritten)?;
            }
            let behind = Lsn(lsn.0 + 1);
            self.settle(behind);
            self.pass_stops(behind);
            return Ok(());
        }
        let is_new = self.count()?;
        let (Some(records), Some(transaction)) = (&mut self.records, &self.transaction) else {
            return Ok(());
        };
        if !is_wanted || transaction.is_dropped {
            return Ok(());
        }
        let kept = self.batch.len();
        let begin = Some(&transaction.begin);
        records.push_message(message, begin, &mut self.batch).map_err(unwritten)?;
        if !is_new {
            self.batch.truncate(kept);
        }
        self.pass_inner_stop();
        Ok(())
    }

    /// Appends a heartbeat, unless a transaction is being taken or a restart follows an earlier run.
    pub(crate) fn heartbeat(&mut self) -> Result<(), ConnectorError> {
        if self.transaction.is_some() || self.has_stops() {
            return Ok(());
        }
        if let Some(records) = &self.records {
            records.push_heartbeat(&mut self.batch).map_err(unwritten)?;
        }
        self.cut();
        Ok(())
    }

    /// Whether there are signals that are not done.
    pub(super) fn is_signalled(&self) -> bool {
        self.is_rereading || self.records.as_ref().is_some_and(|r| !r.signals.is_empty())
    }

    /// Signals whose transactions are over. Until [`Changes::end_signals`] there is no place to go
    /// on from: a restart reads them again.
    pub(crate) fn take_signals(&mut self) -> VecDeque<Signal> {
        let Some(records) = self.records.as_mut().filter(|_| self.transaction.is_none()) else {
            return VecDeque::new();
        };
        let signals = std::mem::take(&mut records.signals);
        self.is_rereading |= !signals.is_empty();
        signals
    }

    /// What the signals ask for is done.
    pub(crate) fn end_signals(&mut self) {
        if std::mem::take(&mut self.is_rereading) {
            self.cut();
        }
    }

    /// Ends the batch where an earlier run did, or when it is full.
    pub(super) fn pass_inner_stop(&mut self) {
        let Some(transaction) = &self.transaction else {
            return;
        };
        let (changes, final_lsn) = (transaction.changes, transaction.begin.final_lsn);
        if let Some((stop, _)) = self.stops.front()
            && stop.ordinal > 0
            && stop.ordinal == changes
            && final_lsn >= stop.lsn
            && let Some((_, position)) = self.stops.pop_front()
        {
            self.emit(Some(position));
        } else if self.batch.len() >= MAX_ROWS || self.batch.byte_size() >= MAX_BYTES {
            self.cut();
        }
    }
}

fn unwritten(error: tailwater_debezium::event::EventError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Internal, "a record cannot be written").with_source(error)
}
