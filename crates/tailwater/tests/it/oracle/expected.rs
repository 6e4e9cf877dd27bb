//! Reads `expected.txt`.

use std::path::Path;

/// What Flink answered to one statement.
pub(super) struct Expected {
    pub(super) statement: String,
    pub(super) answer: Answer,
}

pub(super) enum Answer {
    Ok,
    /// The text that Flink gave.
    Error(String),
    Rows(Rows),
    /// The lines of the files that were written.
    Files(Vec<String>),
}

#[derive(Default)]
pub(super) struct Rows {
    /// "`name` TYPE, .." as Flink prints a schema.
    pub(super) schema: String,
    /// Kinds of change and rows as JSON arrays, in order.
    pub(super) changelog: Vec<(String, String)>,
    /// Every run gave the same changelog, as the file says.
    pub(super) is_settled: bool,
    /// What remains at the end, where that was told beside the changelog.
    remaining: Option<Vec<String>>,
}

impl Rows {
    /// What remains at the end, sorted.
    pub(super) fn remaining(&self) -> Vec<String> {
        match &self.remaining {
            Some(rows) => rows.clone(),
            None => fold(&self.changelog),
        }
    }
}

/// The rows that remain of a changelog, sorted.
pub(super) fn fold(changelog: &[(String, String)]) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for (kind, row) in changelog {
        if kind == "+I" || kind == "+U" {
            rows.push(row.clone());
        } else if let Some(at) = rows.iter().position(|r| r == row) {
            rows.swap_remove(at);
        }
    }
    rows.sort();
    rows
}

/// A row as JSON in one form.
pub(super) fn normal(row: &str) -> String {
    serde_json::from_str::<serde_json::Value>(row).unwrap().to_string()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    None,
    Changelog,
    Remaining,
    Files,
}

pub(super) fn read(path: &Path) -> Vec<Expected> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut all: Vec<Expected> = Vec::new();
    let mut part = Part::None;
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("## ") {
            let statement = head.split_once(' ').unwrap().1.to_owned();
            all.push(Expected { statement, answer: Answer::Ok });
            part = Part::None;
        } else if let Some(last) = all.last_mut() {
            part = take(line, &mut last.answer, part);
        }
    }
    for expected in &mut all {
        if let Answer::Rows(rows) = &mut expected.answer
            && let Some(remaining) = &mut rows.remaining
        {
            remaining.sort();
        }
    }
    all
}

fn take(line: &str, answer: &mut Answer, part: Part) -> Part {
    if let Some(error) = line.strip_prefix("error:") {
        *answer = Answer::Error(error.trim().to_owned());
        return Part::None;
    }
    if let Some(schema) = line.strip_prefix("schema: ") {
        *answer = Answer::Rows(Rows { schema: schema.to_owned(), ..Rows::default() });
        return Part::None;
    }
    if line.starts_with("files:") {
        *answer = Answer::Files(Vec::new());
        return Part::Files;
    }
    match answer {
        Answer::Rows(rows) if line.starts_with("changelog") => {
            rows.is_settled = line == "changelog (same in all runs):";
            Part::Changelog
        }
        Answer::Rows(_) if line.starts_with("final:") && line.contains("changelog") => Part::None,
        Answer::Rows(rows) if line.starts_with("final") => {
            rows.remaining = Some(Vec::new());
            Part::Remaining
        }
        Answer::Rows(rows) => {
            if let Some(line) = line.strip_prefix("  ") {
                take_row(line, rows, part);
            }
            part
        }
        Answer::Files(lines) if part == Part::Files => {
            lines.extend(line.split_once(" | ").map(|(_, text)| text.to_owned()));
            part
        }
        _ => part,
    }
}

fn take_row(line: &str, rows: &mut Rows, part: Part) {
    match (part, line.split_once(' ')) {
        (Part::Changelog, Some((kind @ ("+I" | "-U" | "+U" | "-D"), row))) => {
            rows.changelog.push((kind.to_owned(), normal(row)));
        }
        (Part::Remaining, _) => {
            // A row that is there several times is printed once with its count.
            let counted = line.rsplit_once(" x").filter(|(row, _)| row.ends_with(']'));
            let counted = counted.and_then(|(row, n)| Some((row, n.parse::<usize>().ok()?)));
            let (row, count) = counted.unwrap_or((line, 1));
            let remaining = rows.remaining.get_or_insert_default();
            remaining.extend(std::iter::repeat_n(normal(row), count));
        }
        _ => {}
    }
}
