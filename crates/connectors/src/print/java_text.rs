//! Rows as Java's `Row.toString()` writes them, which is what Flink's print sink shows: not the text
//! that CAST gives.

use std::fmt::{self, Write};

use tailwater_expr::text::write_text;
use tailwater_types::{Datum, RowRef, Timestamp, TypeKind};

/// Appends the values of a row, `[a, b]`.
pub(super) fn write_row<'k>(
    out: &mut String,
    row: RowRef<'_>,
    kinds: impl Iterator<Item = &'k TypeKind>,
) -> fmt::Result {
    out.push('[');
    for (i, kind) in kinds.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_value(out, row.get(i, kind.layout()), kind)?;
    }
    out.push(']');
    Ok(())
}

fn write_value(out: &mut String, value: Datum<'_>, kind: &TypeKind) -> fmt::Result {
    match (value, kind) {
        (Datum::Null, _) => out.write_str("null"),
        (Datum::Bool(value), _) => write!(out, "{value}"),
        (Datum::Int(millis), TypeKind::Time(_)) => write_time(out, millis * 1_000_000),
        (Datum::Decimal(unscaled), TypeKind::Decimal { scale, .. }) => {
            write_decimal(out, unscaled, i32::from(*scale))
        }
        (Datum::Timestamp(at), TypeKind::TimestampLtz(_)) => {
            let of_day = write_date(out, at)?;
            write_instant(out, of_day)
        }
        (Datum::Timestamp(at), _) => {
            let of_day = write_date(out, at)?;
            write_time(out, of_day)
        }
        (Datum::Bytes(bytes), _) => {
            out.push('[');
            for (i, byte) in bytes.iter().enumerate() {
                write!(out, "{}{}", if i == 0 { "" } else { ", " }, byte.cast_signed())?;
            }
            out.write_char(']')
        }
        (Datum::Array(items), TypeKind::Array(element)) => {
            write_row(out, items, (0..items.len()).map(|_| &element.kind))
        }
        (Datum::Map(map), TypeKind::Map(key, value)) => {
            write_map(out, map.keys(), map.values(), &key.kind, &value.kind)
        }
        (Datum::Map(map), TypeKind::Multiset(element)) => {
            write_map(out, map.keys(), map.values(), &element.kind, &TypeKind::Int)
        }
        (Datum::Row(row), TypeKind::Row(fields)) => {
            out.push_str("+I");
            write_row(out, row, fields.iter().map(|field| &field.data_type.kind))
        }
        (value, kind) => write_text(out, value, kind),
    }
}

fn write_map(
    out: &mut String,
    keys: RowRef<'_>,
    values: RowRef<'_>,
    key: &TypeKind,
    value: &TypeKind,
) -> fmt::Result {
    out.push('{');
    for i in 0..keys.len() {
        if i > 0 {
            out.push_str(", ");
        }
        write_value(out, keys.get(i, key.layout()), key)?;
        out.push('=');
        write_value(out, values.get(i, value.layout()), value)?;
    }
    out.write_char('}')
}

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Writes the date and `T`; gives the nanoseconds of the day.
fn write_date(out: &mut String, at: Timestamp) -> Result<i64, fmt::Error> {
    write_text(out, Datum::Int(at.micros.div_euclid(MICROS_PER_DAY)), &TypeKind::Date)?;
    out.push('T');
    Ok(at.micros.rem_euclid(MICROS_PER_DAY) * 1000 + i64::from(at.nanos))
}

/// As `LocalTime`: no seconds where there are none.
fn write_time(out: &mut String, of_day: i64) -> fmt::Result {
    let (seconds, nanos) = (of_day / 1_000_000_000, of_day % 1_000_000_000);
    write!(out, "{:02}:{:02}", seconds / 3600, seconds / 60 % 60)?;
    if seconds % 60 == 0 && nanos == 0 {
        return Ok(());
    }
    write!(out, ":{:02}", seconds % 60)?;
    write_fraction(out, nanos)
}

/// As `Instant`.
fn write_instant(out: &mut String, of_day: i64) -> fmt::Result {
    let (seconds, nanos) = (of_day / 1_000_000_000, of_day % 1_000_000_000);
    write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    write_fraction(out, nanos)?;
    out.write_char('Z')
}

/// Three, six or nine digits.
fn write_fraction(out: &mut String, nanos: i64) -> fmt::Result {
    match nanos {
        0 => Ok(()),
        n if n % 1_000_000 == 0 => write!(out, ".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => write!(out, ".{:06}", n / 1_000),
        n => write!(out, ".{n:09}"),
    }
}

/// As `BigDecimal`: with an exponent where there would be many zeros behind the point.
fn write_decimal(out: &mut String, unscaled: i128, scale: i32) -> fmt::Result {
    let digits = unscaled.unsigned_abs().to_string();
    let exponent = digits.len() as i32 - 1 - scale;
    if exponent >= -6 {
        let kind = TypeKind::Decimal { precision: 38, scale: scale as u8 };
        return write_text(out, Datum::Decimal(unscaled), &kind);
    }
    if unscaled < 0 {
        out.push('-');
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    write!(out, "{first}{point}{rest}E{exponent}")
}
