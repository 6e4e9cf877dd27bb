//! Array parameters: the values of one column of many rows, in the binary format.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tailwater_pg_wire::replication::POSTGRES_EPOCH_MICROS;
use tailwater_pg_wire::value::calendar::POSTGRES_EPOCH_DAYS;
use tailwater_pg_wire::value::numeric;
use tailwater_types::{DataType, Datum, TypeKind};
use tokio_postgres::types::{IsNull, ToSql, Type};

/// How the values of a declared type are sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Element {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric(u8),
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    /// As the text of an array literal.
    ArrayText(Box<DataType>),
}

impl Element {
    /// How values of a type are sent; `None` if they cannot be.
    pub(super) fn of(data_type: &DataType) -> Option<Self> {
        Some(match &data_type.kind {
            TypeKind::Boolean => Element::Bool,
            TypeKind::TinyInt | TypeKind::SmallInt => Element::Int2,
            TypeKind::Int => Element::Int4,
            TypeKind::BigInt => Element::Int8,
            TypeKind::Float => Element::Float4,
            TypeKind::Double => Element::Float8,
            TypeKind::Decimal { scale, .. } => Element::Numeric(*scale),
            TypeKind::Char(_) | TypeKind::Varchar(_) | TypeKind::Null => Element::Text,
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => Element::Bytea,
            TypeKind::Date => Element::Date,
            TypeKind::Time(_) => Element::Time,
            TypeKind::Timestamp(_) => Element::Timestamp,
            TypeKind::TimestampLtz(_) => Element::Timestamptz,
            TypeKind::Array(element) => {
                let simple = element.kind.is_integer()
                    || element.kind.is_string()
                    || matches!(
                        element.kind,
                        TypeKind::Boolean
                            | TypeKind::Float
                            | TypeKind::Double
                            | TypeKind::Decimal { .. }
                    );
                if !simple {
                    return None;
                }
                Element::ArrayText(element.clone())
            }
            TypeKind::IntervalYearMonth
            | TypeKind::IntervalDayTime
            | TypeKind::Multiset(_)
            | TypeKind::Map(..)
            | TypeKind::Row(_) => return None,
        })
    }

    /// The type of one value.
    pub(super) fn pg_type(&self) -> Type {
        match self {
            Element::Bool => Type::BOOL,
            Element::Int2 => Type::INT2,
            Element::Int4 => Type::INT4,
            Element::Int8 => Type::INT8,
            Element::Float4 => Type::FLOAT4,
            Element::Float8 => Type::FLOAT8,
            Element::Numeric(_) => Type::NUMERIC,
            Element::Text | Element::ArrayText(_) => Type::TEXT,
            Element::Bytea => Type::BYTEA,
            Element::Date => Type::DATE,
            Element::Time => Type::TIME,
            Element::Timestamp => Type::TIMESTAMP,
            Element::Timestamptz => Type::TIMESTAMPTZ,
        }
    }

    /// The type of the parameter.
    pub(super) fn array_type(&self) -> Type {
        match self {
            Element::Bool => Type::BOOL_ARRAY,
            Element::Int2 => Type::INT2_ARRAY,
            Element::Int4 => Type::INT4_ARRAY,
            Element::Int8 => Type::INT8_ARRAY,
            Element::Float4 => Type::FLOAT4_ARRAY,
            Element::Float8 => Type::FLOAT8_ARRAY,
            Element::Numeric(_) => Type::NUMERIC_ARRAY,
            Element::Text | Element::ArrayText(_) => Type::TEXT_ARRAY,
            Element::Bytea => Type::BYTEA_ARRAY,
            Element::Date => Type::DATE_ARRAY,
            Element::Time => Type::TIME_ARRAY,
            Element::Timestamp => Type::TIMESTAMP_ARRAY,
            Element::Timestamptz => Type::TIMESTAMPTZ_ARRAY,
        }
    }

