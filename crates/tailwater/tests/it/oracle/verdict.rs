//! Compares what we answered with what Flink did.

use super::answer::Given;
use super::expected::{Answer, Expected, Rows, fold};

/// How one statement did.
pub(super) struct Verdict {
    /// Why it does not pass.
    pub(super) failure: Option<String>,
    /// Whether every change came in Flink's order; `None` where Flink's order is not settled.
    pub(super) same_changelog: Option<bool>,
}

pub(super) fn judge(expected: &Expected, given: Option<&Given>) -> Verdict {
    let same_changelog = match (&expected.answer, given) {
        (Answer::Rows(rows), Some(Given::Rows { changelog, .. })) if rows.is_settled => {
            Some(&rows.changelog == changelog)
        }
        (Answer::Rows(rows), _) if rows.is_settled => Some(false),
        _ => None,
    };
    let failure = match given {
        Some(given) => compare(expected, given).err(),
        None => Some("no answer".to_owned()),
    };
    Verdict { failure, same_changelog }
}

fn compare(expected: &Expected, given: &Given) -> Result<(), String> {
    match (&expected.answer, given) {
        (Answer::Error(theirs), Given::Error(ours)) => compare_errors(theirs, ours),
        (Answer::Error(theirs), _) => Err(format!("expected an error: {}", first(theirs))),
        (_, Given::Error(ours)) => Err(format!("error: {}", first(ours))),
        (Answer::Ok, _) => Ok(()),
        (Answer::Files(theirs), Given::Files(ours)) => compare_rows(theirs.clone(), ours.clone()),
        (Answer::Files(_), _) => Err("expected files".to_owned()),
        (Answer::Rows(theirs), Given::Rows { schema, changelog }) => {
            let is_explain = expected.statement.trim_start().get(..7);
            if is_explain.is_some_and(|s| s.eq_ignore_ascii_case("explain")) {
                // Plans are ours.
                return if changelog.is_empty() { Err("no plan".to_owned()) } else { Ok(()) };
            }
            compare_results(theirs, schema, changelog)
        }
        (Answer::Rows(_), _) => Err("expected rows".to_owned()),
    }
}

/// An error counts where Flink errs, but not when it says that we lack something.
fn compare_errors(theirs: &str, ours: &str) -> Result<(), String> {
    let (theirs, lower) = (theirs.to_lowercase(), ours.to_lowercase());
    let has = |text: &str, parts: &[&str]| parts.iter().any(|p| text.contains(p));
    let gap = ["not implemented", "not yet implemented", "not supported", "not yet supported"];
    let is_gap = has(&lower, &gap) || lower.contains("unsupported");
    let known = ["not support", "unsupported", "no match found for function", "not allowed"];
    if is_gap && !has(&theirs, &known) {
        return Err(format!("refused as a gap of ours, not as Flink's error: {}", first(ours)));
    }
    Ok(())
}

fn compare_results(
    theirs: &Rows,
    schema: &str,
    changelog: &[(String, String)],
) -> Result<(), String> {
    if theirs.schema != schema {
        return Err(format!("types: expected {}, got {}", theirs.schema, schema));
    }
    compare_rows(theirs.remaining(), fold(changelog))
}

fn compare_rows(mut theirs: Vec<String>, mut ours: Vec<String>) -> Result<(), String> {
    theirs.sort();
    ours.sort();
    if theirs == ours {
        return Ok(());
    }
    let beyond = |a: &[String], b: &[String]| {
        let mut rest = b.to_vec();
        let mut more = a.to_vec();
        more.retain(|row| match rest.iter().position(|r| r == row) {
            Some(at) => {
                rest.swap_remove(at);
                false
            }
            None => true,
        });
        more.truncate(2);
        more
    };
    let (missing, extra) = (beyond(&theirs, &ours), beyond(&ours, &theirs));
    Err(format!("rows: missing {missing:?}, extra {extra:?}"))
}

fn first(text: &str) -> String {
    text.chars().take(160).collect()
}
