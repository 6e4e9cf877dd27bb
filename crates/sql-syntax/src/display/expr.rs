//! Expressions, with the parentheses their precedence asks for.

use std::fmt::{self, Display, Formatter};

use super::{Clause, Commas, Quoted, dotted, flag};
use crate::ast::{
    BinaryOp, CaseBranch, CastKind, Expr, ExprKind, IntervalQualifier, IsPredicate, JsonType,
    LikeKind, Literal, MatchSemantics, QuantifiedSet, Quantifier, RowSyntax, SetQuantifier,
    TimeUnit, TrimSide, UnaryOp,
};
use crate::precedence;

/// An operand: in parentheses if it binds looser than asked.
pub(super) struct Operand<'a>(pub(super) &'a Expr, pub(super) u8);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if binding(&self.0.kind) < self.1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
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
            Self::Unary { op: UnaryOp::Not, expr } => {
                write!(f, "NOT {}", Operand(expr, precedence::unary(UnaryOp::Not)))
            }
            Self::Unary { op, expr } => {
                let sign = if *op == UnaryOp::Minus { '-' } else { '+' };
                write!(f, "{sign}{}", Operand(expr, precedence::POSTFIX))
            }
            Self::Case { operand, branches, else_result } => {
                write!(f, "CASE{}", Clause(" ", operand))?;
                for branch in branches {
                    write!(f, " {branch}")?;
                }
                write!(f, "{} END", Clause(" ELSE ", else_result))
            }
            Self::Cast { kind, expr, data_type } => {
                let name = if *kind == CastKind::Cast { "CAST" } else { "TRY_CAST" };
                write!(f, "{name}({expr} AS {data_type})")
            }
            Self::Call(call) => call.fmt(f),
            Self::Trim { side, characters, expr } => {
                f.write_str("TRIM(")?;
                if let Some(side) = side {
                    write!(f, "{side} ")?;
                }
                if let Some(characters) = characters {
                    write!(f, "{characters} ")?;
                }
                write!(f, "{}{expr})", flag(side.is_some() || characters.is_some(), "FROM "))
            }
            Self::Row { syntax, fields } => {
                let word = if *syntax == RowSyntax::Explicit { "ROW" } else { "" };
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
            Self::DatetimeDifference { left, right, qualifier } => {
                let minus = precedence::binary(BinaryOp::Minus);
                let (left, right) = (Operand(left, minus), Operand(right, minus + 1));
                write!(f, "({left} - {right}) {qualifier}")
            }
            Self::Subquery(query) => write!(f, "({query})"),
            Self::Exists(query) => write!(f, "EXISTS ({query})"),
            Self::Match { semantics: MatchSemantics::Final, expr } => write!(f, "FINAL {expr}"),
            Self::Match { semantics: MatchSemantics::Running, expr } => write!(f, "RUNNING {expr}"),
            _ => predicate(self, f),
        }
    }
}

fn predicate(kind: &ExprKind, f: &mut Formatter<'_>) -> fmt::Result {
    let bound = binding(kind);
    let not = |negated: &bool| flag(*negated, "NOT ");
    match kind {
        ExprKind::Binary { left, op, right, .. } => {
            write!(f, "{} {op} {}", Operand(left, bound), Operand(right, bound + 1))
        }
        ExprKind::Is { expr, negated, predicate } => {
            write!(f, "{} IS {}{predicate}", Operand(expr, bound), not(negated))
        }
        ExprKind::IsDistinctFrom { left, negated, right } => {
            let (left, right) = (Operand(left, bound), Operand(right, bound + 1));
            write!(f, "{left} IS {}DISTINCT FROM {right}", not(negated))
        }
        ExprKind::Between { expr, negated, symmetric, low, high } => {
            let symmetric = flag(*symmetric, "SYMMETRIC ");
            let (low, high) = (Operand(low, bound + 1), Operand(high, bound + 1));
            let expr = Operand(expr, bound);
            write!(f, "{expr} {}BETWEEN {symmetric}{low} AND {high}", not(negated))
        }
        ExprKind::InList { expr, negated, list } => {
            write!(f, "{} {}IN ({})", Operand(expr, bound), not(negated), Commas(list))
        }
        ExprKind::InSubquery { expr, negated, query } => {
            write!(f, "{} {}IN ({query})", Operand(expr, bound), not(negated))
        }
        ExprKind::Like { expr, negated, kind, pattern, escape } => {
            let word = if *kind == LikeKind::Like { "LIKE" } else { "SIMILAR TO" };
            let (expr, pattern) = (Operand(expr, bound), Operand(pattern, bound + 1));
            write!(f, "{expr} {}{word} {pattern}", not(negated))?;
            match escape {
                Some(escape) => write!(f, " ESCAPE {}", Operand(escape, bound + 1)),
                None => Ok(()),
            }
        }
        _ => quantified(kind, f),
    }
}

fn quantified(kind: &ExprKind, f: &mut Formatter<'_>) -> fmt::Result {
    let bound = binding(kind);
    match kind {
        ExprKind::Quantified { left, op, quantifier, right } => {
            let word = if *quantifier == Quantifier::All { "ALL" } else { "SOME" };
            write!(f, "{} {op} {word} ", Operand(left, bound))?;
            match right {
                QuantifiedSet::Query(query) => write!(f, "({query})"),
                QuantifiedSet::List(list) => write!(f, "({})", Commas(list)),
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
            Self::String { value, charset: None } => Quoted(value).fmt(f),
            Self::String { value, charset: Some(charset) } => {
                write!(f, "_{charset}{}", Quoted(value))
            }
            Self::Binary(digits) => write!(f, "X'{digits}'"),
            Self::Date(text) => write!(f, "DATE {}", Quoted(text)),
            Self::Time(text) => write!(f, "TIME {}", Quoted(text)),
            Self::Timestamp(text) => write!(f, "TIMESTAMP {}", Quoted(text)),
            Self::Interval(interval) => {
                let sign = flag(interval.negative, "-");
                write!(f, "INTERVAL {sign}{} {}", interval.value, interval.qualifier)
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
        f.write_str(if *self == Self::All { "ALL" } else { "DISTINCT" })
    }
}
