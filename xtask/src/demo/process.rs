//! Processes that the demo starts, and their pid files: nothing else is ever signalled.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// Signals to end a process with, each with the time it is given to obey.
pub(crate) type Ending = &'static [(Signal, Duration)];

/// A child in a process group of its own, so that Ctrl-C reaches it through us alone. Dropped, it
/// is ended.
pub(crate) struct Process {
    child: Child,
    pid_file: PathBuf,
    ending: Ending,
    is_kept: bool,
}

impl Process {
    /// Starts `command` and writes its pid file.
    pub(crate) fn spawn(
        command: &mut Command,
        pid_file: PathBuf,
        ending: Ending,
    ) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child =
            command.process_group(0).spawn().with_context(|| format!("cannot run {program}"))?;
        let id = child.id();
        let process = Self { child, pid_file, ending, is_kept: false };
        Identity::of(id).context("the process has ended at once")?.write(&process.pid_file)?;
        Ok(process)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot see whether the process runs")
    }

    /// Ends it and waits for that.
    pub(crate) fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        for (signal, patience) in self.ending {
            if let Some(status) = self.ended()? {
                return self.forget(status);
            }
            let pid = Pid::from_child(&self.child);
            // It may end between the question and the signal.
            let _ = kill_process(pid, *signal);
            let end = Instant::now() + *patience;
            while Instant::now() < end {
                if let Some(status) = self.ended()? {
                    return self.forget(status);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.child.kill().context("cannot end the process")?;
        let status = self.child.wait().context("cannot wait for the process")?;
        self.forget(status)
    }

    /// Lets it run on after us.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }

    fn forget(&self, status: ExitStatus) -> anyhow::Result<ExitStatus> {
        let _ = fs::remove_file(&self.pid_file);
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = self.stop()
        {
            eprintln!("error: {error:#}");
        }
    }
}

/// A process as a pid file names it: the id alone may have gone to another process since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    id: u32,
    /// In clock ticks since the machine started.
    started: u64,
}

impl Identity {
    /// The running process of this id.
    pub(crate) fn of(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name stands in parentheses and may hold anything; the state follows it.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        if fields.next()? == "Z" {
            return None;
        }
        let started = fields.nth(18)?.parse().ok()?;
        Some(Self { id, started })
    }

    /// What a pid file says, if that process still runs.
    pub(crate) fn read(pid_file: &Path) -> Option<Self> {
        let text = fs::read_to_string(pid_file).ok()?;
        let (id, started) = text.trim().split_once(' ')?;
        let noted = Self { id: id.parse().ok()?, started: started.parse().ok()? };
        noted.is_running().then_some(noted)
    }

    /// Writes the pid file.
    pub(crate) fn write(self, pid_file: &Path) -> anyhow::Result<()> {
        fs::write(pid_file, format!("{} {}\n", self.id, self.started))
            .with_context(|| format!("cannot write {}", pid_file.display()))
    }

    /// The process id.
    pub(crate) fn id(self) -> u32 {
        self.id
    }

    /// Ends it and waits for that.
    pub(crate) fn stop(self, ending: Ending) {
        let last = [(Signal::KILL, Duration::from_secs(5))];
        for (signal, patience) in ending.iter().chain(&last) {
            let pid = i32::try_from(self.id).ok().and_then(Pid::from_raw);
            let (true, Some(pid)) = (self.is_running(), pid) else { return };
            let _ = kill_process(pid, *signal);
            let end = Instant::now() + *patience;
            while self.is_running() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    fn is_running(self) -> bool {
        Self::of(self.id) == Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Ending = &[(Signal::TERM, Duration::from_secs(10))];

    #[test]
    fn a_pid_file_of_another_process_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let own = Identity::of(std::process::id()).unwrap();
        own.write(&file).unwrap();
        assert_eq!(Identity::read(&file), Some(own));
        Identity { started: own.started + 1, ..own }.write(&file).unwrap();
        assert_eq!(Identity::read(&file), None);
    }

    #[test]
    fn a_dropped_process_has_ended_and_its_pid_file_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let mut sleep = Command::new("sleep");
        let process = Process::spawn(sleep.arg("60"), file.clone(), AT_ONCE).unwrap();
        let noted = Identity::read(&file).unwrap();
        drop(process);
        assert!(!noted.is_running());
        assert!(!file.exists());
    }
}
