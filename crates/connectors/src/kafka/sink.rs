//! Writing topics.

mod delivery;
mod encode;
mod plan;
mod producer;
mod progress;
mod records;
mod topics;
mod writer;

pub(super) use delivery::Guarantee;
pub(super) use plan::SinkConfig;
pub use plan::{KafkaSinkFactory, UpsertKafkaSinkFactory};
pub use records::{RecordSinkPlan, RecordSinkSettings};
