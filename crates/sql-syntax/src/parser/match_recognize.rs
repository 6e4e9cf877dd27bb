//! MATCH_RECOGNIZE.

use super::{Parsed, Parser};
use crate::ast::{
    AfterMatch, MatchDefinition, MatchMeasure, MatchRecognize, MatchSubset, Pattern, PatternKind,
    PatternQuantifier, RowsPerMatch,
};
use crate::token::TokenKind;

impl Parser<'_> {
    /// The clause; stands at the word.
    pub(super) fn match_recognize(&mut self) -> Parsed<MatchRecognize> {
        let start = self.span();
        self.advance();
        self.expect(&TokenKind::LParen, "\"(\" after MATCH_RECOGNIZE")?;
        let mut partition_by = Vec::new();
        if self.eat_words(&["PARTITION", "BY"]) {
            partition_by = self.comma_separated(Self::expr)?;
        }
        let mut order_by = Vec::new();
        if self.eat_words(&["ORDER", "BY"]) {
            order_by = self.comma_separated(Self::order_item)?;
        }
        let mut measures = Vec::new();
        if self.eat_words(&["MEASURES"]) {
            measures = self.comma_separated(Self::measure)?;
        }
        let rows_per_match = if self.eat_words(&["ONE", "ROW", "PER", "MATCH"]) {
            Some(RowsPerMatch::One)
        } else if self.eat_words(&["ALL", "ROWS", "PER", "MATCH"]) {
            Some(RowsPerMatch::All)
        } else {
            None
        };
        let after_match =
            if self.eat_words(&["AFTER", "MATCH"]) { Some(self.after_match()?) } else { None };
        self.expect_words(&["PATTERN"])?;
        self.expect(&TokenKind::LParen, "\"(\" after PATTERN")?;
        let anchored_start = self.eat(&TokenKind::Caret);
        let pattern = self.pattern()?;
        let anchored_end = self.eat_words(&["$"]);
        self.expect(&TokenKind::RParen, "\")\" after the pattern")?;
        let within = if self.eat_words(&["WITHIN"]) { Some(self.expr()?) } else { None };
        let mut subsets = Vec::new();
        if self.eat_words(&["SUBSET"]) {
            subsets = self.comma_separated(Self::subset)?;
        }
        self.expect_words(&["DEFINE"])?;
        let define = self.comma_separated(Self::definition)?;
        self.expect(&TokenKind::RParen, "\",\" or \")\" after DEFINE")?;
        Ok(MatchRecognize {
            partition_by,
            order_by,
            measures,
            rows_per_match,
            after_match,
            anchored_start,
            pattern,
            anchored_end,
            within,
            subsets,
            define,
            span: self.span_from(start),
        })
    }

    fn measure(&mut self) -> Parsed<MatchMeasure> {
        let start = self.span();
        let expr = self.expr()?;
        self.expect_words(&["AS"])?;
        let alias = self.ident("a measure's name")?;
        Ok(MatchMeasure { expr, alias, span: self.span_from(start) })
    }

    fn definition(&mut self) -> Parsed<MatchDefinition> {
        let start = self.span();
        let name = self.ident("a pattern variable")?;
        self.expect_words(&["AS"])?;
        let condition = self.expr()?;
        Ok(MatchDefinition { name, condition, span: self.span_from(start) })
    }

    fn subset(&mut self) -> Parsed<MatchSubset> {
        let start = self.span();
        let name = self.ident("a name for the subset")?;
        self.expect(&TokenKind::Eq, "\"=\"")?;
        let members = self.ident_list("a pattern variable")?;
        Ok(MatchSubset { name, members, span: self.span_from(start) })
    }

    fn after_match(&mut self) -> Parsed<AfterMatch> {
        self.expect_words(&["SKIP"])?;
        if self.eat_words(&["PAST", "LAST", "ROW"]) {
            return Ok(AfterMatch::PastLastRow);
        }
        self.expect_words(&["TO"])?;
        if self.eat_words(&["NEXT", "ROW"]) {
            return Ok(AfterMatch::NextRow);
        }
        let named = matches!(self.peek_at(1), TokenKind::Word | TokenKind::QuotedIdent(_))
            && !self.word_at(1).is_some_and(|word| word.eq_ignore_ascii_case("PATTERN"));
        if named && self.eat_words(&["FIRST"]) {
            return self.ident("a pattern variable").map(AfterMatch::First);
        }
        if named {
            self.eat_words(&["LAST"]);
        }
        self.ident("a pattern variable").map(AfterMatch::Last)
    }

    // --- patterns ------------------------------------------------------------------------------

    fn pattern(&mut self) -> Parsed<Pattern> {
        self.nested(|p| {
            let start = p.span();
            let mut branches = vec![p.pattern_term()?];
            while p.eat(&TokenKind::Pipe) {
                branches.push(p.pattern_term()?);
            }
            let span = p.span_from(start);
            Ok(single_or(branches, PatternKind::Alternation, span))
        })
    }

    fn pattern_term(&mut self) -> Parsed<Pattern> {
        let start = self.span();
        let mut factors = vec![self.pattern_factor()?];
        while matches!(
            self.peek(),
            TokenKind::Word | TokenKind::QuotedIdent(_) | TokenKind::LParen | TokenKind::LBrace
        ) && !self.at(&["$"])
        {
            factors.push(self.pattern_factor()?);
        }
        let span = self.span_from(start);
        Ok(single_or(factors, PatternKind::Concat, span))
    }

    fn pattern_factor(&mut self) -> Parsed<Pattern> {
        let start = self.span();
        let kind = if self.eat(&TokenKind::LParen) {
            let inner = self.pattern()?;
            self.expect(&TokenKind::RParen, "\")\" in the pattern")?;
            inner.kind
        } else if self.at(&["PERMUTE"]) && *self.peek_at(1) == TokenKind::LParen {
            self.advance();
            PatternKind::Permute(self.parenthesized(Self::pattern)?)
        } else if self.eat(&TokenKind::LBrace) {
            self.expect(&TokenKind::Minus, "\"{-\"")?;
            let inner = self.pattern()?;
            self.expect(&TokenKind::Minus, "\"-}\"")?;
            self.expect(&TokenKind::RBrace, "\"-}\"")?;
            PatternKind::Exclude(Box::new(inner))
        } else {
            PatternKind::Variable(self.ident("a pattern variable")?)
        };
        let pattern = Pattern { kind, span: self.span_from(start) };
        let Some(quantifier) = self.pattern_quantifier()? else {
            return Ok(pattern);
        };
        let kind = PatternKind::Repeat { pattern: Box::new(pattern), quantifier };
        Ok(Pattern { kind, span: self.span_from(start) })
    }

    fn pattern_quantifier(&mut self) -> Parsed<Option<PatternQuantifier>> {
        let (min, max) = match self.peek() {
            TokenKind::Star => (0, None),
            TokenKind::Plus => (1, None),
            TokenKind::Question => (0, Some(1)),
            TokenKind::LBrace if *self.peek_at(1) != TokenKind::Minus => {
                let (min, max) = self.pattern_range()?;
                let reluctant = self.eat(&TokenKind::Question);
                return Ok(Some(PatternQuantifier { min, max, reluctant }));
            }
            _ => return Ok(None),
        };
        self.advance();
        let reluctant = self.eat(&TokenKind::Question);
        Ok(Some(PatternQuantifier { min, max, reluctant }))
    }

    /// `{n}`, `{n,}`, `{,m}`, `{n,m}`.
    fn pattern_range(&mut self) -> Parsed<(u32, Option<u32>)> {
        self.advance();
        let what = "a number of repetitions";
        if self.eat(&TokenKind::Comma) {
            let max = self.unsigned(what)?;
            self.expect(&TokenKind::RBrace, "\"}\"")?;
            return Ok((0, Some(max)));
        }
        let min = self.unsigned(what)?;
        let max = if self.eat(&TokenKind::Comma) {
            if *self.peek() == TokenKind::RBrace { None } else { Some(self.unsigned(what)?) }
        } else {
            Some(min)
        };
        self.expect(&TokenKind::RBrace, "\"}\"")?;
        Ok((min, max))
    }
}

fn single_or(
    mut parts: Vec<Pattern>,
    many: fn(Vec<Pattern>) -> PatternKind,
    span: tailwater_types::diagnostic::Span,
) -> Pattern {
    if parts.len() == 1 {
        let kind = parts.remove(0).kind;
        return Pattern { kind, span };
    }
    Pattern { kind: many(parts), span }
}
