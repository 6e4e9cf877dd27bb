//! Packed rows to CSV, quoted where Jackson quotes for Flink.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tailwater_expr::ResolveError;
use tailwater_types::{DataType, Datum, RowKind, RowRef, TypeKind};

use super::CsvConfig;
use crate::encoder::{EncodeError, Encoded, EncodedColumn, EncodedColumns, MessageEncoder};
use crate::json::TimestampFormat;
use crate::value_text::{append_decimal, append_shown, append_time};

/// Longer texts are quoted without a look.
const LOOKED_AT: usize = 24;

/// Writes `csv`, a record without its line's end.
pub struct CsvEncoder {
    columns: Vec<EncodedColumn>,
    config: CsvConfig,
    /// Characters below this one have a text quoted.
    least_safe: u8,
    text: Vec<u8>,
}

impl CsvEncoder {
    /// An encoder of these columns.
    ///
    /// # Errors
    /// A column type that csv cannot hold.
    pub fn new(columns: &EncodedColumns, config: CsvConfig) -> Result<Self, ResolveError> {
        let is_scalar = |t: &DataType| {
            !matches!(
                t.kind,
                TypeKind::Array(_) | TypeKind::Map(..) | TypeKind::Multiset(_) | TypeKind::Row(_)
            )
        };
        for column in columns.iter() {
            let fits = match &column.data_type.kind {
                TypeKind::Array(element) => is_scalar(element),
                TypeKind::Row(fields) => fields.iter().all(|f| is_scalar(&f.data_type)),
                _ => is_scalar(&column.data_type),
            };
            if !fits {
                return Err(ResolveError::new(format!("csv cannot hold {}", column.data_type)));
            }
        }
        let least_safe = config.delimiter.max(config.quote.unwrap_or(0)).saturating_add(1);
        Ok(Self { columns: columns.iter().cloned().collect(), config, least_safe, text: vec![] })
    }

    /// Appends a text, quoted if need be.
    fn quote(&self, out: &mut Vec<u8>, text: &[u8]) {
        let Some(quote) = self.config.quote else {
            return out.extend_from_slice(text);
        };
        let is_unsafe = |byte: &u8| *byte < self.least_safe || self.config.escape == Some(*byte);
        if text.len() <= LOOKED_AT && !text.iter().any(is_unsafe) {
            return out.extend_from_slice(text);
        }
        out.push(quote);
        for &byte in text {
            if byte == quote || self.config.escape == Some(byte) {
                out.push(self.config.escape.unwrap_or(quote));
            }
            out.push(byte);
        }
        out.push(quote);
    }

    fn append(&self, out: &mut Vec<u8>, datum: Datum<'_>, kind: &TypeKind) {
        let delimiter = self.config.element_delimiter.as_bytes();
        match (datum, kind) {
            (Datum::Null, _) => {
                let literal = self.config.null_literal.as_deref().unwrap_or("");
                out.extend_from_slice(literal.as_bytes());
            }
            (Datum::Bool(v), _) => out.extend_from_slice(if v { b"true" } else { b"false" }),
            (Datum::Str(v), _) => out.extend_from_slice(v.as_bytes()),
            (Datum::Bytes(v), _) => out.extend_from_slice(STANDARD.encode(v).as_bytes()),
            (Datum::Int(_), TypeKind::Date | TypeKind::Time(_)) | (Datum::Timestamp(_), _) => {
                append_time(out, datum, kind, TimestampFormat::Sql);
            }
            (Datum::Int(v), _) => append_shown(out, Datum::Int(v), &TypeKind::BigInt),
            (Datum::Decimal(v), TypeKind::Decimal { scale, .. }) => {
                append_decimal(out, v, *scale, self.config.has_exponents);
            }
            (Datum::Array(items), TypeKind::Array(element)) => {
                for i in 0..items.len() {
                    if i > 0 {
                        out.extend_from_slice(delimiter);
                    }
                    self.append(out, items.get(i, element.layout()), &element.kind);
                }
            }
            (Datum::Row(row), TypeKind::Row(fields)) => {
                for (i, field) in fields.iter().enumerate() {
                    if i > 0 {
                        out.extend_from_slice(delimiter);
                    }
                    let kind = &field.data_type.kind;
                    self.append(out, row.get(i, kind.layout()), kind);
                }
            }
            _ => append_shown(out, datum, kind),
        }
    }
}

impl MessageEncoder for CsvEncoder {
    fn encode(
        &mut self,
        _kind: RowKind,
        row: RowRef<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let mut text = std::mem::take(&mut self.text);
        for (i, EncodedColumn { data_type, place, .. }) in self.columns.iter().enumerate() {
            if i > 0 {
                out.push(self.config.delimiter);
            }
            let datum = row.get(*place, data_type.layout());
            text.clear();
            self.append(&mut text, datum, &data_type.kind);
            let is_number = data_type.kind.is_integer()
                || matches!(data_type.kind, TypeKind::Float | TypeKind::Double);
            if is_number || datum.is_null() {
                out.extend_from_slice(&text);
            } else {
                self.quote(out, &text);
            }
        }
        self.text = text;
        Ok(Encoded::Bytes)
    }
}
