//! Asks the binary.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::expected::{Answer, Expected};
use crate::binary::Workspace;

/// What we answered to one statement.
pub(super) enum Given {
    Ok,
    Error(String),
    Rows { schema: String, changelog: Vec<(String, String)> },
    Files(Vec<String>),
}

/// Our answers by the number of the statement.
pub(super) fn ask(directory: &Path, expected: &[Expected]) -> BTreeMap<usize, Given> {
    let workspace = Workspace::new();
    let out = workspace.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let query = std::fs::read_to_string(directory.join("query.sql")).unwrap();
    let place = |text: &str| {
        let text = text.replace("{{DIR}}", directory.to_str().unwrap());
        text.replace("{{OUT}}", out.to_str().unwrap())
    };
    let mut head = vec![("table.local-time-zone", "UTC"), ("tailwater.flink-strict", "true")];
    if query.lines().any(|l| l.starts_with("-- mode: batch")) {
        head.push(("execution.runtime-mode", "batch"));
    }
    let mut script: String = head.iter().map(|(k, v)| format!("SET '{k}' = '{v}';\n")).collect();
    for line in place(&query).lines() {
        // Keeps the numbering; the files are read afterwards.
        let line = match line.strip_prefix("!cat ") {
            Some(_) => "SET 'oracle.cat' = 'true';",
            None => line,
        };
        script.push_str(line);
        script.push('\n');
    }
    let ran = workspace.run(&script, &["--output", "json", "--keep-going"]);
    let mut answers = BTreeMap::new();
    for line in ran.lines() {
        let number = usize::try_from(line["statement"].as_u64().unwrap()).unwrap();
        if let Some(number) = number.checked_sub(head.len()) {
            take(&line, number, &mut answers);
        }
    }
    for (expected, number) in expected.iter().zip(1..) {
        if let (Answer::Files(_), Some(path)) = (&expected.answer, cat_path(&expected.statement)) {
            let mut lines = Vec::new();
            read_lines(Path::new(&place(path)), &mut lines);
            answers.insert(number, Given::Files(lines));
        }
    }
    answers
}

fn cat_path(statement: &str) -> Option<&str> {
    statement.strip_prefix("!cat ")
}

fn take(line: &Value, number: usize, answers: &mut BTreeMap<usize, Given>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match line["kind"].as_str().unwrap() {
        "schema" => {
            let columns = line["columns"].as_array().unwrap().iter();
            let columns: Vec<String> =
                columns.map(|c| format!("`{}` {}", text(&c["name"]), text(&c["type"]))).collect();
            let rows = Given::Rows { schema: columns.join(", "), changelog: Vec::new() };
            answers.insert(number, rows);
        }
        "row" => {
            if let Some(Given::Rows { changelog, .. }) = answers.get_mut(&number) {
                changelog.push((text(&line["op"]), line["row"].to_string()));
            }
        }
        "ok" => {
            answers.entry(number).or_insert(Given::Ok);
        }
        "error" => {
            answers.insert(number, Given::Error(text(&line["message"])));
        }
        _ => {}
    }
}

fn read_lines(path: &Path, lines: &mut Vec<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if !name.starts_with(['.', '_']) {
                read_lines(&entry.path(), lines);
            }
        }
    } else if let Ok(text) = std::fs::read_to_string(path) {
        lines.extend(text.lines().map(str::to_owned));
    }
}
