//! Schemas, parsed from their JSON.

use std::collections::HashMap;
use std::sync::Arc;

use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

/// A schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Avro {
    Null,
    Boolean,
    Int(Logical),
    Long(Logical),
    Float,
    Double,
    Bytes(Logical),
    Fixed(usize, Logical),
    String,
    Enum(Arc<[String]>),
    Array(Arc<Avro>),
    Map(Arc<Avro>),
    Union(Arc<[Avro]>),
    Record(Arc<[(String, Avro)]>),
}

/// What a value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logical {
    None,
    Date,
    TimeMillis,
    TimeMicros,
    Millis,
    Micros,
    Nanos,
    Decimal { scale: u8 },
}

/// Schemas within schemas deeper than this are refused.
const DEPTH: usize = 64;

impl Avro {
    /// Parses a schema.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // A schema that is a name alone may stand without quotes in registries.
        let value: Value = sonic_rs::from_str(text)
            .or_else(|_| sonic_rs::from_str(&format!("\"{}\"", text.trim())))
            .map_err(|_| "the Avro schema is not valid JSON".to_owned())?;
        Parser { named: HashMap::new() }.schema(&value, "", 0)
    }
}

struct Parser {
    /// `None` while it is parsed.
    named: HashMap<String, Option<Avro>>,
}

impl Parser {
    fn schema(&mut self, value: &Value, namespace: &str, depth: usize) -> Result<Avro, String> {
        if depth > DEPTH {
            return Err("the Avro schema is nested too deep".to_owned());
        }
        if let Some(name) = value.as_str() {
            return self.named(name, namespace, Logical::None);
        }
        if let Some(branches) = value.as_array() {
            let branches = branches.iter().map(|b| self.schema(b, namespace, depth + 1));
            return Ok(Avro::Union(branches.collect::<Result<_, _>>()?));
        }
        let part = |name: &str| value.get(name).ok_or(format!("the Avro schema lacks \"{name}\""));
        let text = |name: &str| value.get(name).and_then(|v| v.as_str());
        let Some(kind) = text("type") else {
            return self.schema(part("type")?, namespace, depth + 1);
        };
        match kind {
            "array" => Ok(Avro::Array(self.schema(part("items")?, namespace, depth + 1)?.into())),
            "map" => Ok(Avro::Map(self.schema(part("values")?, namespace, depth + 1)?.into())),
            "record" | "error" | "enum" | "fixed" => {
                let name = text("name").ok_or("the Avro schema lacks \"name\"")?;
                let namespace = match (name.rsplit_once('.'), text("namespace")) {
                    (Some((own, _)), _) => own,
                    (None, Some(own)) => own,
                    (None, None) => namespace,
                };
                let full = full_name(name, namespace);
                self.named.insert(full.clone(), None);
                let parsed = match kind {
                    "enum" => {
                        let symbols = value.get("symbols").and_then(|v| v.as_array());
                        let symbols = symbols.ok_or("the Avro schema lacks \"symbols\"")?;
                        let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
                        Avro::Enum(symbols.iter().map(text).collect())
                    }
                    "fixed" => {
                        let size = value.get("size").and_then(|v| v.as_u64());
                        let size = size.ok_or("the Avro schema lacks \"size\"")?;
                        Avro::Fixed(size as usize, logical(value))
                    }
                    _ => {
                        let fields = value.get("fields").and_then(|v| v.as_array());
                        let fields = fields.ok_or("the Avro schema lacks \"fields\"")?;
                        let field = |field: &Value| {
                            let name = field.get("name").and_then(|v| v.as_str());
                            let name = name.ok_or("a field of the Avro schema lacks \"name\"")?;
                            let of_type = field.get("type");
                            let of_type =
                                of_type.ok_or("a field of the Avro schema lacks a type")?;
                            let parsed = self.schema(of_type, namespace, depth + 1)?;
                            Ok((name.to_owned(), parsed))
                        };
                        Avro::Record(fields.iter().map(field).collect::<Result<_, String>>()?)
                    }
                };
                self.named.insert(full, Some(parsed.clone()));
                Ok(parsed)
            }
            name => self.named(name, namespace, logical(value)),
        }
    }

    fn named(&self, name: &str, namespace: &str, logical: Logical) -> Result<Avro, String> {
        Ok(match name {
            "null" => Avro::Null,
            "boolean" => Avro::Boolean,
            "int" => Avro::Int(logical),
            "long" => Avro::Long(logical),
            "float" => Avro::Float,
            "double" => Avro::Double,
            "bytes" => Avro::Bytes(logical),
            "string" => Avro::String,
            _ => {
                let full = full_name(name, namespace);
                return match self.named.get(&full).or_else(|| self.named.get(name)) {
                    Some(Some(known)) => Ok(known.clone()),
                    Some(None) => Err("an Avro schema within itself cannot be read".to_owned()),
                    None => Err("the Avro schema names a type that it does not have".to_owned()),
                };
            }
        })
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    }
}

fn logical(value: &Value) -> Logical {
    match value.get("logicalType").and_then(|v| v.as_str()) {
        Some("date") => Logical::Date,
        Some("time-millis") => Logical::TimeMillis,
        Some("time-micros") => Logical::TimeMicros,
        Some("timestamp-millis" | "local-timestamp-millis") => Logical::Millis,
        Some("timestamp-micros" | "local-timestamp-micros") => Logical::Micros,
        Some("timestamp-nanos" | "local-timestamp-nanos") => Logical::Nanos,
        Some("decimal") => {
            let scale = value.get("scale").and_then(|v| v.as_u64()).unwrap_or(0);
            Logical::Decimal { scale: scale.min(255) as u8 }
        }
        _ => Logical::None,
    }
}
