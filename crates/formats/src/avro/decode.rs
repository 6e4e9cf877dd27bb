//! Bytes of the writer's schema to rows of the table's columns, by their names.

use std::sync::Arc;

use smallvec::SmallVec;
use tailwater_types::row::append_map;
use tailwater_types::{DataType, Datum, Field, Layout, RowWriter, Timestamp, TypeKind};

use super::schema::{Avro, Logical};

/// How a value that was written by one schema is read as one type.
pub(crate) struct Plan {
    schema: Avro,
    form: Form,
    layout: Layout,
}

enum Form {
    Null,
    Scalar(TypeKind),
    /// By branch; `None` for one that does not fit.
    Union(Vec<Option<Plan>>),
    Array(Box<Plan>),
    Map(Box<Plan>),
    Row(Vec<Option<(usize, Plan)>>),
}

const CUT: &str = "the Avro data ends too early";

impl Plan {
    /// Of a whole message.
    pub(crate) fn of_rows(schema: &str, fields: &[Field]) -> Result<Self, String> {
        let fields: Arc<[Field]> = fields.to_vec().into();
        Self::new(&Avro::parse(schema)?, &TypeKind::Row(fields).not_null())
    }

    fn new(schema: &Avro, target: &DataType) -> Result<Self, String> {
        let layout = target.layout();
        let form = match (schema, &target.kind) {
            (Avro::Null, _) => Form::Null,
            (Avro::Union(branches), _) => {
                let plans: Vec<_> = branches.iter().map(|b| Self::new(b, target)).collect();
                let is_value = |p: &&Result<Self, String>| match p {
                    Ok(plan) => !matches!(plan.form, Form::Null),
                    Err(_) => false,
                };
                if !plans.iter().any(|p| is_value(&p)) {
                    let refused = plans.into_iter().find_map(Result::err);
                    return Err(refused.unwrap_or_else(|| unfit(target)));
                }
                Form::Union(plans.into_iter().map(Result::ok).collect())
            }
            (Avro::Array(item), TypeKind::Array(element)) => {
                Form::Array(Box::new(Self::new(item, element)?))
            }
            (Avro::Map(value), TypeKind::Map(key, element)) if key.kind.is_string() => {
                Form::Map(Box::new(Self::new(value, element)?))
            }
            (Avro::Record(written), TypeKind::Row(fields)) => {
                let field = |field: &Field| {
                    let place = written.iter().position(|(name, _)| **name == *field.name);
                    match place {
                        Some(place) => {
                            let plan = Self::new(&written[place].1, &field.data_type);
                            let plan =
                                plan.map_err(|e| format!("field \"{}\": {e}", field.name))?;
                            Ok(Some((place, plan)))
                        }
                        None if field.data_type.nullable => Ok(None),
                        None => Err(format!("the Avro schema lacks field \"{}\"", field.name)),
                    }
                };
                Form::Row(fields.iter().map(field).collect::<Result<_, String>>()?)
            }
            (schema, kind) if fits(schema, kind) => Form::Scalar(kind.clone()),
            _ => return Err(unfit(target)),
        };
        Ok(Self { schema: schema.clone(), form, layout })
    }

    /// Appends the row that a message holds.
    pub(crate) fn read_row(&self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        self.row(&mut input, out)
    }

    fn row(&self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        match &self.form {
            Form::Row(fields) => {
                let Avro::Record(written) = &self.schema else { return Err(CUT.to_owned()) };
                let mut starts: SmallVec<[&[u8]; 16]> = SmallVec::new();
                for (_, schema) in written.iter() {
                    starts.push(input);
                    skip(schema, input)?;
                }
                let mut writer = RowWriter::new(out, fields.len());
                for field in fields {
                    match field {
                        Some((place, plan)) => plan.read(&mut { starts[*place] }, &mut writer)?,
                        None => writer.push_null(),
                    }
                }
                Ok(())
            }
            Form::Union(branches) => match branch(branches, input)? {
                Some(plan) if !matches!(plan.form, Form::Null) => plan.row(input, out),
                _ => Err("the Avro data holds no record".to_owned()),
            },
            _ => Err("the Avro data holds no record".to_owned()),
        }
    }

