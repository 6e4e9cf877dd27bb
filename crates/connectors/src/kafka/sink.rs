//! Writing topics.

mod delivery;
mod encode;
mod plan;
mod producer;
mod progress;
mod writer;

pub(super) use delivery::Guarantee;
pub(super) use plan::SinkConfig;
pub use plan::{KafkaSinkFactory, UpsertKafkaSinkFactory};
