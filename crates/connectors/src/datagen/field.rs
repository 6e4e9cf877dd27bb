//! The values of one column, each a function of the row's number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tailwater_connector_api::{TableColumn, TableIssue};
use tailwater_types::{DataType, Datum, Layout, RowWriter, Timestamp, TypeKind};

use crate::options::OptionReader;

/// A column's generator.
#[derive(Clone)]
pub(super) struct FieldPlan {
    kind: TypeKind,
    form: Form,
    null_rate: f64,
    seed: u64,
}

#[derive(Clone)]
enum Form {
    Sequence { start: i64, end: i64 },
    Integers { min: i64, max: i64 },
    Doubles { min: f64, max: f64 },
    Text { length: usize },
    Past { max: Duration },
    Boolean,
}

impl FieldPlan {
    /// Reads `fields.NAME.*`; complains of what does not fit.
    pub(super) fn read(column: &TableColumn, options: &mut OptionReader<'_>) -> Option<Self> {
        let key = |what: &str| format!("fields.{}.{what}", column.name);
        let kind = column.data_type.kind.clone();
        let is_sequence = match options.get(&key("kind")) {
            None | Some("random") => false,
            Some("sequence") => true,
            Some(_) => options.refuse(&key("kind"), "random, sequence", false),
        };
        let form = if is_sequence {
            let start = options.number(&key("start"), "a number", 0);
            let end = options.number(&key("end"), "a number", i64::MAX - 1);
            Form::Sequence { start, end }
        } else {
            match random(&column.data_type, options, key) {
                Some(form) => form,
                None => {
                    let message =
                        format!("\"datagen\" cannot make values of type {}", column.data_type);
                    options.errors.push(TableIssue::column(&column.name, message));
                    return None;
                }
            }
        };
        let null_rate = options.number(&key("null-rate"), "a number between 0 and 1", 0.0);
        let seed =
            column.name.bytes().fold(7, |h: u64, b| h.wrapping_mul(31).wrapping_add(b.into()));
        Some(Self { kind, form, null_rate, seed })
    }

    /// How many rows a sequence has.
    pub(super) fn rows(&self) -> Option<u64> {
        match self.form {
            Form::Sequence { start, end } if end < i64::MAX - 1 => {
                u64::try_from(i128::from(end) - i128::from(start) + 1).ok()
            }
            _ => None,
        }
    }

    pub(super) fn layout(&self) -> Layout {
        self.kind.layout()
    }

    /// Writes the value of row `number`.
    pub(super) fn push(&self, number: u64, layout: Layout, writer: &mut RowWriter<'_>) {
        let random = mix(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        if self.null_rate > 0.0 && unit(mix(random)) < self.null_rate {
            return writer.push_null();
        }
        match &self.form {
            Form::Sequence { start, .. } => {
                self.push_number(start.wrapping_add(number as i64), layout, writer);
            }
            Form::Integers { min, max } => {
                let span = max.abs_diff(*min).saturating_add(1);
                self.push_number(min.wrapping_add((random % span) as i64), layout, writer);
            }
            Form::Doubles { min, max } => {
                let value = min + (max - min) * unit(random);
                match (&self.kind, layout) {
                    (TypeKind::Float, _) => writer.push(Datum::Float(value as f32), layout),
                    (TypeKind::Decimal { scale, .. }, _) => {
                        let unscaled = (value * 10_f64.powi((*scale).into())) as i128;
                        writer.push(Datum::Decimal(unscaled), layout);
                    }
                    _ => writer.push(Datum::Double(value), layout),
                }
            }
            Form::Text { length } => writer.push_tail(|out| {
                let mut state = random;
                for _ in 0..*length {
                    state = mix(state);
                    out.push(b"0123456789abcdef"[(state >> 60) as usize]);
                }
            }),
            Form::Past { max } => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let back = max.mul_f64(unit(random));
                let micros = now.saturating_sub(back).as_millis() as i64 * 1000;
                writer.push(Datum::Timestamp(Timestamp::from_micros(micros)), layout);
            }
            Form::Boolean => writer.push(Datum::Bool(random & 1 == 1), layout),
        }
    }

    fn push_number(&self, value: i64, layout: Layout, writer: &mut RowWriter<'_>) {
        match &self.kind {
            TypeKind::Float => writer.push(Datum::Float(value as f32), layout),
            TypeKind::Double => writer.push(Datum::Double(value as f64), layout),
            TypeKind::Decimal { scale, .. } => {
                let unscaled = i128::from(value) * 10_i128.pow((*scale).into());
                writer.push(Datum::Decimal(unscaled), layout);
            }
            TypeKind::Char(_) | TypeKind::Varchar(_) => {
                writer.push_tail(|out| out.extend_from_slice(value.to_string().as_bytes()));
            }
            _ => writer.push(Datum::Int(value), layout),
        }
    }
}

fn random(
    data_type: &DataType,
    options: &mut OptionReader<'_>,
    key: impl Fn(&str) -> String,
) -> Option<Form> {
    let mut integers = |least: i64, most: i64| Form::Integers {
        min: options.number(&key("min"), "a number", least),
        max: options.number(&key("max"), "a number", most),
    };
    let form = match &data_type.kind {
        TypeKind::Boolean => Form::Boolean,
        TypeKind::TinyInt => integers(i8::MIN.into(), i8::MAX.into()),
        TypeKind::SmallInt => integers(i16::MIN.into(), i16::MAX.into()),
        TypeKind::Int => integers(i32::MIN.into(), i32::MAX.into()),
        TypeKind::BigInt => integers(i64::MIN, i64::MAX),
        TypeKind::IntervalDayTime | TypeKind::IntervalYearMonth => integers(0, i32::MAX.into()),
        TypeKind::Date => integers(0, 20_000),
        TypeKind::Time(_) => integers(0, 86_399_999),
        TypeKind::Float | TypeKind::Double | TypeKind::Decimal { .. } => {
            let most = match &data_type.kind {
                TypeKind::Decimal { precision, scale } => 10_f64.powi((precision - scale).into()),
                _ => f64::from(f32::MAX),
            };
            Form::Doubles {
                min: options.number(&key("min"), "a number", 0.0),
                max: options.number(&key("max"), "a number", most * 0.999),
            }
        }
        TypeKind::Char(n) => Form::Text { length: *n as usize },
        TypeKind::Varchar(_) | TypeKind::Binary(_) | TypeKind::Varbinary(_) => {
            Form::Text { length: options.number(&key("length"), "a number", 100) }
        }
        TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_) => {
            Form::Past { max: options.duration(&key("max-past"), Duration::ZERO) }
        }
        _ => return None,
    };
    Some(form)
}

/// A well-mixed number that follows from another.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// In `0..1`.
fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}
