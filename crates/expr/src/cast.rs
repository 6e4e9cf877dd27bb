//! Casts between Flink's types.

mod number;
mod string;
mod temporal;

use jiff::tz::TimeZone;
use tailwater_types::{DataType, Datum, RowWriter, TypeKind};

use crate::env::{Env, EvalError};
use crate::expr::{Expr, NullHandling, Volatility};
use crate::resolve::{ResolveContext, ResolveError};

pub(crate) use number::wrap;
pub(crate) use string::parse_double;
pub(crate) use temporal::{parse_date, parse_timestamp};

/// Who asks for a cast, and what becomes of a value that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastMode {
    /// `CAST`: the job fails.
    Explicit,
    /// `TRY_CAST`: NULL.
    Try,
    /// The planner, to bring arguments to a common type or a query to its sink's: only casts that
    /// Flink does without being asked.
    Implicit,
}

/// What a cast does to a value that is not NULL.
pub(crate) type CastFn =
    Box<dyn for<'a> Fn(&Env<'a>, Datum<'a>) -> Result<Datum<'a>, EvalError> + Send + Sync>;

/// A cast of `expr` to `target`; the result is nullable if `expr` is (or the mode is `Try`).
///
/// # Errors
/// Types that cannot be cast into one another.
pub fn cast(
    expr: Expr,
    target: &DataType,
    mode: CastMode,
    context: &ResolveContext,
) -> Result<Expr, ResolveError> {
    let from = expr.data_type.kind.clone();
    if mode == CastMode::Implicit && !is_implicit(&from, &target.kind, context) {
        return Err(ResolveError::new(format!(
            "implicit type conversion between {} and {} is not supported now",
            expr.data_type, target
        ))
        .with_hint(format!("write CAST(... AS {})", target.kind)));
    }
    let nullable = expr.data_type.nullable || mode == CastMode::Try;
    let data_type = target.with_nullable(nullable);
    if from == TypeKind::Null {
        return Ok(Expr::null(&data_type));
    }
    let Some(cast) = caster(&from, &target.kind, &context.time_zone)? else {
        return Ok(Expr { data_type, ..expr });
    };
    let zone = zone_suffix(&from, &target.kind, &context.time_zone);
    let is_try = mode == CastMode::Try;
    let name = if is_try { "TRY_CAST" } else { "CAST" };
    let is_constant = expr.as_literal().is_some();
    let call = Expr::call(
        format!("{name}<{from} AS {}{zone}>", target.kind),
        NullHandling::Strict,
        Volatility::Pure,
        vec![expr],
        data_type,
        move |env, args| match cast(env, args[0]) {
            Err(_) if is_try => Ok(Datum::Null),
            result => result,
        },
    );
    // A constant that cannot be cast fails where it is evaluated, not where it is planned.
    Ok(match is_constant {
        true => call.clone().fold().unwrap_or(call),
        false => call,
    })
}

/// The common case inside this crate: a cast that the function's rules have already allowed.
pub(crate) fn convert(
    expr: Expr,
    kind: &TypeKind,
    context: &ResolveContext,
) -> Result<Expr, ResolveError> {
    let target = kind.clone().nullable();
    cast(expr, &target, CastMode::Explicit, context)
}

fn zone_suffix(from: &TypeKind, to: &TypeKind, zone: &TimeZone) -> String {
    if !has_local_time(from) && !has_local_time(to) {
        return String::new();
    }
    format!(" IN {}", zone_name(zone))
}

/// A name that tells the zone from others.
pub(crate) fn zone_name(zone: &TimeZone) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => {
            zone.to_fixed_offset().map_or_else(|_| format!("{zone:?}"), |offset| offset.to_string())
        }
    }
}

fn has_local_time(kind: &TypeKind) -> bool {
    match kind {
        TypeKind::TimestampLtz(_) => true,
        TypeKind::Array(element) | TypeKind::Multiset(element) => has_local_time(&element.kind),
        TypeKind::Map(key, value) => has_local_time(&key.kind) || has_local_time(&value.kind),
        TypeKind::Row(fields) => fields.iter().any(|f| has_local_time(&f.data_type.kind)),
        _ => false,
    }
}

