//! The clauses of the SQL/JSON functions.

use super::{Parsed, Parser};
use crate::ast::{FunctionCall, JsonBehavior, JsonClauses, JsonNulls, JsonWrapper};
use crate::token::TokenKind;

impl Parser<'_> {
    /// `JSON_VALUE(input, path ..)` and its family.
    pub(super) fn json_access(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        self.push_arg(call)?;
        while self.eat(&TokenKind::Comma) {
            self.push_arg(call)?;
        }
        let mut clauses = JsonClauses::default();
        self.json_returning(&mut clauses)?;
        clauses.wrapper = self.json_wrapper()?;
        while *self.peek() != TokenKind::RParen {
            let behavior = self.json_behavior()?;
            if self.eat_words(&["ON", "EMPTY"]) {
                clauses.on_empty = Some(behavior);
            } else if self.eat_words(&["ON", "ERROR"]) {
                clauses.on_error = Some(behavior);
            } else {
                return Err(self.unexpected("ON EMPTY or ON ERROR"));
            }
        }
        keep(call, clauses);
        Ok(())
    }

    fn json_returning(&mut self, clauses: &mut JsonClauses) -> Parsed<()> {
        if self.eat_words(&["RETURNING"]) {
            clauses.returning = Some(self.data_type()?);
        }
        Ok(())
    }

    fn json_wrapper(&mut self) -> Parsed<Option<JsonWrapper>> {
        let wrapper = if self.eat_words(&["WITHOUT"]) {
            JsonWrapper::Without
        } else if self.eat_words(&["WITH"]) {
            if self.eat_words(&["CONDITIONAL"]) {
                JsonWrapper::Conditional
            } else {
                self.eat_words(&["UNCONDITIONAL"]);
                JsonWrapper::Unconditional
            }
        } else {
            return Ok(None);
        };
        self.eat_words(&["ARRAY"]);
        self.expect_words(&["WRAPPER"])?;
        Ok(Some(wrapper))
    }

    fn json_behavior(&mut self) -> Parsed<JsonBehavior> {
        if self.eat_words(&["EMPTY", "ARRAY"]) {
            return Ok(JsonBehavior::EmptyArray);
        }
        if self.eat_words(&["EMPTY", "OBJECT"]) {
            return Ok(JsonBehavior::EmptyObject);
        }
        let behavior = if self.eat_words(&["DEFAULT"]) {
            JsonBehavior::Default(self.boxed_expr()?)
        } else if self.eat_words(&["ERROR"]) {
            JsonBehavior::Error
        } else if self.eat_words(&["NULL"]) {
            JsonBehavior::Null
        } else if self.eat_words(&["TRUE"]) {
            JsonBehavior::True
        } else if self.eat_words(&["FALSE"]) {
            JsonBehavior::False
        } else if self.eat_words(&["UNKNOWN"]) {
            JsonBehavior::Unknown
        } else {
            return Err(self.unexpected("\")\", or what to do ON EMPTY or ON ERROR"));
        };
        Ok(behavior)
    }

    /// `JSON_OBJECT([KEY] k VALUE v, ..)`, `JSON_OBJECTAGG(..)`.
    pub(super) fn json_object(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        if *self.peek() != TokenKind::RParen && !self.at_json_nulls() {
            loop {
                self.json_pair(call)?;
                if !self.eat(&TokenKind::Comma) {
                    break;
                }
            }
        }
        self.json_construction(call)
    }

    fn json_pair(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        let operand_follows = match self.peek_at(1) {
            TokenKind::Word => !self.word_at(1).is_some_and(|w| w.eq_ignore_ascii_case("VALUE")),
            TokenKind::QuotedIdent(_) | TokenKind::String { .. } => true,
            _ => false,
        };
        if operand_follows {
            self.eat_words(&["KEY"]);
        }
        self.push_arg(call)?;
        if !self.eat_words(&["VALUE"]) && !self.eat(&TokenKind::Colon) {
            return Err(self.unexpected("VALUE after the key"));
        }
        self.push_arg(call)
    }

    /// `JSON_ARRAY(a, b)`, `JSON_ARRAYAGG(a)`.
    pub(super) fn json_array(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        if *self.peek() != TokenKind::RParen && !self.at_json_nulls() {
            self.plain_args(call)?;
        }
        self.json_construction(call)
    }

    fn at_json_nulls(&self) -> bool {
        self.at(&["NULL", "ON", "NULL"]) || self.at(&["ABSENT", "ON", "NULL"])
    }

    fn json_construction(&mut self, call: &mut FunctionCall) -> Parsed<()> {
        let mut clauses = JsonClauses::default();
        if self.at_json_nulls() {
            let absent = self.at(&["ABSENT"]);
            clauses.on_null = Some(if absent { JsonNulls::Absent } else { JsonNulls::Null });
            self.pos += 3;
        }
        self.json_returning(&mut clauses)?;
        keep(call, clauses);
        Ok(())
    }
}

fn keep(call: &mut FunctionCall, clauses: JsonClauses) {
    if clauses != JsonClauses::default() {
        call.json = Some(Box::new(clauses));
    }
}
