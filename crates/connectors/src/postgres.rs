//! PostgreSQL as a source of changes: Flink's `'connector' = 'postgres-cdc'`.
//!
//! ```text
//! connect:  catalog, privileges, replica identity, slot      (changes nothing)
//! read:     publication -> slot -> snapshot by COPY -> stream from the slot
//!                                       |                 |
//!                     pg_current_snapshot() ----> drops what the snapshot holds already
//! ```
//! `source` puts the parts together; `changes` is pure: replication messages in, batches out.

pub(crate) mod catalog;
mod changes;
mod checks;
pub(crate) mod client;
pub(crate) mod column;
mod connection;
pub(crate) mod copy;
mod declared;
mod feedback;
mod metadata;
mod options;
mod position;
mod publication;
mod rows;
mod slot;
mod snapshot;
mod socket;
mod source;
mod stream;
pub(crate) mod types;
mod visibility;

pub(crate) use declared::row_plan;
pub use source::PostgresCdcFactory;
