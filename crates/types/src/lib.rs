//! The data model everything leans on: logical types, packed rows, change batches, positions,
//! and diagnostics. Depends on nothing.

pub mod change_batch;
pub mod data_type;
pub mod datum;
pub mod diagnostic;
pub mod position;
pub mod row;
mod spelling;
pub mod units;

pub use change_batch::{ChangeBatch, RowKind};
pub use data_type::{DataType, Field, Layout, Schema, TypeKind};
pub use datum::{Datum, Timestamp, Value};
pub use diagnostic::{Diagnostic, Severity, Span};
pub use position::{ChangelogMode, CheckpointId, Position};
pub use row::{MapRef, RowRef, RowWriter};
pub use spelling::nearest;
