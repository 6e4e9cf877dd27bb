//! Words that do not belong where they stand, and module docs that are missing.

use super::{Source, Violation};

/// Words that only some packages may use outside their tests, and why.
const RESERVED: &[(&[&str], &[&str], &str)] = &[
    (
        &["tokio::spawn(", "task::spawn(", "spawn_blocking(", "thread::spawn(", "thread::Builder"],
        &[
            "runtime",
            "connectors",
            "state",
            "testkit-postgres",
            "bench/cdc",
            "bench/kafka",
            "xtask",
        ],
        "only the runtime starts tasks (connectors and state for their own I/O)",
    ),
    (
        &["env::var", "env::args", "env::temp_dir", "env::current_dir"],
        &["tailwater", "testkit-kafka", "testkit-postgres", "bench/engine", "bench/cdc", "xtask"],
        "only the binary reads the environment",
    ),
    (
        &["std::net::", "TcpStream", "UnixStream"],
        &[
            "connectors",
            "server",
            "tailwater",
            "testkit-postgres",
            "testkit-kafka",
            "bench/kafka",
            "xtask",
        ],
        "only connectors and the server know sockets",
    ),
];

/// Macros that no finished code has.
const UNFINISHED: &[&str] = &["todo", "dbg", "unimplemented"];

/// Checks every file.
pub(crate) fn check(sources: &[Source]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in sources {
        for (line, code) in source.code() {
            for word in UNFINISHED.iter().filter(|word| calls(code, word)) {
                let message = format!("{word}! is for unfinished code; finish it");
                violations.push(Violation::at(&source.path, line, message));
            }
        }
        if source.is_test() {
            continue;
        }
        if !source.text.starts_with("//!") {
            let message = "the module has no doc; say in `//!` on the first line what it is for";
            violations.push(Violation::of_file(&source.path, message));
        }
        for (words, packages, reason) in RESERVED {
            if packages.contains(&source.package()) {
                continue;
            }
            for (line, code) in source.code() {
                if let Some(word) = words.iter().find(|word| code.contains(**word)) {
                    let message = format!("{} must not use `{word}`: {reason}", source.package());
                    violations.push(Violation::at(&source.path, line, message));
                }
            }
        }
    }
    violations
}

/// Whether the macro is called, and not one whose name ends the same.
fn calls(code: &str, name: &str) -> bool {
    let begins_word = |at: usize| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    let is_call = |at: usize| code[at + name.len()..].starts_with("!(");
    code.match_indices(name).any(|(at, _)| begins_word(at) && is_call(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        check(&[source]).into_iter().map(|v| v.message).collect()
    }

    #[test]
    fn unfinished_code_is_found_and_comments_are_not() {
        assert_eq!(
            found("crates/sql/src/a.rs", "//! A.\n// todo!()\nfn a() { todo!() }\n").len(),
            1
        );
        assert!(found("crates/sql/src/a.rs", "//! A.\nfn a() { my_dbg!(1) }\n").is_empty());
    }

    #[test]
    fn a_module_without_doc_is_found_unless_it_is_a_test() {
        assert_eq!(found("crates/sql/src/a.rs", "fn a() {}\n").len(), 1);
        assert!(found("crates/sql/tests/a.rs", "fn a() {}\n").is_empty());
    }

    #[test]
    fn only_some_packages_start_tasks() {
        let text = "//! A.\nfn a() { tokio::spawn(b()); }\n";
        assert_eq!(found("crates/operators/src/a.rs", text).len(), 1);
        assert!(found("crates/runtime/src/a.rs", text).is_empty());
    }
}
