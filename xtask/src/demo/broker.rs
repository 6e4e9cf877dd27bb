//! The demo's own Kafka.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;
use tailwater_testkit_kafka::Broker;

use super::process::{Ending, Identity};

/// The port of the SQL files.
pub(crate) const PORT: u16 = 59092;
/// Ends in order.
pub(crate) const ENDING: Ending = &[(Signal::TERM, Duration::from_secs(20))];
/// Below the demo's directory.
pub(crate) const PID_FILE: &str = "kafka.pid";

/// Starts one node with its data below `directory` and waits until it answers.
pub(crate) fn start(directory: &Path, port: u16) -> anyhow::Result<Broker> {
    let data = directory.join("kafka");
    fs::create_dir(&data).context("cannot create Kafka's directory")?;
    let broker = Broker::builder().port(port).directory(data).start();
    let process = Identity::of(broker.id()).context("cannot see Kafka's process")?;
    process.write(&directory.join(PID_FILE))?;
    Ok(broker)
}
