//! What happens to servers: they are restarted, crash, are restored from a backup, have a standby.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::binaries;
use crate::cluster::{Cluster, spawn};

const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Sessions are ended, what there is to write is written.
    Fast,
    /// As a crash: the next start recovers.
    Immediate,
}

/// The data of a server that was stopped, for another day.
pub struct Backup {
    directory: TempDir,
}

impl Cluster {
    /// Stops the server, and starts it again on the same port and data.
    ///
    /// # Panics
    /// If it does not stop or start.
    pub async fn restart(&self, shutdown: Shutdown) {
        self.stop(shutdown).await;
        self.start_again();
    }

    /// Stops the server.
    ///
    /// # Panics
    /// If it does not stop.
    pub async fn stop(&self, shutdown: Shutdown) {
        let signal = match shutdown {
            Shutdown::Fast => Signal::INT,
            Shutdown::Immediate => Signal::QUIT,
        };
        assert!(self.signal(signal), "the server cannot be told to stop");
        let end = Instant::now() + STOP_LIMIT;
        while self.process().try_wait().expect("the server's end").is_none() {
            assert!(Instant::now() < end, "the server does not stop");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts a server that was stopped.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_again(&self) {
        // A server that crashed has left its lock file, which would look ready.
        remove(&self.data().join("postmaster.pid"));
        *self.process() = spawn(&self.bin, &self.settings, self.port(), self.directory.path());
        self.wait_until_ready();
    }

    /// Copies the data of a server that is stopped.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn back_up(&self) -> Backup {
        let directory = own_directory();
        copy(&self.data(), &directory.path().join("data"));
        Backup { directory }
    }

    /// Puts a backup in the place of the data of this server, which is stopped.
    ///
    /// # Panics
    /// If it cannot be copied.
    pub fn restore(&self, backup: &Backup) {
        std::fs::remove_dir_all(self.data()).expect("the data goes");
        copy(&backup.directory.path().join("data"), &self.data());
    }

    /// Starts another server on a backup of this one, as its standby: `settings` say where it gets
    /// its WAL from.
    ///
    /// # Panics
    /// If it does not start.
    pub fn standby(&self, backup: Backup, settings: &[(&str, &str)]) -> Cluster {
        let data = backup.directory.path().join("data");
        std::fs::write(data.join("standby.signal"), "").expect("a signal file");
        binaries::hand_over(&data.join("standby.signal")).expect("a file of the server's user");
        let mut all = self.settings.clone();
        all.extend(settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        let password = self.password().to_owned();
        let standby = Cluster::run(self.bin.clone(), all, password, backup.directory);
        standby.wait_until_ready();
        standby
    }

    fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }
}

fn own_directory() -> TempDir {
    let directory = tempfile::Builder::new().prefix("tailwater-pg-").tempdir_in("/tmp");
    let directory = directory.expect("a temporary directory");
    binaries::hand_over(directory.path()).expect("a directory of the server's user");
    directory
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "the data cannot be copied");
    remove(&to.join("postmaster.pid"));
}

fn remove(file: &Path) {
    // It may not be there.
    let _ = std::fs::remove_file(file);
}
