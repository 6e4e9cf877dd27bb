//! Operators that keep rows by key: normalisation of upsert streams, and the materializer before
//! a sink whose key is not the stream's.

use std::sync::Arc;

use tailwater_types::{ChangeBatch, Layout, RowKind, RowRef, RowWriter};

use crate::operator::{Operator, OperatorError, StatePrefix, StepContext};

/// Turns an upsert stream into one with whole rows before and after each change, and drops
/// changes that change nothing. Needed where later operators must know what a row was before.
pub struct ChangelogNormalize {
    key: KeyOf,
    unknown: UnknownRows,
    /// A row that is put together of what was sent and what was there before.
    whole: Vec<u8>,
    /// The row deleted last: an update of the key is a delete and an insert behind it.
    deleted: Vec<u8>,
}

/// What becomes of a change of a row that was never told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UnknownRows {
    /// There was none: a deletion is dropped, an update is an insertion.
    #[default]
    Absent,
    /// It was as the change itself says.
    AsTold,
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
        let key = KeyOf { columns, layouts, prefix, buffer: Vec::new() };
        Self { key, unknown: UnknownRows::Absent, whole: Vec::new(), deleted: Vec::new() }
    }

    /// The same, for streams that may begin in the middle.
    #[must_use]
    pub fn with_unknown(mut self, unknown: UnknownRows) -> Self {
        self.unknown = unknown;
        self
    }
}

/// Fills the fields of `row` that did not change from the row before.
fn complete(
    row: RowRef<'_>,
    before: &[u8],
    layouts: &[Layout],
    whole: &mut Vec<u8>,
) -> Result<(), OperatorError> {
    whole.clear();
    let before = RowRef::new(before);
    let mut writer = RowWriter::new(whole, row.len());
    for (i, layout) in layouts.iter().enumerate() {
        if !row.is_unchanged(i) {
            writer.copy(row, i, *layout);
        } else if before.is_empty() {
            return Err(OperatorError::UnknownValue { column: i + 1 });
        } else {
            writer.copy(before, i, *layout);
        }
    }
    Ok(())
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
            if kind == RowKind::UpdateBefore && self.unknown == UnknownRows::Absent {
                continue;
            }
            let kept = context.state.entry(self.key.of(row))?;
            if kind == RowKind::UpdateBefore {
                if kept.is_empty() {
                    kept.extend_from_slice(row.bytes());
                }
                continue;
            }
            if kind == RowKind::Delete {
                if !kept.is_empty() {
                    out.push(RowKind::Delete, RowRef::new(kept));
                } else if self.unknown == UnknownRows::AsTold {
                    out.push(RowKind::Delete, row);
                }
                self.deleted.clone_from(kept);
                kept.clear();
                continue;
            }
            let row = if (0..row.len()).any(|i| row.is_unchanged(i)) {
                let before = if kept.is_empty() { &self.deleted } else { &*kept };
                complete(row, before, &self.key.layouts, &mut self.whole)?;
                RowRef::new(&self.whole)
            } else {
                row
            };
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

#[cfg(test)]
mod tests {
    use tailwater_state::StateStore;
    use tailwater_types::{Datum, Timestamp};

    use super::*;

    const LAYOUTS: [Layout; 2] = [Layout::Int, Layout::Str];

    fn row(batch: &mut ChangeBatch, kind: RowKind, key: i64, note: Option<&str>) {
        batch.push_with(kind, |out| {
            let mut writer = RowWriter::new(out, 2);
            writer.push(Datum::Int(key), Layout::Int);
            match note {
                Some(note) => writer.push(Datum::Str(note), Layout::Str),
                None => writer.push_unchanged(),
            }
        });
    }

    #[test]
    fn of_a_stream_that_begins_in_the_middle_a_change_says_what_was_before() {
        let mut state = StateStore::in_memory();
        let mut context = StepContext { state: &mut state, now: Timestamp::from_micros(0) };
        let mut operator = ChangelogNormalize::new(vec![0], Arc::from(LAYOUTS), StatePrefix(1))
            .with_unknown(UnknownRows::AsTold);
        let (mut batch, mut out) = (ChangeBatch::default(), ChangeBatch::default());
        row(&mut batch, RowKind::UpdateBefore, 1, Some("old"));
        row(&mut batch, RowKind::UpdateAfter, 1, Some("new"));
        // The key alone is sent.
        row(&mut batch, RowKind::UpdateAfter, 1, Some("newer"));
        row(&mut batch, RowKind::Delete, 1, Some(""));
        row(&mut batch, RowKind::Delete, 2, Some("whole"));
        operator.step(0, &batch, &mut context, &mut out).unwrap();
        let rows: Vec<_> =
            out.iter().map(|(kind, row)| (kind.short(), row.get(1, Layout::Str))).collect();
        let expected = [
            ("-U", "old"),
            ("+U", "new"),
            ("-U", "new"),
            ("+U", "newer"),
            ("-D", "newer"),
            ("-D", "whole"),
        ];
        assert_eq!(rows, expected.map(|(kind, note)| (kind, Datum::Str(note))));
    }

    #[test]
    fn a_value_that_did_not_change_comes_from_the_row_before_or_is_an_error() {
        let mut state = StateStore::in_memory();
        let mut context = StepContext { state: &mut state, now: Timestamp::from_micros(0) };
        let mut operator = ChangelogNormalize::new(vec![0], Arc::from(LAYOUTS), StatePrefix(1));
        let (mut batch, mut out) = (ChangeBatch::default(), ChangeBatch::default());
        row(&mut batch, RowKind::Insert, 1, Some("long"));
        row(&mut batch, RowKind::UpdateAfter, 1, None);
        // To another key.
        row(&mut batch, RowKind::Delete, 1, Some(""));
        row(&mut batch, RowKind::Insert, 2, None);
        operator.step(0, &batch, &mut context, &mut out).unwrap();
        let rows: Vec<_> = out
            .iter()
            .map(|(kind, row)| (kind, row.get(0, Layout::Int), row.get(1, Layout::Str)))
            .collect();
        let expected = [
            (RowKind::Insert, Datum::Int(1), Datum::Str("long")),
            (RowKind::Delete, Datum::Int(1), Datum::Str("long")),
            (RowKind::Insert, Datum::Int(2), Datum::Str("long")),
        ];
        assert_eq!(rows, expected);
        let mut unknown = ChangeBatch::default();
        row(&mut unknown, RowKind::UpdateAfter, 9, None);
        let mut operator = ChangelogNormalize::new(vec![0], Arc::from(LAYOUTS), StatePrefix(2));
        let error = operator.step(0, &unknown, &mut context, &mut out).unwrap_err();
        assert!(error.to_string().contains("column number 2"), "{error}");
    }
}
