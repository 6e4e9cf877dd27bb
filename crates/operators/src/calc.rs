//! Filter and projection.

use std::sync::Arc;

use tailwater_expr::{Bump, Env, Expr, eval_row};
use tailwater_types::{ChangeBatch, Datum, Layout};

use crate::operator::{Operator, OperatorError, StepContext};

/// Keeps the rows for which `filter` is true, and computes `projection` of them.
pub struct Calc {
    filter: Option<Expr>,
    projection: Option<(Vec<Expr>, Arc<[Layout]>)>,
    arena: Bump,
}

impl Calc {
    /// A filter, a projection, or both.
    pub fn new(filter: Option<Expr>, projection: Option<Vec<Expr>>) -> Self {
        let with_layouts = |exprs: Vec<Expr>| {
            let layouts = exprs.iter().map(|e| e.data_type.layout()).collect();
            (exprs, layouts)
        };
        Self { filter, projection: projection.map(with_layouts), arena: Bump::new() }
    }
}

impl Operator for Calc {
    fn step(
        &mut self,
        _input: usize,
        batch: &ChangeBatch,
        context: &mut StepContext<'_>,
        out: &mut ChangeBatch,
    ) -> Result<(), OperatorError> {
        self.arena.reset();
        if self.filter.is_none() {
            out.reserve(batch);
        }
        for (kind, row) in batch.iter() {
            let env = Env::new(row, &self.arena, context.now);
            if let Some(filter) = &self.filter
                && filter.eval(&env)? != Datum::Bool(true)
            {
                continue;
            }
            match &self.projection {
                Some((exprs, layouts)) => {
                    out.try_push_with(kind, |buffer| eval_row(exprs, layouts, &env, buffer))?;
                }
                None => out.push(kind, row),
            }
        }
        Ok(())
    }
}
