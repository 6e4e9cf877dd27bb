//! Casts among numbers and booleans: integers wrap and doubles saturate as in Java, a `DECIMAL`
//! that does not fit is NULL.

use tailwater_types::{Datum, TypeKind};

use super::CastFn;
use crate::decimal;

/// Keeps the low bits that an integer type has.
pub(crate) fn wrap(value: i64, kind: &TypeKind) -> i64 {
    match kind {
        TypeKind::TinyInt => i64::from(value as i8),
        TypeKind::SmallInt => i64::from(value as i16),
        TypeKind::Int => i64::from(value as i32),
        _ => value,
    }
}

fn from_double(value: f64, kind: &TypeKind) -> i64 {
    match kind {
        TypeKind::BigInt => value as i64,
        _ => wrap(i64::from(value as i32), kind),
    }
}

pub(super) fn caster(from: &TypeKind, to: &TypeKind) -> Option<CastFn> {
    let is_numberish = |k: &TypeKind| k.is_numeric() || *k == TypeKind::Boolean;
    if !is_numberish(from) || !is_numberish(to) {
        return None;
    }
    let scale = match from {
        TypeKind::Decimal { scale, .. } => *scale,
        _ => 0,
    };
    let target = to.clone();
    Some(match to {
        TypeKind::Boolean => Box::new(|_, datum| {
            Ok(Datum::Bool(match datum {
                Datum::Int(v) => v != 0,
                Datum::Float(v) => v != 0.0,
                Datum::Double(v) => v != 0.0,
                Datum::Decimal(v) => v != 0,
                other => return Ok(other),
            }))
        }),
        TypeKind::Float => Box::new(move |_, datum| {
            Ok(Datum::Float(match datum {
                Datum::Int(v) => v as f32,
                Datum::Float(v) => v,
                Datum::Double(v) => v as f32,
                Datum::Decimal(v) => decimal::to_f64(v, scale) as f32,
                Datum::Bool(v) => f32::from(u8::from(v)),
                other => return Ok(other),
            }))
        }),
        TypeKind::Double => Box::new(move |_, datum| {
            Ok(Datum::Double(match datum {
                Datum::Int(v) => v as f64,
                Datum::Float(v) => f64::from(v),
                Datum::Double(v) => v,
                Datum::Decimal(v) => decimal::to_f64(v, scale),
                Datum::Bool(v) => f64::from(u8::from(v)),
                other => return Ok(other),
            }))
        }),
        TypeKind::Decimal { precision, scale: to_scale } => {
            to_decimal(scale, *precision, *to_scale)
        }
        _ => Box::new(move |_, datum| {
            Ok(Datum::Int(match datum {
                Datum::Int(v) => wrap(v, &target),
                Datum::Float(v) => from_double(f64::from(v), &target),
                Datum::Double(v) => from_double(v, &target),
                Datum::Decimal(v) => {
                    let whole = v / decimal::pow10(u32::from(scale)).unwrap_or(1);
                    wrap(whole as i64, &target)
                }
                Datum::Bool(v) => i64::from(v),
                other => return Ok(other),
            }))
        }),
    })
}

fn to_decimal(from_scale: u8, precision: u8, scale: u8) -> CastFn {
    Box::new(move |_, datum| {
        let value = match datum {
            Datum::Int(v) => decimal::convert(i128::from(v), 0, precision, scale),
            Datum::Float(v) => decimal::from_f64(f64::from(v), precision, scale)?,
            Datum::Double(v) => decimal::from_f64(v, precision, scale)?,
            Datum::Decimal(v) => decimal::convert(v, from_scale, precision, scale),
            Datum::Bool(v) => decimal::convert(i128::from(v), 0, precision, scale),
            other => return Ok(other),
        };
        Ok(value.map_or(Datum::Null, Datum::Decimal))
    })
}
