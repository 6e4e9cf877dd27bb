//! Between points in time and text: `DATE_FORMAT`, `FROM_UNIXTIME`, `TO_TIMESTAMP`, `TO_DATE`, ...

use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use tailwater_types::{Datum, Timestamp, TypeKind};

use super::super::call::{Call, double, int, text};
use crate::cast::{parse_date, parse_timestamp, zone_name};
use crate::civil::{self, Civil, midnight, offset_seconds, split_day, to_instant};
use crate::date_pattern::{DatePattern, Flavor};
use crate::decimal;
use crate::env::{Env, EvalError};
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("DATE_FORMAT", 2) => date_format(call),
        ("FROM_UNIXTIME", 1..=2) => from_unixtime(call),
        ("UNIX_TIMESTAMP", 1..=2) => unix_timestamp(call),
        ("TO_TIMESTAMP", 1..=2) => to_timestamp(call),
        ("TO_DATE", 1..=2) => to_date(call),
        ("TO_TIMESTAMP_LTZ", 1..=2) => to_timestamp_ltz(call),
        ("CONVERT_TZ", 3) => convert_tz(call),
        _ => return None,
    })
}

/// A pattern compiled once if it is constant.
struct Patterns {
    constant: Option<Arc<DatePattern>>,
    last: Mutex<Option<(Box<str>, Arc<DatePattern>)>>,
    flavor: Flavor,
}

impl Patterns {
    fn new(constant: Option<&str>, flavor: Flavor) -> Result<Self, ResolveError> {
        let compile = |p: &str| DatePattern::new(p, flavor).map_err(ResolveError::new);
        Ok(Self {
            constant: constant.map(compile).transpose()?.map(Arc::new),
            last: Mutex::new(None),
            flavor,
        })
    }

    /// The pattern in argument `i`, or the default if there is no such argument.
    fn of(call: &Call<'_>, i: usize, flavor: Flavor) -> Result<Self, ResolveError> {
        let constant =
            if call.args.len() > i { call.constant_text(i) } else { Some(DEFAULT_PATTERN) };
        Self::new(constant, flavor)
    }

    fn get(&self, args: &[Datum<'_>], i: usize) -> Result<Arc<DatePattern>, EvalError> {
        if let Some(constant) = &self.constant {
            return Ok(Arc::clone(constant));
        }
        let pattern = text(args, i);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref() {
            Some((known, compiled)) if **known == *pattern => Ok(Arc::clone(compiled)),
            _ => {
                let compiled = DatePattern::new(pattern, self.flavor)
                    .map_err(|_| EvalError::new("a date pattern of the data is not supported"))?;
                let compiled = Arc::new(compiled);
                *last = Some((pattern.into(), Arc::clone(&compiled)));
                Ok(compiled)
            }
        }
    }
}

/// An instant as the clocks of a zone show it.
fn formatted<'a>(
    env: &Env<'a>,
    pattern: &DatePattern,
    instant: Timestamp,
    zone: &TimeZone,
) -> Datum<'a> {
    let offset = offset_seconds(instant, zone);
    let local = Timestamp {
        micros: instant.micros.saturating_add(offset * 1_000_000),
        nanos: instant.nanos,
    };
    let mut out = bumpalo::collections::String::new_in(env.arena);
    pattern.format(&Civil::new(local), offset, &mut out);
    Datum::Str(out.into_bump_str())
}

/// The instant that a text means in a zone.
fn parsed(pattern: &DatePattern, text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (local, offset) = pattern.parse(text)?;
    Some(match offset {
        Some(seconds) => Timestamp::from_micros(local.micros - seconds * 1_000_000),
        None => to_instant(local, zone),
    })
}

fn in_zone(call: &Call<'_>) -> (String, TimeZone) {
    let zone = call.context.time_zone.clone();
    (format!("{}<{}>", call.name, zone_name(&zone)), zone)
}

fn date_format(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["ts", "ds", "ss"])?;
    let kind = call.kind(0).clone();
    let flavor = if kind.is_timestamp() { Flavor::Formatter } else { Flavor::Simple };
    let patterns = Patterns::of(call, 1, flavor)?;
    let default = DatePattern::new(DEFAULT_PATTERN, Flavor::Simple).map_err(ResolveError::new)?;
    let (name, zone) = match kind {
        TypeKind::TimestampLtz(_) => in_zone(call),
        _ => (call.name.to_owned(), TimeZone::UTC),
    };
    let data_type = TypeKind::STRING.nullable();
    Ok(Expr::strict(name, call.take(), data_type, move |env, args| {
        let pattern = patterns.get(args, 1)?;
        let time = match args[0] {
            Datum::Timestamp(time) => time,
            Datum::Int(days) => midnight(days),
            Datum::Str(text) => match default.parse(text) {
                Some((time, _)) => time,
                None => return Ok(Datum::Null),
            },
            _ => return Ok(Datum::Null),
        };
        Ok(formatted(env, &pattern, time, &zone))
    }))
}

