//! Debezium's PostgreSQL connector: its options, and the events that it makes of changes.
//!
//! ```text
//! options -> config -> TablePlan (once per table and shape) -> rows of records
//!                       cells of the stream or of a copy ----^
//! ```
//! Pure: no sockets, no clock, no environment. An event is written as JSON straight from the bytes of
//! the stream; what does not change from row to row is printed once, when a table is described.

mod column;
pub mod config;
pub mod event;
mod mask;
mod names;
pub mod record;
mod schema;
pub mod transforms;
mod value;

pub use column::{ColumnSpec, TypeSort, TypeSpec};

/// The version of Debezium whose connector this is, as its events and a worker tell it.
pub const VERSION: &str = "3.6.3.Final";
