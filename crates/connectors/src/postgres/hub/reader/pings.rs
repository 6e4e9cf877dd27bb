//! Requests of the server for an answer, and what many of them mean.
//!
//! A server that shuts down ends its sessions of replication only when all that was sent is
//! acknowledged, which a job does with its next checkpoint. Until then it asks again after each
//! answer. Without one it would ask once in half of its timeout.

use std::time::{Duration, Instant};

/// So many hurried requests in a row are no chance.
const ENOUGH: u32 = 8;

/// Requests for an answer, one behind the other.
#[derive(Debug)]
pub(super) struct Pings {
    /// Two requests that are closer are hurried.
    hurried: Duration,
    last: Option<Instant>,
    in_a_row: u32,
}

impl Pings {
    /// For a server with this timeout.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { hurried: timeout / 8, last: None, in_a_row: 0 }
    }

    /// Takes a request; gives whether the server waits for us to be able to shut down.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let is_hurried = self.last.is_some_and(|last| now.duration_since(last) < self.hurried);
        self.in_a_row = if is_hurried { self.in_a_row + 1 } else { 0 };
        self.last = Some(now);
        self.in_a_row >= ENOUGH
    }

    /// There was something else.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hurried_requests_without_anything_between_are_a_shutdown() {
        let mut pings = Pings::new(Duration::from_secs(60));
        let mut now = Instant::now();
        for _ in 0..100 {
            now += Duration::from_secs(30);
            assert!(!pings.take(now));
        }
        for _ in 0..100 {
            now += Duration::from_millis(1);
            assert!(!pings.take(now));
            pings.forget();
        }
        let hurried = (0..20).position(|i| pings.take(now + Duration::from_millis(i)));
        assert_eq!(hurried, Some(ENOUGH as usize));
    }
}
