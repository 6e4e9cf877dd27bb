//! `LIKE`, `SIMILAR TO` and `REGEXP...`.

use std::sync::{Arc, Mutex, PoisonError};

use regex::Regex;
use tailwater_types::{Datum, TypeKind};

use super::super::call::{Call, int, text};
use super::super::java_regex;
use crate::env::EvalError;
use crate::expr::Expr;
use crate::like::Like;
use crate::resolve::{ResolveError, Resolved};

pub(super) fn resolve(call: &mut Call<'_>) -> Resolved {
    Some(match (call.name, call.args.len()) {
        ("LIKE", 2..=3) => like(call, true),
        ("NOT LIKE", 2..=3) => like(call, false),
        ("SIMILAR TO", 2..=3) => similar(call, true),
        ("NOT SIMILAR TO", 2..=3) => similar(call, false),
        ("REGEXP", 2) => regexp(call),
        ("REGEXP_REPLACE", 3) => replace(call),
        ("REGEXP_EXTRACT", 2..=3) => extract(call),
        _ => return None,
    })
}

/// What is compiled once for a constant, and else for each new text.
struct Compiled<T> {
    constant: Option<Arc<T>>,
    last: Mutex<Option<(Box<str>, Arc<T>)>>,
    compile: fn(&str) -> Result<T, String>,
}

impl<T> Compiled<T> {
    fn new(
        constant: Option<&str>,
        compile: fn(&str) -> Result<T, String>,
    ) -> Result<Self, ResolveError> {
        let constant = constant.map(compile).transpose().map_err(ResolveError::new)?;
        Ok(Self { constant: constant.map(Arc::new), last: Mutex::new(None), compile })
    }

    fn get(&self, source: &str) -> Result<Arc<T>, EvalError> {
        if let Some(constant) = &self.constant {
            return Ok(Arc::clone(constant));
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref() {
            Some((text, compiled)) if **text == *source => Ok(Arc::clone(compiled)),
            _ => {
                let compiled = Arc::new((self.compile)(source).map_err(|_| {
                    EvalError::new(
                        "a pattern of the data is no regular expression that is supported",
                    )
                })?);
                *last = Some((source.into(), Arc::clone(&compiled)));
                Ok(compiled)
            }
        }
    }
}

fn escape_of(call: &Call<'_>) -> Result<Option<char>, ResolveError> {
    if call.args.len() < 3 {
        return Ok(None);
    }
    let escape = call.required_text(2)?;
    let mut characters = escape.chars();
    match (characters.next(), characters.next()) {
        (Some(escape), None) => Ok(Some(escape)),
        _ => Err(ResolveError::new("Invalid escape character")),
    }
}

fn like(call: &mut Call<'_>, wanted: bool) -> Result<Expr, ResolveError> {
    call.expect(&["ss", "sss"])?;
    let escape = escape_of(call)?;
    let constant = match call.constant_text(1) {
        Some(pattern) => Some(Like::new(pattern, escape).map_err(ResolveError::new)?),
        None => None,
    };
    call.strict(TypeKind::Boolean, move |_, args| {
        let matches = match &constant {
            Some(pattern) => pattern.matches(text(args, 0)),
            None => {
                let pattern = Like::new(text(args, 1), escape).map_err(EvalError::new)?;
                pattern.matches(text(args, 0))
            }
        };
        Ok(Datum::Bool(matches == wanted))
    })
}

fn similar_regex(pattern: &str) -> Result<Regex, String> {
    let mut out = String::from("^(?s:");
    let mut in_class = false;
    for c in pattern.chars() {
        match c {
            '%' if !in_class => out.push_str(".*"),
            '_' if !in_class => out.push('.'),
            '\\' | '^' | '$' if !in_class => {
                out.push('\\');
                out.push(c);
            }
            _ => {
                in_class = (in_class || c == '[') && c != ']';
                out.push(c);
            }
        }
    }
    out.push_str(")$");
    java_regex::compile(&out)
}

fn similar(call: &mut Call<'_>, wanted: bool) -> Result<Expr, ResolveError> {
    call.expect(&["ss", "sss"])?;
    if call.args.len() > 2 {
        return Err(ResolveError::new("SIMILAR TO with ESCAPE is not supported"));
    }
    let compiled = Compiled::new(call.constant_text(1), similar_regex)?;
    call.strict(TypeKind::Boolean, move |_, args| {
        let regex = compiled.get(text(args, 1))?;
        Ok(Datum::Bool(regex.is_match(text(args, 0)) == wanted))
    })
}

fn regexp(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["ss"])?;
    let compiled = Compiled::new(call.constant_text(1), java_regex::compile)?;
    call.strict(TypeKind::Boolean, move |_, args| {
        let pattern = text(args, 1);
        let found = !pattern.is_empty() && compiled.get(pattern)?.is_match(text(args, 0));
        Ok(Datum::Bool(found))
    })
}

fn replace(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["sss"])?;
    let compiled = Compiled::new(call.constant_text(1), java_regex::compile)?;
    call.strict(TypeKind::STRING, move |env, args| {
        let regex = compiled.get(text(args, 1))?;
        let replacement = regex::NoExpand(text(args, 2));
        let replaced = regex.replace_all(text(args, 0), replacement);
        Ok(match replaced {
            std::borrow::Cow::Borrowed(same) => Datum::Str(same),
            std::borrow::Cow::Owned(new) => Datum::Str(env.text(&new)),
        })
    })
}

fn extract(call: &mut Call<'_>) -> Result<Expr, ResolveError> {
    call.expect(&["ss", "ssi"])?;
    let compiled = Compiled::new(call.constant_text(1), java_regex::compile)?;
    call.strict_nullable(TypeKind::STRING, move |_, args| {
        let regex = compiled.get(text(args, 1))?;
        let group = if args.len() > 2 { int(args, 2) } else { 0 };
        let found = usize::try_from(group).ok().and_then(|group| {
            let groups = regex.captures(text(args, 0))?;
            groups.get(group).map(|m| m.as_str())
        });
        Ok(found.map_or(Datum::Null, Datum::Str))
    })
}