fn from_unixtime(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["i", "is"])?;
    let patterns = Patterns::of(call, 1, Flavor::Simple)?;
    let (name, zone) = in_zone(call);
    let data_type = TypeKind::STRING.nullable();
    Ok(Expr::strict(name, call.take(), data_type, move |env, args| {
        let pattern = patterns.get(args, 1)?;
        let instant = Timestamp::from_millis(int(args, 0).wrapping_mul(1000));
        Ok(formatted(env, &pattern, instant, &zone))
    }))
}

fn unix_timestamp(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["s", "ss"])?;
    let patterns = Patterns::of(call, 1, Flavor::Simple)?;
    let (name, zone) = in_zone(call);
    let data_type = TypeKind::BigInt.with_nullable(call.nullable());
    Ok(Expr::strict(name, call.take(), data_type, move |_, args| {
        let pattern = patterns.get(args, 1)?;
        // A text that is no time is the least number, as in Flink.
        let instant = parsed(&pattern, text(args, 0), &zone);
        Ok(Datum::Int(instant.map_or(i64::MIN, |time| time.millis() / 1000)))
    }))
}

fn to_timestamp(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["s", "ss"])?;
    let has_pattern = call.args.len() > 1;
    let patterns = Patterns::of(call, 1, Flavor::Formatter)?;
    call.strict_nullable(TypeKind::Timestamp(3), move |_, args| {
        let value = text(args, 0);
        let mut time = None;
        if has_pattern {
            time = patterns.get(args, 1)?.parse(value).map(|(time, _)| time);
        }
        // Also after a pattern that does not fit, Flink tries the usual form.
        let time = time.or_else(|| parse_timestamp(if has_pattern { value.trim() } else { value }));
        Ok(time.map_or(Datum::Null, |t| Datum::Timestamp(t.truncate(3))))
    })
}

fn to_date(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["s", "ss"])?;
    let has_pattern = call.args.len() > 1;
    let patterns = Patterns::of(call, 1, Flavor::Simple)?;
    call.strict_nullable(TypeKind::Date, move |_, args| {
        let days = if has_pattern {
            let pattern = patterns.get(args, 1)?;
            parsed(&pattern, text(args, 0), &TimeZone::UTC).map(|time| split_day(time).0)
        } else {
            parse_date(text(args, 0))
        };
        Ok(days.map_or(Datum::Null, Datum::Int))
    })
}

/// Instants from the year 0 to the year 9999.
fn instant(millis: i64) -> Datum<'static> {
    const FIRST: i64 = -62_167_219_200_000;
    const LAST: i64 = 253_402_300_799_999;
    if (FIRST..=LAST).contains(&millis) {
        Datum::Timestamp(Timestamp::from_millis(millis))
    } else {
        Datum::Null
    }
}

fn to_timestamp_ltz(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["n", "ni"])?;
    if call.args.len() < 2 {
        return Err(call
            .mismatch()
            .with_hint("give the precision: 0 for seconds, 3 for milliseconds"));
    }
    let scale = match call.kind(0) {
        TypeKind::Decimal { scale, .. } => *scale,
        _ => 0,
    };
    call.strict_nullable(TypeKind::TimestampLtz(3), move |_, args| {
        let factor = match int(args, 1) {
            0 => 1000,
            3 => 1,
            _ => {
                return Err(EvalError::new(
                    "The precision value for function TO_TIMESTAMP_LTZ(numeric, precision) is unsupported, the supported value is '0' for second or '3' for millisecond.",
                ));
            }
        };
        Ok(match args[0] {
            Datum::Int(value) => value.checked_mul(factor).map_or(Datum::Null, instant),
            Datum::Decimal(value) => {
                let whole = value / decimal::pow10(u32::from(scale)).unwrap_or(1);
                let millis = (whole as i64).checked_mul(factor);
                millis.map_or(Datum::Null, instant)
            }
            _ => instant((double(args, 0) * factor as f64) as i64),
        })
    })
}

fn zone_of(name: &str) -> TimeZone {
    // Java takes a name that it does not know for GMT.
    civil::zone(name).unwrap_or(TimeZone::UTC)
}

fn convert_tz(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["sss"])?;
    let mut zones = Vec::new();
    for i in 1..3 {
        let name = call.constant_text(i);
        if let Some(unknown) = name.filter(|n| civil::zone(n).is_none()) {
            return Err(ResolveError::new(format!("unknown time zone \"{unknown}\"")));
        }
        zones.push(name.map(zone_of));
    }
    let pattern = DatePattern::new(DEFAULT_PATTERN, Flavor::Simple).map_err(ResolveError::new)?;
    call.strict_nullable(TypeKind::STRING, move |env, args| {
        let zone = |i: usize| match &zones[i - 1] {
            Some(zone) => zone.clone(),
            None => zone_of(text(args, i)),
        };
        Ok(match parsed(&pattern, text(args, 0), &zone(1)) {
            Some(instant) => formatted(env, &pattern, instant, &zone(2)),
            None => Datum::Null,
        })
    })
}
