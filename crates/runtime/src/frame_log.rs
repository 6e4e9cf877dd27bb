//! Append-only files of checksummed frames: `length: u32 | crc: u32 | bytes`. A frame that is cut
//! off or damaged ends the log: it was never durable.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::JobError;

/// A log that is being written.
pub(crate) struct FrameLog {
    path: PathBuf,
    file: File,
    bytes: u64,
    buffer: Vec<u8>,
}

impl FrameLog {
    /// An empty log at this place.
    pub(crate) fn create(path: PathBuf) -> Result<Self, JobError> {
        let file = File::create(&path).map_err(|e| JobError::io("create", &path, e))?;
        Ok(Self { path, file, bytes: 0, buffer: Vec::new() })
    }

    /// Appends one frame that `write` writes.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), JobError> {
        self.buffer.clear();
        self.buffer.extend_from_slice(&[0; 8]);
        write(&mut self.buffer);
        let crc = crc32c::crc32c(&self.buffer[8..]);
        let length = (self.buffer.len() - 8) as u32;
        self.buffer[..4].copy_from_slice(&length.to_le_bytes());
        self.buffer[4..8].copy_from_slice(&crc.to_le_bytes());
        self.file.write_all(&self.buffer).map_err(|e| JobError::io("write", &self.path, e))?;
        self.bytes += self.buffer.len() as u64;
        Ok(())
    }

    /// Makes everything appended durable.
    pub(crate) fn sync(&self) -> Result<(), JobError> {
        self.file.sync_data().map_err(|e| JobError::io("sync", &self.path, e))
    }

    /// How long the log is.
    pub(crate) fn byte_size(&self) -> u64 {
        self.bytes
    }
}

/// Reads a log frame by frame.
pub(crate) struct FrameReader {
    path: PathBuf,
    file: BufReader<std::io::Take<File>>,
}

impl FrameReader {
    /// The first `bytes` bytes of a log; `None` if there is none.
    pub(crate) fn open(path: &Path, bytes: u64) -> Result<Option<Self>, JobError> {
        match File::open(path) {
            Ok(file) => {
                let file = BufReader::with_capacity(1 << 16, file.take(bytes));
                Ok(Some(Self { path: path.to_owned(), file }))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(JobError::io("open", path, e)),
        }
    }

    /// The next whole frame.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, JobError> {
        let mut head = [0; 8];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let [a, b, c, d, e, f, g, h] = head;
        let mut frame = vec![0; u32::from_le_bytes([a, b, c, d]) as usize];
        let is_whole =
            self.fill(&mut frame)? && crc32c::crc32c(&frame) == u32::from_le_bytes([e, f, g, h]);
        Ok(is_whole.then_some(frame))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, JobError> {
        match self.file.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(JobError::io("read", &self.path, e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_tail_ends_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = FrameLog::create(path.clone()).unwrap();
        for frame in [b"one".as_slice(), b"two", b"three"] {
            log.append(|out| out.extend_from_slice(frame)).unwrap();
        }
        log.sync().unwrap();
        let read = |bytes| {
            let mut reader = FrameReader::open(&path, bytes).unwrap().unwrap();
            std::iter::from_fn(|| reader.next().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(read(u64::MAX), [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        assert_eq!(read(log.byte_size() - 1).len(), 2);
        assert_eq!(read(9).len(), 0);
        assert!(FrameReader::open(&directory.path().join("none"), 1).unwrap().is_none());
    }
}
