//! From PostgreSQL's values to packed fields: decided once per column, not per row.

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::pgoutput::Cell;
use tailwater_pg_wire::value::{array, binary, numeric, text};
use tailwater_types::{DataType, Datum, Layout, RowWriter, Timestamp, TypeKind};

/// A type of the database, domains resolved.
#[derive(Clone, Debug)]
pub(crate) struct PgType {
    pub(crate) oid: u32,
    pub(crate) is_enum: bool,
    /// Of the category of strings, such as `citext`.
    pub(crate) is_string: bool,
    pub(crate) element: Option<Box<PgType>>,
    /// As SQL writes it, for messages: `numeric(10,2)`.
    pub(crate) name: String,
    /// The base type without a modifier, for casts: `numeric`.
    pub(crate) base_name: String,
}

/// How the values of one column are read.
#[derive(Clone, Debug)]
pub(crate) struct ColumnDecoder {
    form: Form,
    layout: Layout,
}

#[derive(Clone, Debug)]
enum Form {
    Bool,
    Int { min: i64, max: i64, from: Number },
    Decimal { precision: u8, scale: u8, from: Number },
    Float,
    Double(Number),
    Str(Text),
    Bytes,
    Date,
    Time(u8),
    Timestamp(u8),
    Array(Box<ColumnDecoder>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
}

/// How the binary format of something becomes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Plain,
    Jsonb,
    Uuid,
    Numeric,
    Bool,
    Int(Number),
    /// Not at all: the server must send text.
    ServerSide,
}

/// A value that the declared type cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfit;

impl PgType {
    fn number(&self) -> Option<Number> {
        Some(match self.oid {
            21 => Number::Int2,
            23 => Number::Int4,
            20 => Number::Int8,
            26 | 28 => Number::Oid,
            700 => Number::Float4,
            701 => Number::Float8,
            1700 => Number::Numeric,
            _ => return None,
        })
    }

    fn text(&self) -> Text {
        match self.oid {
            18 | 19 | 25 | 1042 | 1043 | 114 => Text::Plain,
            3802 => Text::Jsonb,
            2950 => Text::Uuid,
            1700 => Text::Numeric,
            16 => Text::Bool,
            20 | 21 | 23 | 26 | 28 => self.number().map_or(Text::ServerSide, Text::Int),
            _ if self.is_enum || self.is_string => Text::Plain,
            _ => Text::ServerSide,
        }
    }
}

impl ColumnDecoder {
    /// Decides how a column of `pg_type` is read as `declared`; `None` if it cannot be.
    pub(crate) fn new(pg_type: &PgType, declared: &DataType) -> Option<Self> {
        let form = form(pg_type, &declared.kind)?;
        let layout = declared.layout();
        Some(Self { form, layout })
    }

    /// Whether the server must send this column as text.
    pub(crate) fn needs_text(&self) -> bool {
        match &self.form {
            Form::Str(text) => *text == Text::ServerSide,
            Form::Array(element) => element.needs_text(),
            _ => false,
        }
    }

    /// Appends the next field of a row.
    #[inline]
    pub(crate) fn write(&self, cell: Cell<'_>, out: &mut RowWriter<'_>) -> Result<(), Unfit> {
        match cell {
            Cell::Null | Cell::UnchangedToast => {
                out.push(Datum::Null, self.layout);
                Ok(())
            }
            Cell::Binary(bytes) => self.write_value(bytes, true, out),
            Cell::Text(bytes) => self.write_value(bytes, false, out),
        }
    }

