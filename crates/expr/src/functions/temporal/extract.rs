//! `EXTRACT(unit, x)` and its short names.

use tailwater_types::{Datum, TypeKind};

use super::super::call::Call;
use super::Unit;
use crate::cast::zone_name;
use crate::civil::{DAY_MILLIS, civil_from_days, days_from_civil, offset_seconds};
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    let unit = match (call.name, call.args.len()) {
        ("EXTRACT", 2) => match Unit::take(call, 0) {
            Ok(unit) => unit,
            Err(error) => return Some(Err(error)),
        },
        (
            name @ ("YEAR" | "QUARTER" | "MONTH" | "WEEK" | "DAYOFYEAR" | "DAYOFMONTH"
            | "DAYOFWEEK" | "HOUR" | "MINUTE" | "SECOND"),
            1,
        ) => Unit::named(name)?,
        _ => return None,
    };
    Some(extract(call, unit))
}

/// A field of a day, as Flink counts it.
fn of_day(unit: Unit, days: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let weekday = (days + 4).rem_euclid(7);
    match unit {
        Unit::Epoch => days * 86_400,
        Unit::Year => year,
        Unit::IsoYear => iso_week(days).0,
        Unit::Quarter => (month + 2) / 3,
        Unit::Month => month,
        Unit::Week => iso_week(days).1,
        Unit::Day => day,
        Unit::DayOfWeek => weekday + 1,
        Unit::IsoDayOfWeek => (weekday + 6) % 7 + 1,
        Unit::DayOfYear => days - days_from_civil(year, 1, 1) + 1,
        Unit::Decade => year / 10,
        Unit::Century => (year + if year > 0 { 99 } else { -99 }) / 100,
        Unit::Millennium => (year + if year > 0 { 999 } else { -999 }) / 1000,
        _ => 0,
    }
}

fn iso_week(days: i64) -> (i64, i64) {
    // The week belongs to the year that its Thursday is in.
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, _, _) = civil_from_days(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

/// Flink divides towards zero: before 1970 times are negative and days one too late.
fn of_millis(unit: Unit, millis: i64, nanos_of_milli: i64) -> i64 {
    match unit {
        Unit::Epoch => millis / 1000,
        Unit::Hour => millis % DAY_MILLIS / 3_600_000,
        Unit::Minute => millis % 3_600_000 / 60_000,
        Unit::Second => millis % 60_000 / 1000,
        Unit::Millisecond => millis % 1000,
        Unit::Microsecond => millis % 1000 * 1000 + nanos_of_milli / 1000,
        Unit::Nanosecond => millis % 1000 * 1_000_000 + nanos_of_milli,
        _ => of_day(unit, millis / DAY_MILLIS),
    }
}

fn extract(call: &mut Call<'_>, unit: Unit) -> Result<Expr, ResolveError> {
    call.expect(&["t", "d", "c"])?;
    let kind = call.kind(0).clone();
    let name = match kind {
        TypeKind::TimestampLtz(_) => {
            format!("EXTRACT<{unit:?} IN {}>", zone_name(&call.context.time_zone))
        }
        _ => format!("EXTRACT<{unit:?}>"),
    };
    let zone = call.context.time_zone.clone();
    let is_local = matches!(kind, TypeKind::TimestampLtz(_));
    let is_date = kind == TypeKind::Date;
    let data_type = TypeKind::BigInt.with_nullable(call.nullable());
    Ok(Expr::strict(name, call.take(), data_type, move |_, args| {
        Ok(Datum::Int(match args[0] {
            Datum::Timestamp(time) => {
                let offset = if is_local { offset_seconds(time, &zone) } else { 0 };
                let nanos = time.micros.rem_euclid(1000) * 1000 + i64::from(time.nanos);
                of_millis(unit, time.millis() + offset * 1000, nanos)
            }
            Datum::Int(days) if is_date => of_day(unit, days),
            Datum::Int(millis) => of_millis(unit, millis, 0),
            _ => return Ok(Datum::Null),
        }))
    }))
}
