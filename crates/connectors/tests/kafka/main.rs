//! The Kafka connectors against a real broker.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod options;
mod security;
mod sink;
mod source;
mod table;
mod transactions;
