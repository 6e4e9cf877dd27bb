//! Values of the database as JSON, straight from the bytes of the stream: how, is decided once per column.

mod bytes;
mod clock;
mod decimal;
mod json;
mod nested;
pub(crate) mod number;

use tailwater_pg_wire::value::ValueType;

pub(crate) use self::bytes::{BinaryForm, append_hex};
pub(crate) use self::clock::{DateForm, IntervalForm, TimeForm};
pub(crate) use self::decimal::DecimalForm;
pub(crate) use self::json::append_string;
pub(crate) use self::nested::ArrayForm;

/// The bytes are no value of the column's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

type Written = Result<(), Unreadable>;

/// How the values of a column become JSON.
#[derive(Clone, Debug)]
pub(crate) enum ValueWriter {
    /// What is a JSON number as text: integers.
    Integer(IntegerWidth),
    Bool,
    Float4,
    Float8,
    /// A string that is sent as text in either format.
    Text,
    /// A string whose binary format is printed here.
    Printed(ValueType),
    Decimal(DecimalForm),
    Money {
        digits: u8,
        form: DecimalForm,
    },
    Bytes(BinaryForm),
    Bits,
    /// `bit(1)`
    Bit,
    Date(DateForm),
    Time(TimeForm),
    Timestamp(TimeForm),
    /// With so many digits behind the second.
    TimestampTz(u8),
    TimeTz,
    Interval(IntervalForm),
    HstoreJson,
    HstoreMap,
    Point,
    Geometry,
    Vector,
    SparseVector,
    Array(Box<ArrayForm>),
    /// A type without a mapping: its text as bytes.
    Unknown(ValueType, BinaryForm),
    /// Whatever the value is: this.
    Constant(Vec<u8>),
    /// A string, cut to so many characters.
    Truncated(Box<ValueWriter>, usize),
    /// A string's digest.
    Hashed(Box<ValueWriter>, crate::mask::Hash),
}

/// Which integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntegerWidth {
    Int2,
    Int4,
    Int8,
    Oid,
}

/// A value's bytes and their format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) is_binary: bool,
}

impl ValueWriter {
    /// Appends a value that is not NULL.
    pub(crate) fn write(&self, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        match self {
            ValueWriter::Integer(width) => number::append_integer(*width, raw, out),
            ValueWriter::Bool => number::append_bool(raw, out),
            ValueWriter::Float4 => number::append_float4(raw, out),
            ValueWriter::Float8 => number::append_float8(raw, out),
            ValueWriter::Text => json::append_text(raw.bytes, out),
            ValueWriter::Printed(value) => json::append_printed(value, raw, out),
            ValueWriter::Decimal(form) => form.append(raw, out),
            ValueWriter::Money { digits, form } => form.append_money(*digits, raw, out),
            ValueWriter::Bytes(form) => form.append(raw, out),
            ValueWriter::Bits => bytes::append_bits(raw, out),
            ValueWriter::Bit => bytes::append_bit(raw, out),
            ValueWriter::Date(form) => form.append(raw, out),
            ValueWriter::Time(form) => form.append_time(raw, out),
            ValueWriter::Timestamp(form) => form.append_timestamp(raw, out),
            ValueWriter::TimestampTz(digits) => clock::append_timestamptz(*digits, raw, out),
            ValueWriter::TimeTz => clock::append_timetz(raw, out),
            ValueWriter::Interval(form) => form.append(raw, out),
            ValueWriter::HstoreJson => nested::append_hstore_json(raw, out),
            ValueWriter::HstoreMap => nested::append_hstore(raw, out),
            ValueWriter::Point => nested::append_point(raw, out),
            ValueWriter::Geometry => nested::append_geometry(raw, out),
            ValueWriter::Vector => nested::append_vector(raw, out),
            ValueWriter::SparseVector => nested::append_sparse(raw, out),
            ValueWriter::Array(form) => form.append(raw, out),
            ValueWriter::Unknown(value, form) => form.append_text(value, raw, out),
            ValueWriter::Constant(json) => {
                out.extend_from_slice(json);
                Ok(())
            }
            ValueWriter::Truncated(inner, limit) => {
                json::with_plain_text(inner, raw, |text| match text.char_indices().nth(*limit) {
                    Some((end, _)) => append_string(&text.as_bytes()[..end], out),
                    None => append_string(text.as_bytes(), out),
                })
            }
            ValueWriter::Hashed(inner, hash) => json::with_plain_text(inner, raw, |text| {
                append_string(hash.digest(text).as_bytes(), out);
            }),
        }
    }

    /// Whether it reads the binary format.
    pub(crate) fn reads_binary(&self) -> bool {
        match self {
            ValueWriter::Printed(value) | ValueWriter::Unknown(value, _) => {
                value.is_readable() && !value.fails_in_binary()
            }
            ValueWriter::Array(form) => form.reads_binary(),
            ValueWriter::Truncated(inner, _) | ValueWriter::Hashed(inner, _) => {
                inner.reads_binary()
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