    fn read(&self, input: &mut &[u8], writer: &mut RowWriter<'_>) -> Result<(), String> {
        match &self.form {
            Form::Null => writer.push_null(),
            Form::Scalar(kind) => {
                let datum = scalar(&self.schema, kind, input)?;
                writer.push(datum, self.layout);
            }
            Form::Union(branches) => match branch(branches, input)? {
                Some(plan) => return plan.read(input, writer),
                None => return Err("a value of the Avro data does not fit its column".to_owned()),
            },
            Form::Array(plan) => {
                let items = items(input, |input| skip(&plan.schema, input))?;
                let mut tail = Vec::new();
                let mut elements = RowWriter::new(&mut tail, items.len());
                for mut item in items {
                    plan.read(&mut item, &mut elements)?;
                }
                writer.push_tail(|out| out.extend_from_slice(&tail));
            }
            Form::Map(plan) => {
                let entries = items(input, |input| {
                    bytes(input)?;
                    skip(&plan.schema, input)
                })?;
                let (mut keys, mut values) = (Vec::new(), Vec::new());
                let mut key_writer = RowWriter::new(&mut keys, entries.len());
                let mut value_writer = RowWriter::new(&mut values, entries.len());
                for mut entry in entries {
                    key_writer.push(Datum::Str(text(bytes(&mut entry)?)?), Layout::Str);
                    plan.read(&mut entry, &mut value_writer)?;
                }
                writer.push_tail(|out| {
                    append_map(
                        out,
                        |k| k.extend_from_slice(&keys),
                        |v| v.extend_from_slice(&values),
                    );
                });
            }
            Form::Row(_) => {
                let mut tail = Vec::new();
                self.row(input, &mut tail)?;
                writer.push_tail(|out| out.extend_from_slice(&tail));
            }
        }
        Ok(())
    }
}

fn unfit(target: &DataType) -> String {
    format!("the Avro schema has another type than {target}")
}

fn fits(schema: &Avro, kind: &TypeKind) -> bool {
    match (schema, kind) {
        (Avro::Boolean, TypeKind::Boolean)
        | (Avro::Int(Logical::Date), TypeKind::Date)
        | (Avro::Int(Logical::TimeMillis) | Avro::Long(Logical::TimeMicros), TypeKind::Time(_))
        | (Avro::Float, TypeKind::Float | TypeKind::Double)
        | (Avro::Double, TypeKind::Double)
        | (
            Avro::Bytes(Logical::Decimal { .. }) | Avro::Fixed(_, Logical::Decimal { .. }),
            TypeKind::Decimal { .. },
        ) => true,
        (Avro::Long(Logical::Millis | Logical::Micros | Logical::Nanos), kind) => {
            kind.is_timestamp() || matches!(kind, TypeKind::BigInt)
        }
        (Avro::Int(_), TypeKind::Int | TypeKind::SmallInt | TypeKind::TinyInt)
        | (Avro::Int(_) | Avro::Long(_), TypeKind::BigInt | TypeKind::Float | TypeKind::Double) => {
            true
        }
        (Avro::String | Avro::Enum(_) | Avro::Bytes(Logical::None), kind) if kind.is_string() => {
            true
        }
        (Avro::String | Avro::Bytes(_) | Avro::Fixed(..), kind) => kind.is_binary(),
        _ => false,
    }
}

/// The plan of the branch that comes; `None` if it does not fit.
fn branch<'p>(branches: &'p [Option<Plan>], input: &mut &[u8]) -> Result<Option<&'p Plan>, String> {
    let number = usize::try_from(long(input)?).ok();
    let plan = number.and_then(|n| branches.get(n));
    plan.map(Option::as_ref).ok_or_else(|| "the Avro data has an unknown branch".to_owned())
}

fn scalar<'a, 'i: 'a>(
    schema: &'a Avro,
    kind: &TypeKind,
    input: &mut &'i [u8],
) -> Result<Datum<'a>, String> {
    Ok(match schema {
        Avro::Boolean => Datum::Bool(take(input, 1)? != [0]),
        Avro::Int(logical) | Avro::Long(logical) => number(long(input)?, *logical, kind)?,
        Avro::Float => {
            let value = f32::from_le_bytes(take_array(input)?);
            match kind {
                TypeKind::Float => Datum::Float(value),
                _ => Datum::Double(value.into()),
            }
        }
        Avro::Double => Datum::Double(f64::from_le_bytes(take_array(input)?)),
        Avro::Enum(symbols) => {
            let symbol = usize::try_from(long(input)?).ok().and_then(|n| symbols.get(n));
            Datum::Str(symbol.ok_or("the Avro data has an unknown symbol")?)
        }
        Avro::String if kind.is_string() => Datum::Str(text(bytes(input)?)?),
        Avro::String => Datum::Bytes(bytes(input)?),
        Avro::Bytes(logical) => binary(bytes(input)?, *logical, kind)?,
        Avro::Fixed(size, logical) => binary(take(input, *size)?, *logical, kind)?,
        _ => return Err(CUT.to_owned()),
    })
}

