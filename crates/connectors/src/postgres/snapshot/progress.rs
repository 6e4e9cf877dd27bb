//! How far the snapshot has got, and what that means for a change in the stream.
//!
//! A table is cut into segments, a segment is read chunk by chunk, each chunk in some snapshot of
//! the database. A change belongs to the chunk that holds its key:
//!
//! | chunk               | the change's transaction | the change                                   |
//! |---------------------|--------------------------|----------------------------------------------|
//! | released            | visible to its snapshot  | is in the chunk: dropped                     |
//! | released            | not visible              | goes on                                      |
//! | being read, waiting | visible to its snapshot  | is in the chunk: dropped                     |
//! | being read, waiting | not visible              | held until the chunk is released             |
//! | not read yet        |                          | dropped: the chunk's snapshot must see it    |
//!
//! The last line spares the spilling of changes: a chunk is read only in a snapshot that sees every
//! transaction dropped before (a commit may be in the stream before it is visible, while it waits
//! for a synchronous standby). Visible once is visible in all later snapshots, so a restart, which
//! reads unreleased chunks anew, loses nothing of what was dropped or held.

use std::collections::{BTreeMap, VecDeque};

use tailwater_pg_wire::Lsn;
use tailwater_types::ChangeBatch;

use super::super::visibility::{PgSnapshot, SnapshotFilter};

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Emit,
    Drop,
    /// Until the chunk is released: [`SnapshotProgress::hold`] takes it.
    Hold(HeldAt),
}

/// Where a held change waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldAt {
    segment: SegmentId,
    chunk: usize,
}

/// A segment of a table, counted in the order of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentId {
    pub(crate) table: u32,
    pub(crate) number: usize,
}

/// The snapshot of all tables of one source.
#[derive(Debug, Default)]
pub(crate) struct SnapshotProgress {
    tables: BTreeMap<u32, TableProgress>,
    /// Transactions of which a change was dropped that not every snapshot in use sees.
    dropped: Vec<u32>,
    /// The snapshots in use, by reader; `None` is one that is being taken: it may be older than
    /// everything that is known.
    in_use: BTreeMap<usize, Option<PgSnapshot>>,
}

/// A table that is not through yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableProgress {
    /// The columns it is cut by, none by pages.
    pub(crate) key: Vec<String>,
    /// In the order of keys.
    pub(crate) segments: Vec<Segment>,
}

/// A range of keys, or with neither bound a whole table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Behind this key; empty is before all.
    pub(crate) low: Vec<u8>,
    /// Up to this key; `None` is the end.
    pub(crate) high: Option<Vec<u8>>,
    /// Released spans from `low` on, in order.
    pub(crate) done: Vec<Span>,
    /// Chunks behind them that are being read or wait for their release; only the last one may
    /// still be without an end.
    pending: VecDeque<Pending>,
}

