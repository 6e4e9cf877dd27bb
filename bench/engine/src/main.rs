//! The engine alone, without any connector:
//!
//! ```sql
//! SELECT c.region, COUNT(*), SUM(o.amount), MAX(o.amount)
//! FROM orders o JOIN customers c ON o.cust = c.id GROUP BY c.region
//! ```
//!
//! 100 k customers, then orders are inserted, then some are updated (each `-U`, `+U`), at several
//! numbers of rows a step, with state in memory and with a budget of a fifth of the state. Each
//! configuration is a process of its own, so that its memory is its own. The checksum of all
//! result changes, folded, must be the same in all of them that have the same input.

mod measure;
mod query;
mod workload;

use std::process::{Command, ExitCode};

use measure::{Cpu, peak_memory_mb};
use query::Query;
use workload::Workload;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Configuration {
    rows_a_step: usize,
    orders: usize,
    updates: usize,
    /// `None`: everything in memory.
    budget_bytes: Option<usize>,
}

/// A fifth of what the state of 1 M orders takes in the cache, measured by this program.
const FIFTH: usize = 22 << 20;

const CONFIGURATIONS: [Configuration; 5] = [
    Configuration { rows_a_step: 1, orders: 200_000, updates: 50_000, budget_bytes: None },
    Configuration { rows_a_step: 100, orders: 1_000_000, updates: 200_000, budget_bytes: None },
    Configuration { rows_a_step: 10_000, orders: 1_000_000, updates: 200_000, budget_bytes: None },
    Configuration {
        rows_a_step: 10_000,
        orders: 1_000_000,
        updates: 200_000,
        budget_bytes: Some(usize::MAX),
    },
    Configuration {
        rows_a_step: 10_000,
        orders: 1_000_000,
        updates: 200_000,
        budget_bytes: Some(FIFTH),
    },
];

fn main() -> ExitCode {
    let number = std::env::args().nth(1).and_then(|n| n.parse::<usize>().ok());
    if let Some(configuration) = number.and_then(|n| CONFIGURATIONS.get(n)) {
        run(configuration);
        return ExitCode::SUCCESS;
    }
    let Ok(own) = std::env::current_exe() else { return ExitCode::FAILURE };
    for number in 0..CONFIGURATIONS.len() {
        let status = Command::new(&own).arg(number.to_string()).status();
        if !status.is_ok_and(|s| s.success()) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(configuration: &Configuration) {
    let mut query = Query::new(configuration.budget_bytes);
    let mut workload = Workload::new(configuration.rows_a_step);
    for batch in workload.customers() {
        query.step(1, &batch);
    }
    let (inserts, insert_steps) = timed(&mut query, workload.inserts(configuration.orders));
    let loaded = query.checkpoint();
    let (updates, update_steps) = timed(&mut query, workload.updates(configuration.updates));
    query.checkpoint();
    let few = workload.few_updates();
    few.iter().for_each(|batch| query.step(0, batch));
    let changed = query.checkpoint();
    let budget = match configuration.budget_bytes {
        None => "memory".to_owned(),
        Some(usize::MAX) => "disk, all cached".to_owned(),
        Some(bytes) => format!("disk, {} MB", bytes >> 20),
    };
    let stats = query.stats();
    println!(
        "{:>6} rows a step, {budget:<16}: {:>8.0} inserts/CPU-s, {:>8.0} updates/CPU-s; step p50 \
         {:.3} ms, p99 {:.3} ms; peak {} MB; state {} MB cached, {} misses; {} changes, checksum \
         {:016x}",
        configuration.rows_a_step,
        configuration.orders as f64 / inserts,
        configuration.updates as f64 / updates,
        percentile(&insert_steps, &update_steps, 0.5),
        percentile(&insert_steps, &update_steps, 0.99),
        peak_memory_mb(),
        stats.cached_bytes >> 20,
        stats.misses,
        query.changes(),
        query.checksum(),
    );
    if let (Some(loaded), Some(changed)) = (loaded, changed) {
        println!(
            "       checkpoints: first {} MB in {:.0} ms, longest stop {:.2} ms; after 1 % of the \
             keys changed {} kB ({:.1} %), longest stop {:.2} ms",
            loaded.bytes >> 20,
            loaded.millis,
            loaded.longest_stop_millis,
            changed.bytes >> 10,
            100.0 * changed.bytes as f64 / loaded.bytes as f64,
            changed.longest_stop_millis,
        );
    }
}

/// CPU-seconds of all steps, and how long each took in milliseconds.
fn timed(
    query: &mut Query,
    batches: impl Iterator<Item = tailwater_types::ChangeBatch>,
) -> (f64, Vec<f32>) {
    let mut steps = Vec::new();
    let mut cpu = 0.0;
    let mut batches = batches.peekable();
    while batches.peek().is_some() {
        // Making the input is not measured: it is made in portions.
        let portion: Vec<_> = batches.by_ref().take(1000).collect();
        let start = Cpu::now();
        for batch in &portion {
            let begun = std::time::Instant::now();
            query.step(0, batch);
            steps.push(begun.elapsed().as_secs_f32() * 1000.0);
        }
        cpu += start.elapsed();
    }
    (cpu, steps)
}

fn percentile(a: &[f32], b: &[f32], p: f64) -> f32 {
    let mut all: Vec<f32> = a.iter().chain(b).copied().collect();
    all.sort_by(f32::total_cmp);
    all.get((all.len() as f64 * p) as usize).copied().unwrap_or(0.0)
}
