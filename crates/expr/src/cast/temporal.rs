//! Casts among dates, times and timestamps, and their texts, as lenient as Flink's.

use jiff::tz::TimeZone;
use tailwater_types::{Datum, Timestamp, TypeKind};

use super::CastFn;
use super::string::trim;
use crate::civil::{
    Civil, DAY_MILLIS, days_from_civil, midnight, month_length, to_instant, to_local,
};

/// The day that Flink's cast gives: before 1970 it counts from the wrong side, and so do we.
fn timestamp_to_days(time: Timestamp) -> i64 {
    let days = time.millis() / DAY_MILLIS;
    if days < 0 { days - 1 } else { days }
}

fn time_of_day(time: Timestamp) -> i64 {
    time.millis().rem_euclid(DAY_MILLIS)
}

pub(super) fn caster(from: &TypeKind, to: &TypeKind, zone: &TimeZone) -> Option<CastFn> {
    use TypeKind::{Date, Time, Timestamp as Plain, TimestampLtz as Local};
    let zone = zone.clone();
    let on_time = |f: Box<dyn Fn(Timestamp) -> Datum<'static> + Send + Sync>| -> CastFn {
        Box::new(move |_, datum| match datum {
            Datum::Timestamp(time) => Ok(f(time)),
            other => Ok(other),
        })
    };
    let on_int = |f: Box<dyn Fn(i64) -> Timestamp + Send + Sync>| -> CastFn {
        Box::new(move |_, datum| match datum {
            Datum::Int(value) => Ok(Datum::Timestamp(f(value))),
            other => Ok(other),
        })
    };
    Some(match (from, to) {
        (Plain(_), Date) => on_time(Box::new(|t| Datum::Int(timestamp_to_days(t)))),
        (Plain(_), Time(_)) => on_time(Box::new(|t| Datum::Int(time_of_day(t)))),
        (Local(_), Date) => {
            on_time(Box::new(move |t| Datum::Int(Civil::new(to_local(t, &zone)).days)))
        }
        (Local(_), Time(_)) => {
            on_time(Box::new(move |t| Datum::Int(time_of_day(to_local(t, &zone)))))
        }
        (Plain(_), Plain(p)) | (Local(_), Local(p)) => {
            let p = *p;
            on_time(Box::new(move |t| Datum::Timestamp(t.truncate(p))))
        }
        (Plain(_), Local(p)) => {
            let p = *p;
            on_time(Box::new(move |t| Datum::Timestamp(to_instant(t, &zone).truncate(p))))
        }
        (Local(_), Plain(p)) => {
            let p = *p;
            on_time(Box::new(move |t| Datum::Timestamp(to_local(t, &zone).truncate(p))))
        }
        (Date, Plain(_)) => on_int(Box::new(midnight)),
        (Date, Local(_)) => on_int(Box::new(move |d| to_instant(midnight(d), &zone))),
        (Time(_), Plain(_)) => on_int(Box::new(Timestamp::from_millis)),
        (Time(_), Local(_)) => {
            on_int(Box::new(move |m| to_instant(Timestamp::from_millis(m), &zone)))
        }
        (Time(_), Time(_)) => Box::new(|_, datum| Ok(datum)),
        _ => return None,
    })
}

fn integer(text: &str) -> Option<i32> {
    let text = trim(text);
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `2024-1-2`, `2024-01`, `2024`, with anything after a space: days since 1970-01-01.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let text = match text.find(' ') {
        Some(space) if space > 0 => &text[..space],
        _ => text,
    };
    let mut parts = text.splitn(3, '-');
    let year = integer(parts.next()?)?;
    let month = parts.next().map_or(Some(1), integer)?;
    let day = parts.next().map_or(Some(1), integer)?;
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let is_valid = (0..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=month_length(year, month)).contains(&day);
    is_valid.then(|| days_from_civil(year, month, day))
}

fn fraction_millis(text: &str) -> i32 {
    let digit = |b: &u8| {
        if b.is_ascii_digit() { i32::from(b - b'0') } else { 0 }
    };
    let bytes = text.as_bytes();
    let mut millis = 0;
    for (byte, unit) in bytes.iter().zip([100, 10, 1]) {
        millis += unit * digit(byte);
    }
    millis + i32::from(bytes.get(3).is_some_and(|b| *b >= b'5'))
}

/// `10:11:12.678`, `10:11`, `10`, with an offset: milliseconds of the day, in 32 bits as in Flink.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let zone = text.find('-').map(|i| (i, -1)).or_else(|| text.find('+').map(|i| (i, 1)));
    let (body, offset_hours, offset_minutes) = match zone {
        None => (text, 0, 0),
        Some((at, sign)) => {
            let offset = &text[at + 1..];
            let (hours, minutes) = match offset.split_once(':') {
                Some((h, m)) => (integer(h)?, integer(m)?),
                None => (integer(offset)?, 0),
            };
            (&text[..at], sign * hours, sign * minutes)
        }
    };
    let mut parts = body.splitn(3, ':');
    let hour = integer(parts.next()?)?;
    let minute = parts.next().map_or(Some(0), integer)?;
    let (second, millis) = match parts.next() {
        None => (0, 0),
        Some(rest) => match rest.split_once('.') {
            Some((second, fraction)) => (integer(second)?, fraction_millis(trim(fraction))),
            None => (integer(rest)?, 0),
        },
    };
    let hour = hour.wrapping_add(offset_hours).wrapping_mul(3_600_000);
    let minute = minute.wrapping_add(offset_minutes).wrapping_mul(60_000);
    let total =
        hour.wrapping_add(minute).wrapping_add(second.wrapping_mul(1000)).wrapping_add(millis);
    Some(i64::from(total))
}

/// `2024-1-2[ 3:4:5[.678901234]]`; a day that the month lacks is its last one.
pub(crate) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let mut cursor = Cursor(text.as_bytes());
    let year = cursor.number(4, 4)?;
    cursor.literal(b'-')?;
    let month = cursor.number(1, 2)?;
    cursor.literal(b'-')?;
    let day = cursor.number(1, 2)?;
    let (mut hour, mut minute, mut second, mut nano) = (0, 0, 0, 0);
    if !cursor.0.is_empty() {
        cursor.literal(b' ')?;
        hour = cursor.number(1, 2)?;
        cursor.literal(b':')?;
        minute = cursor.number(1, 2)?;
        cursor.literal(b':')?;
        second = cursor.number(1, 2)?;
        if cursor.literal(b'.').is_some() {
            let digits = cursor.0.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits > 9 {
                return None;
            }
            let scaled = 10_i64.pow(9 - digits as u32);
            nano = cursor.number(0, 9)? * scaled;
        }
    }
    let is_valid = cursor.0.is_empty()
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && year > 0;
    let civil = Civil {
        days: 0,
        year,
        month,
        day: day.min(month_length(year, month)),
        hour,
        minute,
        second,
        nano,
    };
    is_valid.then(|| civil.timestamp())
}

/// Reads digits and marks from the front of a text.
struct Cursor<'t>(&'t [u8]);

impl Cursor<'_> {
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let digits = self.0.iter().take(most).take_while(|b| b.is_ascii_digit());
        let count = digits.count();
        let value = self.0[..count].iter().fold(0, |v, b| v * 10 + i64::from(b - b'0'));
        self.0 = &self.0[count..];
        (count >= least).then_some(value)
    }

    fn literal(&mut self, mark: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == mark).then(|| self.0 = rest)
    }
}
