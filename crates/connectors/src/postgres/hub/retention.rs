//! A word in time: how much WAL the server keeps for the slot.

use std::sync::Weak;
use std::time::Duration;

use super::super::client::{self, ServerAddress};
use super::Hub;

const EVERY: Duration = Duration::from_secs(60);
/// From here on it is worth a word, and again each time it has doubled.
const MUCH_BYTES: i64 = 1 << 30;

const RETAINED: &str = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint,
      pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint,
      coalesce(wal_status, ''), safe_wal_size
    FROM pg_replication_slots WHERE slot_name = $1 AND restart_lsn IS NOT NULL";

/// Looks after a slot for as long as its hub lives.
pub(super) async fn watch(hub: Weak<Hub>, address: ServerAddress) {
    let mut next = MUCH_BYTES;
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(slot) = hub.upgrade().map(|hub| hub.slot.clone()) else {
            return;
        };
        let Some((retained, unread, status, left)) = look(&address, &slot).await else {
            continue;
        };
        if retained >= next || status == "unreserved" {
            tracing::warn!(
                slot,
                retained_bytes = retained,
                unread_bytes = unread,
                bytes_until_lost = left,
                wal_status = status,
                "the server keeps much WAL for the slot: a job that reads from it is slow or stopped, \
                 or a transaction has been open for long"
            );
            next = retained.saturating_mul(2).max(MUCH_BYTES);
        } else if retained < MUCH_BYTES {
            next = MUCH_BYTES;
        }
    }
}

async fn look(address: &ServerAddress, slot: &str) -> Option<(i64, i64, String, Option<i64>)> {
    // A server that does not answer is the reader's business.
    let client = client::connect(address, "tailwater").await.ok()?;
    let row = client.query_opt(RETAINED, &[&slot]).await.ok()??;
    Some((row.get(0), row.get(1), row.get(2), row.get(3)))
}
