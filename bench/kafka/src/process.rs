//! Processes measured from outside: their CPU, their largest memory.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// No measurement takes longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(240);
/// How often is looked.
pub(crate) const STEP: Duration = Duration::from_millis(5);

/// CPU of a running process so far, and the most memory that it had, in MB.
pub(crate) fn usage(pid: u32) -> (Duration, f64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb: f64 = peak.and_then(|p| p.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    (Duration::from_millis(ticks * 10), kb / 1024.0)
}

/// A run of the release binary in a directory of its own; dropped, it is killed.
pub(crate) struct Tailwater {
    child: Child,
    directory: TempDir,
}

impl Tailwater {
    /// Starts it with these arguments; `DIRECTORY` in them is its own.
    pub(crate) fn start(arguments: &[String]) -> Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("tailwater");
        ensure!(binary.exists(), "build it first: cargo build --release -p tailwater");
        let directory = tempfile::tempdir()?;
        let path = directory.path();
        let child = Command::new(binary)
            .args(arguments)
            .current_dir(path)
            .env("XDG_STATE_HOME", path.join("state"))
            .stdin(Stdio::null())
            .stdout(File::create(path.join("stdout"))?)
            .stderr(File::create(path.join("stderr"))?)
            .spawn()?;
        Ok(Self { child, directory })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn stdout(&self) -> String {
        std::fs::read_to_string(self.file("stdout")).unwrap_or_default()
    }

    /// Fails if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("tailwater ended: {status}\n{}", self.stderr()),
        }
    }

    fn stderr(&self) -> String {
        std::fs::read_to_string(self.file("stderr")).unwrap_or_default()
    }

    /// Whether it has ended well.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        match self.child.try_wait()? {
            Some(status) if !status.success() => bail!("tailwater failed: {}", self.stderr()),
            ended => Ok(ended.is_some()),
        }
    }
}

impl Drop for Tailwater {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        ensure!(Instant::now() < end, "waited {LIMIT:?} for {what}");
        std::thread::sleep(STEP);
    }
}

/// The address behind `http://` in what a server says of itself.
pub(crate) fn address(said: &str) -> Option<String> {
    let rest = said.split("http://").nth(1)?;
    Some(rest.split(',').next().context("an address").ok()?.to_owned())
}
