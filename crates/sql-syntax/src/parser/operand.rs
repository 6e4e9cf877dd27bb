//! Operands: names, parentheses, constructors, CASE, CAST.

use tailwater_types::diagnostic::Diagnostic;

use super::{Parsed, Parser};
use crate::ast::{
    BinaryOp, CaseBranch, CastKind, Expr, ExprKind, MatchSemantics, ObjectName, Query, RowSyntax,
};
use crate::keyword;
use crate::precedence;
use crate::token::TokenKind;

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let kind = match self.peek() {
            TokenKind::Word => self.word_operand()?,
            TokenKind::QuotedIdent(_) => self.name_or_call()?,
            TokenKind::LParen => self.parens()?,
            _ => match self.literal()? {
                Some(literal) => ExprKind::Literal(literal),
                None => return Err(self.unexpected("an expression")),
            },
        };
        Ok(Expr { kind, span: self.span_from(start) })
    }

    fn word_operand(&mut self) -> Parsed<ExprKind> {
        if let Some(literal) = self.word_literal()? {
            return Ok(ExprKind::Literal(literal));
        }
        let word = self.word_at(0).unwrap_or("").to_ascii_uppercase();
        match (word.as_str(), self.peek_at(1)) {
            ("CASE", _) => self.case(),
            ("CAST", TokenKind::LParen) => self.cast(CastKind::Cast),
            ("TRY_CAST", TokenKind::LParen) => self.cast(CastKind::TryCast),
            ("EXISTS", TokenKind::LParen) => {
                self.pos += 1;
                self.query_in_parens().map(ExprKind::Exists)
            }
            ("ROW", TokenKind::LParen) => {
                self.pos += 1;
                let fields = self.maybe_empty(&TokenKind::LParen, &TokenKind::RParen)?;
                Ok(ExprKind::Row { syntax: RowSyntax::Explicit, fields })
            }
            ("ARRAY" | "MAP" | "MULTISET", TokenKind::LBracket) => {
                self.pos += 1;
                let items = self.maybe_empty(&TokenKind::LBracket, &TokenKind::RBracket)?;
                Ok(match word.as_str() {
                    "ARRAY" => ExprKind::Array(items),
                    "MAP" => ExprKind::Map(items),
                    _ => ExprKind::Multiset(items),
                })
            }
            ("ARRAY", TokenKind::LParen) => {
                self.pos += 1;
                self.query_in_parens().map(ExprKind::ArrayQuery)
            }
            ("MULTISET", TokenKind::LParen) => {
                self.pos += 1;
                self.query_in_parens().map(ExprKind::MultisetQuery)
            }
            ("RUNNING", TokenKind::Word) => self.match_semantics(MatchSemantics::Running),
            ("FINAL", TokenKind::Word) if *self.peek_at(2) == TokenKind::LParen => {
                self.match_semantics(MatchSemantics::Final)
            }
            ("TRIM", TokenKind::LParen) => self.trim(),
            _ => self.name_or_call(),
        }
    }

    fn match_semantics(&mut self, semantics: MatchSemantics) -> Parsed<ExprKind> {
        self.pos += 1;
        let expr = Box::new(self.expr_above(precedence::POSTFIX)?);
        Ok(ExprKind::Match { semantics, expr })
    }

    /// A column, a path or a call.
    fn name_or_call(&mut self) -> Parsed<ExprKind> {
        let start = self.span();
        if let Some(word) = self.word_at(0) {
            if let Some(call) = self.context_function(word)? {
                return Ok(ExprKind::Call(Box::new(call)));
            }
            if keyword::is_reserved(word) {
                let callable =
                    *self.peek_at(1) == TokenKind::LParen && keyword::is_reserved_function(word);
                if !callable {
                    return Err(self.no_operand(word));
                }
            }
        }
        let mut parts = vec![self.any_word("an expression")?];
        while *self.peek() == TokenKind::Dot && *self.peek_at(1) != TokenKind::Star {
            self.advance();
            parts.push(self.ident("a name after \".\"")?);
        }
        if *self.peek() == TokenKind::LParen {
            let name = ObjectName { parts, span: self.span_from(start) };
            return Ok(ExprKind::Call(Box::new(self.call(name)?)));
        }
        Ok(ExprKind::Column(parts))
    }

    fn no_operand(&self, word: &str) -> Box<Diagnostic> {
        if keyword::CLAUSE_WORDS.iter().any(|clause| clause.eq_ignore_ascii_case(word)) {
            let error = self.unexpected("an expression");
            let comma = self
                .pos
                .checked_sub(1)
                .and_then(|index| self.tokens.get(index))
                .is_some_and(|token| token.kind == TokenKind::Comma);
            if comma {
                return Box::new(error.with_hint("remove the comma before it"));
            }
            return error;
        }
        self.reserved_error(word, "an expression")
    }

    fn maybe_empty(&mut self, open: &TokenKind, close: &TokenKind) -> Parsed<Vec<Expr>> {
        self.expect(open, "an opening bracket")?;
        if self.eat(close) {
            return Ok(Vec::new());
        }
        let items = self.comma_separated(Self::expr)?;
        self.expect(close, "\",\" or the closing bracket")?;
        Ok(items)
    }

    /// `(expr)`, `(a, b)`, `(query)`.
    fn parens(&mut self) -> Parsed<ExprKind> {
        self.expect(&TokenKind::LParen, "\"(\"")?;
        if self.at_query() {
            let query = Box::new(self.query()?);
            self.expect(&TokenKind::RParen, "\")\"")?;
            return Ok(ExprKind::Subquery(query));
        }
        let first = self.expr_or_query()?;
        if self.eat(&TokenKind::RParen) {
            return self.datetime_difference(first.kind);
        }
        let mut fields = vec![first];
        while self.eat(&TokenKind::Comma) {
            fields.push(self.expr()?);
        }
        self.expect(&TokenKind::RParen, "\",\" or \")\"")?;
        Ok(ExprKind::Row { syntax: RowSyntax::Implicit, fields })
    }

    /// `(a - b) DAY TO SECOND`; the parentheses have been read.
    fn datetime_difference(&mut self, kind: ExprKind) -> Parsed<ExprKind> {
        match kind {
            ExprKind::Binary { left, op: BinaryOp::Minus, right, .. }
                if self.at_any(&["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"]) =>
            {
                let qualifier = self.interval_qualifier()?;
                Ok(ExprKind::DatetimeDifference { left, right, qualifier })
            }
            kind => Ok(kind),
        }
    }

    /// An expression, or a query that began with a parenthesis: `(SELECT 1) UNION (SELECT 2)`.
    pub(super) fn expr_or_query(&mut self) -> Parsed<Expr> {
        let expr = self.expr()?;
        if !self.at_query_tail() {
            return Ok(expr);
        }
        match expr.kind {
            ExprKind::Subquery(query) => {
                let query = self.query_after_parens(*query, expr.span)?;
                let span = query.span;
                Ok(Expr { kind: ExprKind::Subquery(Box::new(query)), span })
            }
            kind => Ok(Expr { kind, span: expr.span }),
        }
    }

    pub(super) fn query_in_parens(&mut self) -> Parsed<Box<Query>> {
        self.expect(&TokenKind::LParen, "\"(\" before a query")?;
        let query = self.query()?;
        self.expect(&TokenKind::RParen, "\")\" after the query")?;
        Ok(Box::new(query))
    }

    fn case(&mut self) -> Parsed<ExprKind> {
        self.pos += 1;
        let operand = if self.at(&["WHEN"]) { None } else { Some(self.boxed_expr()?) };
        let mut branches = Vec::new();
        while self.at(&["WHEN"]) {
            branches.push(self.case_branch(operand.is_some())?);
        }
        if branches.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let else_result = if self.eat_words(&["ELSE"]) { Some(self.boxed_expr()?) } else { None };
        self.expect_words(&["END"])?;
        Ok(ExprKind::Case { operand, branches, else_result })
    }

    fn case_branch(&mut self, simple: bool) -> Parsed<CaseBranch> {
        let start = self.span();
        self.pos += 1;
        let mut conditions = vec![self.expr()?];
        while simple && self.eat(&TokenKind::Comma) {
            conditions.push(self.expr()?);
        }
        self.expect_words(&["THEN"])?;
        let result = self.expr()?;
        Ok(CaseBranch { conditions, result, span: self.span_from(start) })
    }

    fn cast(&mut self, kind: CastKind) -> Parsed<ExprKind> {
        self.pos += 2;
        let expr = self.boxed_expr()?;
        self.expect_words(&["AS"])?;
        let data_type = Box::new(self.data_type()?);
        self.expect(&TokenKind::RParen, "\")\" after the type")?;
        Ok(ExprKind::Cast { kind, expr, data_type })
    }
}