fn number<'a>(value: i64, logical: Logical, kind: &TypeKind) -> Result<Datum<'a>, String> {
    let in_range = |least: i64, most: i64| match (least..=most).contains(&value) {
        true => Ok(Datum::Int(value)),
        false => Err(format!("a value of the Avro data is none of {kind}")),
    };
    match kind {
        TypeKind::TinyInt => in_range(i8::MIN.into(), i8::MAX.into()),
        TypeKind::SmallInt => in_range(i16::MIN.into(), i16::MAX.into()),
        TypeKind::Int | TypeKind::Date => in_range(i32::MIN.into(), i32::MAX.into()),
        TypeKind::Time(_) if logical == Logical::TimeMicros => Ok(Datum::Int(value / 1000)),
        TypeKind::Float => Ok(Datum::Float(value as f32)),
        TypeKind::Double => Ok(Datum::Double(value as f64)),
        TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision) => {
            let moment = match logical {
                Logical::Millis => Timestamp::from_millis(value),
                Logical::Nanos => Timestamp {
                    micros: value.div_euclid(1000),
                    nanos: value.rem_euclid(1000) as u16,
                },
                _ => Timestamp::from_micros(value),
            };
            Ok(Datum::Timestamp(moment.truncate(*precision)))
        }
        _ => Ok(Datum::Int(value)),
    }
}

fn binary<'a>(value: &'a [u8], logical: Logical, kind: &TypeKind) -> Result<Datum<'a>, String> {
    match (logical, kind) {
        (Logical::Decimal { scale: from }, TypeKind::Decimal { precision, scale }) => {
            let refuse = || format!("a value of the Avro data is none of {kind}");
            let unscaled = decimal(value).ok_or_else(refuse)?;
            let unit = |digits: u8| 10_i128.checked_pow(digits.into()).ok_or_else(refuse);
            let rescaled = match scale.checked_sub(from) {
                Some(more) => unscaled.checked_mul(unit(more)?).ok_or_else(refuse)?,
                None => {
                    let unit = unit(from - scale)?;
                    let half = unit / 2 * unscaled.signum();
                    unscaled.checked_add(half).ok_or_else(refuse)? / unit
                }
            };
            match rescaled.unsigned_abs() < unit(*precision)?.unsigned_abs() {
                true => Ok(Datum::Decimal(rescaled)),
                false => Err(refuse()),
            }
        }
        (_, kind) if kind.is_string() => Ok(Datum::Str(text(value)?)),
        _ => Ok(Datum::Bytes(value)),
    }
}

/// A number in two's complement, the greatest byte first.
fn decimal(bytes: &[u8]) -> Option<i128> {
    let is_negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
    let fill = if is_negative { 0xff } else { 0 };
    let padding = bytes.iter().take_while(|b| **b == fill).count();
    let used = if bytes.len() > 16 { &bytes[padding.min(bytes.len() - 16)..] } else { bytes };
    if used.len() > 16 {
        return None;
    }
    let mut whole = [fill; 16];
    whole[16 - used.len()..].copy_from_slice(used);
    Some(i128::from_be_bytes(whole))
}

fn skip(schema: &Avro, input: &mut &[u8]) -> Result<(), String> {
    match schema {
        Avro::Null => {}
        Avro::Boolean => drop(take(input, 1)?),
        Avro::Int(_) | Avro::Long(_) | Avro::Enum(_) => drop(long(input)?),
        Avro::Float => drop(take(input, 4)?),
        Avro::Double => drop(take(input, 8)?),
        Avro::String | Avro::Bytes(_) => drop(bytes(input)?),
        Avro::Fixed(size, _) => drop(take(input, *size)?),
        Avro::Array(item) => drop(items(input, |input| skip(item, input))?),
        Avro::Map(value) => {
            items(input, |input| {
                bytes(input)?;
                skip(value, input)
            })?;
        }
        Avro::Union(branches) => {
            let branch = usize::try_from(long(input)?).ok().and_then(|n| branches.get(n));
            skip(branch.ok_or("the Avro data has an unknown branch")?, input)?;
        }
        Avro::Record(fields) => {
            for (_, field) in fields.iter() {
                skip(field, input)?;
            }
        }
    }
    Ok(())
}

/// Where each item of an array or map begins.
fn items<'a>(
    input: &mut &'a [u8],
    mut pass: impl FnMut(&mut &'a [u8]) -> Result<(), String>,
) -> Result<Vec<&'a [u8]>, String> {
    let mut starts = Vec::new();
    loop {
        let mut count = long(input)?;
        if count == 0 {
            return Ok(starts);
        }
        if count < 0 {
            // The block's size, for who wants to pass over it.
            long(input)?;
            count = count.checked_neg().ok_or(CUT)?;
        }
        // No item of use takes less than a byte.
        if count as u64 > input.len() as u64 {
            return Err(CUT.to_owned());
        }
        for _ in 0..count {
            starts.push(*input);
            pass(input)?;
        }
    }
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
    let (taken, rest) = input.split_at_checked(count).ok_or(CUT)?;
    *input = rest;
    Ok(taken)
}

fn take_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], String> {
    let taken = take(input, N)?;
    taken.first_chunk().copied().ok_or_else(|| CUT.to_owned())
}

fn bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = usize::try_from(long(input)?).map_err(|_| CUT)?;
    take(input, length)
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "a text of the Avro data is not UTF-8".to_owned())
}

/// A number in zigzag form, seven bits a byte.
fn long(input: &mut &[u8]) -> Result<i64, String> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(input, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err("a number of the Avro data is too long".to_owned())
}
