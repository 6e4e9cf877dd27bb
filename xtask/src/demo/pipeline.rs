//! `tailwater sql -f ...` as the demo runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::Signal;

use super::process::{Ending, Process};
use crate::cargo;

/// Stops the job in order.
pub(crate) const ENDING: Ending = &[(Signal::TERM, Duration::from_secs(10))];
/// Below the demo's directory.
pub(crate) const PID_FILE: &str = "tailwater.pid";
/// The four stages.
const FILES: &[&str] = &["1_sources.sql", "2_clean.sql", "3_join.sql", "4_sink.sql"];

/// What is run: an example's directory, and the ports of its files with those to be put there.
pub(crate) struct Script {
    pub(crate) example: &'static str,
    pub(crate) ports: Vec<(u16, u16)>,
}

/// A running pipeline.
pub(crate) struct Pipeline {
    process: Process,
    started: Instant,
    log: PathBuf,
}

impl Pipeline {
    /// Starts it with an empty checkpoint directory.
    pub(crate) fn start(binary: &Path, directory: &Path, script: &Script) -> anyhow::Result<Self> {
        let log = directory.join("tailwater.log");
        let out = fs::File::create(&log).context("cannot create the pipeline's log")?;
        let errors = out.try_clone().context("cannot create the pipeline's log")?;
        let mut command = Command::new(binary);
        command.arg("sql");
        for file in script.files(directory)? {
            command.arg("-f").arg(file);
        }
        command
            .env("XDG_STATE_HOME", directory.join("state"))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors);
        let started = Instant::now();
        let process = Process::spawn(&mut command, directory.join(PID_FILE), ENDING)?;
        Ok(Self { process, started, log })
    }

    /// Just before the process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Resident memory now and at its highest, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).context("cannot read the pipeline's memory")?;
        Memory::parse(&status).context("cannot read the pipeline's memory")
    }

    /// An error once the process has ended by itself.
    pub(crate) async fn ends(&mut self) -> anyhow::Error {
        loop {
            match self.process.ended() {
                Ok(None) => tokio::time::sleep(Duration::from_millis(20)).await,
                Ok(Some(status)) => {
                    let said = self.last_words();
                    return anyhow::anyhow!("the pipeline has ended with {status}:\n{said}");
                }
                Err(error) => return error,
            }
        }
    }

    /// Ends it; it must say that all was well.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let status: ExitStatus = self.process.stop()?;
        if !status.success() {
            bail!("the pipeline ended with {status}:\n{}", self.last_words());
        }
        Ok(())
    }

    /// Lets it run on after us.
    pub(crate) fn keep(&mut self) {
        self.process.keep();
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

impl Memory {
    /// Reads `/proc/PID/status`.
    fn parse(status: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kibibytes * 1024)
        };
        Some(Self { now: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
    }
}

impl Script {
    /// The example's files as they are; copies with other ports if there are others.
    fn files(&self, directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let example = cargo::root().join(self.example);
        let originals = FILES.iter().map(|name| example.join(name));
        if self.ports.iter().all(|(theirs, ours)| theirs == ours) {
            return Ok(originals.collect());
        }
        let mut copies = Vec::new();
        for (original, name) in originals.zip(FILES) {
            let mut text = fs::read_to_string(&original)
                .with_context(|| format!("cannot read {}", original.display()))?;
            for (theirs, ours) in &self.ports {
                text = text.replace(&theirs.to_string(), &ours.to_string());
            }
            let copy = directory.join(name);
            fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
            copies.push(copy);
        }
        Ok(copies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_memory_of_a_status_file() {
        let status = "Name:\ttailwater\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nThreads:\t4\n";
        let expected = Memory { now: 10 << 20, peak: 20 << 20 };
        assert_eq!(Memory::parse(status), Some(expected));
        assert_eq!(Memory::parse("Name:\ttailwater\n"), None);
    }
}
