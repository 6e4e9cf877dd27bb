//! What a message of changes tells beside the rows: Flink's metadata columns of the format.

use jiff::tz::TimeZone;
use sonic_rs::{JsonValueTrait, Value};
use tailwater_expr::{Bump, CastMode, Env, Expr, ResolveContext, ResolveError, cast};
use tailwater_types::{
    DataType, Datum, Field, Layout, RowRef, RowWriter, Schema, Timestamp, TypeKind,
};

use super::ChangeJson;
use crate::json::{JsonConfig, RowReader};

/// A metadata column: which of the format's keys, as which type.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataColumn {
    key: Key,
    data_type: DataType,
}

/// One of a format's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    name: &'static str,
    form: Form,
    /// The way to it from the message's fields.
    path: &'static [&'static str],
}

/// How it is written, and thereby its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    /// The JSON beside `payload`, as text.
    Schema,
    /// A number: an instant in milliseconds.
    Millis,
    /// A number: an instant in seconds.
    Seconds,
    /// A text: an instant in UTC.
    Moment,
    Texts,
    TextsByName,
    NumbersByName,
}

const fn key(name: &'static str, form: Form, path: &'static [&'static str]) -> Key {
    Key { name, form, path }
}

const DEBEZIUM: &[Key] = &[
    key("schema", Form::Schema, &[]),
    key("ingestion-timestamp", Form::Millis, &["ts_ms"]),
    key("source.timestamp", Form::Millis, &["source", "ts_ms"]),
    key("source.database", Form::Text, &["source", "db"]),
    key("source.schema", Form::Text, &["source", "schema"]),
    key("source.table", Form::Text, &["source", "table"]),
    key("source.properties", Form::TextsByName, &["source"]),
];

const CANAL: &[Key] = &[
    key("database", Form::Text, &["database"]),
    key("table", Form::Text, &["table"]),
    key("sql-type", Form::NumbersByName, &["sqlType"]),
    key("pk-names", Form::Texts, &["pkNames"]),
    key("ingestion-timestamp", Form::Millis, &["ts"]),
    key("event-timestamp", Form::Millis, &["es"]),
];

const MAXWELL: &[Key] = &[
    key("database", Form::Text, &["database"]),
    key("table", Form::Text, &["table"]),
    key("primary-key-columns", Form::Texts, &["primary_key_columns"]),
    key("ingestion-timestamp", Form::Seconds, &["ts"]),
];

const OGG: &[Key] = &[
    key("table", Form::Text, &["table"]),
    key("primary-keys", Form::Texts, &["primary_keys"]),
    key("ingestion-timestamp", Form::Moment, &["current_ts"]),
    key("event-timestamp", Form::Moment, &["op_ts"]),
];

fn keys(flavour: ChangeJson) -> &'static [Key] {
    match flavour {
        ChangeJson::Debezium => DEBEZIUM,
        ChangeJson::Canal => CANAL,
        ChangeJson::Maxwell => MAXWELL,
        ChangeJson::Ogg => OGG,
    }
}

impl Form {
    fn kind(self) -> TypeKind {
        let by_name = |value: TypeKind| {
            TypeKind::Map(TypeKind::STRING.not_null().into(), value.nullable().into())
        };
        match self {
            Self::Text | Self::Schema => TypeKind::STRING,
            Self::Millis | Self::Seconds => TypeKind::TimestampLtz(3),
            Self::Moment => TypeKind::TimestampLtz(6),
            Self::Texts => TypeKind::Array(TypeKind::STRING.nullable().into()),
            Self::TextsByName => by_name(TypeKind::STRING),
            Self::NumbersByName => by_name(TypeKind::Int),
        }
    }
}

impl MetadataColumn {
    /// The keys that a format has, in Flink's order.
    pub fn names(flavour: ChangeJson) -> impl Iterator<Item = &'static str> {
        keys(flavour).iter().map(|key| key.name)
    }

    /// A column of this key and declared type; `None` if the format has no such key.
    ///
    /// # Errors
    /// The type that the key has, which cannot be cast to the declared one.
    pub fn new(
        flavour: ChangeJson,
        name: &str,
        data_type: &DataType,
    ) -> Option<Result<Self, TypeKind>> {
        let key = *keys(flavour).iter().find(|key| key.name == name)?;
        let kind = key.form.kind();
        let fits = match (&kind, &data_type.kind) {
            (TypeKind::Map(..) | TypeKind::Array(_), declared) => same_shape(&kind, declared),
            _ => {
                let context = ResolveContext { time_zone: TimeZone::UTC, is_strict: false };
                let column = Expr::column(0, kind.clone().nullable());
                cast(column, data_type, CastMode::Explicit, &context).is_ok()
            }
        };
        Some(if fits { Ok(Self { key, data_type: data_type.clone() }) } else { Err(kind) })
    }
}

