//! `+ - * / %`, `MOD`, the sign, and the arithmetic of dates and intervals.

use tailwater_types::{Datum, Timestamp, TypeKind};

use super::call::{Call, double, int};
use crate::civil::{self, DAY_MILLIS};
use crate::decimal::{self, Scales};
use crate::env::EvalError;
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};
use crate::unify::{as_decimal, common_type};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    if call.name == "MOD" && call.args.len() == 2 {
        call.name = "%";
    }
    Some(match call.name {
        "+" | "-" | "*" | "/" | "%" if call.args.len() == 2 => binary(call),
        "-" | "NEGATE" if call.args.len() == 1 => negate(call),
        "+" if call.args.len() == 1 => Ok(call.take().remove(0)),
        _ => return None,
    })
}

fn is_interval(kind: &TypeKind) -> bool {
    matches!(kind, TypeKind::IntervalDayTime | TypeKind::IntervalYearMonth)
}

fn is_datetime(kind: &TypeKind) -> bool {
    matches!(kind, TypeKind::Date | TypeKind::Time(_)) || kind.is_timestamp()
}

fn binary(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    for (null, other) in [(0, 1), (1, 0)] {
        if *call.kind(null) == TypeKind::Null {
            let kind = call.kind(other).clone();
            call.cast(null, &kind)?;
        }
    }
    let (a, b) = (call.kind(0).clone(), call.kind(1).clone());
    if is_interval(&a) || is_interval(&b) || is_datetime(&a) || is_datetime(&b) {
        return with_interval(call, &a, &b);
    }
    if !a.is_numeric() || !b.is_numeric() {
        return Err(call.mismatch());
    }
    if a.is_integer() && b.is_integer() {
        return integers(call, &a, &b);
    }
    match (as_decimal(&a), as_decimal(&b)) {
        (Some(left), Some(right)) => decimals(call, left, right),
        _ => approximate(call),
    }
}

fn wrap(value: i64, kind: &TypeKind) -> Datum<'static> {
    Datum::Int(match kind {
        TypeKind::TinyInt => i64::from(value as i8),
        TypeKind::SmallInt => i64::from(value as i16),
        TypeKind::Int => i64::from(value as i32),
        _ => value,
    })
}

fn integers(call: &mut Call<'_>, a: &TypeKind, b: &TypeKind) -> Result<Expr, ResolveError> {
    let common = common_type(&[a.clone().not_null(), b.clone().not_null()]);
    let kind = match call.name {
        "%" => b.clone(),
        _ => common.ok_or_else(|| call.mismatch())?.kind,
    };
    let k = kind.clone();
    match call.name {
        "+" => call.strict(kind, move |_, v| Ok(wrap(int(v, 0).wrapping_add(int(v, 1)), &k))),
        "-" => call.strict(kind, move |_, v| Ok(wrap(int(v, 0).wrapping_sub(int(v, 1)), &k))),
        "*" => call.strict(kind, move |_, v| Ok(wrap(int(v, 0).wrapping_mul(int(v, 1)), &k))),
        _ => {
            let is_rest = call.name == "%";
            call.strict(kind, move |_, v| match (int(v, 0), int(v, 1)) {
                (_, 0) => Err(EvalError::new("/ by zero")),
                (x, y) if is_rest => Ok(wrap(x.wrapping_rem(y), &k)),
                (x, y) => Ok(wrap(x.wrapping_div(y), &k)),
            })
        }
    }
}

/// Digits and scale cut to 38 digits, keeping six after the point if the result has them.
fn adjusted(precision: u16, scale: u16) -> (u8, u8) {
    if precision <= 38 {
        return (precision as u8, scale as u8);
    }
    let whole = precision - scale;
    (38, 38_u16.saturating_sub(whole).max(scale.min(6)) as u8)
}

/// The type of `left op right`.
fn decimal_result(op: &str, left: (u8, u8), right: (u8, u8)) -> (u8, u8) {
    let ((p1, s1), (p2, s2)) =
        ((u16::from(left.0), u16::from(left.1)), (u16::from(right.0), u16::from(right.1)));
    let (whole1, whole2) = (p1.saturating_sub(s1), p2.saturating_sub(s2));
    match op {
        "*" => adjusted(p1 + p2 + 1, s1 + s2),
        "/" => {
            let scale = (s1 + p2 + 1).max(6);
            adjusted(whole1 + s2 + scale, scale)
        }
        "%" => adjusted(whole1.min(whole2) + s1.max(s2), s1.max(s2)),
        _ => adjusted(whole1.max(whole2) + s1.max(s2) + 1, s1.max(s2)),
    }
}

fn unscaled(datum: Datum<'_>) -> i128 {
    match datum {
        Datum::Decimal(v) => v,
        Datum::Int(v) => i128::from(v),
        _ => 0,
    }
}

fn decimals(call: &mut Call<'_>, left: (u8, u8), right: (u8, u8)) -> Result<Expr, ResolveError> {
    let (precision, scale) = decimal_result(call.name, left, right);
    let scales = Scales { left: left.1, right: right.1, precision, scale };
    let op: fn(i128, i128, Scales) -> Result<Option<i128>, EvalError> = match call.name {
        "+" => |a, b, s| Ok(decimal::add(a, b, s)),
        "-" => |a, b, s| Ok(decimal::add(a, -b, s)),
        "*" => |a, b, s| Ok(decimal::multiply(a, b, s)),
        "/" => decimal::divide,
        _ => decimal::remainder,
    };
    call.strict(TypeKind::Decimal { precision, scale }, move |_, args| {
        let value = op(unscaled(args[0]), unscaled(args[1]), scales)?;
        Ok(value.map_or(Datum::Null, Datum::Decimal))
    })
}

