//! The binary formats of the common types.

use super::calendar::POSTGRES_EPOCH_DAYS;
use crate::replication::POSTGRES_EPOCH_MICROS;

/// `bool`
pub fn boolean(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

/// `int2`
pub fn int2(bytes: &[u8]) -> Option<i16> {
    Some(i16::from_be_bytes(bytes.try_into().ok()?))
}

/// `int4`
pub fn int4(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}

/// `int8`
pub fn int8(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

/// `oid`, `xid`
pub fn oid(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// `float4`
pub fn float4(bytes: &[u8]) -> Option<f32> {
    Some(f32::from_be_bytes(bytes.try_into().ok()?))
}

/// `float8`
pub fn float8(bytes: &[u8]) -> Option<f64> {
    Some(f64::from_be_bytes(bytes.try_into().ok()?))
}

/// `date` as days since 1970-01-01; `None` also for the infinities.
pub fn date(bytes: &[u8]) -> Option<i64> {
    match int4(bytes)? {
        i32::MIN | i32::MAX => None,
        days => Some(i64::from(days) + POSTGRES_EPOCH_DAYS),
    }
}

/// `time` as microseconds of the day.
pub fn time(bytes: &[u8]) -> Option<i64> {
    int8(bytes).filter(|micros| (0..=86_400_000_000).contains(micros))
}

/// `timetz` as microseconds of the day there, and seconds east of Greenwich.
pub fn timetz(bytes: &[u8]) -> Option<(i64, i32)> {
    let (micros, zone) = bytes.split_at_checked(8)?;
    Some((time(micros)?, int4(zone)?.checked_neg()?))
}

/// `timestamp` and `timestamptz` as microseconds since 1970; `None` also for the infinities.
pub fn timestamp(bytes: &[u8]) -> Option<i64> {
    match int8(bytes)? {
        i64::MIN | i64::MAX => None,
        micros => micros.checked_add(POSTGRES_EPOCH_MICROS),
    }
}

/// `uuid` as its 36 characters.
pub fn uuid(bytes: &[u8]) -> Option<[u8; 36]> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes: &[u8; 16] = bytes.try_into().ok()?;
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    Some(text)
}

/// `jsonb` as its text.
pub fn jsonb(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.split_first()? {
        (1, text) => Some(text),
        _ => None,
    }
}

/// An `interval`: its three parts are not converted into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Whole months.
    pub months: i32,
    /// Whole days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// `interval`
pub fn interval(bytes: &[u8]) -> Option<Interval> {
    let (micros, rest) = bytes.split_first_chunk::<8>()?;
    let (days, months) = rest.split_first_chunk::<4>()?;
    Some(Interval {
        months: int4(months)?,
        days: i32::from_be_bytes(*days),
        micros: i64::from_be_bytes(*micros),
    })
}

/// `bit` and `varbit` as their number and the bytes that hold them, the first in the highest place.
pub fn bits(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (count, bytes) = bytes.split_first_chunk::<4>()?;
    let count = u32::from_be_bytes(*count) as usize;
    (bytes.len() == count.div_ceil(8)).then_some((count, bytes))
}
