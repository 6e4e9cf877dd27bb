//! Which servers the command line means.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use clap::CommandFactory;
use tailwater_pipeline::{Environment, Session, SlotServer};
use tailwater_sql::{Finding, SourceText};
use tailwater_types::Severity;

use super::passwords;
use crate::args::{Args, ServerArgs};
use crate::json_output::JsonOutput;
use crate::output::Output;
use crate::script::number;
use crate::sql::read;
use crate::tableau::MAX_WIDTH;
use crate::text_output::TextOutput;

/// What came of looking.
pub(super) enum Servers {
    There(Vec<SlotServer>),
    /// The scripts are wrong, which has been told.
    Refused,
}

/// libpq's variables and what they stand for.
const VARIABLES: [(&str, &str); 11] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGDATABASE", "dbname"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGCHANNELBINDING", "channel_binding"),
];

/// Finds the servers. Never shows an address: it may hold a password.
pub(super) fn servers(args: &ServerArgs, is_json: bool) -> anyhow::Result<Servers> {
    if !args.files.is_empty() {
        return of_scripts(args, is_json);
    }
    let defaults = defaults();
    let is_set = |key: &str| defaults.contains_key(key);
    if args.url.is_none() && !is_set("host") && !is_set("hostaddr") && !is_set("dbname") {
        let hint = "give --url postgres://user@host:5432/database, --file SCRIPT, or set PGHOST";
        usage("no server is named", hint);
    }
    let text = args.url.as_deref().unwrap_or_default();
    let mut server = match SlotServer::parse(text, &defaults) {
        Ok(server) => server,
        Err(error) => usage(&error.message, &error.hint),
    };
    if let Some(file) = &args.password_file {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the password file \"{}\"", file.display()))?;
        server = server.with_password(text.lines().next().unwrap_or_default().to_owned());
    } else if !server.has_password()
        && let Some(password) = passwords::find(&server)
    {
        server = server.with_password(password);
    }
    Ok(Servers::There(vec![server]))
}

/// Says what is wrong with the arguments, as the argument parser does, and ends.
pub(super) fn usage(message: &str, hint: &str) -> ! {
    let message = format!("{message}; {hint}");
    Args::command().error(clap::error::ErrorKind::ValueValidation, message).exit()
}

fn defaults() -> BTreeMap<String, String> {
    let value = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut defaults = BTreeMap::new();
    if let Some(user) = value("USER").or_else(|| value("LOGNAME")) {
        defaults.insert("user".to_owned(), user);
    }
    for (variable, key) in VARIABLES {
        if let Some(value) = value(variable) {
            defaults.insert(key.to_owned(), value);
        }
    }
    defaults
}

fn of_scripts(args: &ServerArgs, is_json: bool) -> anyhow::Result<Servers> {
    let mut output: Box<dyn Output> =
        if is_json { Box::new(JsonOutput) } else { Box::new(TextOutput::new(false, MAX_WIDTH)) };
    let mut servers = Vec::<SlotServer>::new();
    let mut before = empty_session();
    for file in &args.files {
        let text = read(file)?;
        // A script may go on where the one before has ended, or stand for itself.
        let declared = match declare(before.clone(), &text) {
            Ok(session) => Ok(session),
            Err(findings) => declare(empty_session(), &text).map_err(|_| findings),
        };
        let told = declared.and_then(|session| {
            before = session;
            before.slot_servers()
        });
        match told {
            Ok(found) => {
                let is_new = |s: &SlotServer| servers.iter().all(|o| o.endpoint() != s.endpoint());
                let new: Vec<SlotServer> = found.into_iter().filter(is_new).collect();
                servers.extend(new);
            }
            Err(findings) => {
                findings.iter().for_each(|finding| output.finding(0, finding));
                return Ok(Servers::Refused);
            }
        }
    }
    if servers.is_empty() {
        anyhow::bail!("no postgres-cdc table is declared in the script");
    }
    Ok(Servers::There(servers))
}

fn empty_session() -> Session {
    let state_directory = std::env::temp_dir();
    Session::new(Environment { state_directory, begins_anew: false })
}

/// Takes the declarations of a script.
fn declare(mut session: Session, text: &Arc<SourceText>) -> Result<Session, Vec<Finding>> {
    let mut errors = Vec::new();
    for statement in number(text, 1) {
        let mut findings = statement.findings.clone();
        if let Some(parsed) = &statement.statement {
            findings.extend(session.prepare(parsed, &statement.source).findings);
        }
        errors.extend(findings.into_iter().filter(|f| f.diagnostic.severity == Severity::Error));
    }
    if errors.is_empty() { Ok(session) } else { Err(errors) }
}
