//! Every operator against a naive evaluation of the same query over the rows that are left:
//! random histories, cut into batches of any size, with a recovery in the middle.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod aggregate;
mod join;
mod keyed_rows;

use std::collections::BTreeMap;

use tailwater_operators::{Operator, StepContext};
use tailwater_state::{StateOptions, StateStore};
use tailwater_types::{ChangeBatch, Datum, Layout, RowKind, RowRef, Timestamp};

/// A row of nullable integers.
pub(crate) type Row = Vec<Option<i64>>;

/// Rows with how often they are there.
pub(crate) type Table = BTreeMap<Row, i64>;

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    /// NULL once in eight times.
    pub(crate) fn value(&mut self, n: u64) -> Option<i64> {
        (self.below(8) > 0).then(|| self.below(n) as i64)
    }
}

pub(crate) fn layouts(columns: usize) -> Vec<Layout> {
    vec![Layout::Int; columns]
}

pub(crate) fn push(batch: &mut ChangeBatch, kind: RowKind, row: &Row) {
    let datums: Vec<Datum<'_>> = row.iter().map(|v| v.map_or(Datum::Null, Datum::Int)).collect();
    batch.push_datums(kind, &datums, &layouts(row.len()));
}

fn read(row: RowRef<'_>) -> Row {
    (0..row.len()).map(|i| row.get(i, Layout::Int).as_int()).collect()
}

/// Takes changes up; a row must be there to be taken away.
pub(crate) fn fold(table: &mut Table, batch: &ChangeBatch) {
    for (kind, row) in batch.iter() {
        let row = read(row);
        let times = table.entry(row.clone()).or_default();
        *times += if kind.is_addition() { 1 } else { -1 };
        assert!(*times >= 0, "{row:?} is taken away but was not there");
        if *times == 0 {
            table.remove(&row);
        }
    }
}

/// An operator on state that can be recovered.
pub(crate) struct Harness {
    make: Box<dyn Fn() -> Box<dyn Operator>>,
    operator: Box<dyn Operator>,
    options: StateOptions,
    state: StateStore,
    checkpoints: u64,
    _directory: tempfile::TempDir,
    pub(crate) output: Table,
}

impl Harness {
    pub(crate) fn new(make: impl Fn() -> Box<dyn Operator> + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options =
            StateOptions { directory: Some(directory.path().to_owned()), budget_bytes: 20_000 };
        let state = StateStore::open(&options, &[], 1).unwrap();
        Self {
            operator: make(),
            make: Box::new(make),
            options,
            state,
            checkpoints: 0,
            _directory: directory,
            output: Table::new(),
        }
    }

    pub(crate) fn step(&mut self, input: usize, batch: &ChangeBatch) -> ChangeBatch {
        let out = self.step_unfolded(input, batch);
        fold(&mut self.output, &out);
        out
    }

    /// A step whose output is not a table's whole rows.
    pub(crate) fn step_unfolded(&mut self, input: usize, batch: &ChangeBatch) -> ChangeBatch {
        let mut context = StepContext { state: &mut self.state, now: Timestamp::default() };
        let mut out = ChangeBatch::default();
        self.operator.step(input, batch, &mut context, &mut out).unwrap();
        out
    }

    /// A checkpoint, and a new operator on what it holds.
    pub(crate) fn recover(&mut self) {
        self.state.freeze().unwrap();
        let sealed = self.state.finish_checkpoint().unwrap().unwrap();
        self.state.committed();
        self.checkpoints += 1;
        self.state = StateStore::open(&self.options, &sealed.runs, self.checkpoints + 1).unwrap();
        self.operator = (self.make)();
    }
}

/// A history of one table: each change keeps the table possible.
pub(crate) struct History {
    pub(crate) rows: Vec<Row>,
}

impl History {
    /// Appends one random change (an update is two) of rows that `make` makes.
    pub(crate) fn change(
        &mut self,
        random: &mut Random,
        batch: &mut ChangeBatch,
        make: impl Fn(&mut Random) -> Row,
    ) {
        let choice = random.below(10);
        if self.rows.is_empty() || choice < 5 {
            let row = make(random);
            push(batch, RowKind::Insert, &row);
            self.rows.push(row);
            return;
        }
        let i = random.below(self.rows.len() as u64) as usize;
        let old = self.rows.swap_remove(i);
        if choice < 8 {
            let new = make(random);
            push(batch, RowKind::UpdateBefore, &old);
            push(batch, RowKind::UpdateAfter, &new);
            self.rows.push(new);
        } else {
            push(batch, RowKind::Delete, &old);
        }
    }
}
