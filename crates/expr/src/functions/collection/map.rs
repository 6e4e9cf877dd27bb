//! `MAP_...` and `STR_TO_MAP`.

use tailwater_types::{DataType, Datum, Field, Layout, RowRef, RowWriter, TypeKind};

use super::super::call::{Call, text};
use super::super::comparison::is_same;
use super::array::items;
use super::{map_of, put};
use crate::env::EvalError;
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("MAP_KEYS", 1) => half(call, true),
        ("MAP_VALUES", 1) => half(call, false),
        ("MAP_ENTRIES", 1) => entries(call),
        ("MAP_UNION", 1..) => union(call),
        ("MAP_FROM_ARRAYS", 2) => from_arrays(call),
        ("STR_TO_MAP", 1 | 3) => from_text(call),
        _ => return None,
    })
}

fn types_of(call: &Call<'_>) -> Result<(DataType, DataType), ResolveError> {
    match call.kind(0) {
        TypeKind::Map(key, value) => Ok(((**key).clone(), (**value).clone())),
        _ => Err(call.mismatch()),
    }
}

fn half(call: &mut Call<'_>, wants_keys: bool) -> Result<Expr, ResolveError> {
    let (key, value) = types_of(call)?;
    let element = if wants_keys { key } else { value };
    call.strict(TypeKind::Array(Box::new(element)), move |_, args| {
        Ok(match args[0] {
            Datum::Map(map) if wants_keys => Datum::Array(map.keys()),
            Datum::Map(map) => Datum::Array(map.values()),
            _ => Datum::Null,
        })
    })
}

fn entries(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let (key, value) = types_of(call)?;
    let (k, v) = (key.layout(), value.layout());
    let fields = vec![Field::new("key", key), Field::new("value", value)];
    let entry = TypeKind::Row(fields.into()).not_null();
    // Flink's type of an entry allows NULL if the map's does.
    let entry = entry.with_nullable(call.nullable());
    call.strict(TypeKind::Array(Box::new(entry)), move |env, args| {
        let Datum::Map(map) = args[0] else {
            return Ok(Datum::Null);
        };
        let mut rows = Vec::new();
        for i in 0..map.len() {
            let mut out = Vec::new();
            let mut writer = RowWriter::new(&mut out, 2);
            writer.push(map.keys().get(i, k), k);
            writer.push(map.values().get(i, v), v);
            rows.push(Datum::Row(RowRef::new(env.bytes(&out))));
        }
        Ok(Datum::Array(env.array(rows.into_iter(), Layout::Row)))
    })
}

fn union(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let common = call.unify(0)?;
    let TypeKind::Map(key, value) = &common.kind else {
        return Err(call.mismatch());
    };
    let (k, v) = (key.layout(), value.layout());
    call.strict(common.kind.clone(), move |env, args| {
        // Later maps come first and win.
        let mut pairs: Vec<(Datum<'_>, Datum<'_>)> = Vec::new();
        for arg in args.iter().rev() {
            let Datum::Map(map) = arg else { continue };
            for i in 0..map.len() {
                let key = map.keys().get(i, k);
                if !pairs.iter().any(|(known, _)| is_same(*known, key)) {
                    pairs.push((key, map.values().get(i, v)));
                }
            }
        }
        Ok(map_of(env, &pairs, k, v))
    })
}

fn from_arrays(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let (TypeKind::Array(key), TypeKind::Array(value)) =
        (call.kind(0).clone(), call.kind(1).clone())
    else {
        return Err(call.mismatch());
    };
    let (k, v) = (key.layout(), value.layout());
    call.strict(TypeKind::Map(key, value), move |env, args| {
        let (keys, values) = (items(args[0], k), items(args[1], v));
        if keys.len() != values.len() {
            return Err(EvalError::new(
                "Invalid function MAP_FROM_ARRAYS call: The length of the keys array is not equal to the length of the values array",
            ));
        }
        let mut pairs = Vec::new();
        for (key, value) in keys.into_iter().zip(values) {
            put(&mut pairs, key, value);
        }
        Ok(map_of(env, &pairs, k, v))
    })
}

fn from_text(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["s", "sss"])?;
    let text_type = || Box::new(TypeKind::STRING.nullable());
    for i in 1..call.args.len() {
        let is_pattern = call
            .constant_text(i)
            .is_none_or(|t| t.contains(['\\', '|', '[', '(', '.', '*', '+', '?', '^', '$', '{']));
        if is_pattern {
            return Err(ResolveError::new(
                "STR_TO_MAP takes constant delimiters without regular expressions",
            ));
        }
    }
    call.strict_nullable(TypeKind::Map(text_type(), text_type()), |env, args| {
        let (outer, inner) =
            if args.len() == 3 { (text(args, 1), text(args, 2)) } else { (",", "=") };
        let mut pairs = Vec::new();
        // Java's split drops empty parts at the end.
        let trimmed = text(args, 0).trim_end_matches(outer);
        for part in trimmed.split(outer).filter(|_| !text(args, 0).is_empty()) {
            let (key, value) = match part.split_once(inner) {
                Some((key, value)) => (Datum::Str(key), Datum::Str(value)),
                None => (Datum::Str(part), Datum::Null),
            };
            put(&mut pairs, key, value);
        }
        Ok(map_of(env, &pairs, Layout::Str, Layout::Str))
    })
}
