//! What the process has used, by the kernel's account.

use std::time::Instant;

/// User and system time of all threads.
pub(crate) struct Cpu {
    ticks: f64,
    since: Instant,
}

impl Cpu {
    pub(crate) fn now() -> Self {
        Self { ticks: cpu_seconds(), since: Instant::now() }
    }

    /// CPU-seconds since then; for spans too short for the kernel's clock the wall's.
    pub(crate) fn elapsed(&self) -> f64 {
        let cpu = cpu_seconds() - self.ticks;
        if cpu < 0.05 { self.since.elapsed().as_secs_f64() } else { cpu }
    }
}

fn cpu_seconds() -> f64 {
    // Field 1 is the time on a CPU in nanoseconds, of each thread.
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let nanos: u64 = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    nanos as f64 / 1e9
}

/// The most memory the process ever had resident.
pub(crate) fn peak_memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kb = line.and_then(|l| l.trim().split(' ').next()?.parse::<u64>().ok());
    kb.unwrap_or(0) / 1024
}
