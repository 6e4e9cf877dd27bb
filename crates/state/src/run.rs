//! Immutable sorted files of state, each block and the footer checksummed.
//!
//! `blocks | footer | footer offset: u64 | footer crc: u32 | MAGIC`. A block is
//! `entries | crc: u32`, an entry `key length: u32 | value length: u32 | key | value`; a value
//! length of `DELETED` says that older runs' value is gone. Entries are in the order of
//! (hash of the key, key), so a lookup is a search among 8-byte hashes and one read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::StateError;

const MAGIC: &[u8; 8] = b"TWRUN001";
const DELETED: u32 = u32::MAX;
const BLOCK_BYTES: usize = 4096;
const BLOOM_BITS_PER_KEY: usize = 10;
const BLOOM_PROBES: u64 = 6;

/// The stable hash that orders runs; key groups are its upper bits.
pub(crate) fn hash_key(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}

/// An entry on its way into a run. `value` is `None` for a deleted key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunEntry {
    pub(crate) hash: u64,
    pub(crate) key: Box<[u8]>,
    pub(crate) value: Option<Box<[u8]>>,
}

/// Which run of a job: the checkpoint it first belongs to, and its place among that one's runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// The number of the checkpoint that makes it durable.
    pub checkpoint: u64,
    /// Later runs of one checkpoint hold newer values.
    pub ordinal: u32,
    /// How often it was merged: a merged run takes the place of its newest input.
    pub merges: u32,
}

impl RunId {
    /// The file's name.
    pub fn file_name(self) -> String {
        format!("{:012}-{:06}-{:04}.run", self.checkpoint, self.ordinal, self.merges)
    }

    /// The run of that file name.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".run")?.split('-');
        let id = Self {
            checkpoint: parts.next()?.parse().ok()?,
            ordinal: parts.next()?.parse().ok()?,
            merges: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(id)
    }
}

/// An open run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    file: File,
    /// First hash of each block, ascending.
    first_hashes: Vec<u64>,
    /// Start of each block, and one past the last.
    offsets: Vec<u64>,
    bloom: Vec<u64>,
}

/// What a run says of a key: where its value lies in the block that was read.
pub(crate) enum Found {
    Value(std::ops::Range<usize>),
    Deleted,
    Nothing,
}

/// Writes entries that come in order of (hash, key).
pub(crate) struct RunWriter {
    id: RunId,
    path: PathBuf,
    out: BufWriter<File>,
    block: Vec<u8>,
    block_first: u64,
    first_hashes: Vec<u64>,
    offsets: Vec<u64>,
    hashes: Vec<u64>,
    written: u64,
}

impl RunWriter {
    pub(crate) fn create(directory: &Path, id: RunId) -> Result<Self, StateError> {
        let path = directory.join(id.file_name());
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(|e| StateError::io("create", &path, e))?;
        Ok(Self {
            id,
            path,
            out: BufWriter::with_capacity(1 << 16, file),
            block: Vec::with_capacity(2 * BLOCK_BYTES),
            block_first: 0,
            first_hashes: Vec::new(),
            offsets: vec![0],
            hashes: Vec::new(),
            written: 0,
        })
    }

    pub(crate) fn push(
        &mut self,
        hash: u64,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), StateError> {
        let length = value.map_or(0, <[u8]>::len);
        if !self.block.is_empty() && self.block.len() + 8 + key.len() + length > BLOCK_BYTES {
            self.end_block()?;
        }
        if self.block.is_empty() {
            self.block_first = hash;
        }
        let value_length = value.map_or(DELETED, |v| v.len() as u32);
        self.block.extend_from_slice(&(key.len() as u32).to_le_bytes());
        self.block.extend_from_slice(&value_length.to_le_bytes());
        self.block.extend_from_slice(key);
        self.block.extend_from_slice(value.unwrap_or(&[]));
        self.hashes.push(hash);
        Ok(())
    }

