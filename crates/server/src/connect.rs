//! A Kafka Connect worker's REST API: the same paths, shapes and status codes. One process is one
//! worker with one task a connector.

mod connector;
mod error;
mod levels;
mod routes;
mod secrets;
mod store;
mod worker;

pub use error::RestError;
pub use levels::{LogLevels, UnknownLevel};
pub use routes::router;
pub use store::kept_connectors;
pub use worker::{Worker, WorkerSettings};
