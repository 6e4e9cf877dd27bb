//! Scalar expressions, function calls and windows.

use tailwater_types::diagnostic::Span;

use super::{DataType, Ident, ObjectName, OrderItem, Query, StringLiteral, TableArg};

/// An expression. Parentheses leave no node: the tree has the precedence, Display puts them back.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its bytes; parentheses around it are included.
    pub span: Span,
}

/// The forms an [`Expr`] takes.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `a`, `t.a`, `` `after`.id ``: column, qualified column or field path; the binder decides.
    Column(Vec<Ident>),
    /// A literal.
    Literal(Literal),
    /// A time unit as an argument: of EXTRACT, TIMESTAMPADD, FLOOR(x TO unit).
    TimeUnit(TimeUnit),
    /// `-a`, `NOT a`.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Its operand.
        expr: Box<Expr>,
    },
    /// `a + b`, `a AND b`.
    Binary {
        /// Left operand.
        left: Box<Expr>,
        /// The operator.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `a IS [NOT] NULL`, `IS TRUE`, `IS JSON OBJECT`.
    Is {
        /// The operand.
        expr: Box<Expr>,
        /// `NOT`.
        negated: bool,
        /// What it is asked to be.
        predicate: IsPredicate,
    },
    /// `a IS [NOT] DISTINCT FROM b`.
    IsDistinctFrom {
        /// Left operand.
        left: Box<Expr>,
        /// `NOT`.
        negated: bool,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `a [NOT] BETWEEN [SYMMETRIC] low AND high`.
    Between {
        /// The operand.
        expr: Box<Expr>,
        /// `NOT`.
        negated: bool,
        /// `SYMMETRIC` was written.
        symmetric: bool,
        /// Lower bound.
        low: Box<Expr>,
        /// Upper bound.
        high: Box<Expr>,
    },
    /// `a [NOT] IN (b, c)`.
    InList {
        /// The operand.
        expr: Box<Expr>,
        /// `NOT`.
        negated: bool,
        /// The candidates, at least one.
        list: Vec<Expr>,
    },
    /// `a [NOT] IN (SELECT ...)`.
    InSubquery {
        /// The operand.
        expr: Box<Expr>,
        /// `NOT`.
        negated: bool,
        /// The query.
        query: Box<Query>,
    },
    /// `EXISTS (SELECT ...)`; `NOT EXISTS` is a [`UnaryOp::Not`] over it.
    Exists(Box<Query>),
    /// `a = ANY (SELECT ...)`, `a > ALL (1, 2)`.
    Quantified {
        /// Left operand.
        left: Box<Expr>,
        /// A comparison.
        op: BinaryOp,
        /// `ANY`, `SOME` or `ALL`.
        quantifier: Quantifier,
        /// What it is compared with.
        right: QuantifiedSet,
    },
    /// `a [NOT] LIKE p [ESCAPE e]`, `a [NOT] SIMILAR TO p [ESCAPE e]`.
    Like {
        /// The operand.
        expr: Box<Expr>,
        /// `NOT`.
        negated: bool,
        /// Which of the two.
        kind: LikeKind,
        /// The pattern.
        pattern: Box<Expr>,
        /// After `ESCAPE`.
        escape: Option<Box<Expr>>,
    },
    /// `CASE [operand] WHEN .. THEN .. [ELSE ..] END`.
    Case {
        /// The operand of the simple form.
        operand: Option<Box<Expr>>,
        /// At least one.
        branches: Vec<CaseBranch>,
        /// After `ELSE`.
        else_result: Option<Box<Expr>>,
    },
    /// `CAST(a AS t)`, `TRY_CAST(a AS t)`.
    Cast {
        /// Which of the two.
        kind: CastKind,
        /// The operand.
        expr: Box<Expr>,
        /// The target.
        data_type: Box<DataType>,
    },
    /// A function call, also one without parentheses such as `CURRENT_TIMESTAMP`.
    Call(Box<FunctionCall>),
    /// `TRIM([BOTH|LEADING|TRAILING] [characters] FROM expr)`, `TRIM(expr)`.
    Trim {
        /// The side, where written.
        side: Option<TrimSide>,
        /// What is trimmed, where written.
        characters: Option<Box<Expr>>,
        /// The operand.
        expr: Box<Expr>,
    },
    /// `ROW(a, b)` or `(a, b)`.
    Row {
        /// Which of the two.
        syntax: RowSyntax,
        /// The fields.
        fields: Vec<Expr>,
    },
    /// `ARRAY[a, b]`.
    Array(Vec<Expr>),
    /// `MAP[k, v, k, v]`: keys and values in turn, as written.
    Map(Vec<Expr>),
    /// `MULTISET[a, b]`.
    Multiset(Vec<Expr>),
    /// `ARRAY(SELECT ...)`.
    ArrayQuery(Box<Query>),
    /// `MULTISET(SELECT ...)`.
    MultisetQuery(Box<Query>),
    /// `a[i]`.
    Subscript {
        /// The collection.
        expr: Box<Expr>,
        /// The index or key.
        index: Box<Expr>,
    },
    /// `(expr).field`, where `expr` is not a plain name.
    Field {
        /// The row.
        expr: Box<Expr>,
        /// The field.
        field: Ident,
    },
    /// `(later - earlier) DAY TO SECOND`: the difference of two datetimes as an interval.
    DatetimeDifference {
        /// Left operand of the minus.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
        /// The interval wanted.
        qualifier: IntervalQualifier,
    },
    /// `(SELECT ...)` as a value.
    Subquery(Box<Query>),
    /// `FINAL LAST(A.x)`, `RUNNING SUM(A.x)` in MATCH_RECOGNIZE.
    Match {
        /// Which of the two.
        semantics: MatchSemantics,
        /// The call.
        expr: Box<Expr>,
    },
}

/// Literals. Numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`.
    Boolean(bool),
    /// `UNKNOWN`.
    Unknown,
    /// `12`.
    Integer(String),
    /// `1.5`, `.5`.
    Decimal(String),
    /// `1e3`.
    Approx(String),
    /// `'text'`, also `U&'\0041'` and `'a' 'b'`, put together.
    String {
        /// The text.
        value: String,
        /// `UTF8` of `_UTF8'text'`.
        charset: Option<String>,
    },
    /// `X'AB'`: the hexadecimal digits in upper case, an even number.
    Binary(String),
    /// `DATE '2024-01-01'`.
    Date(String),
    /// `TIME '10:00:00'`.
    Time(String),
    /// `TIMESTAMP '2024-01-01 10:00:00'`.
    Timestamp(String),
    /// `INTERVAL '1-2' YEAR TO MONTH`.
    Interval(IntervalLiteral),
}

