//! The record of what a sink has published: beside the files, hidden, replaced as a whole. What it
//! names becomes visible even if a crash comes before all of it has its name.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tailwater_connector_api::{ConnectorError, ErrorKind};

/// A commit: which checkpoint, and which files get their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) lineage: String,
    pub(super) checkpoint: u64,
    /// Hidden name and final one, below the table's directory.
    pub(super) files: Vec<(PathBuf, PathBuf)>,
}

impl Commit {
    /// What was committed last, if anything was.
    pub(super) fn read(record: &Path) -> Result<Option<Self>, ConnectorError> {
        let bytes = match fs::read(record) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", record, error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let message = format!("\"{}\" is not a record of this sink", record.display());
            ConnectorError::new(ErrorKind::Config, message)
                .with_hint("restore it, or empty the directory and start with --fresh")
                .with_source(error)
        })
    }

    /// Makes the commit durable: from here on it has happened.
    pub(super) fn write(&self, record: &Path) -> Result<(), ConnectorError> {
        let new = record.with_extension("new");
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&new, record)?;
            sync_directory(record.parent())
        };
        write().map_err(|error| failed("write", record, error))
    }

    /// Gives the files their names, those that have not got them.
    pub(super) fn publish(&self, directory: &Path) -> Result<(), ConnectorError> {
        for (from, to) in &self.files {
            let (from, to) = (directory.join(from), directory.join(to));
            match fs::rename(&from, &to) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("write", &to, error)),
            }
            sync_directory(to.parent()).map_err(|error| failed("write", &to, error))?;
        }
        Ok(())
    }
}

/// Makes names in a directory durable.
pub(super) fn sync_directory(directory: Option<&Path>) -> io::Result<()> {
    match directory {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

pub(super) fn failed(verb: &str, path: &Path, error: io::Error) -> ConnectorError {
    // A full disk or a lost mount may pass.
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => ErrorKind::Config,
        _ => ErrorKind::Connect,
    };
    ConnectorError::new(kind, format!("cannot {verb} \"{}\"", path.display())).with_source(error)
}
