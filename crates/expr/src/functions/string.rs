//! Functions of text.

mod encoding;
mod pattern;
mod position;
mod slice;
mod url;

use tailwater_types::data_type::MAX_LENGTH;
use tailwater_types::{Datum, TypeKind};

use super::call::{Call, int, text};
use crate::env::{Env, EvalError};
use crate::expr::Expr;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("UPPER", 1) => keeping_type(call, |env, s| env.text(&s.to_uppercase())),
        ("LOWER", 1) => keeping_type(call, |env, s| env.text(&s.to_lowercase())),
        ("INITCAP", 1) => keeping_type(call, |env, s| env.text(&initcap(s))),
        ("CHAR_LENGTH" | "CHARACTER_LENGTH", 1) => {
            call.name = "CHAR_LENGTH";
            call.expect(&["s"]).and_then(|()| {
                call.strict(TypeKind::Int, |_, args| {
                    Ok(Datum::Int(text(args, 0).chars().count() as i64))
                })
            })
        }
        ("REVERSE", 1) => call.expect(&["s"]).and_then(|()| {
            call.strict_nullable(TypeKind::STRING, |env, args| {
                let reversed: String = text(args, 0).chars().rev().collect();
                Ok(Datum::Str(env.text(&reversed)))
            })
        }),
        ("REPEAT", 2) => call.expect(&["si"]).and_then(|()| {
            call.strict(TypeKind::STRING, |env, args| {
                let times = usize::try_from(int(args, 1)).unwrap_or(0);
                let value = text(args, 0);
                check_length(value.len().saturating_mul(times))?;
                Ok(Datum::Str(env.text(&value.repeat(times))))
            })
        }),
        ("REPLACE", 3) => call.expect(&["sss"]).and_then(|()| {
            call.strict(TypeKind::STRING, |env, args| {
                let replaced = text(args, 0).replace(text(args, 1), text(args, 2));
                Ok(Datum::Str(env.text(&replaced)))
            })
        }),
        ("||", 2) => concat_operator(call),
        ("CONCAT", 1..) => concat(call),
        ("CONCAT_WS", 1..) => concat_with_separator(call),
        ("TRIM", 3) => trim(call),
        ("TRIM" | "LTRIM" | "RTRIM", 1 | 2) => trim_side(call),
        ("IS_ALPHA" | "IS_DIGIT" | "IS_DECIMAL", 1) => classify(call),
        _ => {
            return slice::resolve(call)
                .or_else(|| position::resolve(call))
                .or_else(|| pattern::resolve(call))
                .or_else(|| encoding::resolve(call))
                .or_else(|| url::resolve(call));
        }
    })
}

/// Refuses texts that would take the memory of the whole job.
fn check_length(bytes: usize) -> Result<(), EvalError> {
    const LONGEST: usize = 256 << 20;
    if bytes > LONGEST {
        return Err(EvalError::new("the text would be longer than 256 MiB"));
    }
    Ok(())
}

fn keeping_type(
    call: &mut Call<'_>,
    change: for<'a> fn(&Env<'a>, &str) -> &'a str,
) -> Result<Expr, ResolveError> {
    call.expect(&["s"])?;
    let kind = call.kind(0).clone();
    call.strict(kind, move |env, args| Ok(Datum::Str(change(env, text(args, 0)))))
}

