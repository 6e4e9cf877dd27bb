//! Transactions that are not over yet, kept until they are: in memory, then in a file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tailwater_pg_wire::Lsn;

/// More than this goes to the file.
const MEMORY_BYTES: usize = 1 << 20;

/// The changes of one transaction in order, as `subtransaction: u32 | length: u32 | place: u64 |
/// message`.
#[derive(Debug, Default)]
pub(super) struct Spill {
    memory: Vec<u8>,
    file: Option<File>,
    /// Subtransactions that were rolled back.
    aborted: BTreeSet<u32>,
}

impl Spill {
    /// Keeps a message of a (sub)transaction; its head and rest lie apart. Without a directory all of
    /// it stays in memory.
    pub(super) fn push(
        &mut self,
        directory: Option<&Path>,
        (xid, at): (u32, Lsn),
        head: &[u8],
        rest: &[u8],
    ) -> io::Result<()> {
        self.memory.extend_from_slice(&xid.to_le_bytes());
        self.memory.extend_from_slice(&((head.len() + rest.len()) as u32).to_le_bytes());
        self.memory.extend_from_slice(&at.0.to_le_bytes());
        self.memory.extend_from_slice(head);
        self.memory.extend_from_slice(rest);
        if let (true, Some(directory)) = (self.memory.len() >= MEMORY_BYTES, directory) {
            let file = match &mut self.file {
                Some(file) => file,
                None => {
                    std::fs::create_dir_all(directory)?;
                    // Without a name: whatever happens, nothing of it stays.
                    self.file.insert(tempfile::tempfile_in(directory)?)
                }
            };
            file.write_all(&self.memory)?;
            self.memory.clear();
        }
        Ok(())
    }

    /// Forgets what a subtransaction did. What it told of tables stays: others rely on it.
    pub(super) fn abort(&mut self, subxid: u32) {
        self.aborted.insert(subxid);
    }

    /// Goes through the changes that count.
    pub(super) fn replay(self) -> io::Result<Replay> {
        let from: Box<dyn Read + Send> = match self.file {
            Some(mut file) => {
                file.seek(SeekFrom::Start(0))?;
                Box::new(
                    BufReader::with_capacity(1 << 18, file).chain(io::Cursor::new(self.memory)),
                )
            }
            None => Box::new(io::Cursor::new(self.memory)),
        };
        Ok(Replay { from, aborted: self.aborted, message: Vec::new() })
    }
}

/// The changes of a transaction that is over.
pub(super) struct Replay {
    from: Box<dyn Read + Send>,
    aborted: BTreeSet<u32>,
    message: Vec<u8>,
}

impl Replay {
    /// The next message and where its WAL begins.
    pub(super) fn next(&mut self) -> io::Result<Option<(Lsn, &[u8])>> {
        loop {
            let mut head = [0; 16];
            match self.from.read_exact(&mut head) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
            let [a, b, c, d, e, f, g, h, at @ ..] = head;
            let xid = u32::from_le_bytes([a, b, c, d]);
            self.message.resize(u32::from_le_bytes([e, f, g, h]) as usize, 0);
            self.from.read_exact(&mut self.message)?;
            let is_description = self.message.first() == Some(&b'R');
            if is_description || !self.aborted.contains(&xid) {
                return Ok(Some((Lsn(u64::from_le_bytes(at)), &self.message)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_rolled_back_is_left_out_and_what_it_described_stays() {
        let directory = tempfile::tempdir().unwrap();
        let mut spill = Spill::default();
        let long = vec![b'x'; 400_000];
        for (xid, message) in [(7, b"R1"), (7, b"I1"), (8, b"R2"), (8, b"I2"), (7, b"I3")] {
            spill.push(Some(directory.path()), (xid, Lsn(9)), message, &long).unwrap();
        }
        spill.abort(8);
        assert!(spill.file.is_some());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let mut replay = spill.replay().unwrap();
        let mut heads = Vec::new();
        while let Some((at, message)) = replay.next().unwrap() {
            assert_eq!(at, Lsn(9));
            assert_eq!(message.len(), 400_002);
            heads.push(String::from_utf8_lossy(&message[..2]).into_owned());
        }
        assert_eq!(heads, ["R1", "I1", "R2", "I3"]);
    }
}
