//! CREATE, ALTER, DROP.

use tailwater_types::diagnostic::Span;

use super::{DataType, Expr, Ident, ObjectName, PartitionItem, Query, SqlOption, StringLiteral};

/// Whether something lives with the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// Stored in the catalog.
    Permanent,
    /// `TEMPORARY`.
    Temporary,
    /// `TEMPORARY SYSTEM`, of functions.
    TemporarySystem,
}

/// `CREATE TABLE`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// `TEMPORARY`.
    pub temporality: Temporality,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// What stands in the parentheses.
    pub elements: Vec<TableElement>,
    /// `COMMENT`.
    pub comment: Option<StringLiteral>,
    /// `DISTRIBUTED ..`.
    pub distribution: Option<Distribution>,
    /// `PARTITIONED BY`.
    pub partitioned_by: Vec<Ident>,
    /// `WITH`.
    pub options: Vec<SqlOption>,
    /// `LIKE`.
    pub like: Option<TableLike>,
    /// `AS query`.
    pub query: Option<Box<Query>>,
}

/// One element of a CREATE TABLE's parentheses.
#[derive(Clone, Debug, PartialEq)]
pub enum TableElement {
    /// A column.
    Column(ColumnDef),
    /// A column's name alone, as `CREATE TABLE t (a, b) AS SELECT` takes.
    Name(Ident),
    /// `WATERMARK FOR ..`.
    Watermark(WatermarkDef),
    /// `PRIMARY KEY (..)`, `UNIQUE (..)`.
    Constraint(TableConstraint),
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: Ident,
    /// Where its values come from.
    pub kind: ColumnKind,
    /// `PRIMARY KEY` or `UNIQUE` behind the type.
    pub constraint: Option<ColumnConstraint>,
    /// `COMMENT`.
    pub comment: Option<StringLiteral>,
    /// Its bytes.
    pub span: Span,
}

/// Where a column's values come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnKind {
    /// `name type`.
    Physical {
        /// The type.
        data_type: DataType,
    },
    /// `name type METADATA [FROM 'key'] [VIRTUAL]`.
    Metadata {
        /// The type.
        data_type: DataType,
        /// The metadata key, where it differs from the name.
        key: Option<StringLiteral>,
        /// `VIRTUAL`: read, never written.
        is_virtual: bool,
    },
    /// `name AS expr`.
    Computed {
        /// The expression.
        expr: Expr,
    },
}

/// A constraint on one column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnConstraint {
    /// `CONSTRAINT name`.
    pub name: Option<Ident>,
    /// Which one.
    pub kind: UniqueKind,
    /// `[NOT] ENFORCED`.
    pub enforcement: Enforcement,
    /// Its bytes.
    pub span: Span,
}

/// A constraint on columns.
#[derive(Clone, Debug, PartialEq)]
pub struct TableConstraint {
    /// `CONSTRAINT name`.
    pub name: Option<Ident>,
    /// Which one.
    pub kind: UniqueKind,
    /// The columns.
    pub columns: Vec<Ident>,
    /// `[NOT] ENFORCED`.
    pub enforcement: Enforcement,
    /// Its bytes.
    pub span: Span,
}

/// Which constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniqueKind {
    /// `PRIMARY KEY`.
    PrimaryKey,
    /// `UNIQUE`, which Flink refuses.
    Unique,
}

/// What was written about enforcement; Flink takes only `NOT ENFORCED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Nothing.
    Unspecified,
    /// `ENFORCED`.
    Enforced,
    /// `NOT ENFORCED`.
    NotEnforced,
}

/// `WATERMARK FOR column AS expr`.
#[derive(Clone, Debug, PartialEq)]
pub struct WatermarkDef {
    /// The column; a path where it is nested.
    pub column: ObjectName,
    /// The expression.
    pub expr: Expr,
    /// Its bytes.
    pub span: Span,
}

/// `DISTRIBUTED [BY [HASH|RANGE] (..)] [INTO n BUCKETS]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// The kind, where written.
    pub kind: Option<DistributionKind>,
    /// The columns.
    pub columns: Vec<Ident>,
    /// The number of buckets.
    pub buckets: Option<u32>,
    /// Its bytes.
    pub span: Span,
}

/// Kinds of distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DistributionKind {
    /// `HASH`.
    Hash,
    /// `RANGE`.
    Range,
}

/// `LIKE table (options)`.
#[derive(Clone, Debug, PartialEq)]
pub struct TableLike {
    /// The table copied.
    pub name: ObjectName,
    /// What is copied.
    pub options: Vec<LikeOption>,
    /// Its bytes.
    pub span: Span,
}

/// `INCLUDING ALL`, `OVERWRITING WATERMARKS`.
#[derive(Clone, Debug, PartialEq)]
pub struct LikeOption {
    /// How.
    pub strategy: LikeStrategy,
    /// What.
    pub feature: LikeFeature,
    /// Its bytes.
    pub span: Span,
}

