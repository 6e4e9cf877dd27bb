//! The distinct keys of one step, in the order they were first seen.

use hashbrown::HashTable;

/// A set of keys in one buffer: a new key allocates nothing of its own.
#[derive(Default)]
pub(crate) struct Touched {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    table: HashTable<u32>,
}

impl Touched {
    /// Adds a key unless it is there.
    pub(crate) fn insert(&mut self, key: &[u8]) {
        let (bytes, ends) = (&self.bytes, &self.ends);
        let at = |i: u32| key_at(bytes, ends, i as usize);
        let hash = xxhash_rust::xxh3::xxh3_64(key);
        let entry =
            self.table.entry(hash, |i| at(*i) == key, |i| xxhash_rust::xxh3::xxh3_64(at(*i)));
        if let hashbrown::hash_table::Entry::Vacant(vacant) = entry {
            vacant.insert(self.ends.len() as u32);
            self.bytes.extend_from_slice(key);
            self.ends.push(self.bytes.len() as u32);
        }
    }

    /// All keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|i| key_at(&self.bytes, &self.ends, i))
    }

    /// Forgets all keys, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.table.clear();
    }
}

fn key_at<'b>(bytes: &'b [u8], ends: &[u32], i: usize) -> &'b [u8] {
    let start = if i == 0 { 0 } else { ends[i - 1] as usize };
    &bytes[start..ends[i] as usize]
}
