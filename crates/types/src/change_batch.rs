//! Rows with what happened to them, in arrival order.

mod spare;

use crate::data_type::Layout;
use crate::datum::Datum;
use crate::row::{RowRef, RowWriter};

/// What a row does to the table that a stream describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowKind {
    /// `+I`
    Insert,
    /// `-U`: the row before an update.
    UpdateBefore,
    /// `+U`: the row after an update.
    UpdateAfter,
    /// `-D`
    Delete,
}

impl RowKind {
    /// `+I`, `-U`, `+U` or `-D`.
    pub fn short(self) -> &'static str {
        match self {
            RowKind::Insert => "+I",
            RowKind::UpdateBefore => "-U",
            RowKind::UpdateAfter => "+U",
            RowKind::Delete => "-D",
        }
    }

    /// Whether the row is added (`+I`, `+U`) rather than taken away.
    pub fn is_addition(self) -> bool {
        matches!(self, RowKind::Insert | RowKind::UpdateAfter)
    }
}

/// Packed rows of one schema, each with its [`RowKind`], in one buffer: pushing a row allocates
/// nothing of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeBatch {
    kinds: Vec<RowKind>,
    ends: Vec<u32>,
    data: Vec<u8>,
}

impl Drop for ChangeBatch {
    fn drop(&mut self) {
        if self.data.capacity() >= spare::LEAST_BYTES {
            spare::put(std::mem::take(&mut self.data));
        }
    }
}

impl ChangeBatch {
    /// Makes room for about as many and as large rows as `other` has.
    pub fn reserve(&mut self, other: &ChangeBatch) {
        self.kinds.reserve(other.kinds.len());
        self.ends.reserve(other.ends.len());
        self.reserve_bytes(other.data.len() + other.data.len() / 16);
    }

    /// Makes room for so many bytes of rows: where it is much, in a buffer that was used before.
    pub fn reserve_bytes(&mut self, bytes: usize) {
        if self.data.capacity() == 0 && bytes >= spare::LEAST_BYTES {
            self.data = spare::take(bytes);
        }
        self.data.reserve(bytes);
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Bytes of all rows.
    pub fn byte_size(&self) -> usize {
        self.data.len()
    }

    /// Row `i`, which must be there.
    pub fn row(&self, i: usize) -> (RowKind, RowRef<'_>) {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        (self.kinds[i], RowRef::new(&self.data[start..self.ends[i] as usize]))
    }

    /// All rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (RowKind, RowRef<'_>)> + '_ {
        (0..self.len()).map(|i| self.row(i))
    }

    /// Appends a copy of a packed row.
    pub fn push(&mut self, kind: RowKind, row: RowRef<'_>) {
        self.data.extend_from_slice(row.bytes());
        self.finish(kind);
    }

    /// Appends a row whose tuple `write` appends to the buffer.
    pub fn push_with(&mut self, kind: RowKind, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.data);
        self.finish(kind);
    }

    /// Appends a row that `write` may refuse, in which case nothing is appended.
    ///
    /// # Errors
    /// What `write` gives.
    pub fn try_push_with<E>(
        &mut self,
        kind: RowKind,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.data.len();
        let written = write(&mut self.data);
        match written {
            Ok(()) => self.finish(kind),
            Err(_) => self.data.truncate(start),
        }
        written
    }

    /// Appends a row of these values.
    pub fn push_datums(&mut self, kind: RowKind, datums: &[Datum<'_>], layouts: &[Layout]) {
        let mut writer = RowWriter::new(&mut self.data, layouts.len());
        for (datum, layout) in datums.iter().zip(layouts) {
            writer.push(*datum, *layout);
        }
        self.finish(kind);
    }

    /// Appends all rows of another batch.
    pub fn append(&mut self, other: &ChangeBatch) {
        let base = self.data.len() as u32;
        self.kinds.extend_from_slice(&other.kinds);
        self.ends.extend(other.ends.iter().map(|end| base + end));
        self.data.extend_from_slice(&other.data);
    }

    /// Forgets all rows from the `len`-th on.
    pub fn truncate(&mut self, len: usize) {
        self.kinds.truncate(len);
        self.ends.truncate(len);
        let end = self.ends.last().map_or(0, |end| *end as usize);
        self.data.truncate(end);
    }

    /// Forgets all rows, keeps the memory.
    pub fn clear(&mut self) {
        self.kinds.clear();
        self.ends.clear();
        self.data.clear();
    }

    /// Appends the batch as bytes that [`ChangeBatch::decode`] reads.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.len() as u32).to_le_bytes());
        out.extend(self.kinds.iter().map(|kind| *kind as u8));
        for end in &self.ends {
            out.extend_from_slice(&end.to_le_bytes());
        }
        out.extend_from_slice(&self.data);
    }

    /// Reads what [`ChangeBatch::encode`] wrote; `None` if these are not such bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (kinds, rest) = rest.split_at_checked(count)?;
        let (ends, data) = rest.split_at_checked(count.checked_mul(4)?)?;
        let kind_of = |byte: &u8| match byte {
            0 => Some(RowKind::Insert),
            1 => Some(RowKind::UpdateBefore),
            2 => Some(RowKind::UpdateAfter),
            3 => Some(RowKind::Delete),
            _ => None,
        };
        let kinds = kinds.iter().map(kind_of).collect::<Option<Vec<_>>>()?;
        let ends: Vec<u32> =
            ends.as_chunks::<4>().0.iter().map(|end| u32::from_le_bytes(*end)).collect();
        let is_whole = ends.is_sorted() && ends.last().map_or(0, |e| *e as usize) == data.len();
        is_whole.then(|| Self { kinds, ends, data: data.to_vec() })
    }

    fn finish(&mut self, kind: RowKind) {
        self.kinds.push(kind);
        self.ends.push(self.data.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_row_leaves_no_trace() {
        let layouts = [Layout::Int, Layout::Str];
        let mut batch = ChangeBatch::default();
        batch.push_datums(RowKind::Insert, &[Datum::Int(1), Datum::Str("a")], &layouts);
        let refused = batch.try_push_with(RowKind::Insert, |out| {
            out.push(1);
            Err("no")
        });
        assert_eq!(refused, Err("no"));
        batch.push_datums(RowKind::Delete, &[Datum::Null, Datum::Str("b")], &layouts);
        let copy = batch.clone();
        batch.append(&copy);
        let seen: Vec<_> =
            batch.iter().map(|(k, r)| (k.short(), r.get(1, Layout::Str).as_str())).collect();
        let twice = [("+I", Some("a")), ("-D", Some("b")), ("+I", Some("a")), ("-D", Some("b"))];
        assert_eq!(seen, twice);
        let mut bytes = Vec::new();
        batch.encode(&mut bytes);
        assert_eq!(ChangeBatch::decode(&bytes), Some(batch));
        assert_eq!(ChangeBatch::decode(&bytes[..bytes.len() - 1]), None);
    }
}
