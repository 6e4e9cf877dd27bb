//! Expressions, with the parentheses their precedence asks for.

use std::fmt::{self, Display, Formatter, Write};

use super::{Clause, Commas, ListClause, Quoted, dotted, flag};
use crate::ast::{
    ArgValue, BinaryOp, CaseBranch, CastKind, Expr, ExprKind, FrameBound, FrameUnits, FunctionArg,
    FunctionCall, IntervalQualifier, IsPredicate, JsonBehavior, JsonClauses, JsonNulls, JsonType,
    JsonWrapper, LikeKind, Literal, MatchSemantics, NullTreatment, Over, QuantifiedSet, Quantifier,
    RowSyntax, SetQuantifier, TimeUnit, TrimSide, UnaryOp, WindowFrame, WindowSpec,
};
use crate::precedence;

/// An operand: in parentheses if it binds looser than asked.
struct Operand<'a>(&'a Expr, u8);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if binding(&self.0.kind) < self.1 {
            write!(f, "({})", self.0)
        } else {
            self.0.fmt(f)
        }
    }
}

fn binding(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Unary { op, .. } => precedence::unary(*op),
        ExprKind::Binary { op, .. } => precedence::binary(*op),
        ExprKind::Is { .. } => precedence::IS,
        ExprKind::IsDistinctFrom { .. } | ExprKind::Quantified { .. } => precedence::COMPARISON,
        ExprKind::Between { .. }
        | ExprKind::InList { .. }
        | ExprKind::InSubquery { .. }
        | ExprKind::Like { .. } => precedence::RANGE,
        ExprKind::Subscript { .. } | ExprKind::Field { .. } | ExprKind::Match { .. } => {
            precedence::POSTFIX
        }
        _ => precedence::ATOM,
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Display for ExprKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(parts) => dotted(parts, f),
            Self::Literal(literal) => literal.fmt(f),
            Self::TimeUnit(unit) => unit.fmt(f),
            Self::Unary {
                op: UnaryOp::Not,
                expr,
            } => {
                write!(f, "NOT {}", Operand(expr, precedence::unary(UnaryOp::Not)))
            }
            Self::Unary { op, expr } => {
                let sign = if *op == UnaryOp::Minus { '-' } else { '+' };
                write!(f, "{sign}{}", Operand(expr, precedence::POSTFIX))
            }
            Self::Case {
                operand,
                branches,
                else_result,
            } => {
                write!(f, "CASE{}", Clause(" ", operand))?;
                for branch in branches {
                    write!(f, " {branch}")?;
                }
                write!(f, "{} END", Clause(" ELSE ", else_result))
            }
            Self::Cast {
                kind,
                expr,
                data_type,
            } => {
                let name = if *kind == CastKind::Cast {
                    "CAST"
                } else {
                    "TRY_CAST"
                };
                write!(f, "{name}({expr} AS {data_type})")
            }
            Self::Call(call) => call.fmt(f),
            Self::Trim {
                side,
                characters,
                expr,
            } => {
                f.write_str("TRIM(")?;
                if let Some(side) = side {
                    write!(f, "{side} ")?;
                }
                if let Some(characters) = characters {
                    write!(f, "{characters} ")?;
                }
                write!(
                    f,
                    "{}{expr})",
                    flag(side.is_some() || characters.is_some(), "FROM ")
                )
            }
            Self::Row { syntax, fields } => {
                let word = if *syntax == RowSyntax::Explicit {
                    "ROW"
                } else {
                    ""
                };
                write!(f, "{word}({})", Commas(fields))
            }
            Self::Array(items) => write!(f, "ARRAY[{}]", Commas(items)),
            Self::Map(items) => write!(f, "MAP[{}]", Commas(items)),
            Self::Multiset(items) => write!(f, "MULTISET[{}]", Commas(items)),
            Self::ArrayQuery(query) => write!(f, "ARRAY({query})"),
            Self::MultisetQuery(query) => write!(f, "MULTISET({query})"),
            Self::Subscript { expr, index } => {
                write!(f, "{}[{index}]", Operand(expr, precedence::POSTFIX))
            }
            Self::Field { expr, field } => match expr.kind {
                ExprKind::Column(_) => write!(f, "({expr}).{field}"),
                _ => write!(f, "{}.{field}", Operand(expr, precedence::POSTFIX)),
            },
            Self::DatetimeDifference {
                left,
                right,
                qualifier,
            } => {
                let minus = precedence::binary(BinaryOp::Minus);
                let (left, right) = (Operand(left, minus), Operand(right, minus + 1));
                write!(f, "({left} - {right}) {qualifier}")
            }
            Self::Subquery(query) => write!(f, "({query})"),
            Self::Exists(query) => write!(f, "EXISTS ({query})"),
            Self::Match {
                semantics: MatchSemantics::Final,
                expr,
            } => write!(f, "FINAL {expr}"),
            Self::Match {
                semantics: MatchSemantics::Running,
                expr,
            } => write!(f, "RUNNING {expr}"),
            _ => predicate(self, f),
        }
    }
}

