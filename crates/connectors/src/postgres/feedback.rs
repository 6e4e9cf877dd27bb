//! What the server is told: a task of its own, so that it is told in time whatever else stalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use tailwater_pg_wire::replication::StatusUpdate;
use tailwater_pg_wire::{Lsn, frontend};
use tokio::sync::Notify;

use super::socket::SocketWriter;

/// Shared by the reader, the writer and the ackers. Only an acknowledged position is ever reported
/// as flushed: 0, before there is one, leaves the slot where it is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    received: AtomicU64,
    flushed: AtomicU64,
    is_over: AtomicBool,
    wake: Notify,
}

impl Progress {
    /// The reader has got everything up to here.
    pub(crate) fn received(&self, lsn: Lsn) {
        self.received.fetch_max(lsn.0, Ordering::Relaxed);
    }

    /// The server wants an answer.
    pub(crate) fn answer(&self) {
        self.wake.notify_one();
    }

    /// Everything before is durable everywhere.
    pub(crate) fn flushed(&self, lsn: Lsn) {
        self.flushed.fetch_max(lsn.0, Ordering::AcqRel);
        self.wake.notify_one();
    }

    /// What the server is told to be durable.
    #[cfg(test)]
    pub(crate) fn flushed_to(&self) -> Lsn {
        Lsn(self.flushed.load(Ordering::Acquire))
    }

    /// Nobody reads any more.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

/// Ends the writer when the reader is dropped.
pub(crate) struct EndOnDrop(pub(crate) Arc<Progress>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Writes a status update on each call, and one every `interval` that asks for an answer.
pub(crate) async fn write_status(
    mut writer: SocketWriter,
    progress: Arc<Progress>,
    interval: Duration,
) {
    let mut out = BytesMut::new();
    loop {
        let timed_out = tokio::time::timeout(interval, progress.wake.notified()).await;
        let is_over = progress.is_over.load(Ordering::Acquire);
        let flushed = progress.flushed.load(Ordering::Acquire);
        let status = StatusUpdate {
            written: Lsn(progress.received.load(Ordering::Relaxed).max(flushed)),
            flushed: Lsn(flushed),
            unix_micros: unix_micros(),
            reply_requested: timed_out.is_err(),
        };
        status.append(&mut out);
        if is_over {
            frontend::copy_done(&mut out);
            frontend::terminate(&mut out);
        }
        let written = writer.write_all(&out).await;
        out.clear();
        if let Err(error) = written {
            // The reader meets the same broken connection and reports it.
            tracing::debug!(%error, "status update not sent");
            return;
        }
        if is_over {
            return;
        }
    }
}

fn unix_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
