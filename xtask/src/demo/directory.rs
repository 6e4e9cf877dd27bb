//! The demo's one directory: everything that a demo leaves is below it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A directory that is removed when dropped, unless it is kept.
pub(crate) struct Directory {
    path: PathBuf,
    is_kept: bool,
}

/// Where it is: one per user.
pub(crate) fn location() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("tailwater-demo-{user}"))
}

impl Directory {
    /// Creates it; it must not be there.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let path = location();
        // The server's user must be able to pass through; what is secret below has its own mode.
        fs::DirBuilder::new()
            .mode(0o755)
            .create(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path, is_kept: false })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it on the disk.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = remove(&self.path)
        {
            eprintln!("error: {error:#}");
        }
    }
}

/// Whether a demo has left its directory; one that somebody else has put there is refused.
pub(crate) fn is_there(path: &Path) -> anyhow::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("cannot see {}", path.display())),
    };
    if !found.is_dir() || found.uid() != rustix::process::getuid().as_raw() {
        bail!("{} is not a directory of this user; remove it, or set TMPDIR", path.display());
    }
    Ok(true)
}

/// Removes the directory and all below it.
pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
