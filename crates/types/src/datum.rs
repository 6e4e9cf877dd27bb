//! One value, borrowed from a packed row, an arena or a literal.

use crate::data_type::Layout;
use crate::row::{MapRef, RowRef};

/// A point in time: microseconds since 1970-01-01 00:00:00 and the nanoseconds beyond them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Microseconds since the epoch, rounded down.
    pub micros: i64,
    /// 0 to 999.
    pub nanos: u16,
}

impl Timestamp {
    /// A timestamp of whole microseconds.
    pub fn from_micros(micros: i64) -> Self {
        Self { micros, nanos: 0 }
    }

    /// A timestamp of whole milliseconds, saturating at the ends of the range.
    pub fn from_millis(millis: i64) -> Self {
        Self::from_micros(millis.saturating_mul(1000))
    }

    /// Milliseconds since the epoch, rounded down.
    pub fn millis(self) -> i64 {
        self.micros.div_euclid(1000)
    }

    /// The same cut (not rounded) to `precision` digits of a second.
    #[must_use]
    pub fn truncate(self, precision: u8) -> Self {
        match precision {
            9.. => self,
            7 | 8 => {
                let unit = if precision == 8 { 10 } else { 100 };
                Self { micros: self.micros, nanos: self.nanos / unit * unit }
            }
            _ => {
                let unit = 10_i64.pow(6 - u32::from(precision));
                Self::from_micros(self.micros.div_euclid(unit) * unit)
            }
        }
    }
}

/// One value. Its logical type is known from the context, never from the value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Datum<'a> {
    /// NULL of any type.
    Null,
    /// `BOOLEAN`
    Bool(bool),
    /// Integers, `DATE` (days), `TIME` (milliseconds), intervals (months or milliseconds).
    Int(i64),
    /// `FLOAT`
    Float(f32),
    /// `DOUBLE`
    Double(f64),
    /// Unscaled `DECIMAL`; the scale is the type's.
    Decimal(i128),
    /// `TIMESTAMP` and `TIMESTAMP_LTZ`
    Timestamp(Timestamp),
    /// `CHAR` and `VARCHAR`
    Str(&'a str),
    /// `BINARY` and `VARBINARY`
    Bytes(&'a [u8]),
    /// `ARRAY`
    Array(RowRef<'a>),
    /// `MAP` and `MULTISET`
    Map(MapRef<'a>),
    /// `ROW`
    Row(RowRef<'a>),
}

impl<'a> Datum<'a> {
    /// Whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }

    /// The boolean, `None` for NULL and anything else.
    pub fn as_bool(self) -> Option<bool> {
        if let Datum::Bool(v) = self { Some(v) } else { None }
    }

    /// The integer, `None` for NULL and anything else.
    pub fn as_int(self) -> Option<i64> {
        if let Datum::Int(v) = self { Some(v) } else { None }
    }

    /// The text, `None` for NULL and anything else.
    pub fn as_str(self) -> Option<&'a str> {
        if let Datum::Str(v) = self { Some(v) } else { None }
    }
}

/// One value that owns its bytes: literals, tests.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL of any type.
    Null,
    /// `BOOLEAN`
    Bool(bool),
    /// As [`Datum::Int`].
    Int(i64),
    /// `FLOAT`
    Float(f32),
    /// `DOUBLE`
    Double(f64),
    /// As [`Datum::Decimal`].
    Decimal(i128),
    /// `TIMESTAMP` and `TIMESTAMP_LTZ`
    Timestamp(Timestamp),
    /// `CHAR` and `VARCHAR`
    Str(Box<str>),
    /// `BINARY` and `VARBINARY`
    Bytes(Box<[u8]>),
    /// `ARRAY`: a packed tuple.
    Array(Box<[u8]>),
    /// `MAP`: a packed tuple of two packed tuples.
    Map(Box<[u8]>),
    /// `ROW`: a packed tuple.
    Row(Box<[u8]>),
}

impl Value {
    /// The value as the engine handles it.
    pub fn as_datum(&self) -> Datum<'_> {
        match self {
            Value::Null => Datum::Null,
            Value::Bool(v) => Datum::Bool(*v),
            Value::Int(v) => Datum::Int(*v),
            Value::Float(v) => Datum::Float(*v),
            Value::Double(v) => Datum::Double(*v),
            Value::Decimal(v) => Datum::Decimal(*v),
            Value::Timestamp(v) => Datum::Timestamp(*v),
            Value::Str(v) => Datum::Str(v),
            Value::Bytes(v) => Datum::Bytes(v),
            Value::Array(v) => Datum::Array(RowRef::new(v)),
            Value::Map(v) => Datum::Map(MapRef::new(RowRef::new(v))),
            Value::Row(v) => Datum::Row(RowRef::new(v)),
        }
    }
}

impl From<Datum<'_>> for Value {
    fn from(datum: Datum<'_>) -> Self {
        match datum {
            Datum::Null => Value::Null,
            Datum::Bool(v) => Value::Bool(v),
            Datum::Int(v) => Value::Int(v),
            Datum::Float(v) => Value::Float(v),
            Datum::Double(v) => Value::Double(v),
            Datum::Decimal(v) => Value::Decimal(v),
            Datum::Timestamp(v) => Value::Timestamp(v),
            Datum::Str(v) => Value::Str(v.into()),
            Datum::Bytes(v) => Value::Bytes(v.into()),
            Datum::Array(v) => Value::Array(v.bytes().into()),
            Datum::Map(v) => Value::Map(v.bytes().into()),
            Datum::Row(v) => Value::Row(v.bytes().into()),
        }
    }
}

