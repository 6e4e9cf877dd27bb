//! Runs jobs: the epoch loop, checkpoints, restarts, shutdown. Only this crate spawns tasks.
//!
//! ```text
//! source task --batches--> +------------- epoch loop -------------+ --batches--> sink task
//! source task --batches--> | operators in order; state; positions | --batches--> sink task
//!      ^                   +--------------------------------------+                  |
//!      +---- ack: up to here everything is durable ---- checkpoint <---- flushed ----+
//! ```

mod durability;
mod epoch_log;
mod epoch_loop;
mod error;
mod frame_log;
mod graph;
mod job;
mod manifest;
mod outbox;
mod places;
mod restart_policy;
mod sink_task;
mod source_task;

pub use error::JobError;
pub use graph::{GraphSink, GraphSource, JobGraph, NodeId, SinkKey};
pub use job::{
    CheckpointSettings, JobHandle, JobMetrics, JobSettings, JobSpec, JobStatus, spawn_job,
};
pub use manifest::durable_positions;
pub use places::alter_positions;
