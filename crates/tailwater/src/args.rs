//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::server::LOOPBACK;

/// Change data capture and streaming SQL for PostgreSQL in one binary.
#[derive(Debug, Parser)]
#[command(name = "tailwater", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run Flink SQL: files, standard input, or an interactive shell.
    Sql(SqlArgs),
    /// Check everything that a script needs of its servers and files, without running it.
    ///
    /// Each precondition is ok, note, warn or fail, with the SQL or the setting that mends it.
    /// Nothing is changed anywhere. Exit code: 0 if nothing fails (warnings do not count), 1 if something does, 2 for wrong
    /// arguments.
    Check(CheckArgs),
    /// Show replication slots with the WAL they hold back, and drop those that nobody needs.
    #[command(subcommand)]
    Slots(SlotsCommand),
    /// Run a Debezium connector, without a server: what would be posted to Kafka Connect.
    Run(RunArgs),
    /// Serve Kafka Connect's REST API: Debezium connectors that are posted run here.
    Server(ServerCommand),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServerCommand {
    /// The address to listen on. Beyond loopback a token is required.
    #[arg(long, value_name = "ADDRESS", default_value_t = LOOPBACK)]
    pub(crate) bind: IpAddr,

    /// The port of Kafka Connect's REST API.
    #[arg(long, value_name = "PORT", default_value_t = 8083)]
    pub(crate) connect_port: u16,

    /// A file whose first line is the token that requests must bring: Authorization: Bearer TOKEN.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) worker: WorkerArgs,
}

/// What a worker of Kafka Connect is told.
#[derive(Debug, clap::Args)]
pub(crate) struct WorkerArgs {
    /// The Kafka brokers.
    #[arg(long, value_name = "HOST:PORT,...")]
    pub(crate) bootstrap_servers: Option<String>,

    /// A worker's properties, such as connect-distributed.properties.
    #[arg(long, value_name = "FILE")]
    pub(crate) worker_config: Option<PathBuf>,

    /// Set a property of the worker.
    #[arg(short = 'D', value_name = "KEY=VALUE")]
    pub(crate) properties: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The connector, in JSON: {"name": ..., "config": {...}}, or the configuration alone.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Drop the connector's checkpoints and begin anew.
    #[arg(long)]
    pub(crate) fresh: bool,

    #[command(flatten)]
    pub(crate) worker: WorkerArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// A script in SQL, or a connector in JSON. (Pipelines in YAML are not yet built.)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,

    /// Set an option of the session, as SET 'key' = 'value' does; with a connector a property of the
    /// worker, such as bootstrap.servers (without it Kafka is not checked).
    #[arg(short = 'D', value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SlotsCommand {
    /// Show all slots of a server: whose they are, who reads them, how much WAL they hold back,
    /// and which are in danger.
    List(ListArgs),
    /// Drop slots by name; never one that somebody reads from.
    Drop(DropArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// The same as --url.
    #[arg(value_name = "CONNECTION", conflicts_with_all = ["url", "files"])]
    pub(crate) connection: Option<String>,

    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DropArgs {
    /// The slots.
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,

    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Also drop the publication that was made for the slot.
    #[arg(long)]
    pub(crate) publication: bool,

    /// Also drop slots for physical replication, which standbys may need.
    #[arg(long)]
    pub(crate) force: bool,

    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the slots are. Without any of these, what PGHOST and its like say.
#[derive(Debug, clap::Args)]
pub(crate) struct ServerArgs {
    /// The server, as libpq takes it: postgres://user@host:5432/database?sslmode=..., or
    /// 'host=... user=... dbname=...'. The password comes from --password-file, PGPASSWORD or
    /// ~/.pgpass.
    #[arg(long, value_name = "URL", conflicts_with = "files")]
    pub(crate) url: Option<String>,

    /// A file whose first line is the password.
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    pub(crate) password_file: Option<PathBuf>,

    /// An SQL script: the servers of all its postgres-cdc tables. There may be several.
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SqlArgs {
    /// A script to run; several make one session, in this order.
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// A script to run before the shell begins.
    #[arg(short = 'i', long = "init", value_name = "FILE")]
    pub(crate) init: Vec<PathBuf>,

    /// Set an option of the session, as SET 'key' = 'value' does.
    #[arg(short = 'D', value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,

    /// How results are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,

    /// Take statement by statement and go on after a failing one, instead of checking the whole
    /// script before anything runs.
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Drop the checkpoints of the script's jobs and begin anew.
    #[arg(long)]
    pub(crate) fresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As Flink's SQL client prints.
    Text,
    /// One JSON object per line.
    Json,
}
