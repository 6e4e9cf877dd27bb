//! What follows from an error: the one place that decides.

use std::io;
use std::time::Duration;

use tailwater_connector_api::ErrorKind;
use tailwater_operators::OperatorError;
use tailwater_state::StateError;

use crate::error::JobError;

/// What a job does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Resume from the last checkpoint after a pause that grows.
    BackOff,
    /// Stop: nothing changes by trying again.
    Stop,
}

/// How far a job has come, and so what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It has never run: its user sees at once what is wrong.
    Begins,
    /// It goes on from a checkpoint: its servers were there, and may be away as it starts.
    GoesOn,
    /// It has run.
    HasRun,
}

/// What a job does about an error.
pub(crate) fn reaction(error: &JobError, patience: Patience) -> Reaction {
    match patience {
        Patience::Begins => Reaction::Stop,
        Patience::GoesOn if is_away(error) => Reaction::BackOff,
        Patience::GoesOn => Reaction::Stop,
        Patience::HasRun => once_it_ran(error),
    }
}

/// Whether a server does not answer.
fn is_away(error: &JobError) -> bool {
    let JobError::Connector { source, .. } = error else {
        return false;
    };
    matches!(source.kind(), ErrorKind::Connect | ErrorKind::Timeout)
}

fn once_it_ran(error: &JobError) -> Reaction {
    match error {
        JobError::Connector { source, .. } => match source.kind() {
            ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Throttled => Reaction::BackOff,
            ErrorKind::Conflict => Reaction::BackOff,
            // It was let in before: a password is changed in one place first, and in the other next.
            ErrorKind::Auth => Reaction::BackOff,
            ErrorKind::Config
            | ErrorKind::Denied
            | ErrorKind::PlaceLost
            | ErrorKind::SchemaMismatch
            | ErrorKind::BadData
            | ErrorKind::Unsupported
            | ErrorKind::Internal => Reaction::Stop,
        },
        JobError::Io { source, .. }
        | JobError::State(StateError::Io { source, .. })
        | JobError::Operator(OperatorError::State(StateError::Io { source, .. })) => {
            if is_full(source) { Reaction::BackOff } else { Reaction::Stop }
        }
        JobError::Operator(
            OperatorError::Eval(_)
            | OperatorError::State(_)
            | OperatorError::UnknownValue { .. }
            | OperatorError::OldRowsLost,
        )
        | JobError::State(StateError::Damaged { .. })
        | JobError::Panicked
        | JobError::Checkpoint { .. } => Reaction::Stop,
    }
}

/// Whether the disk has no room, which somebody can make.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The pause before restart number `attempt`, counted from 0: Flink's exponential delay.
pub(crate) fn pause(attempt: u32) -> Duration {
    let millis = 1000.0 * 1.5_f64.powi(attempt.min(12) as i32);
    Duration::from_millis(millis.min(60_000.0) as u64)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tailwater_connector_api::ConnectorError;

    use super::*;

    fn of_kind(kind: ErrorKind) -> JobError {
        let source = ConnectorError::new(kind, "refused");
        JobError::Connector { role: "source", table: "t".to_owned(), source }
    }

    #[test]
    fn what_passes_or_is_mended_elsewhere_is_tried_again() {
        for kind in [ErrorKind::Connect, ErrorKind::Throttled, ErrorKind::Auth] {
            assert_eq!(once_it_ran(&of_kind(kind)), Reaction::BackOff, "{kind:?}");
        }
        for kind in
            [ErrorKind::Config, ErrorKind::Denied, ErrorKind::BadData, ErrorKind::SchemaMismatch]
        {
            assert_eq!(once_it_ran(&of_kind(kind)), Reaction::Stop, "{kind:?}");
        }
    }

    #[test]
    fn a_start_waits_for_a_server_that_was_there_before_and_for_nothing_else() {
        let waits = |kind, patience| reaction(&of_kind(kind), patience) == Reaction::BackOff;
        for kind in [ErrorKind::Connect, ErrorKind::Timeout] {
            assert!(!waits(kind, Patience::Begins), "{kind:?}");
            assert!(waits(kind, Patience::GoesOn), "{kind:?}");
            assert!(waits(kind, Patience::HasRun), "{kind:?}");
        }
        assert!(!waits(ErrorKind::Auth, Patience::GoesOn));
        assert!(waits(ErrorKind::Auth, Patience::HasRun));
    }

    #[test]
    fn a_full_disk_is_waited_for_and_a_broken_one_is_not() {
        let io = |kind: io::ErrorKind| JobError::io("write", Path::new("/s/log"), kind.into());
        let state = |kind: io::ErrorKind| {
            let (action, path, source) = ("write", "/s/run".to_owned(), kind.into());
            JobError::State(StateError::Io { action, path, source })
        };
        for error in [io(io::ErrorKind::StorageFull), state(io::ErrorKind::StorageFull)] {
            assert_eq!(once_it_ran(&error), Reaction::BackOff, "{error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("make room")), "{error}");
        }
        for error in [io(io::ErrorKind::PermissionDenied), state(io::ErrorKind::Other)] {
            assert_eq!(once_it_ran(&error), Reaction::Stop, "{error}");
            assert_eq!(error.hint(), None);
        }
    }
}
