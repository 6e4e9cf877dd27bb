//! The one error type of connectors.

use std::fmt;

use crate::hint::{Dialect, Hint};

/// What went wrong, as far as the runtime has to know; it alone decides what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The options or the database's settings do not fit.
    Config,
    /// Refused for who we are: password, certificate, no way in.
    Auth,
    /// The role lacks a privilege.
    Denied,
    /// No connection, or a lost one.
    Connect,
    /// No answer in time.
    Timeout,
    /// Asked to slow down.
    Throttled,
    /// Table and declaration disagree.
    SchemaMismatch,
    /// A value that cannot be taken.
    BadData,
    /// What lies behind the place to go on from is not there any more: only reading everything
    /// again helps.
    PlaceLost,
    /// Somebody else holds what we need: a slot, a lock.
    Conflict,
    /// Not built.
    Unsupported,
    /// A fault of ours.
    Internal,
}

/// Why a connector could not do what it was asked. `Display` prints the message alone: no hint,
/// no source, no secret, no row value.
#[derive(Debug)]
pub struct ConnectorError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<Hint>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ConnectorError {
    /// An error; `message` is a lowercase fragment that names the object in double quotes.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            context: Vec::new(),
            source: None,
        }))
    }

    /// The same with how to mend it: the exact SQL or setting.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Hint>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same with a fact that helps to find the place: table, slot, file.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.context.push((key, value.into()));
        self
    }

    /// The same with the error beneath it.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same once more, for another who has to know; what lies beneath becomes text.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let inner = &self.0;
        let source = inner.source.as_ref().map(|source| source.to_string().into());
        Self(Box::new(Inner {
            kind: inner.kind,
            message: inner.message.clone(),
            hint: inner.hint.clone(),
            context: inner.context.clone(),
            source,
        }))
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// How to mend it, where that is known, for users of SQL.
    pub fn hint(&self) -> Option<&str> {
        self.hint_in(Dialect::Sql)
    }

    /// The same for others.
    pub fn hint_in(&self, dialect: Dialect) -> Option<&str> {
        self.0.hint.as_ref().map(|hint| hint.text(dialect))
    }

    /// Facts that help to find the place.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (i, (key, value)) in self.0.context.iter().enumerate() {
            write!(f, "{}{key} \"{value}\"", if i == 0 { " (" } else { ", " })?;
        }
        if self.0.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl std::error::Error for ConnectorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}
