//! Dates, times and intervals in the ways of `time.precision.mode` and `interval.handling.mode`.

use tailwater_pg_wire::value::binary::Interval;
use tailwater_pg_wire::value::calendar::civil_from_days;
use tailwater_pg_wire::value::{binary, text};

use super::number::append_i64;
use super::{Raw, Unreadable, Written};

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
/// What the JDBC driver takes for the infinities, in microseconds: Debezium's numbers for them.
const INFINITY: i64 = 9_223_372_036_825_200_000;
const NEGATIVE_INFINITY: i64 = -9_223_372_036_832_400_000;

/// How a date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateForm {
    /// Days since 1970.
    Days,
    Iso,
}

/// How a time or timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeForm {
    Millis,
    Micros,
    Nanos,
    Iso,
}

/// How an interval is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntervalForm {
    /// Microseconds, a month being a twelfth of 365.25 days.
    Micros,
    Iso,
}

/// A point in time, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Since 1970.
    At(i64),
    Infinity,
    NegativeInfinity,
}

fn moment(at: Option<i64>, raw: Raw<'_>) -> Result<Moment, Unreadable> {
    let is = |least: &[u8], word: &[u8]| {
        if raw.is_binary { raw.bytes == least } else { raw.bytes == word }
    };
    let (low, high) = match raw.bytes.len() {
        4 => (&i32::MIN.to_be_bytes()[..], &i32::MAX.to_be_bytes()[..]),
        _ => (&i64::MIN.to_be_bytes()[..], &i64::MAX.to_be_bytes()[..]),
    };
    match at {
        Some(at) => Ok(Moment::At(at)),
        None if is(high, b"infinity") => Ok(Moment::Infinity),
        None if is(low, b"-infinity") => Ok(Moment::NegativeInfinity),
        None => Err(Unreadable),
    }
}

impl DateForm {
    pub(super) fn append(self, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        let days = if raw.is_binary { binary::date(raw.bytes) } else { text::date(raw.bytes) };
        match (self, moment(days, raw)?) {
            (DateForm::Days, Moment::At(days)) => append_i64(days, out),
            // Nothing in Connect's dates is infinite: the ends of what they can hold.
            (DateForm::Days, Moment::Infinity) => append_i64(i64::from(i32::MAX), out),
            (DateForm::Days, Moment::NegativeInfinity) => append_i64(i64::from(i32::MIN), out),
            (DateForm::Iso, Moment::At(days)) => {
                out.push(b'"');
                append_civil(days, out);
                out.extend_from_slice(b"Z\"");
            }
            (DateForm::Iso, Moment::Infinity) => out.extend_from_slice(b"\"infinity\""),
            (DateForm::Iso, Moment::NegativeInfinity) => {
                out.extend_from_slice(b"\"-infinity\"");
            }
        }
        Ok(())
    }
}

impl TimeForm {
    pub(super) fn append_time(self, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        let micros = if raw.is_binary { binary::time(raw.bytes) } else { text::time(raw.bytes) };
        let micros = micros.ok_or(Unreadable)?;
        match self {
            TimeForm::Millis => append_i64(micros / 1000, out),
            TimeForm::Micros => append_i64(micros, out),
            TimeForm::Nanos => append_i64(micros * 1000, out),
            TimeForm::Iso => {
                out.push(b'"');
                append_clock(micros % DAY, Fraction::Shortest, out);
                out.extend_from_slice(b"Z\"");
            }
        }
        Ok(())
    }

    pub(super) fn append_timestamp(self, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        let at =
            if raw.is_binary { binary::timestamp(raw.bytes) } else { text::timestamp(raw.bytes) };
        let moment = moment(at, raw)?;
        let micros = match moment {
            Moment::At(micros) => micros,
            Moment::Infinity => INFINITY,
            Moment::NegativeInfinity => NEGATIVE_INFINITY,
        };
        match (self, moment) {
            (TimeForm::Millis, _) => append_i64(micros.div_euclid(1000), out),
            (TimeForm::Micros, _) => append_i64(micros, out),
            (TimeForm::Nanos, Moment::Infinity) => append_i64(i64::MAX, out),
            (TimeForm::Nanos, Moment::NegativeInfinity) => append_i64(i64::MIN, out),
            // Nanoseconds of 64 bits reach from 1677 to 2262.
            (TimeForm::Nanos, Moment::At(micros)) => match micros.checked_mul(1000) {
                Some(nanos) => append_i64(nanos, out),
                None => out.extend_from_slice(b"null"),
            },
            (TimeForm::Iso, _) => {
                out.push(b'"');
                append_date_time(micros, Fraction::Shortest, out);
                out.extend_from_slice(b"Z\"");
            }
        }
        Ok(())
    }
}

/// How many digits stand behind a second.
#[derive(Clone, Copy)]
enum Fraction {
    Shortest,
    Fixed(u8),
}