fn predicate(kind: &ExprKind, f: &mut Formatter<'_>) -> fmt::Result {
    let bound = binding(kind);
    let not = |negated: &bool| flag(*negated, "NOT ");
    match kind {
        ExprKind::Binary {
            left, op, right, ..
        } => {
            write!(
                f,
                "{} {op} {}",
                Operand(left, bound),
                Operand(right, bound + 1)
            )
        }
        ExprKind::Is {
            expr,
            negated,
            predicate,
        } => {
            write!(f, "{} IS {}{predicate}", Operand(expr, bound), not(negated))
        }
        ExprKind::IsDistinctFrom {
            left,
            negated,
            right,
        } => {
            let (left, right) = (Operand(left, bound), Operand(right, bound + 1));
            write!(f, "{left} IS {}DISTINCT FROM {right}", not(negated))
        }
        ExprKind::Between {
            expr,
            negated,
            symmetric,
            low,
            high,
        } => {
            let symmetric = flag(*symmetric, "SYMMETRIC ");
            let (low, high) = (Operand(low, bound + 1), Operand(high, bound + 1));
            let expr = Operand(expr, bound);
            write!(
                f,
                "{expr} {}BETWEEN {symmetric}{low} AND {high}",
                not(negated)
            )
        }
        ExprKind::InList {
            expr,
            negated,
            list,
        } => {
            write!(
                f,
                "{} {}IN ({})",
                Operand(expr, bound),
                not(negated),
                Commas(list)
            )
        }
        ExprKind::InSubquery {
            expr,
            negated,
            query,
        } => {
            write!(f, "{} {}IN ({query})", Operand(expr, bound), not(negated))
        }
        ExprKind::Quantified {
            left,
            op,
            quantifier,
            right,
        } => {
            let word = if *quantifier == Quantifier::All {
                "ALL"
            } else {
                "SOME"
            };
            write!(f, "{} {op} {word} ", Operand(left, bound))?;
            match right {
                QuantifiedSet::Query(query) => write!(f, "({query})"),
                QuantifiedSet::List(list) => write!(f, "({})", Commas(list)),
            }
        }
        ExprKind::Like {
            expr,
            negated,
            kind,
            pattern,
            escape,
        } => {
            let word = if *kind == LikeKind::Like {
                "LIKE"
            } else {
                "SIMILAR TO"
            };
            let (expr, pattern) = (Operand(expr, bound), Operand(pattern, bound + 1));
            write!(f, "{expr} {}{word} {pattern}", not(negated))?;
            match escape {
                Some(escape) => write!(f, " ESCAPE {}", Operand(escape, bound + 1)),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(true) => f.write_str("TRUE"),
            Self::Boolean(false) => f.write_str("FALSE"),
            Self::Unknown => f.write_str("UNKNOWN"),
            Self::Integer(text) | Self::Decimal(text) | Self::Approx(text) => f.write_str(text),
            Self::String {
                value,
                charset: None,
            } => Quoted(value).fmt(f),
            Self::String {
                value,
                charset: Some(charset),
            } => {
                write!(f, "_{charset}{}", Quoted(value))
            }
            Self::Binary(digits) => write!(f, "X'{digits}'"),
            Self::Date(text) => write!(f, "DATE {}", Quoted(text)),
            Self::Time(text) => write!(f, "TIME {}", Quoted(text)),
            Self::Timestamp(text) => write!(f, "TIMESTAMP {}", Quoted(text)),
            Self::Interval(interval) => {
                let sign = flag(interval.negative, "-");
                write!(
                    f,
                    "INTERVAL {sign}{} {}",
                    interval.value, interval.qualifier
                )
            }
        }
    }
}

impl Display for IntervalQualifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.start.fmt(f)?;
        match (self.precision, self.end, self.fraction) {
            (Some(precision), None, Some(fraction)) => {
                return write!(f, "({precision}, {fraction})");
            }
            (Some(precision), _, _) => write!(f, "({precision})")?,
            (None, _, _) => {}
        }
        if let Some(end) = self.end {
            write!(f, " TO {end}")?;
            if let Some(fraction) = self.fraction {
                write!(f, "({fraction})")?;
            }
        }
        Ok(())
    }
}

