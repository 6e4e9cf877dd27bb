//! Values as the text that Flink's json and csv write.

use std::fmt::{self, Write as _};

use tailwater_expr::write_text;
use tailwater_types::{Datum, TypeKind};

use crate::json::TimestampFormat;

/// Text at the end of bytes.
pub(crate) struct Text<'a>(pub(crate) &'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Appends a value as the engine shows it.
pub(crate) fn append_shown(out: &mut Vec<u8>, datum: Datum<'_>, kind: &TypeKind) {
    // Bytes take everything.
    let _ = write_text(&mut Text(out), datum, kind);
}

/// Appends a time of day, a date or a point in time, of its fraction only what is there.
pub(crate) fn append_time(
    out: &mut Vec<u8>,
    datum: Datum<'_>,
    kind: &TypeKind,
    format: TimestampFormat,
) {
    let start = out.len();
    match kind {
        TypeKind::Time(_) => append_shown(out, datum, &TypeKind::Time(3)),
        _ => append_shown(out, datum, kind),
    }
    if out[start..].contains(&b'.') {
        let zeros = out[start..].iter().rev().take_while(|b| **b == b'0').count();
        out.truncate(out.len() - zeros);
        if out.last() == Some(&b'.') {
            out.pop();
        }
    }
    if kind.is_timestamp()
        && format == TimestampFormat::Iso8601
        && let Some(space) = out[start..].iter().position(|b| *b == b' ')
    {
        out[start + space] = b'T';
    }
    if matches!(kind, TypeKind::TimestampLtz(_)) {
        out.push(b'Z');
    }
}

/// Appends a decimal without zeros at its end: in full, or as Java's `BigDecimal` prints itself.
pub(crate) fn append_decimal(out: &mut Vec<u8>, unscaled: i128, scale: u8, has_exponents: bool) {
    let (mut value, mut scale) = (unscaled, i32::from(scale));
    if value == 0 {
        return out.push(b'0');
    }
    while value % 10 == 0 {
        (value, scale) = (value / 10, scale - 1);
    }
    if value < 0 {
        out.push(b'-');
    }
    let mut digits = String::with_capacity(40);
    // A String takes everything, and so do bytes.
    let _ = write!(digits, "{}", value.unsigned_abs());
    let count = digits.len() as i32;
    let exponent = count - 1 - scale;
    let text = &mut Text(out);
    let _ = if has_exponents && (scale < 0 || exponent < -6) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        write!(text, "{first}{point}{rest}E{exponent:+}")
    } else if scale <= 0 {
        write!(text, "{digits}{}", "0".repeat(scale.unsigned_abs() as usize))
    } else if count > scale {
        let (whole, fraction) = digits.split_at((count - scale) as usize);
        write!(text, "{whole}.{fraction}")
    } else {
        write!(text, "0.{}{digits}", "0".repeat((scale - count) as usize))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_java_does() {
        let table = [
            (1235, 2, "12.35", "12.35"),
            (10_000, 2, "1E+2", "100"),
            (1, 18, "1E-18", "0.000000000000000001"),
            (-5, 2, "-0.05", "-0.05"),
            (0, 2, "0", "0"),
            (150, 2, "1.5", "1.5"),
            (-123_000, 0, "-1.23E+5", "-123000"),
            (12, 9, "1.2E-8", "0.000000012"),
        ];
        for (unscaled, scale, with_exponents, plain) in table {
            for (has_exponents, expected) in [(true, with_exponents), (false, plain)] {
                let mut out = Vec::new();
                append_decimal(&mut out, unscaled, scale, has_exponents);
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }
}
