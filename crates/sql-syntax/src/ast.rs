//! The syntax tree. Every node knows its bytes in the text it was read from.

use tailwater_types::diagnostic::Span;

mod data_type;
mod ddl;
mod expr;
mod query;
mod statement;

pub use data_type::{DataType, DataTypeKind, Nullability, RowField, TimeZoneMode};
pub use ddl::{
    AlterDatabase, AlterTable, AlterTableAction, AlterView, AlterViewAction, ColumnConstraint,
    ColumnDef, ColumnKind, ColumnPosition, CreateCatalog, CreateDatabase, CreateFunction,
    CreateTable, CreateView, Distribution, DistributionKind, Drop, DropBehavior, DropKind,
    Enforcement, LikeFeature, LikeOption, LikeStrategy, SchemaItem, TableConstraint, TableElement,
    TableLike, Temporality, UniqueKind, WatermarkDef,
};
pub use expr::{
    ArgValue, BinaryOp, CaseBranch, CastKind, Expr, ExprKind, FrameBound, FrameUnits, FunctionArg,
    FunctionCall, IntervalLiteral, IntervalQualifier, IsPredicate, JsonBehavior, JsonClauses,
    JsonNulls, JsonType, JsonWrapper, LikeKind, Literal, MatchSemantics, NullTreatment, Over,
    QuantifiedSet, Quantifier, RowSyntax, SetQuantifier, TimeUnit, TrimSide, UnaryOp, WindowFrame,
    WindowSpec,
};
pub use query::{
    AfterMatch, Cte, GroupBy, GroupItem, GroupItemKind, Hint, HintArg, JoinConstraint, JoinKind,
    MatchDefinition, MatchMeasure, MatchRecognize, MatchSubset, NamedWindow, NullsOrder, OrderItem,
    Pattern, PatternKind, PatternQuantifier, Query, QueryBody, QueryBodyKind, RowsPerMatch, Select,
    SelectItem, SelectItemKind, SetOp, SortDirection, TableAlias, TableArg, TableRef, TableRefKind,
    With,
};
pub use statement::{
    Assignment, ConflictAction, DeleteFrom, Describe, DescribeKind, Explain, ExplainDetail, Insert,
    ModuleUse, PartitionItem, PlanStatement, Show, ShowKind, ShowLike, ShowLikeKind, ShowScope,
    Statement, StatementKind, StatementSet, StopJob, Update, UpdateAssignment,
};

/// One name, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// The name, backticks and their escapes removed; case is kept.
    pub value: String,
    /// Whether it stood in backticks.
    pub quoted: bool,
    /// Its bytes, backticks included.
    pub span: Span,
}

/// A name of one to several parts: `catalog.database.table`.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectName {
    /// The parts, at least one.
    pub parts: Vec<Ident>,
    /// From the first part to the last.
    pub span: Span,
}

/// A string in quotes that is no expression: a comment, an option, a path.
#[derive(Clone, Debug, PartialEq)]
pub struct StringLiteral {
    /// The text, quotes and their escapes removed.
    pub value: String,
    /// Its bytes, quotes included.
    pub span: Span,
}

/// `'key' = 'value'`.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlOption {
    /// The key.
    pub key: StringLiteral,
    /// The value.
    pub value: StringLiteral,
    /// From the key to the value.
    pub span: Span,
}
