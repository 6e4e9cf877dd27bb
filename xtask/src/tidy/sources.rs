//! The Rust files of the checkout.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// A Rust file.
pub(crate) struct Source {
    /// From the root of the checkout, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The package's directory, without `crates/`.
    pub(crate) fn package(&self) -> &str {
        let directory = self.path.split("/src/").next().unwrap_or("");
        let directory = directory.split("/tests/").next().unwrap_or("");
        directory.strip_prefix("crates/").unwrap_or(directory)
    }

    /// Whether the whole file is tests, benchmarks or an example.
    pub(crate) fn is_test(&self) -> bool {
        let is_test = |part: &str| matches!(part, "tests" | "tests.rs" | "benches" | "examples");
        self.path.split('/').any(is_test)
    }

    /// The numbered lines before the tests at the end of the file.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let begins_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ");
        let end = lines.windows(2).position(begins_tests).unwrap_or(lines.len());
        lines.into_iter().take(end).enumerate().map(|(at, line)| (at + 1, line))
    }

    /// The same without comments on lines of their own.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Reads them all, in the order of their paths.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for top in ["crates", "bench", "xtask"] {
        walk(root, &root.join(top), &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn walk(root: &Path, directory: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    let entries = fs::read_dir(directory);
    for entry in entries.with_context(|| format!("cannot list {}", directory.display()))? {
        let path = entry.with_context(|| format!("cannot list {}", directory.display()))?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                walk(root, &path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let relative = path.strip_prefix(root).unwrap_or(&path);
            sources.push(Source { path: relative.to_string_lossy().into_owned(), text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_at_the_end_of_a_file_are_not_its_lines() {
        let text = "//! Doc.\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        let source = Source { path: "crates/sql/src/a.rs".to_owned(), text: text.to_owned() };
        let lines: Vec<_> = source.lines().collect();
        assert_eq!(lines, [(1, "//! Doc."), (2, "fn a() {}"), (3, "")]);
        assert_eq!(source.code().next(), Some((2, "fn a() {}")));
        assert_eq!(source.package(), "sql");
        assert!(!source.is_test());
    }
}
