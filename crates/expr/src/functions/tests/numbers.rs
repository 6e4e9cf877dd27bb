use super::*;

fn big(text: &str) -> Expr {
    c(text, TypeKind::BigInt)
}

#[test]
fn arithmetic_has_flinks_types_and_overflows() {
    let small = || c("32767", TypeKind::SmallInt);
    check(&[
        ("+", vec![i(2_147_483_647), i(1)], "-2147483648: INT NOT NULL"),
        ("*", vec![i(2_147_483_647), i(2)], "-2: INT NOT NULL"),
        ("+", vec![big("9223372036854775807"), i(1)], "-9223372036854775808: BIGINT NOT NULL"),
        ("+", vec![small(), small()], "-2: SMALLINT NOT NULL"),
        ("/", vec![i(7), i(2)], "3: INT NOT NULL"),
        ("/", vec![i(-7), i(2)], "-3: INT NOT NULL"),
        ("MOD", vec![i(-7), i(3)], "-1: INT NOT NULL"),
        ("%", vec![i(7), i(-3)], "1: INT NOT NULL"),
        ("MOD", vec![decimal("5.5", 2, 1), i(2)], "1.5: DECIMAL(2, 1) NOT NULL"),
        ("+", vec![i(7), d(2.5)], "9.5: DOUBLE NOT NULL"),
        ("+", vec![i(7), decimal("2.5", 12, 4)], "9.5000: DECIMAL(15, 4) NOT NULL"),
        ("*", vec![decimal("0.908", 4, 3), big("302")], "274.216: DECIMAL(24, 3) NOT NULL"),
        ("/", vec![decimal("1", 10, 2), i(3)], "0.3333333333333: DECIMAL(21, 13) NOT NULL"),
        ("/", vec![d(1.0), i(0)], "Infinity: DOUBLE NOT NULL"),
        ("/", vec![d(0.0), i(0)], "NaN: DOUBLE NOT NULL"),
        ("+", vec![i(1), null(TypeKind::Int)], "NULL: INT"),
        ("NEGATE", vec![i(-2_147_483_648)], "-2147483648: INT NOT NULL"),
        ("-", vec![decimal("1.5", 2, 1)], "-1.5: DECIMAL(2, 1) NOT NULL"),
    ]);
    let most = || decimal("99999999999999999999999999999999999999", 38, 0);
    check(&[
        ("+", vec![most(), i(1)], "NULL: DECIMAL(38, 0) NOT NULL"),
        ("*", vec![most(), i(10)], "NULL: DECIMAL(38, 0) NOT NULL"),
    ]);
    assert_eq!(error("/", vec![i(1), i(0)]), "/ by zero");
    assert_eq!(error("MOD", vec![i(1), i(0)]), "/ by zero");
    assert_eq!(error("/", vec![decimal("1", 3, 1), i(0)]), "Division by zero");
    assert_eq!(
        error("+", vec![i(1), s("a")]),
        "Cannot apply '+' to arguments of type '<INTEGER> + <CHAR(1)>'"
    );
}

#[test]
fn rounding_is_as_in_the_oracle() {
    check(&[
        ("CEIL", vec![d(2.5)], "3.0: DOUBLE NOT NULL"),
        ("FLOOR", vec![d(-2.5)], "-3.0: DOUBLE NOT NULL"),
        ("CEIL", vec![decimal("0.0049", 12, 4)], "1: DECIMAL(12, 0) NOT NULL"),
        ("FLOOR", vec![decimal("-2.505", 12, 4)], "-3: DECIMAL(12, 0) NOT NULL"),
        ("ROUND", vec![d(-2.505), i(1)], "-2.5: DOUBLE NOT NULL"),
        ("ROUND", vec![d(-2.5)], "-3.0: DOUBLE NOT NULL"),
        ("ROUND", vec![d(1e18), i(1)], "1.0E18: DOUBLE NOT NULL"),
        ("ROUND", vec![d(1.005), i(2)], "1.01: DOUBLE NOT NULL"),
        ("ROUND", vec![decimal("-2.505", 12, 4), i(2)], "-2.51: DECIMAL(11, 2) NOT NULL"),
        ("ROUND", vec![decimal("123.4567", 12, 4), i(-1)], "120: DECIMAL(9, 0) NOT NULL"),
        ("ROUND", vec![decimal("2.5", 2, 1)], "3: DECIMAL(2, 0) NOT NULL"),
        ("ROUND", vec![decimal("1.005", 4, 3), i(2)], "1.01: DECIMAL(4, 2) NOT NULL"),
        ("ROUND", vec![i(125), i(-1)], "130: INT NOT NULL"),
        ("ROUND", vec![i(-7), i(-1)], "-10: INT NOT NULL"),
        ("TRUNCATE", vec![d(3.15159), i(1)], "3.1: DOUBLE NOT NULL"),
        ("TRUNCATE", vec![decimal("-2.505", 12, 4), i(2)], "-2.50: DECIMAL(11, 2) NOT NULL"),
        ("TRUNCATE", vec![i(125), i(-1)], "120: INT NOT NULL"),
        ("ABS", vec![i(-2_147_483_648)], "-2147483648: INT NOT NULL"),
        ("SIGN", vec![i(-7)], "-1: INT NOT NULL"),
        ("SIGN", vec![d(1e18)], "1.0: DOUBLE NOT NULL"),
    ]);
}

