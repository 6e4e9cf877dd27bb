//! Every code of a diagnostic is explained, and every explained code exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::{Source, Violation};

const DOCUMENT: &str = "docs/errors.md";

/// Compares the sources with the document.
pub(crate) fn check(root: &Path, sources: &[Source]) -> anyhow::Result<Vec<Violation>> {
    let document = fs::read_to_string(root.join(DOCUMENT))
        .with_context(|| format!("cannot read {DOCUMENT}"))?;
    Ok(compare(sources, &document))
}

fn compare(sources: &[Source], document: &str) -> Vec<Violation> {
    let mut used: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for source in sources.iter().filter(|s| !s.is_test() && s.package() != "xtask") {
        for (line, code) in
            source.code().flat_map(|(at, text)| literals(text).map(move |c| (at, c)))
        {
            used.entry(code).or_insert((&source.path, line));
        }
    }
    let mut violations = Vec::new();
    let mut explained: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, line) in document.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        let cells: Vec<&str> = line.split(" | ").map(|c| c.trim_matches([' ', '|'])).collect();
        let Some(code) = cells.first().copied().filter(|cell| is_code(cell)) else { continue };
        let mut fail = |message: String| violations.push(Violation::at(DOCUMENT, at, message));
        if let Some(first) = explained.insert(code, at) {
            fail(format!("{code} is explained in line {first} already"));
        }
        if cells.len() != 3 || cells.iter().any(|cell| cell.is_empty()) {
            fail(format!("the row of {code} is not: code, meaning, how to mend"));
        }
        if !used.contains_key(code) {
            fail(format!("{code} is nowhere in the sources; remove the row"));
        }
    }
    for (code, (path, line)) in used.iter().filter(|(code, _)| !explained.contains_key(*code)) {
        let message = format!("{code} is not in {DOCUMENT}; add a row: code, meaning, how to mend");
        violations.push(Violation::at(path, *line, message));
    }
    violations
}

/// The codes among the string literals of a line.
fn literals(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2).filter(|text| is_code(text))
}

fn is_code(text: &str) -> bool {
    text.strip_prefix(['E', 'W'])
        .is_some_and(|number| number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_must_be_explained_and_explanations_must_be_of_codes() {
        let text = "//! A.\nfn a() { error(\"E0001\"); error(\"W0002\"); error(\"42P01\") }\n";
        let source = Source { path: "crates/sql/src/a.rs".to_owned(), text: text.to_owned() };
        let document = "| Code | Meaning | How to mend |\n|---|---|---|\n\
                        | E0001 | It is wrong. | Mend it. |\n| E0003 | No more. | Nothing. |\n";
        let found = compare(&[source], document);
        let places: Vec<_> = found.iter().map(|v| (v.path.as_str(), v.line)).collect();
        assert_eq!(places, [(DOCUMENT, Some(4)), ("crates/sql/src/a.rs", Some(2))]);
    }
}
