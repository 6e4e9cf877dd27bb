//! Windows of OVER and of the WINDOW clause, and sort keys.

use super::{Parsed, Parser};
use crate::ast::{
    FrameBound, FrameUnits, NullsOrder, OrderItem, Over, SortDirection, WindowFrame, WindowSpec,
};
use crate::token::TokenKind;

impl Parser<'_> {
    pub(super) fn order_item(&mut self) -> Parsed<OrderItem> {
        let start = self.span();
        let expr = self.expr()?;
        let direction = if self.eat_words(&["ASC"]) {
            Some(SortDirection::Asc)
        } else if self.eat_words(&["DESC"]) {
            Some(SortDirection::Desc)
        } else {
            None
        };
        let nulls = if self.eat_words(&["NULLS", "FIRST"]) {
            Some(NullsOrder::First)
        } else if self.eat_words(&["NULLS", "LAST"]) {
            Some(NullsOrder::Last)
        } else {
            None
        };
        Ok(OrderItem { expr, direction, nulls, span: self.span_from(start) })
    }

    pub(super) fn over(&mut self) -> Parsed<Over> {
        if *self.peek() == TokenKind::LParen {
            self.window_spec().map(Over::Spec)
        } else {
            self.ident("a window's name or \"(\"").map(Over::Name)
        }
    }

    pub(super) fn window_spec(&mut self) -> Parsed<WindowSpec> {
        let start = self.span();
        self.expect(&TokenKind::LParen, "\"(\"")?;
        let base = if self.at_ident() { Some(self.ident("a window's name")?) } else { None };
        let mut partition_by = Vec::new();
        if self.eat_words(&["PARTITION", "BY"]) {
            partition_by = self.comma_separated(Self::expr)?;
        }
        let mut order_by = Vec::new();
        if self.eat_words(&["ORDER", "BY"]) {
            order_by = self.comma_separated(Self::order_item)?;
        }
        let frame = if self.at_any(&["ROWS", "RANGE"]) { Some(self.frame()?) } else { None };
        self.expect(&TokenKind::RParen, "PARTITION BY, ORDER BY, ROWS, RANGE or \")\"")?;
        Ok(WindowSpec { base, partition_by, order_by, frame, span: self.span_from(start) })
    }

    fn frame(&mut self) -> Parsed<WindowFrame> {
        let from = self.span();
        let units = if self.at(&["ROWS"]) { FrameUnits::Rows } else { FrameUnits::Range };
        self.advance();
        let (start, end) = if self.eat_words(&["BETWEEN"]) {
            let start = self.frame_bound()?;
            self.expect_words(&["AND"])?;
            (start, Some(self.frame_bound()?))
        } else {
            (self.frame_bound()?, None)
        };
        Ok(WindowFrame { units, start, end, span: self.span_from(from) })
    }

    fn frame_bound(&mut self) -> Parsed<FrameBound> {
        if self.eat_words(&["CURRENT", "ROW"]) {
            return Ok(FrameBound::CurrentRow);
        }
        if self.eat_words(&["UNBOUNDED", "PRECEDING"]) {
            return Ok(FrameBound::UnboundedPreceding);
        }
        if self.eat_words(&["UNBOUNDED", "FOLLOWING"]) {
            return Ok(FrameBound::UnboundedFollowing);
        }
        let bound = Box::new(self.expr_above(crate::precedence::RANGE)?);
        if self.eat_words(&["PRECEDING"]) {
            Ok(FrameBound::Preceding(bound))
        } else if self.eat_words(&["FOLLOWING"]) {
            Ok(FrameBound::Following(bound))
        } else {
            Err(self.unexpected("PRECEDING or FOLLOWING"))
        }
    }
}
