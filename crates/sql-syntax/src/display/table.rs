//! What stands in FROM.

use std::fmt::{self, Display, Formatter};

use super::{Clause, Commas, ListClause, flag};
use crate::ast::{
    AfterMatch, JoinConstraint, JoinKind, MatchDefinition, MatchMeasure, MatchRecognize,
    MatchSubset, Pattern, PatternKind, PatternQuantifier, QueryBodyKind, RowsPerMatch, TableAlias,
    TableArg, TableRef, TableRefKind,
};

impl Display for TableRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TableRefKind::Table { name, hints, system_time, alias } => {
                write!(f, "{name}{}", ListClause(" /*+ ", hints, " */"))?;
                if let Some(time) = system_time {
                    write!(f, " FOR SYSTEM_TIME AS OF ({time})")?;
                }
                Clause(" AS ", alias).fmt(f)
            }
            TableRefKind::Derived { lateral, query, alias } => {
                write!(f, "{}({query}){}", flag(*lateral, "LATERAL "), Clause(" AS ", alias))
            }
            TableRefKind::Function { lateral, wrapped, call, alias } => {
                let (open, close) = if *wrapped { ("TABLE(", ")") } else { ("", "") };
                let alias = Clause(" AS ", alias);
                write!(f, "{}{open}{call}{close}{alias}", flag(*lateral, "LATERAL "))
            }
            TableRefKind::Unnest { exprs, with_ordinality, alias } => {
                let ordinality = flag(*with_ordinality, " WITH ORDINALITY");
                write!(f, "UNNEST({}){ordinality}{}", Commas(exprs), Clause(" AS ", alias))
            }
            TableRefKind::Match { input, clause, alias } => {
                write!(f, "{} {clause}{}", Grouped(input), Clause(" AS ", alias))
            }
            TableRefKind::Join { left, kind, natural, right, constraint } => {
                let kind = match kind {
                    JoinKind::Inner => "INNER",
                    JoinKind::Left => "LEFT",
                    JoinKind::Right => "RIGHT",
                    JoinKind::Full => "FULL",
                    JoinKind::Cross => "CROSS",
                };
                let natural = flag(*natural, "NATURAL ");
                write!(f, "{left} {natural}{kind} JOIN {}", Grouped(right))?;
                Clause(" ", constraint).fmt(f)
            }
        }
    }
}

/// A join in parentheses, anything else without.
struct Grouped<'a>(&'a TableRef);

impl Display for Grouped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            TableRefKind::Join { .. } => write!(f, "({})", self.0),
            _ => self.0.fmt(f),
        }
    }
}

impl Display for TableAlias {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, ListClause(" (", &self.columns, ")"))
    }
}

impl Display for JoinConstraint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(condition) => write!(f, "ON {condition}"),
            Self::Using(columns) => write!(f, "USING ({})", Commas(columns)),
        }
    }
}

impl Display for TableArg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.query.body.kind {
            QueryBodyKind::Table(_) => self.query.fmt(f)?,
            _ => write!(f, "TABLE ({})", self.query)?,
        }
        ListClause(" PARTITION BY (", &self.partition_by, ")").fmt(f)?;
        ListClause(" ORDER BY (", &self.order_by, ")").fmt(f)
    }
}

// --- MATCH_RECOGNIZE ---------------------------------------------------------------------------

impl Display for MatchRecognize {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("MATCH_RECOGNIZE (")?;
        ListClause("PARTITION BY ", &self.partition_by, " ").fmt(f)?;
        ListClause("ORDER BY ", &self.order_by, " ").fmt(f)?;
        ListClause("MEASURES ", &self.measures, " ").fmt(f)?;
        f.write_str(match self.rows_per_match {
            Some(RowsPerMatch::One) => "ONE ROW PER MATCH ",
            Some(RowsPerMatch::All) => "ALL ROWS PER MATCH ",
            None => "",
        })?;
        match &self.after_match {
            Some(AfterMatch::NextRow) => f.write_str("AFTER MATCH SKIP TO NEXT ROW ")?,
            Some(AfterMatch::PastLastRow) => f.write_str("AFTER MATCH SKIP PAST LAST ROW ")?,
            Some(AfterMatch::First(name)) => write!(f, "AFTER MATCH SKIP TO FIRST {name} ")?,
            Some(AfterMatch::Last(name)) => write!(f, "AFTER MATCH SKIP TO LAST {name} ")?,
            None => {}
        }
        let (start, end) = (flag(self.anchored_start, "^ "), flag(self.anchored_end, " $"));
        write!(f, "PATTERN ({start}{}{end}) ", self.pattern)?;
        if let Some(within) = &self.within {
            write!(f, "WITHIN {within} ")?;
        }
        ListClause("SUBSET ", &self.subsets, " ").fmt(f)?;
        write!(f, "DEFINE {})", Commas(&self.define))
    }
}

impl Display for MatchMeasure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} AS {}", self.expr, self.alias)
    }
}

impl Display for MatchDefinition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} AS {}", self.name, self.condition)
    }
}

impl Display for MatchSubset {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} = ({})", self.name, Commas(&self.members))
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            PatternKind::Variable(name) => name.fmt(f),
            PatternKind::Concat(parts) => joined(parts, " ", f),
            PatternKind::Alternation(parts) => joined(parts, " | ", f),
            PatternKind::Repeat { pattern, quantifier } => {
                write!(f, "{}{quantifier}", Part(pattern))
            }
            PatternKind::Permute(parts) => write!(f, "PERMUTE({})", Commas(parts)),
            PatternKind::Exclude(pattern) => write!(f, "{{- {pattern} -}}"),
        }
    }
}

fn joined(parts: &[Pattern], separator: &str, f: &mut Formatter<'_>) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        Part(part).fmt(f)?;
    }
    Ok(())
}

/// A pattern inside another one.
struct Part<'a>(&'a Pattern);

impl Display for Part<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            PatternKind::Variable(_) | PatternKind::Permute(_) | PatternKind::Exclude(_) => {
                self.0.fmt(f)
            }
            PatternKind::Repeat { .. } => write!(f, "({})", self.0),
            PatternKind::Concat(_) | PatternKind::Alternation(_) => write!(f, "({})", self.0),
        }
    }
}

impl Display for PatternQuantifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (0, None) => f.write_str("*")?,
            (1, None) => f.write_str("+")?,
            (0, Some(1)) => f.write_str("?")?,
            (min, None) => write!(f, "{{{min},}}")?,
            (min, Some(max)) if min == max => write!(f, "{{{min}}}")?,
            (min, Some(max)) => write!(f, "{{{min},{max}}}")?,
        }
        f.write_str(flag(self.reluctant, "?"))
    }
}
