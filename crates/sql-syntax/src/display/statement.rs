//! Statements.

use std::fmt::{self, Display, Formatter};

use super::{Clause, Commas, ListClause, flag};
use crate::ast::{
    Assignment, ConflictAction, DeleteFrom, Describe, DescribeKind, Explain, ExplainDetail, Insert,
    PartitionItem, PlanStatement, Show, ShowKind, ShowLike, ShowLikeKind, Statement, StatementKind,
    StatementSet, StopJob, Update, UpdateAssignment,
};

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Display for StatementKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(query) => query.fmt(f),
            Self::Insert(insert) => insert.fmt(f),
            Self::StatementSet(set) => write!(f, "EXECUTE {set}"),
            Self::CreateTable(table) => table.fmt(f),
            Self::CreateView(view) => view.fmt(f),
            Self::CreateFunction(function) => function.fmt(f),
            Self::CreateCatalog(catalog) => catalog.fmt(f),
            Self::CreateDatabase(database) => database.fmt(f),
            Self::AlterTable(alter) => alter.fmt(f),
            Self::AlterView(alter) => alter.fmt(f),
            Self::AlterDatabase(alter) => alter.fmt(f),
            Self::Drop(drop) => drop.fmt(f),
            Self::Explain(explain) => explain.fmt(f),
            Self::Describe(describe) => describe.fmt(f),
            Self::Show(show) => show.fmt(f),
            Self::UseCatalog(name) => write!(f, "USE CATALOG {name}"),
            Self::UseDatabase(name) => write!(f, "USE {name}"),
            Self::UseModules(names) => write!(f, "USE MODULES {}", Commas(names)),
            Self::LoadModule(module) => {
                let options = ListClause(" WITH (", &module.options, ")");
                write!(f, "LOAD MODULE {}{options}", module.name)
            }
            Self::UnloadModule(name) => write!(f, "UNLOAD MODULE {name}"),
            Self::Set(assignment) => write!(f, "SET{}", Clause(" ", assignment)),
            Self::Reset(key) => write!(f, "RESET{}", Clause(" ", key)),
            Self::AddJar(path) => write!(f, "ADD JAR {path}"),
            Self::RemoveJar(path) => write!(f, "REMOVE JAR {path}"),
            Self::StopJob(stop) => stop.fmt(f),
            Self::Plan(plan) => plan.fmt(f),
            Self::Call(call) => write!(f, "CALL {call}"),
            Self::Truncate(name) => write!(f, "TRUNCATE TABLE {name}"),
            Self::Delete(delete) => delete.fmt(f),
            Self::Update(update) => update.fmt(f),
            Self::Quit => f.write_str("QUIT"),
            Self::Help => f.write_str("HELP"),
            Self::Clear => f.write_str("CLEAR"),
            Self::Other { text, .. } => f.write_str(text),
        }
    }
}

impl Display for Insert {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = if self.overwrite { "OVERWRITE" } else { "INTO" };
        write!(f, "INSERT {word} {}{}", self.table, ListClause(" /*+ ", &self.hints, " */"))?;
        ListClause(" PARTITION (", &self.partition, ")").fmt(f)?;
        write!(f, "{} {}", ListClause(" (", &self.columns, ")"), self.query)?;
        f.write_str(match self.on_conflict {
            Some(ConflictAction::Nothing) => " ON CONFLICT DO NOTHING",
            Some(ConflictAction::Error) => " ON CONFLICT DO ERROR",
            Some(ConflictAction::Deduplicate) => " ON CONFLICT DO DEDUPLICATE",
            None => "",
        })
    }
}

impl Display for PartitionItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, Clause(" = ", &self.value))
    }
}

/// Without the `EXECUTE` before it.
impl Display for StatementSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("STATEMENT SET BEGIN\n")?;
        for insert in &self.statements {
            writeln!(f, "{insert};")?;
        }
        f.write_str("END")
    }
}

/// A statement behind EXPLAIN and COMPILE PLAN, where a set goes without EXECUTE.
struct Inner<'a>(&'a Statement);

impl Display for Inner<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            StatementKind::StatementSet(set) => set.fmt(f),
            kind => kind.fmt(f),
        }
    }
}

