//! JSON values to packed rows, by the declared types.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tailwater_expr::{Bump, ResolveContext, ResolveError};
use tailwater_types::row::append_map;
use tailwater_types::{DataType, Datum, Layout, RowWriter, Schema, TypeKind};

use super::{JsonConfig, TimestampFormat};
use crate::text_value::TextReader;

/// Reads objects as rows.
pub(crate) struct RowReader {
    fields: Vec<(String, Reader)>,
    fails_on_missing: bool,
    ignores_errors: bool,
}

struct Reader {
    form: Form,
    layout: Layout,
    kind: TypeKind,
    ignores_errors: bool,
}

enum Form {
    /// Text and numbers by their characters.
    Scalar(TextReader),
    Text,
    Boolean,
    Timestamp(TextReader, TimestampFormat),
    Bytes,
    Array(Box<Reader>),
    Map(TextReader, Layout, Box<Reader>),
    Row(RowReader),
}

impl RowReader {
    pub(crate) fn new(
        schema: &Schema,
        config: JsonConfig,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        let field = |f: &tailwater_types::Field| {
            Ok((f.name.to_string(), Reader::new(&f.data_type, config, context)?))
        };
        Ok(Self {
            fields: schema.fields().iter().map(field).collect::<Result<_, ResolveError>>()?,
            fails_on_missing: config.fails_on_missing,
            ignores_errors: config.ignores_errors,
        })
    }

    /// Appends the object's row.
    pub(crate) fn read(
        &self,
        object: &Value,
        arena: &Bump,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut writer = RowWriter::new(out, self.fields.len());
        for (name, reader) in &self.fields {
            match object.get(name.as_str()) {
                Some(value) => reader
                    .push(value, arena, &mut writer)
                    .map_err(|what| format!("field \"{name}\" {what}"))?,
                None if self.fails_on_missing && !self.ignores_errors => {
                    return Err(format!("field \"{name}\" is missing"));
                }
                None => writer.push_null(),
            }
        }
        Ok(())
    }
}

impl Reader {
    fn new(
        data_type: &DataType,
        config: JsonConfig,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        let text = |t: &DataType| TextReader::new(t, context);
        let nested = |t: &DataType| Reader::new(t, config, context).map(Box::new);
        let form = match &data_type.kind {
            TypeKind::Boolean => Form::Boolean,
            TypeKind::Char(_) | TypeKind::Varchar(_) => Form::Text,
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => Form::Bytes,
            TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_) => {
                Form::Timestamp(text(data_type)?, config.timestamps)
            }
            TypeKind::Array(element) => Form::Array(nested(element)?),
            TypeKind::Map(key, value) => Form::Map(text(key)?, key.layout(), nested(value)?),
            TypeKind::Multiset(element) => {
                let count = TypeKind::Int.not_null();
                Form::Map(text(element)?, element.layout(), nested(&count)?)
            }
            TypeKind::Row(fields) => {
                let schema = Schema::new(fields.to_vec());
                Form::Row(RowReader::new(&schema, config, context)?)
            }
            _ => Form::Scalar(text(data_type)?),
        };
        Ok(Self {
            form,
            layout: data_type.layout(),
            kind: data_type.kind.clone(),
            ignores_errors: config.ignores_errors,
        })
    }

    fn push(&self, value: &Value, arena: &Bump, writer: &mut RowWriter<'_>) -> Result<(), String> {
        let mut tail = Vec::new();
        match self.read(value, arena, &mut tail) {
            Ok(Some(datum)) => writer.push(datum, self.layout),
            Ok(None) => writer.push_tail(|out| out.extend_from_slice(&tail)),
            Err(_) if self.ignores_errors => writer.push_null(),
            Err(what) => return Err(what),
        }
        Ok(())
    }

    /// The value, or `None` if its bytes have been written to `tail`.
    fn read<'a>(
        &'a self,
        value: &Value,
        arena: &'a Bump,
        tail: &mut Vec<u8>,
    ) -> Result<Option<Datum<'a>>, String> {
        if value.is_null() {
            return Ok(Some(Datum::Null));
        }
        let refuse = || format!("is not a value of type {}", self.kind);
        let scalar = || match value.as_str() {
            Some(text) => Some(arena.alloc_str(text) as &str),
            None => value.as_raw_number().map(|n| arena.alloc_str(n.as_str()) as &str),
        };
        match &self.form {
            Form::Text => {
                let text = match scalar() {
                    Some(text) => text,
                    None => arena.alloc_str(&sonic_rs::to_string(value).map_err(|_| refuse())?),
                };
                Ok(Some(Datum::Str(text)))
            }
            Form::Boolean => match (value.as_bool(), value.as_str()) {
                (Some(v), _) => Ok(Some(Datum::Bool(v))),
                (None, Some(text)) => {
                    Ok(Some(Datum::Bool(text.trim().eq_ignore_ascii_case("true"))))
                }
                (None, None) => Err(refuse()),
            },
            Form::Scalar(reader) => {
                let text = scalar().ok_or_else(refuse)?;
                reader.read(text, arena).map(Some).ok_or_else(refuse)
            }
            Form::Timestamp(reader, format) => {
                let text = value.as_str().ok_or_else(refuse)?;
                let is_instant = matches!(self.kind, TypeKind::TimestampLtz(_));
                let separator = match format {
                    TimestampFormat::Sql => ' ',
                    TimestampFormat::Iso8601 => 'T',
                };
                let has_zone = text.ends_with('Z');
                if text.chars().nth(10) != Some(separator) || has_zone != is_instant {
                    return Err(refuse());
                }
                reader.read(text, arena).map(Some).ok_or_else(refuse)
            }
            Form::Bytes => {
                let text = value.as_str().ok_or_else(refuse)?;
                let bytes = STANDARD.decode(text).map_err(|_| refuse())?;
                Ok(Some(Datum::Bytes(arena.alloc_slice_copy(&bytes))))
            }
            Form::Array(element) => {
                let items = value.as_array().ok_or_else(refuse)?;
                let mut writer = RowWriter::new(tail, items.len());
                for item in items.iter() {
                    element.push(item, arena, &mut writer)?;
                }
                Ok(None)
            }
            Form::Map(key, key_layout, element) => {
                let object = value.as_object().ok_or_else(refuse)?;
                let (mut keys, mut values) = (Vec::new(), Vec::new());
                let mut key_writer = RowWriter::new(&mut keys, object.len());
                let mut value_writer = RowWriter::new(&mut values, object.len());
                for (name, item) in object.iter() {
                    key_writer.push(key.read(name, arena).ok_or_else(refuse)?, *key_layout);
                    element.push(item, arena, &mut value_writer)?;
                }
                append_map(
                    tail,
                    |out| out.extend_from_slice(&keys),
                    |out| out.extend_from_slice(&values),
                );
                Ok(None)
            }
            Form::Row(rows) => {
                if !value.is_object() {
                    return Err(refuse());
                }
                rows.read(value, arena, tail)?;
                Ok(None)
            }
        }
    }
}
