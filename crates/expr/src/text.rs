//! Values as the text that Flink's client shows, which is also what CAST to STRING gives.

use std::fmt::{self, Display as _};

use jiff::tz::TimeZone;
use tailwater_types::{DataType, Datum, RowRef, TypeKind};

use crate::civil::{ShownDate, ShownTime, ShownTimestamp, to_local};
use crate::decimal::Plain;
use crate::java_float::{JavaDouble, JavaFloat};

/// The text of a value, points in time in UTC.
pub fn to_text(datum: Datum<'_>, data_type: &DataType) -> String {
    to_text_in(datum, data_type, &TimeZone::UTC)
}

/// The text of a value; `TIMESTAMP_LTZ` as the clocks of `zone` show it.
pub fn to_text_in(datum: Datum<'_>, data_type: &DataType, zone: &TimeZone) -> String {
    Shown::new(datum, &data_type.kind, zone).to_string()
}

/// Appends the text of a value, points in time in UTC, without allocating.
///
/// # Errors
/// Those of `out`.
pub fn write_text(out: &mut impl fmt::Write, datum: Datum<'_>, kind: &TypeKind) -> fmt::Result {
    write!(out, "{}", Shown::new(datum, kind, &TimeZone::UTC))
}

/// A value that prints as Flink shows it.
pub(crate) struct Shown<'a> {
    datum: Datum<'a>,
    kind: &'a TypeKind,
    zone: &'a TimeZone,
}

impl<'a> Shown<'a> {
    /// A value of a type.
    pub(crate) fn new(datum: Datum<'a>, kind: &'a TypeKind, zone: &'a TimeZone) -> Self {
        Self { datum, kind, zone }
    }

    fn list(&self, f: &mut fmt::Formatter<'_>, items: RowRef<'_>, kind: &TypeKind) -> fmt::Result {
        let layout = kind.layout();
        for i in 0..items.len() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{}", Shown::new(items.get(i, layout), kind, self.zone))?;
        }
        Ok(())
    }

    fn integer(&self, f: &mut fmt::Formatter<'_>, value: i64) -> fmt::Result {
        match self.kind {
            TypeKind::Date => ShownDate(value).fmt(f),
            TypeKind::Time(precision) => ShownTime(value, *precision).fmt(f),
            TypeKind::IntervalYearMonth => {
                let (sign, months) = (sign_of(value), value.unsigned_abs());
                write!(f, "{sign}{}-{:02}", months / 12, months % 12)
            }
            TypeKind::IntervalDayTime => {
                let (sign, millis) = (sign_of(value), value.unsigned_abs());
                let seconds = millis / 1000;
                write!(
                    f,
                    "{sign}{} {:02}:{:02}:{:02}.{:03}",
                    seconds / 86_400,
                    seconds / 3600 % 24,
                    seconds / 60 % 60,
                    seconds % 60,
                    millis % 1000
                )
            }
            _ => write!(f, "{value}"),
        }
    }
}