/// Upper case after anything but ASCII letters and digits, as Flink has it.
fn initcap(value: &str) -> String {
    let mut starts = true;
    value
        .chars()
        .map(|c| {
            let was_start = starts;
            starts = !c.is_ascii_alphanumeric();
            if was_start { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
        })
        .collect()
}

fn concat_operator(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    if let (TypeKind::Binary(_) | TypeKind::Varbinary(_), _) = (call.kind(0), call.kind(1)) {
        return Err(ResolveError::new("|| of bytes is not supported"));
    }
    call.expect(&["ss"])?;
    let length = |kind: &TypeKind| match kind {
        TypeKind::Char(n) | TypeKind::Varchar(n) => *n,
        _ => MAX_LENGTH,
    };
    let (a, b) = (call.kind(0), call.kind(1));
    let sum = length(a).saturating_add(length(b)).min(MAX_LENGTH);
    let kind = match (a, b) {
        (TypeKind::Char(_), TypeKind::Char(_)) => TypeKind::Char(sum),
        _ => TypeKind::Varchar(sum),
    };
    call.strict(kind, join)
}

fn join<'a>(env: &Env<'a>, args: &[Datum<'a>]) -> Result<Datum<'a>, EvalError> {
    let mut out = bumpalo::collections::String::new_in(env.arena);
    for i in 0..args.len() {
        out.push_str(text(args, i));
    }
    Ok(Datum::Str(out.into_bump_str()))
}

fn concat(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["s+"])?;
    call.strict(TypeKind::STRING, join)
}

fn concat_with_separator(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["s+"])?;
    let data_type = TypeKind::STRING.with_nullable(call.nullable());
    call.called(data_type, |env, args| {
        let Datum::Str(separator) = args[0] else {
            return Ok(Datum::Null);
        };
        let mut out = bumpalo::collections::String::new_in(env.arena);
        for (i, part) in args[1..].iter().filter_map(|a| a.as_str()).enumerate() {
            if i > 0 {
                out.push_str(separator);
            }
            out.push_str(part);
        }
        Ok(Datum::Str(out.into_bump_str()))
    })
}

fn varying(kind: &TypeKind) -> TypeKind {
    match kind {
        TypeKind::Char(n) => TypeKind::Varchar(*n),
        other => other.clone(),
    }
}

fn trim(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    let side = call.required_text(0)?;
    call.expect(&["sss"])?;
    let kind = varying(call.kind(2));
    call.args.remove(0);
    let (name, start, end) = match side.as_str() {
        "LEADING" => ("TRIM LEADING", true, false),
        "TRAILING" => ("TRIM TRAILING", false, true),
        _ => ("TRIM", true, true),
    };
    call.name = name;
    call.strict(kind, move |_, args| {
        let (characters, value) = (text(args, 0), text(args, 1));
        Ok(Datum::Str(trimmed(value, characters, start, end)))
    })
}

fn trim_side(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    if call.name == "TRIM" && call.args.len() == 2 {
        return Err(call.mismatch());
    }
    call.expect(&["s", "ss"])?;
    let kind = varying(call.kind(0));
    let (start, end) = (call.name != "RTRIM", call.name != "LTRIM");
    call.strict(kind, move |_, args| {
        let characters = if args.len() > 1 { text(args, 1) } else { " " };
        Ok(Datum::Str(trimmed(text(args, 0), characters, start, end)))
    })
}

fn trimmed<'a>(value: &'a str, characters: &str, start: bool, end: bool) -> &'a str {
    let is_in = |c: char| characters.contains(c);
    let value = if start { value.trim_start_matches(is_in) } else { value };
    if end { value.trim_end_matches(is_in) } else { value }
}

fn classify(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["s", "n"])?;
    let name = call.name.to_owned();
    call.called(TypeKind::Boolean.not_null(), move |_, args| {
        let Datum::Str(value) = args[0] else {
            let is_number = match args[0] {
                Datum::Null => false,
                Datum::Int(_) => name != "IS_ALPHA",
                _ => name == "IS_DECIMAL",
            };
            return Ok(Datum::Bool(is_number));
        };
        Ok(Datum::Bool(match name.as_str() {
            "IS_ALPHA" => !value.is_empty() && value.chars().all(char::is_alphabetic),
            "IS_DIGIT" => !value.is_empty() && value.chars().all(|c| c.is_numeric()),
            _ => !value.is_empty() && crate::cast::parse_double(value).is_some(),
        }))
    })
}
