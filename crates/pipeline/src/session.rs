//! A session: catalog, settings, and what a statement does to them.

use std::path::PathBuf;
use std::sync::Arc;

use tailwater_sql::{Binder, BoundQuery, Catalog, Finding, InsertPlan, SourceText};
use tailwater_sql_syntax::ast::{Assignment, Statement, StatementKind};
use tailwater_types::{DataType, Diagnostic, Severity, Span};

use crate::registry::Registry;
use crate::settings::Settings;

/// What a session is given from outside.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where checkpoints lie if no directory is set.
    pub state_directory: PathBuf,
    /// Drop checkpoints and begin anew.
    pub begins_anew: bool,
}

/// Tables, views and settings of one user.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) catalog: Catalog,
    pub(crate) settings: Settings,
    pub(crate) environment: Environment,
    /// Warnings that were given.
    told: Vec<Finding>,
}

/// What remains to be done once a statement is understood.
pub enum Action {
    /// Nothing: it is done.
    Done,
    /// Show this.
    Show(Table),
    /// Run the query and show its rows.
    Query(Box<BoundQuery>),
    /// Run these as one job.
    Insert(Vec<InsertPlan>),
    /// End the session.
    Quit,
    /// Clear the screen.
    Clear,
}

/// A small result: SHOW, DESCRIBE, EXPLAIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names and types of the columns.
    pub columns: Vec<(String, DataType)>,
    /// The rows; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What came of understanding a statement: findings beside the action are warnings.
pub struct Prepared {
    /// What to do, if nothing is wrong.
    pub action: Option<Action>,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Session {
    /// A new session.
    pub fn new(environment: Environment) -> Self {
        Self {
            catalog: Catalog::default(),
            settings: Settings::default(),
            environment,
            told: Vec::new(),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The tables and views.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Understands a statement: declarations and settings take effect, queries are bound and
    /// given back. Nothing runs and nothing is connected to.
    pub fn prepare(&mut self, statement: &Statement, source: &Arc<SourceText>) -> Prepared {
        let span = statement.span;
        let mut findings = Vec::new();
        let done = match &statement.kind {
            StatementKind::Query(query) => {
                self.bound(source, &mut findings, |b| b.bind_query_statement(query)).and_then(|q| {
                    let is_ordered = !q.order.is_empty() || q.limit.is_some() || q.offset > 0;
                    if is_ordered && !self.settings.is_batch() {
                        return Err(unsupported(span, "ORDER BY and LIMIT in streaming mode"));
                    }
                    Ok(Action::Query(Box::new(q)))
                })
            }
            StatementKind::Insert(insert) => self
                .bound(source, &mut findings, |b| b.bind_insert(insert))
                .map(|plan| Action::Insert(vec![plan])),
            StatementKind::StatementSet(set) => {
                let bound: Vec<_> = set
                    .statements
                    .iter()
                    .map(|i| self.bound(source, &mut findings, |b| b.bind_insert(i)))
                    .collect();
                bound.into_iter().collect::<Result<_, _>>().map(Action::Insert)
            }
            StatementKind::Set(None) => Ok(Action::Show(self.show_settings())),
            StatementKind::Set(Some(assignment)) => {
                self.set(assignment, span, source, &mut findings)
            }
            StatementKind::Reset(key) => {
                self.settings.reset(key.as_ref().map(|k| k.value.as_str()));
                Ok(Action::Done)
            }
            StatementKind::Quit => Ok(Action::Quit),
            StatementKind::Clear => Ok(Action::Clear),
            _ => self.declare_or_show(statement, source, &mut findings),
        };
        let action = match done {
            Ok(action) => Some(action),
            Err(Refusal::Reported) => None,
            Err(Refusal::Here(diagnostic)) => {
                findings.push(Finding { source: Arc::clone(source), diagnostic: *diagnostic });
                None
            }
        };
        self.forget_told(&mut findings, span, source);
        let has_error = findings.iter().any(|f| f.diagnostic.severity == Severity::Error);
        Prepared { action: action.filter(|_| !has_error), findings }
    }

    /// Leaves out warnings of what was declared before, if they were given then.
    fn forget_told(&mut self, findings: &mut Vec<Finding>, own: Span, source: &Arc<SourceText>) {
        let is_own = |f: &Finding| {
            f.source == *source && (own.start..own.end).contains(&f.diagnostic.span.start)
        };
        findings.retain(|f| {
            f.diagnostic.severity == Severity::Error || is_own(f) || !self.told.contains(f)
        });
        let warnings = findings.iter().filter(|f| f.diagnostic.severity != Severity::Error);
        self.told.extend(warnings.cloned());
    }

    /// The connectors, by the session's settings.
    pub(crate) fn registry(&self) -> Registry {
        Registry::new(self.settings.resolve_context().is_strict)
    }

    /// Runs a binder and takes over what it finds.
    pub(crate) fn bound<T>(
        &self,
        source: &Arc<SourceText>,
        findings: &mut Vec<Finding>,
        bind: impl FnOnce(&mut Binder<'_>) -> tailwater_sql::Bound<T>,
    ) -> Result<T, Refusal> {
        let context = self.settings.resolve_context();
        let registry = self.registry();
        let mut binder = Binder::new(&self.catalog, &registry, &context, Arc::clone(source));
        let bound = bind(&mut binder);
        findings.extend(binder.into_findings());
        bound.map_err(|_| Refusal::Reported)
    }

    fn set(
        &mut self,
        assignment: &Assignment,
        span: Span,
        source: &Arc<SourceText>,
        findings: &mut Vec<Finding>,
    ) -> Result<Action, Refusal> {
        match self.settings.set(&assignment.key.value, &assignment.value.value) {
            Ok(None) => {}
            Ok(Some(remark)) => {
                let diagnostic = Diagnostic::warning("W0160", assignment.key.span, remark);
                findings.push(Finding { source: Arc::clone(source), diagnostic });
            }
            Err(message) => {
                let place = assignment.value.span;
                let place = if place == Span::default() { span } else { place };
                return Err(Refusal::here(Diagnostic::error("E0161", place, message)));
            }
        }
        Ok(Action::Done)
    }
}

/// Why a statement is refused.
pub(crate) enum Refusal {
    /// It is among the findings.
    Reported,
    /// This.
    Here(Box<Diagnostic>),
}

impl Refusal {
    pub(crate) fn here(diagnostic: Diagnostic) -> Self {
        Self::Here(Box::new(diagnostic))
    }
}

pub(crate) fn unsupported(span: Span, what: &str) -> Refusal {
    Refusal::here(Diagnostic::error("E0190", span, format!("{what} is not supported yet")))
}