    /// Ends the file without fsync; [`Run::sync`] makes it durable.
    pub(crate) fn finish(mut self) -> Result<Run, StateError> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let bloom = bloom_of(&self.hashes);
        let mut footer = Vec::new();
        for list in [&self.first_hashes, &self.offsets, &bloom] {
            footer.extend_from_slice(&(list.len() as u64).to_le_bytes());
            for word in list {
                footer.extend_from_slice(&word.to_le_bytes());
            }
        }
        let crc = crc32c::crc32c(&footer);
        footer.extend_from_slice(&self.written.to_le_bytes());
        footer.extend_from_slice(&crc.to_le_bytes());
        footer.extend_from_slice(MAGIC);
        let failed = |e| StateError::io("write", &self.path, e);
        self.out.write_all(&footer).map_err(failed)?;
        self.out.flush().map_err(failed)?;
        let file = self
            .out
            .into_inner()
            .map_err(|e| StateError::io("write", &self.path, e.into_error()))?;
        Ok(Run {
            id: self.id,
            path: self.path,
            bytes: self.written + footer.len() as u64,
            file,
            first_hashes: self.first_hashes,
            offsets: self.offsets,
            bloom,
        })
    }

    fn end_block(&mut self) -> Result<(), StateError> {
        let crc = crc32c::crc32c(&self.block);
        self.block.extend_from_slice(&crc.to_le_bytes());
        self.out.write_all(&self.block).map_err(|e| StateError::io("write", &self.path, e))?;
        self.written += self.block.len() as u64;
        self.first_hashes.push(self.block_first);
        self.offsets.push(self.written);
        self.block.clear();
        Ok(())
    }
}

fn bloom_of(hashes: &[u64]) -> Vec<u64> {
    let words = (hashes.len() * BLOOM_BITS_PER_KEY).div_ceil(64).max(1);
    let mut bloom = vec![0_u64; words];
    for hash in hashes {
        for bit in bloom_bits(*hash, words) {
            bloom[bit / 64] |= 1 << (bit % 64);
        }
    }
    bloom
}

fn bloom_bits(hash: u64, words: usize) -> impl Iterator<Item = usize> {
    let step = hash.rotate_left(32) | 1;
    let bits = words as u64 * 64;
    (0..BLOOM_PROBES).map(move |i| {
        let mixed = hash.wrapping_add(i.wrapping_mul(step));
        ((u128::from(mixed) * u128::from(bits)) >> 64) as usize
    })
}

impl Run {
    /// Opens a run and checks its footer; `verify` reads and checks every block as well.
    pub(crate) fn open(directory: &Path, id: RunId, verify: bool) -> Result<Self, StateError> {
        let path = directory.join(id.file_name());
        let file = File::open(&path).map_err(|e| StateError::io("open", &path, e))?;
        let bytes = file.metadata().map_err(|e| StateError::io("read", &path, e))?.len();
        let damaged = |what: &str| StateError::damaged(&path, what);
        let mut end = [0; 20];
        let Some(end_at) = bytes.checked_sub(20) else {
            return Err(damaged("it is shorter than its footer"));
        };
        file.read_exact_at(&mut end, end_at).map_err(|e| StateError::io("read", &path, e))?;
        if &end[12..] != MAGIC {
            return Err(damaged("it does not end with the mark of a state file"));
        }
        let footer_at = u64::from_le_bytes(end[..8].try_into().unwrap_or_default());
        let Some(length) = end_at.checked_sub(footer_at) else {
            return Err(damaged("its footer lies outside the file"));
        };
        let mut footer = vec![0; length as usize];
        file.read_exact_at(&mut footer, footer_at).map_err(|e| StateError::io("read", &path, e))?;
        if crc32c::crc32c(&footer).to_le_bytes() != end[8..12] {
            return Err(damaged("the checksum of its footer does not match"));
        }
        let mut rest = footer.as_slice();
        let (Some(first_hashes), Some(offsets), Some(bloom)) =
            (read_words(&mut rest), read_words(&mut rest), read_words(&mut rest))
        else {
            return Err(damaged("its footer is too short"));
        };
        let run = Self { id, path, bytes, file, first_hashes, offsets, bloom };
        if verify {
            let mut block = Vec::new();
            for i in 0..run.first_hashes.len() {
                run.read_block(i, &mut block)?;
            }
        }
        Ok(run)
    }

    /// Makes the file durable.
    pub(crate) fn sync(&self) -> Result<(), StateError> {
        self.file.sync_all().map_err(|e| StateError::io("sync", &self.path, e))
    }

