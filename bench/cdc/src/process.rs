//! Processes measured from outside: the clock, their CPU, their largest memory.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// No measurement takes longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(180);

/// What a process took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finished {
    pub(crate) elapsed: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_mb: f64,
}

/// CPU and largest memory of a running process.
fn usage(pid: u32) -> (Duration, f64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb: f64 = peak.and_then(|p| p.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    (Duration::from_millis(ticks * 10), kb / 1024.0)
}

/// Runs processes side by side until all have ended.
pub(crate) fn run_all(commands: Vec<Command>) -> Result<Finished> {
    let begun = Instant::now();
    let mut children = Vec::new();
    for mut command in commands {
        children.push(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?);
    }
    let mut used = vec![(Duration::ZERO, 0.0); children.len()];
    loop {
        let mut running = 0;
        for (child, used) in children.iter_mut().zip(&mut used) {
            let now = usage(child.id());
            if now.0 > used.0 {
                *used = now;
            }
            match child.try_wait()? {
                None => running += 1,
                Some(status) => ensure!(status.success(), "a peer failed: {status}"),
            }
        }
        if running == 0 {
            let cpu = used.iter().map(|(cpu, _)| *cpu).sum();
            let peak_mb = used.iter().map(|(_, mb)| mb).sum();
            return Ok(Finished { elapsed: begun.elapsed(), cpu, peak_mb });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A job of the release binary.
pub(crate) struct Tailwater {
    child: Child,
    begun: Instant,
    _script: tempfile::NamedTempFile,
    _state: tempfile::TempDir,
}

impl Tailwater {
    /// Starts `tailwater sql -f` with a script.
    pub(crate) fn start(script: &str) -> Result<Self> {
        let own = std::env::current_exe()?;
        let binary = own.with_file_name("tailwater");
        ensure!(binary.exists(), "build it first: cargo build --release -p tailwater");
        let state = tempfile::tempdir()?;
        let mut file = tempfile::NamedTempFile::with_suffix(".sql")?;
        let directory = state.path().display();
        write!(file, "SET 'execution.checkpointing.dir' = 'file://{directory}';\n{script}")?;
        let begun = Instant::now();
        let child = Command::new(binary)
            .args(["sql", "-f"])
            .arg(file.path())
            .env("TAILWATER_LOG", "info")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self { child, begun, _script: file, _state: state })
    }

    fn finished(&self) -> Finished {
        let elapsed = self.begun.elapsed();
        let (cpu, peak_mb) = usage(self.child.id());
        Finished { elapsed, cpu, peak_mb }
    }

    /// Fails if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the job ended: {status}\n{}", self.said()),
        }
    }

    fn said(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            // What cannot be read is not shown.
            let _ = std::io::Read::read_to_string(&mut errors, &mut said);
        }
        said
    }

    /// Waits for a line with this text and stops it.
    pub(crate) fn until_it_says(mut self, text: &str) -> Result<Finished> {
        let errors = self.child.stderr.take().context("its errors")?;
        let (said, heard) = std::sync::mpsc::channel();
        let text = text.to_owned();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(errors).lines().map_while(Result::ok);
            let found = lines.any(|line| line.contains(&text));
            // Nobody waits any more.
            let _ = said.send(found);
            lines.for_each(drop);
        });
        match heard.recv_timeout(LIMIT) {
            Ok(true) => self.stop(),
            Ok(false) => bail!("the job ended too early"),
            Err(_) => bail!("the job did not get through in {LIMIT:?}"),
        }
    }

    /// Waits for its end.
    pub(crate) fn until_it_ends(mut self) -> Result<Finished> {
        let mut last = Finished::default();
        loop {
            let now = self.finished();
            last.cpu = last.cpu.max(now.cpu);
            last.peak_mb = last.peak_mb.max(now.peak_mb);
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the job failed: {}", self.said());
                last.elapsed = self.begun.elapsed();
                return Ok(last);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Takes its figures and ends it.
    pub(crate) fn stop(mut self) -> Result<Finished> {
        let finished = self.finished();
        self.child.kill()?;
        self.child.wait()?;
        Ok(finished)
    }
}
