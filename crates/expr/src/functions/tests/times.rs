use super::*;

const ROWS: [&str; 5] = [
    "2024-01-31 23:59:59.999",
    "2024-02-29 00:00:00",
    "1969-12-31 23:00:00.001",
    "2023-12-31 12:30:45.5",
    "2021-01-03 00:00:00",
];

fn ts(text: &str) -> Expr {
    c(text, TypeKind::Timestamp(3))
}

fn day(text: &str) -> Expr {
    c(text, TypeKind::Date)
}

fn of_rows(name: &str, args: impl Fn(Expr) -> Vec<Expr>, expected: [&str; 5]) {
    let got: Vec<String> =
        ROWS.iter().map(|row| value(&call(name, args(ts(row)))).expect("a value")).collect();
    assert_eq!(got, expected, "{name}");
}

#[test]
fn fields_of_times_are_as_in_the_oracle() {
    let extract = |unit: &'static str, expected| of_rows("EXTRACT", |t| vec![s(unit), t], expected);
    of_rows("YEAR", |t| vec![t], ["2024", "2024", "1970", "2023", "2021"]);
    of_rows("QUARTER", |t| vec![t], ["1", "1", "1", "4", "1"]);
    of_rows("MONTH", |t| vec![t], ["1", "2", "1", "12", "1"]);
    of_rows("WEEK", |t| vec![t], ["5", "9", "1", "52", "53"]);
    of_rows("DAYOFYEAR", |t| vec![t], ["31", "60", "1", "365", "3"]);
    of_rows("DAYOFMONTH", |t| vec![t], ["31", "29", "1", "31", "3"]);
    of_rows("DAYOFWEEK", |t| vec![t], ["4", "5", "5", "1", "1"]);
    of_rows("HOUR", |t| vec![t], ["23", "0", "0", "12", "0"]);
    of_rows("MINUTE", |t| vec![t], ["59", "0", "-59", "30", "0"]);
    of_rows("SECOND", |t| vec![t], ["59", "0", "-59", "45", "0"]);
    extract("MILLISECOND", ["999", "0", "-999", "500", "0"]);
    extract("EPOCH", ["1706745599", "1709164800", "-3599", "1704025845", "1609632000"]);
    extract("ISODOW", ["3", "4", "4", "7", "7"]);
    extract("CENTURY", ["21", "21", "20", "21", "21"]);
    let dow = call("EXTRACT", vec![s("DOW"), day("1969-12-31")]);
    assert_eq!(shown(&dow), "4: BIGINT NOT NULL");
}

#[test]
fn times_are_rounded_as_in_the_oracle() {
    let floor = |unit: &'static str, third: &str, first: &str| {
        let got = |row: &str| value(&call("FLOOR", vec![ts(row), s(unit)])).expect("a value");
        assert_eq!(got(ROWS[0]), first, "FLOOR TO {unit}");
        assert_eq!(got(ROWS[2]), third, "FLOOR TO {unit}");
    };
    floor("YEAR", "1970-01-01 00:00:00.000", "2024-01-01 00:00:00.000");
    floor("MONTH", "1970-01-01 00:00:00.000", "2024-01-01 00:00:00.000");
    floor("DAY", "1969-12-31 00:00:00.000", "2024-01-31 00:00:00.000");
    floor("MINUTE", "1969-12-31 23:00:00.000", "2024-01-31 23:59:00.000");
    floor("WEEK", "1969-12-28 00:00:00.000", "2024-01-28 00:00:00.000");
    check(&[
        ("CEIL", vec![ts(ROWS[0]), s("DAY")], "2024-02-01 00:00:00.000: TIMESTAMP(3) NOT NULL"),
        ("CEIL", vec![ts(ROWS[1]), s("DAY")], "2024-02-29 00:00:00.000: TIMESTAMP(3) NOT NULL"),
        ("CEIL", vec![ts(ROWS[1]), s("MONTH")], "2024-03-01 00:00:00.000: TIMESTAMP(3) NOT NULL"),
        ("CEIL", vec![ts(ROWS[2]), s("MONTH")], "1970-01-01 00:00:00.000: TIMESTAMP(3) NOT NULL"),
        ("CEIL", vec![ts(ROWS[3]), s("HOUR")], "2023-12-31 13:00:00.000: TIMESTAMP(3) NOT NULL"),
        ("FLOOR", vec![day("1969-12-31"), s("MONTH")], "1969-12-01: DATE NOT NULL"),
        ("CEIL", vec![day("2023-12-31"), s("YEAR")], "2024-01-01: DATE NOT NULL"),
    ]);
}