    fn write_value(
        &self,
        bytes: &[u8],
        is_binary: bool,
        out: &mut RowWriter<'_>,
    ) -> Result<(), Unfit> {
        let pick = |b: fn(&[u8]) -> Option<i64>, t: fn(&[u8]) -> Option<i64>| {
            let read = if is_binary { b } else { t };
            read(bytes).ok_or(Unfit)
        };
        let datum = match &self.form {
            Form::Str(form) => return form.write(bytes, is_binary, out),
            Form::Array(element) => return element.write_array(bytes, is_binary, out),
            Form::Bytes if !is_binary => return write_hex(bytes, out),
            Form::Bytes => Datum::Bytes(bytes),
            Form::Bool if is_binary => Datum::Bool(binary::boolean(bytes).ok_or(Unfit)?),
            Form::Bool => Datum::Bool(text::boolean(bytes).ok_or(Unfit)?),
            Form::Int { min, max, from } => {
                let value = from.integer(bytes, is_binary).ok_or(Unfit)?;
                if !(*min..=*max).contains(&value) {
                    return Err(Unfit);
                }
                Datum::Int(value)
            }
            Form::Decimal { precision, scale, from } => {
                let value = from.decimal(bytes, is_binary, *scale).ok_or(Unfit)?;
                if value.unsigned_abs() >= 10_u128.pow(u32::from(*precision)) {
                    return Err(Unfit);
                }
                Datum::Decimal(value)
            }
            Form::Float if is_binary => Datum::Float(binary::float4(bytes).ok_or(Unfit)?),
            Form::Float => Datum::Float(text::number(bytes).ok_or(Unfit)?),
            Form::Double(from) => Datum::Double(from.double(bytes, is_binary).ok_or(Unfit)?),
            Form::Date => Datum::Int(pick(binary::date, text::date)?),
            Form::Time(precision) => {
                let millis = pick(binary::time, text::time)? / 1000;
                let unit = 10_i64.pow(3_u32.saturating_sub(u32::from(*precision)));
                Datum::Int(millis / unit * unit)
            }
            Form::Timestamp(precision) => {
                let micros = pick(binary::timestamp, text::timestamp)?;
                Datum::Timestamp(Timestamp::from_micros(micros).truncate(*precision))
            }
        };
        out.push(datum, self.layout);
        Ok(())
    }

    /// Appends an array whose elements are read by `self`.
    fn write_array(
        &self,
        bytes: &[u8],
        is_binary: bool,
        out: &mut RowWriter<'_>,
    ) -> Result<(), Unfit> {
        let mut result = Ok(());
        if is_binary {
            let elements = array::binary(bytes).ok_or(Unfit)?;
            out.push_tail(|tail| {
                let mut row = RowWriter::new(tail, elements.remaining());
                result = elements.into_iter().try_for_each(|element| {
                    let cell = element.ok_or(Unfit)?.map_or(Cell::Null, Cell::Binary);
                    self.write(cell, &mut row)
                });
            });
        } else {
            let elements = array::text(bytes).ok_or(Unfit)?;
            out.push_tail(|tail| {
                let mut row = RowWriter::new(tail, elements.len());
                result = elements.iter().try_for_each(|element| {
                    let cell = element.as_deref().map_or(Cell::Null, Cell::Text);
                    self.write(cell, &mut row)
                });
            });
        }
        result
    }
}

fn form(pg_type: &PgType, declared: &TypeKind) -> Option<Form> {
    let number = pg_type.number();
    let whole = number.filter(|n| !matches!(n, Number::Float4 | Number::Float8));
    let int = |min: i64, max: i64| whole.map(|from| Form::Int { min, max, from });
    match declared {
        TypeKind::Boolean => (pg_type.oid == 16).then_some(Form::Bool),
        TypeKind::TinyInt => int(i8::MIN.into(), i8::MAX.into()),
        TypeKind::SmallInt => int(i16::MIN.into(), i16::MAX.into()),
        TypeKind::Int => int(i32::MIN.into(), i32::MAX.into()),
        TypeKind::BigInt => int(i64::MIN, i64::MAX),
        TypeKind::Decimal { precision, scale } => {
            Some(Form::Decimal { precision: *precision, scale: *scale, from: whole? })
        }
        TypeKind::Float => (number? == Number::Float4).then_some(Form::Float),
        TypeKind::Double => number.map(Form::Double),
        TypeKind::Char(_) | TypeKind::Varchar(_) => Some(Form::Str(pg_type.text())),
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => (pg_type.oid == 17).then_some(Form::Bytes),
        TypeKind::Date => (pg_type.oid == 1082).then_some(Form::Date),
        TypeKind::Time(p) => (pg_type.oid == 1083).then_some(Form::Time(*p)),
        // Flink takes either for a timestamp without a zone; an instant it takes as UTC.
        TypeKind::Timestamp(p) | TypeKind::TimestampLtz(p) => {
            matches!(pg_type.oid, 1114 | 1184).then_some(Form::Timestamp(*p))
        }
        TypeKind::Array(element) => {
            let inner = ColumnDecoder::new(pg_type.element.as_deref()?, element)?;
            Some(Form::Array(Box::new(inner)))
        }
        TypeKind::Null
        | TypeKind::IntervalYearMonth
        | TypeKind::IntervalDayTime
        | TypeKind::Multiset(_)
        | TypeKind::Map(..)
        | TypeKind::Row(_) => None,
    }
}

