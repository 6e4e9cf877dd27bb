//! An ordered map from bytes to a non-zero number, kept as a tree of small nodes in a store.
//!
//! A join keeps the rows of one key in such a map, MIN, MAX and DISTINCT the values of one group.
//! Small maps are one node; a change to a large one touches one node of a few kilobytes, which is
//! also what the next checkpoint writes.
//!
//! A node is `tag: u8 | next node id: u32 (of the root) | entries`, an entry
//! `key length: u32 | number: u64 | key`. In inner nodes the number is a child's id.

use crate::error::StateError;
use crate::store::StateStore;

const NODE_BYTES: usize = 2048;
const HEADER: usize = 5;
const LEAF: u8 = 0;
const INNER: u8 = 1;
const ROOT: u32 = 0;

/// The map that belongs to `key`; see the module's description.
pub struct OrderedMap<'s, 'k> {
    store: &'s mut StateStore,
    /// The map's key and four bytes for a node's id.
    key: &'k mut Vec<u8>,
    prefix: usize,
}

struct EntryAt {
    start: usize,
    end: usize,
    number: u64,
}

fn entry_at(node: &[u8], at: usize) -> Option<EntryAt> {
    let head = node.get(at..at + 12)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let number = u64::from_le_bytes(head[4..].try_into().ok()?);
    (at + 12 + length <= node.len()).then_some(EntryAt { start: at, end: at + 12 + length, number })
}

impl EntryAt {
    fn key<'n>(&self, node: &'n [u8]) -> &'n [u8] {
        &node[self.start + 12..self.end]
    }
}

fn entries(node: &[u8]) -> impl Iterator<Item = EntryAt> + '_ {
    let mut at = HEADER;
    std::iter::from_fn(move || {
        let entry = entry_at(node, at)?;
        at = entry.end;
        Some(entry)
    })
}

fn encode(key: &[u8], number: u64) -> impl Iterator<Item = u8> + '_ {
    let head = (key.len() as u32).to_le_bytes().into_iter().chain(number.to_le_bytes());
    head.chain(key.iter().copied())
}

/// Changes the number of `key` in a leaf; gives it before and after.
fn change(node: &mut Vec<u8>, key: &[u8], f: impl FnOnce(u64) -> u64) -> (u64, u64) {
    if node.is_empty() {
        node.extend_from_slice(&[LEAF, 1, 0, 0, 0]);
    }
    let mut at = HEADER;
    while let Some(entry) = entry_at(node, at) {
        match entry.key(node).cmp(key) {
            std::cmp::Ordering::Less => at = entry.end,
            std::cmp::Ordering::Equal => {
                let new = f(entry.number);
                if new == 0 {
                    node.drain(entry.start..entry.end);
                } else {
                    node[at + 4..at + 12].copy_from_slice(&new.to_le_bytes());
                }
                return (entry.number, new);
            }
            std::cmp::Ordering::Greater => break,
        }
    }
    let new = f(0);
    if new != 0 {
        insert_bytes(node, at, key, new);
    }
    (0, new)
}

fn insert_bytes(node: &mut Vec<u8>, at: usize, key: &[u8], number: u64) {
    let (old, added) = (node.len(), 12 + key.len());
    node.resize(old + added, 0);
    node.copy_within(at..old, at + added);
    node[at..at + 4].copy_from_slice(&(key.len() as u32).to_le_bytes());
    node[at + 4..at + 12].copy_from_slice(&number.to_le_bytes());
    node[at + 12..at + added].copy_from_slice(key);
}

/// The child that holds `key`: the last whose first key is not above it, else the first.
fn child_for(node: &[u8], key: &[u8]) -> Option<u32> {
    let mut child = None;
    for entry in entries(node) {
        if child.is_some() && entry.key(node) > key {
            break;
        }
        child = Some(entry.number as u32);
    }
    child
}

impl<'s, 'k> OrderedMap<'s, 'k> {
    /// The map of `key`. The buffer is used while the map is and is as it was afterwards.
    pub fn new(store: &'s mut StateStore, key: &'k mut Vec<u8>) -> Self {
        let prefix = key.len();
        Self { store, key, prefix }
    }