fn sign_of(value: i64) -> char {
    if value < 0 { '-' } else { '+' }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.datum, self.kind) {
            (Datum::Null, _) => f.write_str("NULL"),
            (Datum::Bool(v), _) => f.write_str(if v { "TRUE" } else { "FALSE" }),
            (Datum::Int(v), _) => self.integer(f, v),
            (Datum::Float(v), _) => JavaFloat(v).fmt(f),
            (Datum::Double(v), _) => JavaDouble(v).fmt(f),
            (Datum::Decimal(value), TypeKind::Decimal { scale, .. }) => {
                let scale = *scale;
                Plain { value, scale }.fmt(f)
            }
            (Datum::Decimal(v), _) => write!(f, "{v}"),
            (Datum::Timestamp(v), TypeKind::TimestampLtz(precision)) => {
                ShownTimestamp(to_local(v, self.zone), *precision).fmt(f)
            }
            (Datum::Timestamp(v), TypeKind::Timestamp(precision)) => {
                ShownTimestamp(v, *precision).fmt(f)
            }
            (Datum::Timestamp(v), _) => ShownTimestamp(v, 9).fmt(f),
            (Datum::Str(v), _) => f.write_str(v),
            (Datum::Bytes(v), kind) => {
                let length = match kind {
                    TypeKind::Binary(n) => (*n as usize).min(v.len()),
                    _ => v.len(),
                };
                f.write_str("x'")?;
                for byte in &v[..length] {
                    write!(f, "{byte:02x}")?;
                }
                f.write_str("'")
            }
            (Datum::Array(items), TypeKind::Array(element)) => {
                f.write_str("[")?;
                self.list(f, items, &element.kind)?;
                f.write_str("]")
            }
            (Datum::Map(map), TypeKind::Map(key, value)) => {
                self.map(f, map.keys(), map.values(), (&key.kind, &value.kind))
            }
            (Datum::Map(map), TypeKind::Multiset(element)) => {
                self.map(f, map.keys(), map.values(), (&element.kind, &TypeKind::Int))
            }
            (Datum::Row(row), TypeKind::Row(fields)) => {
                f.write_str("(")?;
                for (i, field) in fields.iter().enumerate() {
                    let kind = &field.data_type.kind;
                    let separator = if i == 0 { "" } else { ", " };
                    let value = row.get(i, kind.layout());
                    write!(f, "{separator}{}", Shown::new(value, kind, self.zone))?;
                }
                f.write_str(")")
            }
            (Datum::Array(_) | Datum::Map(_) | Datum::Row(_), _) => f.write_str("?"),
        }
    }
}

impl Shown<'_> {
    fn map(
        &self,
        f: &mut fmt::Formatter<'_>,
        keys: RowRef<'_>,
        values: RowRef<'_>,
        (key, value): (&TypeKind, &TypeKind),
    ) -> fmt::Result {
        f.write_str("{")?;
        for i in 0..keys.len() {
            let separator = if i == 0 { "" } else { ", " };
            write!(
                f,
                "{separator}{}={}",
                Shown::new(keys.get(i, key.layout()), key, self.zone),
                Shown::new(values.get(i, value.layout()), value, self.zone)
            )?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use tailwater_types::Timestamp;

    use super::*;

    #[test]
    fn values_look_as_in_flinks_client() {
        let at = Datum::Timestamp(Timestamp::from_micros(1_500_000));
        let decimal = TypeKind::Decimal { precision: 10, scale: 2 };
        let table = [
            (Datum::Bool(true), TypeKind::Boolean, "TRUE"),
            (Datum::Decimal(-5), decimal, "-0.05"),
            (at, TypeKind::Timestamp(3), "1970-01-01 00:00:01.500"),
            (at, TypeKind::Timestamp(0), "1970-01-01 00:00:01"),
            (Datum::Int(36_672_678), TypeKind::Time(3), "10:11:12.678"),
            (Datum::Int(36_672_600), TypeKind::Time(3), "10:11:12.6"),
            (Datum::Int(36_672_600), TypeKind::Time(0), "10:11:12"),
            (Datum::Int(93_600_000), TypeKind::IntervalDayTime, "+1 02:00:00.000"),
            (Datum::Int(-20), TypeKind::IntervalYearMonth, "-1-08"),
            (Datum::Bytes(b"hi"), TypeKind::BYTES, "x'6869'"),
            (Datum::Bytes(b"\0h"), TypeKind::Binary(1), "x'00'"),
            (Datum::Null, TypeKind::Int, "NULL"),
        ];
        for (datum, kind, text) in table {
            assert_eq!(to_text(datum, &kind.nullable()), text);
        }
        let zone = crate::civil::zone("Asia/Shanghai").expect("a zone");
        assert_eq!(
            to_text_in(at, &TypeKind::TimestampLtz(0).nullable(), &zone),
            "1970-01-01 08:00:01"
        );
    }
}
