//! What a source of records makes of the stream beside changes of rows.

use tailwater_connector_api::{ConnectorError, ErrorKind, SourceEvent};
use tailwater_pg_wire::Lsn;
use tailwater_pg_wire::pgoutput::Begin;
use tailwater_types::ChangeBatch;

use super::super::records::Rereads;
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

    /// Whether the transaction that is being taken has signals: they are done behind it.
    pub(super) fn is_signalled(&self) -> bool {
        self.records.as_ref().is_some_and(|r| !r.signals.is_empty())
    }

    /// The transaction is over: its signals are remembered with the position, which is told. Gives
    /// whether there are any.
    pub(super) fn keep_signals(&mut self) -> bool {
        let signals = self.records.as_mut().map(|r| std::mem::take(&mut r.signals));
        let signals = signals.unwrap_or_default();
        let has_some = !signals.is_empty();
        self.position.rereads.signals.extend(signals);
        has_some
    }

    /// What is still to be read again.
    pub(crate) fn rereads(&self) -> &Rereads {
        &self.position.rereads
    }

    /// The same, to be changed where [`Changes::is_between`] holds; [`Changes::cut`] tells it.
    pub(crate) fn rereads_mut(&mut self) -> &mut Rereads {
        &mut self.position.rereads
    }

    /// Whether rows that are read again may come in here: behind a whole transaction, with nothing of
    /// the next one taken, and no earlier run to follow.
    pub(crate) fn is_between(&self) -> bool {
        self.transaction.is_none() && self.skip == 0 && !self.has_stops()
    }

    /// Hands over rows that were read again: until the next [`Changes::cut`] there is no place to go
    /// on from.
    pub(crate) fn push_reread(&mut self, rows: ChangeBatch) {
        self.ready.push_back(SourceEvent::Batch { rows, position: None });
    }

    /// Transactions that were told since this was first asked for and that nobody has seen in a
    /// snapshot.
    pub(crate) fn told_transactions(&mut self) -> &mut Vec<u32> {
        self.told_xids.get_or_insert_default()
    }

    /// Nobody asks for transactions any more.
    pub(crate) fn forget_transactions(&mut self) {
        self.told_xids = None;
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
