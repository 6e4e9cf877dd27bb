//! Part files: hidden while they are written, visible by a commit.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tailwater_connector_api::{ConnectorError, ErrorKind, Published, SinkContext};
use tailwater_types::CheckpointId;

use super::commit::{Commit, failed, sync_directory};

/// How many files are open at once.
const OPEN_FILES: usize = 128;
const SUFFIX: &str = ".inprogress";

/// Rows of one partition, as the bytes of their file.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The partition's directory below the table's.
    pub(super) partition: PathBuf,
    pub(super) bytes: Vec<u8>,
}

/// The part files of one sink of one job.
pub(super) struct Parts {
    directory: PathBuf,
    /// Tells the sink's hidden files from those of others.
    writer: String,
    lineage: String,
    /// Tells the hidden files of this commit from those of all others: the record of a commit may
    /// be followed again after later rows were written.
    attempt: uuid::Uuid,
    /// Files since the last commit, by partition; those that are open with their writers.
    files: BTreeMap<PathBuf, Option<BufWriter<File>>>,
    published: Option<Published>,
}

impl Parts {
    /// Finishes the last commit and drops what was never committed.
    pub(super) fn open(directory: &Path, context: &SinkContext) -> Result<Self, ConnectorError> {
        fs::create_dir_all(directory).map_err(|error| {
            failed("create", directory, error).with_hint("'path' names a directory")
        })?;
        let job = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, context.job_name.as_bytes());
        let writer = format!("{}-{}", job.simple(), context.number);
        let mut parts = Self {
            directory: directory.to_owned(),
            writer,
            lineage: context.lineage.clone(),
            attempt: uuid::Uuid::new_v4(),
            files: BTreeMap::new(),
            published: None,
        };
        if let Some(commit) = Commit::read(&parts.record())? {
            commit.publish(directory)?;
            let checkpoint = CheckpointId(commit.checkpoint);
            parts.published = Some(Published { lineage: commit.lineage, checkpoint });
        }
        parts.drop_uncommitted(directory)?;
        Ok(parts)
    }

    /// What was published last when the sink was opened.
    pub(super) fn published(&self) -> Option<Published> {
        self.published.clone()
    }

    fn record(&self) -> PathBuf {
        self.directory.join(format!(".tailwater-{}.json", self.writer))
    }

    /// What the names of all its hidden files begin with.
    fn hidden_prefix(&self) -> String {
        format!(".part-{}-", self.writer)
    }

    fn hidden_name(&self) -> String {
        format!("{}{}{SUFFIX}", self.hidden_prefix(), self.attempt.simple())
    }

    fn drop_uncommitted(&self, directory: &Path) -> Result<(), ConnectorError> {
        let list = |error| failed("read", directory, error);
        for entry in fs::read_dir(directory).map_err(list)? {
            let entry = entry.map_err(list)?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let is_own = name.starts_with(&self.hidden_prefix()) && name.ends_with(SUFFIX);
            if entry.file_type().map_err(list)?.is_dir() {
                self.drop_uncommitted(&path)?;
            } else if is_own {
                fs::remove_file(&path).map_err(|error| failed("remove", &path, error))?;
            }
        }
        Ok(())
    }

    /// Appends rows; nobody sees them yet.
    pub(super) fn write(&mut self, rows: Vec<Rows>) -> Result<(), ConnectorError> {
        for Rows { partition, bytes } in rows {
            let directory = self.directory.join(&partition);
            let path = directory.join(self.hidden_name());
            let written = |error| failed("write", &path, error);
            let is_open = self.files.get(&partition).is_some_and(Option::is_some);
            if !is_open {
                self.make_room()?;
                fs::create_dir_all(&directory).map_err(written)?;
                let file = OpenOptions::new().create(true).append(true).open(&path);
                let writer = BufWriter::new(file.map_err(written)?);
                self.files.insert(partition.clone(), Some(writer));
            }
            if let Some(Some(writer)) = self.files.get_mut(&partition) {
                writer.write_all(&bytes).map_err(written)?;
            }
        }
        Ok(())
    }

    /// Closes files where too many are open.
    fn make_room(&mut self) -> Result<(), ConnectorError> {
        let open = self.files.values().filter(|file| file.is_some()).count();
        if open < OPEN_FILES {
            return Ok(());
        }
        for file in self.files.values_mut() {
            if let Some(mut writer) = file.take() {
                writer.flush().map_err(|error| failed("write", &self.directory, error))?;
            }
        }
        Ok(())
    }

    /// Makes everything since the last commit visible, as the rows of a checkpoint.
    pub(super) fn commit(&mut self, checkpoint: CheckpointId) -> Result<(), ConnectorError> {
        let hidden = self.hidden_name();
        let visible = format!("part-{}-{}-{}", self.lineage, self.writer, checkpoint.0);
        let mut files = Vec::new();
        for (partition, writer) in std::mem::take(&mut self.files) {
            let path = self.directory.join(&partition).join(&hidden);
            let written = |error| failed("write", &path, error);
            let file = match writer {
                Some(writer) => writer.into_inner().map_err(|e| written(e.into_error()))?,
                None => File::open(&path).map_err(written)?,
            };
            file.sync_all().map_err(written)?;
            sync_directory(path.parent()).map_err(written)?;
            files.push((partition.join(&hidden), partition.join(&visible)));
        }
        let lineage = self.lineage.clone();
        let commit = Commit { lineage, checkpoint: checkpoint.0, files };
        commit.write(&self.record())?;
        self.attempt = uuid::Uuid::new_v4();
        commit.publish(&self.directory)
    }
}

/// The error of a task that is gone.
pub(super) fn gone() -> ConnectorError {
    ConnectorError::new(ErrorKind::Internal, "the writer of files is gone")
}
