use tailwater_types::{DataType, TypeKind, Value};

use super::*;
use crate::expr::Expr;
use crate::text::to_text;

pub(crate) fn context() -> ResolveContext {
    ResolveContext { time_zone: TimeZone::UTC, is_strict: true }
}

fn try_cast(text: &str, kind: &TypeKind) -> String {
    let literal = Expr::literal(Value::Str(text.into()), TypeKind::STRING.not_null());
    shown(cast(literal, &kind.clone().nullable(), CastMode::Try, &context()))
}

fn shown(expr: Result<Expr, ResolveError>) -> String {
    match expr.map(Expr::fold) {
        Ok(Ok(expr)) => to_text(expr.as_literal().expect("a constant").as_datum(), &expr.data_type),
        Ok(Err(error)) => format!("error: {error}"),
        Err(error) => format!("refused: {}", error.message),
    }
}

fn decimal(precision: u8, scale: u8) -> TypeKind {
    TypeKind::Decimal { precision, scale }
}

#[test]
fn texts_become_integers_as_in_the_oracle() {
    let kinds = [TypeKind::TinyInt, TypeKind::SmallInt, TypeKind::Int, TypeKind::BigInt];
    let table = [
        (" 13 ", ["13", "13", "13", "13"]),
        ("1.5", ["1", "1", "1", "1"]),
        ("1e3", ["NULL", "NULL", "NULL", "NULL"]),
        ("+8", ["8", "8", "8", "8"]),
        ("", ["NULL", "NULL", "NULL", "NULL"]),
        ("128", ["NULL", "128", "128", "128"]),
        ("32768", ["NULL", "NULL", "32768", "32768"]),
        ("-9223372036854775808", ["NULL", "NULL", "NULL", "-9223372036854775808"]),
        ("9223372036854775808", ["NULL", "NULL", "NULL", "NULL"]),
        (".5", ["0", "0", "0", "0"]),
        ("5.", ["5", "5", "5", "5"]),
        ("0x1F", ["NULL", "NULL", "NULL", "NULL"]),
        ("1_000", ["NULL", "NULL", "NULL", "NULL"]),
    ];
    for (text, expected) in table {
        let got: Vec<String> = kinds.iter().map(|k| try_cast(text, k)).collect();
        assert_eq!(got, expected, "{text}");
    }
}

#[test]
fn texts_become_numbers_and_booleans_as_in_the_oracle() {
    let kinds =
        [TypeKind::Float, TypeKind::Double, decimal(10, 2), decimal(38, 10), TypeKind::Boolean];
    let table = [
        ("42", ["42.0", "42.0", "42.00", "42.0000000000", "NULL"]),
        ("1e3", ["1000.0", "1000.0", "1000.00", "1000.0000000000", "NULL"]),
        ("2147483648", ["2.14748365E9", "2.147483648E9", "NULL", "2147483648.0000000000", "NULL"]),
        ("FALSE", ["NULL", "NULL", "NULL", "NULL", "FALSE"]),
        ("t", ["NULL", "NULL", "0.00", "NULL", "TRUE"]),
        ("yes", ["NULL", "NULL", "NULL", "NULL", "TRUE"]),
        ("0", ["0.0", "0.0", "0.00", "0.0000000000", "FALSE"]),
        ("NaN", ["NaN", "NaN", "NULL", "NULL", "NULL"]),
        ("Infinity", ["Infinity", "Infinity", "NULL", "NULL", "NULL"]),
        ("0.005", ["0.005", "0.005", "0.01", "0.0050000000", "NULL"]),
        (
            "99999999.995",
            ["1.0E8", "9.9999999995E7", "100000000.00", "99999999.9950000000", "NULL"],
        ),
        (".5", ["0.5", "0.5", "0.50", "0.5000000000", "NULL"]),
        ("0x1F", ["NULL", "NULL", "NULL", "NULL", "NULL"]),
    ];
    for (text, expected) in table {
        let got: Vec<String> = kinds.iter().map(|k| try_cast(text, k)).collect();
        assert_eq!(got, expected, "{text}");
    }
}

#[test]
fn doubles_become_integers_as_in_java() {
    let table = [
        (32768.0, "32768", "-32768"),
        (2_147_483_648.0, "2147483647", "-1"),
        (f64::NAN, "0", "0"),
        (-9.223372036854776e18, "-2147483648", "0"),
        (99_999_999.995, "99999999", "-7937"),
    ];
    for (value, int, small) in table {
        let to = |kind: TypeKind| {
            let literal = Expr::literal(Value::Double(value), TypeKind::Double.not_null());
            shown(cast(literal, &kind.nullable(), CastMode::Explicit, &context()))
        };
        assert_eq!((to(TypeKind::Int).as_str(), to(TypeKind::SmallInt).as_str()), (int, small));
    }
}

