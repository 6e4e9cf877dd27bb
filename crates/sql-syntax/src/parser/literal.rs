//! Literals and interval qualifiers.

use tailwater_types::diagnostic::Diagnostic;

use super::{Parsed, Parser};
use crate::ast::{IntervalLiteral, IntervalQualifier, Literal, TimeUnit};
use crate::token::TokenKind;

impl Parser<'_> {
    /// A literal that begins with a symbol or a quote.
    pub(super) fn literal(&mut self) -> Parsed<Option<Literal>> {
        let text = self.span().slice(self.text).to_owned();
        let literal = match self.peek() {
            TokenKind::Integer => Literal::Integer(text),
            TokenKind::Decimal => Literal::Decimal(text),
            TokenKind::Approx => Literal::Approx(text),
            TokenKind::Hex(digits) => return self.hex(digits.clone()).map(Some),
            TokenKind::String { value, charset } => {
                let mut value = value.clone();
                self.advance();
                while let TokenKind::String { value: more, charset: None } = self.peek() {
                    value.push_str(more);
                    self.advance();
                }
                return Ok(Some(Literal::String { value, charset: charset.clone() }));
            }
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(literal))
    }

    fn hex(&mut self, mut digits: String) -> Parsed<Literal> {
        self.advance();
        while let TokenKind::String { value, charset: None } = self.peek() {
            if value.len() % 2 == 1 || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(self.unexpected("pairs of hexadecimal digits"));
            }
            digits.push_str(&value.to_ascii_uppercase());
            self.advance();
        }
        Ok(Literal::Binary(digits))
    }

    /// A literal that begins with a word.
    pub(super) fn word_literal(&mut self) -> Parsed<Option<Literal>> {
        let simple = if self.at(&["NULL"]) {
            Literal::Null
        } else if self.at(&["TRUE"]) {
            Literal::Boolean(true)
        } else if self.at(&["FALSE"]) {
            Literal::Boolean(false)
        } else if self.at(&["UNKNOWN"]) {
            Literal::Unknown
        } else if self.at(&["INTERVAL"]) {
            return self.interval().map(Some);
        } else {
            return Ok(self.temporal());
        };
        self.advance();
        Ok(Some(simple))
    }

    fn temporal(&mut self) -> Option<Literal> {
        let TokenKind::String { value, .. } = self.peek_at(1) else {
            return None;
        };
        let value = value.clone();
        let literal = if self.at(&["DATE"]) {
            Literal::Date(value)
        } else if self.at(&["TIMESTAMP"]) {
            Literal::Timestamp(value)
        } else if self.at(&["TIME"]) {
            Literal::Time(value)
        } else {
            return None;
        };
        self.pos += 2;
        Some(literal)
    }

    fn interval(&mut self) -> Parsed<Literal> {
        self.advance();
        let negative = self.eat(&TokenKind::Minus);
        if !negative {
            self.eat(&TokenKind::Plus);
        }
        if !matches!(self.peek(), TokenKind::String { .. }) {
            let error = self.unexpected("an interval's value in quotes");
            return Err(Box::new(error.with_hint("write for example INTERVAL '5' SECOND")));
        }
        let value = self.string_literal("an interval's value in quotes")?;
        let qualifier = self.interval_qualifier()?;
        Ok(Literal::Interval(IntervalLiteral { negative, value, qualifier }))
    }

    /// `DAY(3) TO SECOND(6)`.
    pub(super) fn interval_qualifier(&mut self) -> Parsed<IntervalQualifier> {
        let from = self.span();
        let start = self.time_unit()?;
        let (mut precision, mut fraction) = (None, None);
        if self.eat(&TokenKind::LParen) {
            precision = Some(self.unsigned("a number of digits")?);
            if start == TimeUnit::Second && self.eat(&TokenKind::Comma) {
                fraction = Some(self.unsigned("a number of fractional digits")?);
            }
            self.expect(&TokenKind::RParen, "\")\"")?;
        }
        let mut end = None;
        if self.eat_words(&["TO"]) {
            end = Some(self.time_unit()?);
            if end == Some(TimeUnit::Second) && self.eat(&TokenKind::LParen) {
                fraction = Some(self.unsigned("a number of fractional digits")?);
                self.expect(&TokenKind::RParen, "\")\"")?;
            }
        }
        Ok(IntervalQualifier { start, precision, end, fraction, span: self.span_from(from) })
    }

    /// A time unit.
    pub(super) fn time_unit(&mut self) -> Parsed<TimeUnit> {
        let Some(unit) = self.word_at(0).and_then(parse_unit) else {
            let error: Diagnostic = *self.unexpected("a time unit");
            return Err(Box::new(
                error.with_hint("units are YEAR, MONTH, DAY, HOUR, MINUTE, SECOND"),
            ));
        };
        self.advance();
        Ok(unit)
    }
}

fn parse_unit(word: &str) -> Option<TimeUnit> {
    let word = word.to_ascii_uppercase();
    let name = word.strip_prefix("SQL_TSI_").unwrap_or(&word);
    Some(match name {
        "YEAR" | "YEARS" => TimeUnit::Year,
        "QUARTER" | "QUARTERS" => TimeUnit::Quarter,
        "MONTH" | "MONTHS" => TimeUnit::Month,
        "WEEK" | "WEEKS" => TimeUnit::Week,
        "DAY" | "DAYS" => TimeUnit::Day,
        "HOUR" | "HOURS" => TimeUnit::Hour,
        "MINUTE" | "MINUTES" => TimeUnit::Minute,
        "SECOND" | "SECONDS" => TimeUnit::Second,
        "MILLISECOND" => TimeUnit::Millisecond,
        "MICROSECOND" | "FRAC_SECOND" => TimeUnit::Microsecond,
        "NANOSECOND" => TimeUnit::Nanosecond,
        "EPOCH" => TimeUnit::Epoch,
        "DOW" => TimeUnit::Dow,
        "DOY" => TimeUnit::Doy,
        "ISODOW" => TimeUnit::IsoDow,
        "ISOYEAR" => TimeUnit::IsoYear,
        "DECADE" => TimeUnit::Decade,
        "CENTURY" => TimeUnit::Century,
        "MILLENNIUM" => TimeUnit::Millennium,
        _ => return None,
    })
}
