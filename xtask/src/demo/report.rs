//! What the demo says: a line per check as it goes, and the measures at the end.

use std::fmt::Write;
use std::time::Duration;

use crate::console::Console;

/// Prints, and counts what is wrong.
pub(crate) struct Report {
    console: Console,
    failures: usize,
}

/// Latencies, sorted.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Sorts them.
    pub(crate) fn new(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self(latencies)
    }

    /// The least latency that this share of all is not above.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// A number with the goal that it should not exceed.
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    /// `None`: nothing is asked of it.
    pub(crate) goal: Option<Goal>,
}

/// A goal and whether it is met.
pub(crate) struct Goal {
    pub(crate) text: &'static str,
    pub(crate) is_met: bool,
}

impl Report {
    /// Prints to standard output.
    pub(crate) fn new() -> Self {
        Self { console: Console::detect(), failures: 0 }
    }

    /// The beginning of a part.
    pub(crate) fn heading(&self, text: &str) {
        println!("\n{}", self.console.bold(text));
    }

    /// Something that was done.
    pub(crate) fn note(&self, text: &str) {
        println!("  {} {text}", self.console.dim("·"));
    }

    /// A check; `detail` says more about it, such as how long it took.
    pub(crate) fn check(&mut self, is_right: bool, text: &str, detail: &str) {
        let detail = if detail.is_empty() {
            String::new()
        } else {
            self.console.dim(&format!("  {detail}"))
        };
        if is_right {
            println!("  {} {text}{detail}", self.console.green("✓"));
        } else {
            self.failures += 1;
            println!("  {} {}{detail}", self.console.red("✗"), self.console.red(text));
        }
    }

    /// More about a failed check.
    pub(crate) fn explain(&self, lines: &[String]) {
        const SHOWN: usize = 10;
        for line in lines.iter().take(SHOWN) {
            println!("      {line}");
        }
        if lines.len() > SHOWN {
            println!("      and {} more", lines.len() - SHOWN);
        }
    }

    /// The measures, each beside its goal.
    pub(crate) fn measures(&self, measures: &[Measure]) {
        let name_width = measures.iter().map(|m| m.name.len()).max().unwrap_or(0);
        let text_width = measures.iter().map(|m| m.text.len()).max().unwrap_or(0);
        for measure in measures {
            let mut line = format!("  {:<name_width$}   ", measure.name);
            match &measure.goal {
                None => line.push_str(&measure.text),
                Some(goal) => {
                    let text = format!("{:<text_width$}", measure.text);
                    let (sign, text) = if goal.is_met {
                        (self.console.green("✓"), self.console.green(&text))
                    } else {
                        (self.console.yellow("!"), self.console.yellow(&text))
                    };
                    let goal = self.console.dim(&format!("goal {}", goal.text));
                    // Writing to a String cannot fail.
                    let _ = write!(line, "{text}   {sign} {goal}");
                }
            }
            println!("{line}");
        }
    }

    /// The last word; whether all checks held.
    pub(crate) fn verdict(&self) -> bool {
        if self.failures == 0 {
            println!("\n{}", self.console.green("All checks hold."));
        } else {
            let noun = if self.failures == 1 { "check fails" } else { "checks fail" };
            println!("\n{}", self.console.red(&format!("{} {noun}.", self.failures)));
        }
        self.failures == 0
    }
}

/// As people read it: `12.3 ms`, `1.50 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    if milliseconds < 1000.0 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{:.2} s", milliseconds / 1000.0)
    }
}

/// As people read it: `12.3 MB`, of 1,000,000 bytes.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_latencies_that_occurred() {
        let latencies = Latencies::new((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!(latencies.quantile(0.5), Duration::from_millis(100));
        assert_eq!(latencies.quantile(0.99), Duration::from_millis(198));
        assert_eq!(latencies.quantile(1.0), Duration::from_millis(200));
        assert_eq!(Latencies::new(Vec::new()).quantile(0.99), Duration::ZERO);
    }
}
