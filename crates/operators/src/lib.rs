//! Synchronous, retraction-exact operators over packed rows. They know neither SQL nor connectors.

mod aggregate;
mod calc;
mod join;
mod keyed_rows;
mod old_rows;
mod operator;
mod remembered;
mod touched;

pub use aggregate::{Aggregate, AggregateCall, AggregateFunction, AggregateSpec};
pub use calc::Calc;
pub use join::{Join, JoinKind, JoinSide};
pub use keyed_rows::{ChangelogNormalize, UnknownRows, UpsertMaterialize};
pub use old_rows::OldRows;
pub use operator::{Emission, Operator, OperatorError, StatePrefix, StepContext};
pub use remembered::RememberedCalc;
