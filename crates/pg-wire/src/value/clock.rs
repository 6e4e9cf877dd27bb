//! Dates, times and intervals as the server prints them.

use super::binary::Interval;
use super::calendar::{POSTGRES_EPOCH_DAYS, civil_from_days};
use super::value_type::append_integer;

const DAY: i64 = 86_400_000_000;

/// `days` since 2000, or an infinity.
pub(super) fn append_date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MIN => out.extend_from_slice(b"-infinity"),
        i32::MAX => out.extend_from_slice(b"infinity"),
        days => {
            let is_bc = append_civil(i64::from(days), out);
            append_era(is_bc, out);
        }
    }
}

/// `micros` since 2000, or an infinity.
pub(super) fn append_timestamp(micros: i64, zone: &[u8], out: &mut Vec<u8>) {
    match micros {
        i64::MIN => out.extend_from_slice(b"-infinity"),
        i64::MAX => out.extend_from_slice(b"infinity"),
        micros => {
            let is_bc = append_civil(micros.div_euclid(DAY), out);
            out.push(b' ');
            append_time(micros.rem_euclid(DAY), out);
            out.extend_from_slice(zone);
            append_era(is_bc, out);
        }
    }
}

/// Says whether the year lies before Christ.
fn append_civil(days: i64, out: &mut Vec<u8>) -> bool {
    let (year, month, day) = civil_from_days(days + POSTGRES_EPOCH_DAYS);
    let is_bc = year <= 0;
    let year = if is_bc { 1 - year } else { year };
    for unit in [1000, 100, 10] {
        if year < unit {
            out.push(b'0');
        }
    }
    append_integer(year, out);
    for part in [month, day] {
        out.push(b'-');
        append_two(u64::from(part), out);
    }
    is_bc
}

fn append_era(is_bc: bool, out: &mut Vec<u8>) {
    if is_bc {
        out.extend_from_slice(b" BC");
    }
}

/// Microseconds of the day.
pub(super) fn append_time(micros: i64, out: &mut Vec<u8>) {
    append_clock(micros.unsigned_abs(), out);
}

/// Microseconds of the day there, and seconds east of Greenwich.
pub(super) fn append_timetz((micros, east): (i64, i32), out: &mut Vec<u8>) {
    append_time(micros, out);
    out.push(if east < 0 { b'-' } else { b'+' });
    let seconds = u64::from(east.unsigned_abs());
    append_two(seconds / 3600, out);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    if minutes > 0 || seconds > 0 {
        out.push(b':');
        append_two(minutes, out);
    }
    if seconds > 0 {
        out.push(b':');
        append_two(seconds, out);
    }
}

/// Each nonzero part sets the sign of the next one apart: `-1 days +02:00:00`.
pub(super) fn append_interval(interval: Interval, out: &mut Vec<u8>) {
    match interval {
        Interval { months: i32::MAX, days: i32::MAX, micros: i64::MAX } => {
            return out.extend_from_slice(b"infinity");
        }
        Interval { months: i32::MIN, days: i32::MIN, micros: i64::MIN } => {
            return out.extend_from_slice(b"-infinity");
        }
        _ => {}
    }
    let Interval { months, days, micros } = interval;
    let start = out.len();
    let mut was_negative = false;
    for (value, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if value == 0 {
            continue;
        }
        if out.len() > start {
            out.push(b' ');
        }
        if was_negative && value > 0 {
            out.push(b'+');
        }
        append_integer(value, out);
        out.push(b' ');
        out.extend_from_slice(unit.as_bytes());
        if value != 1 {
            out.push(b's');
        }
        was_negative = value < 0;
    }
    if out.len() == start || micros != 0 {
        if out.len() > start {
            out.push(b' ');
        }
        if micros < 0 {
            out.push(b'-');
        } else if was_negative {
            out.push(b'+');
        }
        append_clock(micros.unsigned_abs(), out);
    }
}

fn append_clock(micros: u64, out: &mut Vec<u8>) {
    let seconds = micros / 1_000_000;
    append_two(seconds / 3600, out);
    out.push(b':');
    append_two(seconds / 60 % 60, out);
    out.push(b':');
    append_two(seconds % 60, out);
    let fraction = micros % 1_000_000;
    if fraction > 0 {
        // A one in front keeps the zeros.
        let start = out.len();
        append_integer(1_000_000 + fraction, out);
        out[start] = b'.';
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// At least two digits.
fn append_two(value: u64, out: &mut Vec<u8>) {
    if value < 100 {
        out.extend_from_slice(&[b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]);
    } else {
        append_integer(value, out);
    }
}
