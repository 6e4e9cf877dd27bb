//! What a declared type makes of a type of the database.

use tailwater_pg_wire::value::ValueType;
use tailwater_types::{DataType, TypeKind};

use super::ColumnDecoder;
use super::nested::{ArrayForm, RowForm};
use super::number::Number;
use super::text::Text;

/// How a value becomes a field.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Bool,
    /// `bit(1)` as a boolean.
    OneBit,
    /// The bits of a number, the lowest byte first and no zero byte last, as Debezium has them.
    Bits,
    Int {
        min: i64,
        max: i64,
        from: Number,
    },
    Decimal {
        precision: u8,
        scale: u8,
        from: Number,
    },
    Float,
    Double(Number),
    Str(Text),
    Bytes,
    Date,
    Time(u8),
    Timestamp(u8),
    Array(ArrayForm),
    /// `hstore` as `MAP<STRING, STRING>`.
    Map,
    Row(RowForm),
    /// `point` as `ROW<x DOUBLE, y DOUBLE>`.
    Point,
}

impl Form {
    pub(super) fn new(value: &ValueType, declared: &TypeKind) -> Option<Self> {
        let number = Number::of(value);
        let whole = number.filter(|n| n.is_whole());
        let int = |min: i64, max: i64| whole.map(|from| Form::Int { min, max, from });
        let only = |wanted: ValueType, form| (*value == wanted).then_some(form);
        match declared {
            TypeKind::Boolean if *value == ValueType::Bits => Some(Form::OneBit),
            TypeKind::Boolean => only(ValueType::Bool, Form::Bool),
            TypeKind::TinyInt => int(i8::MIN.into(), i8::MAX.into()),
            TypeKind::SmallInt => int(i16::MIN.into(), i16::MAX.into()),
            TypeKind::Int => int(i32::MIN.into(), i32::MAX.into()),
            TypeKind::BigInt if *value == ValueType::Interval => {
                Some(Form::Int { min: i64::MIN, max: i64::MAX, from: Number::Interval })
            }
            TypeKind::BigInt => int(i64::MIN, i64::MAX),
            TypeKind::Decimal { precision, scale } => {
                let from = number.filter(|n| n.is_whole() || n.is_money())?;
                Some(Form::Decimal { precision: *precision, scale: *scale, from })
            }
            TypeKind::Float => only(ValueType::Float4, Form::Float),
            TypeKind::Double => number.filter(|n| !n.is_money()).map(Form::Double),
            TypeKind::Char(_) | TypeKind::Varchar(_) => Some(Form::Str(Text::of(value))),
            TypeKind::Binary(_) | TypeKind::Varbinary(_) if *value == ValueType::Bits => {
                Some(Form::Bits)
            }
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => only(ValueType::Bytea, Form::Bytes),
            TypeKind::Date => only(ValueType::Date, Form::Date),
            TypeKind::Time(p) => only(ValueType::Time, Form::Time(*p)),
            // Flink takes either for a timestamp without a zone; an instant it takes as UTC.
            TypeKind::Timestamp(p) | TypeKind::TimestampLtz(p) => {
                matches!(value, ValueType::Timestamp | ValueType::TimestampTz)
                    .then_some(Form::Timestamp(*p))
            }
            TypeKind::Array(element) => array(value, element).map(Form::Array),
            TypeKind::Map(key, mapped) => {
                let is_text = key.kind.is_string() && mapped.kind.is_string();
                (is_text && *value == ValueType::Hstore).then_some(Form::Map)
            }
            TypeKind::Row(fields) => match value {
                ValueType::Composite(parts) => RowForm::new(parts, fields).map(Form::Row),
                ValueType::Point => {
                    let is_double = fields.iter().all(|f| f.data_type.kind == TypeKind::Double);
                    let names = fields.iter().map(|f| f.name.as_ref());
                    (is_double && names.eq(["x", "y"])).then_some(Form::Point)
                }
                _ => None,
            },
            TypeKind::Null
            | TypeKind::IntervalYearMonth
            | TypeKind::IntervalDayTime
            | TypeKind::Multiset(_) => None,
        }
    }

    /// Whether a part of it is in a binary format that is not known here.
    pub(super) fn is_unreadable(&self) -> bool {
        match self {
            Form::Str(text) => matches!(text, Text::ServerSide),
            Form::Array(array) => array.element.form.is_unreadable(),
            Form::Row(row) => row.decoders().any(|decoder| decoder.form.is_unreadable()),
            _ => false,
        }
    }
}

/// An array of the database has its dimensions in its values, a declared one in its type.
fn array(value: &ValueType, declared: &DataType) -> Option<ArrayForm> {
    let ValueType::Array { element, delimiter } = value else {
        return None;
    };
    let mut inner = declared;
    let mut rank = 1;
    loop {
        if let Some(decoder) = ColumnDecoder::new(element, inner) {
            return Some(ArrayForm { element: Box::new(decoder), rank, delimiter: *delimiter });
        }
        let TypeKind::Array(next) = &inner.kind else {
            return None;
        };
        inner = next;
        rank += 1;
    }
}
