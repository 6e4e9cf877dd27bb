//! Function calls, plain and with syntax of their own.

use super::{Parsed, Parser};
use crate::ast::{
    ArgValue, Expr, ExprKind, FunctionArg, FunctionCall, Ident, NullTreatment, ObjectName,
    SetQuantifier, TableArg, TrimSide,
};
use crate::precedence;
use crate::token::TokenKind;

/// Functions that stand without parentheses.
const CONTEXT_FUNCTIONS: &[&str] = &[
    "CURRENT_CATALOG",
    "CURRENT_DATE",
    "CURRENT_DEFAULT_TRANSFORM_GROUP",
    "CURRENT_PATH",
    "CURRENT_ROLE",
    "CURRENT_SCHEMA",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "SESSION_USER",
    "SYSTEM_USER",
    "USER",
];

impl Parser<'_> {
    /// `CURRENT_TIMESTAMP`, `LOCALTIME(3)`; `None` where the word is no such function.
    pub(super) fn context_function(&mut self, word: &str) -> Parsed<Option<FunctionCall>> {
        let known = CONTEXT_FUNCTIONS.iter().find(|name| name.eq_ignore_ascii_case(word));
        let Some(known) = known else { return Ok(None) };
        if *known == "USER" && *self.peek_at(1) == TokenKind::LParen {
            return Ok(None);
        }
        let start = self.span();
        let name = self.any_word("a function")?;
        let mut call = empty_call(ObjectName { span: name.span, parts: vec![name] });
        call.bare = true;
        if *self.peek() == TokenKind::LParen {
            let precise = known.contains("TIME");
            if !precise || *self.peek_at(1) == TokenKind::RParen {
                let error = self.unexpected(&format!("nothing after {known}"));
                let hint = format!("write {known} without parentheses");
                return Err(Box::new(error.with_hint(hint)));
            }
            self.advance();
            let span = self.span();
            let digits = self.unsigned("a number of fractional digits")?;
            let literal = crate::ast::Literal::Integer(digits.to_string());
            call.args.push(argument(Expr { kind: ExprKind::Literal(literal), span }));
            self.expect(&TokenKind::RParen, "\")\"")?;
            call.bare = false;
        }
        call.span = self.span_from(start);
        Ok(Some(call))
    }

    /// A call whose name has been read; stands at `(`.
    pub(super) fn call(&mut self, name: ObjectName) -> Parsed<FunctionCall> {
        let start = name.span;
        let upper = match name.parts.as_slice() {
            [only] if !only.quoted => only.value.to_ascii_uppercase(),
            _ => String::new(),
        };
        self.expect(&TokenKind::LParen, "\"(\"")?;
        let mut call = empty_call(name);
        match upper.as_str() {
            "SUBSTRING" => self.split_args(&mut call, &["FROM", "FOR"])?,
            "OVERLAY" => self.overlay(&mut call)?,
            "POSITION" => self.position_call(&mut call)?,
            "EXTRACT" => self.extract(&mut call)?,
            "FLOOR" | "CEIL" | "CEILING" => self.rounding(&mut call)?,
            "TIMESTAMPADD" | "TIMESTAMPDIFF" => self.timestamp_arithmetic(&mut call)?,
            "JSON_VALUE" | "JSON_QUERY" | "JSON_EXISTS" => self.json_access(&mut call)?,
            "JSON_OBJECT" | "JSON_OBJECTAGG" => self.json_object(&mut call)?,
            "JSON_ARRAY" | "JSON_ARRAYAGG" => self.json_array(&mut call)?,
            _ => self.plain_args(&mut call)?,
        }
        self.expect(&TokenKind::RParen, "\",\" or \")\" in the arguments")?;
        self.call_suffixes(&mut call)?;
        call.span = self.span_from(start);
        Ok(call)
    }

    pub(super) fn plain_args(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        call.quantifier = self.set_quantifier();
        if *self.peek() == TokenKind::RParen {
            return Ok(());
        }
        call.args = self.comma_separated(Self::function_arg)?;
        call.nulls = self.null_treatment();
        if self.eat_words(&["ORDER", "BY"]) {
            call.order_by = self.comma_separated(Self::order_item)?;
        }
        Ok(())
    }

    pub(super) fn set_quantifier(&mut self) -> Option<SetQuantifier> {
        if self.eat_words(&["DISTINCT"]) {
            Some(SetQuantifier::Distinct)
        } else if self.eat_words(&["ALL"]) {
            Some(SetQuantifier::All)
        } else {
            None
        }
    }

    fn null_treatment(&mut self) -> Option<NullTreatment> {
        if self.eat_words(&["IGNORE", "NULLS"]) {
            Some(NullTreatment::Ignore)
        } else if self.eat_words(&["RESPECT", "NULLS"]) {
            Some(NullTreatment::Respect)
        } else {
            None
        }
    }

    fn function_arg(&mut self) -> Parsed<FunctionArg> {
        let start = self.span();
        let mut name = None;
        if *self.peek_at(1) == TokenKind::Arrow {
            name = Some(self.any_word("an argument's name")?);
            self.advance();
        }
        let value = self.arg_value()?;
        Ok(FunctionArg { name, value, span: self.span_from(start) })
    }

    fn arg_value(&mut self) -> Parsed<ArgValue> {
        let next_is_word = matches!(self.peek_at(1), TokenKind::Word | TokenKind::QuotedIdent(_));
        if self.eat(&TokenKind::Star) {
            Ok(ArgValue::Wildcard)
        } else if self.at(&["DEFAULT"]) {
            self.advance();
            Ok(ArgValue::Default)
        } else if self.at(&["TABLE"]) {
            self.table_arg().map(|table| ArgValue::Table(Box::new(table)))
        } else if self.at(&["DESCRIPTOR"]) && *self.peek_at(1) == TokenKind::LParen {
            self.advance();
            self.ident_list("a column's name").map(ArgValue::Descriptor)
        } else if self.at(&["MODEL"]) && next_is_word {
            self.advance();
            self.object_name("a model's name").map(ArgValue::Model)
        } else {
            let expr = self.expr()?;
            self.subquery_partitioning(expr)
        }
    }

    /// `(SELECT ..) PARTITION BY k` is a table; `(SELECT ..)` alone stays an expression.
    fn subquery_partitioning(&mut self, expr: Expr) -> Parsed<ArgValue> {
        if !self.at(&["PARTITION", "BY"]) {
            return Ok(ArgValue::Expr(expr));
        }
        match expr.kind {
            ExprKind::Subquery(query) => {
                let table = self.table_partitioning(*query, expr.span)?;
                Ok(ArgValue::Table(Box::new(table)))
            }
            _ => Err(self.unexpected("\",\" or \")\" in the arguments")),
        }
    }

    /// `TABLE t [PARTITION BY ..] [ORDER BY ..]`, `TABLE (query) ..`.
    fn table_arg(&mut self) -> Parsed<TableArg> {
        let start = self.span();
        let query = if *self.peek_at(1) == TokenKind::LParen {
            self.advance();
            *self.query_in_parens()?
        } else {
            self.table_query()?
        };
        self.table_partitioning(query, start)
    }

    fn table_partitioning(
        &mut self,
        query: crate::ast::Query,
        start: tailwater_types::diagnostic::Span,
    ) -> Parsed<TableArg> {
        let mut partition_by = Vec::new();
        if self.eat_words(&["PARTITION", "BY"]) {
            if *self.peek() == TokenKind::LParen {
                partition_by = self.parenthesized(Self::expr)?;
            } else {
                partition_by.push(self.expr()?);
                while *self.peek() == TokenKind::Comma && !self.at_next_argument() {
                    self.advance();
                    partition_by.push(self.expr()?);
                }
            }
        }
        let mut order_by = Vec::new();
        if self.eat_words(&["ORDER", "BY"]) {
            if *self.peek() == TokenKind::LParen {
                order_by = self.parenthesized(Self::order_item)?;
            } else {
                order_by.push(self.order_item()?);
            }
        }
        Ok(TableArg { query, partition_by, order_by, span: self.span_from(start) })
    }

    /// Whether what follows the comma is an argument, not one more partition key.
    fn at_next_argument(&self) -> bool {
        let word = |name: &str| self.word_at(1).is_some_and(|w| w.eq_ignore_ascii_case(name));
        let name = matches!(self.peek_at(1), TokenKind::QuotedIdent(_))
            || (self.word_at(1).is_some_and(|w| !crate::keyword::is_reserved(w))
                && !word("DESCRIPTOR"));
        !name || matches!(self.peek_at(2), TokenKind::LParen | TokenKind::Arrow)
    }

    fn call_suffixes(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        if let Some(nulls) = self.null_treatment() {
            call.nulls = Some(nulls);
        }
        if self.eat_words(&["WITHIN", "GROUP"]) {
            self.expect(&TokenKind::LParen, "\"(\"")?;
            self.expect_words(&["ORDER", "BY"])?;
            call.within_group = self.comma_separated(Self::order_item)?;
            self.expect(&TokenKind::RParen, "\")\"")?;
        }
        if self.at(&["FILTER"]) {
            self.advance();
            self.expect(&TokenKind::LParen, "\"(\" after FILTER")?;
            self.expect_words(&["WHERE"])?;
            call.filter = Some(self.boxed_expr()?);
            self.expect(&TokenKind::RParen, "\")\"")?;
        }
        if self.eat_words(&["OVER"]) {
            call.over = Some(self.over()?);
        }
        Ok(())
    }

    // --- syntax of their own -------------------------------------------------------------------

    pub(super) fn push_arg(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        let expr = self.expr()?;
        call.args.push(argument(expr));
        Ok(())
    }

    /// `a FROM b FOR c`, or arguments by comma.
    fn split_args(&mut self, call: &mut FunctionCall, words: &[&str]) -> Parsed<()> {
        self.push_arg(call)?;
        for word in words {
            if self.eat_words(&[word]) || self.eat(&TokenKind::Comma) {
                self.push_arg(call)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn overlay(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        self.push_arg(call)?;
        self.expect_words(&["PLACING"])?;
        self.push_arg(call)?;
        self.expect_words(&["FROM"])?;
        self.push_arg(call)?;
        if self.eat_words(&["FOR"]) {
            self.push_arg(call)?;
        }
        Ok(())
    }

    fn position_call(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        let needle = self.expr_above(precedence::RANGE + 1)?;
        call.args.push(argument(needle));
        self.expect_words(&["IN"])?;
        self.push_arg(call)?;
        if self.eat_words(&["FROM"]) {
            self.push_arg(call)?;
        }
        Ok(())
    }

    fn push_unit(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        let span = self.span();
        let unit = self.time_unit()?;
        call.args.push(argument(Expr { kind: ExprKind::TimeUnit(unit), span }));
        Ok(())
    }

    fn extract(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        self.push_unit(call)?;
        self.expect_words(&["FROM"])?;
        self.push_arg(call)
    }

    fn rounding(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        self.push_arg(call)?;
        if self.eat_words(&["TO"]) {
            self.push_unit(call)?;
        }
        Ok(())
    }

    fn timestamp_arithmetic(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        self.push_unit(call)?;
        for _ in 0..2 {
            self.expect(&TokenKind::Comma, "\",\"")?;
            self.push_arg(call)?;
        }
        Ok(())
    }

    /// `TRIM(..)`; stands at the word.
    pub(super) fn trim(&mut self) -> Parsed<ExprKind> {
        self.pos += 2;
        let side = if self.eat_words(&["BOTH"]) {
            Some(TrimSide::Both)
        } else if self.eat_words(&["LEADING"]) {
            Some(TrimSide::Leading)
        } else if self.eat_words(&["TRAILING"]) {
            Some(TrimSide::Trailing)
        } else {
            None
        };
        let first =
            if side.is_some() && self.at(&["FROM"]) { None } else { Some(self.boxed_expr()?) };
        let (characters, expr) = match first {
            Some(expr) if !self.at(&["FROM"]) => {
                if side.is_some() {
                    return Err(self.unexpected("FROM"));
                }
                (None, expr)
            }
            characters => {
                self.advance();
                (characters, self.boxed_expr()?)
            }
        };
        self.expect(&TokenKind::RParen, "\")\"")?;
        Ok(ExprKind::Trim { side, characters, expr })
    }
}

/// A positional argument.
pub(super) fn argument(expr: Expr) -> FunctionArg {
    FunctionArg { name: None, span: expr.span, value: ArgValue::Expr(expr) }
}

/// A call without anything.
pub(super) fn empty_call(name: ObjectName) -> FunctionCall {
    FunctionCall {
        span: name.span,
        name,
        bare: false,
        quantifier: None,
        args: Vec::new(),
        order_by: Vec::new(),
        json: None,
        nulls: None,
        within_group: Vec::new(),
        filter: None,
        over: None,
    }
}

/// A one-part name.
pub(super) fn simple_name(ident: Ident) -> ObjectName {
    ObjectName { span: ident.span, parts: vec![ident] }
}
