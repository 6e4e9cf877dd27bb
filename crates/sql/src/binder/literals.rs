//! Literals to constants.

use tailwater_expr::{CastMode, Expr, cast};
use tailwater_sql_syntax::ast::{IntervalLiteral, Literal, TimeUnit};
use tailwater_types::{Span, TypeKind, Value};

use super::types::interval_kind;
use super::{Binder, Bound};

impl Binder<'_> {
    pub(super) fn bind_literal(&mut self, literal: &Literal, span: Span) -> Bound<Expr> {
        Ok(match literal {
            Literal::Null => Expr::literal(Value::Null, TypeKind::Null.nullable()),
            Literal::Unknown => Expr::literal(Value::Null, TypeKind::Boolean.nullable()),
            Literal::Boolean(v) => Expr::literal(Value::Bool(*v), TypeKind::Boolean.not_null()),
            Literal::Integer(text) => return self.integer(text, span),
            Literal::Decimal(text) => return self.decimal(text, span),
            Literal::Approx(text) => Expr::literal(
                Value::Double(text.parse().unwrap_or(0.0)),
                TypeKind::Double.not_null(),
            ),
            Literal::String { value, .. } => text_literal(value),
            Literal::Binary(hex) => return self.binary(hex, span),
            Literal::Date(text) => return self.temporal(text, TypeKind::Date, span),
            Literal::Time(text) => {
                return self.temporal(text, TypeKind::Time(fraction_digits(text).min(3)), span);
            }
            Literal::Timestamp(text) => {
                return self.temporal(text, TypeKind::Timestamp(fraction_digits(text)), span);
            }
            Literal::Interval(interval) => return self.interval(interval, span),
        })
    }

    fn integer(&mut self, text: &str, span: Span) -> Bound<Expr> {
        match text.parse::<i64>() {
            Ok(v) if i32::try_from(v).is_ok() => {
                Ok(Expr::literal(Value::Int(v), TypeKind::Int.not_null()))
            }
            Ok(v) => Ok(Expr::literal(Value::Int(v), TypeKind::BigInt.not_null())),
            Err(_) => self.decimal(text, span),
        }
    }

    fn decimal(&mut self, text: &str, span: Span) -> Bound<Expr> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}");
        // Every digit counts as it is written: 0.908 is a DECIMAL(4, 3).
        let precision = digits.len().max(1);
        let unscaled = if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
        match unscaled {
            Some(v) if precision <= 38 => {
                let scale = fraction.len() as u8;
                let kind = TypeKind::Decimal { precision: precision as u8, scale };
                Ok(Expr::literal(Value::Decimal(v), kind.not_null()))
            }
            _ => self.error("E0112", span, "Numeric literal has more than 38 digits", None),
        }
    }

    fn binary(&mut self, hex: &str, span: Span) -> Bound<Expr> {
        let pairs: Option<Vec<u8>> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        match pairs {
            Some(bytes) => {
                let kind = TypeKind::Binary((bytes.len() as u32).max(1));
                Ok(Expr::literal(Value::Bytes(bytes.into()), kind.not_null()))
            }
            None => self.error("E0112", span, "binary literal is not hexadecimal", None),
        }
    }

    fn temporal(&mut self, text: &str, kind: TypeKind, span: Span) -> Bound<Expr> {
        let target = kind.not_null();
        let cast = cast(text_literal(text), &target, CastMode::Explicit, self.context);
        let cast = self.resolved(span, cast)?;
        match cast.fold() {
            Ok(folded) => Ok(Expr { data_type: target, ..folded }),
            Err(_) => {
                let message = format!("Illegal {} literal '{text}'", target.kind);
                self.error("E0112", span, message, Some("such as '2024-01-31 12:30:00'".to_owned()))
            }
        }
    }

    fn interval(&mut self, literal: &IntervalLiteral, span: Span) -> Bound<Expr> {
        let qualifier = &literal.qualifier;
        let kind = interval_kind(qualifier);
        let end = qualifier.end.unwrap_or(qualifier.start);
        match interval_value(&literal.value.value, qualifier.start, end) {
            Some(v) => {
                let v = if literal.negative { -v } else { v };
                Ok(Expr::literal(Value::Int(v), kind.not_null()))
            }
            None => {
                let message = format!("Illegal interval literal '{}'", literal.value.value);
                self.error("E0112", span, message, None)
            }
        }
    }
}

/// A `CHAR(n) NOT NULL` constant.
pub(super) fn text_literal(value: &str) -> Expr {
    let kind = match value.chars().count() as u32 {
        0 => TypeKind::Char(1),
        n => TypeKind::Char(n),
    };
    // The empty text has Flink's type CHAR(0), which cannot be declared.
    let kind = if value.is_empty() { TypeKind::Char(0) } else { kind };
    Expr::literal(Value::Str(value.into()), kind.not_null())
}

fn fraction_digits(text: &str) -> u8 {
    text.rsplit_once('.').map_or(0, |(_, f)| f.trim_end().len().min(9) as u8)
}

/// Months or milliseconds.
fn interval_value(text: &str, start: TimeUnit, end: TimeUnit) -> Option<i64> {
    let (sign, text) = match text.trim().strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.trim().trim_start_matches('+')),
    };
    let units = [
        (TimeUnit::Year, 12),
        (TimeUnit::Quarter, 3),
        (TimeUnit::Month, 1),
        (TimeUnit::Week, 7 * 86_400_000),
        (TimeUnit::Day, 86_400_000),
        (TimeUnit::Hour, 3_600_000),
        (TimeUnit::Minute, 60_000),
        (TimeUnit::Second, 1000),
    ];
    let place = |unit: TimeUnit| units.iter().position(|(u, _)| *u == unit);
    let (first, last) = (place(start)?, place(end)?);
    let is_single = first == last;
    let fields = units
        .get(first..=last)?
        .iter()
        .filter(|(unit, _)| is_single || !matches!(unit, TimeUnit::Quarter | TimeUnit::Week));
    let mut parts = text.split(['-', ' ', ':']);
    let mut total = 0_i64;
    for (unit, factor) in fields {
        let part = parts.next()?.trim();
        total = match (unit, part.split_once('.')) {
            (TimeUnit::Second, Some((whole, fraction))) => {
                let millis = format!("{fraction:0<3}").get(..3)?.parse::<i64>().ok()?;
                total.checked_add(whole.parse::<i64>().ok()?.checked_mul(1000)?)? + millis
            }
            _ => total.checked_add(part.parse::<i64>().ok()?.checked_mul(*factor)?)?,
        };
    }
    parts.next().is_none().then_some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_texts_become_months_or_milliseconds() {
        let check = |text, start, end| interval_value(text, start, end);
        assert_eq!(check("5", TimeUnit::Second, TimeUnit::Second), Some(5000));
        assert_eq!(check("-1.25", TimeUnit::Second, TimeUnit::Second), Some(-1250));
        assert_eq!(check("1-2", TimeUnit::Year, TimeUnit::Month), Some(14));
        assert_eq!(check("1 02:03", TimeUnit::Day, TimeUnit::Minute), Some(93_780_000));
        assert_eq!(check("1 02:03:04.5", TimeUnit::Day, TimeUnit::Second), Some(93_784_500));
        assert_eq!(check("x", TimeUnit::Day, TimeUnit::Day), None);
    }
}
