//! GROUP BY over a changelog.
//!
//! A group is `rows: i64 | accumulators | result row`: the result as it was told last, so that a
//! change is told as a retraction of exactly that. MIN, MAX and DISTINCT keep the group's values
//! in an ordered map of their own.

mod accumulator;

use std::sync::Arc;

use smallvec::SmallVec;
use tailwater_expr::{Bump, Env, Expr, eval_row};
use tailwater_state::OrderedMap;
use tailwater_types::datum::{append_ordered, read_ordered};
use tailwater_types::{ChangeBatch, DataType, Datum, Layout, RowKind, RowRef, RowWriter};

pub use accumulator::AggregateFunction;
use accumulator::{ACCUMULATOR_BYTES, add, result};

use crate::operator::{Emission, Operator, OperatorError, StatePrefix, StepContext};
use crate::touched::Touched;

/// One aggregate call of a GROUP BY.
pub struct AggregateCall {
    /// What it computes.
    pub function: AggregateFunction,
    /// Of what; `None` for `COUNT(*)`.
    pub argument: Option<Expr>,
    /// Each value once.
    pub is_distinct: bool,
    /// `FILTER (WHERE ...)`
    pub filter: Option<Expr>,
    /// The type of the result.
    pub data_type: DataType,
}

/// What a GROUP BY consists of.
pub struct AggregateSpec {
    /// The group's columns.
    pub group: Vec<Expr>,
    /// The results behind them.
    pub calls: Vec<AggregateCall>,
    /// Whether the input holds retractions.
    pub input_retracts: bool,
    /// How often results are told.
    pub emission: Emission,
    /// Without a group column: whether a result is due although no row ever came.
    pub tells_empty: bool,
}

/// The operator.
pub struct Aggregate {
    spec: AggregateSpec,
    group_layouts: Arc<[Layout]>,
    layouts: Arc<[Layout]>,
    prefix: StatePrefix,
    arena: Bump,
    touched: Touched,
    group_key: Vec<u8>,
    aux_key: Vec<u8>,
    ordered: Vec<u8>,
    result: Vec<u8>,
}

/// Bytes before the accumulators: how many rows the group has.
const ROWS_BYTES: usize = 8;

impl Aggregate {
    /// An aggregation that keeps its state under `prefix`.
    pub fn new(spec: AggregateSpec, prefix: StatePrefix) -> Self {
        let group_layouts: Arc<[Layout]> =
            spec.group.iter().map(|e| e.data_type.layout()).collect();
        let call_layouts = spec.calls.iter().map(|c| c.data_type.layout());
        let layouts = group_layouts.iter().copied().chain(call_layouts).collect();
        Self {
            spec,
            group_layouts,
            layouts,
            prefix,
            arena: Bump::new(),
            touched: Touched::default(),
            group_key: Vec::new(),
            aux_key: Vec::new(),
            ordered: Vec::new(),
            result: Vec::new(),
        }
    }

    fn head_bytes(&self) -> usize {
        ROWS_BYTES + ACCUMULATOR_BYTES * self.spec.calls.len()
    }