    fn node(&mut self, id: u32) -> Result<&[u8], StateError> {
        self.key.truncate(self.prefix);
        self.key.extend_from_slice(&id.to_le_bytes());
        self.store.get(self.key)
    }

    fn node_mut(&mut self, id: u32) -> Result<&mut Vec<u8>, StateError> {
        self.key.truncate(self.prefix);
        self.key.extend_from_slice(&id.to_le_bytes());
        self.store.entry(self.key)
    }

    /// Changes the number of `key` (0 if it is not there; left at 0 it is removed) and gives it
    /// before and after.
    ///
    /// # Errors
    /// State that cannot be read or written.
    pub fn update(
        &mut self,
        key: &[u8],
        f: impl FnOnce(u64) -> u64,
    ) -> Result<(u64, u64), StateError> {
        let mut path = Vec::new();
        let mut id = ROOT;
        loop {
            let node = self.node(id)?;
            if node.first() != Some(&INNER) {
                break;
            }
            path.push(id);
            match child_for(node, key) {
                Some(child) => id = child,
                None => break,
            }
        }
        let node = self.node_mut(id)?;
        let numbers = change(node, key, f);
        let (length, is_empty) = (node.len(), node.len() <= HEADER);
        if length > NODE_BYTES && entries(node).nth(3).is_some() {
            self.split(id, &path)?;
        } else if is_empty {
            node.clear();
            self.unlink(id, &path)?;
        }
        Ok(numbers)
    }

    /// The number of `key`, 0 if it is not there.
    ///
    /// # Errors
    /// State that cannot be read.
    pub fn get(&mut self, key: &[u8]) -> Result<u64, StateError> {
        let mut id = ROOT;
        loop {
            let node = self.node(id)?;
            if node.first() == Some(&INNER) {
                match child_for(node, key) {
                    Some(child) => id = child,
                    None => return Ok(0),
                }
                continue;
            }
            let found = entries(node).find(|e| e.key(node) == key);
            return Ok(found.map_or(0, |e| e.number));
        }
    }

    /// Copies the least key to `out`; false if the map is empty.
    ///
    /// # Errors
    /// State that cannot be read.
    pub fn first(&mut self, out: &mut Vec<u8>) -> Result<bool, StateError> {
        self.end(out, false)
    }

    /// Copies the greatest key to `out`; false if the map is empty.
    ///
    /// # Errors
    /// State that cannot be read.
    pub fn last(&mut self, out: &mut Vec<u8>) -> Result<bool, StateError> {
        self.end(out, true)
    }

    fn end(&mut self, out: &mut Vec<u8>, greatest: bool) -> Result<bool, StateError> {
        let mut id = ROOT;
        loop {
            let node = self.node(id)?;
            let entry = if greatest { entries(node).last() } else { entries(node).next() };
            let Some(entry) = entry else { return Ok(false) };
            if node[0] == INNER {
                id = entry.number as u32;
                continue;
            }
            out.clear();
            out.extend_from_slice(entry.key(node));
            return Ok(true);
        }
    }

    /// Calls `visit` for each key and number in order.
    ///
    /// # Errors
    /// State that cannot be read, and what `visit` gives.
    pub fn for_each<E: From<StateError>>(
        &mut self,
        visit: &mut impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        self.for_each_below(ROOT, visit)
    }

    fn for_each_below<E: From<StateError>>(
        &mut self,
        id: u32,
        visit: &mut impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let node = self.node(id)?;
        if node.first() != Some(&INNER) {
            return entries(node).try_for_each(|e| visit(e.key(node), e.number));
        }
        let children: Vec<u32> = entries(node).map(|e| e.number as u32).collect();
        children.into_iter().try_for_each(|child| self.for_each_below(child, visit))
    }

    /// Calls `change` for each key and number in order and keeps the number it gives, which must
    /// not be 0.
    ///
    /// # Errors
    /// State that cannot be read or written, and what `change` gives.
    pub fn update_each<E: From<StateError>>(
        &mut self,
        change: &mut impl FnMut(&[u8], u64) -> Result<u64, E>,
    ) -> Result<(), E> {
        self.update_each_below(ROOT, change)
    }

