//! `FLOOR(x, unit)` and `CEIL(x, unit)`.

use tailwater_types::{Datum, Timestamp, TypeKind};

use super::super::call::Call;
use super::Unit;
use crate::cast::zone_name;
use crate::civil::{DAY_MILLIS, civil_from_days, days_from_civil, offset_seconds};
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    let is_floor = match (call.name, call.args.len()) {
        ("FLOOR", 2) => true,
        ("CEIL" | "CEILING", 2) => false,
        _ => return None,
    };
    Some(Unit::take(call, 1).and_then(|unit| round(call, unit, is_floor)))
}

/// The first of January `months` months after the year began.
fn month_start(year: i64, month: i64) -> i64 {
    let months = year * 12 + month - 1;
    days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1)
}

/// The boundary of a unit of days; CEIL to a quarter goes by the year, as Flink's does.
fn day_boundary(unit: Unit, days: i64, is_floor: bool) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let block = |size: i64, start: i64| {
        let first = (year + size - start) / size * size - size + start;
        month_start(if is_floor { first } else { first + size }, 1)
    };
    let next = |is_past: bool| i64::from(!is_floor && is_past);
    match unit {
        Unit::Millennium => block(1000, 1),
        Unit::Century => block(100, 1),
        Unit::Decade => month_start(year / 10 * 10 + if is_floor { 0 } else { 10 }, 1),
        Unit::Year => month_start(year + next(month > 1 || day > 1), 1),
        Unit::Quarter => {
            let quarter = (month + 2) / 3 + next(month > 1 || day > 1);
            month_start(year, quarter * 3 - 2)
        }
        Unit::Month => month_start(year, month + next(day > 1)),
        Unit::Week => {
            let weekday = (days + 4).rem_euclid(7);
            days - weekday + 7 * next(weekday > 0)
        }
        _ => days,
    }
}

fn boundary(unit: Unit, millis: i64, is_floor: bool) -> i64 {
    let step = match unit {
        Unit::Week => None,
        _ => unit.millis(),
    };
    match step {
        Some(step) if is_floor => millis - millis.rem_euclid(step),
        Some(step) => millis + (-millis).rem_euclid(step),
        None => day_boundary(unit, millis / DAY_MILLIS, is_floor) * DAY_MILLIS,
    }
}

fn round(call: &mut Call<'_>, unit: Unit, is_floor: bool) -> Result<Expr, ResolveError> {
    call.expect(&["t", "d", "c"])?;
    if unit.millis().is_none() && unit.months().is_none() {
        return Err(ResolveError::new(format!("{} to this unit is not supported", call.name)));
    }
    let kind = call.kind(0).clone();
    let zone = call.context.time_zone.clone();
    let is_local = matches!(kind, TypeKind::TimestampLtz(_));
    let is_date = kind == TypeKind::Date;
    let verb = if is_floor { "FLOOR" } else { "CEIL" };
    let suffix = if is_local { format!(" IN {}", zone_name(&zone)) } else { String::new() };
    let data_type = kind.with_nullable(call.nullable());
    let name = format!("{verb}<{unit:?}{suffix}>");
    Ok(Expr::strict(name, call.take(), data_type, move |_, args| {
        Ok(match args[0] {
            Datum::Timestamp(time) => {
                let offset = if is_local { offset_seconds(time, &zone) * 1000 } else { 0 };
                let millis = boundary(unit, time.millis() + offset, is_floor) - offset;
                Datum::Timestamp(Timestamp::from_millis(millis))
            }
            Datum::Int(days) if is_date => Datum::Int(day_boundary(unit, days, is_floor)),
            Datum::Int(millis) => Datum::Int(boundary(unit, millis, is_floor)),
            other => other,
        })
    }))
}
