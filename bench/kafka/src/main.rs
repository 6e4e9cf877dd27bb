//! Kafka at both ends, beside the systems that do the same:
//!
//! - `drain`: a backlog of changes from PostgreSQL to a topic in Debezium's envelope, by
//!   `tailwater server` and by a Kafka Connect worker with Debezium's connector;
//! - `latency`: from the commit to a consumer, at a steady rate;
//! - `filter`: JSON records from topic to topic by SQL, beside a Flink cluster.
//!
//! `cargo build --release -p tailwater -p tailwater-bench-kafka`, then
//! `tailwater-bench-kafka drain|latency|filter --help`. Peers are named by arguments and run on the
//! servers that are named with them; without them a PostgreSQL and a broker of our own are started.

mod arguments;
mod connector;
mod drain;
mod figures;
mod filter;
mod http;
mod latency;
mod process;
mod servers;
mod source;
mod topic;

use anyhow::Result;
use arguments::{Arguments, Bench};
use clap::Parser as _;

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().bench {
        Bench::Drain(drain) => drain::run(&drain).await,
        Bench::Latency(latency) => latency::run(&latency).await,
        Bench::Filter(filter) => filter::run(&filter).await,
    }
}