impl Display for Explain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "EXPLAIN {}{}", ListClause("", &self.details, " "), Inner(&self.statement))
    }
}

impl Display for ExplainDetail {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EstimatedCost => "ESTIMATED_COST",
            Self::ChangelogMode => "CHANGELOG_MODE",
            Self::JsonExecutionPlan => "JSON_EXECUTION_PLAN",
            Self::PlanAdvice => "PLAN_ADVICE",
        })
    }
}

impl Display for Describe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (word, name) = match &self.kind {
            DescribeKind::Table(name) => ("", name),
            DescribeKind::Catalog(name) => ("CATALOG ", name),
            DescribeKind::Database(name) => ("DATABASE ", name),
            DescribeKind::Function(name) => ("FUNCTION ", name),
            DescribeKind::Job(id) => return write!(f, "DESCRIBE JOB {id}"),
        };
        write!(f, "DESCRIBE {word}{}{name}", flag(self.extended, "EXTENDED "))
    }
}

impl Display for Show {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SHOW {}", self.kind)?;
        if let Some(scope) = &self.scope {
            write!(f, " {} {}", if scope.is_in { "IN" } else { "FROM" }, scope.name)?;
        }
        Clause(" ", &self.like).fmt(f)
    }
}

impl Display for ShowKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tables => "TABLES",
            Self::Views => "VIEWS",
            Self::Databases => "DATABASES",
            Self::Catalogs => "CATALOGS",
            Self::Functions { user: true } => "USER FUNCTIONS",
            Self::Functions { user: false } => "FUNCTIONS",
            Self::Procedures => "PROCEDURES",
            Self::Columns => "COLUMNS",
            Self::Modules { full: true } => "FULL MODULES",
            Self::Modules { full: false } => "MODULES",
            Self::Jars => "JARS",
            Self::Jobs => "JOBS",
            Self::CurrentCatalog => "CURRENT CATALOG",
            Self::CurrentDatabase => "CURRENT DATABASE",
            Self::CreateTable(name) => return write!(f, "CREATE TABLE {name}"),
            Self::CreateView(name) => return write!(f, "CREATE VIEW {name}"),
            Self::CreateCatalog(name) => return write!(f, "CREATE CATALOG {name}"),
            Self::Partitions { table, partition } => {
                let partition = ListClause(" PARTITION (", partition, ")");
                return write!(f, "PARTITIONS {table}{partition}");
            }
        })
    }
}

impl Display for ShowLike {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = if self.kind == ShowLikeKind::Like { "LIKE" } else { "ILIKE" };
        write!(f, "{}{word} {}", flag(self.negated, "NOT "), self.pattern)
    }
}

impl Display for Assignment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.quoted {
            write!(f, "{} = {}", self.key, self.value)
        } else {
            write!(f, "{} = {}", self.key.value, self.value)
        }
    }
}

impl Display for StopJob {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let savepoint = flag(self.with_savepoint, " WITH SAVEPOINT");
        write!(f, "STOP JOB {}{savepoint}{}", self.id, flag(self.with_drain, " WITH DRAIN"))
    }
}

impl Display for PlanStatement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Execute(path) => write!(f, "EXECUTE PLAN {path}"),
            Self::Compile { execute, path, if_not_exists, statement } => {
                let execute = flag(*execute, "AND EXECUTE ");
                let exists = flag(*if_not_exists, " IF NOT EXISTS");
                write!(f, "COMPILE {execute}PLAN {path}{exists} FOR {}", Inner(statement))
            }
        }
    }
}

impl Display for DeleteFrom {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let alias = Clause(" AS ", &self.alias);
        write!(f, "DELETE FROM {}{alias}{}", self.table, Clause(" WHERE ", &self.filter))
    }
}

impl Display for Update {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (alias, assignments) = (Clause(" AS ", &self.alias), Commas(&self.assignments));
        let filter = Clause(" WHERE ", &self.filter);
        write!(f, "UPDATE {}{alias} SET {assignments}{filter}", self.table)
    }
}

impl Display for UpdateAssignment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.column, self.value)
    }
}
