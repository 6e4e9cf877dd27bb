//! The oracle's rows, one table a family.

use jiff::tz::TimeZone;
use tailwater_types::{DataType, RowRef, Timestamp, TypeKind, Value};

use super::resolve;
use crate::cast::{CastMode, cast};
use crate::env::Env;
use crate::expr::{Expr, NO_ROW};
use crate::resolve::ResolveContext;
use crate::text::to_text;

mod nested;
mod numbers;
mod texts;
mod times;

fn context() -> ResolveContext {
    ResolveContext { time_zone: TimeZone::UTC, is_strict: true }
}

/// A text literal, as SQL has it.
fn s(text: &str) -> Expr {
    let length = text.chars().count() as u32;
    Expr::literal(Value::Str(text.into()), TypeKind::Char(length).not_null())
}

/// A text of a STRING column.
fn v(text: &str) -> Expr {
    Expr::literal(Value::Str(text.into()), TypeKind::STRING.nullable())
}

fn i(value: i64) -> Expr {
    Expr::literal(Value::Int(value), TypeKind::Int.not_null())
}

fn d(value: f64) -> Expr {
    Expr::literal(Value::Double(value), TypeKind::Double.not_null())
}

fn b(value: bool) -> Expr {
    Expr::literal(Value::Bool(value), TypeKind::Boolean.not_null())
}

fn null(kind: TypeKind) -> Expr {
    Expr::null(&kind.nullable())
}

/// A constant of any type by its text.
fn c(text: &str, kind: TypeKind) -> Expr {
    let text = Expr::literal(Value::Str(text.into()), TypeKind::STRING.not_null());
    cast(text, &kind.nullable(), CastMode::Explicit, &context()).expect("a cast")
}

fn decimal(text: &str, precision: u8, scale: u8) -> Expr {
    c(text, TypeKind::Decimal { precision, scale })
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    resolve(name, args, &context()).unwrap_or_else(|e| panic!("{name}: {}", e.message))
}

fn error(name: &str, args: Vec<Expr>) -> String {
    match resolve(name, args, &context()) {
        Err(error) => match error.hint {
            Some(hint) => format!("{} ({hint})", error.message),
            None => error.message,
        },
        Ok(expr) => match value(&expr) {
            Ok(text) => panic!("{name} gives {text}"),
            Err(error) => error,
        },
    }
}

fn value(expr: &Expr) -> Result<String, String> {
    let arena = bumpalo::Bump::new();
    let now = Timestamp::from_micros(1_700_000_000_123_456);
    let env = Env::new(RowRef::new(NO_ROW), &arena, now);
    let datum = expr.eval(&env).map_err(|e| e.0)?;
    Ok(to_text(datum, &expr.data_type))
}

/// The value and the type of a call, as `value: TYPE`.
fn shown(expr: &Expr) -> String {
    let text = value(expr).unwrap_or_else(|e| format!("error {e}"));
    let data_type: &DataType = &expr.data_type;
    format!("{text}: {data_type}").replace("VARCHAR(2147483647)", "STRING")
}

fn check(table: &[(&str, Vec<Expr>, &str)]) {
    for (name, args, expected) in table {
        let shown_args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let got = shown(&call(name, args.clone()));
        assert_eq!(got, *expected, "{name}({})", shown_args.join(", "));
    }
}

#[test]
fn unknown_functions_have_flinks_error_and_a_proposal() {
    assert_eq!(
        error("UPER", vec![s("a")]),
        "No match found for function signature UPER(<CHARACTER>) (did you mean UPPER?)"
    );
    assert_eq!(
        error("BITAND", vec![i(5), i(3)]),
        "No match found for function signature BITAND(<NUMERIC>, <NUMERIC>)"
    );
    assert_eq!(
        error("NVL", vec![null(TypeKind::Int), i(2)]),
        "No match found for function signature NVL(<NUMERIC>, <NUMERIC>) (did you mean IFNULL?)"
    );
    let array = call("ARRAY", vec![i(1)]);
    assert_eq!(
        error("ARRAYS_OVERLAP", vec![array.clone(), array]),
        "No match found for function signature ARRAYS_OVERLAP(<INTEGER ARRAY>, <INTEGER ARRAY>)"
    );
    assert_eq!(
        error("UPPER", vec![i(1)]),
        "Cannot apply 'UPPER' to arguments of type 'UPPER(<INTEGER>)'"
    );
}
