//! What was measured, as lines of text.

use std::time::Duration;

/// One side's runs.
#[derive(Default)]
pub(crate) struct Side {
    rates: Vec<f64>,
    cpu_per_million: Vec<f64>,
    peak_mb: Vec<f64>,
}

impl Side {
    pub(crate) fn add(&mut self, events: u64, elapsed: Duration, cpu: Duration, peak_mb: f64) {
        self.rates.push(events as f64 / elapsed.as_secs_f64() / 1e3);
        self.cpu_per_million.push(cpu.as_secs_f64() * 1e6 / events as f64);
        self.peak_mb.push(peak_mb);
    }

    pub(crate) fn print(&self, name: &str) {
        println!(
            "  {name:<24} {:>7.0} k/s   {:>6.2} CPU-s/M   {:>5.0} MB peak   runs {:.0?} k/s, {:.2?} CPU-s/M",
            median(&self.rates),
            median(&self.cpu_per_million),
            self.peak_mb.iter().copied().fold(0.0, f64::max),
            self.rates,
            self.cpu_per_million,
        );
    }

    /// By how much this side is faster, and by how much it does more with the same CPU.
    pub(crate) fn print_beside(&self, peer: &Self) {
        println!(
            "  ours to the peer: {:.1} times the rate, {:.1} times the events of a CPU-second",
            median(&self.rates) / median(&peer.rates),
            median(&peer.cpu_per_million) / median(&self.cpu_per_million),
        );
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One line of delays, which are sorted here.
pub(crate) fn print_delays(name: &str, mut delays: Vec<Duration>) {
    delays.sort_unstable();
    let at = |share: f64| {
        let index = (delays.len() as f64 * share) as usize;
        delays.get(index.min(delays.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let ms = |delay: Duration| delay.as_secs_f64() * 1e3;
    println!(
        "  {name:<24} p50 {:.1}, p95 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1} ms of {} events",
        ms(at(0.5)),
        ms(at(0.95)),
        ms(at(0.99)),
        ms(at(0.999)),
        ms(at(1.0)),
        delays.len(),
    );
}
