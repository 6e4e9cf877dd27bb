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
    pub(super) fn report_to(&self, progress: Arc<Progress>) {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.progress = Some(progress);
        claims.report();
    }
}

impl Claims {
    fn report(&self) {
        if let (Some(progress), Some(least)) = (&self.progress, self.durable.values().min()) {
            assert!(
                self.durable.values().all(|durable| durable >= least),
                "only what is durable everywhere is acknowledged"
            );
            progress.flushed(*least);
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
        acks.report_to(Arc::clone(&progress));
        acks.ack("b", Lsn(90));
        assert_eq!(progress.flushed_to(), Lsn(10));
        acks.ack("a", Lsn(50));
        assert_eq!(progress.flushed_to(), Lsn(50));
        // Who comes back at an earlier place claims from there; the server never goes back.
        acks.claim("a", Lsn(30));
        acks.ack("b", Lsn(95));
        assert_eq!(progress.flushed_to(), Lsn(50));
    }
}
