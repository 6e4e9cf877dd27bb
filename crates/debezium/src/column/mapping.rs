//! Which schema and form the values of a type have.

use super::{DecimalMode, Modes, TimeMode, TypeSort, TypeSpec};
use crate::schema::{Kind, Schema};
use crate::value::{
    ArrayForm, DateForm, DecimalForm, IntegerWidth, IntervalForm, TimeForm, ValueWriter,
};

/// What becomes of a type.
pub(crate) struct Mapped {
    pub(crate) schema: Schema,
    pub(crate) writer: ValueWriter,
}

fn mapped(schema: Schema, writer: ValueWriter) -> Option<Mapped> {
    Some(Mapped { schema, writer })
}

/// Maps a column's type; `None` leaves the column out.
pub(crate) fn map(spec: &TypeSpec, modes: &Modes) -> Option<Mapped> {
    match &spec.sort {
        TypeSort::Array(element, delimiter) => map_array(element, *delimiter, modes),
        TypeSort::Domain => unknown(spec, modes),
        TypeSort::Enum(labels) => {
            let schema = Schema::new(Kind::String).named("io.debezium.data.Enum");
            mapped(schema.with("allowed", labels.join(",")), ValueWriter::Text)
        }
        TypeSort::Plain => map_plain(spec, modes).or_else(|| unknown(spec, modes)),
    }
}

fn unknown(spec: &TypeSpec, modes: &Modes) -> Option<Mapped> {
    let writer = ValueWriter::Unknown(spec.value.clone(), modes.binary);
    modes.includes_unknown.then(|| Mapped { schema: Schema::new(Kind::Bytes), writer })
}

/// Types of which Debezium has no arrays.
const NO_ARRAYS: &[u32] = &[18, 19, 142, 600, 790, 1186, 1560, 1562, 1790, 3614];

fn map_array(element: &TypeSpec, delimiter: u8, modes: &Modes) -> Option<Mapped> {
    if NO_ARRAYS.contains(&element.oid) {
        return None;
    }
    let is_known = matches!(element.sort, TypeSort::Plain) && map_plain(element, modes).is_some();
    let Mapped { schema, writer } = map(element, modes)?;
    let items = Schema { is_optional: is_known, ..schema };
    let form = ArrayForm { element: writer, delimiter };
    mapped(Schema::new(Kind::Array(Box::new(items))), ValueWriter::Array(Box::new(form)))
}

fn map_plain(spec: &TypeSpec, modes: &Modes) -> Option<Mapped> {
    let schema = Schema::new;
    let string = |name: &str| Schema::new(Kind::String).named(name);
    let text = || ValueWriter::Printed(spec.value.clone());
    match spec.oid {
        16 => mapped(schema(Kind::Boolean), ValueWriter::Bool),
        21 => mapped(schema(Kind::Int16), ValueWriter::Integer(IntegerWidth::Int2)),
        23 => mapped(schema(Kind::Int32), ValueWriter::Integer(IntegerWidth::Int4)),
        20 => mapped(schema(Kind::Int64), ValueWriter::Integer(IntegerWidth::Int8)),
        26 => mapped(schema(Kind::Int64), ValueWriter::Integer(IntegerWidth::Oid)),
        700 => mapped(schema(Kind::Float), ValueWriter::Float4),
        701 => mapped(schema(Kind::Double), ValueWriter::Float8),
        1700 => map_numeric(spec.modifier, modes),
        790 => map_money(spec, modes),
        25 | 1042 | 1043 | 19 => mapped(schema(Kind::String), ValueWriter::Text),
        18 => mapped(schema(Kind::String), text()),
        17 => {
            let kind = match modes.binary {
                crate::value::BinaryForm::Bytes => Kind::Bytes,
                _ => Kind::String,
            };
            mapped(schema(kind), ValueWriter::Bytes(modes.binary))
        }
        1560 | 1562 if spec.modifier == 1 => mapped(schema(Kind::Boolean), ValueWriter::Bit),
        1560 | 1562 => {
            let length = if spec.modifier < 0 { i32::MAX } else { spec.modifier };
            let bits = schema(Kind::Bytes).named("io.debezium.data.Bits").with("length", length);
            mapped(bits, ValueWriter::Bits)
        }
        1082 | 1083 | 1114 | 1184 | 1266 | 1186 => map_time(spec, modes),
        114 => mapped(string("io.debezium.data.Json"), ValueWriter::Text),
        3802 => mapped(string("io.debezium.data.Json"), text()),
        142 => mapped(string("io.debezium.data.Xml"), ValueWriter::Text),
        2950 => mapped(string("io.debezium.data.Uuid"), text()),
        3614 => mapped(string("io.debezium.data.Tsvector"), text()),
        650 | 869 | 774 | 829 | 3904 | 3906 | 3908 | 3910 | 3912 | 3926 => {
            mapped(schema(Kind::String), text())
        }
        600 => mapped(point(), ValueWriter::Point),
        _ => map_extension(spec, modes),
    }
}

