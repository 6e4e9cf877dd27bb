//! Packed rows to JSON, as Flink writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tailwater_expr::ResolveError;
use tailwater_types::{DataType, Datum, Layout, MapRef, RowKind, RowRef, TypeKind};

use super::TimestampFormat;
use crate::encoder::{EncodeError, Encoded, EncodedColumns, MessageEncoder};
use crate::value_text::{append_decimal, append_shown, append_time};

/// The options of `json` that matter for writing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct JsonEncoding {
    /// `json.timestamp-format.standard`
    pub timestamps: TimestampFormat,
    /// `json.map-null-key.mode`
    pub null_keys: NullKeys,
    /// `json.encode.decimal-as-plain-number`
    pub has_plain_decimals: bool,
    /// `json.encode.ignore-null-fields`
    pub omits_nulls: bool,
}

/// What becomes of NULL as the key of a map, which JSON has not.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum NullKeys {
    /// The row is refused.
    #[default]
    Fail,
    /// The entry is left out.
    Drop,
    /// It is written as this text.
    Literal(String),
}

/// Writes `json`.
pub struct JsonEncoder {
    fields: Vec<(Name, usize, Writer)>,
    encoding: JsonEncoding,
}

/// A field's name, quoted, with its colon.
type Name = Box<[u8]>;

struct Writer {
    form: Form,
    kind: TypeKind,
    layout: Layout,
}

enum Form {
    Scalar,
    Array(Box<Writer>),
    /// Keys are texts.
    Map(Box<Writer>),
    Row(Vec<(Name, Writer)>),
}

impl JsonEncoder {
    /// An encoder of these columns.
    ///
    /// # Errors
    /// A column type that json cannot hold.
    pub fn new(columns: &EncodedColumns, encoding: JsonEncoding) -> Result<Self, ResolveError> {
        let field = |c: &crate::encoder::EncodedColumn| {
            Ok((quoted_name(&c.name), c.place, Writer::new(&c.data_type)?))
        };
        let fields = columns.iter().map(field).collect::<Result<_, ResolveError>>()?;
        Ok(Self { fields, encoding })
    }
}

impl MessageEncoder for JsonEncoder {
    fn encode(
        &mut self,
        _kind: RowKind,
        row: RowRef<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let fields = self.fields.iter().map(|(name, place, writer)| (name, *place, writer));
        object(fields, row, &self.encoding, out)?;
        Ok(Encoded::Bytes)
    }
}

fn quoted_name(name: &str) -> Name {
    let mut text = Vec::with_capacity(name.len() + 3);
    append_quoted(&mut text, name);
    text.push(b':');
    text.into()
}

fn object<'w>(
    fields: impl Iterator<Item = (&'w Name, usize, &'w Writer)>,
    row: RowRef<'_>,
    encoding: &JsonEncoding,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let mut separator = b'{';
    for (name, place, writer) in fields {
        let datum = row.get(place, writer.layout);
        if datum.is_null() && encoding.omits_nulls {
            continue;
        }
        out.push(std::mem::replace(&mut separator, b','));
        out.extend_from_slice(name);
        writer.write(datum, encoding, out)?;
    }
    if separator == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
    Ok(())
}

impl Writer {
    fn new(data_type: &DataType) -> Result<Self, ResolveError> {
        let text_keys = |key: &DataType| match key.kind.is_string() {
            true => Ok(()),
            false => Err(ResolveError::new(format!(
                "JSON format doesn't support non-string as key type of map. The type is: {key}"
            ))),
        };
        let form = match &data_type.kind {
            TypeKind::Array(element) => Form::Array(Box::new(Self::new(element)?)),
            TypeKind::Map(key, value) => {
                text_keys(key)?;
                Form::Map(Box::new(Self::new(value)?))
            }
            TypeKind::Multiset(element) => {
                text_keys(element)?;
                Form::Map(Box::new(Self::new(&TypeKind::Int.not_null())?))
            }
            TypeKind::Row(fields) => {
                let field = |f: &tailwater_types::Field| {
                    Ok((quoted_name(&f.name), Self::new(&f.data_type)?))
                };
                Form::Row(fields.iter().map(field).collect::<Result<_, ResolveError>>()?)
            }
            _ => Form::Scalar,
        };
        Ok(Self { form, kind: data_type.kind.clone(), layout: data_type.layout() })
    }

