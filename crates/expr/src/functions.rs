//! Functions by name.

mod arithmetic;
mod call;
mod collection;
mod comparison;
mod conditional;
mod java_regex;
mod logic;
mod math;
mod names;
mod random;
mod sha1;
mod string;
mod temporal;

use crate::expr::Expr;
use crate::resolve::{ResolveContext, ResolveError, Resolved};

pub(crate) use call::Call;
pub use collection::field_access;

type Family = fn(&mut Call<'_>) -> Resolved;

const FAMILIES: &[Family] = &[
    comparison::resolve,
    logic::resolve,
    arithmetic::resolve,
    conditional::resolve,
    collection::resolve,
    string::resolve,
    temporal::resolve,
    math::resolve,
    random::resolve,
];

/// A typed call of the function or operator `name` (upper case; operators by their sign, such as
/// `+`, `=`, `||`, `IS NULL`, `NOT`, `LIKE`) with the given arguments, casts put in where Flink
/// puts them in.
///
/// # Errors
/// An unknown function, or arguments it does not take.
pub fn resolve(
    name: &str,
    args: Vec<Expr>,
    context: &ResolveContext,
) -> Result<Expr, ResolveError> {
    let mut call = Call { name, args, context };
    for family in FAMILIES {
        if let Some(resolved) = family(&mut call) {
            return resolved;
        }
    }
    Err(call.unknown())
}

#[cfg(test)]
mod tests;
