//! The text formats of the common types, with the settings of our sessions: `DateStyle` ISO,
//! `TimeZone` UTC, `bytea_output` hex.

use super::binary::Interval;
use super::calendar::{days_from_civil, days_in_month};

/// `bool`
pub fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"t" => Some(true),
        b"f" => Some(false),
        _ => None,
    }
}

/// Anything that Rust reads as PostgreSQL prints it: integers and floating-point numbers.
pub fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `numeric` times `10^scale`, if that is a whole number that fits.
pub fn decimal(text: &[u8], scale: u8) -> Option<i128> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    let mut value: i128 = 0;
    let mut behind: Option<u8> = None;
    for byte in digits {
        match byte {
            b'0'..=b'9' if behind == Some(scale) => {
                if *byte != b'0' {
                    return None;
                }
            }
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                behind = behind.map(|n| n + 1);
            }
            b'.' if behind.is_none() => behind = Some(0),
            _ => return None,
        }
    }
    if digits.is_empty() {
        return None;
    }
    let missing = scale - behind.unwrap_or(0);
    if value != 0 {
        value = value.checked_mul(10_i128.checked_pow(u32::from(missing))?)?;
    }
    Some(if negative { -value } else { value })
}

/// Appends the bytes of a `bytea` in the hex format.
pub fn bytea(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let digits = text.strip_prefix(b"\\x")?;
    let (pairs, odd) = digits.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    for [high, low] in pairs {
        let digit = |c: u8| char::from(c).to_digit(16);
        out.push((digit(*high)? << 4 | digit(*low)?) as u8);
    }
    Some(())
}

/// `date` as days since 1970-01-01; `None` also for the infinities.
pub fn date(text: &[u8]) -> Option<i64> {
    let (text, is_bc) = before_christ(text);
    let (days, rest) = civil(text, is_bc)?;
    rest.is_empty().then_some(days)
}

/// `time` as microseconds of the day.
pub fn time(text: &[u8]) -> Option<i64> {
    let (micros, rest) = clock(text)?;
    rest.is_empty().then_some(micros)
}

/// `timestamp` and `timestamptz` (with its offset) as microseconds since 1970; `None` also for the
/// infinities.
pub fn timestamp(text: &[u8]) -> Option<i64> {
    let (text, is_bc) = before_christ(text);
    let (days, rest) = civil(text, is_bc)?;
    let (micros, rest) = clock(rest.strip_prefix(b" ")?)?;
    let offset = if rest.is_empty() { 0 } else { offset(rest)? };
    days.checked_mul(86_400_000_000)?.checked_add(micros)?.checked_sub(offset * 1_000_000)
}

/// `interval` in the style `postgres`: `1 year -2 mons +3 days -04:05:06.7`; `None` also for the
/// infinities.
pub fn interval(text: &[u8]) -> Option<Interval> {
    let mut words = text.split(|b| *b == b' ');
    let mut interval = Interval { months: 0, days: 0, micros: 0 };
    while let Some(word) = words.next() {
        let (is_negative, digits) = match word.split_first()? {
            (b'-', digits) => (true, digits),
            (b'+', digits) => (false, digits),
            _ => (false, word),
        };
        if digits.contains(&b':') {
            let micros = long_clock(digits)?;
            let micros = if is_negative { -micros } else { micros };
            interval.micros = i64::try_from(micros).ok()?;
            continue;
        }
        let count: i64 = number(digits)?;
        let count = i32::try_from(if is_negative { -count } else { count }).ok()?;
        match words.next()? {
            b"year" | b"years" => {
                interval.months = interval.months.checked_add(count.checked_mul(12)?)?;
            }
            b"mon" | b"mons" => interval.months = interval.months.checked_add(count)?,
            b"day" | b"days" => interval.days = count,
            _ => return None,
        }
    }
    Some(interval)
}

/// `2562047788:00:54.775807`: hours of any number.
fn long_clock(text: &[u8]) -> Option<i128> {
    let (hours, rest) = digits(text, 2, 10)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 2, 2)?;
    let (second, rest) = digits(rest.strip_prefix(b":")?, 2, 2)?;
    let (micros, rest) = fraction(rest)?;
    let seconds = i128::from(hours) * 3600 + i128::from(minute * 60 + second);
    rest.is_empty().then_some(seconds * 1_000_000 + i128::from(micros))
}

/// `money` in the smallest unit, whatever marks the locale puts between the digits.
pub fn money(text: &[u8]) -> Option<i64> {
    let is_negative = text.iter().any(|b| matches!(b, b'-' | b'('));
    let mut digits = text.iter().filter(|b| b.is_ascii_digit()).peekable();
    digits.peek()?;
    let value = digits.try_fold(0_i128, |value, digit| {
        value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
    })?;
    i64::try_from(if is_negative { -value } else { value }).ok()
}

/// `bit` and `varbit`, the first bit first.
pub fn bits(text: &[u8]) -> Option<impl DoubleEndedIterator<Item = bool> + '_> {
    let is_plain = text.iter().all(|b| matches!(b, b'0' | b'1'));
    is_plain.then(|| text.iter().map(|b| *b == b'1'))
}

/// What the server takes for white space.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn before_christ(text: &[u8]) -> (&[u8], bool) {
    match text.strip_suffix(b" BC") {
        Some(rest) => (rest, true),
        None => (text, false),
    }
}

fn civil(text: &[u8], is_bc: bool) -> Option<(i64, &[u8])> {
    let (year, rest) = digits(text, 4, 7)?;
    let (month, rest) = digits(rest.strip_prefix(b"-")?, 2, 2)?;
    let (day, rest) = digits(rest.strip_prefix(b"-")?, 2, 2)?;
    let year = if is_bc { 1 - year } else { year };
    let (month, day) = (month as u32, day as u32);
    let known = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    known.then(|| (days_from_civil(year, month, day), rest))
}

fn clock(text: &[u8]) -> Option<(i64, &[u8])> {
    let (hour, rest) = digits(text, 2, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 2, 2)?;
    let (second, rest) = digits(rest.strip_prefix(b":")?, 2, 2)?;
    let seconds = hour * 3600 + minute * 60 + second;
    if minute > 59 || second > 59 || seconds > 86_400 {
        return None;
    }
    let (micros, rest) = fraction(rest)?;
    Some((seconds * 1_000_000 + micros, rest))
}

/// Up to six digits behind a point, if there is one.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(fraction) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let (micros, after) = digits(fraction, 1, 6)?;
    let length = (fraction.len() - after.len()) as u32;
    Some((micros * 10_i64.pow(6 - length), after))
}

fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let mut seconds = 0;
    let mut unit = 3600;
    for part in rest.split(|b| *b == b':') {
        let (value, after) = digits(part, 2, 2)?;
        if !after.is_empty() || unit == 0 {
            return None;
        }
        seconds += value * unit;
        unit /= 60;
    }
    Some(sign * seconds)
}

fn digits(text: &[u8], least: usize, most: usize) -> Option<(i64, &[u8])> {
    let count = text.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
    if count < least {
        return None;
    }
    let (digits, rest) = text.split_at(count);
    let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    Some((value, rest))
}
