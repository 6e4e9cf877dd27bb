//! The PostgreSQL source beside the server's own tools, on one server in one run:
//!
//! - a snapshot to `blackhole` beside `COPY ... TO STDOUT (FORMAT binary)` on as many connections;
//! - a backlog drained to `blackhole` beside `pg_recvlogical -f /dev/null`, in small transactions
//!   and in one large one.
//!
//! `cargo build --release -p tailwater && cargo run --release -p tailwater-bench-cdc [rows] [changes]`
//!
//! Each measurement is repeated, alternating with its peer; medians and ratios are printed. The
//! backlog counts as drained when the slot is acknowledged to its end, which a job does only with
//! what is durable behind it; a snapshot when the job has ended or says so.

mod process;
mod server;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use process::{Finished, LIMIT, Tailwater};
use server::{READERS, Server};

const RUNS: usize = 3;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|n| n.parse::<u64>());
    let rows = arguments.next().transpose()?.unwrap_or(5_000_000);
    let changes = arguments.next().transpose()?.unwrap_or(2_000_000);
    let large = arguments.next().transpose()?.unwrap_or(changes);
    let server = Server::start().await?;
    println!("{}", server.version().await?);
    snapshots(&server, rows).await?;
    drains(&server, "small transactions", changes, 10).await?;
    drains(&server, "one transaction", large, large).await
}

/// Rates of one side, in thousands a second.
#[derive(Default)]
struct Side {
    rates: Vec<f64>,
    cpu_per_million: Vec<f64>,
    peak_mb: Vec<f64>,
}

impl Side {
    fn add(&mut self, events: u64, finished: &Finished) {
        self.rates.push(events as f64 / finished.elapsed.as_secs_f64() / 1e3);
        self.cpu_per_million.push(finished.cpu.as_secs_f64() * 1e6 / events as f64);
        self.peak_mb.push(finished.peak_mb);
    }

    fn print(&self, name: &str) {
        println!(
            "  {name:<28} {:>7.0} k/s   {:>5.2} CPU-s/M   {:>5.0} MB peak   runs {:.0?}",
            median(&self.rates),
            median(&self.cpu_per_million),
            self.peak_mb.iter().copied().fold(0.0, f64::max),
            self.rates
        );
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn compare(ours: &Side, peer: &Side, goal: f64) {
    let ratio = 100.0 * median(&ours.rates) / median(&peer.rates);
    println!("  ratio {ratio:.0} % (goal {goal:.0} %)");
}

async fn snapshots(server: &Server, rows: u64) -> Result<()> {
    server.fill(rows).await?;
    println!("snapshot: {rows} rows of about 600 bytes, {READERS} connections");
    let (mut copy, mut by_key, mut by_pages) = <(Side, Side, Side)>::default();
    for run in 0..RUNS {
        copy.add(rows, &server.copy(rows)?);
        let slot = format!("key_{run}");
        let job = Tailwater::start(&server.script("initial", &slot))?;
        by_key.add(rows, &job.until_it_says("snapshot complete")?);
        server.drop_slot(&slot).await?;
        let job = Tailwater::start(&server.script("snapshot", "none"))?;
        by_pages.add(rows, &job.until_it_ends()?);
    }
    copy.print("COPY to /dev/null");
    by_key.print("by key, in chunks");
    compare(&by_key, &copy, 70.0);
    by_pages.print("by pages, bounded");
    compare(&by_pages, &copy, 70.0);
    Ok(())
}

async fn drains(server: &Server, what: &str, changes: u64, in_one: u64) -> Result<()> {
    for run in 0..RUNS {
        server.create_slot(&format!("peer_{run}")).await?;
        server.create_slot(&format!("ours_{run}")).await?;
    }
    server.write(changes, in_one).await?;
    let end = server.end().await?;
    println!("drain: {changes} changes (60 % inserts, 30 % updates, 10 % deletes), {what}");
    let (mut peer, mut ours) = <(Side, Side)>::default();
    for run in 0..RUNS {
        peer.add(changes, &server.receive(&format!("peer_{run}"), &end)?);
        server.drop_slot(&format!("peer_{run}")).await?;
        let slot = format!("ours_{run}");
        let mut job = Tailwater::start(&server.script("committed-offset", &slot))?;
        let limit = Instant::now() + LIMIT;
        while !server.has_reached(&slot, &end).await? {
            job.check()?;
            anyhow::ensure!(Instant::now() < limit, "the backlog was not drained");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ours.add(changes, &job.stop().context("the job's end")?);
        server.drop_slot(&slot).await?;
    }
    peer.print("pg_recvlogical -f /dev/null");
    ours.print("tailwater to blackhole");
    compare(&ours, &peer, 97.0);
    Ok(())
}
