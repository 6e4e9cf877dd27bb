//! Keyed state: a write-back cache over immutable runs, under one memory budget.

use std::path::PathBuf;

use hashbrown::HashTable;

use crate::error::StateError;
use crate::levels::Levels;
use crate::run::{Found, RunEntry, RunId, hash_key};

/// Bytes of bookkeeping per cached entry, added to keys and values against the budget.
const ENTRY_OVERHEAD: usize = 96;
/// How much is handed to the writer as one run.
const RUN_BYTES: usize = 8 << 20;

/// Where and how much.
#[derive(Clone, Debug)]
pub struct StateOptions {
    /// Directory of the runs. Without one everything stays in memory and nothing can be frozen.
    pub directory: Option<PathBuf>,
    /// Bytes the cache may hold.
    pub budget_bytes: usize,
}

/// What a checkpoint consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The checkpoint's number.
    pub checkpoint: u64,
    /// All runs of the state at its cut, durable.
    pub runs: Vec<RunId>,
    /// Bytes of all of them.
    pub total_bytes: u64,
    /// Bytes of those that are new since the last checkpoint.
    pub new_bytes: u64,
}

/// Figures for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateStats {
    /// Cached entries.
    pub entries: usize,
    /// Bytes of the cache.
    pub cached_bytes: usize,
    /// Lookups that had to read a run.
    pub misses: u64,
    /// Open runs.
    pub runs: usize,
}

/// 64 bytes: one line of the processor's cache. Writes and checkpoints are counted in 32 bits: one
/// a second for 136 years.
#[derive(Default)]
struct Entry {
    hash: u64,
    key: Box<[u8]>,
    value: Vec<u8>,
    /// The write that carries its last handed-over value; see [`Levels::completed_writes`].
    write: u32,
    /// The checkpoint its last change belongs to; 0 once that has been handed to the writer.
    /// Changes of the checkpoint to come are dirty, those of the one being written are frozen: the
    /// cut itself touches no entry.
    changed_in: u32,
    flags: Flags,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    /// Used since the clock's hand passed.
    is_recent: bool,
    is_occupied: bool,
}

/// A place in the cache.
#[derive(Clone, Copy)]
pub(crate) struct Slot(u32);

/// Bytes by key. An absent key and an empty value are the same thing.
pub struct StateStore {
    table: HashTable<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    hand: usize,
    cached_bytes: usize,
    /// The entry handed out last and its size then: it is accounted for at the next call.
    handed_out: Option<(u32, usize)>,
    dirty: Vec<u32>,
    frozen: Vec<u32>,
    /// The checkpoint that changes from now on belong to.
    next_checkpoint: u64,
    budget_bytes: usize,
    levels: Option<Levels>,
    block: Vec<u8>,
    misses: u64,
}

impl StateStore {
    /// State that lives and dies with the process.
    pub fn in_memory() -> Self {
        Self::with_levels(usize::MAX, 1, None)
    }

    /// Opens the state of a checkpoint; whatever lies in the directory beyond `runs` is removed.
    /// `next_checkpoint` is the number of the checkpoint to come.
    ///
    /// # Errors
    /// A run that is missing or damaged.
    pub fn open(
        options: &StateOptions,
        runs: &[RunId],
        next_checkpoint: u64,
    ) -> Result<Self, StateError> {
        let levels = match &options.directory {
            Some(directory) => Some(Levels::open(directory, runs, next_checkpoint)?),
            None => None,
        };
        Ok(Self::with_levels(options.budget_bytes, next_checkpoint, levels))
    }

    fn with_levels(budget_bytes: usize, next_checkpoint: u64, levels: Option<Levels>) -> Self {
        Self {
            table: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            hand: 0,
            cached_bytes: 0,
            handed_out: None,
            dirty: Vec::new(),
            frozen: Vec::new(),
            next_checkpoint,
            budget_bytes,
            levels,
            block: Vec::new(),
            misses: 0,
        }
    }

    /// The value of a key, empty if there is none.
    ///
    /// # Errors
    /// A run that cannot be read.
    pub fn get(&mut self, key: &[u8]) -> Result<&[u8], StateError> {
        self.settle()?;
        match self.load(key)? {
            Some(i) => Ok(&self.entries[i as usize].value),
            None => Ok(&[]),
        }
    }

    /// The value of a key to be changed; empty if there was none, and absent if left empty.
    ///
    /// # Errors
    /// A run that cannot be read or written.
    pub fn entry(&mut self, key: &[u8]) -> Result<&mut Vec<u8>, StateError> {
        let slot = match self.slot(key)? {
            Some(slot) => slot,
            None => Slot(self.insert(hash_key(key), key, Vec::new())),
        };
        self.slot_mut(slot)
    }

