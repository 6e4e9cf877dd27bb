//! Function calls and windows.

use std::fmt::{self, Display, Formatter, Write};

use super::expr::Operand;
use super::{Clause, Commas, ListClause};
use crate::ast::{
    ArgValue, ExprKind, FrameBound, FrameUnits, FunctionArg, FunctionCall, JsonBehavior,
    JsonClauses, JsonNulls, JsonWrapper, Literal, NullTreatment, Over, WindowFrame, WindowSpec,
};
use crate::precedence;

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
                f.write_str(if self.args.is_empty() { clauses.trim_start() } else { &clauses })?;
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
                let before = if plain { before } else { before.trim_end_matches("KEY ") };
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
        write!(f, "({})", format!("{base}{partition}{order}{frame}").trim_start())
    }
}

impl Display for WindowFrame {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let units = if self.units == FrameUnits::Rows { "ROWS" } else { "RANGE" };
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
