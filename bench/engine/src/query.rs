//! The query's operators, as the planner builds them.

use std::collections::HashMap;
use std::time::Instant;

use tailwater_expr::Expr;
use tailwater_operators::{
    Aggregate, AggregateCall, AggregateFunction, AggregateSpec, Calc, Emission, Join, JoinKind,
    JoinSide, Operator, StatePrefix, StepContext,
};
use tailwater_state::{StateOptions, StateStats, StateStore};
use tailwater_types::{ChangeBatch, DataType, Timestamp, TypeKind};

use crate::workload::{CUSTOMER_LAYOUTS, ORDER_LAYOUTS};

pub(crate) struct Query {
    project: Calc,
    join: Join,
    narrow: Calc,
    aggregate: Aggregate,
    state: StateStore,
    changes: u64,
    /// The result, folded: rows by their bytes.
    result: HashMap<Vec<u8>, i64>,
    buffers: [ChangeBatch; 4],
    _directory: Option<tempfile::TempDir>,
}

pub(crate) struct Checkpoint {
    pub(crate) bytes: u64,
    pub(crate) millis: f64,
    pub(crate) longest_stop_millis: f64,
}

fn bigint(i: usize) -> Expr {
    Expr::column(i, TypeKind::BigInt.not_null())
}

fn amount(i: usize) -> Expr {
    Expr::column(i, TypeKind::Decimal { precision: 10, scale: 2 }.nullable())
}

fn region(i: usize) -> Expr {
    Expr::column(i, TypeKind::STRING.nullable())
}

fn call(function: AggregateFunction, argument: Option<Expr>, data_type: DataType) -> AggregateCall {
    AggregateCall { function, argument, is_distinct: false, filter: None, data_type }
}

impl Query {
    pub(crate) fn new(budget_bytes: Option<usize>) -> Self {
        let directory = budget_bytes.and_then(|_| tempfile::tempdir().ok());
        let options = StateOptions {
            directory: directory.as_ref().map(|d| d.path().to_owned()),
            budget_bytes: budget_bytes.unwrap_or(usize::MAX),
        };
        let state = match StateStore::open(&options, &[], 1) {
            Ok(state) => state,
            Err(error) => panic!("cannot open the state: {error}"),
        };
        let left = JoinSide {
            key: vec![bigint(0)],
            nulls_match: vec![false],
            layouts: ORDER_LAYOUTS[1..].into(),
        };
        let right = JoinSide {
            key: vec![bigint(0)],
            nulls_match: vec![false],
            layouts: CUSTOMER_LAYOUTS.into(),
        };
        let sum = TypeKind::Decimal { precision: 38, scale: 2 }.nullable();
        let spec = AggregateSpec {
            group: vec![region(1)],
            calls: vec![
                call(AggregateFunction::CountRows, None, TypeKind::BigInt.not_null()),
                call(AggregateFunction::Sum, Some(amount(0)), sum),
                call(AggregateFunction::Max, Some(amount(0)), amount(0).data_type),
            ],
            input_retracts: true,
            emission: Emission::PerStep,
            tells_empty: false,
        };
        Self {
            project: Calc::new(None, Some(vec![bigint(1), amount(2)])),
            join: Join::new(JoinKind::Inner, left, right, None, StatePrefix(0)),
            narrow: Calc::new(None, Some(vec![amount(1), region(3)])),
            aggregate: Aggregate::new(spec, StatePrefix(1)),
            state,
            changes: 0,
            result: HashMap::new(),
            buffers: Default::default(),
            _directory: directory,
        }
    }

    /// Input 0 is the orders, 1 the customers.
    pub(crate) fn step(&mut self, input: usize, batch: &ChangeBatch) {
        self.buffers.iter_mut().for_each(ChangeBatch::clear);
        let [projected, joined, narrowed, result] = &mut self.buffers;
        let mut context = StepContext { state: &mut self.state, now: Timestamp::default() };
        let mut stepped = Ok(());
        if input == 0 {
            stepped = self.project.step(0, batch, &mut context, projected);
        }
        let batch = if input == 0 { &*projected } else { batch };
        let stepped = stepped
            .and_then(|()| self.join.step(input, batch, &mut context, joined))
            .and_then(|()| self.narrow.step(0, joined, &mut context, narrowed))
            .and_then(|()| self.aggregate.step(0, narrowed, &mut context, result));
        if let Err(error) = stepped {
            panic!("a step failed: {error}");
        }
        self.changes += result.len() as u64;
        for (kind, row) in result.iter() {
            let change = if kind.is_addition() { 1 } else { -1 };
            match self.result.get_mut(row.bytes()) {
                Some(times) if *times + change == 0 => drop(self.result.remove(row.bytes())),
                Some(times) => *times += change,
                None => drop(self.result.insert(row.bytes().to_vec(), change)),
            }
        }
    }

    /// Takes a checkpoint as the loop does, in slices; `None` without a directory.
    pub(crate) fn checkpoint(&mut self) -> Option<Checkpoint> {
        self._directory.as_ref()?;
        let begun = Instant::now();
        let mut longest = 0.0_f64;
        let mut stop = |from: Instant| {
            longest = longest.max(from.elapsed().as_secs_f64() * 1000.0);
        };
        let cut = Instant::now();
        if let Err(error) = self.state.freeze() {
            panic!("the cut failed: {error}");
        }
        stop(cut);
        loop {
            let slice = Instant::now();
            let sealed = match self.state.pump(512 << 10) {
                Ok(sealed) => sealed,
                Err(error) => panic!("the checkpoint failed: {error}"),
            };
            stop(slice);
            if let Some(sealed) = sealed {
                self.state.committed();
                return Some(Checkpoint {
                    bytes: sealed.new_bytes,
                    millis: begun.elapsed().as_secs_f64() * 1000.0,
                    longest_stop_millis: longest,
                });
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn stats(&self) -> StateStats {
        self.state.stats()
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Of the rows that remain, in no order.
    pub(crate) fn checksum(&self) -> u64 {
        let hash = |bytes: &[u8]| {
            bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
                (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
            })
        };
        self.result.iter().fold(0, |sum: u64, (row, times)| {
            sum.wrapping_add(hash(row).wrapping_mul(*times as u64))
        })
    }
}