    /// Where the value of a key lies, if there is one; good until the next call for another key.
    pub(crate) fn slot(&mut self, key: &[u8]) -> Result<Option<Slot>, StateError> {
        self.settle()?;
        Ok(self.load(key)?.map(Slot))
    }

    /// The value at a place.
    pub(crate) fn slot_value(&self, slot: Slot) -> &[u8] {
        &self.entries[slot.0 as usize].value
    }

    /// The value at a place to be changed.
    pub(crate) fn slot_mut(&mut self, slot: Slot) -> Result<&mut Vec<u8>, StateError> {
        let i = slot.0;
        if self.is_frozen(i) {
            self.hand_over_one(i)?;
        }
        let entry = &mut self.entries[i as usize];
        if entry.changed_in != self.next_checkpoint as u32 {
            entry.changed_in = self.next_checkpoint as u32;
            if self.levels.is_some() {
                self.dirty.push(i);
            }
        }
        self.handed_out = Some((i, entry.value.capacity()));
        Ok(&mut entry.value)
    }

    /// The cut of a checkpoint: what is changed from now on belongs to the next one. The last
    /// checkpoint must be done. Returns its number.
    ///
    /// # Errors
    /// A run that cannot be written.
    pub fn freeze(&mut self) -> Result<u64, StateError> {
        self.settle()?;
        let checkpoint = self.next_checkpoint;
        self.next_checkpoint += 1;
        self.frozen = std::mem::take(&mut self.dirty);
        if let Some(levels) = &mut self.levels {
            levels.begin_checkpoint(checkpoint);
        }
        Ok(checkpoint)
    }

    /// Goes on with the checkpoint that [`StateStore::freeze`] began, handing about `bytes` to the
    /// writer. Gives the checkpoint's content once it is durable.
    ///
    /// # Errors
    /// A run that cannot be written.
    pub fn pump(&mut self, bytes: usize) -> Result<Option<Sealed>, StateError> {
        self.settle()?;
        let mut left = bytes;
        while left > 0 {
            let Some(i) = self.frozen.pop() else { break };
            if self.is_frozen(i) {
                left = left.saturating_sub(self.entries[i as usize].value.len() + ENTRY_OVERHEAD);
                self.hand_over_one(i)?;
            }
        }
        let all_handed_over = self.frozen.is_empty();
        let Some(levels) = &mut self.levels else {
            return Ok(None);
        };
        let sealed = levels.advance(all_handed_over)?;
        for (key_hash, i) in levels.take_gone() {
            self.remove_if_gone(key_hash, i);
        }
        Ok(sealed)
    }

    /// Waits until the checkpoint that was begun is durable.
    ///
    /// # Errors
    /// A run that cannot be written.
    pub fn finish_checkpoint(&mut self) -> Result<Option<Sealed>, StateError> {
        if self.levels.is_none() {
            return Ok(None);
        }
        loop {
            if let Some(sealed) = self.pump(usize::MAX)? {
                return Ok(Some(sealed));
            }
            if let Some(levels) = &mut self.levels {
                levels.wait()?;
            }
        }
    }

    /// The manifest that names the last sealed checkpoint is durable: files of older ones may go.
    pub fn committed(&mut self) {
        if let Some(levels) = &mut self.levels {
            levels.remove_obsolete();
        }
    }

    /// Figures for metrics.
    pub fn stats(&self) -> StateStats {
        StateStats {
            entries: self.table.len(),
            cached_bytes: self.cached_bytes,
            misses: self.misses,
            runs: self.levels.as_ref().map_or(0, Levels::run_count),
        }
    }

    fn load(&mut self, key: &[u8]) -> Result<Option<u32>, StateError> {
        let hash = hash_key(key);
        let entries = &self.entries;
        if let Some(i) = self.table.find(hash, |i| *entries[*i as usize].key == *key).copied() {
            self.entries[i as usize].flags.is_recent = true;
            return Ok(Some(i));
        }
        let Some(levels) = &self.levels else {
            return Ok(None);
        };
        if levels.run_count() == 0 {
            return Ok(None);
        }
        self.misses += 1;
        let value = match levels.get(hash, key, &mut self.block)? {
            Found::Value(range) => self.block[range].to_vec(),
            Found::Deleted | Found::Nothing => return Ok(None),
        };
        Ok(Some(self.insert(hash, key, value)))
    }

