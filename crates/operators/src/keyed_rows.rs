//! Operators that keep rows by key: normalisation of upsert streams, and the materializer before
//! a sink whose key is not the stream's.

use std::sync::Arc;

use tailwater_types::{ChangeBatch, Layout, RowKind, RowRef, RowWriter};

use crate::operator::{Operator, OperatorError, StatePrefix, StepContext};

/// Turns an upsert stream into one with whole rows before and after each change, and drops
/// changes that change nothing. Needed where later operators must know what a row was before.
pub struct ChangelogNormalize {
    key: KeyOf,
}

/// Keeps, for each key of a sink, all rows that are there for it, and tells the sink the latest.
/// Needed where several rows of a stream may share a key of its sink for a while.
pub struct UpsertMaterialize {
    key: KeyOf,
    rest: Vec<u8>,
}

struct KeyOf {
    columns: Vec<usize>,
    layouts: Arc<[Layout]>,
    prefix: StatePrefix,
    buffer: Vec<u8>,
}

impl KeyOf {
    fn of(&mut self, row: RowRef<'_>) -> &[u8] {
        self.prefix.begin(0, &mut self.buffer);
        let mut writer = RowWriter::new(&mut self.buffer, self.columns.len());
        for column in &self.columns {
            writer.copy(row, *column, self.layouts[*column]);
        }
        &self.buffer
    }
}

impl ChangelogNormalize {
    /// Normalises rows of these layouts by the key columns.
    pub fn new(columns: Vec<usize>, layouts: Arc<[Layout]>, prefix: StatePrefix) -> Self {
        Self { key: KeyOf { columns, layouts, prefix, buffer: Vec::new() } }
    }
}

impl Operator for ChangelogNormalize {
    fn step(
        &mut self,
        _input: usize,
        batch: &ChangeBatch,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        for (kind, row) in batch.iter() {
            if kind == RowKind::UpdateBefore {
                continue;
            }
            let kept = context.state.entry(self.key.of(row))?;
            if kind == RowKind::Delete {
                if !kept.is_empty() {
                    out.push(RowKind::Delete, RowRef::new(kept));
                }
                kept.clear();
                continue;
            }
            if kept.as_slice() == row.bytes() {
                continue;
            }
            if kept.is_empty() {
                out.push(RowKind::Insert, row);
            } else {
                out.push(RowKind::UpdateBefore, RowRef::new(kept));
                out.push(RowKind::UpdateAfter, row);
            }
            kept.clear();
            kept.extend_from_slice(row.bytes());
        }
        Ok(())
    }
}

impl UpsertMaterialize {
    /// Materialises rows of these layouts by the sink's key columns.
    pub fn new(columns: Vec<usize>, layouts: Arc<[Layout]>, prefix: StatePrefix) -> Self {
        let key = KeyOf { columns, layouts, prefix, buffer: Vec::new() };
        Self { key, rest: Vec::new() }
    }
}

/// The places of the rows in `length: u32 | row` sequences, oldest first.
fn rows_of(kept: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = u32::from_le_bytes(*kept.get(at..)?.first_chunk::<4>()?) as usize;
        let range = at + 4..at + 4 + length;
        at = range.end;
        (at <= kept.len()).then_some(range)
    })
}

impl Operator for UpsertMaterialize {
    fn step(
        &mut self,
        _input: usize,
        batch: &ChangeBatch,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        for (kind, row) in batch.iter() {
            let kept = context.state.entry(self.key.of(row))?;
            if kind.is_addition() {
                let kind = if kept.is_empty() { RowKind::Insert } else { RowKind::UpdateAfter };
                out.push(kind, row);
                kept.extend_from_slice(&(row.bytes().len() as u32).to_le_bytes());
                kept.extend_from_slice(row.bytes());
                continue;
            }
            let found = rows_of(kept).filter(|r| &kept[r.clone()] == row.bytes()).last();
            let Some(found) = found else { continue };
            let was_latest = found.end == kept.len();
            self.rest.clear();
            self.rest.extend_from_slice(&kept[..found.start - 4]);
            self.rest.extend_from_slice(&kept[found.end..]);
            kept.clear();
            kept.extend_from_slice(&self.rest);
            if !was_latest {
                continue;
            }
            match rows_of(kept).last() {
                Some(latest) => out.push(RowKind::UpdateAfter, RowRef::new(&kept[latest])),
                None => out.push(RowKind::Delete, row),
            }
        }
        Ok(())
    }
}
