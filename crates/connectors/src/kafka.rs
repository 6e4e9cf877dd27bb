//! Topics of Apache Kafka: Flink's `'connector' = 'kafka'` and `'connector' = 'upsert-kafka'`.
//!
//! ```text
//! partitions --reader thread--> messages --formats--> rows --> job
//! job --> rows --formats--> records --producer thread--> partitions
//!                                 \--transactional: rows of a checkpoint and its number at once
//! ```
//! The client library blocks, so each consumer and each producer has a thread of its own.

mod checks;
mod client;
mod columns;
mod error;
mod options;
mod position;
mod properties;
mod sink;
mod source;

pub use client::named_cluster;
pub use sink::{KafkaSinkFactory, RecordSinkPlan, RecordSinkSettings, UpsertKafkaSinkFactory};
pub use source::{KafkaSourceFactory, UpsertKafkaSourceFactory};
