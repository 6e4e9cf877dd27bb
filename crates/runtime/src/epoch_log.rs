//! What the epochs since the last checkpoint consisted of, durable before their rows leave.
//!
//! A sink that is written through already holds rows of epochs that a crash takes from the state.
//! A restart must give the same rows again: it feeds the same batches in the same order under the
//! same clock, and only then goes on freely. Needed where several inputs are merged or a clock is
//! read; one ordered input gives the same rows by itself.

use std::path::{Path, PathBuf};

use tailwater_types::{Position, Timestamp};

use crate::error::JobError;
use crate::frame_log::{FrameLog, FrameReader};

/// In the place of a source's number: what follows cannot be followed.
const INTERRUPTED: u32 = u32::MAX;

/// One batch that was fed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FedBatch {
    /// The source's number.
    pub(crate) source: usize,
    /// The clock under which it was fed.
    pub(crate) now: Timestamp,
    /// The place behind it.
    pub(crate) position: Position,
}

/// The log of the epochs behind one checkpoint.
pub(crate) struct EpochLog {
    log: FrameLog,
    directory: PathBuf,
}

fn path(directory: &Path, checkpoint: u64) -> PathBuf {
    directory.join(format!("epochs-{checkpoint}.log"))
}

impl EpochLog {
    /// Goes on with the log of a restart: `fed` is all that was noted behind `checkpoint`.
    pub(crate) fn resume(
        directory: &Path,
        checkpoint: u64,
        fed: &[FedBatch],
    ) -> Result<Self, JobError> {
        let new = directory.join("epochs.new");
        let mut log = Self { log: FrameLog::create(new.clone())?, directory: directory.to_owned() };
        for batch in fed {
            log.append(batch)?;
        }
        log.sync()?;
        let path = path(directory, checkpoint);
        std::fs::rename(&new, &path).map_err(|e| JobError::io("rename", &new, e))?;
        Self::remove_all_but(directory, checkpoint);
        Ok(log)
    }

    /// Goes on behind a cut with a new log; the old one stays until the checkpoint is durable.
    pub(crate) fn rotate(&mut self, checkpoint: u64) -> Result<(), JobError> {
        self.log = FrameLog::create(path(&self.directory, checkpoint))?;
        Ok(())
    }

    /// Notes a batch.
    pub(crate) fn append(&mut self, fed: &FedBatch) -> Result<(), JobError> {
        self.log.append(|out| {
            out.extend_from_slice(&(fed.source as u32).to_le_bytes());
            out.extend_from_slice(&fed.now.micros.to_le_bytes());
            out.extend_from_slice(&fed.now.nanos.to_le_bytes());
            out.extend_from_slice(fed.position.0.as_bytes());
        })
    }

    /// Ends what a restart from the last cut can follow: what comes next it would not get again in
    /// the same form. Nothing that follows from it leaves before the next checkpoint.
    pub(crate) fn interrupt(&mut self) -> Result<(), JobError> {
        self.log.append(|out| out.extend_from_slice(&INTERRUPTED.to_le_bytes()))?;
        self.log.sync()
    }

    /// Makes what was noted durable.
    pub(crate) fn sync(&self) -> Result<(), JobError> {
        self.log.sync()
    }

    /// Removes the logs behind other checkpoints than `checkpoint`, which is durable.
    pub(crate) fn remove_all_but(directory: &Path, checkpoint: u64) {
        Self::remove(directory, |number| number != checkpoint);
    }

    /// Removes all logs.
    pub(crate) fn remove_all(directory: &Path) {
        Self::remove(directory, |_| true);
    }

    fn remove(directory: &Path, is_over: impl Fn(u64) -> bool) {
        let Ok(files) = std::fs::read_dir(directory) else {
            return;
        };
        for file in files.flatten() {
            let name = file.file_name();
            let number = name
                .to_str()
                .and_then(|n| n.strip_prefix("epochs-")?.strip_suffix(".log")?.parse::<u64>().ok());
            if number.is_some_and(&is_over) {
                // What stays is never read: its number is not the manifest's.
                let _ = std::fs::remove_file(file.path());
            }
        }
    }

    /// What was fed behind `checkpoint` and later cuts that never became durable.
    pub(crate) fn read(directory: &Path, checkpoint: u64) -> Result<Vec<FedBatch>, JobError> {
        let mut fed = Vec::new();
        for number in checkpoint.. {
            let Some(mut reader) = FrameReader::open(&path(directory, number), u64::MAX)? else {
                break;
            };
            while let Some(frame) = reader.next()? {
                if frame == INTERRUPTED.to_le_bytes() {
                    return Ok(fed);
                }
                fed.extend(decode(&frame));
            }
        }
        Ok(fed)
    }
}

fn decode(frame: &[u8]) -> Option<FedBatch> {
    let (source, rest) = frame.split_first_chunk::<4>()?;
    let (micros, rest) = rest.split_first_chunk::<8>()?;
    let (nanos, position) = rest.split_first_chunk::<2>()?;
    Some(FedBatch {
        source: u32::from_le_bytes(*source) as usize,
        now: Timestamp { micros: i64::from_le_bytes(*micros), nanos: u16::from_le_bytes(*nanos) },
        position: Position(std::str::from_utf8(position).ok()?.to_owned()),
    })
}