impl Display for TimeUnit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Year => "YEAR",
            Self::Quarter => "QUARTER",
            Self::Month => "MONTH",
            Self::Week => "WEEK",
            Self::Day => "DAY",
            Self::Hour => "HOUR",
            Self::Minute => "MINUTE",
            Self::Second => "SECOND",
            Self::Millisecond => "MILLISECOND",
            Self::Microsecond => "MICROSECOND",
            Self::Nanosecond => "NANOSECOND",
            Self::Epoch => "EPOCH",
            Self::Dow => "DOW",
            Self::Doy => "DOY",
            Self::IsoDow => "ISODOW",
            Self::IsoYear => "ISOYEAR",
            Self::Decade => "DECADE",
            Self::Century => "CENTURY",
            Self::Millennium => "MILLENNIUM",
        })
    }
}

impl Display for BinaryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Or => "OR",
            Self::And => "AND",
            Self::Eq => "=",
            Self::NotEq => "<>",
            Self::NotEqBang => "!=",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Overlaps => "OVERLAPS",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Concat => "||",
        })
    }
}

impl Display for IsPredicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "NULL",
            Self::True => "TRUE",
            Self::False => "FALSE",
            Self::Unknown => "UNKNOWN",
            Self::Json(JsonType::Value) => "JSON VALUE",
            Self::Json(JsonType::Object) => "JSON OBJECT",
            Self::Json(JsonType::Array) => "JSON ARRAY",
            Self::Json(JsonType::Scalar) => "JSON SCALAR",
        })
    }
}

impl Display for TrimSide {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "BOTH",
            Self::Leading => "LEADING",
            Self::Trailing => "TRAILING",
        })
    }
}

impl Display for CaseBranch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "WHEN {} THEN {}", Commas(&self.conditions), self.result)
    }
}

impl Display for SetQuantifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::All {
            "ALL"
        } else {
            "DISTINCT"
        })
    }
}

// --- calls -------------------------------------------------------------------------------------

impl Display for FunctionCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if !self.bare {
            f.write_char('(')?;
            if let Some(quantifier) = self.quantifier {
                write!(f, "{quantifier} ")?;
            }
            arguments(self, f)?;
            f.write_str(&ListClause(" ORDER BY ", &self.order_by, "").to_string())?;
            if let Some(json) = &self.json {
                // JSON_OBJECT(NULL ON NULL) has no arguments before its clause
                let clauses = json.to_string();
                f.write_str(if self.args.is_empty() {
                    clauses.trim_start()
                } else {
                    &clauses
                })?;
            }
            f.write_char(')')?;
        }
        match self.nulls {
            Some(NullTreatment::Ignore) => f.write_str(" IGNORE NULLS")?,
            Some(NullTreatment::Respect) => f.write_str(" RESPECT NULLS")?,
            None => {}
        }
        ListClause(" WITHIN GROUP (ORDER BY ", &self.within_group, ")").fmt(f)?;
        if let Some(filter) = &self.filter {
            write!(f, " FILTER (WHERE {filter})")?;
        }
        Clause(" OVER ", &self.over).fmt(f)
    }
}

/// The arguments, with the words that the function's own syntax puts between them.
fn arguments(call: &FunctionCall, f: &mut Formatter<'_>) -> fmt::Result {
    let name = match call.name.parts.as_slice() {
        [only] if !only.quoted => only.value.to_ascii_uppercase(),
        _ => String::new(),
    };
    let words: &[&str] = match name.as_str() {
        "EXTRACT" => &[" FROM "],
        "OVERLAY" => &[" PLACING ", " FROM ", " FOR "],
        "POSITION" => &[" IN ", " FROM "],
        "FLOOR" | "CEIL" | "CEILING" => &[" TO "],
        "JSON_OBJECT" | "JSON_OBJECTAGG" => return pairs(&call.args, f),
        _ => &[],
    };
    for (index, argument) in call.args.iter().enumerate() {
        if index > 0 {
            f.write_str(words.get(index - 1).copied().unwrap_or(", "))?;
        }
        match &argument.value {
            ArgValue::Expr(expr) if name == "POSITION" && index == 0 => {
                Operand(expr, precedence::RANGE + 1).fmt(f)?;
            }
            _ => argument.fmt(f)?,
        }
    }
    Ok(())
}

