//! Joins of two changelogs by equal keys: inner, left, right, full, semi, anti.
//!
//! Both sides are kept: for each key the side's rows, each with how often it is there and, where
//! the kind of join needs it, how many rows of the other side it matches. Every change of a row is
//! joined with the other side as it stands, which is exact for retractions in any order.

use std::sync::Arc;

use tailwater_expr::{Bump, Env, Expr, eval_row};
use tailwater_state::OrderedMap;
use tailwater_types::{ChangeBatch, Datum, Layout, RowKind, RowRef, RowWriter};

use crate::operator::{Operator, OperatorError, StatePrefix, StepContext};

/// Which rows a join gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and left rows without a partner.
    Left,
    /// Pairs, and right rows without a partner.
    Right,
    /// Pairs, and rows of both sides without a partner.
    Full,
    /// Left rows that have a partner.
    Semi,
    /// Left rows that have none.
    Anti,
}

/// One side of a join.
pub struct JoinSide {
    /// The key, of the same types on both sides.
    pub key: Vec<Expr>,
    /// Whether a NULL in the key field equals a NULL of the other side (`IS NOT DISTINCT FROM`).
    pub nulls_match: Vec<bool>,
    /// The side's columns.
    pub layouts: Arc<[Layout]>,
}

/// The operator; input 0 is the left side.
pub struct Join {
    kind: JoinKind,
    sides: [Side; 2],
    /// What must hold beside equal keys, over the columns of both sides.
    condition: Option<Expr>,
    prefix: StatePrefix,
    scratch: Scratch,
    arena: Bump,
}

struct Side {
    key: Vec<Expr>,
    key_layouts: Arc<[Layout]>,
    nulls_match: Vec<bool>,
    layouts: Arc<[Layout]>,
    /// Rows of this side appear without a partner, or depend on whether there is one.
    counts_partners: bool,
}

#[derive(Default)]
struct Scratch {
    own_key: Vec<u8>,
    other_key: Vec<u8>,
    packed_key: Vec<u8>,
    joined: Vec<u8>,
    matches: ChangeBatch,
}

/// A row's number in the state: how often it is there, and how many partners it has.
#[derive(Clone, Copy)]
struct Kept {
    times: u32,
    partners: u32,
}

impl Kept {
    fn unpack(number: u64) -> Self {
        Self { times: (number >> 32) as u32, partners: number as u32 }
    }

    fn pack(self) -> u64 {
        if self.times == 0 { 0 } else { u64::from(self.times) << 32 | u64::from(self.partners) }
    }
}

impl Join {
    /// A join that keeps its state under `prefix`.
    pub fn new(
        kind: JoinKind,
        left: JoinSide,
        right: JoinSide,
        condition: Option<Expr>,
        prefix: StatePrefix,
    ) -> Self {
        let counts_left = !matches!(kind, JoinKind::Inner | JoinKind::Right);
        let counts_right = matches!(kind, JoinKind::Right | JoinKind::Full);
        let side = |side: JoinSide, counts_partners| Side {
            key_layouts: side.key.iter().map(|e| e.data_type.layout()).collect(),
            key: side.key,
            nulls_match: side.nulls_match,
            layouts: side.layouts,
            counts_partners,
        };
        Self {
            kind,
            sides: [side(left, counts_left), side(right, counts_right)],
            condition,
            prefix,
            scratch: Scratch::default(),
            arena: Bump::new(),
        }
    }

    /// Puts the state keys of both sides for this row into the scratch space; false if a NULL in
    /// the key means that nothing can match.
    fn find_keys(&mut self, input: usize, env: &Env<'_>) -> Result<bool, OperatorError> {
        let side = &self.sides[input];
        self.scratch.packed_key.clear();
        eval_row(&side.key, &side.key_layouts, env, &mut self.scratch.packed_key)?;
        let key = RowRef::new(&self.scratch.packed_key);
        let matches = (0..side.key.len()).all(|i| side.nulls_match[i] || !key.is_null(i));
        let names = [(&mut self.scratch.own_key, input), (&mut self.scratch.other_key, 1 - input)];
        for (buffer, space) in names {
            self.prefix.begin(space as u8, buffer);
            buffer.extend_from_slice(&self.scratch.packed_key);
        }
        Ok(matches)
    }

    /// Collects the other side's rows that match `row`, each as often as it is there, and changes
    /// how many partners they have by `change`. A collected row's kind says what becomes of its
    /// own partnerless state: `UpdateAfter` if it just gained or lost its only partner.
    fn find_matches(
        &mut self,
        input: usize,
        row: RowRef<'_>,
        change: i32,
        context: &mut StepContext<'_>,
    ) -> Result<(), OperatorError> {
        let Self { sides, scratch, condition, arena, .. } = self;
        let counts = sides[1 - input].counts_partners;
        let Scratch { other_key, joined, matches, .. } = scratch;
        matches.clear();
        let mut visit = |other: &[u8], number: u64| -> Result<u64, OperatorError> {
            let other = RowRef::new(other);
            let mut kept = Kept::unpack(number);
            if let Some(condition) = condition.as_ref() {
                joined.clear();
                let (left, right) = if input == 0 { (row, other) } else { (other, row) };
                concat(joined, left, &sides[0].layouts, right, &sides[1].layouts);
                let env = Env::new(RowRef::new(joined), arena, context.now);
                if condition.eval(&env)? != Datum::Bool(true) {
                    return Ok(number);
                }
            }
            let before = kept.partners;
            if counts {
                kept.partners = before.saturating_add_signed(change);
            }
            let is_turn = counts && before == if change > 0 { 0 } else { 1 };
            let kind = if is_turn { RowKind::UpdateAfter } else { RowKind::Insert };
            for _ in 0..kept.times {
                matches.push(kind, other);
            }
            Ok(kept.pack())
        };
        let mut map = OrderedMap::new(context.state, other_key);
        if counts {
            map.update_each(&mut visit)
        } else {
            map.for_each(&mut |other, number| visit(other, number).map(|_| ()))
        }
    }