impl Number {
    fn integer(self, bytes: &[u8], is_binary: bool) -> Option<i64> {
        if !is_binary {
            return match self {
                Number::Numeric => i64::try_from(text::decimal(bytes, 0)?).ok(),
                _ => text::number(bytes),
            };
        }
        match self {
            Number::Int2 => binary::int2(bytes).map(i64::from),
            Number::Int4 => binary::int4(bytes).map(i64::from),
            Number::Int8 => binary::int8(bytes),
            Number::Oid => binary::oid(bytes).map(i64::from),
            Number::Numeric => i64::try_from(numeric::parse(bytes)?.to_unscaled(0)?).ok(),
            Number::Float4 | Number::Float8 => None,
        }
    }

    fn decimal(self, bytes: &[u8], is_binary: bool, scale: u8) -> Option<i128> {
        match self {
            _ if !is_binary => text::decimal(bytes, scale),
            Number::Numeric => numeric::parse(bytes)?.to_unscaled(scale),
            _ => {
                let value = i128::from(self.integer(bytes, true)?);
                value.checked_mul(10_i128.pow(u32::from(scale)))
            }
        }
    }

    fn double(self, bytes: &[u8], is_binary: bool) -> Option<f64> {
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

impl Text {
    fn write(self, bytes: &[u8], is_binary: bool, out: &mut RowWriter<'_>) -> Result<(), Unfit> {
        let uuid;
        let mut integer = itoa::Buffer::new();
        let text = match self {
            Text::Bool => {
                let value = match bytes {
                    [0] => false,
                    [1] => true,
                    _ => bytes.first() == Some(&b't'),
                };
                if value { "true" } else { "false" }.as_bytes()
            }
            _ if !is_binary => bytes,
            Text::Plain => bytes,
            Text::Jsonb => binary::jsonb(bytes).ok_or(Unfit)?,
            Text::Uuid => {
                uuid = binary::uuid(bytes).ok_or(Unfit)?;
                &uuid
            }
            Text::Numeric => {
                let number = numeric::parse(bytes).ok_or(Unfit)?;
                out.push_tail(|tail| number.append_text(tail));
                return Ok(());
            }
            Text::Int(number) => {
                integer.format(number.integer(bytes, true).ok_or(Unfit)?).as_bytes()
            }
            Text::ServerSide => return Err(Unfit),
        };
        let text = std::str::from_utf8(text).map_err(|_| Unfit)?;
        out.push(Datum::Str(text), Layout::Str);
        Ok(())
    }
}

fn write_hex(bytes: &[u8], out: &mut RowWriter<'_>) -> Result<(), Unfit> {
    let mut result = None;
    out.push_tail(|tail| result = text::bytea(bytes, tail));
    result.ok_or(Unfit)
}

/// The error for a value that does not fit; it does not show the value.
pub(crate) fn unfit_error(table: &str, column: &str, declared: &DataType) -> ConnectorError {
    let message = format!(
        "column \"{column}\" of table {table} holds a value that is not a {}",
        declared.kind
    );
    ConnectorError::new(ErrorKind::BadData, message)
        .with_hint("declare the column wider, or as STRING")
}
