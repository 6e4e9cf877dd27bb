//! PostgreSQL on this machine: found, or installed from Debian's packages.

mod releases;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use tailwater_testkit_postgres::binaries;

pub(crate) use releases::ensure_release;

/// The directory of the server's programs; installs them if they are missing and we may.
pub(crate) fn ensure_installed() -> anyhow::Result<PathBuf> {
    if let Some(found) = binaries::find() {
        return Ok(found);
    }
    if !binaries::is_root() {
        bail!(
            "PostgreSQL is not installed; install it (sudo apt-get install postgresql) and retry"
        );
    }
    apt_get(&["update"])?;
    apt_get(&["install", "-y", "--no-install-recommends", "postgresql"])?;
    binaries::find().context("the package postgresql has no server")
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    println!("$ apt-get {}", arguments.join(" "));
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context("PostgreSQL is not installed and there is no apt-get to install it with")?;
    if !status.success() {
        bail!("apt-get {} failed; install PostgreSQL 13 or newer and retry", arguments.join(" "));
    }
    Ok(())
}