    /// Looks a key up; `block` is a buffer to read into.
    pub(crate) fn get(
        &self,
        hash: u64,
        key: &[u8],
        block: &mut Vec<u8>,
    ) -> Result<Found, StateError> {
        let words = self.bloom.len();
        if !bloom_bits(hash, words).all(|bit| self.bloom[bit / 64] >> (bit % 64) & 1 == 1) {
            return Ok(Found::Nothing);
        }
        // Keys of one hash may span blocks: begin with the last block that starts below it.
        let mut i = self.first_hashes.partition_point(|first| *first < hash).saturating_sub(1);
        while i < self.first_hashes.len() && self.first_hashes[i] <= hash {
            self.read_block(i, block)?;
            match find(block, key) {
                Some(Some(range)) => return Ok(Found::Value(range)),
                Some(None) => return Ok(Found::Deleted),
                None => i += 1,
            }
        }
        Ok(Found::Nothing)
    }

    fn read_block(&self, i: usize, block: &mut Vec<u8>) -> Result<(), StateError> {
        let (start, end) = (self.offsets[i], self.offsets[i + 1]);
        block.resize((end - start) as usize, 0);
        self.file.read_exact_at(block, start).map_err(|e| StateError::io("read", &self.path, e))?;
        let Some((body, crc)) = block.split_last_chunk::<4>() else {
            return Err(StateError::damaged(&self.path, "a block is shorter than its checksum"));
        };
        if crc32c::crc32c(body).to_le_bytes() != *crc {
            return Err(StateError::damaged(&self.path, "the checksum of a block does not match"));
        }
        block.truncate(block.len() - 4);
        Ok(())
    }

    /// All entries in order.
    pub(crate) fn scan(&self) -> RunScan<'_> {
        RunScan { run: self, next_block: 0, block: Vec::new(), at: 0 }
    }
}

fn read_words(rest: &mut &[u8]) -> Option<Vec<u64>> {
    let (count, body) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*count)).ok()?.checked_mul(8)?;
    let (words, after) = body.split_at_checked(length)?;
    *rest = after;
    Some(
        words
            .chunks_exact(8)
            .map(|w| u64::from_le_bytes(w.try_into().unwrap_or_default()))
            .collect(),
    )
}

/// Where an entry's key and value lie in a block, and where the next entry starts.
struct EntryRange {
    key: std::ops::Range<usize>,
    value: Option<std::ops::Range<usize>>,
    next: usize,
}

fn entry_at(block: &[u8], at: usize) -> Option<EntryRange> {
    let head = block.get(at..at + 8)?;
    let key_length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let value_length = u32::from_le_bytes(head[4..].try_into().ok()?);
    let key = at + 8..at + 8 + key_length;
    let value_end = if value_length == DELETED { key.end } else { key.end + value_length as usize };
    if value_end > block.len() {
        return None;
    }
    let value = (value_length != DELETED).then_some(key.end..value_end);
    Some(EntryRange { key, value, next: value_end })
}

/// `None`: not there; `Some(None)`: deleted.
fn find(block: &[u8], key: &[u8]) -> Option<Option<std::ops::Range<usize>>> {
    let mut at = 0;
    while let Some(entry) = entry_at(block, at) {
        if &block[entry.key.clone()] == key {
            return Some(entry.value);
        }
        at = entry.next;
    }
    None
}

/// Reads a run from start to end.
pub(crate) struct RunScan<'r> {
    run: &'r Run,
    next_block: usize,
    block: Vec<u8>,
    at: usize,
}

impl RunScan<'_> {
    /// The next entry.
    pub(crate) fn next(&mut self) -> Result<Option<RunEntry>, StateError> {
        loop {
            if let Some(entry) = entry_at(&self.block, self.at) {
                self.at = entry.next;
                let key: Box<[u8]> = self.block[entry.key].into();
                let value = entry.value.map(|range| self.block[range].into());
                return Ok(Some(RunEntry { hash: hash_key(&key), key, value }));
            }
            if self.next_block >= self.run.first_hashes.len() {
                return Ok(None);
            }
            self.run.read_block(self.next_block, &mut self.block)?;
            self.next_block += 1;
            self.at = 0;
        }
    }
}