    fn update_each_below<E: From<StateError>>(
        &mut self,
        id: u32,
        change: &mut impl FnMut(&[u8], u64) -> Result<u64, E>,
    ) -> Result<(), E> {
        let node = self.node(id)?;
        if node.is_empty() {
            return Ok(());
        }
        if node[0] == INNER {
            let children: Vec<u32> = entries(node).map(|e| e.number as u32).collect();
            return children.into_iter().try_for_each(|c| self.update_each_below(c, change));
        }
        let node = self.node_mut(id)?;
        let mut at = HEADER;
        while let Some(entry) = entry_at(node, at) {
            let number = change(entry.key(node), entry.number)?;
            node[at + 4..at + 12].copy_from_slice(&number.to_le_bytes());
            at = entry.end;
        }
        Ok(())
    }

    fn new_id(&mut self) -> Result<u32, StateError> {
        let root = self.node_mut(ROOT)?;
        let id = root.get(1..5).and_then(|b| b.try_into().ok()).map_or(1, u32::from_le_bytes);
        root[1..5].copy_from_slice(&(id + 1).to_le_bytes());
        Ok(id)
    }

    /// Splits a node that has become too large; `path` leads from the root to its parent.
    fn split(&mut self, id: u32, path: &[u32]) -> Result<(), StateError> {
        let right_id = self.new_id()?;
        let node = self.node_mut(id)?;
        let half = node.len() / 2;
        // At least one entry stays on the left, and at least one goes to the right.
        let cut = entries(node).skip(1).map(|e| e.start).take_while(|s| *s <= half).last();
        let cut = cut.or_else(|| entries(node).nth(1).map(|e| e.start)).unwrap_or(node.len());
        let tag = node[0];
        let mut right = vec![tag, 0, 0, 0, 0];
        right.extend_from_slice(&node[cut..]);
        node.truncate(cut);
        let Some(first) = entries(&right).next() else {
            return Ok(());
        };
        let right_key = first.key(&right).to_vec();
        if id != ROOT {
            *self.node_mut(right_id)? = right;
            return self.link(right_id, &right_key, path);
        }
        // The root keeps its place: both halves move below it.
        let mut left = node.clone();
        left[1..5].fill(0);
        let left_key = entries(&left).next().map(|e| e.key(&left).to_vec()).unwrap_or_default();
        let left_id = self.new_id()?;
        let root = self.node_mut(ROOT)?;
        root.truncate(HEADER);
        root[0] = INNER;
        root.extend(encode(&left_key, u64::from(left_id)));
        root.extend(encode(&right_key, u64::from(right_id)));
        *self.node_mut(left_id)? = left;
        *self.node_mut(right_id)? = right;
        Ok(())
    }

    /// Adds a child to the last node of `path`.
    fn link(&mut self, child: u32, first_key: &[u8], path: &[u32]) -> Result<(), StateError> {
        let Some((&parent, above)) = path.split_last() else {
            return Ok(());
        };
        let node = self.node_mut(parent)?;
        // The first child stands for everything below the second: it stays first.
        let mut at = entries(node).next().map_or(HEADER, |e| e.end);
        while let Some(entry) = entry_at(node, at) {
            if entry.key(node) > first_key {
                break;
            }
            at = entry.end;
        }
        insert_bytes(node, at, first_key, u64::from(child));
        if node.len() > NODE_BYTES && entries(node).nth(3).is_some() {
            self.split(parent, above)?;
        }
        Ok(())
    }

    /// Takes an emptied node out of its parent, and the parent if that is empty then.
    fn unlink(&mut self, id: u32, path: &[u32]) -> Result<(), StateError> {
        let Some((&parent, above)) = path.split_last() else {
            return Ok(());
        };
        let node = self.node_mut(parent)?;
        let found = entries(node).find(|e| e.number == u64::from(id)).map(|e| e.start..e.end);
        if let Some(range) = found {
            node.drain(range);
        }
        if node.len() <= HEADER {
            node.clear();
            self.unlink(parent, above)?;
        }
        Ok(())
    }
}

impl Drop for OrderedMap<'_, '_> {
    fn drop(&mut self) {
        self.key.truncate(self.prefix);
    }
}

#[cfg(test)]
mod tests;