    fn keep(
        &mut self,
        row: RowRef<'_>,
        partners: usize,
        context: &mut StepContext<'_>,
    ) -> Result<(), OperatorError> {
        let mut map = OrderedMap::new(context.state, &mut self.scratch.own_key);
        map.update(row.bytes(), |number| {
            let times = Kept::unpack(number).times + 1;
            Kept { times, partners: partners as u32 }.pack()
        })?;
        Ok(())
    }

    /// False if the row was not there.
    fn forget(
        &mut self,
        row: RowRef<'_>,
        context: &mut StepContext<'_>,
    ) -> Result<bool, OperatorError> {
        let mut map = OrderedMap::new(context.state, &mut self.scratch.own_key);
        let (before, _) = map.update(row.bytes(), |number| {
            let kept = Kept::unpack(number);
            Kept { times: kept.times.saturating_sub(1), ..kept }.pack()
        })?;
        Ok(before != 0)
    }

    fn step_row(
        &mut self,
        input: usize,
        kind: RowKind,
        row: RowRef<'_>,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        let can_match = {
            let arena = std::mem::take(&mut self.arena);
            let found = self.find_keys(input, &Env::new(row, &arena, context.now));
            self.arena = arena;
            found?
        };
        let is_addition = kind.is_addition();
        self.scratch.matches.clear();
        if can_match && !is_addition && !self.forget(row, context)? {
            // Never seen: a history that began in the middle.
            return Ok(());
        }
        if can_match {
            if self.other_is_counted(input) || self.sides[input].counts_partners || self.pairs() {
                let change = if is_addition { 1 } else { -1 };
                self.find_matches(input, row, change, context)?;
            }
            if is_addition {
                self.keep(row, self.scratch.matches.len(), context)?;
            }
        }
        match self.kind {
            JoinKind::Semi | JoinKind::Anti => self.emit_existence(input, kind, row, out),
            _ => self.emit_pairs(input, kind, row, out),
        }
        Ok(())
    }

    fn other_is_counted(&self, input: usize) -> bool {
        self.sides[1 - input].counts_partners
    }

    fn pairs(&self) -> bool {
        !matches!(self.kind, JoinKind::Semi | JoinKind::Anti)
    }

    fn emit_pairs(&self, input: usize, kind: RowKind, row: RowRef<'_>, out: &mut ChangeBatch) {
        let is_addition = kind.is_addition();
        let own_outer = self.sides[input].counts_partners;
        let other_outer = self.other_is_counted(input);
        let matches = &self.scratch.matches;
        if matches.is_empty() {
            if own_outer {
                let kind = if is_addition { RowKind::Insert } else { RowKind::Delete };
                self.emit(input, kind, Some(row), None, out);
            }
            return;
        }
        let pair_kind = match (is_addition, own_outer || other_outer, own_outer) {
            (true, true, _) => RowKind::Insert,
            (true, false, _) | (false, _, false) => kind,
            (false, _, true) => RowKind::Delete,
        };
        for (turn, other) in matches.iter() {
            let is_turn = turn == RowKind::UpdateAfter;
            if is_turn && is_addition {
                self.emit(input, RowKind::Delete, None, Some(other), out);
            }
            self.emit(input, pair_kind, Some(row), Some(other), out);
            if is_turn && !is_addition {
                self.emit(input, RowKind::Insert, None, Some(other), out);
            }
        }
    }

    fn emit_existence(&self, input: usize, kind: RowKind, row: RowRef<'_>, out: &mut ChangeBatch) {
        let wants_partner = self.kind == JoinKind::Semi;
        if input == 0 {
            if self.scratch.matches.is_empty() != wants_partner {
                out.push(kind, row);
            }
            return;
        }
        let appears = kind.is_addition() == wants_partner;
        let kind = if appears { RowKind::Insert } else { RowKind::Delete };
        for (turn, other) in self.scratch.matches.iter() {
            if turn == RowKind::UpdateAfter {
                out.push(kind, other);
            }
        }
    }

    /// Emits `own` and `other`, in the order left, right; a side that is `None` is all NULL.
    fn emit(
        &self,
        input: usize,
        kind: RowKind,
        own: Option<RowRef<'_>>,
        other: Option<RowRef<'_>>,
        out: &mut ChangeBatch,
    ) {
        let absent = RowRef::new(&[]);
        let (own, other) = (own.unwrap_or(absent), other.unwrap_or(absent));
        let (left, right) = if input == 0 { (own, other) } else { (other, own) };
        out.push_with(kind, |buffer| {
            concat(buffer, left, &self.sides[0].layouts, right, &self.sides[1].layouts);
        });
    }
}

impl Operator for Join {
    fn step(
        &mut self,
        input: usize,
        batch: &ChangeBatch,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        self.arena.reset();
        for (kind, row) in batch.iter() {
            self.step_row(input, kind, row, context, out)?;
        }
        Ok(())
    }
}

/// Appends the fields of both rows as one row; fields of an empty row are NULL.
fn concat(
    out: &mut Vec<u8>,
    left: RowRef<'_>,
    left_layouts: &[Layout],
    right: RowRef<'_>,
    right_layouts: &[Layout],
) {
    let mut writer = RowWriter::new(out, left_layouts.len() + right_layouts.len());
    for (i, layout) in left_layouts.iter().enumerate() {
        writer.copy(left, i, *layout);
    }
    for (i, layout) in right_layouts.iter().enumerate() {
        writer.copy(right, i, *layout);
    }
}
