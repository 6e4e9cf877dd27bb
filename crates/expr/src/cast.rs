//! Casts between Flink's types.

use tailwater_types::DataType;

use crate::expr::Expr;
use crate::resolve::{ResolveContext, ResolveError};

/// Who asks for a cast, and what becomes of a value that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastMode {
    /// `CAST`: the job fails.
    Explicit,
    /// `TRY_CAST`: NULL.
    Try,
    /// The planner, to bring arguments to a common type or a query to its sink's: only casts that
    /// Flink does without being asked.
    Implicit,
}

/// A cast of `expr` to `target`; the result is nullable if `expr` is (or the mode is `Try`).
///
/// # Errors
/// Types that cannot be cast into one another.
pub fn cast(
    expr: Expr,
    target: &DataType,
    _mode: CastMode,
    _context: &ResolveContext,
) -> Result<Expr, ResolveError> {
    Err(ResolveError::new(format!(
        "cannot cast {} to {target}",
        expr.data_type
    )))
}
