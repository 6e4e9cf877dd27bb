//! Numbers of the database as numbers of a declared type.

use tailwater_pg_wire::value::binary::Interval;
use tailwater_pg_wire::value::{ValueType, binary, numeric, text};

/// Which number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Int2,
    Int4,
    Int8,
    Oid,
    Xid8,
    Float4,
    Float8,
    Numeric,
    Money { digits: u8 },
    Interval,
}

const DAY: i64 = 86_400_000_000;
/// The twelfth part of 365.25 days, as Debezium counts.
const MONTH: i64 = DAY / 12 * 1461 / 4;

impl Number {
    pub(super) fn of(value: &ValueType) -> Option<Self> {
        Some(match value {
            ValueType::Int2 => Number::Int2,
            ValueType::Int4 => Number::Int4,
            ValueType::Int8 => Number::Int8,
            ValueType::Oid => Number::Oid,
            ValueType::Xid8 => Number::Xid8,
            ValueType::Float4 => Number::Float4,
            ValueType::Float8 => Number::Float8,
            ValueType::Numeric => Number::Numeric,
            ValueType::Money { digits } => Number::Money { digits: *digits },
            _ => return None,
        })
    }

    /// Whether it can be a whole number.
    pub(super) fn is_whole(self) -> bool {
        !matches!(self, Number::Float4 | Number::Float8 | Number::Interval) && !self.is_money()
    }

    pub(super) fn is_money(self) -> bool {
        matches!(self, Number::Money { .. })
    }

    pub(super) fn is_numeric(self) -> bool {
        self == Number::Numeric
    }

    pub(super) fn is_infinite_interval(self, bytes: &[u8]) -> bool {
        let months = binary::interval(bytes).map(|interval| interval.months);
        self == Number::Interval && matches!(months, Some(i32::MIN | i32::MAX))
    }

    /// The number as it is; of money the smallest unit, of an interval microseconds.
    pub(super) fn integer(self, bytes: &[u8], is_binary: bool) -> Option<i64> {
        if !is_binary {
            return match self {
                Number::Numeric => i64::try_from(text::decimal(bytes, 0)?).ok(),
                Number::Interval => micros(text::interval(bytes)?),
                Number::Money { .. } => text::money(bytes),
                _ => text::number(bytes),
            };
        }
        match self {
            Number::Int2 => binary::int2(bytes).map(i64::from),
            Number::Int4 => binary::int4(bytes).map(i64::from),
            Number::Int8 | Number::Money { .. } => binary::int8(bytes),
            Number::Oid => binary::oid(bytes).map(i64::from),
            // Beyond the middle the sign bit would be set.
            Number::Xid8 => binary::int8(bytes).filter(|id| *id >= 0),
            Number::Numeric => i64::try_from(numeric::parse(bytes)?.to_unscaled(0)?).ok(),
            Number::Interval => micros(binary::interval(bytes)?),
            Number::Float4 | Number::Float8 => None,
        }
    }

    /// The number times `10^scale`, if that is a whole number that fits.
    pub(super) fn decimal(self, bytes: &[u8], is_binary: bool, scale: u8) -> Option<i128> {
        let power = |digits: u8| 10_i128.checked_pow(u32::from(digits));
        match self {
            Number::Money { digits } => {
                let units = i128::from(self.integer(bytes, is_binary)?);
                match scale.checked_sub(digits) {
                    Some(more) => units.checked_mul(power(more)?),
                    None => {
                        let unit = power(digits - scale)?;
                        (units % unit == 0).then_some(units / unit)
                    }
                }
            }
            _ if !is_binary => text::decimal(bytes, scale),
            Number::Numeric => numeric::parse(bytes)?.to_unscaled(scale),
            _ => i128::from(self.integer(bytes, true)?).checked_mul(power(scale)?),
        }
    }

    pub(super) fn double(self, bytes: &[u8], is_binary: bool) -> Option<f64> {
        match self {
            _ if !is_binary => text::number(bytes),
            Number::Float4 => binary::float4(bytes).map(f64::from),
            Number::Float8 => binary::float8(bytes),
            Number::Numeric => {
                let mut digits = Vec::new();
                numeric::parse(bytes)?.append_text(&mut digits);
                text::number(&digits)
            }
            _ => self.integer(bytes, true).map(|v| v as f64),
        }
    }
}

/// All of an interval as microseconds; `None` also for the infinities.
fn micros(interval: Interval) -> Option<i64> {
    let Interval { months, days, micros } = interval;
    if matches!(interval, Interval { months: i32::MAX, days: i32::MAX, micros: i64::MAX })
        || matches!(interval, Interval { months: i32::MIN, days: i32::MIN, micros: i64::MIN })
    {
        return None;
    }
    let months = i128::from(months) * i128::from(MONTH);
    let days = i128::from(days) * i128::from(DAY);
    i64::try_from(months + days + i128::from(micros)).ok()
}