    fn write(
        &self,
        datum: Datum<'_>,
        encoding: &JsonEncoding,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        match (&self.form, datum) {
            (_, Datum::Null) => out.extend_from_slice(b"null"),
            (Form::Array(element), Datum::Array(items)) => {
                out.push(b'[');
                for i in 0..items.len() {
                    if i > 0 {
                        out.push(b',');
                    }
                    element.write(items.get(i, element.layout), encoding, out)?;
                }
                out.push(b']');
            }
            (Form::Map(value), Datum::Map(map)) => value.entries(map, encoding, out)?,
            (Form::Row(fields), Datum::Row(row)) => {
                let fields = fields.iter().enumerate().map(|(i, (name, w))| (name, i, w));
                object(fields, row, encoding, out)?;
            }
            (_, datum) => scalar(datum, &self.kind, encoding, out),
        }
        Ok(())
    }

    /// Writes a map whose values these are.
    fn entries(
        &self,
        map: MapRef<'_>,
        encoding: &JsonEncoding,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut separator = b'{';
        for i in 0..map.len() {
            let key = match (map.keys().get(i, Layout::Str), &encoding.null_keys) {
                (Datum::Str(key), _) => key,
                (_, NullKeys::Literal(literal)) => literal,
                (_, NullKeys::Drop) => continue,
                (_, NullKeys::Fail) => {
                    return Err(EncodeError::new(
                        "JSON format doesn't support to serialize map data with null keys. You \
                         can drop null key entries or encode null in literals by specifying \
                         map-null-key.mode option.",
                    ));
                }
            };
            out.push(std::mem::replace(&mut separator, b','));
            append_quoted(out, key);
            out.push(b':');
            self.write(map.values().get(i, self.layout), encoding, out)?;
        }
        if separator == b'{' {
            out.push(b'{');
        }
        out.push(b'}');
        Ok(())
    }
}

fn scalar(datum: Datum<'_>, kind: &TypeKind, encoding: &JsonEncoding, out: &mut Vec<u8>) {
    match (datum, kind) {
        (Datum::Bool(v), _) => out.extend_from_slice(if v { b"true" } else { b"false" }),
        (Datum::Str(v), _) => append_quoted(out, v),
        (Datum::Bytes(v), _) => {
            out.push(b'"');
            let start = out.len();
            out.resize(start + v.len().div_ceil(3) * 4, 0);
            // The room is exactly what base64 takes.
            let _ = STANDARD.encode_slice(v, &mut out[start..]);
            out.push(b'"');
        }
        (Datum::Int(_), TypeKind::Date | TypeKind::Time(_)) | (Datum::Timestamp(_), _) => {
            out.push(b'"');
            append_time(out, datum, kind, encoding.timestamps);
            out.push(b'"');
        }
        (Datum::Int(v), _) => append_shown(out, Datum::Int(v), &TypeKind::BigInt),
        (Datum::Decimal(v), TypeKind::Decimal { scale, .. }) => {
            append_decimal(out, v, *scale, !encoding.has_plain_decimals);
        }
        (Datum::Float(v), _) if !v.is_finite() => quoted_number(out, datum, kind),
        (Datum::Double(v), _) if !v.is_finite() => quoted_number(out, datum, kind),
        _ => append_shown(out, datum, kind),
    }
}

/// JSON has no NaN and no infinity.
fn quoted_number(out: &mut Vec<u8>, datum: Datum<'_>, kind: &TypeKind) {
    out.push(b'"');
    append_shown(out, datum, kind);
    out.push(b'"');
}

/// Appends a JSON string.
fn append_quoted(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}
