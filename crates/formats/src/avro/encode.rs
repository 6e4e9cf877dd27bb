//! Rows to bytes of the schema that is [derived](super::derive_schema) from their columns.

use tailwater_types::{DataType, Datum, Layout, TypeKind};

use crate::encoder::EncodeError;

/// Appends a value; one that may be NULL has its branch in front.
pub(crate) fn append(
    out: &mut Vec<u8>,
    datum: Datum<'_>,
    data_type: &DataType,
) -> Result<(), EncodeError> {
    if data_type.nullable {
        append_long(out, i64::from(!datum.is_null()));
        if datum.is_null() {
            return Ok(());
        }
    }
    match (datum, &data_type.kind) {
        (Datum::Bool(v), _) => out.push(u8::from(v)),
        (Datum::Int(v), _) => append_long(out, v),
        (Datum::Float(v), _) => out.extend_from_slice(&v.to_le_bytes()),
        (Datum::Double(v), _) => out.extend_from_slice(&v.to_le_bytes()),
        (Datum::Decimal(v), _) => append_bytes(out, shortest(&v.to_be_bytes())),
        (Datum::Timestamp(v), TypeKind::Timestamp(0..=3) | TypeKind::TimestampLtz(0..=3)) => {
            append_long(out, v.millis());
        }
        (Datum::Timestamp(v), _) => append_long(out, v.micros),
        (Datum::Str(v), _) => append_bytes(out, v.as_bytes()),
        (Datum::Bytes(v), _) => append_bytes(out, v),
        (Datum::Array(items), TypeKind::Array(element)) => {
            if !items.is_empty() {
                append_long(out, items.len() as i64);
            }
            for i in 0..items.len() {
                append(out, items.get(i, element.layout()), element)?;
            }
            append_long(out, 0);
        }
        (Datum::Map(map), kind) => {
            let count = TypeKind::Int.not_null();
            let element = match kind {
                TypeKind::Map(_, value) => value,
                _ => &count,
            };
            if !map.is_empty() {
                append_long(out, map.len() as i64);
            }
            for i in 0..map.len() {
                let Datum::Str(key) = map.keys().get(i, Layout::Str) else {
                    return Err(EncodeError::new("avro cannot hold NULL as the key of a map"));
                };
                append_bytes(out, key.as_bytes());
                append(out, map.values().get(i, element.layout()), element)?;
            }
            append_long(out, 0);
        }
        (Datum::Row(row), TypeKind::Row(fields)) => {
            for (i, field) in fields.iter().enumerate() {
                append(out, row.get(i, field.data_type.layout()), &field.data_type)?;
            }
        }
        _ => return Err(EncodeError::new(format!("avro cannot hold NULL as a {data_type}"))),
    }
    Ok(())
}

pub(crate) fn append_long(out: &mut Vec<u8>, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

fn append_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    append_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

/// A number in two's complement without the bytes that tell nothing.
fn shortest(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [first, second, ..] = bytes {
        let fill = if second & 0x80 != 0 { 0xff } else { 0 };
        if *first != fill {
            break;
        }
        bytes = &bytes[1..];
    }
    bytes
}
