//! Flink's scalar functions, casts and type rules over packed rows.
//!
//! The binder asks [`resolve`] for a typed call of a function by name, [`cast()`] for a cast and
//! [`common_type`] for the type that several values have in common; operators evaluate the
//! resulting [`Expr`] row by row.

pub mod aggregate;
pub mod cast;
mod civil;
mod date_pattern;
mod decimal;
pub mod env;
pub mod expr;
pub mod functions;
mod java_float;
mod like;
pub mod resolve;
pub mod text;
pub mod unify;

pub use aggregate::aggregate_type;
pub use bumpalo::Bump;
pub use cast::{CastMode, cast};
pub use env::{Env, EvalError};
pub use expr::{Expr, Function, Node, NullHandling, Volatility, eval_row};
pub use functions::{field_access, resolve};
pub use resolve::{ResolveContext, ResolveError};
pub use text::{to_text, to_text_in, write_text};
pub use unify::common_type;
