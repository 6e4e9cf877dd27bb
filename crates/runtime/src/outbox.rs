//! Output that may not leave yet, on disk.
//!
//! Rows of a snapshot that would be read again after a crash must not reach a sink before the
//! checkpoint that makes them part of the state is durable: a row deleted meanwhile would stay in
//! the sink for ever. They wait here; the checkpoint names how much of the file belongs to it, so
//! that a restart hands over what had not left.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tailwater_types::ChangeBatch;

use crate::error::JobError;
use crate::frame_log::{FrameLog, FrameReader};

const FILE: &str = "outbox.log";

/// The job's outbox.
pub(crate) struct Outbox {
    path: PathBuf,
    log: Option<FrameLog>,
}

impl Outbox {
    /// The outbox of a job's directory; what lies there is not touched yet.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { path: directory.join(FILE), log: None }
    }

    /// Whether something waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.log.is_none()
    }

    /// Keeps rows for a sink.
    pub(crate) fn push(&mut self, sink: usize, batch: &ChangeBatch) -> Result<(), JobError> {
        let log = match &mut self.log {
            Some(log) => log,
            None => self.log.insert(FrameLog::create(self.path.clone())?),
        };
        log.append(|out| {
            out.extend_from_slice(&(sink as u32).to_le_bytes());
            batch.encode(out);
        })
    }

    /// Makes what waits durable; gives its size.
    pub(crate) fn sync(&self) -> Result<u64, JobError> {
        match &self.log {
            Some(log) => log.sync().map(|()| log.byte_size()),
            None => Ok(0),
        }
    }

    /// Reads everything that waits back, in order, and waits for new rows from an empty file.
    /// The file stays until [`Outbox::push`] needs it or [`Outbox::remove`] is called.
    pub(crate) fn take(&mut self) -> Result<OutboxReader, JobError> {
        let bytes = self.log.take().map_or(0, |log| log.byte_size());
        self.read(bytes)
    }

    /// What a checkpoint left: the first `bytes` of the file.
    pub(crate) fn read(&self, bytes: u64) -> Result<OutboxReader, JobError> {
        Ok(OutboxReader { frames: FrameReader::open(&self.path, bytes)?, read: 0, expected: bytes })
    }

    /// Removes the file: everything that waited is durable in the sinks.
    pub(crate) fn remove(&mut self) {
        if self.log.is_none() {
            // What stays is not named by a manifest and is overwritten by the next use.
            let _ = std::fs::remove_file(&self.path);
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
    /// The next rows and the number of their sink.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Arc<ChangeBatch>)>, JobError> {
        let damaged = || JobError::Checkpoint {
            message: "the output that waits beside the checkpoint is damaged".to_owned(),
            hint: "start with --fresh to drop the checkpoint and begin anew".to_owned(),
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