/// Casts that Flink does without being asked.
fn is_implicit(from: &TypeKind, to: &TypeKind, context: &ResolveContext) -> bool {
    use TypeKind::{
        Array, BigInt, Binary, Char, Date, Decimal, Double, Float, Map, Multiset, Null, Row, Time,
        Timestamp, TimestampLtz, Varbinary, Varchar,
    };
    let child = |a: &DataType, b: &DataType| is_implicit(&a.kind, &b.kind, context);
    if from == to || *from == Null {
        return true;
    }
    match (from, to) {
        (Char(_), Char(_) | Varchar(_)) | (Varchar(_), Varchar(_)) => true,
        (Binary(_), Binary(_) | Varbinary(_)) | (Varbinary(_), Varbinary(_)) => true,
        (_, Decimal { .. } | Double) if from.is_numeric() => true,
        (_, Float) => from.is_integer() || matches!(from, Decimal { .. }),
        _ if from.is_integer() && to.is_integer() => {
            let rank = |k: &TypeKind| crate::unify::as_decimal(k).map_or(0, |d| d.0);
            rank(from) <= rank(to) || *to == BigInt
        }
        (Timestamp(_), Date | Time(_) | Timestamp(_) | TimestampLtz(_))
        | (TimestampLtz(_), Timestamp(_) | TimestampLtz(_))
        | (Time(_), Time(_)) => true,
        (Date, Timestamp(_)) => !context.is_strict,
        (Array(a), Array(b)) | (Multiset(a), Multiset(b)) => child(a, b),
        (Map(k1, v1), Map(k2, v2)) => child(k1, k2) && child(v1, v2),
        (Row(a), Row(b)) => {
            let mut pairs = a.iter().zip(b.iter());
            a.len() == b.len() && pairs.all(|(f, g)| child(&f.data_type, &g.data_type))
        }
        _ => false,
    }
}

fn refused(from: &TypeKind, to: &TypeKind) -> ResolveError {
    if from.is_numeric() && to.is_timestamp() {
        return ResolveError::new(
            "The cast from NUMERIC type to TIMESTAMP type is not allowed. It's recommended to use TO_TIMESTAMP(FROM_UNIXTIME(numeric_col)) instead, note the numeric is in seconds.",
        );
    }
    if from.is_timestamp() && to.is_numeric() {
        return ResolveError::new(
            "The cast from TIMESTAMP type to NUMERIC type is not allowed. It's recommended to use UNIX_TIMESTAMP(CAST(timestamp_col AS STRING)) instead.",
        );
    }
    ResolveError::new(format!("Cast function cannot convert value of type {from} to type {to}"))
}

/// How values of one type become values of another; `None` if they are the same.
pub(crate) fn caster(
    from: &TypeKind,
    to: &TypeKind,
    zone: &TimeZone,
) -> Result<Option<CastFn>, ResolveError> {
    if is_same(from, to) {
        return Ok(None);
    }
    let found = match (from, to) {
        (TypeKind::Null, _) => {
            let null: CastFn = Box::new(|_, _| Ok(Datum::Null));
            Some(null)
        }
        (TypeKind::Array(a), TypeKind::Array(b)) => cast_array(a, b, zone)?,
        (TypeKind::Multiset(a), TypeKind::Multiset(b)) => {
            let count = TypeKind::Int.not_null();
            cast_map((a, &count), (b, &count), zone)?
        }
        (TypeKind::Map(k1, v1), TypeKind::Map(k2, v2)) => cast_map((k1, v1), (k2, v2), zone)?,
        (TypeKind::Row(a), TypeKind::Row(b)) if a.len() == b.len() => {
            let mut fields = Vec::new();
            for (f, g) in a.iter().zip(b.iter()) {
                let (x, y) = (&f.data_type.kind, &g.data_type.kind);
                fields.push((x.layout(), y.layout(), caster(x, y, zone)?));
            }
            Some(cast_row(fields))
        }
        _ if to.is_string() => Some(string::to_string(from, to, zone)),
        _ if from.is_string() => string::from_string(to, zone),
        _ if from.is_binary() && to.is_binary() => Some(string::binary(to)),
        _ => number::caster(from, to).or_else(|| temporal::caster(from, to, zone)),
    };
    found.map(Some).ok_or_else(|| refused(from, to))
}

