//! PostgreSQL as a source of changes: Flink's `'connector' = 'postgres-cdc'`.
//!
//! ```text
//! connect:  catalog, privileges, replica identity, slot      (changes nothing)
//! read:     publication -> slot -> stream from the slot ----------> changes -> batches
//!                              \-> readers: chunks by COPY -------/
//! ```
//! `source` checks, `run` puts the parts together; `changes` is pure: replication messages and
//! chunks in, batches out, each change judged by the snapshot that its chunk was read in.

mod capture;
pub(crate) mod catalog;
mod changes;
mod checks;
pub(crate) mod client;
pub(crate) mod column;
pub(crate) mod connection;
pub(crate) mod copy;
mod declared;
mod dial;
mod feedback;
mod generated;
mod hub;
mod metadata;
mod options;
mod position;
mod publication;
mod rows;
mod run;
mod slot;
mod snapshot;
mod socket;
mod source;
mod stream;
pub(crate) mod tls;
pub(crate) mod types;
mod visibility;
mod wire;

pub(crate) use declared::row_plan;
pub use source::PostgresCdcFactory;