#[test]
fn texts_become_times_as_in_the_oracle() {
    let kinds = [TypeKind::Date, TypeKind::Time(0), TypeKind::Timestamp(0), TypeKind::Timestamp(9)];
    let table = [
        (
            "2024-01-02",
            ["2024-01-02", "NULL", "2024-01-02 00:00:00", "2024-01-02 00:00:00.000000000"],
        ),
        (
            "2024-01-02 03:04:05.678",
            ["2024-01-02", "NULL", "2024-01-02 03:04:05", "2024-01-02 03:04:05.678000000"],
        ),
        ("2024-01-02T03:04:05.678901234", ["NULL", "NULL", "NULL", "NULL"]),
        (
            "2024-1-2 3:4:5",
            ["2024-01-02", "NULL", "2024-01-02 03:04:05", "2024-01-02 03:04:05.000000000"],
        ),
        ("03:04:05.678", ["NULL", "03:04:05", "NULL", "NULL"]),
        ("2024-02-30", ["NULL", "NULL", "2024-02-29 00:00:00", "2024-02-29 00:00:00.000000000"]),
        (
            "1969-12-31 23:59:59.5",
            ["1969-12-31", "NULL", "1969-12-31 23:59:59", "1969-12-31 23:59:59.500000000"],
        ),
        (
            "0001-01-01 00:00:00",
            ["0001-01-01", "NULL", "0001-01-01 00:00:00", "0001-01-01 00:00:00.000000000"],
        ),
        ("2024-01-02 03:04:05+02:00", ["2024-01-02", "NULL", "NULL", "NULL"]),
        ("2024-01", ["2024-01-01", "20:54:25", "NULL", "NULL"]),
        ("20240102", ["NULL", "68:37:03", "NULL", "NULL"]),
        (" 2024-01-02 ", ["2024-01-02", "NULL", "NULL", "NULL"]),
        ("2024-01-02 25:00:00", ["2024-01-02", "NULL", "NULL", "NULL"]),
        ("2024-01-02 03:04", ["2024-01-02", "NULL", "NULL", "NULL"]),
    ];
    for (text, expected) in table {
        let got: Vec<String> = kinds.iter().map(|k| try_cast(text, k)).collect();
        assert_eq!(got, expected, "{text}");
    }
}

#[test]
fn only_flinks_implicit_casts_are_implicit() {
    let implicit = |from: TypeKind, to: TypeKind| {
        let column = Expr::column(0, from.nullable());
        cast(column, &to.nullable(), CastMode::Implicit, &context()).is_ok()
    };
    assert!(implicit(TypeKind::Int, TypeKind::BigInt));
    assert!(implicit(TypeKind::BigInt, TypeKind::Double));
    assert!(implicit(TypeKind::Char(3), TypeKind::STRING));
    assert!(implicit(TypeKind::Timestamp(3), TypeKind::TimestampLtz(3)));
    assert!(!implicit(TypeKind::BigInt, TypeKind::Int));
    assert!(!implicit(TypeKind::STRING, TypeKind::Int));
    assert!(!implicit(TypeKind::Int, TypeKind::STRING));
    assert!(!implicit(TypeKind::Double, TypeKind::Float));
}

#[test]
fn errors_have_flinks_words_and_no_values() {
    let literal = |text: &str| Expr::literal(Value::Str(text.into()), TypeKind::STRING.not_null());
    let explicit = |text: &str, kind: TypeKind| {
        shown(cast(literal(text), &kind.nullable(), CastMode::Explicit, &context()))
    };
    assert!(explicit("abc", TypeKind::Int).starts_with("error: For input string"));
    assert!(explicit("garbage", TypeKind::Date).starts_with("error: For input string"));
    assert!(!explicit("garbage", TypeKind::Date).contains("garbage"));
    let date: DataType = TypeKind::Int.nullable();
    let number = Expr::literal(Value::Int(1), TypeKind::Int.not_null());
    let refused = cast(number, &TypeKind::Timestamp(3).nullable(), CastMode::Explicit, &context());
    assert!(shown(refused).contains("NUMERIC type to TIMESTAMP type is not allowed"));
    let day = Expr::literal(Value::Int(1), TypeKind::Date.not_null());
    assert!(shown(cast(day, &date, CastMode::Explicit, &context())).contains("cannot convert"));
}
