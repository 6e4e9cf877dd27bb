//! Rows, arrays and maps: making them and reaching into them.

mod array;
mod map;

use tailwater_types::{DataType, Datum, Field, Layout, RowWriter, TypeKind};

use super::call::{Call, int};
use super::comparison::is_same;
use crate::cast::convert;
use crate::env::{Env, EvalError};
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};
use crate::unify::common_type;

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match call.name {
        "ROW" => row(call),
        "ARRAY" => make_array(call),
        "MAP" => make_map(call),
        "ITEM" if call.args.len() == 2 => item(call),
        "CARDINALITY" => cardinality(call),
        "ELEMENT" => element(call),
        _ => return array::resolve(call).or_else(|| map::resolve(call)),
    })
}

/// Field `index` of a row: NULL if the row or the field is.
pub fn field_access(expr: Expr, index: usize) -> Expr {
    let field = match &expr.data_type.kind {
        TypeKind::Row(fields) => fields.get(index).cloned(),
        _ => None,
    };
    let Some(field) = field else {
        return Expr::null(&TypeKind::Null.nullable());
    };
    let nullable = expr.data_type.nullable || field.data_type.nullable;
    let layout = field.data_type.layout();
    Expr::strict(
        format!("FIELD<{index}>"),
        vec![expr],
        field.data_type.with_nullable(nullable),
        move |_, args| {
            Ok(match args[0] {
                Datum::Row(row) => row.get(index, layout),
                _ => Datum::Null,
            })
        },
    )
}

fn row(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let types = call.types();
    let fields: Vec<Field> = types
        .iter()
        .enumerate()
        .map(|(i, data_type)| Field::new(format!("EXPR${i}"), data_type.clone()))
        .collect();
    let layouts: Vec<Layout> = types.iter().map(DataType::layout).collect();
    call.called(TypeKind::Row(fields.into()).not_null(), move |env, args| {
        let mut out = Vec::new();
        let mut writer = RowWriter::new(&mut out, args.len());
        for (arg, layout) in args.iter().zip(&layouts) {
            writer.push(*arg, *layout);
        }
        Ok(Datum::Row(tailwater_types::RowRef::new(env.bytes(&out))))
    })
}

fn make_array(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    if call.args.is_empty() {
        return Err(call.mismatch());
    }
    let element = call.unify(0)?;
    let layout = element.layout();
    call.called(TypeKind::Array(Box::new(element)).not_null(), move |env, args| {
        Ok(Datum::Array(env.array(args.iter().copied(), layout)))
    })
}

fn make_map(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let context = call.context;
    let types = call.types();
    if types.is_empty() || !types.len().is_multiple_of(2) {
        return Err(call.mismatch());
    }
    let every_other =
        |first: usize| -> Vec<DataType> { types.iter().skip(first).step_by(2).cloned().collect() };
    let key = common_type(&every_other(0)).ok_or_else(|| call.mismatch())?;
    let value = common_type(&every_other(1)).ok_or_else(|| call.mismatch())?;
    let args = call.take().into_iter().enumerate();
    call.args = args
        .map(|(i, arg)| {
            let kind = if i % 2 == 0 { &key.kind } else { &value.kind };
            convert(arg, kind, context)
        })
        .collect::<Result<_, _>>()?;
    let (k, v) = (key.layout(), value.layout());
    let kind = TypeKind::Map(Box::new(key), Box::new(value));
    call.called(kind.not_null(), move |env, args| {
        let mut pairs: Vec<(Datum<'_>, Datum<'_>)> = Vec::new();
        for pair in args.chunks_exact(2) {
            put(&mut pairs, pair[0], pair[1]);
        }
        Ok(map_of(env, &pairs, k, v))
    })
}

/// Adds an entry or replaces the value of its key.
fn put<'a>(pairs: &mut Vec<(Datum<'a>, Datum<'a>)>, key: Datum<'a>, value: Datum<'a>) {
    match pairs.iter_mut().find(|(k, _)| is_same(*k, key)) {
        Some(pair) => pair.1 = value,
        None => pairs.push((key, value)),
    }
}

fn map_of<'a>(
    env: &Env<'a>,
    pairs: &[(Datum<'_>, Datum<'_>)],
    key: Layout,
    value: Layout,
) -> Datum<'a> {
    let keys = env.array(pairs.iter().map(|p| p.0), key);
    let values = env.array(pairs.iter().map(|p| p.1), value);
    Datum::Map(env.map(keys, values))
}

fn item(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    match call.kind(0).clone() {
        TypeKind::Array(element) => {
            if !call.kind(1).is_integer() {
                return Err(call.mismatch());
            }
            let layout = element.layout();
            if let Some(index) = call.constant_int(1)
                && index < 1
            {
                return Err(ResolveError::new(format!(
                    "Array element access needs an index starting at 1 but was {index}."
                )));
            }
            call.strict_nullable(element.kind, move |_, args| {
                let index = int(args, 1);
                Ok(match (args[0], usize::try_from(index - 1)) {
                    (Datum::Array(items), Ok(i)) => items.get(i, layout),
                    _ => Datum::Null,
                })
            })
        }
        TypeKind::Map(key, value) => {
            call.cast(1, &key.kind)?;
            let (k, v) = (key.layout(), value.layout());
            call.called(value.kind.nullable(), move |_, args| {
                let Datum::Map(map) = args[0] else {
                    return Ok(Datum::Null);
                };
                let keys = map.keys();
                let found = (0..keys.len()).find(|i| is_same(keys.get(*i, k), args[1]));
                Ok(found.map_or(Datum::Null, |i| map.values().get(i, v)))
            })
        }
        TypeKind::Row(fields) => {
            let index = match call.constant_int(1) {
                Some(number) => usize::try_from(number - 1).ok(),
                None => {
                    let name = call.constant_text(1);
                    name.and_then(|n| fields.iter().position(|f| &*f.name == n))
                }
            };
            let index = index.filter(|i| *i < fields.len());
            let index = index.ok_or_else(|| call.mismatch())?;
            Ok(field_access(call.take().remove(0), index))
        }
        _ => Err(call.mismatch()),
    }
}

fn cardinality(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    if !matches!(call.kind(0), TypeKind::Array(_) | TypeKind::Map(..) | TypeKind::Multiset(_)) {
        return Err(call.mismatch());
    }
    call.strict(TypeKind::Int, |_, args| {
        Ok(Datum::Int(match args[0] {
            Datum::Array(items) => items.len() as i64,
            Datum::Map(map) => map.len() as i64,
            _ => 0,
        }))
    })
}

fn element(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let TypeKind::Array(element) = call.kind(0).clone() else {
        return Err(call.mismatch());
    };
    let layout = element.layout();
    let data_type = element.with_nullable(element.nullable || call.nullable());
    call.called(data_type, move |_, args| match args[0] {
        Datum::Array(items) if items.len() > 1 => {
            Err(EvalError::new("Array has more than one element."))
        }
        Datum::Array(items) => Ok(items.get(0, layout)),
        _ => Ok(Datum::Null),
    })
}