    fn insert(&mut self, hash: u64, key: &[u8], value: Vec<u8>) -> u32 {
        self.cached_bytes += key.len() + value.capacity() + ENTRY_OVERHEAD;
        let flags = Flags { is_recent: true, is_occupied: true };
        let entry = Entry { hash, key: key.into(), value, write: 0, changed_in: 0, flags };
        let i = match self.free.pop() {
            Some(i) => {
                self.entries[i as usize] = entry;
                i
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        let entries = &self.entries;
        self.table.insert_unique(hash, i, |i| entries[*i as usize].hash);
        i
    }

    fn remove(&mut self, i: u32) {
        let entry = std::mem::take(&mut self.entries[i as usize]);
        self.cached_bytes = self
            .cached_bytes
            .saturating_sub(entry.key.len() + entry.value.capacity() + ENTRY_OVERHEAD);
        if let Ok(found) = self.table.find_entry(entry.hash, |j| *j == i) {
            found.remove();
        }
        self.free.push(i);
    }

    /// Accounts for the entry handed out last, and evicts if there is too much.
    fn settle(&mut self) -> Result<(), StateError> {
        if let Some((i, size)) = self.handed_out.take() {
            let entry = &self.entries[i as usize];
            self.cached_bytes = (self.cached_bytes + entry.value.capacity()).saturating_sub(size);
            if entry.value.is_empty() && self.levels.is_none() {
                self.remove(i);
            }
        }
        if self.cached_bytes > self.budget_bytes && self.levels.is_some() {
            self.evict()?;
        }
        Ok(())
    }

    /// Makes room: clean entries go, dirty ones are written first.
    fn evict(&mut self) -> Result<(), StateError> {
        while let Some(i) = self.frozen.pop() {
            if self.is_frozen(i) {
                self.hand_over_one(i)?;
            }
        }
        let target = self.budget_bytes / 10 * 9;
        let mut spilled = Vec::new();
        let mut victims = Vec::new();
        let mut freed = 0;
        let completed = self.levels.as_ref().map_or(0, Levels::completed_writes);
        let mut looked_at = 0;
        while self.cached_bytes.saturating_sub(freed) > target && looked_at < 2 * self.entries.len()
        {
            self.hand = (self.hand + 1) % self.entries.len();
            looked_at += 1;
            let hand = self.hand;
            let entry = &mut self.entries[hand];
            if !entry.flags.is_occupied || u64::from(entry.write) > completed {
                continue;
            }
            if std::mem::take(&mut entry.flags.is_recent) {
                continue;
            }
            freed += entry.key.len() + entry.value.capacity() + ENTRY_OVERHEAD;
            if std::mem::take(&mut entry.changed_in) != 0 {
                spilled.push(run_entry(entry));
            }
            entry.flags.is_occupied = false;
            victims.push(hand as u32);
        }
        if let Some(levels) = &mut self.levels
            && !spilled.is_empty()
        {
            levels.spill(self.next_checkpoint, spilled)?;
        }
        for i in victims {
            self.remove(i);
        }
        // Evicted entries leave stale places in the list of dirty ones.
        let (entries, current) = (&self.entries, self.next_checkpoint as u32);
        self.dirty.retain(|i| entries[*i as usize].changed_in == current);
        Ok(())
    }

    /// Changed before the cut and not handed to the writer yet.
    fn is_frozen(&self, i: u32) -> bool {
        let changed_in = self.entries[i as usize].changed_in;
        changed_in != 0 && changed_in < self.next_checkpoint as u32
    }

    fn hand_over_one(&mut self, i: u32) -> Result<(), StateError> {
        let Some(levels) = &mut self.levels else {
            return Ok(());
        };
        let entry = &mut self.entries[i as usize];
        entry.changed_in = 0;
        let gone = entry.value.is_empty().then_some((entry.hash, i));
        entry.write = levels.hand_over(run_entry(entry), gone, RUN_BYTES)? as u32;
        Ok(())
    }

    /// A deleted key's mark is durable: its entry may go unless it is in use again.
    fn remove_if_gone(&mut self, hash: u64, i: u32) {
        let entry = &self.entries[i as usize];
        let is_idle = entry.changed_in == 0;
        if entry.flags.is_occupied && entry.hash == hash && entry.value.is_empty() && is_idle {
            self.remove(i);
        }
    }
}

const _: () = assert!(size_of::<Entry>() == 64);

fn run_entry(entry: &Entry) -> RunEntry {
    let value = (!entry.value.is_empty()).then(|| entry.value.as_slice().into());
    RunEntry { hash: entry.hash, key: entry.key.clone(), value }
}

#[cfg(test)]
mod tests;
