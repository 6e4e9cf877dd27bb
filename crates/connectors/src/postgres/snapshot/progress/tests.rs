//! A database of keys in a few lines: transactions commit in the order of the stream, become
//! visible in some other order, and readers, stream and kills interleave at random. Whatever
//! happens, what was handed over adds up to the table, and no step of it contradicts the one before.

use std::collections::{BTreeMap, BTreeSet};

use tailwater_types::{Datum, Layout, RowKind};

use super::*;
use crate::postgres::snapshot::{decode, encode};

const KEYS: u64 = 40;
const TABLE: u32 = 5;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What a transaction did to a key: its value before and after.
#[derive(Clone)]
struct Write {
    key: u64,
    before: Option<u64>,
    after: Option<u64>,
}

#[derive(Default)]
struct Database {
    /// In the order of the stream; the place is the commit's LSN, the transaction id is beside it.
    commits: Vec<(u32, Vec<Write>)>,
    /// Commits that snapshots do not see yet.
    invisible: BTreeSet<usize>,
    next_xid: u32,
}

impl Database {
    fn rows(&self, is_seen: impl Fn(usize) -> bool) -> BTreeMap<u64, u64> {
        let mut rows = BTreeMap::new();
        for (_, (_, writes)) in self.commits.iter().enumerate().filter(|(i, _)| is_seen(*i)) {
            for write in writes {
                match write.after {
                    Some(value) => rows.insert(write.key, value),
                    None => rows.remove(&write.key),
                };
            }
        }
        rows
    }

    fn visible(&self) -> BTreeMap<u64, u64> {
        self.rows(|i| !self.invisible.contains(&i))
    }

    /// Keys that an invisible commit has written are locked.
    fn commit(&mut self, random: &mut Random) {
        let locked: BTreeSet<u64> =
            self.invisible.iter().flat_map(|i| &self.commits[*i].1).map(|w| w.key).collect();
        let rows = self.visible();
        let mut writes: Vec<Write> = Vec::new();
        for _ in 0..1 + random.below(3) {
            let key = random.below(KEYS);
            if locked.contains(&key) || writes.iter().any(|w| w.key == key) {
                continue;
            }
            let before = rows.get(&key).copied();
            let after = (random.below(3) > 0).then(|| random.below(1 << 30));
            if before.is_some() || after.is_some() {
                writes.push(Write { key, before, after });
            }
        }
        self.next_xid += 1;
        self.invisible.insert(self.commits.len());
        self.commits.push((100 + self.next_xid, writes));
    }

    /// The oldest invisible ones may stay so for long.
    fn show(&mut self, random: &mut Random) {
        let nth = random.below(self.invisible.len().max(1) as u64) as usize;
        if let Some(shown) = self.invisible.iter().nth(nth).copied() {
            self.invisible.remove(&shown);
        }
    }

    fn snapshot(&self) -> PgSnapshot {
        let hidden: Vec<u32> = self.invisible.iter().map(|i| self.commits[*i].0).collect();
        let xmax = 101 + self.next_xid;
        let xmin = hidden.first().copied().unwrap_or(xmax);
        let hidden: Vec<String> = hidden.iter().map(u32::to_string).collect();
        format!("{xmin}:{xmax}:{}", hidden.join(",")).parse().unwrap()
    }

    fn horizon(&self) -> Lsn {
        Lsn(self.commits.len() as u64)
    }
}

fn key(number: u64) -> Vec<u8> {
    vec![1, number as u8]
}

fn row(kind: RowKind, key: u64, value: u64) -> ChangeBatch {
    let mut batch = ChangeBatch::default();
    let fields = [Datum::Int(key as i64), Datum::Int(value as i64)];
    batch.push_datums(kind, &fields, &[Layout::Int, Layout::Int]);
    batch
}

/// What a sink holds; every change must fit it.
#[derive(Clone, Default)]
struct Sink(BTreeMap<u64, u64>);

impl Sink {
    fn take(&mut self, batch: &ChangeBatch) {
        for (kind, row) in batch.iter() {
            let [key, value] = [0, 1].map(|i| match row.get(i, Layout::Int) {
                Datum::Int(v) => v as u64,
                other => panic!("{other:?}"),
            });
            if kind.is_addition() {
                assert_eq!(self.0.insert(key, value), None, "key {key} twice");
            } else {
                assert_eq!(self.0.remove(&key), Some(value), "key {key} was another");
            }
        }
    }
}

