//! Statements.

use tailwater_types::diagnostic::Span;

use super::{
    AlterDatabase, AlterTable, AlterView, CreateCatalog, CreateDatabase, CreateFunction,
    CreateTable, CreateView, Drop, Expr, FunctionCall, Hint, Ident, ObjectName, Query, SqlOption,
    StringLiteral,
};

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// Its bytes, without the semicolon that ends it.
    pub span: Span,
}

/// The forms of a [`Statement`].
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// A query.
    Query(Box<Query>),
    /// `[EXECUTE] INSERT ..`.
    Insert(Box<Insert>),
    /// `EXECUTE STATEMENT SET BEGIN .. END`, `BEGIN STATEMENT SET; .. END`.
    StatementSet(StatementSet),
    /// `CREATE TABLE`.
    CreateTable(Box<CreateTable>),
    /// `CREATE VIEW`.
    CreateView(CreateView),
    /// `CREATE FUNCTION`.
    CreateFunction(CreateFunction),
    /// `CREATE CATALOG`.
    CreateCatalog(CreateCatalog),
    /// `CREATE DATABASE`.
    CreateDatabase(CreateDatabase),
    /// `ALTER TABLE`.
    AlterTable(Box<AlterTable>),
    /// `ALTER VIEW`.
    AlterView(AlterView),
    /// `ALTER DATABASE`.
    AlterDatabase(AlterDatabase),
    /// `DROP ..`.
    Drop(Drop),
    /// `EXPLAIN ..`.
    Explain(Explain),
    /// `DESCRIBE ..`.
    Describe(Describe),
    /// `SHOW ..`.
    Show(Show),
    /// `USE CATALOG c`.
    UseCatalog(Ident),
    /// `USE [catalog.]database`.
    UseDatabase(ObjectName),
    /// `USE MODULES a, b`.
    UseModules(Vec<Ident>),
    /// `LOAD MODULE m [WITH (..)]`.
    LoadModule(ModuleUse),
    /// `UNLOAD MODULE m`.
    UnloadModule(Ident),
    /// `SET 'k' = 'v'`, or `SET` alone.
    Set(Option<Assignment>),
    /// `RESET 'k'`, or `RESET` alone.
    Reset(Option<StringLiteral>),
    /// `ADD JAR 'path'`.
    AddJar(StringLiteral),
    /// `REMOVE JAR 'path'`.
    RemoveJar(StringLiteral),
    /// `STOP JOB 'id'`.
    StopJob(StopJob),
    /// `COMPILE PLAN`, `EXECUTE PLAN`, `COMPILE AND EXECUTE PLAN`.
    Plan(PlanStatement),
    /// `CALL procedure(..)`.
    Call(Box<FunctionCall>),
    /// `TRUNCATE TABLE t`.
    Truncate(ObjectName),
    /// `DELETE FROM t`.
    Delete(DeleteFrom),
    /// `UPDATE t SET ..`.
    Update(Update),
    /// `QUIT`, `EXIT`: of the client.
    Quit,
    /// `HELP`: of the client.
    Help,
    /// `CLEAR`: of the client.
    Clear,
    /// A statement of the dialect that is only known by its first words.
    Other {
        /// The first words, in upper case: `ANALYZE TABLE`, `ALTER CATALOG`.
        verb: String,
        /// Its text.
        text: String,
    },
}

/// `INSERT {INTO|OVERWRITE} t ..`.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// `OVERWRITE`.
    pub overwrite: bool,
    /// The table.
    pub table: ObjectName,
    /// `/*+ OPTIONS(..) */`.
    pub hints: Vec<Hint>,
    /// `PARTITION (k = 'v')`.
    pub partition: Vec<PartitionItem>,
    /// The columns, where given.
    pub columns: Vec<ObjectName>,
    /// The rows.
    pub query: Box<Query>,
    /// `ON CONFLICT DO ..` of Flink 2.3.
    pub on_conflict: Option<ConflictAction>,
    /// Its bytes.
    pub span: Span,
}

/// `k = 'v'` or `k` of a PARTITION clause.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionItem {
    /// The column.
    pub name: Ident,
    /// The value, where given.
    pub value: Option<Expr>,
}

/// What an insert does about a key written twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictAction {
    /// `DO NOTHING`.
    Nothing,
    /// `DO ERROR`.
    Error,
    /// `DO DEDUPLICATE`.
    Deduplicate,
}

/// Inserts that run as one job.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementSet {
    /// The inserts; one that did not parse is missing here and reported.
    pub statements: Vec<Insert>,
    /// Its bytes.
    pub span: Span,
}

/// `EXPLAIN ..`.
#[derive(Clone, Debug, PartialEq)]
pub struct Explain {
    /// The details asked for.
    pub details: Vec<ExplainDetail>,
    /// The statement.
    pub statement: Box<Statement>,
}