fn map_extension(spec: &TypeSpec, modes: &Modes) -> Option<Mapped> {
    let schema = Schema::new;
    match spec.name.as_str() {
        "citext" => mapped(schema(Kind::String), ValueWriter::Text),
        "ltree" => {
            let ltree = schema(Kind::String).named("io.debezium.data.Ltree");
            mapped(ltree, ValueWriter::Printed(spec.value.clone()))
        }
        "hstore" if modes.hstore_is_map => {
            let (keys, values) = (schema(Kind::String), schema(Kind::String).optional());
            mapped(schema(Kind::Map(Box::new(keys), Box::new(values))), ValueWriter::HstoreMap)
        }
        "hstore" => {
            mapped(schema(Kind::String).named("io.debezium.data.Json"), ValueWriter::HstoreJson)
        }
        "geometry" => mapped(geometry("Geometry"), ValueWriter::Geometry),
        "geography" => mapped(geometry("Geography"), ValueWriter::Geometry),
        "vector" => {
            let items = Kind::Array(Box::new(schema(Kind::Double)));
            mapped(schema(items).named("io.debezium.data.DoubleVector"), ValueWriter::Vector)
        }
        "halfvec" => {
            let items = Kind::Array(Box::new(schema(Kind::Float)));
            mapped(schema(items).named("io.debezium.data.FloatVector"), ValueWriter::Vector)
        }
        "sparsevec" => {
            let entries = Kind::Map(Box::new(schema(Kind::Int16)), Box::new(schema(Kind::Double)));
            let fields = vec![
                ("dimensions".to_owned(), schema(Kind::Int16)),
                ("vector".to_owned(), schema(entries)),
            ];
            let vector = schema(Kind::Struct(fields)).named("io.debezium.data.SparseVector");
            mapped(vector, ValueWriter::SparseVector)
        }
        _ => None,
    }
}

/// Digits before and behind the point, if the type says them.
pub(crate) fn precision_and_scale(modifier: i32) -> Option<(i32, i32)> {
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    // Eleven bits with a sign.
    Some((packed >> 16 & 0xffff, ((packed & 0x7ff) ^ 0x400) - 0x400))
}

fn map_numeric(modifier: i32, modes: &Modes) -> Option<Mapped> {
    let declared = precision_and_scale(modifier);
    match (modes.decimal, declared) {
        (DecimalMode::Precise, Some((precision, scale))) => {
            let schema = decimal(scale).with("connect.decimal.precision", precision);
            mapped(schema, ValueWriter::Decimal(DecimalForm::Scaled(scale)))
        }
        (DecimalMode::Precise, None) => {
            let fields = vec![
                ("scale".to_owned(), Schema::new(Kind::Int32)),
                ("value".to_owned(), Schema::new(Kind::Bytes)),
            ];
            let schema = Schema::new(Kind::Struct(fields))
                .named("io.debezium.data.VariableScaleDecimal")
                .with_doc("Variable scaled decimal");
            mapped(schema, ValueWriter::Decimal(DecimalForm::VariableScale))
        }
        (DecimalMode::Double, _) => {
            mapped(Schema::new(Kind::Double), ValueWriter::Decimal(DecimalForm::Double))
        }
        (DecimalMode::Text, _) => {
            let form = DecimalForm::Text(declared.map(|(_, scale)| scale));
            mapped(Schema::new(Kind::String), ValueWriter::Decimal(form))
        }
    }
}

fn map_money(spec: &TypeSpec, modes: &Modes) -> Option<Mapped> {
    let digits = match &spec.value {
        tailwater_pg_wire::value::ValueType::Money { digits } => *digits,
        _ => 2,
    };
    let scale = i32::from(modes.money_digits);
    let (schema, form) = match modes.decimal {
        DecimalMode::Precise => (decimal(scale), DecimalForm::Scaled(scale)),
        DecimalMode::Double => (Schema::new(Kind::Double), DecimalForm::Double),
        DecimalMode::Text => (Schema::new(Kind::String), DecimalForm::Text(Some(scale))),
    };
    mapped(schema, ValueWriter::Money { digits, form })
}