/// `INTERVAL [-] 'value' qualifier`.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalLiteral {
    /// A minus before the quotes.
    pub negative: bool,
    /// The text in quotes.
    pub value: StringLiteral,
    /// What the text counts.
    pub qualifier: IntervalQualifier,
}

/// `DAY(3) TO SECOND(6)`.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalQualifier {
    /// The first unit.
    pub start: TimeUnit,
    /// Its number of digits.
    pub precision: Option<u32>,
    /// After `TO`.
    pub end: Option<TimeUnit>,
    /// Fractional digits of seconds.
    pub fraction: Option<u32>,
    /// Its bytes.
    pub span: Span,
}

/// Units of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all there is")]
pub enum TimeUnit {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Epoch,
    Dow,
    Doy,
    IsoDow,
    IsoYear,
    Decade,
    Century,
    Millennium,
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `+`.
    Plus,
    /// `-`.
    Minus,
    /// `NOT`.
    Not,
}

/// Infix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `OR`.
    Or,
    /// `AND`.
    And,
    /// `=`.
    Eq,
    /// `<>`.
    NotEq,
    /// `!=`, which Flink refuses: "Bang equal '!=' is not allowed under the current SQL conformance level".
    NotEqBang,
    /// `<`.
    Lt,
    /// `<=`.
    LtEq,
    /// `>`.
    Gt,
    /// `>=`.
    GtEq,
    /// `(start, end) OVERLAPS (start, end)`.
    Overlaps,
    /// `+`.
    Plus,
    /// `-`.
    Minus,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Modulo,
    /// `||`.
    Concat,
}

