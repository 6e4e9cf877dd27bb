//! `tailwater check`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use tailwater_pipeline::connect::{DebeziumEngine, Dialect};
use tailwater_pipeline::{Environment, Inspection, Session};
use tailwater_types::Severity;
use tokio::runtime::Runtime;

use crate::args::CheckArgs;
use crate::json_output::JsonOutput;
use crate::output::{Output, write_line};
use crate::preconditions::{Report, json_lines, text_lines};
use crate::script::number;
use crate::sql::{read, set_all};
use crate::tableau::MAX_WIDTH;
use crate::text_output::TextOutput;
use crate::worker::{self, Connector};

/// Checks a script's tables and shows how they stand.
pub(crate) fn run(runtime: &Runtime, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    refuse_other_kinds(&args.file)?;
    if is_connector(&args.file) {
        return check_connector(runtime, args);
    }
    let environment = Environment { state_directory: std::env::temp_dir(), begins_anew: false };
    let mut session = Session::new(environment);
    set_all(&mut session, &args.settings)?;
    let mut output: Box<dyn Output> = match args.json {
        false => Box::new(TextOutput::new(false, MAX_WIDTH)),
        true => Box::new(JsonOutput),
    };
    let mut inspection = Inspection::default();
    let mut is_right = true;
    for statement in number(&read(&args.file)?, 1) {
        let mut findings = statement.findings.clone();
        if let Some(parsed) = &statement.statement {
            let prepared = session.prepare(parsed, &statement.source);
            findings.extend(prepared.findings);
            if let Some(action) = &prepared.action {
                inspection.add(&session, action);
            }
        }
        for finding in &findings {
            output.finding(statement.number, finding);
            is_right &= finding.diagnostic.severity != Severity::Error;
        }
    }
    if !is_right {
        return Ok(ExitCode::FAILURE);
    }
    inspection.add_declared_if_unused(&session);
    let checked = runtime.block_on(inspection.check());
    Ok(show(&Report::new(checked, inspection.unused(&session)), args.json))
}

fn show(report: &Report, is_json: bool) -> ExitCode {
    let lines = if is_json { json_lines(report) } else { text_lines(report) };
    lines.iter().for_each(write_line);
    if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn is_connector(file: &Path) -> bool {
    let extension = file.extension().and_then(|e| e.to_str());
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn check_connector(runtime: &Runtime, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    const BROKERS: &str = "bootstrap.servers";
    let connector = Connector::read(&args.file)?;
    let mut properties = worker::set(&args.settings)?;
    let has_brokers = properties.contains_key(BROKERS);
    // Nobody asks them.
    properties.entry(BROKERS.to_owned()).or_insert_with(|| "localhost:9092".to_owned());
    let engine = DebeziumEngine::new(worker::config_of(&properties)?, Dialect::File);
    let checked = engine.check(&connector.name, &connector.config, has_brokers);
    Ok(show(&Report::new(runtime.block_on(checked), Vec::new()), args.json))
}

/// Pipelines and connectors come in files of their own.
fn refuse_other_kinds(file: &Path) -> anyhow::Result<()> {
    // An address may hold a password: it is not shown.
    if file.to_str().is_some_and(|name| name.contains("://")) {
        bail!("an address is no script; tailwater slots takes addresses, check a file");
    }
    let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let kind = match extension.to_ascii_lowercase().as_str() {
        "yaml" | "yml" => "a pipeline in YAML",
        _ => return Ok(()),
    };
    bail!(
        "\"{}\" is {kind}: this is not yet built; check takes SQL scripts and connectors in JSON",
        file.display()
    );
}
