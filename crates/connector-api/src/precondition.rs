//! What must hold before a table can be read or written, and what is worth knowing of it.
//!
//! A connector's checks write into [`Preconditions`]. `connect` takes the first failure of them as
//! its error, `check` shows all.

use std::fmt;

use crate::error::ConnectorError;
use crate::hint::Dialect;

/// How a precondition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It holds.
    Ok,
    /// Nothing to do, but worth knowing.
    Note,
    /// The job starts, and may come to harm.
    Warn,
    /// The job does not start, or gives wrong rows.
    Fail,
}

impl Verdict {
    /// `ok`, `note`, `warn`, `fail`
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a precondition is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// The server or the session, whatever the table: shown once for all tables on it.
    Server,
    /// Who we are on the server: shown once as well.
    Role(String),
    /// A table of the database, as `schema.table`.
    Table(String),
    /// A replication slot.
    Slot(String),
    /// A publication.
    Publication(String),
    /// A topic of Kafka, or several as they are named.
    Topic(String),
    /// A file or directory.
    File(String),
    /// What a connector without a server writes to or reads from.
    Connector(String),
}

impl Object {
    /// What kind of thing it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Role(_) => "role",
            Self::Table(_) => "table",
            Self::Slot(_) => "slot",
            Self::Publication(_) => "publication",
            Self::Topic(_) => "topic",
            Self::File(_) => "file",
            Self::Connector(_) => "connector",
        }
    }

    /// Its name; `server` is that of the server.
    pub fn name<'a>(&'a self, server: &'a str) -> &'a str {
        match self {
            Self::Server => server,
            Self::Role(name)
            | Self::Table(name)
            | Self::Slot(name)
            | Self::Publication(name)
            | Self::Topic(name)
            | Self::File(name)
            | Self::Connector(name) => name,
        }
    }

    /// Whether it is the same for every table on the server.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Server | Self::Role(_))
    }
}

/// What a job will take of something that a server has only so much of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it is, in the plural: `replication slots`.
    pub resource: &'static str,
    /// Which one is taken: several claims of one name are one.
    pub name: String,
    /// How many there are left.
    pub free: usize,
    /// How to get more.
    pub mend: &'static str,
}

/// One precondition, checked.
#[derive(Debug)]
pub struct Precondition {
    /// Which one: a stable word such as `wal-level`.
    pub code: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What it is about.
    pub object: Object,
    /// The server it was asked of, `host:port`; empty where there is none.
    pub server: String,
    /// A lowercase fragment without secrets and row values.
    pub message: String,
    /// What mends it: the exact SQL or setting.
    pub mend: Option<String>,
    /// What is taken, of which all tables of a script together must not want too much.
    pub claim: Option<Claim>,
    /// The error it is to `connect`.
    error: Option<ConnectorError>,
}

/// Everything that was found, in the order of the checks.
#[derive(Debug, Default)]
pub struct Preconditions {
    server: String,
    all: Vec<Precondition>,
}

impl Preconditions {
    /// For checks of a server, `host:port`.
    pub fn on(server: impl Into<String>) -> Self {
        Self { server: server.into(), all: Vec::new() }
    }

    /// Something holds.
    pub fn ok(&mut self, code: &'static str, object: Object, message: impl Into<String>) {
        self.push(code, Verdict::Ok, object, message.into(), None);
    }

    /// What has just been told to hold is taken.
    pub fn claim(&mut self, claim: Claim) {
        if let Some(last) = self.all.last_mut() {
            last.claim = Some(claim);
        }
    }

    /// Something is worth knowing.
    pub fn note(&mut self, code: &'static str, object: Object, message: impl Into<String>) {
        self.push(code, Verdict::Note, object, message.into(), None);
    }

    /// The same, with what could be done.
    pub fn advise(
        &mut self,
        code: &'static str,
        object: Object,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.push(code, Verdict::Note, object, message.into(), Some(mend.into()));
    }

    /// Something may come to harm.
    pub fn warn(
        &mut self,
        code: &'static str,
        object: Object,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.push(code, Verdict::Warn, object, message.into(), Some(mend.into()));
    }

    /// Something does not hold; the error's hint is what mends it.
    pub fn fail(&mut self, code: &'static str, object: Object, error: ConnectorError) {
        let mend = error.hint().map(str::to_owned);
        self.push(code, Verdict::Fail, object, chain(&error), mend);
        if let Some(last) = self.all.last_mut() {
            last.error = Some(error);
        }
    }

    /// What a step gives, its failure kept here.
    pub fn take<T>(
        &mut self,
        code: &'static str,
        object: Object,
        result: Result<T, ConnectorError>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.fail(code, object, error);
                None
            }
        }
    }

    /// Whether something does not hold.
    pub fn has_failed(&self) -> bool {
        self.all.iter().any(|p| p.verdict == Verdict::Fail)
    }

    /// Whether one of these codes does not hold.
    pub fn fails(&self, is_one: impl Fn(&str) -> bool) -> bool {
        self.all.iter().any(|p| p.verdict == Verdict::Fail && is_one(p.code))
    }

    /// For `connect`: the first failure is its error.
    ///
    /// # Errors
    /// That failure.
    pub fn into_result(self) -> Result<(), ConnectorError> {
        match self.all.into_iter().find_map(|p| p.error) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// For `check`: all of them.
    pub fn into_vec(self) -> Vec<Precondition> {
        self.all
    }

    fn push(
        &mut self,
        code: &'static str,
        verdict: Verdict,
        object: Object,
        message: String,
        mend: Option<String>,
    ) {
        let server = self.server.clone();
        let (claim, error) = (None, None);
        let new = Precondition { code, verdict, object, server, message, mend, claim, error };
        self.all.push(new);
    }
}

impl Precondition {
    /// The same for readers of another dialect than SQL.
    #[must_use]
    pub fn told_in(mut self, dialect: Dialect) -> Self {
        if let Some(error) = &self.error {
            self.mend = error.hint_in(dialect).map(str::to_owned);
        }
        self
    }
}

impl fmt::Display for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.verdict.word(), self.code, self.message)?;
        match &self.mend {
            Some(mend) => write!(f, " ({mend})"),
            None => Ok(()),
        }
    }
}

/// What there is to say of a connector that has no checks of its own.
pub(crate) fn connects(name: String, connected: Result<(), ConnectorError>) -> Vec<Precondition> {
    let mut found = Preconditions::default();
    let object = Object::Connector(name);
    if found.take("connection", object.clone(), connected).is_some() {
        found.ok("connection", object, "there is nothing that could be missing");
    }
    found.into_vec()
}

/// An error with the errors beneath it, each said once.
fn chain(error: &dyn std::error::Error) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_first_failure_is_the_error_and_all_are_kept() {
        let mut found = Preconditions::on("db:5432");
        found.ok("version", Object::Server, "15");
        found.warn("tls", Object::Server, "none", "set sslmode");
        assert!(!found.has_failed());
        let error = |text: &str| ConnectorError::new(ErrorKind::Config, text).with_hint("do it");
        let none = found.take::<u8>("first", Object::Server, Err(error("first")));
        assert_eq!(none, None);
        found.fail("second", Object::Table("public.t".to_owned()), error("second"));
        assert!(found.has_failed());
        let lines: Vec<String> = found.all.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "ok version: 15",
                "warn tls: none (set sslmode)",
                "fail first: first (do it)",
                "fail second: second (do it)"
            ]
        );
        assert_eq!(found.into_result().unwrap_err().to_string(), "first");
        assert!(Preconditions::default().into_result().is_ok());
    }
}
