//! Why a job stopped.

use tailwater_connector_api::{ConnectorError, Dialect, Hint};
use tailwater_operators::OperatorError;
use tailwater_state::StateError;

use crate::restart_policy::is_full;

const MAKE_ROOM: &str = "make room on the disk of the checkpoint directory: a job that has run goes \
    on by itself";

/// Why a job cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A source or sink failed.
    #[error("{role} \"{table}\": {source}")]
    Connector {
        /// `source` or `sink`.
        role: &'static str,
        /// The table.
        table: String,
        /// What it said.
        #[source]
        source: ConnectorError,
    },
    /// A value could not be computed.
    #[error("failed to compute a value: {0}")]
    Operator(#[source] OperatorError),
    /// State could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The checkpoint cannot be used.
    #[error("{message}")]
    Checkpoint {
        /// What is wrong.
        message: String,
        /// How to mend it.
        hint: Hint,
    },
    /// A fault of ours: the loop is gone.
    #[error("the job has broken down over a fault in Tailwater")]
    Panicked,
    /// A file of the checkpoint could not be written or read.
    #[error("failed to {action} \"{path}\"")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl JobError {
    pub(crate) fn io(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.display().to_string(), source }
    }

    /// The declared table it is about, where it is about one.
    pub fn table(&self) -> Option<&str> {
        match self {
            JobError::Connector { table, .. } => Some(table),
            _ => None,
        }
    }

    /// How to mend it, where that is known, for users of SQL.
    pub fn hint(&self) -> Option<&str> {
        self.hint_in(Dialect::Sql)
    }

    /// The same for others.
    pub fn hint_in(&self, dialect: Dialect) -> Option<&str> {
        match self {
            JobError::Connector { source, .. } => source.hint_in(dialect),
            JobError::Checkpoint { hint, .. } => Some(hint.text(dialect)),
            JobError::State(StateError::Damaged { .. }) => Some(dialect.begin_anew()),
            JobError::State(StateError::Io { source, .. }) | JobError::Io { source, .. } => {
                is_full(source).then_some(MAKE_ROOM)
            }
            JobError::Panicked => {
                Some("start it again: it goes on from its last checkpoint; the log has the place")
            }
            JobError::Operator(_) => None,
        }
    }

    /// The error with the errors beneath it, each said once.
    pub fn reason(&self) -> String {
        let mut text = self.to_string();
        let mut beneath = std::error::Error::source(self);
        while let Some(error) = beneath {
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            beneath = error.source();
        }
        text
    }
}

impl From<OperatorError> for JobError {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::State(error) => JobError::State(error),
            other => JobError::Operator(other),
        }
    }
}