fn approximate(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    if call.name == "%" {
        return Err(call.mismatch());
    }
    let kind = common_type(&call.types()).ok_or_else(|| call.mismatch())?.kind;
    call.cast(0, &kind)?;
    call.cast(1, &kind)?;
    let op: fn(f64, f64) -> f64 = match call.name {
        "+" => |a, b| a + b,
        "-" => |a, b| a - b,
        "*" => |a, b| a * b,
        _ => |a, b| a / b,
    };
    // Two roundings, to double and then to float, are one for these four operations.
    let is_float = kind == TypeKind::Float;
    call.strict(kind, move |_, args| {
        let value = op(double(args, 0), double(args, 1));
        Ok(if is_float { Datum::Float(value as f32) } else { Datum::Double(value) })
    })
}

fn negate(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let kind = call.kind(0).clone();
    if !kind.is_numeric() && !is_interval(&kind) {
        return Err(call.mismatch());
    }
    call.name = "NEGATE";
    let k = kind.clone();
    call.strict(kind, move |_, args| {
        Ok(match args[0] {
            Datum::Int(v) => wrap(v.wrapping_neg(), &k),
            Datum::Decimal(v) => Datum::Decimal(-v),
            Datum::Float(v) => Datum::Float(-v),
            Datum::Double(v) => Datum::Double(-v),
            other => other,
        })
    })
}

/// A point in time moved by months or milliseconds.
pub(crate) fn shift<'a>(datum: Datum<'a>, kind: &TypeKind, by: i64, is_months: bool) -> Datum<'a> {
    match (datum, kind) {
        (Datum::Timestamp(time), _) if is_months => {
            let (days, micros) = civil::split_day(time);
            let day = civil::midnight(civil::add_months(days, by));
            Datum::Timestamp(Timestamp {
                micros: day.micros.saturating_add(micros),
                nanos: time.nanos,
            })
        }
        (Datum::Timestamp(time), _) => Datum::Timestamp(Timestamp {
            micros: time.micros.saturating_add(by.saturating_mul(1000)),
            nanos: time.nanos,
        }),
        (Datum::Int(days), TypeKind::Date) if is_months => Datum::Int(civil::add_months(days, by)),
        (Datum::Int(days), TypeKind::Date) => Datum::Int(days + by / DAY_MILLIS),
        (Datum::Int(millis), TypeKind::Time(_)) if !is_months => {
            Datum::Int((millis + by).rem_euclid(DAY_MILLIS))
        }
        (other, _) => other,
    }
}

fn with_interval(call: &mut Call<'_>, a: &TypeKind, b: &TypeKind) -> Result<Expr, ResolveError> {
    let name = call.name;
    if is_datetime(b) && is_interval(a) && name == "+" {
        call.args.swap(0, 1);
        return with_interval(call, b, a);
    }
    if is_datetime(a) && is_interval(b) && matches!(name, "+" | "-") {
        let sign = if name == "-" { -1 } else { 1 };
        let is_months = *b == TypeKind::IntervalYearMonth;
        let kind = a.clone();
        return call.strict(a.clone(), move |_, args| {
            Ok(shift(args[0], &kind, sign * int(args, 1), is_months))
        });
    }
    if is_interval(a) && a == b && matches!(name, "+" | "-") {
        let sign = if name == "-" { -1 } else { 1 };
        return call.strict(a.clone(), move |_, args| {
            Ok(Datum::Int(int(args, 0).wrapping_add(sign * int(args, 1))))
        });
    }
    if is_datetime(a) && is_datetime(b) && name == "-" {
        let point = |kind: &TypeKind| {
            let is_date = *kind == TypeKind::Date;
            move |datum: Datum<'_>| match datum {
                Datum::Timestamp(time) => time.millis(),
                Datum::Int(v) if is_date => v * DAY_MILLIS,
                Datum::Int(v) => v,
                _ => 0,
            }
        };
        let (x, y) = (point(a), point(b));
        return call.strict(TypeKind::IntervalDayTime, move |_, args| {
            Ok(Datum::Int(x(args[0]) - y(args[1])))
        });
    }
    if b.is_numeric() && is_interval(a) && matches!(name, "*" | "/") {
        return scale_interval(call, a);
    }
    if a.is_numeric() && is_interval(b) && name == "*" {
        call.args.swap(0, 1);
        return scale_interval(call, b);
    }
    Err(call.mismatch())
}

fn scale_interval(call: &mut Call<'_>, kind: &TypeKind) -> Result<Expr, ResolveError> {
    let is_division = call.name == "/";
    if call.kind(1).is_integer() {
        return call.strict(kind.clone(), move |_, args| match int(args, 1) {
            0 if is_division => Err(EvalError::new("/ by zero")),
            by if is_division => Ok(Datum::Int(int(args, 0).wrapping_div(by))),
            by => Ok(Datum::Int(int(args, 0).wrapping_mul(by))),
        });
    }
    call.cast(1, &TypeKind::Double)?;
    call.strict(kind.clone(), move |_, args| {
        let (interval, by) = (int(args, 0) as f64, double(args, 1));
        let value = if is_division { interval / by } else { interval * by };
        Ok(Datum::Int(value as i64))
    })
}
