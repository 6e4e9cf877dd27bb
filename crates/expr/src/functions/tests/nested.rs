use super::*;
use crate::functions::field_access;

fn ints(items: &[Option<i64>]) -> Expr {
    let item = |n: &Option<i64>| n.map_or(null(TypeKind::Int), i);
    let mut args: Vec<Expr> = items.iter().map(item).collect();
    if args.is_empty() {
        args.push(i(0));
    }
    let mut array = call("ARRAY", args);
    if items.is_empty() {
        array = call("ARRAY_REMOVE", vec![array, i(0)]);
    }
    let column = TypeKind::Array(Box::new(TypeKind::Int.nullable())).nullable();
    let array = cast(array, &column, CastMode::Explicit, &context()).expect("a cast");
    Expr { data_type: column, ..array }
}

fn strings(items: &[Option<&str>]) -> Expr {
    let item = |t: &Option<&str>| t.map_or(null(TypeKind::STRING), v);
    let array = call("ARRAY", items.iter().map(item).collect());
    Expr { data_type: array.data_type.with_nullable(true), ..array }
}

#[test]
fn rows_arrays_and_maps_are_made_and_reached_into() {
    let row = call("ROW", vec![i(1), s("a")]);
    assert_eq!(
        shown(&row),
        "(1, a): ROW<`EXPR$0` INT NOT NULL, `EXPR$1` CHAR(1) NOT NULL> NOT NULL"
    );
    assert_eq!(shown(&field_access(row.clone(), 1)), "a: CHAR(1) NOT NULL");
    let mixed = call("ARRAY", vec![i(1), decimal("2.5", 2, 1)]);
    let map = || call("MAP", vec![i(1), s("x"), i(2), s("y")]);
    check(&[
        ("=", vec![row.clone(), row.clone()], "TRUE: BOOLEAN NOT NULL"),
        (
            "TYPEOF",
            vec![row],
            "ROW<`EXPR$0` INT NOT NULL, `EXPR$1` CHAR(1) NOT NULL> NOT NULL: STRING",
        ),
        ("ITEM", vec![mixed.clone(), i(2)], "2.5: DECIMAL(11, 1)"),
        ("ITEM", vec![mixed.clone(), i(5)], "NULL: DECIMAL(11, 1)"),
        ("ITEM", vec![map(), i(2)], "y: CHAR(1)"),
        ("ITEM", vec![map(), i(3)], "NULL: CHAR(1)"),
        ("ARRAY", vec![s("a"), null(TypeKind::Null)], "[a, NULL]: ARRAY<CHAR(1)> NOT NULL"),
        ("CARDINALITY", vec![map()], "2: INT NOT NULL"),
        ("ELEMENT", vec![call("ARRAY", vec![i(5)])], "5: INT NOT NULL"),
        ("IS NULL", vec![call("ROW", vec![null(TypeKind::Null)])], "FALSE: BOOLEAN NOT NULL"),
    ]);
    assert_eq!(shown(&mixed), "[1.0, 2.5]: ARRAY<DECIMAL(11, 1) NOT NULL> NOT NULL");
    assert_eq!(shown(&map()), "{1=x, 2=y}: MAP<INT NOT NULL, CHAR(1) NOT NULL> NOT NULL");
    assert_eq!(
        error("ITEM", vec![mixed.clone(), i(0)]),
        "Array element access needs an index starting at 1 but was 0."
    );
    assert_eq!(error("ELEMENT", vec![mixed]), "Array has more than one element.");
    let target = TypeKind::Array(Box::new(TypeKind::STRING.nullable())).nullable();
    let array = call("ARRAY", vec![i(1), i(2)]);
    let array = cast(array, &target, CastMode::Explicit, &context()).expect("a cast");
    assert_eq!(shown(&array), "[1, 2]: ARRAY<STRING> NOT NULL");
}

