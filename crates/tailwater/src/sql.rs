//! `tailwater sql`.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use tailwater_pipeline::{Environment, Session};
use tailwater_sql::SourceText;
use tokio::runtime::Runtime;

use crate::args::{Format, SqlArgs};
use crate::json_output::JsonOutput;
use crate::output::Output;
use crate::script::{Job, Numbered, Outcome, check, number, run as run_statement, wait_for};
use crate::shell;
use crate::signals::Signals;
use crate::tableau::MAX_WIDTH;
use crate::text_output::TextOutput;

/// Runs scripts, or the shell if there are none.
pub(crate) fn run(runtime: &Runtime, args: SqlArgs) -> anyhow::Result<ExitCode> {
    let state_directory = state_directory();
    let environment = Environment {
        state_directory: state_directory.join("checkpoints"),
        begins_anew: args.fresh,
    };
    let mut session = Session::new(environment);
    set_all(&mut session, &args.settings)?;
    let is_shell = args.files.is_empty() && std::io::stdin().is_terminal();
    let mut output: Box<dyn Output> = match args.output {
        Format::Text => Box::new(TextOutput::new(!is_shell, MAX_WIDTH)),
        Format::Json => Box::new(JsonOutput),
    };
    let texts = if args.files.is_empty() && !is_shell {
        vec![standard_input()?]
    } else {
        args.init.iter().chain(&args.files).map(|f| read(f)).collect::<anyhow::Result<_>>()?
    };
    let mut statements = Vec::new();
    for text in &texts {
        let first = statements.len() + 1;
        statements.extend(number(text, first));
    }
    if !args.keep_going && !check(&session, &statements, &mut *output) {
        return Ok(ExitCode::FAILURE);
    }
    let done =
        runtime.block_on(script(&mut session, &statements, &mut *output, args.keep_going))?;
    if !is_shell || done.is_err() {
        return Ok(if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    shell::run(runtime, session, &mut *output, &state_directory.join("history"))
}

/// Runs all statements and waits for their jobs; `Err` if something failed.
async fn script(
    session: &mut Session,
    statements: &[Numbered],
    output: &mut dyn Output,
    keeps_going: bool,
) -> anyhow::Result<Result<(), ()>> {
    let mut signals = Signals::listen().context("cannot listen to signals")?;
    let mut jobs: Vec<Job> = Vec::new();
    let mut is_right = true;
    for statement in statements {
        match run_statement(session, statement, output, &mut jobs, &mut signals).await {
            Outcome::Done => {}
            Outcome::Quit => break,
            Outcome::Failed => {
                is_right = false;
                if !keeps_going {
                    jobs.iter().for_each(|j| j.handle.stop());
                    break;
                }
            }
        }
    }
    is_right &= wait_for(session, &mut jobs, output, &mut signals).await;
    Ok(if is_right { Ok(()) } else { Err(()) })
}

/// Takes the settings of the command line.
pub(crate) fn set_all(session: &mut Session, settings: &[String]) -> anyhow::Result<()> {
    for setting in settings {
        let Some((key, value)) = setting.split_once('=') else {
            bail!("-D takes KEY=VALUE, not \"{setting}\"");
        };
        set(session, key, value)?;
    }
    Ok(())
}

fn set(session: &mut Session, key: &str, value: &str) -> anyhow::Result<()> {
    let quote = |text: &str| text.replace('\'', "''");
    let text = format!("SET '{}' = '{}'", quote(key), quote(value));
    let source = Arc::new(SourceText { name: "-D".to_owned(), text });
    for statement in number(&source, 0) {
        let Some(parsed) = &statement.statement else { bail!("cannot set \"{key}\"") };
        if let Some(finding) = session.prepare(parsed, &source).findings.first() {
            bail!("{}", finding.diagnostic.message);
        }
    }
    Ok(())
}

/// Reads a script.
pub(crate) fn read(path: &Path) -> anyhow::Result<Arc<SourceText>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read \"{name}\""))?;
    Ok(Arc::new(SourceText { name, text }))
}

fn standard_input() -> anyhow::Result<Arc<SourceText>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    Ok(Arc::new(SourceText { name: "standard input".to_owned(), text }))
}

/// `$XDG_STATE_HOME/tailwater`, else `~/.local/state/tailwater`.
pub(crate) fn state_directory() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|h| h.join(".local/state")));
    base.unwrap_or_else(std::env::temp_dir).join("tailwater")
}
