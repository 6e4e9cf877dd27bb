//! Output that may not leave yet, on disk.
//!
//! Rows of a snapshot that would be read again after a crash must not reach a sink before the
//! checkpoint that makes them part of the state is durable: a row deleted meanwhile would stay in
//! the sink for ever. They wait here in one file per checkpoint, whose manifest says how long it
//! is, so that a restart hands over what had not left.
//!
//! All rows for transactional sinks wait as well, in files of their own: they are published once
//! their checkpoint is durable, never before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tailwater_connector_api::Hint;
use tailwater_types::ChangeBatch;

use crate::error::JobError;
use crate::frame_log::{FrameLog, FrameReader};

/// The job's outbox: what belongs to the checkpoint being made, and what came behind its cut.
pub(crate) struct Outbox {
    directory: PathBuf,
    /// What its files are called.
    name: &'static str,
    /// In front of the last cut, with the number of its checkpoint; not released yet.
    sealed: Option<(u64, FrameLog)>,
    /// Behind the last cut.
    current: Option<FrameLog>,
}

impl Outbox {
    /// The rows that would become untrue; what lies in the job's directory is not touched yet.
    pub(crate) fn of_held_rows(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), name: "outbox", sealed: None, current: None }
    }

    /// The rows for transactional sinks.
    pub(crate) fn of_transactions(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), name: "publication", sealed: None, current: None }
    }

    fn path(&self, checkpoint: u64) -> PathBuf {
        self.directory.join(format!("{}-{checkpoint}.log", self.name))
    }

    fn new_path(&self) -> PathBuf {
        self.directory.join(format!("{}.new", self.name))
    }

    /// Whether something waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.sealed.is_none() && self.current.is_none()
    }

    /// How much came behind the last cut.
    pub(crate) fn byte_size(&self) -> u64 {
        self.current.as_ref().map_or(0, FrameLog::byte_size)
    }

    /// Keeps rows for a sink.
    pub(crate) fn push(&mut self, sink: usize, batch: &ChangeBatch) -> Result<(), JobError> {
        let log = match &mut self.current {
            Some(log) => log,
            None => {
                let new = self.new_path();
                self.current.insert(FrameLog::create(new)?)
            }
        };
        log.append(|out| {
            out.extend_from_slice(&(sink as u32).to_le_bytes());
            batch.encode(out);
        })
    }

    /// Cuts: what waits belongs to `checkpoint` and is durable afterwards. Gives its size.
    pub(crate) fn cut(&mut self, checkpoint: u64) -> Result<u64, JobError> {
        let Some(log) = self.current.take() else {
            return Ok(0);
        };
        log.sync()?;
        let (new, path) = (self.new_path(), self.path(checkpoint));
        std::fs::rename(&new, &path).map_err(|e| JobError::io("rename", &new, e))?;
        let bytes = log.byte_size();
        self.sealed = Some((checkpoint, log));
        Ok(bytes)
    }

    /// Reads back what belongs to the checkpoint that has just become durable, in order.
    pub(crate) fn release_sealed(&mut self) -> Result<Option<OutboxReader>, JobError> {
        let sealed = self.sealed.take();
        sealed.map(|(number, log)| self.read(number, log.byte_size())).transpose()
    }

    /// Reads back what came behind the cut: only where a restart gives the same rows again.
    pub(crate) fn release_current(&mut self) -> Result<Option<OutboxReader>, JobError> {
        let Some(log) = self.current.take() else {
            return Ok(None);
        };
        let bytes = log.byte_size();
        OutboxReader::open(&self.new_path(), bytes).map(Some)
    }

    /// What a checkpoint left for the sinks.
    pub(crate) fn read(&self, checkpoint: u64, bytes: u64) -> Result<OutboxReader, JobError> {
        OutboxReader::open(&self.path(checkpoint), bytes)
    }

    /// Removes what earlier checkpoints left: by now it is durable in the sinks.
    pub(crate) fn remove_before(&self, checkpoint: u64) {
        let Ok(files) = std::fs::read_dir(&self.directory) else {
            return;
        };
        for file in files.flatten() {
            let name = file.file_name();
            let number = name
                .to_str()
                .and_then(|n| n.strip_prefix(self.name)?.strip_prefix('-')?.strip_suffix(".log"))
                .and_then(|n| n.parse::<u64>().ok());
            if number.is_some_and(|n| n < checkpoint) {
                // What stays is not named by a manifest.
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

/// Reads an outbox.
pub(crate) struct OutboxReader {
    frames: Option<FrameReader>,
    read: u64,
    expected: u64,
}

impl OutboxReader {
    fn open(path: &Path, bytes: u64) -> Result<Self, JobError> {
        Ok(Self { frames: FrameReader::open(path, bytes)?, read: 0, expected: bytes })
    }

    /// The next rows and the number of their sink.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Arc<ChangeBatch>)>, JobError> {
        let damaged = || JobError::Checkpoint {
            message: "the output that waits beside the checkpoint is damaged".to_owned(),
            hint: Hint::each(|say| say.begin_anew().to_owned()),
        };
        if self.read >= self.expected {
            return Ok(None);
        }
        let frame = match &mut self.frames {
            Some(frames) => frames.next()?,
            None => None,
        };
        let frame = frame.ok_or_else(damaged)?;
        self.read += 8 + frame.len() as u64;
        let (sink, rows) = frame.split_first_chunk::<4>().ok_or_else(damaged)?;
        let rows = ChangeBatch::decode(rows).ok_or_else(damaged)?;
        Ok(Some((u32::from_le_bytes(*sink) as usize, Arc::new(rows))))
    }
}
