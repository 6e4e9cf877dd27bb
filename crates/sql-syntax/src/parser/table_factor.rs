//! What stands in FROM: tables, subqueries, table functions, joins.

use tailwater_types::diagnostic::Span;

use super::{Parsed, Parser};
use crate::ast::{JoinConstraint, JoinKind, ObjectName, TableAlias, TableRef, TableRefKind};
use crate::token::TokenKind;

impl Parser<'_> {
    /// A table with its joins.
    pub(super) fn table_ref(&mut self) -> Parsed<TableRef> {
        self.nested(Self::joined_table)
    }

    fn joined_table(&mut self) -> Parsed<TableRef> {
        let mut left = self.table_factor()?;
        let mut height = self.height;
        while let Some((kind, natural)) = self.join_here()? {
            self.height = 0;
            let right = self.table_factor()?;
            let constraint = if self.eat_words(&["ON"]) {
                Some(JoinConstraint::On(self.boxed_expr()?))
            } else if self.eat_words(&["USING"]) {
                Some(JoinConstraint::Using(self.ident_list("a column's name")?))
            } else {
                None
            };
            height = self.grow(height)?;
            let span = self.span_from(left.span);
            let (left_box, right) = (Box::new(left), Box::new(right));
            let kind = TableRefKind::Join { left: left_box, kind, natural, right, constraint };
            left = TableRef { kind, span };
        }
        self.height = self.height.max(height);
        Ok(left)
    }

    fn join_here(&mut self) -> Parsed<Option<(JoinKind, bool)>> {
        let natural = self.eat_words(&["NATURAL"]);
        let kind = if self.eat_words(&["JOIN"]) {
            return Ok(Some((JoinKind::Inner, natural)));
        } else if self.eat_words(&["INNER"]) {
            JoinKind::Inner
        } else if self.eat_words(&["LEFT"]) {
            JoinKind::Left
        } else if self.eat_words(&["RIGHT"]) {
            JoinKind::Right
        } else if self.eat_words(&["FULL"]) {
            JoinKind::Full
        } else if self.eat_words(&["CROSS"]) {
            JoinKind::Cross
        } else if natural {
            return Err(self.unexpected("a join after NATURAL"));
        } else {
            return Ok(None);
        };
        if matches!(kind, JoinKind::Left | JoinKind::Right | JoinKind::Full) {
            self.eat_words(&["OUTER"]);
        }
        self.expect_words(&["JOIN"])?;
        Ok(Some((kind, natural)))
    }

    fn table_factor(&mut self) -> Parsed<TableRef> {
        let start = self.span();
        let lateral = self.eat_words(&["LATERAL"]);
        let mut table = if *self.peek() == TokenKind::LParen {
            self.parens_table(lateral, start)?
        } else if self.at(&["UNNEST"]) {
            self.unnest()?
        } else if self.at(&["TABLE"]) && *self.peek_at(1) == TokenKind::LParen {
            self.wrapped_function(lateral)?
        } else {
            self.named_table(lateral)?
        };
        table.span = self.span_from(start);
        if self.at(&["MATCH_RECOGNIZE"]) {
            let clause = Box::new(self.match_recognize()?);
            let alias = self.table_alias()?;
            let kind = TableRefKind::Match { input: Box::new(table), clause, alias };
            table = TableRef { kind, span: self.span_from(start) };
        }
        Ok(table)
    }

    fn table_alias(&mut self) -> Parsed<Option<TableAlias>> {
        let start = self.span();
        if !self.eat_words(&["AS"]) && !self.at_ident() {
            return Ok(None);
        }
        let name = self.ident("a table's alias")?;
        let mut columns = Vec::new();
        if *self.peek() == TokenKind::LParen {
            columns = self.ident_list("a column's name")?;
        }
        Ok(Some(TableAlias { name, columns, span: self.span_from(start) }))
    }

    /// `(query) alias`, or joins in parentheses.
    fn parens_table(&mut self, lateral: bool, start: Span) -> Parsed<TableRef> {
        let inner = self.span();
        self.advance();
        if self.at_query() {
            let query = self.query()?;
            self.expect(&TokenKind::RParen, "\")\" after the query")?;
            return self.derived(lateral, query, start);
        }
        let table = self.table_ref()?;
        if self.at_query_tail() {
            if let TableRefKind::Derived { lateral: false, query, alias: None } = table.kind {
                let query = self.query_after_parens(*query, table.span)?;
                self.expect(&TokenKind::RParen, "\")\" after the query")?;
                return self.derived(lateral, query, start);
            }
            return Err(self.unexpected("\")\""));
        }
        self.expect(&TokenKind::RParen, "a join or \")\"")?;
        let TableRefKind::Derived { lateral: false, query, alias: None } = table.kind else {
            return Ok(TableRef { kind: table.kind, span: self.span_from(inner) });
        };
        self.derived(lateral, *query, start)
    }

    fn derived(
        &mut self,
        lateral: bool,
        query: crate::ast::Query,
        start: Span,
    ) -> Parsed<TableRef> {
        let alias = self.table_alias()?;
        let kind = TableRefKind::Derived { lateral, query: Box::new(query), alias };
        Ok(TableRef { kind, span: self.span_from(start) })
    }

    fn unnest(&mut self) -> Parsed<TableRef> {
        let start = self.span();
        self.advance();
        let exprs = self.parenthesized(Self::expr)?;
        let with_ordinality = self.eat_words(&["WITH", "ORDINALITY"]);
        let alias = self.table_alias()?;
        let kind = TableRefKind::Unnest { exprs, with_ordinality, alias };
        Ok(TableRef { kind, span: self.span_from(start) })
    }

    /// `TABLE(f(..))`.
    fn wrapped_function(&mut self, lateral: bool) -> Parsed<TableRef> {
        let start = self.span();
        self.pos += 2;
        let name = self.function_name()?;
        let call = Box::new(self.call(name)?);
        self.expect(&TokenKind::RParen, "\")\" after the table function")?;
        let alias = self.table_alias()?;
        let kind = TableRefKind::Function { lateral, wrapped: true, call, alias };
        Ok(TableRef { kind, span: self.span_from(start) })
    }

    fn function_name(&mut self) -> Parsed<ObjectName> {
        let callable = self.word_at(0).is_some_and(crate::keyword::is_reserved_function)
            && *self.peek_at(1) == TokenKind::LParen;
        let name = if callable {
            super::call::simple_name(self.any_word("a table function")?)
        } else {
            self.object_name("a table function")?
        };
        if *self.peek() != TokenKind::LParen {
            return Err(self.unexpected("\"(\" after the table function's name"));
        }
        Ok(name)
    }

    fn named_table(&mut self, lateral: bool) -> Parsed<TableRef> {
        let start = self.span();
        let name = self.object_name("a table's name")?;
        if *self.peek() == TokenKind::LParen {
            let call = Box::new(self.call(name)?);
            let alias = self.table_alias()?;
            let kind = TableRefKind::Function { lateral, wrapped: false, call, alias };
            return Ok(TableRef { kind, span: self.span_from(start) });
        }
        if lateral {
            return Err(self.unexpected("TABLE(..) or a query in parentheses after LATERAL"));
        }
        let mut hints = self.hints()?;
        let mut system_time = None;
        if self.at(&["FOR", "SYSTEM_TIME"]) {
            self.pos += 2;
            self.expect_words(&["AS", "OF"])?;
            system_time = Some(Box::new(self.expr_above(crate::precedence::RANGE)?));
        }
        let alias = self.table_alias()?;
        if hints.is_empty() {
            hints = self.hints()?;
        }
        let kind = TableRefKind::Table { name, hints, system_time, alias };
        Ok(TableRef { kind, span: self.span_from(start) })
    }
}
