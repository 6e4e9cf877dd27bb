//! `tailwater`: change data capture and streaming SQL for PostgreSQL in one binary.
//!
//! This crate alone reads arguments and the environment, sets up logging and signals, and decides
//! exit codes.

mod args;
mod changelog;
mod check;
mod colour;
mod json_output;
mod output;
mod preconditions;
mod render;
mod script;
mod secrets;
mod shell;
mod signals;
mod slots;
mod sql;
mod tableau;
mod text_output;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    start_logging();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = match args.command {
        args::Command::Sql(sql) => sql::run(&runtime, sql),
        args::Command::Check(check) => check::run(&runtime, &check),
        args::Command::Slots(slots) => slots::run(&runtime, slots),
    };
    // Tasks that wait for a network that is gone must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `TAILWATER_LOG` is a level or a list such as `warn,tailwater_connectors=debug`.
fn start_logging() {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    let asked = std::env::var("TAILWATER_LOG").ok();
    let targets = asked
        .and_then(|text| text.parse::<Targets>().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    tracing_subscriber::registry().with(lines).with(targets).init();
}
