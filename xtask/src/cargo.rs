//! Cargo, as the one that called us, and what it has built.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The checkout.
pub(crate) fn root() -> PathBuf {
    let built_in = env!("CARGO_MANIFEST_DIR");
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| built_in.into());
    Path::new(&manifest).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Runs cargo in the checkout and shows what it says.
pub(crate) fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    cargo_with(arguments, &[])
}

/// The same with further variables in its environment.
pub(crate) fn cargo_with(arguments: &[&str], environment: &[(&str, &OsStr)]) -> anyhow::Result<()> {
    println!("$ cargo {}", arguments.join(" "));
    let variables = environment.iter().copied();
    let status = command().args(arguments).envs(variables).status().context("cannot run cargo")?;
    if !status.success() {
        bail!("cargo {} failed", arguments.first().unwrap_or(&""));
    }
    Ok(())
}

/// Adds rustfmt and clippy to a toolchain that was installed without them.
pub(crate) fn ensure_components() -> anyhow::Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let found = command().args([subcommand, "--version"]).output();
        if found.is_ok_and(|output| output.status.success()) {
            continue;
        }
        println!("$ rustup component add {component}");
        let added = Command::new("rustup")
            .args(["component", "add", component])
            .current_dir(root())
            .status();
        if !added.is_ok_and(|status| status.success()) {
            bail!("{component} is not installed; install it: rustup component add {component}");
        }
    }
    Ok(())
}

/// Builds the release binary and says where it is.
pub(crate) fn build_release() -> anyhow::Result<PathBuf> {
    cargo(&["build", "--locked", "--release", "--package", "tailwater"])?;
    // This program is TARGET/debug/xtask, whatever decides on TARGET.
    let own = std::env::current_exe().context("cannot find the target directory")?;
    let target = own.parent().and_then(Path::parent).context("cannot find the target directory")?;
    let binary = target.join("release/tailwater");
    if !binary.is_file() {
        bail!("cargo has not built {}", binary.display());
    }
    Ok(binary)
}

fn command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}
