//! `TIMESTAMPADD`, `TIMESTAMPDIFF`, `OVERLAPS`.

use tailwater_types::{Datum, TypeKind};

use super::super::arithmetic::shift;
use super::super::call::{Call, int};
use super::Unit;
use crate::civil::{DAY_MILLIS, add_months};
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("TIMESTAMPADD", 3) => Unit::take(call, 0).and_then(|unit| add(call, unit)),
        ("TIMESTAMPDIFF", 3) => Unit::take(call, 0).and_then(|unit| difference(call, unit)),
        ("OVERLAPS", 4) => overlaps(call),
        _ => return None,
    })
}

fn no_unit(call: &Call<'_>, unit: Unit) -> ResolveError {
    ResolveError::new(format!("{} does not take the unit {unit:?}", call.name))
}

fn add(call: &mut Call<'_>, unit: Unit) -> Result<Expr, ResolveError> {
    call.expect(&["it", "id", "ic"])?;
    let (factor, is_months) = match (unit.months(), unit.millis()) {
        (Some(months), _) => (months, true),
        (None, Some(millis)) => (millis, false),
        _ => return Err(no_unit(call, unit)),
    };
    let is_of_time = !is_months && factor < DAY_MILLIS;
    if *call.kind(1) == TypeKind::Date && is_of_time {
        call.cast(1, &TypeKind::Timestamp(if factor == 1 { 3 } else { 0 }))?;
    }
    let kind = call.kind(1).clone();
    let data_type = kind.clone().with_nullable(call.nullable());
    let name = format!("TIMESTAMPADD<{unit:?}>");
    Ok(Expr::strict(name, call.take(), data_type, move |_, args| {
        let by = int(args, 0).saturating_mul(factor);
        Ok(shift(args[1], &kind, by, is_months))
    }))
}

/// Whole months from `start` to `end`, both in days.
fn months_between(end: i64, start: i64) -> i64 {
    if end < start {
        return -months_between(start, end);
    }
    let mut months = (end - start) / 31;
    while add_months(start, months) < end && add_months(start, months + 1) <= end {
        months += 1;
    }
    months
}

fn whole_months(end: i64, start: i64) -> i64 {
    let day = |millis: i64| (millis.div_euclid(DAY_MILLIS), millis.rem_euclid(DAY_MILLIS));
    let ((end_day, end_time), (start_day, start_time)) = (day(end), day(start));
    let months = months_between(end_day, start_day);
    let is_short = add_months(start_day, months) == end_day && end_time < start_time;
    months - i64::from(is_short)
}

/// The milliseconds of a point in time.
fn millis_of(datum: Datum<'_>, kind: &TypeKind) -> i64 {
    match datum {
        Datum::Timestamp(time) => time.millis(),
        Datum::Int(days) if *kind == TypeKind::Date => days * DAY_MILLIS,
        Datum::Int(millis) => millis,
        _ => 0,
    }
}

fn difference(call: &mut Call<'_>, unit: Unit) -> Result<Expr, ResolveError> {
    call.expect(&["tt", "dd", "td", "dt", "cc"])?;
    if unit.months().is_none() && unit.millis().is_none() {
        return Err(no_unit(call, unit));
    }
    let (from, to) = (call.kind(0).clone(), call.kind(1).clone());
    let data_type = TypeKind::Int.with_nullable(call.nullable());
    let name = format!("TIMESTAMPDIFF<{unit:?}>");
    Ok(Expr::strict(name, call.take(), data_type, move |_, args| {
        let (start, end) = (millis_of(args[0], &from), millis_of(args[1], &to));
        let units = match (unit.months(), unit.millis()) {
            (Some(months), _) => whole_months(end, start) / months,
            (None, Some(millis)) => (end - start) / millis,
            _ => 0,
        };
        Ok(Datum::Int(i64::from(units as i32)))
    }))
}

/// `OVERLAPS(start, end or length, start, end or length)`.
fn overlaps(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let kinds: Vec<TypeKind> = call.types().into_iter().map(|t| t.kind).collect();
    let is_point =
        |k: &TypeKind| k.is_timestamp() || matches!(k, TypeKind::Date | TypeKind::Time(_));
    let is_length =
        |k: &TypeKind| matches!(k, TypeKind::IntervalDayTime | TypeKind::IntervalYearMonth);
    let is_period = |a: &TypeKind, b: &TypeKind| is_point(a) && (is_point(b) || is_length(b));
    if !is_period(&kinds[0], &kinds[1]) || !is_period(&kinds[2], &kinds[3]) {
        return Err(call.mismatch());
    }
    call.strict(TypeKind::Boolean, move |_, args| {
        let period = |i: usize| {
            let start = millis_of(args[i], &kinds[i]);
            let end = match kinds[i + 1] {
                TypeKind::IntervalDayTime => start + int(args, i + 1),
                TypeKind::IntervalYearMonth => {
                    let moved = shift(args[i], &kinds[i], int(args, i + 1), true);
                    millis_of(moved, &kinds[i])
                }
                _ => millis_of(args[i + 1], &kinds[i + 1]),
            };
            (start.min(end), start.max(end))
        };
        let (a, b) = (period(0), period(2));
        Ok(Datum::Bool(a.1 >= b.0 && b.1 >= a.0))
    })
}
