//! Where the server's programs are, and how to run them as somebody who is not root.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that names the directory with `initdb` and `postgres` to be used.
pub const BIN_VARIABLE: &str = "TAILWATER_TEST_POSTGRES_BIN";

/// The directory that holds `initdb` and `postgres`: the one that [`BIN_VARIABLE`] names, else of
/// PATH, else the newest version of Debian's packages.
pub fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(BIN_VARIABLE).filter(|named| !named.is_empty()) {
        return Some(PathBuf::from(named));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut installed: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| {
            let number = version.file_name().to_str().and_then(|name| name.parse().ok());
            (number.unwrap_or(0), version.path().join("bin"))
        })
        .collect();
    installed.sort();
    std::env::split_paths(&path)
        .chain(installed.into_iter().rev().map(|(_, bin)| bin))
        .find(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
}

/// The same for a test.
///
/// # Panics
/// If there is none: the test cannot run, and says how to mend it.
pub(crate) fn directory() -> PathBuf {
    find().unwrap_or_else(|| {
        panic!(
            "no PostgreSQL server found in PATH or /usr/lib/postgresql/*/bin; \
             install it: apt-get install postgresql"
        )
    })
}

/// A command that runs `program`, as user `postgres` when we are root: the server refuses root.
pub fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    // setpriv replaces itself by the program: the process id stays that of the server.
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
    command.arg(program);
    command
}

/// Gives a directory to the user that the server runs as.
///
/// # Errors
/// If there is no such user, as when the server is not installed.
pub fn hand_over(directory: &Path) -> io::Result<()> {
    if !is_root() {
        return Ok(());
    }
    let status = Command::new("chown").arg("postgres:").arg(directory).status()?;
    if status.success() {
        return Ok(());
    }
    let message = format!(
        "cannot give {} to user postgres; install the server: apt-get install postgresql",
        directory.display()
    );
    Err(io::Error::other(message))
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}