/// What EXPLAIN adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplainDetail {
    /// `ESTIMATED_COST`.
    EstimatedCost,
    /// `CHANGELOG_MODE`.
    ChangelogMode,
    /// `JSON_EXECUTION_PLAN`.
    JsonExecutionPlan,
    /// `PLAN_ADVICE`.
    PlanAdvice,
}

/// `DESCRIBE ..`.
#[derive(Clone, Debug, PartialEq)]
pub struct Describe {
    /// `EXTENDED`.
    pub extended: bool,
    /// What.
    pub kind: DescribeKind,
}

/// What DESCRIBE describes.
#[derive(Clone, Debug, PartialEq)]
pub enum DescribeKind {
    /// A table or view.
    Table(ObjectName),
    /// `CATALOG c`.
    Catalog(ObjectName),
    /// `DATABASE d`.
    Database(ObjectName),
    /// `FUNCTION f`.
    Function(ObjectName),
    /// `JOB 'id'`.
    Job(StringLiteral),
}

/// `SHOW ..`.
#[derive(Clone, Debug, PartialEq)]
pub struct Show {
    /// What.
    pub kind: ShowKind,
    /// `FROM c.d`, `IN c.d`.
    pub scope: Option<ShowScope>,
    /// `[NOT] LIKE 'p'`.
    pub like: Option<ShowLike>,
}

/// What SHOW shows.
#[derive(Clone, Debug, PartialEq)]
pub enum ShowKind {
    /// `TABLES`.
    Tables,
    /// `VIEWS`.
    Views,
    /// `DATABASES`.
    Databases,
    /// `CATALOGS`.
    Catalogs,
    /// `[USER] FUNCTIONS`.
    Functions {
        /// `USER`.
        user: bool,
    },
    /// `PROCEDURES`.
    Procedures,
    /// `COLUMNS`, of the table in the scope.
    Columns,
    /// `[FULL] MODULES`.
    Modules {
        /// `FULL`.
        full: bool,
    },
    /// `JARS`.
    Jars,
    /// `JOBS`.
    Jobs,
    /// `CURRENT CATALOG`.
    CurrentCatalog,
    /// `CURRENT DATABASE`.
    CurrentDatabase,
    /// `CREATE TABLE t`.
    CreateTable(ObjectName),
    /// `CREATE VIEW v`.
    CreateView(ObjectName),
    /// `CREATE CATALOG c`.
    CreateCatalog(ObjectName),
    /// `PARTITIONS t [PARTITION (..)]`.
    Partitions {
        /// The table.
        table: ObjectName,
        /// The partition.
        partition: Vec<PartitionItem>,
    },
}

/// `FROM name` or `IN name`.
#[derive(Clone, Debug, PartialEq)]
pub struct ShowScope {
    /// `IN` was written.
    pub is_in: bool,
    /// The name.
    pub name: ObjectName,
}

/// `[NOT] {LIKE|ILIKE} 'pattern'`.
#[derive(Clone, Debug, PartialEq)]
pub struct ShowLike {
    /// `NOT`.
    pub negated: bool,
    /// Which of the two.
    pub kind: ShowLikeKind,
    /// The pattern.
    pub pattern: StringLiteral,
}

/// Whether case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShowLikeKind {
    /// `LIKE`.
    Like,
    /// `ILIKE`.
    ILike,
}

/// `LOAD MODULE`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleUse {
    /// The module.
    pub name: Ident,
    /// `WITH`.
    pub options: Vec<SqlOption>,
}

/// `'key' = 'value'`, or both without quotes as the client took it formerly.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The key.
    pub key: StringLiteral,
    /// The value.
    pub value: StringLiteral,
    /// Both stood in quotes.
    pub quoted: bool,
}

/// `STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN]`.
#[derive(Clone, Debug, PartialEq)]
pub struct StopJob {
    /// The job.
    pub id: StringLiteral,
    /// `WITH SAVEPOINT`.
    pub with_savepoint: bool,
    /// `WITH DRAIN`.
    pub with_drain: bool,
}

/// Plans as files.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanStatement {
    /// `COMPILE PLAN 'p' [IF NOT EXISTS] FOR stmt`, with `AND EXECUTE` or without.
    Compile {
        /// `AND EXECUTE`.
        execute: bool,
        /// The file.
        path: StringLiteral,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// The insert or statement set.
        statement: Box<Statement>,
    },
    /// `EXECUTE PLAN 'p'`.
    Execute(StringLiteral),
}

/// `DELETE FROM t [WHERE ..]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteFrom {
    /// The table.
    pub table: ObjectName,
    /// Its alias.
    pub alias: Option<Ident>,
    /// `WHERE`.
    pub filter: Option<Expr>,
}

/// `UPDATE t SET .. [WHERE ..]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The table.
    pub table: ObjectName,
    /// Its alias.
    pub alias: Option<Ident>,
    /// At least one.
    pub assignments: Vec<UpdateAssignment>,
    /// `WHERE`.
    pub filter: Option<Expr>,
}

/// `column = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateAssignment {
    /// The column.
    pub column: Ident,
    /// The value.
    pub value: Expr,
}
