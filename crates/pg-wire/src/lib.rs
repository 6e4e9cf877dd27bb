//! The PostgreSQL replication protocol as bytes: no sockets, no clock.
//!
//! [`frontend`] appends messages to a buffer, [`backend`] cuts what the server sends into frames,
//! [`auth`] answers its questions at the start, [`replication`] and [`pgoutput`] read the stream,
//! [`copy_binary`] reads a snapshot, and [`value`] reads single values in either format.
//! Everything that decodes borrows from its input, allocates nothing per row and never panics.

pub mod auth;
pub mod backend;
pub mod copy_binary;
pub mod error;
pub mod frontend;
pub mod lsn;
pub mod pgoutput;
pub mod query;
mod reader;
pub mod replication;
pub mod server_error;
pub mod value;

pub use error::WireError;
pub use lsn::Lsn;
pub use server_error::ServerError;