/// A chunk that is being read, or is read and waits.
struct Chunk {
    id: SegmentId,
    low: Vec<u8>,
    horizon: Lsn,
    rows: BTreeMap<u64, u64>,
    is_read: bool,
}

/// A snapshot, its horizon and what it sees.
type Taken = (PgSnapshot, Lsn, BTreeMap<u64, u64>);

/// What a checkpoint keeps.
#[derive(Clone)]
struct Kept {
    sink: Sink,
    progress: String,
    stream: usize,
}

struct Run {
    database: Database,
    progress: SnapshotProgress,
    /// By reader, which has one segment.
    chunks: Vec<VecDeque<Chunk>>,
    has_snapshot: Vec<Option<Taken>>,
    /// Taken on the server, and not told of yet.
    on_its_way: Vec<Option<Taken>>,
    stream: usize,
    sink: Sink,
    kept: Kept,
    /// A snapshot must see all commits up to here after a restart.
    floor: usize,
}

impl Run {
    fn new(random: &mut Random) -> Self {
        let mut database = Database::default();
        for _ in 0..random.below(30) {
            database.commit(random);
            database.show(random);
        }
        let stream = database.commits.len();
        let mut progress = SnapshotProgress::default();
        let bound = key(KEYS / 2);
        let segments = vec![
            Segment::new(Vec::new(), Some(bound.clone()), Vec::new()),
            Segment::new(bound, None, Vec::new()),
        ];
        progress.add(TABLE, TableProgress { key: vec!["id".to_owned()], segments });
        let sink = Sink::default();
        let kept = Kept { sink: sink.clone(), progress: encode(&progress), stream };
        let (chunks, has_snapshot) = (vec![VecDeque::new(), VecDeque::new()], vec![None, None]);
        let (floor, on_its_way) = (stream, vec![None, None]);
        Self { database, progress, chunks, has_snapshot, on_its_way, stream, sink, kept, floor }
    }

    fn read_step(&mut self, reader: usize, random: &mut Random) {
        let id = SegmentId { table: TABLE, number: reader };
        if let Some(chunk) = self.chunks[reader].back_mut()
            && !chunk.is_read
        {
            chunk.is_read = true;
            let limit = 1 + random.below(6) as usize;
            let end = self.progress.segment_end(id);
            let inside = |k: u64| key(k) > chunk.low && is_within(&key(k), end.as_deref());
            chunk.rows.retain(|k, _| inside(*k));
            let last = chunk.rows.keys().nth(limit - 1).copied();
            let high = last.map(key).or(end);
            chunk.rows.retain(|k, _| last.is_none_or(|last| *k <= last));
            self.progress.end(id, high);
            return;
        }
        let segment = &self.progress.table(TABLE).map(|t| t.segments[reader].clone());
        let is_done = segment.as_ref().is_none_or(|s| {
            let read = s.pending.back().map(|p| p.extent == Extent::Known(s.high.clone()));
            read.unwrap_or_else(|| s.is_released())
        });
        if is_done || self.chunks[reader].len() > 2 {
            return;
        }
        let is_settled = (0..self.floor).all(|i| !self.database.invisible.contains(&i));
        if (self.has_snapshot[reader].is_none() || random.below(3) == 0) && is_settled {
            let Some(taken) = self.on_its_way[reader].take() else {
                self.progress.await_snapshot(reader);
                self.has_snapshot[reader] = None;
                let (snapshot, horizon) = (self.database.snapshot(), self.database.horizon());
                self.on_its_way[reader] = Some((snapshot, horizon, self.database.visible()));
                return;
            };
            self.progress.use_snapshot(reader, Some(taken.0.clone()));
            self.has_snapshot[reader] = Some(taken);
        }
        let Some((_, horizon, rows)) = self.has_snapshot[reader].clone() else {
            return;
        };
        match self.progress.begin(id, reader) {
            Some(low) => {
                self.chunks[reader].push_back(Chunk { id, low, horizon, rows, is_read: false });
            }
            None => {
                self.progress.use_snapshot(reader, None);
                self.has_snapshot[reader] = None;
            }
        }
    }