    fn step_row(
        &mut self,
        kind: RowKind,
        env: &Env<'_>,
        context: &mut StepContext<'_>,
    ) -> Result<(), OperatorError> {
        self.prefix.begin(0, &mut self.group_key);
        eval_row(&self.spec.group, &self.group_layouts, env, &mut self.group_key)?;
        let is_addition = kind.is_addition();
        if !is_addition && context.state.get(&self.group_key)?.is_empty() {
            // Never seen: a history that began in the middle.
            return Ok(());
        }
        let mut values: SmallVec<[Option<Datum<'_>>; 6]> = SmallVec::new();
        for i in 0..self.spec.calls.len() {
            let value = self.accumulated(i, is_addition, env, context)?;
            values.push(value);
        }
        let head = self.head_bytes();
        let group = context.state.entry(&self.group_key)?;
        if group.is_empty() {
            group.resize(head, 0);
        }
        let (rows, accumulators) = group.split_at_mut(ROWS_BYTES);
        let change = if is_addition { 1 } else { -1 };
        let count = i64::from_le_bytes(rows.try_into().unwrap_or_default()) + change;
        rows.copy_from_slice(&count.to_le_bytes());
        let slots = accumulators.chunks_exact_mut(ACCUMULATOR_BYTES);
        for ((call, value), slot) in self.spec.calls.iter().zip(values).zip(slots) {
            if let Some(value) = value {
                add(call.function, value, is_addition, slot);
            }
        }
        self.touched.insert(&self.group_key);
        Ok(())
    }

    /// The value that call `i` is to take up, if any, after its ordered map has been changed.
    fn accumulated<'a>(
        &mut self,
        i: usize,
        is_addition: bool,
        env: &Env<'a>,
        context: &mut StepContext<'_>,
    ) -> Result<Option<Datum<'a>>, OperatorError>
    where
        Self: 'a,
    {
        let call = &self.spec.calls[i];
        if let Some(filter) = &call.filter
            && filter_value(filter, env)? != Some(true)
        {
            return Ok(None);
        }
        let Some(argument) = &call.argument else {
            return Ok(Some(Datum::Null));
        };
        self.ordered.clear();
        let value =
            owned(argument.eval(&Env { row: env.row, arena: env.arena, now: env.now })?, env);
        if value.is_null() {
            return Ok(None);
        }
        if !call.function.keeps_values() && !call.is_distinct {
            return Ok(Some(value));
        }
        append_ordered(value, &mut self.ordered);
        self.prefix.begin(1 + i as u8, &mut self.aux_key);
        self.aux_key.extend_from_slice(&self.group_key[3..]);
        let mut map = OrderedMap::new(context.state, &mut self.aux_key);
        if call.function.keeps_values() && !self.spec.input_retracts {
            keep_extreme(&mut map, call.function, &self.ordered)?;
            return Ok(Some(value));
        }
        let change = if is_addition { 1_i64 } else { -1 };
        let (before, after) = map.update(&self.ordered, |n| n.saturating_add_signed(change))?;
        let is_turn = (before == 0) != (after == 0);
        Ok((is_turn || !call.is_distinct).then_some(value))
    }

    /// Tells what has changed of the groups touched since the last call.
    fn tell(
        &mut self,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        let touched = std::mem::take(&mut self.touched);
        for key in touched.keys() {
            self.tell_group(key, context, out)?;
        }
        self.touched = touched;
        self.touched.clear();
        Ok(())
    }

    fn tell_group(
        &mut self,
        key: &[u8],
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        self.compute_result(key, context)?;
        let head = self.head_bytes();
        let group = context.state.entry(key)?;
        let count = group.first_chunk::<8>().map_or(0, |b| i64::from_le_bytes(*b));
        let old = group.get(head..).unwrap_or(&[]);
        if count <= 0 {
            if !old.is_empty() {
                out.push(RowKind::Delete, RowRef::new(old));
            }
            group.clear();
            return Ok(());
        }
        if old == self.result {
            return Ok(());
        }
        if old.is_empty() {
            out.push(RowKind::Insert, RowRef::new(&self.result));
        } else {
            out.push(RowKind::UpdateBefore, RowRef::new(old));
            out.push(RowKind::UpdateAfter, RowRef::new(&self.result));
        }
        group.truncate(head);
        group.extend_from_slice(&self.result);
        Ok(())
    }

