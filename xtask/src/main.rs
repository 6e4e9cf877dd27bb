//! The project's chores: `cargo x demo`, `cargo x test` and so on. `make` targets call these.

mod cargo;
mod check;
mod console;
mod demo;
mod postgres;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo x")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the e-commerce pipeline on a private PostgreSQL and validate every row of it.
    Demo(demo::DemoArgs),
    /// Stop what a demo left running and remove its directory.
    DemoClean,
    /// Everything that must hold: format, lints, house rules and all tests on a real PostgreSQL and
    /// a real Kafka.
    Test,
    /// The tests of the PostgreSQL connectors, long ones too, on another version of the server.
    TestPostgres(check::PostgresArgs),
    /// Format, lints and house rules, without tests.
    Check,
    /// The house rules alone.
    Tidy,
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::DemoClean => demo::clean(),
        Command::Test => check::test().map(|()| ExitCode::SUCCESS),
        Command::TestPostgres(args) => check::test_postgres(&args).map(|()| ExitCode::SUCCESS),
        Command::Check => check::check().map(|()| ExitCode::SUCCESS),
        Command::Tidy => tidy::run().map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
