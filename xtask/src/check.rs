//! What must hold before a change is merged.

use crate::cargo::{cargo, ensure_components};
use crate::{postgres, tidy};

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
