//! What the command line says.

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) bench: Bench,
}

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// A backlog of changes to a topic
    Drain(Drain),
    /// From the commit to a consumer
    Latency(Latency),
    /// JSON records from topic to topic by SQL
    Filter(Filter),
}

/// Servers that run already.
#[derive(Args)]
pub(crate) struct Servers {
    /// A PostgreSQL with wal_level = logical instead of one of our own: postgres://user:password@host:port/database
    #[arg(long, value_name = "URL")]
    pub(crate) postgres: Option<String>,
    /// A broker instead of one of our own
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) bootstrap: Option<String>,
}

/// A Kafka Connect worker with Debezium's connector.
#[derive(Args)]
pub(crate) struct Peer {
    /// The REST API of a Kafka Connect worker that has Debezium and uses the same broker
    #[arg(long, value_name = "HOST:PORT", requires = "postgres", requires = "bootstrap")]
    pub(crate) peer: Option<String>,
    /// Its process, for its CPU and memory
    #[arg(long, value_name = "PID", requires = "peer")]
    pub(crate) peer_pid: Option<u32>,
}

#[derive(Args)]
pub(crate) struct Drain {
    /// Changes in the backlog
    #[arg(long, default_value_t = 2_000_000)]
    pub(crate) changes: u64,
    /// Runs of each side; medians are printed
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// Write each record exactly once
    #[arg(long)]
    pub(crate) exactly_once: bool,
    #[command(flatten)]
    pub(crate) servers: Servers,
    #[command(flatten)]
    pub(crate) peer: Peer,
}

#[derive(Args)]
pub(crate) struct Latency {
    /// Events a second
    #[arg(long, default_value_t = 5_000)]
    pub(crate) rate: u64,
    /// Rows in a transaction
    #[arg(long, default_value_t = 10)]
    pub(crate) in_one: u64,
    #[arg(long, default_value_t = 20)]
    pub(crate) seconds: u64,
    #[command(flatten)]
    pub(crate) servers: Servers,
    #[command(flatten)]
    pub(crate) peer: Peer,
}

#[derive(Args)]
pub(crate) struct Filter {
    /// Records in the topic
    #[arg(long, default_value_t = 2_000_000)]
    pub(crate) records: u64,
    /// Runs of each side; medians are printed
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// A broker instead of one of our own
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) bootstrap: Option<String>,
    /// A command that runs a script, whose path is put behind it, on a Flink cluster
    #[arg(long, value_name = "COMMAND", requires = "bootstrap")]
    pub(crate) flink_client: Option<String>,
    /// The cluster's processes, for their CPU and memory
    #[arg(long, value_name = "PID", requires = "flink_client")]
    pub(crate) flink_pid: Vec<u32>,
}
