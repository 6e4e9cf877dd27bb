//! PostgreSQL as a source of records: the events of Debezium's connector.
//!
//! Slot, hub, snapshot, judging and positions are those of the other source; only what a row becomes
//! differs. `plan` is a table's, `copy` and `stream` write rows by it, `catalog` and `describe` know
//! what tables are made of, `preflight` checks, `source` puts the parts together.

mod catalog;
mod copy;
mod describe;
mod heartbeat;
mod offsets;
mod plan;
mod preflight;
mod publication;
mod rereader;
mod rereads;
mod signals;
mod source;
mod stream;

pub(crate) use copy::{CopyMarks, RecordCopy, Seen};
pub(crate) use describe::RecordCapture;
pub(crate) use heartbeat::Heartbeat;
pub use offsets::{connect_offset, connect_partition};
pub(crate) use plan::RecordPlan;
pub(crate) use publication::publish;
pub(crate) use rereader::Rereader;
pub(crate) use rereads::Rereads;
pub use source::PostgresRecordPlan;
pub(crate) use stream::{RecordOutput, StreamedRecords};
