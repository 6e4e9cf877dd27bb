//! A private PostgreSQL for tests: own data directory, own port, gone when dropped.

pub mod binaries;
mod cluster;
mod faults;
mod wait;

pub use cluster::{Cluster, ClusterBuilder, ServerTls};
pub use faults::{Backup, Shutdown};
pub use tokio_postgres::Client;
pub use wait::wait_for;