/// Appends bytes whose unsigned order is the order of the values (NULL first); one value only, it
/// has no end mark. Arrays, maps and rows are appended as they are: equality only.
pub fn append_ordered(datum: Datum<'_>, out: &mut Vec<u8>) {
    match datum {
        Datum::Null => return out.push(0),
        _ => out.push(1),
    }
    match datum {
        Datum::Null => {}
        Datum::Bool(v) => out.push(u8::from(v)),
        Datum::Int(v) => out.extend_from_slice(&(v as u64 ^ (1 << 63)).to_be_bytes()),
        Datum::Float(v) => {
            let bits = v.to_bits();
            let flipped = if bits >> 31 == 1 { !bits } else { bits | (1 << 31) };
            out.extend_from_slice(&flipped.to_be_bytes());
        }
        Datum::Double(v) => {
            let bits = v.to_bits();
            let flipped = if bits >> 63 == 1 { !bits } else { bits | (1 << 63) };
            out.extend_from_slice(&flipped.to_be_bytes());
        }
        Datum::Decimal(v) => out.extend_from_slice(&(v as u128 ^ (1 << 127)).to_be_bytes()),
        Datum::Timestamp(v) => {
            out.extend_from_slice(&(v.micros as u64 ^ (1 << 63)).to_be_bytes());
            out.extend_from_slice(&v.nanos.to_be_bytes());
        }
        Datum::Str(v) => out.extend_from_slice(v.as_bytes()),
        Datum::Bytes(v) => out.extend_from_slice(v),
        Datum::Array(v) | Datum::Row(v) => out.extend_from_slice(v.bytes()),
        Datum::Map(v) => out.extend_from_slice(v.bytes()),
    }
}

/// Reads back what [`append_ordered`] wrote for a value of this layout; `None` if the bytes do not
/// fit it.
pub fn read_ordered(bytes: &[u8], layout: Layout) -> Option<Datum<'_>> {
    let (&mark, rest) = bytes.split_first()?;
    if mark == 0 {
        return Some(Datum::Null);
    }
    let u64_at = |range: std::ops::Range<usize>| -> Option<u64> {
        Some(u64::from_be_bytes(rest.get(range)?.try_into().ok()?))
    };
    Some(match layout {
        Layout::Null => Datum::Null,
        Layout::Bool => Datum::Bool(*rest.first()? != 0),
        Layout::Int => Datum::Int((u64_at(0..8)? ^ (1 << 63)) as i64),
        Layout::Float => {
            let flipped = u32::from_be_bytes(rest.get(0..4)?.try_into().ok()?);
            let bits = if flipped >> 31 == 0 { !flipped } else { flipped & !(1 << 31) };
            Datum::Float(f32::from_bits(bits))
        }
        Layout::Double => {
            let flipped = u64_at(0..8)?;
            let bits = if flipped >> 63 == 0 { !flipped } else { flipped & !(1 << 63) };
            Datum::Double(f64::from_bits(bits))
        }
        Layout::Decimal64 | Layout::Decimal128 => {
            let flipped = u128::from_be_bytes(rest.get(0..16)?.try_into().ok()?);
            Datum::Decimal((flipped ^ (1 << 127)) as i128)
        }
        Layout::Micros | Layout::Nanos => Datum::Timestamp(Timestamp {
            micros: (u64_at(0..8)? ^ (1 << 63)) as i64,
            nanos: u16::from_be_bytes(rest.get(8..10)?.try_into().ok()?),
        }),
        Layout::Str => Datum::Str(std::str::from_utf8(rest).ok()?),
        Layout::Bytes => Datum::Bytes(rest),
        Layout::Array => Datum::Array(RowRef::new(rest)),
        Layout::Map => Datum::Map(MapRef::new(RowRef::new(rest))),
        Layout::Row => Datum::Row(RowRef::new(rest)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_bytes_sort_as_the_values_do_and_read_back() {
        let check = |values: &[Datum<'_>], layout| {
            let encoded: Vec<Vec<u8>> = values
                .iter()
                .map(|v| {
                    let mut out = Vec::new();
                    append_ordered(*v, &mut out);
                    out
                })
                .collect();
            assert!(encoded.is_sorted(), "{values:?}");
            for (bytes, value) in encoded.iter().zip(values) {
                assert_eq!(read_ordered(bytes, layout), Some(*value));
            }
        };
        check(
            &[Datum::Null, Datum::Int(i64::MIN), Datum::Int(-1), Datum::Int(0), Datum::Int(7)],
            Layout::Int,
        );
        check(
            &[Datum::Double(-1e300), Datum::Double(-0.5), Datum::Double(0.0), Datum::Double(2.5)],
            Layout::Double,
        );
        check(&[Datum::Float(-2.0), Datum::Float(-1.0), Datum::Float(3.0)], Layout::Float);
        check(&[Datum::Decimal(-5), Datum::Decimal(0), Datum::Decimal(5)], Layout::Decimal64);
        check(&[Datum::Str(""), Datum::Str("a"), Datum::Str("ab")], Layout::Str);
    }

    #[test]
    fn timestamps_before_the_epoch_are_cut_downwards() {
        let t = Timestamp { micros: -1, nanos: 999 };
        assert_eq!(t.truncate(3), Timestamp::from_micros(-1000));
        assert_eq!(t.truncate(7).nanos, 900);
        assert_eq!(t.millis(), -1);
    }
}
