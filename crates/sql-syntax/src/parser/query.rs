//! Queries: WITH, SELECT, VALUES, set operations, ORDER BY, LIMIT.

use tailwater_types::diagnostic::Span;

use super::{Parsed, Parser};
use crate::ast::{
    Cte, Expr, ExprKind, GroupBy, GroupItem, GroupItemKind, Hint, HintArg, NamedWindow, ObjectName,
    Query, QueryBody, QueryBodyKind, Select, SelectItem, SelectItemKind, SetOp, SqlOption,
    StringLiteral, With,
};
use crate::token::TokenKind;

const UNION: u8 = 1;
const INTERSECT: u8 = 2;

impl Parser<'_> {
    /// Whether a query begins here, parentheses aside.
    pub(super) fn at_query(&self) -> bool {
        self.at_any(&["SELECT", "WITH", "VALUES"])
            || (self.at(&["TABLE"])
                && matches!(self.peek_at(1), TokenKind::Word | TokenKind::QuotedIdent(_)))
    }

    /// Whether what stands here goes on with a query in parentheses.
    pub(super) fn at_query_tail(&self) -> bool {
        self.at_any(&["UNION", "INTERSECT", "EXCEPT", "LIMIT", "OFFSET", "FETCH"])
            || self.at(&["ORDER", "BY"])
    }

    /// A query.
    pub(crate) fn query(&mut self) -> Parsed<Query> {
        self.nested(|p| {
            let start = p.span();
            let with = if p.at(&["WITH"]) { Some(p.with()?) } else { None };
            let left = p.query_primary()?;
            p.query_rest(with, left, start)
        })
    }

    /// A query whose first part, in parentheses, has been read.
    pub(super) fn query_after_parens(&mut self, inner: Query, span: Span) -> Parsed<Query> {
        let left = QueryBody { kind: QueryBodyKind::Nested(Box::new(inner)), span };
        self.query_rest(None, left, span)
    }

    fn query_rest(&mut self, with: Option<With>, left: QueryBody, start: Span) -> Parsed<Query> {
        let body = self.set_operations(left, UNION)?;
        let mut order_by = Vec::new();
        if self.eat_words(&["ORDER", "BY"]) {
            order_by = self.comma_separated(Self::order_item)?;
        }
        let (mut limit, mut offset) = (None, None);
        loop {
            if self.at(&["LIMIT"]) && limit.is_none() {
                self.advance();
                limit = if self.eat_words(&["ALL"]) { None } else { Some(self.expr()?) };
                if *self.peek() == TokenKind::Comma {
                    let error = self.unexpected("the end of LIMIT");
                    return Err(Box::new(error.with_hint("write LIMIT count OFFSET start")));
                }
            } else if self.at(&["OFFSET"]) && offset.is_none() {
                self.advance();
                offset = Some(self.expr()?);
                let _ = self.eat_words(&["ROWS"]) || self.eat_words(&["ROW"]);
            } else if self.at(&["FETCH"]) && limit.is_none() {
                limit = Some(self.fetch()?);
            } else {
                break;
            }
        }
        Ok(Query { with, body, order_by, limit, offset, span: self.span_from(start) })
    }

    fn fetch(&mut self) -> Parsed<Expr> {
        self.advance();
        if !self.eat_words(&["FIRST"]) && !self.eat_words(&["NEXT"]) {
            return Err(self.unexpected("FIRST or NEXT"));
        }
        let count = self.expr()?;
        if !self.eat_words(&["ROWS"]) && !self.eat_words(&["ROW"]) {
            return Err(self.unexpected("ROWS or ROW"));
        }
        self.expect_words(&["ONLY"])?;
        Ok(count)
    }

    fn with(&mut self) -> Parsed<With> {
        let start = self.span();
        self.advance();
        let recursive = self.eat_words(&["RECURSIVE"]);
        let ctes = self.comma_separated(Self::cte)?;
        Ok(With { recursive, ctes, span: self.span_from(start) })
    }

    fn cte(&mut self) -> Parsed<Cte> {
        let start = self.span();
        let name = self.ident("a name after WITH")?;
        let mut columns = Vec::new();
        if *self.peek() == TokenKind::LParen {
            columns = self.ident_list("a column's name")?;
        }
        self.expect_words(&["AS"])?;
        let query = self.query_in_parens()?;
        Ok(Cte { name, columns, query, span: self.span_from(start) })
    }

    // --- set operations ------------------------------------------------------------------------

    fn set_operations(&mut self, mut left: QueryBody, min: u8) -> Parsed<QueryBody> {
        let mut height = self.height;
        loop {
            let (op, binding) = if self.at(&["UNION"]) {
                (SetOp::Union, UNION)
            } else if self.at(&["EXCEPT"]) {
                (SetOp::Except, UNION)
            } else if self.at(&["INTERSECT"]) {
                (SetOp::Intersect, INTERSECT)
            } else {
                break;
            };
            if binding < min {
                break;
            }
            self.advance();
            let all = self.eat_words(&["ALL"]);
            if !all {
                self.eat_words(&["DISTINCT"]);
            }
            self.height = 0;
            let first = self.query_primary()?;
            let right = self.set_operations(first, binding + 1)?;
            height = self.grow(height)?;
            let span = left.span.to(right.span);
            let kind = QueryBodyKind::Set { op, all, left: Box::new(left), right: Box::new(right) };
            left = QueryBody { kind, span };
        }
        self.height = self.height.max(height);
        Ok(left)
    }

    fn query_primary(&mut self) -> Parsed<QueryBody> {
        let start = self.span();
        let kind = if self.at(&["SELECT"]) {
            QueryBodyKind::Select(Box::new(self.select()?))
        } else if self.at(&["VALUES"]) {
            self.advance();
            QueryBodyKind::Values(self.comma_separated(Self::expr)?)
        } else if self.at(&["TABLE"]) {
            self.advance();
            QueryBodyKind::Table(self.object_name("a table's name")?)
        } else if *self.peek() == TokenKind::LParen {
            QueryBodyKind::Nested(self.query_in_parens()?)
        } else {
            return Err(self.unexpected("SELECT, VALUES, WITH or a query in parentheses"));
        };
        Ok(QueryBody { kind, span: self.span_from(start) })
    }

    /// `TABLE t` as a query.
    pub(super) fn table_query(&mut self) -> Parsed<Query> {
        let start = self.span();
        let body = self.query_primary()?;
        let span = self.span_from(start);
        Ok(Query { with: None, body, order_by: Vec::new(), limit: None, offset: None, span })
    }

    // --- SELECT --------------------------------------------------------------------------------

    fn select(&mut self) -> Parsed<Select> {
        let start = self.span();
        self.advance();
        let hints = self.hints()?;
        let quantifier = self.set_quantifier();
        let items = self.comma_separated(Self::select_item)?;
        let mut select = Select {
            hints,
            quantifier,
            items,
            from: Vec::new(),
            filter: None,
            group_by: None,
            having: None,
            windows: Vec::new(),
            qualify: None,
            span: start,
        };
        if self.eat_words(&["FROM"]) {
            select.from = self.comma_separated(Self::table_ref)?;
        }
        self.select_clauses(&mut select)?;
        select.span = self.span_from(start);
        Ok(select)
    }

    fn select_clauses(&mut self, select: &mut Select) -> Parsed<()> {
        if self.eat_words(&["WHERE"]) {
            select.filter = Some(self.expr()?);
        }
        if self.at(&["GROUP", "BY"]) {
            select.group_by = Some(self.group_by()?);
        }
        if self.eat_words(&["HAVING"]) {
            select.having = Some(self.expr()?);
        }
        if self.eat_words(&["WINDOW"]) {
            select.windows = self.comma_separated(|p| {
                let start = p.span();
                let name = p.ident("a window's name")?;
                p.expect_words(&["AS"])?;
                let spec = p.window_spec()?;
                Ok(NamedWindow { name, spec, span: p.span_from(start) })
            })?;
        }
        if self.eat_words(&["QUALIFY"]) {
            select.qualify = Some(self.expr()?);
        }
        Ok(())
    }

    fn select_item(&mut self) -> Parsed<SelectItem> {
        let start = self.span();
        if self.eat(&TokenKind::Star) {
            return Ok(SelectItem { kind: SelectItemKind::Wildcard, span: start });
        }
        let expr = self.expr()?;
        let kind = if *self.peek() == TokenKind::Dot && *self.peek_at(1) == TokenKind::Star {
            self.pos += 2;
            match expr.kind {
                // `(a).*` and `a.*` are the same
                ExprKind::Column(parts) => {
                    SelectItemKind::QualifiedWildcard(ObjectName { parts, span: expr.span })
                }
                kind => SelectItemKind::ExprWildcard(Expr { kind, span: expr.span }),
            }
        } else {
            let aliased = self.eat_words(&["AS"]) || self.at_ident();
            let alias = if aliased { Some(self.ident("a column's alias")?) } else { None };
            SelectItemKind::Expr { expr, alias }
        };
        Ok(SelectItem { kind, span: self.span_from(start) })
    }

    fn group_by(&mut self) -> Parsed<GroupBy> {
        let start = self.span();
        self.pos += 2;
        let quantifier = self.set_quantifier();
        let items = self.comma_separated(Self::group_item)?;
        Ok(GroupBy { quantifier, items, span: self.span_from(start) })
    }

    fn group_item(&mut self) -> Parsed<GroupItem> {
        let start = self.span();
        let kind = if self.eat_words(&["GROUPING", "SETS"]) {
            let items = self.nested(|p| p.parenthesized(Self::group_item))?;
            GroupItemKind::GroupingSets(items)
        } else if self.eat_words(&["CUBE"]) {
            GroupItemKind::Cube(self.parenthesized(Self::expr)?)
        } else if self.eat_words(&["ROLLUP"]) {
            GroupItemKind::Rollup(self.parenthesized(Self::expr)?)
        } else if *self.peek() == TokenKind::LParen && *self.peek_at(1) == TokenKind::RParen {
            self.pos += 2;
            GroupItemKind::Empty
        } else {
            GroupItemKind::Expr(self.expr()?)
        };
        Ok(GroupItem { kind, span: self.span_from(start) })
    }

    // --- hints ---------------------------------------------------------------------------------

    /// `/*+ OPTIONS('k'='v'), LOOKUP(..) */`, or nothing.
    pub(super) fn hints(&mut self) -> Parsed<Vec<Hint>> {
        let mut hints = Vec::new();
        if !self.eat(&TokenKind::HintOpen) {
            return Ok(hints);
        }
        while *self.peek() != TokenKind::HintClose {
            let start = self.span();
            let name = self.any_word("a hint's name")?;
            let mut args = Vec::new();
            if *self.peek() == TokenKind::LParen {
                if *self.peek_at(1) == TokenKind::RParen {
                    self.pos += 2;
                } else {
                    args = self.parenthesized(Self::hint_arg)?;
                }
            }
            hints.push(Hint { name, args, span: self.span_from(start) });
            self.eat(&TokenKind::Comma);
        }
        self.expect(&TokenKind::HintClose, "\"*/\" after the hint")?;
        Ok(hints)
    }

    fn hint_arg(&mut self) -> Parsed<HintArg> {
        let start = self.span();
        let text = || StringLiteral { value: start.slice(self.text).to_owned(), span: start };
        match self.peek() {
            TokenKind::String { .. } => {
                let key = self.string_literal("an option's key")?;
                self.hint_value(key)
            }
            TokenKind::Integer | TokenKind::Decimal | TokenKind::Approx => {
                let number = text();
                self.advance();
                Ok(HintArg::Number(number))
            }
            _ => {
                let mut parts = vec![self.any_word("a hint's argument")?];
                while self.eat(&TokenKind::Dot) {
                    parts.push(self.any_word("a name after \".\"")?);
                }
                let span = self.span_from(start);
                if *self.peek() == TokenKind::Eq {
                    let words: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
                    return self.hint_value(StringLiteral { value: words.join("."), span });
                }
                Ok(HintArg::Name(ObjectName { parts, span }))
            }
        }
    }

    fn hint_value(&mut self, key: StringLiteral) -> Parsed<HintArg> {
        if !self.eat(&TokenKind::Eq) {
            return Ok(HintArg::Text(key));
        }
        let value = self.string_literal("the option's value in quotes")?;
        let span = key.span.to(value.span);
        Ok(HintArg::Option(SqlOption { key, value, span }))
    }
}
