//! From a function's name and typed arguments to a typed call.

use jiff::tz::TimeZone;

use crate::expr::Expr;

/// What the session says that changes the meaning of functions.
#[derive(Clone, Debug)]
pub struct ResolveContext {
    /// `table.local-time-zone`.
    pub time_zone: TimeZone,
    /// `tailwater.flink-strict`: refuse what Flink refuses.
    pub is_strict: bool,
}

/// Why a call cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveError {
    /// What is wrong, a lowercase fragment; Flink's words where people search for them.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl ResolveError {
    /// An error without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A function family's answer: `None` if the name is not of the family.
pub type Resolved = Option<Result<Expr, ResolveError>>;