#[test]
fn array_functions_are_as_in_the_oracle() {
    let a = || ints(&[Some(1), Some(2), Some(2), Some(3)]);
    let n = || ints(&[Some(2), None]);
    let two = || call("ARRAY", vec![i(2), i(9)]);
    let list = |text: &str| format!("{text}: ARRAY<INT>");
    let same = |name: &str, args: Vec<Expr>, expected: &str| {
        assert_eq!(shown(&call(name, args)), list(expected), "{name}");
    };
    same("ARRAY_DISTINCT", vec![a()], "[1, 2, 3]");
    same("ARRAY_DISTINCT", vec![n()], "[2, NULL]");
    same("ARRAY_REMOVE", vec![a(), i(2)], "[1, 3]");
    same("ARRAY_REMOVE", vec![n(), i(2)], "[NULL]");
    same("ARRAY_REVERSE", vec![a()], "[3, 2, 2, 1]");
    same("ARRAY_SORT", vec![n()], "[NULL, 2]");
    same("ARRAY_SORT", vec![n(), b(false)], "[2, NULL]");
    same("ARRAY_SLICE", vec![a(), i(2), i(3)], "[2, 2]");
    same("ARRAY_SLICE", vec![a(), i(-2)], "[2, 3]");
    same("ARRAY_SLICE", vec![ints(&[]), i(2), i(3)], "[]");
    same("ARRAY_APPEND", vec![n(), i(7)], "[2, NULL, 7]");
    same("ARRAY_PREPEND", vec![n(), i(7)], "[7, 2, NULL]");
    same("ARRAY_CONCAT", vec![a(), call("ARRAY", vec![i(9)])], "[1, 2, 2, 3, 9]");
    same("ARRAY_UNION", vec![n(), two()], "[2, NULL, 9]");
    same("ARRAY_EXCEPT", vec![a(), call("ARRAY", vec![i(2)])], "[1, 3]");
    same("ARRAY_INTERSECT", vec![a(), call("ARRAY", vec![i(2), i(1)])], "[1, 2]");
    check(&[
        ("ARRAY_CONTAINS", vec![a(), i(2)], "TRUE: BOOLEAN"),
        ("ARRAY_POSITION", vec![a(), i(2)], "2: INT"),
        ("ARRAY_MAX", vec![n()], "2: INT"),
        ("ARRAY_MIN", vec![ints(&[])], "NULL: INT"),
        ("ARRAY_JOIN", vec![strings(&[Some("p"), None]), s(",")], "p: STRING"),
        ("ARRAY_JOIN", vec![strings(&[Some("p"), None]), s("|"), s("?")], "p|?: STRING"),
        ("SPLIT", vec![s("a,b,,c"), s(",")], "[a, b, , c]: ARRAY<STRING> NOT NULL"),
    ]);
}

#[test]
fn map_functions_are_as_in_the_oracle() {
    let m = || {
        let map = call("MAP", vec![v("a"), i(1), v("b"), i(2)]);
        Expr { data_type: map.data_type.with_nullable(true), ..map }
    };
    let z = call("MAP", vec![v("z"), i(26)]);
    let text = |name: &str, args| value(&call(name, args)).expect("a value");
    assert_eq!(text("MAP_KEYS", vec![m()]), "[a, b]");
    assert_eq!(text("MAP_VALUES", vec![m()]), "[1, 2]");
    assert_eq!(text("MAP_ENTRIES", vec![m()]), "[(a, 1), (b, 2)]");
    assert_eq!(text("MAP_UNION", vec![m(), z]), "{z=26, a=1, b=2}");
    let keys = strings(&[Some("x"), None]);
    let values = ints(&[Some(2), None]);
    assert_eq!(text("MAP_FROM_ARRAYS", vec![keys, values]), "{x=2, NULL=NULL}");
    check(&[
        ("STR_TO_MAP", vec![s("a=1,b=2")], "{a=1, b=2}: MAP<STRING, STRING>"),
        ("STR_TO_MAP", vec![s("a:1;b"), s(";"), s(":")], "{a=1, b=NULL}: MAP<STRING, STRING>"),
    ]);
}

#[test]
fn conditions_have_flinks_types() {
    let a = || Expr::literal(Value::Int(1), TypeKind::Int.nullable());
    let none = || null(TypeKind::Int);
    let test = || b(false);
    let bare = || null(TypeKind::Null);
    check(&[
        ("CASE", vec![test(), s("gt"), b(true), s("eq"), s("unk")], "eq: VARCHAR(3) NOT NULL"),
        ("CASE", vec![test(), s("one"), test(), s("two"), bare()], "NULL: CHAR(3)"),
        ("COALESCE", vec![none(), a(), i(-1)], "1: INT NOT NULL"),
        ("NULLIF", vec![a(), a()], "NULL: INT"),
        ("NULLIF", vec![a(), none()], "1: INT"),
        ("IFNULL", vec![null(TypeKind::STRING), s("none")], "none: STRING NOT NULL"),
        ("IF", vec![test(), a(), none()], "NULL: INT"),
        ("NOT", vec![test()], "TRUE: BOOLEAN NOT NULL"),
        ("AND", vec![test(), null(TypeKind::Boolean)], "FALSE: BOOLEAN"),
        ("OR", vec![test(), null(TypeKind::Boolean)], "NULL: BOOLEAN"),
        ("IS NOT FALSE", vec![null(TypeKind::Boolean)], "TRUE: BOOLEAN NOT NULL"),
        ("IS UNKNOWN", vec![null(TypeKind::Boolean)], "TRUE: BOOLEAN NOT NULL"),
    ]);
    assert!(error("CASE", vec![test(), i(1), s("x")]).starts_with("Illegal mixed types"));
}