    fn append(&self, datum: Datum<'_>, out: &mut Vec<u8>) {
        match (self, datum) {
            (Element::Bool, Datum::Bool(v)) => out.push(u8::from(v)),
            (Element::Int2, Datum::Int(v)) => out.extend_from_slice(&(v as i16).to_be_bytes()),
            (Element::Int4, Datum::Int(v)) => out.extend_from_slice(&(v as i32).to_be_bytes()),
            (Element::Int8, Datum::Int(v)) => out.extend_from_slice(&v.to_be_bytes()),
            (Element::Float4, Datum::Float(v)) => out.extend_from_slice(&v.to_be_bytes()),
            (Element::Float8, Datum::Double(v)) => out.extend_from_slice(&v.to_be_bytes()),
            (Element::Numeric(scale), Datum::Decimal(v)) => numeric::append_binary(v, *scale, out),
            (Element::Text, Datum::Str(v)) => out.extend_from_slice(v.as_bytes()),
            (Element::Bytea, Datum::Bytes(v)) => out.extend_from_slice(v),
            (Element::Date, Datum::Int(v)) => {
                let days = (v - POSTGRES_EPOCH_DAYS) as i32;
                out.extend_from_slice(&days.to_be_bytes());
            }
            (Element::Time, Datum::Int(v)) => out.extend_from_slice(&(v * 1000).to_be_bytes()),
            (Element::Timestamp | Element::Timestamptz, Datum::Timestamp(v)) => {
                let micros = v.micros.saturating_sub(POSTGRES_EPOCH_MICROS);
                out.extend_from_slice(&micros.to_be_bytes());
            }
            (Element::ArrayText(element), Datum::Array(row)) => {
                append_literal(row, element, out);
            }
            (_, other) => debug_assert!(false, "datum {other:?} for {self:?}"),
        }
    }
}

/// `{1,NULL,"text"}`
fn append_literal(row: tailwater_types::RowRef<'_>, element: &DataType, out: &mut Vec<u8>) {
    out.push(b'{');
    for at in 0..row.len() {
        if at > 0 {
            out.push(b',');
        }
        match row.get(at, element.layout()) {
            Datum::Null => out.extend_from_slice(b"NULL"),
            Datum::Bool(v) => out.push(if v { b't' } else { b'f' }),
            Datum::Int(v) => out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes()),
            Datum::Float(v) => out.extend_from_slice(zmij::Buffer::new().format(v).as_bytes()),
            Datum::Double(v) => out.extend_from_slice(zmij::Buffer::new().format(v).as_bytes()),
            Datum::Decimal(v) => {
                let scale = match element.kind {
                    TypeKind::Decimal { scale, .. } => scale,
                    _ => 0,
                };
                out.extend_from_slice(format!("{v}e-{scale}").as_bytes());
            }
            Datum::Str(v) => {
                out.push(b'"');
                for byte in v.bytes() {
                    if matches!(byte, b'"' | b'\\') {
                        out.push(b'\\');
                    }
                    out.push(byte);
                }
                out.push(b'"');
            }
            other => debug_assert!(false, "datum {other:?} in an array literal"),
        }
    }
    out.push(b'}');
}

/// The values of one column.
#[derive(Debug)]
pub(super) struct ArrayParameter {
    element: Element,
    count: i32,
    has_null: bool,
    data: Vec<u8>,
}

impl ArrayParameter {
    /// An array of no values.
    pub(super) fn new(element: Element) -> Self {
        Self { element, count: 0, has_null: false, data: Vec::new() }
    }

    /// Appends a value.
    pub(super) fn push(&mut self, datum: Datum<'_>) {
        self.count += 1;
        let start = self.data.len();
        if datum.is_null() {
            self.has_null = true;
            self.data.extend_from_slice(&(-1_i32).to_be_bytes());
            return;
        }
        self.data.extend_from_slice(&[0; 4]);
        self.element.append(datum, &mut self.data);
        let length = (self.data.len() - start - 4) as i32;
        self.data[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

impl ToSql for ArrayParameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i32(1);
        out.put_i32(i32::from(self.has_null));
        out.put_u32(self.element.pg_type().oid());
        out.put_i32(self.count);
        out.put_i32(1);
        out.put_slice(&self.data);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}