#[test]
fn times_are_subtracted_as_in_the_oracle() {
    of_rows(
        "TIMESTAMPDIFF",
        |t| vec![s("DAY"), ts("2024-01-01 12:00:00"), t],
        ["30", "58", "-19723", "0", "-1093"],
    );
    of_rows(
        "TIMESTAMPDIFF",
        |t| vec![s("MONTH"), ts("2024-01-31 00:00:00"), t],
        ["0", "1", "-649", "-1", "-36"],
    );
    of_rows(
        "TIMESTAMPDIFF",
        |t| vec![s("SECOND"), t, ts("2024-01-01 00:00:00")],
        ["-2678399", "-5097600", "1704070799", "41354", "94435200"],
    );
    let years = |from: &str, expected: &str| {
        let args = vec![s("YEAR"), day(from), day("2030-06-15")];
        assert_eq!(shown(&call("TIMESTAMPDIFF", args)), expected);
    };
    years("2024-01-31", "6: INT NOT NULL");
    years("1969-12-31", "60: INT NOT NULL");
}

#[test]
fn times_are_moved_as_in_the_oracle() {
    let months = |n: i64| Expr::literal(Value::Int(n), TypeKind::IntervalYearMonth.not_null());
    let millis = |n: i64| Expr::literal(Value::Int(n), TypeKind::IntervalDayTime.not_null());
    check(&[
        (
            "TIMESTAMPADD",
            vec![s("MONTH"), i(1), ts(ROWS[0])],
            "2024-02-29 23:59:59.999: TIMESTAMP(3) NOT NULL",
        ),
        ("TIMESTAMPADD", vec![s("DAY"), i(-1), day("2024-01-31")], "2024-01-30: DATE NOT NULL"),
        (
            "TIMESTAMPADD",
            vec![s("QUARTER"), i(1), ts(ROWS[2])],
            "1970-03-31 23:00:00.001: TIMESTAMP(3) NOT NULL",
        ),
        ("TIMESTAMPADD", vec![s("WEEK"), i(2), day("2023-12-31")], "2024-01-14: DATE NOT NULL"),
        (
            "+",
            vec![ts(ROWS[0]), millis(86_400_000)],
            "2024-02-01 23:59:59.999: TIMESTAMP(3) NOT NULL",
        ),
        (
            "-",
            vec![ts(ROWS[0]), millis(131_400_000)],
            "2024-01-30 11:29:59.999: TIMESTAMP(3) NOT NULL",
        ),
        ("+", vec![day("2024-01-31"), months(13)], "2025-02-28: DATE NOT NULL"),
        ("-", vec![day("2024-03-31"), months(1)], "2024-02-29: DATE NOT NULL"),
        (
            "+",
            vec![c("2024-02-29 10:00:00", TypeKind::Timestamp(0)), months(12)],
            "2025-02-28 10:00:00: TIMESTAMP(0) NOT NULL",
        ),
        (
            "+",
            vec![c("23:30:00", TypeKind::Time(0)), millis(2_700_000)],
            "00:15:00: TIME(0) NOT NULL",
        ),
        (
            "+",
            vec![c("9999-12-31 23:59:59", TypeKind::Timestamp(0)), millis(86_400_000)],
            "0000-01-01 23:59:59: TIMESTAMP(0) NOT NULL",
        ),
        (
            "-",
            vec![c("0001-01-01 00:00:00", TypeKind::Timestamp(0)), millis(86_400_000)],
            "0000-12-31 00:00:00: TIMESTAMP(0) NOT NULL",
        ),
        (
            "OVERLAPS",
            vec![
                c("02:55:00", TypeKind::Time(0)),
                millis(3_600_000),
                c("03:30:00", TypeKind::Time(0)),
                millis(7_200_000),
            ],
            "TRUE: BOOLEAN NOT NULL",
        ),
    ]);
    let interval = |name: &str, args| value(&call(name, args)).expect("an interval");
    assert_eq!(interval("+", vec![millis(86_400_000), millis(7_200_000)]), "+1 02:00:00.000");
    assert_eq!(interval("*", vec![months(10), i(2)]), "+1-08");
    assert_eq!(
        interval("-", vec![ts("2024-03-01 00:00:00"), ts("2024-02-01 12:00:00")]),
        "+28 12:00:00.000"
    );
}