fn pairs(args: &[FunctionArg], f: &mut Formatter<'_>) -> fmt::Result {
    for (index, argument) in args.iter().enumerate() {
        let before = match index {
            0 => "KEY ",
            index if index % 2 == 1 => " VALUE ",
            _ => ", KEY ",
        };
        match &argument.value {
            // a key that does not begin with a word or a quote stands in parentheses
            ArgValue::Expr(expr) if index % 2 == 0 => {
                let plain = matches!(
                    &expr.kind,
                    ExprKind::Column(_)
                        | ExprKind::Literal(Literal::String { .. })
                        | ExprKind::Call(_)
                );
                let before = if plain {
                    before
                } else {
                    before.trim_end_matches("KEY ")
                };
                write!(f, "{before}{argument}")?;
            }
            _ => write!(f, "{before}{argument}")?,
        }
    }
    Ok(())
}

impl Display for FunctionArg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name} => ")?;
        }
        match &self.value {
            ArgValue::Expr(expr) => expr.fmt(f),
            ArgValue::Wildcard => f.write_char('*'),
            ArgValue::Default => f.write_str("DEFAULT"),
            ArgValue::Table(table) => table.fmt(f),
            ArgValue::Descriptor(columns) => write!(f, "DESCRIPTOR({})", Commas(columns)),
            ArgValue::Model(name) => write!(f, "MODEL {name}"),
        }
    }
}

impl Display for JsonClauses {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.on_null {
            Some(JsonNulls::Null) => f.write_str(" NULL ON NULL")?,
            Some(JsonNulls::Absent) => f.write_str(" ABSENT ON NULL")?,
            None => {}
        }
        Clause(" RETURNING ", &self.returning).fmt(f)?;
        match self.wrapper {
            Some(JsonWrapper::Without) => f.write_str(" WITHOUT WRAPPER")?,
            Some(JsonWrapper::Unconditional) => f.write_str(" WITH UNCONDITIONAL WRAPPER")?,
            Some(JsonWrapper::Conditional) => f.write_str(" WITH CONDITIONAL WRAPPER")?,
            None => {}
        }
        if let Some(behavior) = &self.on_empty {
            write!(f, " {behavior} ON EMPTY")?;
        }
        match &self.on_error {
            Some(behavior) => write!(f, " {behavior} ON ERROR"),
            None => Ok(()),
        }
    }
}

impl Display for JsonBehavior {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "ERROR",
            Self::Null => "NULL",
            Self::Default(expr) => return write!(f, "DEFAULT {expr}"),
            Self::EmptyArray => "EMPTY ARRAY",
            Self::EmptyObject => "EMPTY OBJECT",
            Self::True => "TRUE",
            Self::False => "FALSE",
            Self::Unknown => "UNKNOWN",
        })
    }
}

// --- windows -----------------------------------------------------------------------------------

impl Display for Over {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Spec(spec) => spec.fmt(f),
        }
    }
}

impl Display for WindowSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let base = Clause("", &self.base).to_string();
        let partition = ListClause(" PARTITION BY ", &self.partition_by, "").to_string();
        let order = ListClause(" ORDER BY ", &self.order_by, "").to_string();
        let frame = Clause(" ", &self.frame).to_string();
        write!(
            f,
            "({})",
            format!("{base}{partition}{order}{frame}").trim_start()
        )
    }
}

impl Display for WindowFrame {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let units = if self.units == FrameUnits::Rows {
            "ROWS"
        } else {
            "RANGE"
        };
        match &self.end {
            Some(end) => write!(f, "{units} BETWEEN {} AND {end}", self.start),
            None => write!(f, "{units} {}", self.start),
        }
    }
}

impl Display for FrameBound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnboundedPreceding => f.write_str("UNBOUNDED PRECEDING"),
            Self::Preceding(expr) => write!(f, "{} PRECEDING", Operand(expr, precedence::RANGE)),
            Self::CurrentRow => f.write_str("CURRENT ROW"),
            Self::Following(expr) => write!(f, "{} FOLLOWING", Operand(expr, precedence::RANGE)),
            Self::UnboundedFollowing => f.write_str("UNBOUNDED FOLLOWING"),
        }
    }
}
