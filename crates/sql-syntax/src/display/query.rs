//! Queries.

use std::fmt::{self, Display, Formatter};

use super::{Clause, Commas, ListClause, flag};
use crate::ast::{
    Cte, GroupBy, GroupItem, GroupItemKind, Hint, HintArg, NamedWindow, NullsOrder, OrderItem,
    Query, QueryBody, QueryBodyKind, Select, SelectItem, SelectItemKind, SetOp, SortDirection,
    With,
};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(with) = &self.with {
            write!(f, "{with} ")?;
        }
        write!(f, "{}{}", self.body, ListClause(" ORDER BY ", &self.order_by, ""))?;
        Clause(" LIMIT ", &self.limit).fmt(f)?;
        match &self.offset {
            Some(offset) => write!(f, " OFFSET {offset} ROWS"),
            None => Ok(()),
        }
    }
}

impl Display for With {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "WITH {}{}", flag(self.recursive, "RECURSIVE "), Commas(&self.ctes))
    }
}

impl Display for Cte {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} AS ({})", self.name, ListClause(" (", &self.columns, ")"), self.query)
    }
}

impl Display for QueryBody {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            QueryBodyKind::Select(select) => select.fmt(f),
            QueryBodyKind::Values(rows) => write!(f, "VALUES {}", Commas(rows)),
            QueryBodyKind::Table(name) => write!(f, "TABLE {name}"),
            QueryBodyKind::Nested(query) => write!(f, "({query})"),
            QueryBodyKind::Set { op, all, left, right } => {
                // the parser builds no other trees than those that read back the same
                let op = match op {
                    SetOp::Union => "UNION",
                    SetOp::Intersect => "INTERSECT",
                    SetOp::Except => "EXCEPT",
                };
                write!(f, "{left} {op}{} {right}", flag(*all, " ALL"))
            }
        }
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SELECT {}", ListClause("/*+ ", &self.hints, " */ "))?;
        if let Some(quantifier) = self.quantifier {
            write!(f, "{quantifier} ")?;
        }
        write!(f, "{}{}", Commas(&self.items), ListClause(" FROM ", &self.from, ""))?;
        Clause(" WHERE ", &self.filter).fmt(f)?;
        Clause(" GROUP BY ", &self.group_by).fmt(f)?;
        Clause(" HAVING ", &self.having).fmt(f)?;
        ListClause(" WINDOW ", &self.windows, "").fmt(f)?;
        Clause(" QUALIFY ", &self.qualify).fmt(f)
    }
}

impl Display for SelectItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SelectItemKind::Wildcard => f.write_str("*"),
            SelectItemKind::QualifiedWildcard(name) => write!(f, "{name}.*"),
            SelectItemKind::ExprWildcard(expr) => write!(f, "({expr}).*"),
            SelectItemKind::Expr { expr, alias } => write!(f, "{expr}{}", Clause(" AS ", alias)),
        }
    }
}

impl Display for Hint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, ListClause("(", &self.args, ")"))
    }
}

impl Display for HintArg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(option) => option.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Number(number) => f.write_str(&number.value),
        }
    }
}

impl Display for GroupBy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(quantifier) = self.quantifier {
            write!(f, "{quantifier} ")?;
        }
        Commas(&self.items).fmt(f)
    }
}

impl Display for GroupItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            GroupItemKind::Empty => f.write_str("()"),
            GroupItemKind::Expr(expr) => expr.fmt(f),
            GroupItemKind::GroupingSets(items) => write!(f, "GROUPING SETS ({})", Commas(items)),
            GroupItemKind::Cube(exprs) => write!(f, "CUBE ({})", Commas(exprs)),
            GroupItemKind::Rollup(exprs) => write!(f, "ROLLUP ({})", Commas(exprs)),
        }
    }
}

impl Display for NamedWindow {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} AS {}", self.name, self.spec)
    }
}

impl Display for OrderItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        f.write_str(match self.direction {
            Some(SortDirection::Asc) => " ASC",
            Some(SortDirection::Desc) => " DESC",
            None => "",
        })?;
        f.write_str(match self.nulls {
            Some(NullsOrder::First) => " NULLS FIRST",
            Some(NullsOrder::Last) => " NULLS LAST",
            None => "",
        })
    }
}
