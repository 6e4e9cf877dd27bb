//! Casts from and to text and bytes.

use jiff::tz::TimeZone;
use tailwater_types::{Datum, TypeKind};

use super::{CastFn, temporal};
use crate::civil::to_instant;
use crate::decimal;
use crate::env::{Env, EvalError};
use crate::text::Shown;

/// Text without what Java's `trim` takes away.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// Any value as text, cut or padded to the length of the target.
pub(super) fn to_string(from: &TypeKind, to: &TypeKind, zone: &TimeZone) -> CastFn {
    let (from, zone) = (from.clone(), zone.clone());
    let (length, pads) = match to {
        TypeKind::Char(n) => (*n as usize, true),
        TypeKind::Varchar(n) => (*n as usize, false),
        _ => (usize::MAX, false),
    };
    Box::new(move |env, datum| {
        let text = match datum {
            Datum::Str(text) => text,
            Datum::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => text,
                Err(_) => env.text(&String::from_utf8_lossy(bytes)),
            },
            Datum::Int(v) if from.is_integer() => env.format(format_args!("{v}")),
            other => env.format(format_args!("{}", Shown::new(other, &from, &zone))),
        };
        Ok(Datum::Str(fit(env, text, length, pads)))
    })
}

fn fit<'a>(env: &Env<'a>, text: &'a str, length: usize, pads: bool) -> &'a str {
    if text.len() <= length && !pads {
        return text;
    }
    let cut = text.char_indices().nth(length).map_or(text.len(), |(i, _)| i);
    let count = text[..cut].chars().count();
    if pads && count < length {
        let spaces = length - count;
        return env.format(format_args!("{text}{:spaces$}", ""));
    }
    &text[..cut]
}

/// Bytes cut or padded to the length of the target.
pub(super) fn binary(to: &TypeKind) -> CastFn {
    let (length, pads) = match to {
        TypeKind::Binary(n) => (*n as usize, true),
        TypeKind::Varbinary(n) => (*n as usize, false),
        _ => (usize::MAX, false),
    };
    Box::new(move |env, datum| {
        let bytes = match datum {
            Datum::Bytes(bytes) => bytes,
            Datum::Str(text) => text.as_bytes(),
            other => return Ok(other),
        };
        let cut = &bytes[..bytes.len().min(length)];
        if pads && cut.len() < length {
            let mut padded = cut.to_vec();
            padded.resize(length, 0);
            return Ok(Datum::Bytes(env.bytes(&padded)));
        }
        Ok(Datum::Bytes(cut))
    })
}

type Parse = Box<dyn Fn(&str) -> Result<Datum<'static>, EvalError> + Send + Sync>;

/// Text as a value of another type.
pub(super) fn from_string(to: &TypeKind, zone: &TimeZone) -> Option<CastFn> {
    if to.is_binary() {
        return Some(binary(to));
    }
    let (target, zone) = (to.clone(), zone.clone());
    let parse: Parse = match to {
        TypeKind::Boolean => Box::new(parse_bool),
        TypeKind::TinyInt | TypeKind::SmallInt | TypeKind::Int | TypeKind::BigInt => {
            Box::new(move |text| Ok(Datum::Int(parse_integer(text, &target)?)))
        }
        TypeKind::Float => Box::new(|text| {
            let text = float_text(text).ok_or_else(|| no_number("FLOAT"))?;
            let value = text.parse().map_err(|_| no_number("FLOAT"))?;
            Ok(Datum::Float(value))
        }),
        TypeKind::Double => Box::new(|text| {
            let value = parse_double(text).ok_or_else(|| no_number("DOUBLE"))?;
            Ok(Datum::Double(value))
        }),
        TypeKind::Decimal { precision, scale } => {
            let (precision, scale) = (*precision, *scale);
            Box::new(move |text| parse_decimal(text, precision, scale))
        }
        TypeKind::Date => Box::new(|text| {
            let days = temporal::parse_date(text).ok_or_else(|| no_time("DATE"))?;
            Ok(Datum::Int(days))
        }),
        TypeKind::Time(_) => Box::new(|text| {
            let millis = temporal::parse_time(text).ok_or_else(|| no_time("TIME"))?;
            Ok(Datum::Int(millis))
        }),
        TypeKind::Timestamp(precision) => {
            let precision = *precision;
            Box::new(move |text| {
                let time = temporal::parse_timestamp(text).ok_or_else(|| no_time("TIMESTAMP"))?;
                Ok(Datum::Timestamp(time.truncate(precision)))
            })
        }
        TypeKind::TimestampLtz(precision) => {
            let precision = *precision;
            Box::new(move |text| {
                let time =
                    temporal::parse_timestamp(text).ok_or_else(|| no_time("TIMESTAMP_LTZ"))?;
                Ok(Datum::Timestamp(to_instant(time, &zone).truncate(precision)))
            })
        }
        _ => return None,
    };
    Some(Box::new(move |_, datum| match datum {
        Datum::Str(text) => parse(text),
        other => Ok(other),
    }))
}

