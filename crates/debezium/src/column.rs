//! Columns: what the catalog says of one, and what becomes of its type.

mod default;
mod mapping;
mod placeholder;

use tailwater_pg_wire::value::ValueType;

pub(crate) use self::mapping::{Mapped, map, precision_and_scale};
pub(crate) use self::placeholder::Placeholder;
use crate::schema::{Kind, Schema};
use crate::value::{Raw, ValueWriter};

/// A column of a captured table.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// Its name.
    pub name: String,
    /// Its type, domains resolved.
    pub pg_type: TypeSpec,
    /// Whether it may be NULL.
    pub is_optional: bool,
    /// Its default as SQL, as `pg_get_expr` prints it.
    pub default: Option<String>,
    /// Its comment.
    pub comment: Option<String>,
}

/// A type of the database.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeSpec {
    /// Its object id.
    pub oid: u32,
    /// Its name in `pg_type`.
    pub name: String,
    /// Its modifier, -1 for none.
    pub modifier: i32,
    /// How its values are sent.
    pub value: ValueType,
    /// What sort of type it is.
    pub sort: TypeSort,
}

/// What sort of type it is.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeSort {
    /// One of its own.
    Plain,
    /// Labels in their order.
    Enum(Vec<String>),
    /// Only within an array: a column's domain is resolved.
    Domain,
    /// Of another type, and what stands between two elements.
    Array(Box<TypeSpec>, u8),
}

/// How types are handled: the `*.handling.mode`s.
#[derive(Clone, Debug)]
pub(crate) struct Modes {
    pub(crate) decimal: DecimalMode,
    pub(crate) time: TimeMode,
    pub(crate) interval: crate::value::IntervalForm,
    pub(crate) hstore_is_map: bool,
    pub(crate) binary: crate::value::BinaryForm,
    pub(crate) money_digits: u8,
    pub(crate) includes_unknown: bool,
    pub(crate) placeholder: Placeholder,
    /// Whether a null where there is a default is written as the default.
    pub(crate) replaces_null: bool,
}

/// `decimal.handling.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalMode {
    Precise,
    Double,
    Text,
}

/// `time.precision.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeMode {
    Adaptive,
    AdaptiveTimeMicros,
    Connect,
    IsoString,
    Micros,
    Nanos,
}

/// A column as it is written.
#[derive(Clone, Debug)]
pub(crate) struct CompiledColumn {
    /// Its place among the columns of the specification.
    pub(crate) place: usize,
    /// Its name in the event.
    pub(crate) name: String,
    pub(crate) schema: Schema,
    pub(crate) writer: ValueWriter,
    /// What stands for NULL, and for a value that was not sent.
    pub(crate) null: Vec<u8>,
    pub(crate) unavailable: Vec<u8>,
}

impl CompiledColumn {
    /// Decides how a column is written; `None` if its type has no mapping.
    pub(crate) fn new(
        place: usize,
        spec: &ColumnSpec,
        name: String,
        modes: &Modes,
    ) -> Option<Self> {
        let Mapped { schema, writer } = map(&spec.pg_type, modes)?;
        let mut schema = Schema { is_optional: spec.is_optional, ..schema };
        schema.default = default::json(spec, &writer, &schema.kind);
        let null = match &schema.default {
            Some(default) if modes.replaces_null || !spec.is_optional => default.clone(),
            _ if spec.is_optional => b"null".to_vec(),
            _ => zero(&schema),
        };
        let unavailable = modes.placeholder.json(&spec.pg_type, &schema, modes);
        Some(Self { place, name, schema, writer, null, unavailable })
    }

    /// Appends a cell; the bytes of a value that cannot be read are left out again.
    pub(crate) fn write(
        &self,
        cell: tailwater_pg_wire::pgoutput::Cell<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), crate::value::Unreadable> {
        use tailwater_pg_wire::pgoutput::Cell;
        match cell {
            Cell::Null => out.extend_from_slice(&self.null),
            Cell::UnchangedToast => out.extend_from_slice(&self.unavailable),
            Cell::Text(bytes) => self.writer.write(Raw { bytes, is_binary: false }, out)?,
            Cell::Binary(bytes) => self.writer.write(Raw { bytes, is_binary: true }, out)?,
        }
        Ok(())
    }
}

/// What stands for a value that must be there and is not.
pub(crate) fn zero(schema: &Schema) -> Vec<u8> {
    let name = schema.name.as_deref().unwrap_or_default();
    let text: &[u8] = match (&schema.kind, name) {
        (Kind::Int16 | Kind::Int32 | Kind::Int64, _) => b"0",
        (Kind::Float | Kind::Double, _) => b"0.0",
        (Kind::Boolean, _) => b"false",
        (Kind::Bytes, "org.apache.kafka.connect.data.Decimal") => b"\"AA==\"",
        (Kind::Bytes, _) => b"\"\"",
        (Kind::String, "io.debezium.data.Uuid") => b"\"00000000-0000-0000-0000-000000000000\"",
        (Kind::String, "io.debezium.time.ZonedTimestamp") => b"\"1970-01-01T00:00:00.000000Z\"",
        (Kind::String, "io.debezium.time.ZonedTime") => b"\"00:00:00Z\"",
        (Kind::String, "io.debezium.data.Json") => b"\"{}\"",
        (Kind::String, _) => b"\"\"",
        (Kind::Array(_), _) => b"[]",
        (Kind::Map(..), _) => b"{}",
        (Kind::Struct(_), "io.debezium.data.VariableScaleDecimal") => {
            b"{\"scale\":0,\"value\":\"AA==\"}"
        }
        (Kind::Struct(_), "io.debezium.data.geometry.Point") => {
            b"{\"x\":0.0,\"y\":0.0,\"wkb\":null,\"srid\":null}"
        }
        (Kind::Struct(_), _) => b"null",
    };
    text.to_vec()
}