pub(super) fn append_timestamptz(digits: u8, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let at = if raw.is_binary { binary::timestamp(raw.bytes) } else { text::timestamp(raw.bytes) };
    out.push(b'"');
    match moment(at, raw)? {
        Moment::At(micros) => {
            append_date_time(micros, Fraction::Fixed(digits), out);
            out.push(b'Z');
        }
        Moment::Infinity => out.extend_from_slice(b"infinity"),
        Moment::NegativeInfinity => out.extend_from_slice(b"-infinity"),
    }
    out.push(b'"');
    Ok(())
}

pub(super) fn append_timetz(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let (micros, east) = if raw.is_binary {
        binary::timetz(raw.bytes).ok_or(Unreadable)?
    } else {
        text_timetz(raw.bytes).ok_or(Unreadable)?
    };
    let utc = micros - i64::from(east) * SECOND;
    out.push(b'"');
    let clock = if utc == DAY { DAY } else { utc.rem_euclid(DAY) };
    append_clock(clock, Fraction::Shortest, out);
    out.extend_from_slice(b"Z\"");
    Ok(())
}

/// `13:14:15.123456+05:30`
fn text_timetz(bytes: &[u8]) -> Option<(i64, i32)> {
    let at = bytes.iter().position(|b| matches!(b, b'+' | b'-'))?;
    let (clock, zone) = bytes.split_at(at);
    let mut seconds = 0;
    for (part, unit) in zone[1..].split(|b| *b == b':').zip([3600, 60, 1]) {
        seconds += text::number::<i32>(part)? * unit;
    }
    Some((text::time(clock)?, if zone[0] == b'-' { -seconds } else { seconds }))
}

impl IntervalForm {
    pub(super) fn append(self, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        let interval =
            if raw.is_binary { binary::interval(raw.bytes) } else { text::interval(raw.bytes) };
        let interval = match (interval, raw.bytes) {
            (Some(interval), _) => interval,
            (None, b"infinity") => Interval { months: i32::MAX, days: i32::MAX, micros: i64::MAX },
            (None, b"-infinity") => Interval { months: i32::MIN, days: i32::MIN, micros: i64::MIN },
            (None, _) => return Err(Unreadable),
        };
        match self {
            IntervalForm::Micros => append_i64(micros_of(interval), out),
            IntervalForm::Iso => append_iso_interval(interval, out),
        }
        Ok(())
    }
}

/// All of it, at most what 64 bits hold.
fn micros_of(Interval { months, days, micros }: Interval) -> i64 {
    const MONTH: i128 = DAY as i128 * 1461 / 48;
    let all = i128::from(months) * MONTH + i128::from(days) * i128::from(DAY) + i128::from(micros);
    all.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

fn append_iso_interval(Interval { months, days, micros }: Interval, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"P");
    let parts = [(months / 12, b'Y'), (months % 12, b'M'), (days, b'D')];
    for (value, letter) in parts {
        append_i64(i64::from(value), out);
        out.push(letter);
    }
    out.push(b'T');
    let (hours, rest) = (micros / (3600 * SECOND), micros % (3600 * SECOND));
    for (value, letter) in [(hours, b'H'), (rest / (60 * SECOND), b'M')] {
        append_i64(value, out);
        out.push(letter);
    }
    let seconds = rest % (60 * SECOND);
    if seconds < 0 && seconds > -SECOND {
        out.push(b'-');
    }
    append_i64(seconds / SECOND, out);
    append_fraction((seconds % SECOND).abs(), Fraction::Shortest, out);
    out.extend_from_slice(b"S\"");
}

/// The year as ISO 8601 has it: a sign outside of 0 to 9999.
fn append_civil(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days);
    if year > 9999 {
        out.push(b'+');
    } else if year < 0 {
        out.push(b'-');
    }
    for unit in [1000, 100, 10] {
        if year.abs() < unit {
            out.push(b'0');
        }
    }
    append_i64(year.abs(), out);
    out.push(b'-');
    append_two(i64::from(month), out);
    out.push(b'-');
    append_two(i64::from(day), out);
}

fn append_date_time(micros: i64, fraction: Fraction, out: &mut Vec<u8>) {
    append_civil(micros.div_euclid(DAY), out);
    out.push(b'T');
    append_clock(micros.rem_euclid(DAY), fraction, out);
}

fn append_clock(micros: i64, fraction: Fraction, out: &mut Vec<u8>) {
    let seconds = micros / SECOND;
    append_two(seconds / 3600, out);
    out.push(b':');
    append_two(seconds / 60 % 60, out);
    out.push(b':');
    append_two(seconds % 60, out);
    append_fraction(micros % SECOND, fraction, out);
}

fn append_fraction(micros: i64, fraction: Fraction, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 6];
    let mut rest = micros;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let count = match fraction {
        Fraction::Fixed(count) => usize::from(count.min(6)),
        Fraction::Shortest => digits.iter().rposition(|d| *d != b'0').map_or(0, |last| last + 1),
    };
    if count > 0 {
        out.push(b'.');
        out.extend_from_slice(&digits[..count]);
    }
}

fn append_two(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}
