//! PostgreSQL as a source of changes: Flink's `'connector' = 'postgres-cdc'`.
//!
//! ```text
//! connect:  catalog, privileges, replica identity, slot      (changes nothing)
//! read:     publication -> slot -> stream from the slot ----------> changes -> batches
//!                              \-> readers: chunks by COPY -------/
//! ```
//! `source` checks, `run` puts the parts together; `changes` is pure: replication messages and
//! chunks in, batches out, each change judged by the snapshot that its chunk was read in.

pub(crate) mod advice;
mod attributes;
mod capture;
pub(crate) mod catalog;
mod changes;
mod checks;
pub(crate) mod client;
mod clock;
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
mod preflight;
mod publication;
pub mod records;
mod rows;
mod run;
mod slot;
pub mod slots;
mod snapshot;
mod socket;
mod source;
mod stream;
mod table_plan;
pub(crate) mod tls;
pub(crate) mod types;
mod visibility;
mod wire;

pub(crate) use checks::may_select;
pub(crate) use declared::row_plan;
pub(crate) use rows::RowPlan;
pub use source::PostgresCdcFactory;