/// Whether values need no change.
fn is_same(from: &TypeKind, to: &TypeKind) -> bool {
    match (from, to) {
        (TypeKind::Char(a) | TypeKind::Varchar(a), TypeKind::Varchar(b)) => a <= b,
        (TypeKind::Binary(a) | TypeKind::Varbinary(a), TypeKind::Varbinary(b)) => a <= b,
        (TypeKind::Array(a), TypeKind::Array(b)) => is_same(&a.kind, &b.kind) && same_slot(a, b),
        (TypeKind::Map(k1, v1), TypeKind::Map(k2, v2)) => {
            is_same(&k1.kind, &k2.kind) && is_same(&v1.kind, &v2.kind)
        }
        (TypeKind::Row(a), TypeKind::Row(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|(f, g)| is_same(&f.data_type.kind, &g.data_type.kind))
        }
        _ => from == to,
    }
}

fn same_slot(a: &DataType, b: &DataType) -> bool {
    a.layout() == b.layout()
}

fn apply<'a>(
    cast: Option<&CastFn>,
    env: &Env<'a>,
    datum: Datum<'a>,
) -> Result<Datum<'a>, EvalError> {
    match cast {
        Some(cast) if !datum.is_null() => cast(env, datum),
        _ => Ok(datum),
    }
}

fn cast_items<'a>(
    env: &Env<'a>,
    items: tailwater_types::RowRef<'a>,
    from: tailwater_types::Layout,
    to: tailwater_types::Layout,
    cast: Option<&CastFn>,
) -> Result<tailwater_types::RowRef<'a>, EvalError> {
    let mut out = Vec::new();
    let mut writer = RowWriter::new(&mut out, items.len());
    for i in 0..items.len() {
        writer.push(apply(cast, env, items.get(i, from))?, to);
    }
    Ok(tailwater_types::RowRef::new(env.bytes(&out)))
}

fn cast_array(
    from: &DataType,
    to: &DataType,
    zone: &TimeZone,
) -> Result<Option<CastFn>, ResolveError> {
    let element = caster(&from.kind, &to.kind, zone)?;
    let (a, b) = (from.layout(), to.layout());
    Ok(Some(Box::new(move |env, datum| match datum {
        Datum::Array(items) => Ok(Datum::Array(cast_items(env, items, a, b, element.as_ref())?)),
        other => Ok(other),
    })))
}

fn cast_map(
    from: (&DataType, &DataType),
    to: (&DataType, &DataType),
    zone: &TimeZone,
) -> Result<Option<CastFn>, ResolveError> {
    let keys = caster(&from.0.kind, &to.0.kind, zone)?;
    let values = caster(&from.1.kind, &to.1.kind, zone)?;
    let (k1, v1) = (from.0.layout(), from.1.layout());
    let (k2, v2) = (to.0.layout(), to.1.layout());
    Ok(Some(Box::new(move |env, datum| match datum {
        Datum::Map(map) => {
            let keys = cast_items(env, map.keys(), k1, k2, keys.as_ref())?;
            let values = cast_items(env, map.values(), v1, v2, values.as_ref())?;
            Ok(Datum::Map(env.map(keys, values)))
        }
        other => Ok(other),
    })))
}

type FieldCast = (tailwater_types::Layout, tailwater_types::Layout, Option<CastFn>);

fn cast_row(fields: Vec<FieldCast>) -> CastFn {
    Box::new(move |env, datum| {
        let Datum::Row(row) = datum else {
            return Ok(datum);
        };
        let mut out = Vec::new();
        let mut writer = RowWriter::new(&mut out, fields.len());
        for (i, (from, to, cast)) in fields.iter().enumerate() {
            writer.push(apply(cast.as_ref(), env, row.get(i, *from))?, *to);
        }
        Ok(Datum::Row(tailwater_types::RowRef::new(env.bytes(&out))))
    })
}

#[cfg(test)]
mod tests;
