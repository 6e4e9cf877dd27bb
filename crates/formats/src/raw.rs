//! `raw`: the bytes of one column, as they are.

use tailwater_expr::ResolveError;
use tailwater_types::{
    ChangeBatch, DataType, Datum, Layout, RowKind, RowRef, RowWriter, Schema, TypeKind,
};

use crate::decoder::{DecodeError, MessageDecoder};
use crate::encoder::{EncodeError, Encoded, EncodedColumns, MessageEncoder};

/// In which order a number's bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Endianness {
    /// The highest first.
    #[default]
    Big,
    /// The lowest first.
    Little,
}

/// How a value lies in its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Bytes,
    Boolean,
    /// So many bytes.
    Integer(usize),
    Float,
    Double,
}

impl Form {
    fn of(data_type: &DataType) -> Result<Self, ResolveError> {
        Ok(match &data_type.kind {
            TypeKind::Char(_) | TypeKind::Varchar(_) => Self::Text,
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => Self::Bytes,
            TypeKind::Boolean => Self::Boolean,
            TypeKind::TinyInt => Self::Integer(1),
            TypeKind::SmallInt => Self::Integer(2),
            TypeKind::Int => Self::Integer(4),
            TypeKind::BigInt => Self::Integer(8),
            TypeKind::Float => Self::Float,
            TypeKind::Double => Self::Double,
            kind => {
                let message = format!("The 'raw' format doesn't supports '{kind}' as column type.");
                return Err(ResolveError::new(message));
            }
        })
    }

    fn size(self) -> Option<usize> {
        match self {
            Self::Text | Self::Bytes => None,
            Self::Boolean => Some(1),
            Self::Integer(size) => Some(size),
            Self::Float => Some(4),
            Self::Double => Some(8),
        }
    }
}

/// Reads `raw`.
pub struct RawDecoder {
    form: Form,
    kind: TypeKind,
    layout: Layout,
    endianness: Endianness,
}

impl RawDecoder {
    /// A decoder of the one column.
    ///
    /// # Errors
    /// Another number of columns, or a type that is not raw bytes.
    pub fn new(schema: &Schema, endianness: Endianness) -> Result<Self, ResolveError> {
        let [field] = schema.fields() else {
            return Err(one_column(schema.fields().iter().map(|f| f.name.to_string())));
        };
        let (data_type, layout) = (&field.data_type, field.data_type.layout());
        Ok(Self { form: Form::of(data_type)?, kind: data_type.kind.clone(), layout, endianness })
    }
}

fn one_column(names: impl Iterator<Item = String>) -> ResolveError {
    let names: Vec<String> = names.collect();
    ResolveError::new(format!(
        "The 'raw' format only supports single physical column. However the defined schema \
         contains multiple physical columns: [{}]",
        names.join(", ")
    ))
}

impl MessageDecoder for RawDecoder {
    fn decode_message(&mut self, message: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        if self.form.size().is_some_and(|size| size != message.len()) {
            let text = format!(
                "Size of data received for deserializing {} type is not {}.",
                self.kind,
                self.form.size().unwrap_or(0)
            );
            return Err(DecodeError::new(0, text));
        }
        let mut bytes = [0; 8];
        if self.form.size().is_some() {
            bytes[8 - message.len()..].copy_from_slice(message);
            if self.endianness == Endianness::Little {
                bytes[8 - message.len()..].reverse();
            }
        }
        let word = u64::from_be_bytes(bytes);
        let text;
        let datum = match self.form {
            Form::Text => {
                text = String::from_utf8_lossy(message);
                Datum::Str(&text)
            }
            Form::Bytes => Datum::Bytes(message),
            Form::Boolean => Datum::Bool(word != 0),
            Form::Integer(size) => {
                let unused = 64 - 8 * size as u32;
                Datum::Int(((word << unused) as i64) >> unused)
            }
            Form::Float => Datum::Float(f32::from_bits(word as u32)),
            Form::Double => Datum::Double(f64::from_bits(word)),
        };
        out.push_with(RowKind::Insert, |row| RowWriter::new(row, 1).push(datum, self.layout));
        Ok(())
    }

    fn decode_null(&mut self, out: &mut ChangeBatch) -> Result<(), DecodeError> {
        out.push_with(RowKind::Insert, |row| RowWriter::new(row, 1).push_null());
        Ok(())
    }
}

/// Writes `raw`.
pub struct RawEncoder {
    form: Form,
    layout: Layout,
    place: usize,
    endianness: Endianness,
}

impl RawEncoder {
    /// An encoder of the one column.
    ///
    /// # Errors
    /// As [`RawDecoder::new`].
    pub fn new(columns: &EncodedColumns, endianness: Endianness) -> Result<Self, ResolveError> {
        let mut all = columns.iter();
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(Self {
                form: Form::of(&one.data_type)?,
                layout: one.data_type.layout(),
                place: one.place,
                endianness,
            }),
            _ => Err(one_column(columns.iter().map(|c| c.name.to_string()))),
        }
    }
}

impl MessageEncoder for RawEncoder {
    fn encode(
        &mut self,
        _kind: RowKind,
        row: RowRef<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let word = match row.get(self.place, self.layout) {
            Datum::Null => return Ok(Encoded::Null),
            Datum::Str(text) => {
                out.extend_from_slice(text.as_bytes());
                return Ok(Encoded::Bytes);
            }
            Datum::Bytes(bytes) => {
                out.extend_from_slice(bytes);
                return Ok(Encoded::Bytes);
            }
            Datum::Bool(v) => u64::from(v),
            Datum::Int(v) => v as u64,
            Datum::Float(v) => u64::from(v.to_bits()),
            Datum::Double(v) => v.to_bits(),
            _ => return Err(EncodeError::new("the value is not of its column's type")),
        };
        let size = self.form.size().unwrap_or(8);
        match self.endianness {
            Endianness::Big => out.extend_from_slice(&word.to_be_bytes()[8 - size..]),
            Endianness::Little => out.extend_from_slice(&word.to_le_bytes()[..size]),
        }
        Ok(Encoded::Bytes)
    }
}
