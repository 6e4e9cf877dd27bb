//! `CEIL`, `FLOOR`, `ROUND`, `TRUNCATE` of numbers.

use tailwater_types::{Datum, TypeKind};

use super::super::call::{Call, int};
use crate::cast::wrap;
use crate::decimal;
use crate::expr::Expr;
use crate::java_float::double_digits;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("CEIL" | "CEILING", 1) => to_whole(call, false),
        ("FLOOR", 1) => to_whole(call, true),
        ("ROUND", 1..=2) => to_digits(call, true),
        ("TRUNCATE", 1..=2) => to_digits(call, false),
        _ => return None,
    })
}

fn to_whole(call: &mut Call<'_>, is_floor: bool) -> Result<Expr, ResolveError> {
    call.expect(&["n"])?;
    call.name = if is_floor { "FLOOR" } else { "CEIL" };
    let (kind, unit) = match call.kind(0) {
        TypeKind::Decimal { precision, scale } => (
            TypeKind::Decimal { precision: *precision, scale: 0 },
            decimal::pow10(u32::from(*scale)).unwrap_or(1),
        ),
        other => (other.clone(), 1),
    };
    call.strict(kind, move |_, args| {
        Ok(match args[0] {
            Datum::Decimal(v) if is_floor => Datum::Decimal(v.div_euclid(unit)),
            Datum::Decimal(v) => Datum::Decimal(-(-v).div_euclid(unit)),
            Datum::Double(v) => Datum::Double(if is_floor { v.floor() } else { v.ceil() }),
            Datum::Float(v) => Datum::Float(if is_floor { v.floor() } else { v.ceil() }),
            other => other,
        })
    })
}

/// The type of a `DECIMAL` rounded to a constant number of digits.
fn rounded_type(kind: &TypeKind, digits: Option<i64>) -> TypeKind {
    let (TypeKind::Decimal { precision, scale }, Some(digits)) = (kind, digits) else {
        return kind.clone();
    };
    if digits >= i64::from(*scale) {
        return kind.clone();
    }
    let whole = (1 + precision - scale).min(38);
    let kept = digits.clamp(0, 38) as u8;
    TypeKind::Decimal { precision: (whole + kept).min(38), scale: kept }
}

fn to_digits(call: &mut Call<'_>, rounds: bool) -> Result<Expr, ResolveError> {
    call.expect(&["n", "ni"])?;
    let constant = if call.args.len() > 1 { call.constant_int(1) } else { Some(0) };
    let kind = call.kind(0).clone();
    let target = rounded_type(&kind, constant);
    let from_scale = match kind {
        TypeKind::Decimal { scale, .. } => scale,
        _ => 0,
    };
    let (precision, scale) = match target {
        TypeKind::Decimal { precision, scale } => (precision, scale),
        _ => (38, 0),
    };
    call.strict(target, move |_, args| {
        let digits = if args.len() > 1 { int(args, 1) } else { 0 };
        let digits = digits.clamp(-1000, 1000) as i32;
        let exact = |value: i128, from: u8| {
            if digits >= i32::from(from) {
                Some(value)
            } else if rounds {
                decimal::round(value, from, digits)
            } else {
                Some(decimal::truncate(value, from, digits))
            }
        };
        Ok(match args[0] {
            Datum::Int(v) => {
                let value = exact(i128::from(v), 0).unwrap_or(0);
                Datum::Int(wrap(value as i64, &kind))
            }
            Datum::Decimal(v) => exact(v, from_scale)
                .and_then(|v| decimal::convert(v, from_scale, precision, scale))
                .map_or(Datum::Null, Datum::Decimal),
            Datum::Double(v) => Datum::Double(approximate(v, digits, rounds)),
            Datum::Float(v) => Datum::Float(approximate(f64::from(v), digits, rounds) as f32),
            other => other,
        })
    })
}

/// Rounds the digits that Java shows, not the binary number.
fn approximate(value: f64, digits: i32, rounds: bool) -> f64 {
    if !value.is_finite() {
        return value;
    }
    let shown = double_digits(value.abs());
    let all = shown.as_slice();
    let keep = shown.point + digits;
    if keep >= all.len() as i32 {
        return value;
    }
    if keep < 0 {
        return 0.0;
    }
    let kept = &all[..keep as usize];
    let mut number = kept.iter().fold(0_i128, |n, digit| n * 10 + i128::from(digit - b'0'));
    if rounds && all[keep as usize] >= b'5' {
        number += 1;
    }
    if number == 0 {
        return 0.0;
    }
    let magnitude: f64 = format!("{number}e{}", -digits).parse().unwrap_or(f64::NAN);
    magnitude.copysign(value)
}