fn decimal(scale: i32) -> Schema {
    Schema::new(Kind::Bytes).named("org.apache.kafka.connect.data.Decimal").with("scale", scale)
}

fn map_time(spec: &TypeSpec, modes: &Modes) -> Option<Mapped> {
    let digits = u8::try_from(spec.modifier).unwrap_or(6).min(6);
    let schema = |kind, name: &str| Schema::new(kind).named(name);
    let connect = |kind, name: &str| schema(kind, &format!("org.apache.kafka.connect.data.{name}"));
    let debezium = |kind, name: &str| schema(kind, &format!("io.debezium.time.{name}"));
    let is_short = digits <= 3;
    let (mode, adaptive) = (modes.time, modes.time == TimeMode::Adaptive);
    match (spec.oid, mode) {
        (1082, TimeMode::IsoString) => {
            mapped(debezium(Kind::String, "IsoDate"), ValueWriter::Date(DateForm::Iso))
        }
        (1082, TimeMode::Connect) => {
            mapped(connect(Kind::Int32, "Date"), ValueWriter::Date(DateForm::Days))
        }
        (1082, _) => mapped(debezium(Kind::Int32, "Date"), ValueWriter::Date(DateForm::Days)),
        (1083, TimeMode::IsoString) => {
            mapped(debezium(Kind::String, "IsoTime"), ValueWriter::Time(TimeForm::Iso))
        }
        (1083, TimeMode::Connect) => {
            mapped(connect(Kind::Int32, "Time"), ValueWriter::Time(TimeForm::Millis))
        }
        (1083, TimeMode::Nanos) => {
            mapped(debezium(Kind::Int64, "NanoTime"), ValueWriter::Time(TimeForm::Nanos))
        }
        (1083, _) if adaptive && is_short => {
            mapped(debezium(Kind::Int32, "Time"), ValueWriter::Time(TimeForm::Millis))
        }
        (1083, _) => {
            mapped(debezium(Kind::Int64, "MicroTime"), ValueWriter::Time(TimeForm::Micros))
        }
        (1114, TimeMode::IsoString) => {
            mapped(debezium(Kind::String, "IsoTimestamp"), ValueWriter::Timestamp(TimeForm::Iso))
        }
        (1114, TimeMode::Connect) => {
            mapped(connect(Kind::Int64, "Timestamp"), ValueWriter::Timestamp(TimeForm::Millis))
        }
        (1114, TimeMode::Nanos) => {
            mapped(debezium(Kind::Int64, "NanoTimestamp"), ValueWriter::Timestamp(TimeForm::Nanos))
        }
        (1114, TimeMode::Adaptive | TimeMode::AdaptiveTimeMicros) if is_short => {
            mapped(debezium(Kind::Int64, "Timestamp"), ValueWriter::Timestamp(TimeForm::Millis))
        }
        (1114, _) => {
            let schema = debezium(Kind::Int64, "MicroTimestamp");
            mapped(schema, ValueWriter::Timestamp(TimeForm::Micros))
        }
        (1184, _) => {
            mapped(debezium(Kind::String, "ZonedTimestamp"), ValueWriter::TimestampTz(digits))
        }
        (1266, _) => mapped(debezium(Kind::String, "ZonedTime"), ValueWriter::TimeTz),
        (_, _) => match modes.interval {
            IntervalForm::Micros => {
                let schema = debezium(Kind::Int64, "MicroDuration");
                mapped(schema, ValueWriter::Interval(IntervalForm::Micros))
            }
            IntervalForm::Iso => {
                let schema = debezium(Kind::String, "Interval");
                mapped(schema, ValueWriter::Interval(IntervalForm::Iso))
            }
        },
    }
}

fn point() -> Schema {
    let fields = vec![
        ("x".to_owned(), Schema::new(Kind::Double)),
        ("y".to_owned(), Schema::new(Kind::Double)),
        ("wkb".to_owned(), Schema::new(Kind::Bytes).optional()),
        ("srid".to_owned(), Schema::new(Kind::Int32).optional()),
    ];
    Schema::new(Kind::Struct(fields))
        .named("io.debezium.data.geometry.Point")
        .with_doc("Geometry (POINT)")
}

fn geometry(name: &str) -> Schema {
    let fields = vec![
        ("wkb".to_owned(), Schema::new(Kind::Bytes)),
        ("srid".to_owned(), Schema::new(Kind::Int32).optional()),
    ];
    Schema::new(Kind::Struct(fields)).named(&format!("io.debezium.data.geometry.{name}"))
}