#[test]
fn times_become_text_and_back_as_in_the_oracle() {
    let seconds = |n: i64| Expr::literal(Value::Int(n), TypeKind::BigInt.nullable());
    check(&[
        ("DATE_FORMAT", vec![ts(ROWS[0]), s("yyyy-MM-dd")], "2024-01-31: STRING"),
        ("DATE_FORMAT", vec![s("2024-03-04 05:06:07"), s("MM/dd/yy HH")], "03/04/24 05: STRING"),
        ("FROM_UNIXTIME", vec![seconds(0)], "1970-01-01 00:00:00: STRING"),
        ("FROM_UNIXTIME", vec![seconds(-1)], "1969-12-31 23:59:59: STRING"),
        (
            "FROM_UNIXTIME",
            vec![seconds(253_402_300_799), s("yyyy/MM/dd HH:mm")],
            "9999/12/31 23:59: STRING",
        ),
        (
            "TO_TIMESTAMP_LTZ",
            vec![seconds(-1), i(0)],
            "1969-12-31 23:59:59.000: TIMESTAMP(3) WITH LOCAL TIME ZONE",
        ),
        (
            "TO_TIMESTAMP_LTZ",
            vec![seconds(123), i(3)],
            "1970-01-01 00:00:00.123: TIMESTAMP(3) WITH LOCAL TIME ZONE",
        ),
        (
            "TO_TIMESTAMP_LTZ",
            vec![seconds(999_999_999_999), i(0)],
            "NULL: TIMESTAMP(3) WITH LOCAL TIME ZONE",
        ),
        ("UNIX_TIMESTAMP", vec![v("2024-01-31 23:59:59.999")], "1706745599: BIGINT"),
        ("UNIX_TIMESTAMP", vec![s("2024/01/02"), s("yyyy/MM/dd")], "1704153600: BIGINT NOT NULL"),
        ("UNIX_TIMESTAMP", vec![], "1700000000: BIGINT NOT NULL"),
        ("TO_TIMESTAMP", vec![v("1970-01-01 00:00:00")], "1970-01-01 00:00:00.000: TIMESTAMP(3)"),
        (
            "TO_TIMESTAMP",
            vec![s("02.01.2024 03-04"), s("dd.MM.yyyy HH-mm")],
            "2024-01-02 03:04:00.000: TIMESTAMP(3)",
        ),
        ("TO_TIMESTAMP", vec![s("bad")], "NULL: TIMESTAMP(3)"),
        ("TO_DATE", vec![s("2024-05-06")], "2024-05-06: DATE"),
        ("TO_DATE", vec![s("06/05/2024"), s("dd/MM/yyyy")], "2024-05-06: DATE"),
        ("TO_DATE", vec![s("bad")], "NULL: DATE"),
        (
            "CONVERT_TZ",
            vec![s("1970-01-01 00:00:00"), s("UTC"), s("America/Los_Angeles")],
            "1969-12-31 16:00:00: STRING",
        ),
    ]);
}

#[test]
fn the_clock_is_the_epochs() {
    check(&[
        (
            "CURRENT_TIMESTAMP",
            vec![],
            "2023-11-14 22:13:20.123: TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL",
        ),
        ("LOCALTIMESTAMP", vec![], "2023-11-14 22:13:20.123: TIMESTAMP(3) NOT NULL"),
        ("CURRENT_DATE", vec![], "2023-11-14: DATE NOT NULL"),
        ("LOCALTIME", vec![], "22:13:20: TIME(0) NOT NULL"),
        ("PROCTIME", vec![], "2023-11-14 22:13:20.123: TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL"),
    ]);
    let shanghai = ResolveContext {
        time_zone: TimeZone::get("Asia/Shanghai").expect("a zone"),
        is_strict: true,
    };
    let local = resolve("CURRENT_DATE", vec![], &shanghai).expect("a call");
    assert_eq!(shown(&local), "2023-11-15: DATE NOT NULL");
    assert!(local.is_volatile());
}
