//! Filter and projection whose values are not the same twice, over input that retracts.
//!
//! A clock or a random number is evaluated once, when a row comes; the result is remembered by the
//! row, so that the row's retraction takes away exactly what was told.

use std::sync::Arc;

use tailwater_expr::{Bump, Env, Expr, eval_row};
use tailwater_types::{ChangeBatch, Datum, Layout, RowRef};

use crate::operator::{Operator, OperatorError, StatePrefix, StepContext};

/// The length that stands for a row which the filter dropped.
const DROPPED: u32 = u32::MAX;

/// As [`crate::Calc`], for expressions that are evaluated once for each row.
pub struct RememberedCalc {
    filter: Option<Expr>,
    projection: Vec<Expr>,
    layouts: Arc<[Layout]>,
    prefix: StatePrefix,
    arena: Bump,
    key: Vec<u8>,
    result: Vec<u8>,
}

impl RememberedCalc {
    /// A filter and a projection that keep what they told under `prefix`.
    pub fn new(filter: Option<Expr>, projection: Vec<Expr>, prefix: StatePrefix) -> Self {
        Self {
            filter,
            layouts: projection.iter().map(|e| e.data_type.layout()).collect(),
            projection,
            prefix,
            arena: Bump::new(),
            key: Vec::new(),
            result: Vec::new(),
        }
    }

    /// Writes the row's result to `self.result`; false if the filter drops it.
    fn evaluate(
        &mut self,
        row: RowRef<'_>,
        context: &StepContext<'_>,
    ) -> Result<bool, OperatorError> {
        let env = Env::new(row, &self.arena, context.now);
        self.result.clear();
        if let Some(filter) = &self.filter
            && filter.eval(&env)? != Datum::Bool(true)
        {
            return Ok(false);
        }
        eval_row(&self.projection, &self.layouts, &env, &mut self.result)?;
        Ok(true)
    }
}

impl Operator for RememberedCalc {
    fn step(
        &mut self,
        _input: usize,
        batch: &ChangeBatch,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        self.arena.reset();
        for (kind, row) in batch.iter() {
            self.prefix.begin(0, &mut self.key);
            self.key.extend_from_slice(row.bytes());
            if !kind.is_addition() {
                let told = context.state.entry(&self.key)?;
                if let Some(latest) = take_latest(told) {
                    if let Some(result) = latest {
                        out.push(kind, RowRef::new(&result));
                    }
                    continue;
                }
                // Never seen: a history that began in the middle.
            }
            let is_kept = self.evaluate(row, context)?;
            if is_kept {
                out.push(kind, RowRef::new(&self.result));
            }
            if kind.is_addition() {
                let length = if is_kept { self.result.len() as u32 } else { DROPPED };
                let told = context.state.entry(&self.key)?;
                told.extend_from_slice(&self.result);
                told.extend_from_slice(&length.to_le_bytes());
            }
        }
        Ok(())
    }
}

/// Takes the result told last; `Some(None)` if the filter had dropped that row.
fn take_latest(told: &mut Vec<u8>) -> Option<Option<Vec<u8>>> {
    let (rest, length) = told.split_last_chunk::<4>()?;
    let (rest, length) = (rest.len(), u32::from_le_bytes(*length));
    told.truncate(rest);
    if length == DROPPED {
        return Some(None);
    }
    let start = rest.checked_sub(length as usize)?;
    Some(Some(told.split_off(start)))
}
