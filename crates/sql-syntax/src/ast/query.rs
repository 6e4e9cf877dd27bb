//! Queries and table expressions.

use tailwater_types::diagnostic::Span;

use super::{
    Expr, FunctionCall, Ident, ObjectName, SetQuantifier, SqlOption, StringLiteral, WindowSpec,
};

/// `[WITH ..] body [ORDER BY ..] [LIMIT ..] [OFFSET ..]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// `WITH`.
    pub with: Option<With>,
    /// SELECT, VALUES, set operation or a query in parentheses.
    pub body: QueryBody,
    /// `ORDER BY`.
    pub order_by: Vec<OrderItem>,
    /// `LIMIT n` or `FETCH FIRST n ROWS ONLY`; `LIMIT ALL` is `None`.
    pub limit: Option<Expr>,
    /// `OFFSET n ROWS`.
    pub offset: Option<Expr>,
    /// Its bytes, without parentheses around it.
    pub span: Span,
}

/// `WITH a AS (..), b AS (..)`.
#[derive(Clone, Debug, PartialEq)]
pub struct With {
    /// `RECURSIVE`, which Flink refuses.
    pub recursive: bool,
    /// At least one.
    pub ctes: Vec<Cte>,
    /// Its bytes.
    pub span: Span,
}

/// `name [(columns)] AS (query)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cte {
    /// Its name.
    pub name: Ident,
    /// Its column names, where given.
    pub columns: Vec<Ident>,
    /// Its query.
    pub query: Box<Query>,
    /// Its bytes.
    pub span: Span,
}

/// A query's body.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryBody {
    /// Which form.
    pub kind: QueryBodyKind,
    /// Its bytes.
    pub span: Span,
}

/// The forms of a [`QueryBody`].
#[derive(Clone, Debug, PartialEq)]
pub enum QueryBodyKind {
    /// `SELECT ...`.
    Select(Box<Select>),
    /// `VALUES (1, 'a'), (2, 'b')`: each row a ROW expression, or a single expression.
    Values(Vec<Expr>),
    /// `TABLE t`.
    Table(ObjectName),
    /// `(query)`.
    Nested(Box<Query>),
    /// `left UNION [ALL] right`.
    Set {
        /// The operation.
        op: SetOp,
        /// `ALL`; without it duplicates go.
        all: bool,
        /// Left query.
        left: Box<QueryBody>,
        /// Right query.
        right: Box<QueryBody>,
    },
}

/// Set operations. `MINUS` is refused, as Flink does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOp {
    /// `UNION`.
    Union,
    /// `INTERSECT`, which binds tighter.
    Intersect,
    /// `EXCEPT`.
    Except,
}

/// One SELECT.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// `/*+ .. */` after SELECT.
    pub hints: Vec<Hint>,
    /// `ALL` or `DISTINCT`.
    pub quantifier: Option<SetQuantifier>,
    /// At least one.
    pub items: Vec<SelectItem>,
    /// The tables by comma; empty without FROM.
    pub from: Vec<TableRef>,
    /// `WHERE`.
    pub filter: Option<Expr>,
    /// `GROUP BY`.
    pub group_by: Option<GroupBy>,
    /// `HAVING`.
    pub having: Option<Expr>,
    /// `WINDOW w AS (..)`.
    pub windows: Vec<NamedWindow>,
    /// `QUALIFY`.
    pub qualify: Option<Expr>,
    /// Its bytes.
    pub span: Span,
}

/// One item of a SELECT list.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectItem {
    /// Which form.
    pub kind: SelectItemKind,
    /// Its bytes, alias included.
    pub span: Span,
}

/// The forms of a [`SelectItem`].
#[derive(Clone, Debug, PartialEq)]
pub enum SelectItemKind {
    /// `*`.
    Wildcard,
    /// `t.*`, `c.d.t.*`, `row_column.*`.
    QualifiedWildcard(ObjectName),
    /// `f(x).*`, `(a).*`.
    ExprWildcard(Expr),
    /// `expr [AS alias]`.
    Expr {
        /// The expression.
        expr: Expr,
        /// Its alias.
        alias: Option<Ident>,
    },
}

/// A hint: `OPTIONS('k'='v')`, `STATE_TTL('t'='1d')`, `BROADCAST(t)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// Its name.
    pub name: Ident,
    /// Its arguments.
    pub args: Vec<HintArg>,
    /// Its bytes.
    pub span: Span,
}