#[test]
fn functions_of_doubles_are_as_in_the_oracle() {
    let of = |name: &str, x: f64, expected: &str| {
        let got = shown(&call(name, vec![d(x)]));
        assert_eq!(got, format!("{expected}: DOUBLE NOT NULL"), "{name}({x})");
    };
    of("SQRT", 2.5, "1.5811388300841898");
    of("EXP", 0.25, "1.2840254166877414");
    of("EXP", -0.25, "0.7788007830714049");
    of("LN", 3.5, "1.252762968495368");
    of("LOG10", 3.5, "0.5440680443502757");
    of("LOG2", 3.5, "1.8073549220576042");
    of("SIN", 2.5, "0.5984721441039564");
    of("COS", 2.5, "-0.8011436155469337");
    of("TAN", 2.5, "-0.7470222972386603");
    of("COT", 3.5, "2.669616484968866");
    of("COT", 1.0, "0.6420926159343306");
    of("ATAN", 2.5, "1.1902899496825317");
    of("SINH", 0.25, "0.2526123168081683");
    of("DEGREES", 2.5, "143.2394487827058");
    of("RADIANS", 2.5, "0.04363323129985824");
    of("ASIN", 0.5, "0.5235987755982989");
    of("ACOS", 2.0, "NaN");
    of("LN", 0.0, "-Infinity");
    check(&[
        ("ATAN2", vec![d(2.5), i(2)], "0.8960553845713439: DOUBLE NOT NULL"),
        ("LOG", vec![i(2), d(3.5)], "1.8073549220576042: DOUBLE NOT NULL"),
        ("POWER", vec![i(2), decimal("0.5", 2, 1)], "1.4142135623730951: DOUBLE NOT NULL"),
        ("POWER", vec![i(0), i(0)], "1.0: DOUBLE NOT NULL"),
        ("PI", vec![], "3.141592653589793: DOUBLE NOT NULL"),
        ("E", vec![], "2.718281828459045: DOUBLE NOT NULL"),
    ]);
}

#[test]
fn comparison_brings_both_sides_to_one_type() {
    check(&[
        (">", vec![d(-2.5), decimal("-2.505", 12, 4)], "TRUE: BOOLEAN NOT NULL"),
        ("=", vec![i(7), decimal("7", 12, 4)], "TRUE: BOOLEAN NOT NULL"),
        ("=", vec![null(TypeKind::Int), null(TypeKind::Int)], "NULL: BOOLEAN"),
        ("<", vec![v("héλ"), v("ñ")], "TRUE: BOOLEAN"),
        ("=", vec![s("a"), v("a")], "TRUE: BOOLEAN"),
        ("=", vec![d(f64::NAN), d(f64::NAN)], "FALSE: BOOLEAN NOT NULL"),
        ("<>", vec![d(f64::NAN), d(f64::NAN)], "TRUE: BOOLEAN NOT NULL"),
        ("IS DISTINCT FROM", vec![i(1), null(TypeKind::Int)], "TRUE: BOOLEAN NOT NULL"),
        (
            "IS NOT DISTINCT FROM",
            vec![null(TypeKind::Int), null(TypeKind::Int)],
            "TRUE: BOOLEAN NOT NULL",
        ),
        ("=", vec![c("2024-01-02", TypeKind::Date), s("2024-01-02")], "TRUE: BOOLEAN NOT NULL"),
        ("GREATEST", vec![i(1), decimal("2.5", 2, 1), i(3)], "3.0: DECIMAL(11, 1) NOT NULL"),
        ("GREATEST", vec![i(1), null(TypeKind::Int)], "NULL: INT"),
        ("LEAST", vec![s("b"), s("a")], "a: CHAR(1) NOT NULL"),
    ]);
    assert_eq!(
        error(
            "<",
            vec![c("2024-01-01", TypeKind::Date), c("2024-01-01 00:00:01", TypeKind::Timestamp(0))]
        ),
        "Cannot apply '<' to arguments of type '<DATE> < <TIMESTAMP(0)>' (CAST one side to the type of the other)"
    );
    assert!(
        error("=", vec![v("1"), i(1)]).starts_with(
            "implicit type conversion between VARCHAR and INTEGER is not supported now"
        )
    );
}

#[test]
fn random_numbers_follow_javas_generator() {
    let bounded = call("RAND_INTEGER", vec![i(1), i(5)]);
    let drawn: Vec<String> = (0..5).map(|_| value(&bounded).expect("a number")).collect();
    assert_eq!(drawn, ["0", "3", "2", "3", "4"]);
    let seeded = call("RAND", vec![i(42)]);
    assert_eq!(shown(&seeded), "0.7275636800328681: DOUBLE NOT NULL");
    assert_eq!(shown(&call("CHAR_LENGTH", vec![call("UUID", vec![])])), "36: INT NOT NULL");
    assert!(seeded.is_volatile());
}
