//! Reading topics.

mod bounds;
mod plan;
mod reader;
mod rows;
mod starts;

pub(super) use plan::SourceConfig;
pub use plan::{KafkaSourceFactory, UpsertKafkaSourceFactory};
pub(super) use starts::{partitions, starts};