/// One argument of a hint.
#[derive(Clone, Debug, PartialEq)]
pub enum HintArg {
    /// `'k' = 'v'`, `k = 'v'`.
    Option(SqlOption),
    /// A name.
    Name(ObjectName),
    /// `'text'`.
    Text(StringLiteral),
    /// A number, as written.
    Number(StringLiteral),
}

/// `GROUP BY [ALL|DISTINCT] items`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupBy {
    /// `ALL` or `DISTINCT`.
    pub quantifier: Option<SetQuantifier>,
    /// At least one.
    pub items: Vec<GroupItem>,
    /// Its bytes.
    pub span: Span,
}

/// One grouping element.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupItem {
    /// Which form.
    pub kind: GroupItemKind,
    /// Its bytes.
    pub span: Span,
}

/// The forms of a [`GroupItem`].
#[derive(Clone, Debug, PartialEq)]
pub enum GroupItemKind {
    /// `()`.
    Empty,
    /// One expression; `(a, b)` is an implicit row.
    Expr(Expr),
    /// `GROUPING SETS (..)`.
    GroupingSets(Vec<GroupItem>),
    /// `CUBE (..)`: each an expression or an implicit row.
    Cube(Vec<Expr>),
    /// `ROLLUP (..)`.
    Rollup(Vec<Expr>),
}

/// `name AS (spec)` in the WINDOW clause.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedWindow {
    /// Its name.
    pub name: Ident,
    /// Its specification.
    pub spec: WindowSpec,
    /// Its bytes.
    pub span: Span,
}

/// `expr [ASC|DESC] [NULLS FIRST|LAST]`.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderItem {
    /// The key.
    pub expr: Expr,
    /// The direction, where written.
    pub direction: Option<SortDirection>,
    /// Where NULLs go, where written.
    pub nulls: Option<NullsOrder>,
    /// Its bytes.
    pub span: Span,
}

/// A sort direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortDirection {
    /// `ASC`.
    Asc,
    /// `DESC`.
    Desc,
}

/// Where NULLs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullsOrder {
    /// `NULLS FIRST`.
    First,
    /// `NULLS LAST`.
    Last,
}

/// Something in FROM.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRef {
    /// Which form.
    pub kind: TableRefKind,
    /// Its bytes, alias included.
    pub span: Span,
}

/// `[AS] name [(columns)]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TableAlias {
    /// The name.
    pub name: Ident,
    /// The column names, where given.
    pub columns: Vec<Ident>,
    /// Its bytes.
    pub span: Span,
}

/// The forms of a [`TableRef`].
#[derive(Clone, Debug, PartialEq)]
pub enum TableRefKind {
    /// A table or view.
    Table {
        /// Its name.
        name: ObjectName,
        /// `/*+ OPTIONS(..) */`.
        hints: Vec<Hint>,
        /// After `FOR SYSTEM_TIME AS OF`.
        system_time: Option<Box<Expr>>,
        /// Its alias.
        alias: Option<TableAlias>,
    },
    /// `[LATERAL] (query)`.
    Derived {
        /// `LATERAL`.
        lateral: bool,
        /// The query; `(VALUES ..)` too.
        query: Box<Query>,
        /// Its alias.
        alias: Option<TableAlias>,
    },
    /// `[LATERAL] TABLE(f(..))`, or the call alone.
    Function {
        /// `LATERAL`.
        lateral: bool,
        /// `TABLE(..)` stood around it.
        wrapped: bool,
        /// The call.
        call: Box<FunctionCall>,
        /// Its alias.
        alias: Option<TableAlias>,
    },
    /// `UNNEST(a, b) [WITH ORDINALITY]`.
    Unnest {
        /// The collections.
        exprs: Vec<Expr>,
        /// `WITH ORDINALITY`.
        with_ordinality: bool,
        /// Its alias.
        alias: Option<TableAlias>,
    },
    /// `input MATCH_RECOGNIZE (..)`.
    Match {
        /// The input.
        input: Box<TableRef>,
        /// The clause.
        clause: Box<MatchRecognize>,
        /// The alias of the result.
        alias: Option<TableAlias>,
    },
    /// A join; joins associate to the left unless parenthesised.
    Join {
        /// Left input.
        left: Box<TableRef>,
        /// The kind.
        kind: JoinKind,
        /// `NATURAL`.
        natural: bool,
        /// Right input.
        right: Box<TableRef>,
        /// `ON` or `USING`.
        constraint: Option<JoinConstraint>,
    },
}

