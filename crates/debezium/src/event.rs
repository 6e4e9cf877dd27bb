//! Events: what Debezium tells of a change, written as JSON.

mod context;
mod envelope;
mod flat;
mod heartbeat;
mod message;
mod output;
mod plan;
mod rows;
mod settings;
mod transaction;

pub use context::{Context, Mark, Origin};
pub use heartbeat::append_heartbeat;
pub use message::append_message;
pub use plan::{TablePlan, TableSpec};
pub use rows::{EventError, Old};
pub use settings::EventSettings;
pub use transaction::TransactionCounter;

pub(crate) use flat::{AddedField, DeleteHandling, FieldOrigin, FlatSettings};
pub(crate) use settings::{ColumnMask, HeaderForm, MaskKind, SourceTypes};
