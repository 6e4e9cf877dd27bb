//! What can go wrong with state.

use std::path::Path;

/// Why state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The operating system refused.
    #[error("failed to {action} state file \"{path}\"")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what was written.
    #[error("state file \"{path}\" is damaged: {reason}")]
    Damaged {
        /// Which file.
        path: String,
        /// How it shows.
        reason: String,
    },
}

impl StateError {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.display().to_string(), source }
    }

    pub(crate) fn damaged(path: &Path, reason: &str) -> Self {
        Self::Damaged { path: path.display().to_string(), reason: reason.to_owned() }
    }
}
