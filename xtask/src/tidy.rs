//! The house rules as a check: what the compiler and clippy cannot see.

mod codes;
mod layers;
mod sizes;
mod sources;
mod words;

use std::path::Path;

use anyhow::bail;

use crate::cargo;
use sources::Source;

/// Something that breaks a rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// From the root of the checkout.
    pub(crate) path: String,
    /// `None`: the whole file.
    pub(crate) line: Option<usize>,
    pub(crate) message: String,
}

impl Violation {
    fn of_file(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into() }
    }

    fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::of_file(path, message) }
    }
}

/// Checks the checkout and prints what breaks a rule.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = cargo::root();
    let violations = check(&root)?;
    for Violation { path, line, message } in &violations {
        match line {
            Some(line) => println!("{path}:{line}: {message}"),
            None => println!("{path}: {message}"),
        }
    }
    match violations.len() {
        0 => {
            println!("tidy: all house rules hold");
            Ok(())
        }
        1 => bail!("1 place breaks a house rule"),
        count => bail!("{count} places break a house rule"),
    }
}

fn check(root: &Path) -> anyhow::Result<Vec<Violation>> {
    let sources = sources::read(root)?;
    let exceptions = sizes::Exceptions::read(root)?;
    let mut violations = sizes::check(&sources, &exceptions);
    violations.extend(layers::check(&layers::manifests(root)?));
    violations.extend(words::check(&sources));
    violations.extend(codes::check(root, &sources)?);
    Ok(violations)
}
