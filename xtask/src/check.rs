//! What must hold before a change is merged.

use std::time::Instant;

use anyhow::Context;
use tailwater_testkit_postgres::binaries;

use crate::cargo::{cargo, cargo_with, ensure_components};
use crate::{postgres, tidy};

/// Which server, and which tests on it.
#[derive(clap::Args)]
pub(crate) struct PostgresArgs {
    /// 14, 15, 16, 17 or 18, or a release such as 17.11.0.
    version: String,
    /// Only tests whose name has this.
    #[arg(default_value = "")]
    filter: String,
}

/// Format, lints and house rules.
pub(crate) fn check() -> anyhow::Result<()> {
    check_with(&[])
}

/// The features that releases have. Lints and tests have the same, so that the libraries in C are
/// built once.
const RELEASED: &[&str] = &["--features", "tailwater/kafka-tls"];

fn check_with(features: &[&str]) -> anyhow::Result<()> {
    ensure_components()?;
    cargo(&["fmt", "--all", "--check"])?;
    let lints = ["--workspace", "--all-targets", "--", "-D", "warnings"];
    cargo(&[&["clippy", "--locked"], features, &lints[..]].concat())?;
    tidy::run()
}

/// The same, and all tests on a real PostgreSQL and a real Kafka.
pub(crate) fn test() -> anyhow::Result<()> {
    postgres::ensure_installed()?;
    tailwater_testkit_kafka::ensure_installed().context("Apache Kafka is needed")?;
    check_with(RELEASED)?;
    cargo(&[&["test", "--locked", "--workspace", "--no-fail-fast"], RELEASED].concat())
}

/// The tests of what talks to PostgreSQL, and of jobs that meet faults, on the version asked for.
pub(crate) fn test_postgres(args: &PostgresArgs) -> anyhow::Result<()> {
    let bin = postgres::ensure_release(&args.version)?;
    println!("{} = {}", binaries::BIN_VARIABLE, bin.display());
    let begun = Instant::now();
    let environment = [(binaries::BIN_VARIABLE, bin.as_os_str())];
    let test = |what: &[&str], filters: &[&str]| {
        let options = ["--locked", "--no-fail-fast", "--package"];
        let tests = [&["--", "--include-ignored"], filters].concat();
        cargo_with(&[&["test"], &options[..], what, &tests].concat(), &environment)
    };
    let connectors = ["tailwater-connectors", "--test", "postgres_*", "--test", "jdbc"];
    let jobs = ["tailwater", "--test", "it"];
    let (of_connectors, of_jobs) = match args.filter.as_str() {
        "" => (vec![], vec!["faults::", "snapshot_in_many_chunks"]),
        filter => (vec![filter], vec![filter]),
    };
    let tested = test(&connectors, &of_connectors).and(test(&jobs, &of_jobs));
    println!("PostgreSQL {}: {} s", args.version, begun.elapsed().as_secs());
    tested
}
