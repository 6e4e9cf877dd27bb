//! Running statements one after the other, and waiting for their jobs.

use jiff::tz::TimeZone;
use std::sync::Arc;

use tailwater_pipeline::{Action, Session};
use tailwater_runtime::{JobError, JobHandle, JobStatus};
use tailwater_sql::{BoundQuery, Finding, SourceText};
use tailwater_sql_syntax::ast::Statement;
use tailwater_sql_syntax::{Script, parse_script};
use tailwater_types::{RowRef, Severity, Span};

use crate::changelog::Remaining;
use crate::output::{Mode, Output, Place, texts};
use crate::signals::Signals;

/// A statement of a session, counted over all its texts.
pub(crate) struct Numbered {
    pub(crate) number: usize,
    pub(crate) source: Arc<SourceText>,
    pub(crate) span: Span,
    pub(crate) text: String,
    /// `None` if it has syntax errors, which are `findings`.
    pub(crate) statement: Option<Statement>,
    pub(crate) findings: Vec<Finding>,
}

impl Numbered {
    fn place(&self) -> Place {
        let (line, column) = self.span.line_column(&self.source.text);
        Place { statement: self.number, file: self.source.name.clone(), line, column }
    }
}

/// What came of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
    /// The session is to end.
    Quit,
}

/// A job of the session.
pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) handle: JobHandle,
}

/// Splits a text into numbered statements; `first` is the number of the first.
pub(crate) fn number(source: &Arc<SourceText>, first: usize) -> Vec<Numbered> {
    let Script { statements, diagnostics } = parse_script(&source.text);
    let spans: Vec<Span> = statements.iter().map(|s| s.text_span).collect();
    let mut numbered: Vec<Numbered> = statements
        .into_iter()
        .enumerate()
        .map(|(i, s)| Numbered {
            number: first + i,
            source: Arc::clone(source),
            span: s.span,
            text: s.span.slice(&source.text).to_owned(),
            statement: s.statement,
            findings: Vec::new(),
        })
        .collect();
    for diagnostic in diagnostics {
        let place = spans
            .iter()
            .position(|s| diagnostic.span.start < s.end)
            .unwrap_or(spans.len().saturating_sub(1));
        if let Some(statement) = numbered.get_mut(place) {
            statement.findings.push(Finding { source: Arc::clone(source), diagnostic });
        }
    }
    numbered
}

/// Everything that is wrong with the statements, found without running any of them.
pub(crate) fn check(session: &Session, statements: &[Numbered], output: &mut dyn Output) -> bool {
    let mut trial = session.clone();
    let mut is_right = true;
    for statement in statements {
        let mut findings = statement.findings.clone();
        if let Some(parsed) = &statement.statement {
            findings.extend(trial.prepare(parsed, &statement.source).findings);
        }
        for finding in findings.iter().filter(|f| f.diagnostic.severity == Severity::Error) {
            output.finding(statement.number, finding);
            is_right = false;
        }
    }
    is_right
}

