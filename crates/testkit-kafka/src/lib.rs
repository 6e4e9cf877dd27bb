//! A private Apache Kafka for tests: one KRaft node on loopback with its own data directory, gone
//! when dropped.

mod broker;
#[cfg(feature = "client")]
mod client;
mod faults;
mod install;
mod settings;

pub use broker::{Broker, BrokerBuilder};
#[cfg(feature = "client")]
pub use client::{Client, Message};
pub use install::ensure_installed;
pub use settings::{Listener, ServerTls, Superuser};
