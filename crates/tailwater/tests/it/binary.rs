//! Running the binary.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{self, Pid};
use serde_json::Value;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// A directory in which the binary runs: its scripts, its files, its state.
pub(crate) struct Workspace {
    directory: TempDir,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Starts `tailwater sql -f script.sql` with further arguments.
    pub(crate) fn start(&self, script: &str, args: &[&str]) -> Running {
        self.write("script.sql", script);
        let mut all = vec!["-f", "script.sql"];
        all.extend(args);
        self.start_with(&all)
    }

    /// Starts `tailwater sql` with these arguments.
    pub(crate) fn start_with(&self, args: &[&str]) -> Running {
        let all: Vec<&str> = ["sql"].iter().chain(args).copied().collect();
        self.start_command(&all, &[])
    }

    /// Runs another command to its end, with further variables.
    pub(crate) fn run_command(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        self.start_command(args, variables).end()
    }

    pub(crate) fn start_command(&self, args: &[&str], variables: &[(&str, &str)]) -> Running {
        let file = |name: &str| {
            let unique = format!("{name}-{}", self.path().read_dir().unwrap().count());
            self.path().join(unique)
        };
        let stdout = file("stdout");
        let out = std::fs::File::create(&stdout).unwrap();
        let stderr = file("stderr");
        let err = std::fs::File::create(&stderr).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_tailwater"))
            .args(args)
            .current_dir(self.path())
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("TZ", "UTC")
            .env("HOME", self.path())
            .env_remove("TAILWATER_LOG")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap();
        Running { child, stdout, stderr }
    }

    /// Runs a script to its end.
    pub(crate) fn run(&self, script: &str, args: &[&str]) -> Ran {
        self.start(script, args).end()
    }
}

/// A process; dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// A signal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
    Kill,
}

impl Running {
    pub(crate) fn send(&self, signal: Signal) {
        let signal = match signal {
            Signal::Interrupt => process::Signal::INT,
            Signal::Terminate => process::Signal::TERM,
            Signal::Kill => process::Signal::KILL,
        };
        process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn stdout(&self) -> String {
        read(&self.stdout)
    }

    pub(crate) fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Fails with what the process said if it has ended.
    pub(crate) fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("it ended with {status}: {}{}", self.stdout(), self.stderr());
        }
    }

    /// Waits until something is so, as long as the process lives.
    pub(crate) async fn wait_for(&mut self, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + LIMIT;
        while !is_so() {
            self.assert_alive();
            assert!(Instant::now() < end, "waited in vain for {what}: {}", self.stderr());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until standard error has `text` so many times.
    pub(crate) async fn wait_for_errors(&mut self, text: &str, count: usize) {
        let stderr = self.stderr.clone();
        self.wait_for(text, || read(&stderr).matches(text).count() >= count).await;
    }

    /// Waits until standard output has `text`.
    pub(crate) fn wait_for_output(&mut self, text: &str) {
        let end = Instant::now() + LIMIT;
        while !self.stdout().contains(text) {
            self.assert_alive();
            assert!(Instant::now() < end, "no {text:?} in: {}{}", self.stdout(), self.stderr());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, no longer than the limit.
    pub(crate) fn end(mut self) -> Ran {
        let end = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it runs on: {}{}", self.stdout(), self.stderr());
            std::thread::sleep(Duration::from_millis(5));
        };
        Ran { status, stdout: self.stdout(), stderr: self.stderr() }
    }

    /// Asks it to stop and waits for its end.
    pub(crate) fn stop(self) -> Ran {
        self.send(Signal::Terminate);
        self.end()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) {
        assert_eq!(self.code(), Some(code), "{}{}", self.stdout, self.stderr);
    }

    /// The objects of `--output json`.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}