/// Whether two types differ at most in what may be NULL.
fn same_shape(one: &TypeKind, other: &TypeKind) -> bool {
    match (one, other) {
        (TypeKind::Map(k, v), TypeKind::Map(l, w)) => {
            same_shape(&k.kind, &l.kind) && same_shape(&v.kind, &w.kind)
        }
        (TypeKind::Array(e), TypeKind::Array(f)) => same_shape(&e.kind, &f.kind),
        _ => one == other,
    }
}

/// Reads one metadata column of messages.
pub(super) struct MetadataReader {
    key: Key,
    /// Reads what is written, as a row of one column.
    written: RowReader,
    /// Makes the declared type of it.
    cast: Expr,
    layout: Layout,
}

impl MetadataReader {
    pub(super) fn new(
        column: &MetadataColumn,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        let kind = column.key.form.kind();
        let own = match column.key.form {
            Form::Millis | Form::Seconds => TypeKind::BigInt,
            // Other than in values, there is no zone behind it.
            Form::Moment => TypeKind::STRING,
            _ => kind.clone(),
        };
        let field = Field::new("written", own.nullable());
        let lenient = JsonConfig { ignores_errors: true, ..JsonConfig::default() };
        let written = RowReader::new(&Schema::new(vec![field]), lenient, context)?;
        let target = column.data_type.with_nullable(true);
        let cast = match kind {
            TypeKind::Map(..) | TypeKind::Array(_) => Expr::column(0, target.clone()),
            _ => cast(Expr::column(0, kind.nullable()), &target, CastMode::Explicit, context)?,
        };
        Ok(Self { key: column.key, written, cast, layout: target.layout() })
    }

    /// Writes the column; NULL where the message has none.
    pub(super) fn push(
        &self,
        (message, payload): (&Value, &Value),
        arena: &Bump,
        writer: &mut RowWriter<'_>,
    ) {
        let start = match self.key.form {
            Form::Schema => message.get("schema"),
            _ => Some(payload),
        };
        let value = self.key.path.iter().try_fold(start, |at, name| Some(at?.get(*name)));
        let Some(value) = value.flatten().filter(|v| !v.is_null()) else {
            return writer.push_null();
        };
        match self.read(value, arena) {
            Some(datum) => writer.push(datum, self.layout),
            None => writer.push_null(),
        }
    }

    fn read<'a>(&'a self, value: &Value, arena: &'a Bump) -> Option<Datum<'a>> {
        let mut bytes = Vec::new();
        self.written.read_one(value, arena, &mut bytes).ok()?;
        let row = RowRef::new(arena.alloc_slice_copy(&bytes));
        let millis = |unit: i64| match row.get(0, Layout::Int) {
            Datum::Int(v) => Some(Timestamp::from_millis(v.saturating_mul(unit))),
            _ => None,
        };
        let instant = match self.key.form {
            Form::Millis => millis(1)?,
            Form::Seconds => millis(1000)?,
            Form::Moment => moment(row.get(0, Layout::Str).as_str()?)?,
            _ => return self.cast.eval(&Env::new(row, arena, Timestamp::default())).ok(),
        };
        let mut bytes = Vec::new();
        let layout = self.key.form.kind().layout();
        RowWriter::new(&mut bytes, 1).push(Datum::Timestamp(instant), layout);
        let row = RowRef::new(arena.alloc_slice_copy(&bytes));
        self.cast.eval(&Env::new(row, arena, Timestamp::default())).ok()
    }
}

/// A point in time in UTC, with a space or `T` between date and time.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text).replacen(' ', "T", 1);
    let time: jiff::civil::DateTime = text.parse().ok()?;
    let instant = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp::from_micros(instant.as_microsecond()))
}
