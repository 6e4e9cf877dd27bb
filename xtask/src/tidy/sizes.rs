//! No file is longer than one can hold in mind.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::{Source, Violation};

/// Lines of a file without its tests.
const LIMIT: usize = 800;
const FILE: &str = "xtask/tidy-exceptions.txt";

/// Files that may be longer, each with the reason.
pub(crate) struct Exceptions(Vec<(usize, String, String)>);

impl Exceptions {
    /// Reads them: `PATH: REASON` on each line.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        let entries = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let split = entries.map(|(at, line)| {
            let (path, reason) = line.split_once(':').unwrap_or((line, ""));
            (at, path.trim().to_owned(), reason.trim().to_owned())
        });
        Self(split.collect())
    }
}

/// Files above the limit without an exception, and exceptions without need or reason.
pub(crate) fn check(sources: &[Source], exceptions: &Exceptions) -> Vec<Violation> {
    let mut violations = Vec::new();
    let too_long = |source: &&Source| !source.is_test() && source.lines().count() > LIMIT;
    let long: Vec<&Source> = sources.iter().filter(too_long).collect();
    for source in &long {
        if !exceptions.0.iter().any(|(_, path, _)| *path == source.path) {
            let message = format!(
                "{} lines without tests, at most {LIMIT} are taken; split it, or give the reason \
                 in {FILE}",
                source.lines().count()
            );
            violations.push(Violation::of_file(&source.path, message));
        }
    }
    for (line, path, reason) in &exceptions.0 {
        if !long.iter().any(|source| source.path == *path) {
            let message = format!("{path} needs no exception; remove the line");
            violations.push(Violation::at(FILE, *line, message));
        } else if reason.is_empty() {
            let message = format!("{path} has no reason; write \"{path}: why it is that long\"");
            violations.push(Violation::at(FILE, *line, message));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, lines: usize) -> Source {
        Source { path: path.to_owned(), text: "\n".repeat(lines) }
    }

    #[test]
    fn a_long_file_needs_an_exception_with_a_reason_and_no_other_does() {
        let sources =
            [source("a.rs", 801), source("b.rs", 800), source("c.rs", 900), source("d.rs", 900)];
        let exceptions = Exceptions::parse("# header\nb.rs: large\nc.rs: a table\nd.rs\n");
        let found = check(&sources, &exceptions);
        let places: Vec<_> = found.iter().map(|v| (v.path.as_str(), v.line)).collect();
        assert_eq!(places, [("a.rs", None), (FILE, Some(2)), (FILE, Some(4))]);
    }
}