/// Runs one statement.
pub(crate) async fn run(
    session: &mut Session,
    statement: &Numbered,
    output: &mut dyn Output,
    jobs: &mut Vec<Job>,
    signals: &mut Signals,
) -> Outcome {
    let number = statement.number;
    output.begin(number, &statement.text);
    for finding in &statement.findings {
        output.finding(number, finding);
    }
    let Some(parsed) = &statement.statement else { return Outcome::Failed };
    let prepared = session.prepare(parsed, &statement.source);
    for finding in &prepared.findings {
        output.finding(number, finding);
    }
    match prepared.action {
        None => return Outcome::Failed,
        Some(Action::Done) => output.ok(number),
        Some(Action::Show(table)) => output.table(number, &table),
        Some(Action::Clear) => {}
        Some(Action::Quit) => return Outcome::Quit,
        Some(Action::Query(query)) => {
            return show(session, statement, &query, output, signals).await;
        }
        Some(Action::Insert(inserts)) => {
            let mut submitted = session.submit(&inserts);
            let is_sync = session.settings().is_on("table.dml-sync");
            let status = tokio::select! {
                status = submitted.job.started() => status,
                () = signals.received() => {
                    submitted.job.stop();
                    submitted.job.ended().await
                }
            };
            if let JobStatus::Failed(error) = status {
                report(session, &statement.place(), &error, chain(&*error), output);
                return Outcome::Failed;
            }
            if let Some(directory) = &submitted.checkpoints {
                let (name, directory) = (&submitted.name, directory.display());
                output.note(number, &format!("job '{name}' keeps its checkpoints in {directory}"));
            }
            let place = statement.place();
            let mut job = Job { place, name: submitted.name, handle: submitted.job };
            if is_sync && !wait_for(session, std::slice::from_mut(&mut job), output, signals).await
            {
                return Outcome::Failed;
            }
            output.submitted(number, is_sync);
            jobs.push(job);
        }
    }
    Outcome::Done
}

/// Shows why a job failed: at the declaration of the table it is about, else at its statement.
fn report(
    session: &Session,
    place: &Place,
    error: &JobError,
    message: String,
    output: &mut dyn Output,
) {
    match session.locate(error, message.clone()) {
        Some(finding) => output.finding(place.statement, &finding),
        None => output.failure(place, &message, error.hint()),
    }
}

/// Runs a query and shows its rows.
async fn show(
    session: &Session,
    statement: &Numbered,
    query: &BoundQuery,
    output: &mut dyn Output,
    signals: &mut Signals,
) -> Outcome {
    let number = statement.number;
    let settings = session.settings();
    let zone = TimeZone::clone(&settings.resolve_context().time_zone);
    let mode = if settings.is_batch() { Mode::Batch } else { Mode::Streaming };
    let mut running = session.query(query);
    let layouts = running.schema.layouts();
    let schema = running.schema.clone();
    output.rows_begin(number, &schema, mode);
    let mut remaining = Remaining::default();
    let mut is_stopped = false;
    loop {
        let batch = tokio::select! {
            batch = running.rows.recv() => batch,
            () = signals.received(), if !is_stopped => {
                is_stopped = true;
                running.job.stop();
                continue;
            }
        };
        let Some(batch) = batch else { break };
        if mode == Mode::Batch {
            remaining.apply(&batch);
            continue;
        }
        for (kind, row) in batch.iter() {
            output.row(number, kind, &texts(row, &schema, &layouts, &zone));
        }
    }
    for row in remaining.into_rows(query, &layouts) {
        let values = texts(RowRef::new(&row), &schema, &layouts, &zone);
        output.row(number, tailwater_types::RowKind::Insert, &values);
    }
    match running.job.ended().await {
        JobStatus::Failed(error) => {
            report(session, &statement.place(), &error, chain(&*error), output);
            Outcome::Failed
        }
        _ => {
            output.rows_end(number);
            Outcome::Done
        }
    }
}

/// Waits for jobs to end; a signal stops them. False if one failed.
pub(crate) async fn wait_for(
    session: &Session,
    jobs: &mut [Job],
    output: &mut dyn Output,
    signals: &mut Signals,
) -> bool {
    let mut all_right = true;
    for i in 0..jobs.len() {
        let status = tokio::select! {
            status = jobs[i].handle.ended() => status,
            () = signals.received() => {
                jobs.iter().for_each(|j| j.handle.stop());
                tokio::select! {
                    status = jobs[i].handle.ended() => status,
                    () = signals.received() => return false,
                }
            }
        };
        if let JobStatus::Failed(error) = status {
            let message = format!("job '{}' failed: {}", jobs[i].name, chain(&*error));
            report(session, &jobs[i].place, &error, message, output);
            all_right = false;
        }
    }
    all_right
}

/// An error with the errors beneath it, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut beneath = error.source();
    while let Some(error) = beneath {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        beneath = error.source();
    }
    text
}
