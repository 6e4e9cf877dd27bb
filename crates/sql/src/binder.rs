//! From syntax to plans: names, types, and everything that is wrong at once.

mod aggregates;
mod expressions;
mod insert;
mod literals;
mod query;
mod scope;
mod set_operations;
mod table_refs;
mod tables;
mod types;
mod where_clause;

use std::sync::Arc;

use tailwater_expr::{ResolveContext, ResolveError};
use tailwater_types::{ChangelogMode, Diagnostic, Span};

use crate::catalog::{Catalog, CatalogTable, Connectors, DeclarationIssue, Declared};
use crate::plan::Plan;
use crate::source_text::{Finding, SourceText};

pub use query::{BoundQuery, SortKey};
pub use types::data_type;

/// The marker of an error that is among the binder's findings already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported;

/// A result whose error has been reported.
pub type Bound<T> = Result<T, Reported>;

/// Views within views deeper than this are refused.
const MAX_VIEW_DEPTH: usize = 64;

/// Binds statements of one text against a catalog.
pub struct Binder<'a> {
    catalog: &'a Catalog,
    connectors: &'a dyn Connectors,
    context: &'a ResolveContext,
    source: Arc<SourceText>,
    findings: Vec<Finding>,
    ctes: Vec<(String, Plan)>,
    view_depth: usize,
    /// How unqualified table names are completed while a view is bound.
    scope: Option<(String, String)>,
}

impl<'a> Binder<'a> {
    /// A binder for statements of `source`.
    pub fn new(
        catalog: &'a Catalog,
        connectors: &'a dyn Connectors,
        context: &'a ResolveContext,
        source: Arc<SourceText>,
    ) -> Self {
        Self {
            catalog,
            connectors,
            context,
            source,
            findings: Vec::new(),
            ctes: Vec::new(),
            view_depth: 0,
            scope: None,
        }
    }

    /// Everything found so far.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    fn find(&mut self, diagnostic: Diagnostic) {
        let finding = Finding { source: Arc::clone(&self.source), diagnostic };
        // A view that is used twice has each of its faults once.
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn error<T>(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Bound<T> {
        let diagnostic = Diagnostic { hint, ..Diagnostic::error(code, span, message) };
        self.find(diagnostic);
        Err(Reported)
    }

    fn unsupported<T>(&mut self, span: Span, what: &str) -> Bound<T> {
        self.error("E0190", span, format!("{what} is not supported yet"), None)
    }

    /// Points what a function or cast refuses at its place.
    fn resolved<T>(&mut self, span: Span, result: Result<T, ResolveError>) -> Bound<T> {
        result.or_else(|e| self.error("E0110", span, e.message, e.hint))
    }

    /// Points what a connector says of a declaration at the declaration.
    fn declared(
        &mut self,
        table: &CatalogTable,
        result: Result<Declared, Vec<DeclarationIssue>>,
    ) -> Bound<ChangelogMode> {
        let (issues, mode) = match result {
            Ok(declared) => (declared.notes, Ok(declared.mode)),
            Err(issues) => (issues, Err(Reported)),
        };
        for issue in issues {
            let diagnostic = if issue.is_warning {
                Diagnostic::warning(issue.code.unwrap_or("W0150"), issue.span, issue.message)
            } else {
                Diagnostic::error(issue.code.unwrap_or("E0150"), issue.span, issue.message)
            };
            let diagnostic = Diagnostic { hint: issue.hint, ..diagnostic };
            let finding = Finding { source: Arc::clone(&table.origin.text), diagnostic };
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        mode
    }
}
