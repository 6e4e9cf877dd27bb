//! One change per key: the last one wins.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use tailwater_types::{ChangeBatch, Layout, RowKind, RowRef};

/// The changes that are left, as places in the batch, in order of their first appearance from the
/// end. No key is in both lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Consolidated {
    pub(super) upserts: Vec<usize>,
    pub(super) deletes: Vec<usize>,
}

/// Keeps the last change of each key.
pub(super) fn last_per_key(batch: &ChangeBatch, key: &[usize], layouts: &[Layout]) -> Consolidated {
    let hasher = DefaultHashBuilder::default();
    let mut arena: Vec<u8> = Vec::new();
    let mut seen: HashTable<(usize, usize)> = HashTable::with_capacity(batch.len());
    let mut left = Consolidated::default();
    for at in (0..batch.len()).rev() {
        let (kind, row) = batch.row(at);
        // The row before an update says nothing that the row after it does not.
        if kind == RowKind::UpdateBefore {
            continue;
        }
        let start = arena.len();
        append_key(row, key, layouts, &mut arena);
        let hash = hasher.hash_one(&arena[start..]);
        let is_known = seen.find(hash, |(from, to)| arena[*from..*to] == arena[start..]).is_some();
        if is_known {
            arena.truncate(start);
            continue;
        }
        let end = arena.len();
        seen.insert_unique(hash, (start, end), |(from, to)| hasher.hash_one(&arena[*from..*to]));
        match kind {
            RowKind::Delete => left.deletes.push(at),
            RowKind::Insert | RowKind::UpdateAfter | RowKind::UpdateBefore => {
                left.upserts.push(at);
            }
        }
    }
    // Statements then run in the order of arrival.
    left.upserts.reverse();
    left.deletes.reverse();
    left
}

fn append_key(row: RowRef<'_>, key: &[usize], layouts: &[Layout], out: &mut Vec<u8>) {
    for at in key {
        let start = out.len();
        tailwater_types::datum::append_ordered(row.get(*at, layouts[*at]), out);
        let length = (out.len() - start) as u32;
        out.extend_from_slice(&length.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tailwater_types::Datum;

    #[test]
    fn the_last_change_of_a_key_wins_and_the_lists_share_no_key() {
        let layouts = [Layout::Int, Layout::Str];
        let mut batch = ChangeBatch::default();
        for (kind, key) in [
            (RowKind::Insert, 1),
            (RowKind::Insert, 2),
            (RowKind::Delete, 1),
            (RowKind::UpdateBefore, 2),
            (RowKind::UpdateAfter, 2),
            (RowKind::Delete, 3),
            (RowKind::Insert, 3),
        ] {
            batch.push_datums(kind, &[Datum::Int(key), Datum::Str("x")], &layouts);
        }
        let left = last_per_key(&batch, &[0], &layouts);
        assert_eq!((left.upserts, left.deletes), (vec![4, 6], vec![2]));
    }
}