/// How LIKE treats a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all there is")]
pub enum LikeStrategy {
    Including,
    Excluding,
    Overwriting,
}

/// What LIKE copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all there is")]
pub enum LikeFeature {
    All,
    Constraints,
    Distribution,
    Generated,
    Metadata,
    Options,
    Partitions,
    Watermarks,
}

/// `CREATE VIEW`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    /// `TEMPORARY`.
    pub temporality: Temporality,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// Its column names, where given.
    pub columns: Vec<Ident>,
    /// `COMMENT`.
    pub comment: Option<StringLiteral>,
    /// The query; its span is the text to store.
    pub query: Box<Query>,
}

/// `CREATE FUNCTION`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateFunction {
    /// `TEMPORARY`, `TEMPORARY SYSTEM`.
    pub temporality: Temporality,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// The class.
    pub class: StringLiteral,
    /// `LANGUAGE`, as written.
    pub language: Option<Ident>,
    /// `USING JAR '..', JAR '..'`.
    pub jars: Vec<StringLiteral>,
}

/// `CREATE CATALOG`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateCatalog {
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: Ident,
    /// `COMMENT`.
    pub comment: Option<StringLiteral>,
    /// `WITH`.
    pub options: Vec<SqlOption>,
}

/// `CREATE DATABASE`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateDatabase {
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// `COMMENT`.
    pub comment: Option<StringLiteral>,
    /// `WITH`.
    pub options: Vec<SqlOption>,
}

/// `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterTable {
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// The table.
    pub name: ObjectName,
    /// What is altered.
    pub action: AlterTableAction,
}

/// What ALTER TABLE does.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterTableAction {
    /// `RENAME TO name`.
    RenameTo(ObjectName),
    /// `RENAME a TO b`.
    RenameColumn {
        /// The old name.
        from: ObjectName,
        /// The new name.
        to: Ident,
    },
    /// `SET (..)`.
    Set(Vec<SqlOption>),
    /// `RESET (..)`.
    Reset(Vec<StringLiteral>),
    /// `ADD item`, `ADD (items)`.
    Add(Vec<SchemaItem>),
    /// `MODIFY item`, `MODIFY (items)`.
    Modify(Vec<SchemaItem>),
    /// `ADD DISTRIBUTION ..`.
    AddDistribution(Distribution),
    /// `MODIFY DISTRIBUTION ..`.
    ModifyDistribution(Distribution),
    /// `DROP column`, `DROP (columns)`.
    DropColumns(Vec<ObjectName>),
    /// `DROP PRIMARY KEY`.
    DropPrimaryKey,
    /// `DROP CONSTRAINT name`.
    DropConstraint(Ident),
    /// `DROP WATERMARK`.
    DropWatermark,
    /// `DROP DISTRIBUTION`.
    DropDistribution,
    /// `ADD [IF NOT EXISTS] PARTITION (..) [WITH (..)]`, once or more.
    AddPartitions {
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// Partitions and their options.
        partitions: Vec<(Vec<PartitionItem>, Vec<SqlOption>)>,
    },
    /// `DROP [IF EXISTS] PARTITION (..), PARTITION (..)`.
    DropPartitions {
        /// `IF EXISTS`.
        if_exists: bool,
        /// The partitions.
        partitions: Vec<Vec<PartitionItem>>,
    },
}

/// An element with its place, in ALTER TABLE.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaItem {
    /// The element.
    pub element: TableElement,
    /// `FIRST` or `AFTER column`.
    pub position: Option<ColumnPosition>,
}

/// Where a column goes.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnPosition {
    /// `FIRST`.
    First,
    /// `AFTER column`.
    After(ObjectName),
}

/// `ALTER VIEW`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterView {
    /// The view.
    pub name: ObjectName,
    /// What is altered.
    pub action: AlterViewAction,
}

/// What ALTER VIEW does.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterViewAction {
    /// `RENAME TO name`.
    RenameTo(ObjectName),
    /// `AS query`.
    As(Box<Query>),
}

/// `ALTER DATABASE name SET (..)`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterDatabase {
    /// The database.
    pub name: ObjectName,
    /// The options.
    pub options: Vec<SqlOption>,
}

/// `DROP ..`.
#[derive(Clone, Debug, PartialEq)]
pub struct Drop {
    /// What.
    pub kind: DropKind,
    /// `TEMPORARY`, `TEMPORARY SYSTEM`.
    pub temporality: Temporality,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// `RESTRICT` or `CASCADE`, of databases.
    pub behavior: Option<DropBehavior>,
}

/// What DROP drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all there is")]
pub enum DropKind {
    Table,
    View,
    Database,
    Catalog,
    Function,
}

/// What becomes of a database's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all there is")]
pub enum DropBehavior {
    Restrict,
    Cascade,
}