fn no_number(target: &str) -> EvalError {
    EvalError::new(format!("For input string: invalid character found (cast to {target})"))
}

fn no_time(target: &str) -> EvalError {
    EvalError::new(format!("For input string: not a {target}"))
}

fn parse_bool(text: &str) -> Result<Datum<'static>, EvalError> {
    let is_one_of = |words: [&str; 5]| words.iter().any(|w| text.eq_ignore_ascii_case(w));
    if is_one_of(["t", "true", "y", "yes", "1"]) {
        Ok(Datum::Bool(true))
    } else if is_one_of(["f", "false", "n", "no", "0"]) {
        Ok(Datum::Bool(false))
    } else {
        Err(EvalError::new("Cannot parse the text as BOOLEAN"))
    }
}

/// A whole number; digits after a point are dropped.
fn parse_integer(text: &str, target: &TypeKind) -> Result<i64, EvalError> {
    let text = trim(text);
    if text.is_empty() {
        return Err(EvalError::new(format!(
            "For input string: ''. Input is empty (cast to {target})"
        )));
    }
    let invalid = || no_number(&target.to_string());
    let (negative, rest) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut parts = rest.splitn(2, |b| *b == b'.');
    let (whole, fraction) = (parts.next().unwrap_or(&[]), parts.next());
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    if rest.is_empty() || !digits(whole) || !fraction.is_none_or(digits) {
        return Err(invalid());
    }
    let overflow =
        || EvalError::new(format!("For input string: value out of range (cast to {target})"));
    let mut value = 0_i64;
    for digit in whole {
        let next = value.checked_mul(10);
        value = next.and_then(|v| v.checked_sub(i64::from(digit - b'0'))).ok_or_else(overflow)?;
    }
    let value = if negative { Some(value) } else { value.checked_neg() };
    value.filter(|v| super::number::wrap(*v, target) == *v).ok_or_else(overflow)
}

/// What Java's `parseDouble` takes, in Rust's spelling.
fn float_text(text: &str) -> Option<&str> {
    let text = trim(text);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return Some(text);
    }
    let text = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let is_plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes().all(is_plain).then_some(text)
}

/// A double as Java reads it.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    float_text(text)?.parse().ok()
}

fn parse_decimal(text: &str, precision: u8, scale: u8) -> Result<Datum<'static>, EvalError> {
    let trimmed = trim(text);
    // Flink's fast path takes one letter for zero.
    if precision <= 18 && trimmed.len() == 1 && trimmed.as_bytes()[0].is_ascii_alphabetic() {
        return Ok(Datum::Decimal(0));
    }
    let mut parsed = decimal::parse(trimmed, precision, scale);
    // The same path counts digits before it rounds.
    if parsed == Some(None) && precision <= 18 && trimmed.len() <= 18 {
        let limit = decimal::pow10(u32::from(precision));
        let wider = decimal::parse(trimmed, precision + 1, scale).flatten();
        parsed = Some(wider.filter(|v| Some(v.abs()) == limit));
    }
    match parsed {
        Some(value) => Ok(value.map_or(Datum::Null, Datum::Decimal)),
        None => Err(no_number("DECIMAL")),
    }
}
