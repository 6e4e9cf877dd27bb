//! `tailwater`: change data capture and streaming SQL for PostgreSQL in one binary.
//!
//! This crate alone reads arguments and the environment, sets up logging and signals, and decides
//! exit codes.

mod args;
mod changelog;
mod check;
mod colour;
mod json_output;
mod logging;
mod output;
mod preconditions;
mod render;
mod script;
mod secrets;
mod server;
mod shell;
mod signals;
mod slots;
mod sql;
mod tableau;
mod text_output;
mod worker;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let logging = logging::start();
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
        args::Command::Run(run) => worker::run(&runtime, &run),
        args::Command::Server(server) => server::run(&runtime, &server, logging),
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
