//! From PostgreSQL's values to packed fields: decided once per column, not per row.

mod form;
mod nested;
mod number;
mod text;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::pgoutput::Cell;
use tailwater_pg_wire::value::{ValueType, binary, numeric, text as text_format};
use tailwater_types::{DataType, Datum, Layout, RowWriter, Timestamp};

use self::form::Form;

/// How the values of one column are read.
#[derive(Clone, Debug)]
pub(crate) struct ColumnDecoder {
    form: Form,
    layout: Layout,
    transfer: Transfer,
}

/// In which format the server is asked for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transfer {
    Binary,
    /// It has no binary format: a stream falls back to text by itself, a copy must be told.
    TextByNature,
    /// Its binary format is not known here, or fails in the server.
    Text,
}

/// Why the declared type cannot hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is too large, too precise or nothing of the kind.
    Value,
    /// It is infinite.
    Infinity,
    /// It is `NaN`.
    NotANumber,
    /// It is an array of so many dimensions.
    Dimensions(usize),
}

impl ColumnDecoder {
    /// Decides how a column of `value` is read as `declared`; `None` if it cannot be.
    pub(crate) fn new(value: &ValueType, declared: &DataType) -> Option<Self> {
        let form = Form::new(value, &declared.kind)?;
        let transfer = match value {
            ValueType::TextOnly => Transfer::TextByNature,
            _ if form.is_unreadable() || value.fails_in_binary() => Transfer::Text,
            _ => Transfer::Binary,
        };
        Some(Self { form, layout: declared.layout(), transfer })
    }

    /// Whether a copy must ask for this column as text.
    pub(crate) fn needs_text(&self) -> bool {
        self.transfer != Transfer::Binary
    }

    /// Whether this column makes the whole stream one of text.
    pub(crate) fn needs_text_stream(&self) -> bool {
        self.transfer == Transfer::Text
    }

    /// Appends the next field of a row.
    #[inline]
    pub(crate) fn write(&self, cell: Cell<'_>, out: &mut RowWriter<'_>) -> Result<(), Unfit> {
        let (bytes, is_binary) = match cell {
            Cell::Null | Cell::UnchangedToast => {
                out.push(Datum::Null, self.layout);
                return Ok(());
            }
            Cell::Binary(bytes) => (bytes, true),
            Cell::Text(bytes) => (bytes, false),
        };
        let written = self.write_value(bytes, is_binary, out);
        written.map_err(|unfit| self.explain(unfit, bytes, is_binary))
    }

    fn write_value(
        &self,
        bytes: &[u8],
        is_binary: bool,
        out: &mut RowWriter<'_>,
    ) -> Result<(), Unfit> {
        let pick = |b: fn(&[u8]) -> Option<i64>, t: fn(&[u8]) -> Option<i64>| {
            let read = if is_binary { b } else { t };
            read(bytes).ok_or(Unfit::Value)
        };
        let datum = match &self.form {
            Form::Str(form) => return form.write(bytes, is_binary, out),
            Form::Array(array) => return array.write(bytes, is_binary, out),
            Form::Row(row) => return row.write(bytes, is_binary, out),
            Form::Point => return nested::write_point(bytes, is_binary, out),
            Form::Map => return nested::write_map(bytes, is_binary, out),
            Form::Bits => return nested::write_bits(bytes, is_binary, out),
            Form::Bytes if !is_binary => return write_hex(bytes, out),
            Form::Bytes => Datum::Bytes(bytes),
            Form::Bool if is_binary => Datum::Bool(binary::boolean(bytes).ok_or(Unfit::Value)?),
            Form::Bool => Datum::Bool(text_format::boolean(bytes).ok_or(Unfit::Value)?),
            Form::OneBit => Datum::Bool(one_bit(bytes, is_binary).ok_or(Unfit::Value)?),
            Form::Int { min, max, from } => {
                let value = from.integer(bytes, is_binary).ok_or(Unfit::Value)?;
                if !(*min..=*max).contains(&value) {
                    return Err(Unfit::Value);
                }
                Datum::Int(value)
            }
            Form::Decimal { precision, scale, from } => {
                let value = from.decimal(bytes, is_binary, *scale).ok_or(Unfit::Value)?;
                if value.unsigned_abs() >= 10_u128.pow(u32::from(*precision)) {
                    return Err(Unfit::Value);
                }
                Datum::Decimal(value)
            }
            Form::Float if is_binary => Datum::Float(binary::float4(bytes).ok_or(Unfit::Value)?),
            Form::Float => Datum::Float(text_format::number(bytes).ok_or(Unfit::Value)?),
            Form::Double(from) => Datum::Double(from.double(bytes, is_binary).ok_or(Unfit::Value)?),
            Form::Date => Datum::Int(pick(binary::date, text_format::date)?),
            Form::Time(precision) => {
                let millis = pick(binary::time, text_format::time)? / 1000;
                let unit = 10_i64.pow(3_u32.saturating_sub(u32::from(*precision)));
                Datum::Int(millis / unit * unit)
            }
            Form::Timestamp(precision) => {
                let micros = pick(binary::timestamp, text_format::timestamp)?;
                Datum::Timestamp(Timestamp::from_micros(micros).truncate(*precision))
            }
        };
        out.push(datum, self.layout);
        Ok(())
    }

