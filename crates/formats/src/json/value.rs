//! JSON values to packed rows, by the declared types.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smallvec::SmallVec;
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
    loses_place: bool,
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
            loses_place: config.loses_place,
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
        self.write(object, None, arena, &mut writer)
    }

    /// How many fields a row has.
    pub(crate) fn width(&self) -> usize {
        self.fields.len()
    }

    /// Writes the object's fields, those that it has not from another object.
    pub(crate) fn write(
        &self,
        object: &Value,
        other: Option<&Value>,
        arena: &Bump,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), String> {
        let found = self.find(object);
        let mut is_lost = false;
        for ((name, reader), value) in self.fields.iter().zip(found) {
            let value = value.or_else(|| other.and_then(|o| o.get(name.as_str())));
            match value {
                Some(_) if is_lost => writer.push_null(),
                Some(value) => {
                    let is_read = reader
                        .push(value, arena, writer)
                        .map_err(|what| format!("field \"{name}\" {what}"))?;
                    is_lost =
                        self.loses_place && !is_read && (value.is_array() || value.is_object());
                }
                None if self.fails_on_missing && !self.ignores_errors => {
                    return Err(format!("field \"{name}\" is missing"));
                }
                None => writer.push_null(),
            }
        }
        Ok(())
    }

    /// The value of each field; of several with one name the last counts.
    fn find<'v>(&self, object: &'v Value) -> SmallVec<[Option<&'v Value>; 16]> {
        let mut found = SmallVec::from_elem(None, self.fields.len());
        let Some(object) = object.as_object() else { return found };
        // They mostly come in the order of the columns.
        let mut next = 0;
        for (name, value) in object.iter() {
            let is_it = |(own, _): &(String, Reader)| own == name;
            let place = match self.fields.get(next) {
                Some(field) if is_it(field) => Some(next),
                _ => self.fields.iter().position(is_it),
            };
            if let Some(place) = place {
                found[place] = Some(value);
                next = place + 1;
            }
        }
        found
    }

    /// Appends the row of one column whose value this is.
    pub(crate) fn read_one(
        &self,
        value: &Value,
        arena: &Bump,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut writer = RowWriter::new(out, 1);
        match self.fields.first() {
            Some((_, reader)) => reader.push(value, arena, &mut writer).map(drop),
            None => Ok(()),
        }
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

    /// Writes the value; false if it was passed over as broken.
    fn push(
        &self,
        value: &Value,
        arena: &Bump,
        writer: &mut RowWriter<'_>,
    ) -> Result<bool, String> {
        let mut tail = Vec::new();
        match self.read(value, arena, &mut tail) {
            Ok(Some(datum)) => writer.push(datum, self.layout),
            Ok(None) => writer.push_tail(|out| out.extend_from_slice(&tail)),
            Err(_) if self.ignores_errors => {
                writer.push_null();
                return Ok(false);
            }
            Err(what) => return Err(what),
        }
        Ok(true)
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
                // A number is not true.
                (None, None) if value.is_number() => Ok(Some(Datum::Bool(false))),
                (None, None) => Err(refuse()),
            },
            Form::Scalar(reader) => {
                let mut text = scalar().ok_or_else(refuse)?;
                let whole;
                if self.kind.is_integer() && value.is_number() && text.contains(['e', 'E']) {
                    let number: f64 = text.parse().map_err(|_| refuse())?;
                    whole = format!("{:.0}", number.trunc());
                    text = &whole;
                }
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
                // ISO-8601 may leave the seconds out.
                let lacks_seconds = *format == TimestampFormat::Iso8601
                    && text.trim_end_matches('Z').len() == "2024-01-02T03:04".len();
                let read = match lacks_seconds {
                    true => reader.read(&format!("{}:00", text.trim_end_matches('Z')), arena),
                    false => reader.read(text, arena),
                };
                read.map(Some).ok_or_else(refuse)
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