    fn release_step(&mut self, reader: usize) {
        if !self.chunks[reader].front().is_some_and(|chunk| chunk.is_read) {
            return;
        }
        if let Some(chunk) = self.chunks[reader].pop_front() {
            for (key, value) in chunk.rows {
                self.sink.take(&row(RowKind::Insert, key, value));
            }
            let held = self.progress.release(chunk.id, chunk.horizon);
            self.sink.take(&held);
        }
    }

    fn stream_step(&mut self, random: &mut Random) {
        let Some((xid, writes)) = self.database.commits.get(self.stream).cloned() else {
            return;
        };
        let commit = Lsn(self.stream as u64);
        for write in writes {
            let mut rows = ChangeBatch::default();
            let sides =
                [(RowKind::UpdateBefore, write.before), (RowKind::UpdateAfter, write.after)];
            for (kind, value) in sides {
                value.into_iter().for_each(|value| rows.append(&row(kind, write.key, value)));
            }
            let key = key(write.key);
            match self.progress.judge(TABLE, &key, xid, commit) {
                Verdict::Emit => self.sink.take(&rows),
                Verdict::Drop => {}
                Verdict::Hold(at) => {
                    // The readers are tasks of their own.
                    for _ in 0..random.below(3) {
                        self.read_step(at.segment.number, random);
                    }
                    self.progress.hold(at, &key, xid, &rows);
                }
            }
        }
        self.stream += 1;
        self.progress.settle(Lsn(self.stream as u64));
    }

    fn kill(&mut self) {
        self.sink = self.kept.sink.clone();
        self.progress = decode(&self.kept.progress).unwrap();
        self.stream = self.kept.stream;
        self.chunks.iter_mut().for_each(VecDeque::clear);
        (self.has_snapshot, self.on_its_way) = (vec![None, None], vec![None, None]);
        self.floor = self.database.commits.len();
    }

    fn step(&mut self, random: &mut Random) {
        let reader = random.below(2) as usize;
        match random.below(100) {
            0..25 => self.database.commit(random),
            25..45 => self.database.show(random),
            45..65 => self.read_step(reader, random),
            65..78 => self.release_step(reader),
            78..94 => self.stream_step(random),
            94..98 => {
                let progress = encode(&self.progress);
                self.kept = Kept { sink: self.sink.clone(), progress, stream: self.stream };
            }
            _ => self.kill(),
        }
    }
}

#[test]
fn what_is_handed_over_adds_up_to_the_table_however_things_interleave() {
    for seed in 1..3000 {
        let mut random = Random(seed * 7919);
        let mut run = Run::new(&mut random);
        for _ in 0..random.below(400) {
            run.step(&mut random);
        }
        while !run.progress.is_over() || run.stream < run.database.commits.len() {
            run.database.invisible.clear();
            for reader in 0..2 {
                run.read_step(reader, &mut random);
                run.release_step(reader);
            }
            run.stream_step(&mut random);
            if run.stream == run.database.commits.len() {
                run.progress.settle(run.database.horizon());
            }
        }
        assert_eq!(run.sink.0, run.database.visible(), "seed {seed}");
    }
}

#[test]
fn an_entry_of_one_snapshot_grows_and_settles_into_one() {
    let mut progress = SnapshotProgress::default();
    let segments = vec![Segment::default()];
    progress.add(TABLE, TableProgress { key: Vec::new(), segments });
    progress.use_snapshot(0, Some("10:10:".parse().unwrap()));
    let id = SegmentId { table: TABLE, number: 0 };
    for number in 1..=3 {
        progress.begin(id, 0).unwrap();
        progress.end(id, (number < 3).then(|| key(number)));
        progress.release(id, Lsn(7));
    }
    assert_eq!(progress.table(TABLE).unwrap().segments[0].done.len(), 1);
    assert_eq!((progress.is_released(), progress.is_over()), (true, false));
    assert_eq!(progress.next_horizon(), Some(Lsn(7)));
    progress.settle(Lsn(7));
    assert!(progress.is_over());
}
