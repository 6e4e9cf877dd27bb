//! Waiting for a condition instead of for time.

use std::time::{Duration, Instant};

/// Asks `condition` again and again until it gives something.
///
/// # Panics
/// After `limit`, with the name of what was waited for.
pub async fn wait_for<T, F>(what: &str, limit: Duration, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