/// Kinds of join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// `[INNER] JOIN`.
    Inner,
    /// `LEFT [OUTER] JOIN`.
    Left,
    /// `RIGHT [OUTER] JOIN`.
    Right,
    /// `FULL [OUTER] JOIN`.
    Full,
    /// `CROSS JOIN`.
    Cross,
}

/// A join's condition.
#[derive(Clone, Debug, PartialEq)]
pub enum JoinConstraint {
    /// `ON condition`.
    On(Box<Expr>),
    /// `USING (a, b)`.
    Using(Vec<Ident>),
}

/// A table as an argument of a table function.
#[derive(Clone, Debug, PartialEq)]
pub struct TableArg {
    /// A table's name as a `TABLE t` body, or a query.
    pub query: Query,
    /// `PARTITION BY`.
    pub partition_by: Vec<Expr>,
    /// `ORDER BY`.
    pub order_by: Vec<OrderItem>,
    /// Its bytes.
    pub span: Span,
}

/// What stands in the parentheses of MATCH_RECOGNIZE.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchRecognize {
    /// `PARTITION BY`.
    pub partition_by: Vec<Expr>,
    /// `ORDER BY`.
    pub order_by: Vec<OrderItem>,
    /// `MEASURES`.
    pub measures: Vec<MatchMeasure>,
    /// `ONE ROW PER MATCH` or `ALL ROWS PER MATCH`.
    pub rows_per_match: Option<RowsPerMatch>,
    /// `AFTER MATCH SKIP ..`.
    pub after_match: Option<AfterMatch>,
    /// `^` before the pattern.
    pub anchored_start: bool,
    /// `PATTERN (..)`.
    pub pattern: Pattern,
    /// `$` after the pattern.
    pub anchored_end: bool,
    /// `WITHIN INTERVAL ..`.
    pub within: Option<Expr>,
    /// `SUBSET`.
    pub subsets: Vec<MatchSubset>,
    /// `DEFINE`.
    pub define: Vec<MatchDefinition>,
    /// Its bytes, from MATCH_RECOGNIZE to the closing parenthesis.
    pub span: Span,
}

/// `expr AS name` in MEASURES.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchMeasure {
    /// The expression.
    pub expr: Expr,
    /// Its name.
    pub alias: Ident,
    /// Its bytes.
    pub span: Span,
}

/// `name AS condition` in DEFINE.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchDefinition {
    /// The pattern variable.
    pub name: Ident,
    /// Its condition.
    pub condition: Expr,
    /// Its bytes.
    pub span: Span,
}

/// `name = (a, b)` in SUBSET.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchSubset {
    /// The union variable.
    pub name: Ident,
    /// Its members.
    pub members: Vec<Ident>,
    /// Its bytes.
    pub span: Span,
}

/// How many rows a match gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsPerMatch {
    /// `ONE ROW PER MATCH`.
    One,
    /// `ALL ROWS PER MATCH`.
    All,
}

/// Where matching goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum AfterMatch {
    /// `SKIP TO NEXT ROW`.
    NextRow,
    /// `SKIP PAST LAST ROW`.
    PastLastRow,
    /// `SKIP TO FIRST v`.
    First(Ident),
    /// `SKIP TO LAST v`, `SKIP TO v`.
    Last(Ident),
}

/// A row pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Which form.
    pub kind: PatternKind,
    /// Its bytes.
    pub span: Span,
}

/// The forms of a [`Pattern`].
#[derive(Clone, Debug, PartialEq)]
pub enum PatternKind {
    /// `A`.
    Variable(Ident),
    /// `A B C`.
    Concat(Vec<Pattern>),
    /// `A | B`.
    Alternation(Vec<Pattern>),
    /// `A+`, `A{2,3}?`.
    Repeat {
        /// What is repeated.
        pattern: Box<Pattern>,
        /// How often.
        quantifier: PatternQuantifier,
    },
    /// `PERMUTE(A, B)`.
    Permute(Vec<Pattern>),
    /// `{- A -}`.
    Exclude(Box<Pattern>),
}

/// How often a pattern repeats: `*` is 0 to no end, `+` 1 to no end, `?` 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternQuantifier {
    /// At least.
    pub min: u32,
    /// At most; `None` is without end.
    pub max: Option<u32>,
    /// A `?` after it.
    pub reluctant: bool,
}
