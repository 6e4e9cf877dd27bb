//! Expressions by precedence climbing, with Calcite's precedences.

use super::{Parsed, Parser};
use crate::ast::{
    BinaryOp, Expr, ExprKind, IsPredicate, JsonType, LikeKind, QuantifiedSet, Quantifier, UnaryOp,
};
use crate::precedence;
use crate::token::TokenKind;

/// An operator that goes on with a finished left operand.
enum Infix {
    Binary(BinaryOp),
    Is,
    IsDistinctFrom,
    Between,
    In,
    Like(LikeKind),
    Subscript,
    Field,
}

impl Parser<'_> {
    /// An expression.
    pub(crate) fn expr(&mut self) -> Parsed<Expr> {
        self.expr_above(0)
    }

    pub(super) fn boxed_expr(&mut self) -> Parsed<Box<Expr>> {
        self.expr().map(Box::new)
    }

    /// An expression of operators that bind at least this tight.
    pub(super) fn expr_above(&mut self, min: u8) -> Parsed<Expr> {
        self.nested(|p| p.climb(min))
    }

    fn climb(&mut self, min: u8) -> Parsed<Expr> {
        let outer = std::mem::replace(&mut self.height, 0);
        let mut left = self.prefix()?;
        let mut height = self.height + 1;
        while let Some((infix, binding, words)) = self.infix_here() {
            if binding < min {
                break;
            }
            self.height = 0;
            left = self.infix(left, infix, binding, words)?;
            height = self.grow(height)?;
        }
        self.height = outer.max(height);
        Ok(left)
    }

    // --- operators -----------------------------------------------------------------------------

    fn prefix(&mut self) -> Parsed<Expr> {
        let start = self.span();
        let op = match self.peek() {
            TokenKind::Minus => UnaryOp::Minus,
            TokenKind::Plus => UnaryOp::Plus,
            TokenKind::Word if self.at(&["NOT"]) => UnaryOp::Not,
            _ => return self.primary(),
        };
        self.advance();
        let expr = Box::new(self.expr_above(precedence::unary(op))?);
        Ok(Expr { kind: ExprKind::Unary { op, expr }, span: self.span_from(start) })
    }

    /// The operator here, how tight it binds, and how many tokens it takes, `NOT` left out.
    fn infix_here(&self) -> Option<(Infix, u8, usize)> {
        let op = match self.peek() {
            TokenKind::Eq => BinaryOp::Eq,
            TokenKind::NotEq => BinaryOp::NotEq,
            TokenKind::BangEq => BinaryOp::NotEqBang,
            TokenKind::Lt => BinaryOp::Lt,
            TokenKind::LtEq => BinaryOp::LtEq,
            TokenKind::Gt => BinaryOp::Gt,
            TokenKind::GtEq => BinaryOp::GtEq,
            TokenKind::Plus => BinaryOp::Plus,
            TokenKind::Minus => BinaryOp::Minus,
            TokenKind::Star => BinaryOp::Multiply,
            TokenKind::Slash => BinaryOp::Divide,
            TokenKind::Percent => BinaryOp::Modulo,
            TokenKind::Concat => BinaryOp::Concat,
            TokenKind::LBracket => return Some((Infix::Subscript, precedence::POSTFIX, 1)),
            TokenKind::Dot if *self.peek_at(1) != TokenKind::Star => {
                return Some((Infix::Field, precedence::POSTFIX, 1));
            }
            TokenKind::Word => return self.word_infix(),
            _ => return None,
        };
        Some((Infix::Binary(op), precedence::binary(op), 1))
    }

    fn word_infix(&self) -> Option<(Infix, u8, usize)> {
        if self.at(&["AND"]) {
            return Some((Infix::Binary(BinaryOp::And), precedence::binary(BinaryOp::And), 1));
        }
        if self.at(&["OR"]) {
            return Some((Infix::Binary(BinaryOp::Or), precedence::binary(BinaryOp::Or), 1));
        }
        if self.at(&["OVERLAPS"]) {
            return Some((Infix::Binary(BinaryOp::Overlaps), precedence::COMPARISON, 1));
        }
        if self.at(&["IS", "DISTINCT", "FROM"]) || self.at(&["IS", "NOT", "DISTINCT", "FROM"]) {
            return Some((Infix::IsDistinctFrom, precedence::COMPARISON, 1));
        }
        if self.at(&["IS"]) {
            return Some((Infix::Is, precedence::IS, 1));
        }
        let (infix, words) = match self.word_at(usize::from(self.at(&["NOT"])))? {
            word if word.eq_ignore_ascii_case("BETWEEN") => (Infix::Between, 1),
            word if word.eq_ignore_ascii_case("IN") => (Infix::In, 1),
            word if word.eq_ignore_ascii_case("LIKE") => (Infix::Like(LikeKind::Like), 1),
            word if word.eq_ignore_ascii_case("SIMILAR") => (Infix::Like(LikeKind::SimilarTo), 2),
            _ => return None,
        };
        Some((infix, precedence::RANGE, words))
    }

    fn infix(&mut self, left: Expr, infix: Infix, binding: u8, words: usize) -> Parsed<Expr> {
        let start = left.span;
        let negated = self.eat_words(&["NOT"]);
        let op_span = self.span();
        self.pos += words.min(1);
        let expr = Box::new(left);
        let kind = match infix {
            Infix::Binary(op) => {
                if binding == precedence::COMPARISON && self.at_any(&["ANY", "SOME", "ALL"]) {
                    self.quantified(expr, op)?
                } else {
                    let right = Box::new(self.expr_above(binding + 1)?);
                    ExprKind::Binary { left: expr, op, op_span, right }
                }
            }
            Infix::Is => self.is_predicate(expr)?,
            Infix::IsDistinctFrom => {
                let negated = self.eat_words(&["NOT"]);
                self.expect_words(&["DISTINCT", "FROM"])?;
                let right = Box::new(self.expr_above(binding + 1)?);
                ExprKind::IsDistinctFrom { left: expr, negated, right }
            }
            Infix::Between => self.between(expr, negated, binding)?,
            Infix::In => self.in_predicate(expr, negated)?,
            Infix::Like(kind) => {
                if kind == LikeKind::SimilarTo {
                    self.expect_words(&["TO"])?;
                }
                let pattern = Box::new(self.expr_above(binding + 1)?);
                let escape = if self.eat_words(&["ESCAPE"]) {
                    Some(Box::new(self.expr_above(binding + 1)?))
                } else {
                    None
                };
                ExprKind::Like { expr, negated, kind, pattern, escape }
            }
            Infix::Subscript => {
                let index = self.boxed_expr()?;
                self.expect(&TokenKind::RBracket, "\"]\"")?;
                ExprKind::Subscript { expr, index }
            }
            Infix::Field => ExprKind::Field { expr, field: self.ident("a field's name")? },
        };
        Ok(Expr { kind, span: self.span_from(start) })
    }

    fn between(&mut self, expr: Box<Expr>, negated: bool, binding: u8) -> Parsed<ExprKind> {
        let symmetric = self.eat_words(&["SYMMETRIC"]);
        if !symmetric {
            self.eat_words(&["ASYMMETRIC"]);
        }
        let low = Box::new(self.expr_above(binding + 1)?);
        self.expect_words(&["AND"])?;
        let high = Box::new(self.expr_above(binding + 1)?);
        Ok(ExprKind::Between { expr, negated, symmetric, low, high })
    }

    fn is_predicate(&mut self, expr: Box<Expr>) -> Parsed<ExprKind> {
        let negated = self.eat_words(&["NOT"]);
        let predicate = if self.eat_words(&["NULL"]) {
            IsPredicate::Null
        } else if self.eat_words(&["TRUE"]) {
            IsPredicate::True
        } else if self.eat_words(&["FALSE"]) {
            IsPredicate::False
        } else if self.eat_words(&["UNKNOWN"]) {
            IsPredicate::Unknown
        } else if self.eat_words(&["JSON"]) {
            IsPredicate::Json(if self.eat_words(&["OBJECT"]) {
                JsonType::Object
            } else if self.eat_words(&["ARRAY"]) {
                JsonType::Array
            } else if self.eat_words(&["SCALAR"]) {
                JsonType::Scalar
            } else {
                self.eat_words(&["VALUE"]);
                JsonType::Value
            })
        } else {
            return Err(self.unexpected("NULL, TRUE, FALSE, UNKNOWN, JSON or DISTINCT FROM"));
        };
        Ok(ExprKind::Is { expr, negated, predicate })
    }

    fn in_predicate(&mut self, expr: Box<Expr>, negated: bool) -> Parsed<ExprKind> {
        let set = self.query_or_list()?;
        Ok(match set {
            QuantifiedSet::Query(query) => ExprKind::InSubquery { expr, negated, query },
            QuantifiedSet::List(list) => ExprKind::InList { expr, negated, list },
        })
    }

    fn query_or_list(&mut self) -> Parsed<QuantifiedSet> {
        self.expect(&TokenKind::LParen, "\"(\" before the values or the query")?;
        if self.at_query() {
            let query = Box::new(self.query()?);
            self.expect(&TokenKind::RParen, "\")\"")?;
            return Ok(QuantifiedSet::Query(query));
        }
        let mut list = vec![self.expr_or_query()?];
        while self.eat(&TokenKind::Comma) {
            list.push(self.expr()?);
        }
        self.expect(&TokenKind::RParen, "\",\" or \")\"")?;
        if list.len() == 1 {
            return Ok(match list.remove(0) {
                Expr { kind: ExprKind::Subquery(query), .. } => QuantifiedSet::Query(query),
                other => QuantifiedSet::List(vec![other]),
            });
        }
        Ok(QuantifiedSet::List(list))
    }

    fn quantified(&mut self, left: Box<Expr>, op: BinaryOp) -> Parsed<ExprKind> {
        let quantifier = if self.at(&["ALL"]) { Quantifier::All } else { Quantifier::Any };
        self.advance();
        let right = self.query_or_list()?;
        Ok(ExprKind::Quantified { left, op, quantifier, right })
    }
}
