//! Parts of a text: `SUBSTRING`, `LEFT`, `RIGHT`, `LPAD`, `RPAD`, `OVERLAY`, `SPLIT_INDEX`.

use tailwater_types::data_type::MAX_LENGTH;
use tailwater_types::{Datum, TypeKind};

use super::super::call::{Call, int, text};
use super::varying;
use crate::env::Env;
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("SUBSTRING" | "SUBSTR", 2..=3) => substring_call(call),
        ("LEFT" | "RIGHT", 2) => side(call),
        ("LPAD" | "RPAD", 3) => pad_call(call),
        ("OVERLAY", 3..=4) => overlay_call(call),
        ("SPLIT_INDEX", 3) => split_index(call),
        _ => return None,
    })
}

/// The characters from `skip` on, `count` of them.
fn characters(value: &str, skip: usize, count: usize) -> &str {
    let rest = match value.char_indices().nth(skip) {
        Some((at, _)) => &value[at..],
        None => return "",
    };
    match rest.char_indices().nth(count) {
        Some((end, _)) => &rest[..end],
        None => rest,
    }
}

fn substring(value: &str, start: i64, length: i64) -> Option<&str> {
    if length < 0 {
        return None;
    }
    let skip = match start {
        0 => 0,
        1.. => start - 1,
        _ => {
            let skip = value.chars().count() as i64 + start;
            if skip < 0 {
                return Some("");
            }
            skip
        }
    };
    Some(characters(value, skip as usize, length as usize))
}

fn substring_call(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["si", "sii"])?;
    call.name = "SUBSTRING";
    let kind = varying(call.kind(0));
    call.strict_nullable(kind, |_, args| {
        let length = if args.len() > 2 { int(args, 2) } else { i64::MAX };
        Ok(substring(text(args, 0), int(args, 1), length).map_or(Datum::Null, Datum::Str))
    })
}

fn side(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["si"])?;
    let is_left = call.name == "LEFT";
    let kind = varying(call.kind(0));
    call.strict_nullable(kind, move |_, args| {
        let value = text(args, 0);
        let count = usize::try_from(int(args, 1)).unwrap_or(0);
        let skip = if is_left { 0 } else { value.chars().count().saturating_sub(count) };
        Ok(Datum::Str(characters(value, skip, count)))
    })
}

/// Java counts UTF-16 units here.
fn pad(value: &str, length: i64, padding: &str, is_left: bool) -> Option<String> {
    if length < 0 || padding.is_empty() {
        return None;
    }
    let length = usize::try_from(length).ok()?;
    let units: Vec<u16> = value.encode_utf16().take(length).collect();
    let missing = length - units.len();
    let fill: Vec<u16> = padding.encode_utf16().collect();
    let fill = fill.iter().copied().cycle().take(missing);
    let padded: Vec<u16> =
        if is_left { fill.chain(units).collect() } else { units.into_iter().chain(fill).collect() };
    Some(String::from_utf16_lossy(&padded))
}

fn pad_call(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["sis"])?;
    let is_left = call.name == "LPAD";
    call.strict(TypeKind::STRING, move |env, args| {
        super::check_length(usize::try_from(int(args, 1)).unwrap_or(0))?;
        let padded = pad(text(args, 0), int(args, 1), text(args, 2), is_left);
        Ok(padded.map_or(Datum::Null, |p| Datum::Str(env.text(&p))))
    })
}

fn overlay<'a>(env: &Env<'a>, args: &[Datum<'a>]) -> Datum<'a> {
    let value: Vec<u16> = text(args, 0).encode_utf16().collect();
    let replacement: Vec<u16> = text(args, 1).encode_utf16().collect();
    let start = int(args, 2);
    let length = if args.len() > 3 { int(args, 3) } else { replacement.len() as i64 };
    if start <= 0 || start > value.len() as i64 {
        return args[0];
    }
    let mut out = value[..start as usize - 1].to_vec();
    out.extend(&replacement);
    let end = start.saturating_add(length);
    if length > 0 && end <= value.len() as i64 {
        out.extend(&value[end as usize - 1..]);
    }
    Datum::Str(env.text(&String::from_utf16_lossy(&out)))
}

fn overlay_call(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["ssi", "ssii"])?;
    let length = |kind: &TypeKind| match kind {
        TypeKind::Char(n) | TypeKind::Varchar(n) => *n,
        _ => MAX_LENGTH,
    };
    let sum = length(call.kind(0)).saturating_add(length(call.kind(1)));
    call.strict(TypeKind::Varchar(sum.min(MAX_LENGTH)), |env, args| Ok(overlay(env, args)))
}

fn split_index(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["ssi", "sii"])?;
    call.strict_nullable(TypeKind::STRING, |_, args| {
        let value = text(args, 0);
        let Ok(index) = usize::try_from(int(args, 2)) else {
            return Ok(Datum::Null);
        };
        if value.is_empty() {
            return Ok(Datum::Null);
        }
        let part = match args[1] {
            Datum::Int(code) => match u8::try_from(code) {
                Ok(byte) if byte > 0 => value.split(char::from(byte)).nth(index),
                _ => None,
            },
            _ => match text(args, 1) {
                "" => value.split_ascii_whitespace().nth(index),
                separator => value.split(separator).nth(index),
            },
        };
        Ok(part.map_or(Datum::Null, Datum::Str))
    })
}