    /// Writes the group's result row to `self.result`.
    fn compute_result(
        &mut self,
        key: &[u8],
        context: &mut StepContext<'_>,
    ) -> Result<(), OperatorError> {
        let Self { spec, prefix, aux_key, ordered, result: out, group_layouts, .. } = self;
        out.clear();
        let mut writer = RowWriter::new(out, self.layouts.len());
        let group_row = RowRef::new(&key[3..]);
        for (i, layout) in group_layouts.iter().enumerate() {
            writer.copy(group_row, i, *layout);
        }
        for (i, call) in spec.calls.iter().enumerate() {
            let layout = call.data_type.layout();
            if call.function.keeps_values() {
                prefix.begin(1 + i as u8, aux_key);
                aux_key.extend_from_slice(&key[3..]);
                let mut map = OrderedMap::new(context.state, aux_key);
                let found = match call.function {
                    AggregateFunction::Max => map.last(ordered)?,
                    _ => map.first(ordered)?,
                };
                let value = found.then(|| read_ordered(ordered, layout)).flatten();
                writer.push(value.unwrap_or(Datum::Null), layout);
                continue;
            }
            let group = context.state.get(key)?;
            let start = ROWS_BYTES + i * ACCUMULATOR_BYTES;
            let slot = group.get(start..start + ACCUMULATOR_BYTES).unwrap_or(&[]);
            writer.push(result(call.function, &call.data_type.kind, slot), layout);
        }
        Ok(())
    }
}

fn filter_value(filter: &Expr, env: &Env<'_>) -> Result<Option<bool>, OperatorError> {
    Ok(filter.eval(&Env { row: env.row, arena: env.arena, now: env.now })?.as_bool())
}

/// A value that outlives the expression it came from: literals move to the arena.
fn owned<'a>(value: Datum<'_>, env: &Env<'a>) -> Datum<'a> {
    match value {
        Datum::Null => Datum::Null,
        Datum::Bool(v) => Datum::Bool(v),
        Datum::Int(v) => Datum::Int(v),
        Datum::Float(v) => Datum::Float(v),
        Datum::Double(v) => Datum::Double(v),
        Datum::Decimal(v) => Datum::Decimal(v),
        Datum::Timestamp(v) => Datum::Timestamp(v),
        Datum::Str(v) => Datum::Str(env.text(v)),
        Datum::Bytes(v) => Datum::Bytes(env.bytes(v)),
        Datum::Array(v) => Datum::Array(RowRef::new(env.bytes(v.bytes()))),
        Datum::Map(v) => {
            Datum::Map(tailwater_types::MapRef::new(RowRef::new(env.bytes(v.bytes()))))
        }
        Datum::Row(v) => Datum::Row(RowRef::new(env.bytes(v.bytes()))),
    }
}

/// Without retractions the best value alone is kept.
fn keep_extreme(
    map: &mut OrderedMap<'_, '_>,
    function: AggregateFunction,
    value: &[u8],
) -> Result<(), OperatorError> {
    let mut best = Vec::new();
    if map.first(&mut best)? {
        let is_better = match function {
            AggregateFunction::Max => value > best.as_slice(),
            _ => value < best.as_slice(),
        };
        if !is_better {
            return Ok(());
        }
        map.update(&best, |_| 0)?;
    }
    map.update(value, |_| 1)?;
    Ok(())
}

impl Operator for Aggregate {
    fn step(
        &mut self,
        _input: usize,
        batch: &ChangeBatch,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        let mut arena = std::mem::take(&mut self.arena);
        arena.reset();
        let mut stepped = Ok(());
        for (kind, row) in batch.iter() {
            let env = Env::new(row, &arena, context.now);
            stepped = self.step_row(kind, &env, context);
            if stepped.is_ok() && self.spec.emission == Emission::PerRecord {
                stepped = self.tell(context, out);
            }
            if stepped.is_err() {
                break;
            }
        }
        self.arena = arena;
        stepped?;
        self.tell(context, out)
    }

    fn end_input(
        &mut self,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        if !self.spec.tells_empty || !self.spec.group.is_empty() {
            return Ok(());
        }
        self.prefix.begin(0, &mut self.group_key);
        RowWriter::new(&mut self.group_key, 0);
        let key = self.group_key.clone();
        if context.state.get(&key)?.is_empty() {
            self.compute_result(&key, context)?;
            out.push(RowKind::Insert, RowRef::new(&self.result));
        }
        Ok(())
    }
}
