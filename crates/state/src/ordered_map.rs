//! An ordered map from bytes to a non-zero number, kept as a tree of small nodes in a store.
//!
//! A join keeps the rows of one key in such a map, MIN, MAX and DISTINCT the values of one group.
//! Small maps are one node; a change to a large one touches one node of a few kilobytes, which is
//! also what the next checkpoint writes.
//!
//! A node is `tag: u8 | next node id: u32 (of the root) | stride: u16 | entries`, an entry
//! `key length: u32 | number: u64 | key`. In inner nodes the number is a child's id. The stride is
//! the size of every entry if all are of one size, which most are, else 0: then a search halves
//! the node instead of walking it.

use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::error::StateError;
use crate::store::{Slot, StateStore};

const NODE_BYTES: usize = 2048;
const HEADER: usize = 7;
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

fn stride_of(node: &[u8]) -> usize {
    node.get(5..HEADER).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes).into()
}

/// An empty node.
fn empty_node(tag: u8) -> Vec<u8> {
    vec![tag, 1, 0, 0, 0, 0, 0]
}

/// Where an entry is, or where it would be put. The first `skip` entries are not looked at: the
/// first child of an inner node stands for everything below the second, whatever its key says.
fn search(node: &[u8], key: &[u8], skip: usize) -> Result<EntryAt, usize> {
    let stride = stride_of(node);
    if stride == 0 {
        let mut at = entries(node).take(skip).last().map_or(HEADER, |e| e.end);
        while let Some(entry) = entry_at(node, at) {
            match entry.key(node).cmp(key) {
                Ordering::Less => at = entry.end,
                Ordering::Equal => return Ok(entry),
                Ordering::Greater => break,
            }
        }
        return Err(at);
    }
    let (mut low, mut high) = (skip, (node.len() - HEADER) / stride);
    while low < high {
        let middle = (low + high) / 2;
        let at = HEADER + middle * stride;
        match node[at + 12..at + stride].cmp(key) {
            Ordering::Less => low = middle + 1,
            Ordering::Equal => return entry_at(node, at).ok_or(at),
            Ordering::Greater => high = middle,
        }
    }
    Err(HEADER + low * stride)
}

/// Changes the number of `key` in a leaf; gives it before and after.
fn change(node: &mut Vec<u8>, key: &[u8], f: impl FnOnce(u64) -> u64) -> (u64, u64) {
    if node.is_empty() {
        *node = empty_node(LEAF);
    }
    match search(node, key, 0) {
        Ok(entry) => {
            let new = f(entry.number);
            if new == 0 {
                node.drain(entry.start..entry.end);
            } else {
                node[entry.start + 4..entry.start + 12].copy_from_slice(&new.to_le_bytes());
            }
            (entry.number, new)
        }
        Err(at) => {
            let new = f(0);
            if new != 0 {
                insert_bytes(node, at, key, new);
            }
            (0, new)
        }
    }
}

fn insert_bytes(node: &mut Vec<u8>, at: usize, key: &[u8], number: u64) {
    let (old, added) = (node.len(), 12 + key.len());
    let stride = if old == HEADER { u16::try_from(added).unwrap_or(0) } else { 0 };
    if old == HEADER || stride_of(node) != added {
        node[5..HEADER].copy_from_slice(&stride.to_le_bytes());
    }
    if node.capacity() < old + added {
        // Most maps stay small: growing by doubling would waste half the memory.
        node.reserve_exact(added.max(old / 4));
    }
    node.resize(old + added, 0);
    node.copy_within(at..old, at + added);
    node[at..at + 4].copy_from_slice(&(key.len() as u32).to_le_bytes());
    node[at + 4..at + 12].copy_from_slice(&number.to_le_bytes());
    node[at + 12..at + added].copy_from_slice(key);
}

/// The child that holds `key`: the last whose key is not above it, else the first.
fn child_for(node: &[u8], key: &[u8]) -> Option<u32> {
    let at = match search(node, key, 1) {
        Ok(entry) => return Some(entry.number as u32),
        Err(at) => at,
    };
    let stride = stride_of(node);
    let found = if stride > 0 {
        entry_at(node, at.saturating_sub(stride).max(HEADER))
    } else {
        entries(node).take_while(|e| e.start < at).last().or_else(|| entries(node).next())
    };
    found.map(|e| e.number as u32)
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

    fn slot(&mut self, id: u32) -> Result<Option<Slot>, StateError> {
        self.key.truncate(self.prefix);
        self.key.extend_from_slice(&id.to_le_bytes());
        self.store.slot(self.key)
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
        let mut path: SmallVec<[u32; 4]> = SmallVec::new();
        let mut id = ROOT;
        let node = loop {
            let Some(slot) = self.slot(id)? else { break self.node_mut(id)? };
            let node = self.store.slot_value(slot);
            let child = if node.first() == Some(&INNER) { child_for(node, key) } else { None };
            match child {
                Some(child) => {
                    path.push(id);
                    id = child;
                }
                None => break self.store.slot_mut(slot)?,
            }
        };
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
            return Ok(search(node, key, 0).map_or(0, |e| e.number));
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
        let Some(slot) = self.slot(id)? else { return Ok(()) };
        let node = self.store.slot_value(slot);
        if node.first() == Some(&INNER) {
            let children: Vec<u32> = entries(node).map(|e| e.number as u32).collect();
            return children.into_iter().try_for_each(|c| self.update_each_below(c, change));
        }
        let node = self.store.slot_mut(slot)?;
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
        let mut right = node[..HEADER].to_vec();
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
        let left = node.clone();
        let left_key = entries(&left).next().map(|e| e.key(&left).to_vec()).unwrap_or_default();
        let left_id = self.new_id()?;
        let root = self.node_mut(ROOT)?;
        root.truncate(HEADER);
        root[0] = INNER;
        insert_bytes(root, HEADER, &left_key, u64::from(left_id));
        let end = root.len();
        insert_bytes(root, end, &right_key, u64::from(right_id));
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
        let at = match search(node, first_key, 1) {
            Ok(entry) => entry.end,
            Err(at) => at,
        };
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
