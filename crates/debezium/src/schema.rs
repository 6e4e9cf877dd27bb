//! Kafka Connect's schemas, as its JSON converter prints them.

use crate::value::append_string;

/// What a value is, and what it means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schema {
    pub(crate) kind: Kind,
    pub(crate) is_optional: bool,
    /// The semantic type.
    pub(crate) name: Option<String>,
    pub(crate) version: Option<u32>,
    pub(crate) doc: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
    /// As JSON.
    pub(crate) default: Option<Vec<u8>>,
}

/// The type of a value on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    Boolean,
    String,
    Bytes,
    Array(Box<Schema>),
    Map(Box<Schema>, Box<Schema>),
    /// A structure, its fields by their names.
    Struct(Vec<(String, Schema)>),
}

impl Schema {
    /// A value that must be there.
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            is_optional: false,
            name: None,
            version: None,
            doc: None,
            parameters: Vec::new(),
            default: None,
        }
    }

    /// The same, which may be null.
    pub(crate) fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    /// The same with a semantic type in its first version.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), version: Some(1), ..self }
    }

    /// The same with a note.
    pub(crate) fn with_doc(self, doc: &str) -> Self {
        Self { doc: Some(doc.to_owned()), ..self }
    }

    /// The same with a parameter.
    pub(crate) fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.parameters.push((key.to_owned(), value.to_string()));
        self
    }

    /// Appends it as JSON; a field of a structure has its name last.
    pub(crate) fn append(&self, field: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(self.kind.word().as_bytes());
        out.push(b'"');
        match &self.kind {
            Kind::Array(items) => {
                out.extend_from_slice(b",\"items\":");
                items.append(None, out);
            }
            Kind::Map(keys, values) => {
                out.extend_from_slice(b",\"keys\":");
                keys.append(None, out);
                out.extend_from_slice(b",\"values\":");
                values.append(None, out);
            }
            Kind::Struct(fields) => {
                out.extend_from_slice(b",\"fields\":[");
                for (at, (name, schema)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    schema.append(Some(name), out);
                }
                out.push(b']');
            }
            _ => {}
        }
        out.extend_from_slice(b",\"optional\":");
        out.extend_from_slice(if self.is_optional { b"true" } else { b"false" });
        append_member(",\"name\":", self.name.as_deref(), out);
        if let Some(version) = self.version {
            out.extend_from_slice(b",\"version\":");
            out.extend_from_slice(itoa::Buffer::new().format(version).as_bytes());
        }
        append_member(",\"doc\":", self.doc.as_deref(), out);
        for (at, (key, value)) in self.parameters.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b",\"parameters\":{" } else { b"," });
            append_string(key.as_bytes(), out);
            out.push(b':');
            append_string(value.as_bytes(), out);
        }
        if !self.parameters.is_empty() {
            out.push(b'}');
        }
        if let Some(default) = &self.default {
            out.extend_from_slice(b",\"default\":");
            out.extend_from_slice(default);
        }
        append_member(",\"field\":", field, out);
        out.push(b'}');
    }
}

fn append_member(head: &str, value: Option<&str>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        out.extend_from_slice(head.as_bytes());
        append_string(value.as_bytes(), out);
    }
}

impl Kind {
    fn word(&self) -> &'static str {
        match self {
            Kind::Int16 => "int16",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Boolean => "boolean",
            Kind::String => "string",
            Kind::Bytes => "bytes",
            Kind::Array(_) => "array",
            Kind::Map(..) => "map",
            Kind::Struct(_) => "struct",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_of_a_schema_come_in_the_converters_order() {
        let schema = Schema::new(Kind::Bytes)
            .optional()
            .named("org.apache.kafka.connect.data.Decimal")
            .with("scale", 1)
            .with("connect.decimal.precision", 6);
        let mut out = Vec::new();
        Schema { default: Some(b"\"Dw==\"".to_vec()), ..schema }.append(Some("v"), &mut out);
        let expected = r#"{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"1","connect.decimal.precision":"6"},"default":"Dw==","field":"v"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
