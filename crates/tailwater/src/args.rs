//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

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
