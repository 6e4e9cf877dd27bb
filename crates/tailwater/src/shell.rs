//! The interactive shell: history, input over several lines, completion.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper, Highlighter, Hinter};
use tailwater_pipeline::Session;
use tailwater_sql::{CatalogObject, SourceText};
use tailwater_sql_syntax::{InputState, input_state};
use tokio::runtime::Runtime;

use crate::output::Output;
use crate::script::{Job, Outcome, number, run as run_statement};
use crate::signals::Signals;

const KEYWORDS: [&str; 48] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "HAVING",
    "ORDER BY",
    "LIMIT",
    "INSERT INTO",
    "VALUES",
    "CREATE TABLE",
    "CREATE TEMPORARY VIEW",
    "CREATE VIEW",
    "WITH",
    "DROP TABLE",
    "DROP VIEW",
    "SHOW TABLES",
    "SHOW VIEWS",
    "SHOW CREATE TABLE",
    "DESCRIBE",
    "EXPLAIN",
    "SET",
    "RESET",
    "USE",
    "JOIN",
    "LEFT JOIN",
    "INNER JOIN",
    "ON",
    "AS",
    "AND",
    "OR",
    "NOT",
    "NULL",
    "IS",
    "IN",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "DISTINCT",
    "UNION ALL",
    "EXECUTE STATEMENT SET BEGIN",
    "PRIMARY KEY",
    "NOT ENFORCED",
    "QUIT",
];

#[derive(Helper, Hinter, Highlighter)]
struct SqlHelper {
    /// Tables, views and columns.
    names: Vec<String>,
}

impl Validator for SqlHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match input_state(context.input()) {
            InputState::Incomplete => ValidationResult::Incomplete,
            InputState::Empty | InputState::Complete => ValidationResult::Valid(None),
        })
    }
}

impl Completer for SqlHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..position];
        let start = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = before[start..].to_lowercase();
        let keywords = KEYWORDS.iter().map(|k| (*k).to_owned());
        let candidates = self
            .names
            .iter()
            .cloned()
            .chain(keywords)
            .filter(|c| !word.is_empty() && c.to_lowercase().starts_with(&word))
            .map(|c| Pair { display: c.clone(), replacement: c })
            .collect();
        Ok((start, candidates))
    }
}

/// Reads and runs statements until the user leaves; jobs that still run are stopped then.
pub(crate) fn run(
    runtime: &Runtime,
    mut session: Session,
    output: &mut dyn Output,
    history: &Path,
) -> anyhow::Result<ExitCode> {
    let config = Config::builder().auto_add_history(true).build();
    let mut editor: Editor<SqlHelper, FileHistory> =
        Editor::with_config(config).context("cannot open the terminal")?;
    if let Some(directory) = history.parent() {
        std::fs::create_dir_all(directory).context("cannot create the history's directory")?;
    }
    // A first session has no history yet.
    let _ = editor.load_history(history);
    println!("Tailwater SQL. Statements end with ;  HELP; shows what there is, QUIT; leaves.");
    let mut jobs: Vec<Job> = Vec::new();
    let mut next = 1;
    loop {
        editor.set_helper(Some(SqlHelper { names: names(&session) }));
        let text = match editor.readline("Tailwater SQL> ") {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("cannot read the terminal"),
        };
        let source = Arc::new(SourceText { name: "input".to_owned(), text });
        let statements = number(&source, next);
        next += statements.len();
        let outcome = runtime.block_on(async {
            let mut signals = Signals::listen()?;
            for statement in &statements {
                let done =
                    run_statement(&mut session, statement, output, &mut jobs, &mut signals).await;
                if done == Outcome::Quit {
                    return Ok(Outcome::Quit);
                }
            }
            Ok::<_, std::io::Error>(Outcome::Done)
        })?;
        if outcome == Outcome::Quit {
            break;
        }
    }
    editor.save_history(history).context("cannot write the history")?;
    runtime.block_on(async {
        jobs.iter().for_each(|j| j.handle.stop());
        for job in &mut jobs {
            job.handle.ended().await;
        }
    });
    Ok(ExitCode::SUCCESS)
}

fn names(session: &Session) -> Vec<String> {
    let catalog = session.catalog();
    let mut names = Vec::new();
    for (path, object) in catalog.objects_in(&catalog.current_catalog, &catalog.current_database) {
        names.push(path.name.clone());
        match object {
            CatalogObject::Table(table) => {
                names.extend(table.columns.iter().map(|c| c.name.clone()));
            }
            CatalogObject::View(view) => names.extend(view.columns.iter().cloned()),
        }
    }
    names.sort();
    names.dedup();
    names
}
