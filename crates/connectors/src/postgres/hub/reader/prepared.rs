//! Transactions that are prepared, kept until COMMIT PREPARED or ROLLBACK PREPARED.
//!
//! A slot with `two_phase` delivers them at PREPARE TRANSACTION, and again only to who begins in front
//! of that: as long as one is kept, the slot is not acknowledged further ([`Acks`]).

use std::collections::HashMap;
use std::sync::Arc;

use tailwater_pg_wire::Lsn;

use super::super::acks::Acks;
use super::super::spill::Spill;

/// The prepared transactions of a connection.
#[derive(Default)]
pub(super) struct Prepared {
    /// None of a slot that does not deliver any.
    acks: Option<Arc<Acks>>,
    /// By the transaction's id where it was prepared, and what it has done.
    kept: HashMap<u32, (Lsn, Spill)>,
    /// The one that is being delivered.
    open: Option<u32>,
}

impl Prepared {
    /// A new connection begins: the server tells everything again.
    pub(super) fn begin(acks: Option<Arc<Acks>>) -> Self {
        Self { acks, ..Self::default() }
    }

    /// The transaction that is being delivered.
    pub(super) fn open(&self) -> Option<u32> {
        self.open
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The changes of a transaction follow that was prepared at `at`.
    pub(super) fn deliver(&mut self, xid: u32, at: Lsn) {
        self.open = Some(xid);
        self.keep(xid, at, Spill::default());
    }

    /// All of them have come.
    pub(super) fn delivered(&mut self) {
        self.open = None;
    }

    /// Keeps a transaction whose changes have come.
    pub(super) fn keep(&mut self, xid: u32, at: Lsn, changes: Spill) {
        if let Some(acks) = &self.acks {
            acks.prepare(at);
        }
        self.kept.insert(xid, (at, changes));
    }

    /// Where changes of a transaction go.
    pub(super) fn changes(&mut self, xid: u32) -> Option<&mut Spill> {
        self.kept.get_mut(&xid).map(|(_, changes)| changes)
    }

    /// A transaction is over, committed with an `end`; gives what it has done.
    pub(super) fn finish(&mut self, xid: u32, end: Option<Lsn>) -> Option<Spill> {
        let (at, changes) = self.kept.remove(&xid)?;
        if let Some(acks) = &self.acks {
            acks.finish(at, end);
        }
        Some(changes)
    }

    /// The stream is read up to here.
    pub(super) fn read(&self, lsn: Lsn) {
        if let Some(acks) = &self.acks {
            acks.read(lsn);
        }
    }
}