/// After `IS [NOT]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsPredicate {
    /// `NULL`.
    Null,
    /// `TRUE`.
    True,
    /// `FALSE`.
    False,
    /// `UNKNOWN`.
    Unknown,
    /// `JSON [VALUE|OBJECT|ARRAY|SCALAR]`.
    Json(JsonType),
}

/// After `IS JSON`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonType {
    /// `VALUE`, or nothing.
    Value,
    /// `OBJECT`.
    Object,
    /// `ARRAY`.
    Array,
    /// `SCALAR`.
    Scalar,
}

/// Pattern predicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikeKind {
    /// `LIKE`.
    Like,
    /// `SIMILAR TO`.
    SimilarTo,
}

/// `SOME` is `ANY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// `ANY`, `SOME`.
    Any,
    /// `ALL`.
    All,
}

/// The right side of a quantified comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum QuantifiedSet {
    /// `(SELECT ...)`.
    Query(Box<Query>),
    /// `(a, b)`.
    List(Vec<Expr>),
}

/// `WHEN condition THEN result`.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseBranch {
    /// The values of the simple form (Calcite takes several, by comma), or the one condition.
    pub conditions: Vec<Expr>,
    /// After `THEN`.
    pub result: Expr,
    /// From `WHEN` to the result.
    pub span: Span,
}

/// What a failing cast does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastKind {
    /// `CAST`: fails.
    Cast,
    /// `TRY_CAST`: NULL.
    TryCast,
}

/// The side of TRIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimSide {
    /// `BOTH`.
    Both,
    /// `LEADING`.
    Leading,
    /// `TRAILING`.
    Trailing,
}

/// How a row was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowSyntax {
    /// `ROW(a, b)`.
    Explicit,
    /// `(a, b)`.
    Implicit,
}

/// `FINAL` or `RUNNING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchSemantics {
    /// `FINAL`.
    Final,
    /// `RUNNING`.
    Running,
}

/// A call. Special syntax is normalised to plain arguments: `SUBSTRING(a FROM b FOR c)` has three,
/// `EXTRACT(u FROM x)` and `FLOOR(x TO u)` have an [`ExprKind::TimeUnit`], `POSITION(a IN b)` two,
/// `OVERLAY(a PLACING b FROM c)` three, `JSON_OBJECT(KEY k VALUE v)` keys and values in turn.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionCall {
    /// The function's name as written; built-in functions are found regardless of case.
    pub name: ObjectName,
    /// `CURRENT_DATE` and its like stand without parentheses.
    pub bare: bool,
    /// `ALL` or `DISTINCT` before the arguments.
    pub quantifier: Option<SetQuantifier>,
    /// The arguments.
    pub args: Vec<FunctionArg>,
    /// `ORDER BY` inside the parentheses.
    pub order_by: Vec<OrderItem>,
    /// What the JSON functions take besides arguments.
    pub json: Option<Box<JsonClauses>>,
    /// `RESPECT NULLS` or `IGNORE NULLS`.
    pub nulls: Option<NullTreatment>,
    /// `WITHIN GROUP (ORDER BY ...)`.
    pub within_group: Vec<OrderItem>,
    /// `FILTER (WHERE ...)`.
    pub filter: Option<Box<Expr>>,
    /// `OVER ...`.
    pub over: Option<Over>,
    /// Its bytes.
    pub span: Span,
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionArg {
    /// `name =>` before it.
    pub name: Option<Ident>,
    /// The value.
    pub value: ArgValue,
    /// Its bytes, name included.
    pub span: Span,
}

