//! What other programs speak to over HTTP. Today: the REST API of a Kafka Connect worker.
//!
//! ```text
//! request --> access (token, origin) --> connect::routes --> worker --> connector --> engine
//!                                                              |            |
//!                                                            store       its job
//! ```

pub mod access;
pub mod connect;
mod listener;

pub use listener::{Listener, serve};
