//! What is durable where, and what the server may therefore forget.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tailwater_connector_api::Acker;
use tailwater_pg_wire::Lsn;
use tailwater_types::Position;

use super::super::feedback::Progress;
use super::super::position::SlotPosition;

/// The claims on one slot.
#[derive(Debug, Default)]
pub(crate) struct Acks(Mutex<Claims>);

#[derive(Debug, Default)]
struct Claims {
    /// By subscriber: everything before is durable there.
    durable: BTreeMap<String, Lsn>,
    /// Where prepared transactions were prepared that are not durable: where their COMMIT PREPARED
    /// ends, once it has come. The server does not send them again from behind these places.
    prepared: BTreeMap<Lsn, Option<Lsn>>,
    /// How far the stream of a slot with prepared transactions is read: behind it there may be others.
    read: Option<Lsn>,
    progress: Option<Arc<Progress>>,
}

impl Acks {
    /// A subscriber needs everything from `lsn` on.
    pub(super) fn claim(&self, name: &str, lsn: Lsn) {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.durable.insert(name.to_owned(), lsn);
    }

    /// Everything before `lsn` is durable at a subscriber.
    fn ack(&self, name: &str, lsn: Lsn) {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match claims.durable.get_mut(name) {
            Some(durable) => *durable = (*durable).max(lsn),
            None => return,
        }
        claims.report();
    }

    /// From now on this is who tells the server.
    /// A slot that `has_prepared` transactions begins again to tell of them.
    pub(super) fn report_to(&self, progress: Arc<Progress>, has_prepared: bool) {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.progress = Some(progress);
        claims.read = has_prepared.then_some(Lsn(0));
        claims.report();
    }

    /// A transaction is prepared by a record at `at`.
    pub(super) fn prepare(&self, at: Lsn) {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.prepared.insert(at, None);
    }

    /// It is over: at its end it is to be durable, if it counts.
    pub(super) fn finish(&self, at: Lsn, end: Option<Lsn>) {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match end {
            Some(_) => claims.prepared.insert(at, end),
            None => claims.prepared.remove(&at),
        };
    }

    /// All that was prepared before `lsn` is known.
    pub(super) fn read(&self, lsn: Lsn) {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.read = Some(lsn);
        claims.report();
    }
}

impl Claims {
    fn report(&mut self) {
        if let (Some(progress), Some(durable)) = (&self.progress, self.durable.values().min()) {
            self.prepared.retain(|_, end| end.is_none_or(|end| end > *durable));
            let prepared = self.prepared.keys().next().copied();
            let least = [Some(*durable), prepared, self.read].into_iter().flatten().min();
            let least = least.unwrap_or_default();
            assert!(
                self.durable.values().all(|durable| *durable >= least),
                "only what is durable everywhere is acknowledged"
            );
            progress.flushed(least);
        }
    }
}

/// The acker of a subscriber; it knows its slot once the source has begun.
#[derive(Clone, Debug, Default)]
pub(crate) struct HubAcker(pub(crate) Arc<OnceLock<(Arc<Acks>, String)>>);

impl Acker for HubAcker {
    fn ack(&mut self, position: &Position) {
        let Ok(position) = SlotPosition::read(position) else {
            tracing::error!(%position, "acknowledged position cannot be read");
            return;
        };
        if let Some((acks, name)) = self.0.get() {
            acks.ack(name, position.lsn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_moves_with_the_slowest() {
        let acks = Acks::default();
        let progress = Arc::new(Progress::default());
        acks.claim("a", Lsn(10));
        acks.claim("b", Lsn(20));
        acks.report_to(Arc::clone(&progress), false);
        acks.ack("b", Lsn(90));
        assert_eq!(progress.flushed_to(), Lsn(10));
        acks.ack("a", Lsn(50));
        assert_eq!(progress.flushed_to(), Lsn(50));
        // Who comes back at an earlier place claims from there; the server never goes back.
        acks.claim("a", Lsn(30));
        acks.ack("b", Lsn(95));
        assert_eq!(progress.flushed_to(), Lsn(50));
    }

    #[test]
    fn a_prepared_transaction_holds_the_slot_until_it_is_durable() {
        let acks = Acks::default();
        let progress = Arc::new(Progress::default());
        acks.claim("a", Lsn(500));
        acks.report_to(Arc::clone(&progress), true);
        // What is prepared in front of the place to go on from has yet to be told again.
        assert_eq!(progress.flushed_to(), Lsn(0));
        acks.prepare(Lsn(310));
        acks.prepare(Lsn(320));
        acks.read(Lsn(600));
        assert_eq!(progress.flushed_to(), Lsn(310));
        acks.finish(Lsn(320), None);
        acks.finish(Lsn(310), Some(Lsn(650)));
        acks.read(Lsn(650));
        acks.ack("a", Lsn(640));
        assert_eq!(progress.flushed_to(), Lsn(310));
        acks.ack("a", Lsn(660));
        assert_eq!(progress.flushed_to(), Lsn(650));
        acks.read(Lsn(700));
        assert_eq!(progress.flushed_to(), Lsn(660));
    }
}