/// What an argument may be; the last four only in table functions.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgValue {
    /// An expression.
    Expr(Expr),
    /// `*`.
    Wildcard,
    /// `DEFAULT`.
    Default,
    /// `TABLE t [PARTITION BY ..] [ORDER BY ..]`, `TABLE (SELECT ..)`, `(SELECT ..)`.
    Table(Box<TableArg>),
    /// `DESCRIPTOR(a, b)`.
    Descriptor(Vec<Ident>),
    /// `MODEL m`.
    Model(ObjectName),
}

/// `ALL` or `DISTINCT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetQuantifier {
    /// `ALL`.
    All,
    /// `DISTINCT`.
    Distinct,
}

/// What an aggregate does with NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullTreatment {
    /// `RESPECT NULLS`.
    Respect,
    /// `IGNORE NULLS`.
    Ignore,
}

/// Clauses of JSON_VALUE, JSON_QUERY, JSON_EXISTS, JSON_OBJECT and their family.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct JsonClauses {
    /// `RETURNING type`.
    pub returning: Option<DataType>,
    /// `WITH WRAPPER` and its forms.
    pub wrapper: Option<JsonWrapper>,
    /// Before `ON EMPTY`.
    pub on_empty: Option<JsonBehavior>,
    /// Before `ON ERROR`.
    pub on_error: Option<JsonBehavior>,
    /// Before `ON NULL`.
    pub on_null: Option<JsonNulls>,
}

/// The wrapper clause of JSON_QUERY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonWrapper {
    /// `WITHOUT [ARRAY] WRAPPER`.
    Without,
    /// `WITH [UNCONDITIONAL] [ARRAY] WRAPPER`.
    Unconditional,
    /// `WITH CONDITIONAL [ARRAY] WRAPPER`.
    Conditional,
}

/// What stands before `ON EMPTY` and `ON ERROR`.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonBehavior {
    /// `ERROR`.
    Error,
    /// `NULL`.
    Null,
    /// `DEFAULT expr`.
    Default(Box<Expr>),
    /// `EMPTY ARRAY`.
    EmptyArray,
    /// `EMPTY OBJECT`.
    EmptyObject,
    /// `TRUE`.
    True,
    /// `FALSE`.
    False,
    /// `UNKNOWN`.
    Unknown,
}

/// What stands before `ON NULL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonNulls {
    /// `NULL ON NULL`.
    Null,
    /// `ABSENT ON NULL`.
    Absent,
}

/// After `OVER`.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// A name from the WINDOW clause.
    Name(Ident),
    /// A specification.
    Spec(WindowSpec),
}

/// `([base] [PARTITION BY ..] [ORDER BY ..] [frame])`.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowSpec {
    /// The window it refines.
    pub base: Option<Ident>,
    /// `PARTITION BY`.
    pub partition_by: Vec<Expr>,
    /// `ORDER BY`.
    pub order_by: Vec<OrderItem>,
    /// The frame.
    pub frame: Option<WindowFrame>,
    /// Its bytes, parentheses included.
    pub span: Span,
}

/// `ROWS BETWEEN .. AND ..`; without an end, up to the current row.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowFrame {
    /// `ROWS` or `RANGE`.
    pub units: FrameUnits,
    /// Where it starts.
    pub start: FrameBound,
    /// Where it ends, if `BETWEEN` was written.
    pub end: Option<FrameBound>,
    /// Its bytes.
    pub span: Span,
}

/// What a frame counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameUnits {
    /// `ROWS`.
    Rows,
    /// `RANGE`.
    Range,
}

/// One end of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameBound {
    /// `UNBOUNDED PRECEDING`.
    UnboundedPreceding,
    /// `expr PRECEDING`.
    Preceding(Box<Expr>),
    /// `CURRENT ROW`.
    CurrentRow,
    /// `expr FOLLOWING`.
    Following(Box<Expr>),
    /// `UNBOUNDED FOLLOWING`.
    UnboundedFollowing,
}
