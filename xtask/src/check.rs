//! What must hold before a change is merged.

use std::time::Instant;

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
    ensure_components()?;
    cargo(&["fmt", "--all", "--check"])?;
    let lints = ["--workspace", "--all-targets", "--", "-D", "warnings"];
    cargo(&[&["clippy", "--locked"], &lints[..]].concat())?;
    tidy::run()
}

/// The same, and all tests on a real PostgreSQL.
pub(crate) fn test() -> anyhow::Result<()> {
    postgres::ensure_installed()?;
    check()?;
    cargo(&["test", "--locked", "--workspace", "--no-fail-fast"])
}

/// The tests of everything that talks to PostgreSQL, on the version that is asked for.
pub(crate) fn test_postgres(args: &PostgresArgs) -> anyhow::Result<()> {
    let bin = postgres::ensure_release(&args.version)?;
    println!("{} = {}", binaries::BIN_VARIABLE, bin.display());
    let begun = Instant::now();
    let connectors =
        ["--package", "tailwater-connectors", "--test", "postgres_*", "--test", "jdbc"];
    let options = ["--locked", "--no-fail-fast"];
    let tests = ["--", "--include-ignored", &args.filter];
    let all = [&["test"], &options[..], &connectors, &tests].concat();
    let tested = cargo_with(&all, &[(binaries::BIN_VARIABLE, bin.as_os_str())]);
    println!("PostgreSQL {}: {} s", args.version, begun.elapsed().as_secs());
    tested
}