/// Keys up to `high` that are released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) high: Option<Vec<u8>>,
    /// What the snapshot holds; `None` once the stream is past it.
    pub(crate) filter: Option<SnapshotFilter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pending {
    snapshot: PgSnapshot,
    extent: Extent,
    rows: ChangeBatch,
    /// For each held change its key, its transaction and how many of `rows` it is.
    held: Vec<(Vec<u8>, u32, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Extent {
    /// Still being read.
    Open,
    /// Up to this key.
    Known(Option<Vec<u8>>),
}

impl Pending {
    /// Whether a key that lies in no chunk before lies in this one, as far as is known.
    fn may_hold(&self, key: &[u8]) -> bool {
        match &self.extent {
            Extent::Open => true,
            Extent::Known(high) => is_within(key, high.as_deref()),
        }
    }
}

/// Whether a key is not behind a bound.
fn is_within(key: &[u8], high: Option<&[u8]>) -> bool {
    high.is_none_or(|high| key <= high)
}

impl Segment {
    /// A segment of which `done` is released.
    pub(crate) fn new(low: Vec<u8>, high: Option<Vec<u8>>, done: Vec<Span>) -> Self {
        Self { low, high, done, pending: VecDeque::new() }
    }

    /// Where the next chunk begins.
    pub(crate) fn next_low(&self) -> &[u8] {
        let read = self.pending.back().and_then(|p| match &p.extent {
            Extent::Known(high) => high.as_deref(),
            Extent::Open => None,
        });
        let released = || self.done.last().and_then(|span| span.high.as_deref());
        read.or_else(released).unwrap_or(&self.low)
    }

    /// Whether all of it is handed over.
    pub(crate) fn is_released(&self) -> bool {
        self.done.last().is_some_and(|span| span.high == self.high)
    }
}

impl SnapshotProgress {
    /// Takes a table on.
    pub(crate) fn add(&mut self, table: u32, progress: TableProgress) {
        self.tables.insert(table, progress);
    }

    /// A table, if it is not through yet.
    pub(crate) fn table(&self, oid: u32) -> Option<&TableProgress> {
        self.tables.get(&oid)
    }

    /// The tables that are not through yet.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (u32, &TableProgress)> {
        self.tables.iter().map(|(table, progress)| (*table, progress))
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.tables.values().flat_map(|table| &table.segments)
    }

    /// Whether every segment is released.
    pub(crate) fn is_released(&self) -> bool {
        self.segments().all(Segment::is_released)
    }

    /// Whether the stream is past everything.
    pub(crate) fn is_over(&self) -> bool {
        self.tables.is_empty()
    }

    /// Whether changes of the table have to be judged.
    pub(crate) fn concerns(&self, table: u32) -> bool {
        self.tables.contains_key(&table)
    }

    /// Judges a change of a table that is not through yet.
    pub(crate) fn judge(&mut self, table: u32, key: &[u8], xid: u32, commit: Lsn) -> Verdict {
        let Some(TableProgress { segments, .. }) = self.tables.get(&table) else {
            return Verdict::Emit;
        };
        let number = segments.partition_point(|s| !is_within(key, s.high.as_deref()));
        let Some(segment) = segments.get(number) else {
            return Verdict::Emit;
        };
        let span = segment.done.partition_point(|s| !is_within(key, s.high.as_deref()));
        if let Some(span) = segment.done.get(span) {
            let is_seen = span.filter.as_ref().is_some_and(|f| f.holds(xid, commit));
            return if is_seen { Verdict::Drop } else { Verdict::Emit };
        }
        match segment.pending.iter().position(|chunk| chunk.may_hold(key)) {
            Some(chunk) if segment.pending[chunk].snapshot.sees(xid) => Verdict::Drop,
            Some(chunk) => Verdict::Hold(HeldAt { segment: SegmentId { table, number }, chunk }),
            None => {
                self.drop_of(xid);
                Verdict::Drop
            }
        }
    }

    /// Keeps the rows of one change. Since it was judged a reader may have ended the chunk before
    /// its key, and begun the next one.
    pub(crate) fn hold(&mut self, at: HeldAt, key: &[u8], xid: u32, rows: &ChangeBatch) {
        let Some(segment) = self.segment_mut(at.segment) else {
            return;
        };
        let mut chunks = segment.pending.iter_mut().skip(at.chunk);
        match chunks.find(|chunk| chunk.may_hold(key)) {
            Some(chunk) if chunk.snapshot.sees(xid) => {}
            Some(chunk) => {
                chunk.rows.append(rows);
                chunk.held.push((key.to_vec(), xid, rows.len()));
            }
            None => self.drop_of(xid),
        }
    }

    /// How many bytes are held.
    pub(crate) fn held_bytes(&self) -> usize {
        let pending = self.segments().flat_map(|s| &s.pending);
        pending.map(|p| p.rows.byte_size()).sum()
    }

    fn drop_of(&mut self, xid: u32) {
        if !is_seen_by_all(&self.in_use, xid) && self.dropped.last() != Some(&xid) {
            self.dropped.push(xid);
        }
    }

    /// A reader is about to take a snapshot: until it has told which, nothing that is dropped is
    /// seen by all.
    pub(crate) fn await_snapshot(&mut self, reader: usize) {
        self.in_use.insert(reader, None);
    }

    /// A reader has taken a snapshot, or (`None`) uses none any more.
    pub(crate) fn use_snapshot(&mut self, reader: usize, snapshot: Option<PgSnapshot>) {
        match snapshot {
            Some(snapshot) => self.in_use.insert(reader, Some(snapshot)),
            None => self.in_use.remove(&reader),
        };
        let in_use = &self.in_use;
        self.dropped.retain(|xid| !is_seen_by_all(in_use, *xid));
    }

    /// The last key of a segment.
    pub(crate) fn segment_end(&self, id: SegmentId) -> Option<Vec<u8>> {
        self.tables.get(&id.table)?.segments.get(id.number)?.high.clone()
    }

    /// Begins a chunk behind the last one, if the reader's snapshot sees all that was dropped.
    /// Gives the key behind which it begins.
    pub(crate) fn begin(&mut self, id: SegmentId, reader: usize) -> Option<Vec<u8>> {
        let snapshot = self.in_use.get(&reader)?.clone()?;
        if !self.dropped.iter().all(|xid| snapshot.sees(*xid)) {
            return None;
        }
        let segment = self.segment_mut(id)?;
        let low = segment.next_low().to_vec();
        segment.pending.push_back(Pending {
            snapshot,
            extent: Extent::Open,
            rows: ChangeBatch::default(),
            held: Vec::new(),
        });
        Some(low)
    }

    /// The chunk that is being read ends at this key. What is held behind it counts as dropped.
    pub(crate) fn end(&mut self, id: SegmentId, high: Option<Vec<u8>>) {
        let Some(chunk) = self.segment_mut(id).and_then(|s| s.pending.back_mut()) else {
            return;
        };
        let mut behind = Vec::new();
        if chunk.held.iter().any(|(key, ..)| !is_within(key, high.as_deref())) {
            let (rows, held) = (std::mem::take(&mut chunk.rows), std::mem::take(&mut chunk.held));
            let mut all = rows.iter();
            for (key, xid, count) in held {
                let own = all.by_ref().take(count);
                if is_within(&key, high.as_deref()) {
                    own.for_each(|(kind, row)| chunk.rows.push(kind, row));
                    chunk.held.push((key, xid, count));
                } else {
                    own.for_each(drop);
                    behind.push(xid);
                }
            }
        }
        chunk.extent = Extent::Known(high);
        behind.into_iter().for_each(|xid| self.drop_of(xid));
    }

    /// The oldest chunk of a segment is handed over; gives the changes that were held for it.
    pub(crate) fn release(&mut self, id: SegmentId, horizon: Lsn) -> ChangeBatch {
        let Some(segment) = self.segment_mut(id) else {
            return ChangeBatch::default();
        };
        let Some(chunk) = segment.pending.pop_front() else {
            return ChangeBatch::default();
        };
        let high = match chunk.extent {
            Extent::Known(high) => high,
            Extent::Open => segment.high.clone(),
        };
        let filter = Some(SnapshotFilter { horizon, snapshot: chunk.snapshot });
        match segment.done.last_mut() {
            // The horizon of the first chunk of a snapshot does for all of them.
            Some(last) if is_same_snapshot(&last.filter, &filter) => last.high = high,
            _ => segment.done.push(Span { high, filter }),
        }
        chunk.rows
    }

    /// The first place at which [`SnapshotProgress::settle`] has something to do.
    pub(crate) fn next_horizon(&self) -> Option<Lsn> {
        let spans = self.segments().flat_map(|s| &s.done);
        spans.filter_map(|span| span.filter.as_ref()).map(|f| f.horizon).min()
    }

    /// The stream has got to `lsn`: snapshots that end before do not matter any more.
    pub(crate) fn settle(&mut self, lsn: Lsn) {
        for segment in self.tables.values_mut().flat_map(|table| &mut table.segments) {
            for span in &mut segment.done {
                span.filter.take_if(|filter| filter.horizon <= lsn);
            }
            segment.done.dedup_by(|next, last| {
                let is_one = next.filter.is_none() && last.filter.is_none();
                if is_one {
                    last.high = next.high.take();
                }
                is_one
            });
        }
        let is_through =
            |s: &Segment| s.is_released() && s.done.iter().all(|span| span.filter.is_none());
        self.tables.retain(|_, table| !table.segments.iter().all(is_through));
    }

    fn segment_mut(&mut self, id: SegmentId) -> Option<&mut Segment> {
        self.tables.get_mut(&id.table)?.segments.get_mut(id.number)
    }
}

/// Whether every snapshot in use sees a transaction, and with them every later one.
fn is_seen_by_all(in_use: &BTreeMap<usize, Option<PgSnapshot>>, xid: u32) -> bool {
    let sees = |snapshot: &Option<PgSnapshot>| snapshot.as_ref().is_some_and(|s| s.sees(xid));
    !in_use.is_empty() && in_use.values().all(sees)
}

fn is_same_snapshot(a: &Option<SnapshotFilter>, b: &Option<SnapshotFilter>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a.snapshot == b.snapshot)
}

#[cfg(test)]
mod tests;
