//! The tables that a script reads and writes, and how the preconditions of each stand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tailwater_connector_api::{
    Claim, ConnectorError, ErrorKind, Object, Precondition, Preconditions, SinkContext, SinkPlan,
    SourceContext, SourcePlan,
};
use tailwater_sql::{CatalogTable, DeclarationIssue, InsertPlan, Plan, PlanNode};

use crate::session::{Action, Session};

/// What a script does with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableRole {
    /// It is read.
    Source,
    /// It is written.
    Sink,
}

impl TableRole {
    /// `source` or `sink`
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
        }
    }
}

/// A table whose preconditions have been checked.
#[derive(Debug)]
pub struct CheckedTable {
    /// What is done with it.
    pub role: TableRole,
    /// Its full name.
    pub table: String,
    /// Its `'connector'`.
    pub connector: String,
    /// In the order of the checks.
    pub preconditions: Vec<Precondition>,
}

enum Access {
    Source(Box<dyn SourcePlan>),
    Sink(Box<dyn SinkPlan>),
    /// The declaration is wrong, which no statement has told.
    Refused(TableRole, Vec<DeclarationIssue>),
}

impl Access {
    fn role(&self) -> TableRole {
        match self {
            Self::Source(_) => TableRole::Source,
            Self::Sink(_) => TableRole::Sink,
            Self::Refused(role, _) => *role,
        }
    }
}

/// One use of a table.
struct Use {
    table: Arc<CatalogTable>,
    access: Access,
    job_name: String,
    time_zone: String,
}

/// What a script would do, gathered statement by statement without doing it.
#[derive(Default)]
pub struct Inspection {
    uses: Vec<Use>,
}

impl Inspection {
    /// Adds what a prepared statement reads and writes.
    pub fn add(&mut self, session: &Session, action: &Action) {
        match action {
            Action::Query(query) => self.add_plan(session, &query.plan, "collect"),
            Action::Insert(inserts) => {
                let job_name = session.job_name(inserts);
                for insert in inserts {
                    self.add_plan(session, &insert.plan, &job_name);
                    self.add_sink(session, insert, &job_name);
                }
            }
            Action::Done | Action::Show(_) | Action::Quit | Action::Clear => {}
        }
    }

    /// Of a script that only declares tables: all of them, as what their connectors can be.
    pub fn add_declared_if_unused(&mut self, session: &Session) {
        if !self.uses.is_empty() {
            return;
        }
        for table in session.catalog().tables() {
            let access = match session.registry().source(table) {
                Ok(source) => Access::Source(source),
                Err(issues) => match session.registry().sink(table) {
                    Ok(sink) => Access::Sink(sink),
                    Err(_) => Access::Refused(TableRole::Source, issues),
                },
            };
            self.add_use(session, table, access, "");
        }
    }

    /// Tables that are declared and neither read nor written.
    pub fn unused(&self, session: &Session) -> Vec<String> {
        let is_used = |table: &CatalogTable| self.uses.iter().any(|u| u.table.path == table.path);
        let unused = session.catalog().tables().filter(|table| !is_used(table));
        unused.map(|table| table.path.to_string()).collect()
    }

    fn add_plan(&mut self, session: &Session, plan: &Plan, job_name: &str) {
        if let PlanNode::Scan(table) = &plan.node {
            let access = match session.registry().source(table) {
                Ok(source) => Access::Source(source),
                Err(issues) => Access::Refused(TableRole::Source, issues),
            };
            self.add_use(session, table, access, job_name);
        }
        for input in plan.inputs() {
            self.add_plan(session, input, job_name);
        }
    }

    fn add_sink(&mut self, session: &Session, insert: &InsertPlan, job_name: &str) {
        let access = match session.registry().sink(&insert.table) {
            Ok(sink) => Access::Sink(sink),
            Err(issues) => Access::Refused(TableRole::Sink, issues),
        };
        self.add_use(session, &insert.table, access, job_name);
    }

    fn add_use(
        &mut self,
        session: &Session,
        table: &Arc<CatalogTable>,
        access: Access,
        job_name: &str,
    ) {
        let is_same = |u: &Use| {
            u.access.role() == access.role()
                && u.table.path == table.path
                && u.table.options == table.options
        };
        if !self.uses.iter().any(is_same) {
            self.uses.push(Use {
                table: Arc::clone(table),
                access,
                job_name: job_name.to_owned(),
                time_zone: session.settings().time_zone_name(),
            });
        }
    }

    /// Checks one table after the other, so that no server is asked for more connections than a
    /// job would. Changes nothing.
    pub async fn check(&self) -> Vec<CheckedTable> {
        let mut checked = Vec::with_capacity(self.uses.len());
        for one in &self.uses {
            checked.push(CheckedTable {
                role: one.access.role(),
                table: one.table.path.to_string(),
                connector: one.table.options.get("connector").cloned().unwrap_or_default(),
                preconditions: one.check().await,
            });
        }
        refuse_excess(&mut checked);
        checked
    }
}

/// Each table alone may get what all of them together do not: tells it with the last.
fn refuse_excess(checked: &mut [CheckedTable]) {
    let mut claims: BTreeMap<(String, &'static str), (Claim, BTreeSet<String>)> = BTreeMap::new();
    for precondition in checked.iter().flat_map(|table| &table.preconditions) {
        if let Some(claim) = &precondition.claim {
            let key = (precondition.server.clone(), precondition.code);
            let (_, names) = claims.entry(key).or_insert_with(|| (claim.clone(), BTreeSet::new()));
            names.insert(claim.name.clone());
        }
    }
    for ((server, code), (claim, names)) in claims {
        let (wanted, Claim { resource, free, mend, .. }) = (names.len(), claim);
        let is_there = |p: &Precondition| p.server == server && p.code == code;
        let table = checked.iter_mut().rfind(|table| table.preconditions.iter().any(is_there));
        if let Some(table) = table.filter(|_| wanted > free) {
            let message = format!(
                "the script needs {wanted} more {resource}, and the server has {free} left"
            );
            let error = ConnectorError::new(ErrorKind::Throttled, message).with_hint(mend);
            let mut found = Preconditions::on(server);
            found.fail(code, Object::Server, error);
            table.preconditions.extend(found.into_vec());
        }
    }
}

impl Use {
    async fn check(&self) -> Vec<Precondition> {
        let name = self.table.path.to_string();
        let (job_name, time_zone) = (self.job_name.clone(), self.time_zone.clone());
        match &self.access {
            Access::Source(source) => {
                let context =
                    SourceContext { job_name, time_zone, source_name: name, scratch: None };
                source.check(context).await
            }
            Access::Sink(sink) => {
                let context =
                    SinkContext { job_name, time_zone, sink_name: name, ..SinkContext::default() };
                sink.check(context).await
            }
            Access::Refused(_, issues) => {
                let mut found = Preconditions::default();
                for issue in issues.iter().filter(|issue| !issue.is_warning) {
                    let error = ConnectorError::new(ErrorKind::Config, issue.message.as_str());
                    let error = match &issue.hint {
                        Some(hint) => error.with_hint(hint.clone()),
                        None => error,
                    };
                    found.fail("declaration", Object::Connector(name.clone()), error);
                }
                found.into_vec()
            }
        }
    }
}
