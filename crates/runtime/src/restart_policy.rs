//! What follows from an error: the one place that decides.

use std::time::Duration;

use tailwater_connector_api::ErrorKind;

use crate::error::JobError;

/// What a job does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Resume from the last checkpoint after a pause that grows.
    BackOff,
    /// Stop: nothing changes by trying again.
    Stop,
}

/// What a running job does about an error.
pub(crate) fn reaction(error: &JobError) -> Reaction {
    match error {
        JobError::Connector { source, .. } => match source.kind() {
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Throttled => Reaction::BackOff,
            ErrorKind::Conflict => Reaction::BackOff,
            ErrorKind::Config
            | ErrorKind::Auth
            | ErrorKind::SchemaMismatch
            | ErrorKind::BadData
            | ErrorKind::Unsupported
            | ErrorKind::Internal => Reaction::Stop,
        },
        JobError::Operator(_)
        | JobError::State(_)
        | JobError::Checkpoint { .. }
        | JobError::Io { .. } => Reaction::Stop,
    }
}

/// The pause before restart number `attempt`, counted from 0: Flink's exponential delay.
pub(crate) fn pause(attempt: u32) -> Duration {
    let millis = 1000.0 * 1.5_f64.powi(attempt.min(12) as i32);
    Duration::from_millis(millis.min(60_000.0) as u64)
}