    /// Finds the better reason for a value that could not be read.
    #[cold]
    fn explain(&self, unfit: Unfit, bytes: &[u8], is_binary: bool) -> Unfit {
        let is_infinite = match (&self.form, is_binary) {
            _ if unfit != Unfit::Value => return unfit,
            (Form::Array(_) | Form::Row(_) | Form::Str(_) | Form::Map, _) => return unfit,
            (_, false) if bytes == b"NaN" => return Unfit::NotANumber,
            (_, false) => bytes.to_ascii_lowercase().ends_with(b"infinity"),
            (Form::Date, true) => {
                matches!(binary::int4(bytes), Some(i32::MIN | i32::MAX))
            }
            (Form::Timestamp(_), true) => matches!(binary::int8(bytes), Some(i64::MIN | i64::MAX)),
            (Form::Int { from, .. } | Form::Decimal { from, .. }, true) => {
                match numeric::parse(bytes).map(|n| n.sign).filter(|_| from.is_numeric()) {
                    Some(numeric::Sign::NaN) => return Unfit::NotANumber,
                    Some(numeric::Sign::Infinity | numeric::Sign::NegativeInfinity) => true,
                    _ => from.is_infinite_interval(bytes),
                }
            }
            _ => false,
        };
        if is_infinite { Unfit::Infinity } else { unfit }
    }
}

fn one_bit(bytes: &[u8], is_binary: bool) -> Option<bool> {
    match (is_binary, bytes) {
        (true, [0, 0, 0, 1, bit]) => Some(bit >> 7 == 1),
        (false, [bit @ (b'0' | b'1')]) => Some(*bit == b'1'),
        _ => None,
    }
}

fn write_hex(bytes: &[u8], out: &mut RowWriter<'_>) -> Result<(), Unfit> {
    let mut result = None;
    out.push_tail(|tail| result = text_format::bytea(bytes, tail));
    result.ok_or(Unfit::Value)
}

/// The error for a value that does not fit; it does not show the value.
pub(crate) fn unfit_error(
    table: &str,
    column: &str,
    declared: &DataType,
    unfit: Unfit,
) -> ConnectorError {
    let kind = &declared.kind;
    let (what, hint) = match unfit {
        Unfit::Value => {
            (format!("a value that is not a {kind}"), "declare the column wider, or as STRING")
        }
        Unfit::Infinity => (
            format!("infinity, which {kind} cannot hold"),
            "declare the column as STRING, or keep infinities out of it with a CHECK",
        ),
        Unfit::NotANumber => (
            format!("NaN, which {kind} cannot hold"),
            "declare the column as DOUBLE or STRING, or keep NaN out of it with a CHECK",
        ),
        Unfit::Dimensions(count) => (
            format!("an array of dimension {count}, which {kind} cannot hold"),
            "declare as many ARRAYs within each other as the arrays have dimensions, or a STRING",
        ),
    };
    let message = format!("column \"{column}\" of table {table} holds {what}");
    ConnectorError::new(ErrorKind::BadData, message).with_hint(hint)
}
