//! What a declared type makes of a type of the database, from snapshot and stream in either format,
//! and what is said of values that it cannot hold.

mod support;

use expect_test::expect;
use futures_util::future::join_all;
use support::{Fixture, connect, with};
use tailwater_connector_api::{ErrorKind, ReadFrom};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_types::{Field, TypeKind};

fn array(element: TypeKind) -> TypeKind {
    TypeKind::Array(Box::new(element.nullable()))
}

fn row(fields: &[(&str, TypeKind)]) -> TypeKind {
    let field = |(name, kind): &(&str, TypeKind)| Field::new(*name, kind.clone().nullable());
    TypeKind::Row(fields.iter().map(field).collect())
}

fn decimal(precision: u8, scale: u8) -> TypeKind {
    TypeKind::Decimal { precision, scale }
}

const TYPES: &str = "CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('sad', 'very happy');
    CREATE TYPE inner_row AS (x int, tags text[]);
    CREATE TYPE outer_row AS (a int, b text, c inner_row, d money);";

/// Type, default, declared type.
fn columns() -> Vec<(&'static str, &'static str, TypeKind)> {
    let string_map =
        TypeKind::Map(Box::new(TypeKind::STRING.not_null()), Box::new(TypeKind::STRING.nullable()));
    let inner = row(&[("tags", array(TypeKind::STRING)), ("x", TypeKind::BigInt)]);
    vec![
        ("bit(1)", "B'1'", TypeKind::Boolean),
        ("bit(24)", "B'000000110000001000000001'", TypeKind::BYTES),
        ("varbit(9)", "B'100000001'", TypeKind::BYTES),
        ("bit(5)", "B'00000'", TypeKind::BYTES),
        ("money", "-1234.56", decimal(20, 2)),
        ("money", "1234.5", decimal(20, 4)),
        ("money", "1234.5", decimal(20, 1)),
        ("money", "1234.5", TypeKind::STRING),
        ("interval", "'1 year 2 mons 3 days 04:05:06.78'", TypeKind::BigInt),
        ("interval", "'-1 mons +2 days -00:00:01'", TypeKind::BigInt),
        ("interval", "'-1 mons +2 days -00:00:01'", TypeKind::STRING),
        ("xid8", "'42'", TypeKind::BigInt),
        ("oid", "4294967295", TypeKind::BigInt),
        ("hstore", "'a=>\"x \\\"y\\\"\", n=>NULL'", string_map),
        ("hstore", "'a=>\"x \\\"y\\\"\", n=>NULL'", TypeKind::STRING),
        ("point", "'(1.5,-2)'", row(&[("x", TypeKind::Double), ("y", TypeKind::Double)])),
        (
            "outer_row",
            "ROW(7, 'b \"q\"', ROW(8, ARRAY['t 1', NULL])::inner_row, 1.5)::outer_row",
            row(&[("b", TypeKind::STRING), ("c", inner), ("d", decimal(10, 2))]),
        ),
        ("outer_row", "ROW(7, NULL, NULL, NULL)::outer_row", row(&[("a", TypeKind::SmallInt)])),
        ("inner_row[]", "ARRAY[ROW(1, '{}')::inner_row]", array(row(&[("x", TypeKind::Int)]))),
        ("int[]", "'{{1,2},{3,NULL}}'", array(array(TypeKind::Int))),
        ("int[]", "'{}'", array(array(TypeKind::Int))),
        ("int[]", "'[0:1]={1,NULL}'", array(TypeKind::STRING)),
        ("numeric[]", "'{NaN,1.50}'", array(TypeKind::STRING)),
        ("mood[]", "'{\"very happy\",NULL}'", array(TypeKind::STRING)),
        ("timestamp[]", "'{\"2024-02-29 12:00:00.5\"}'", array(TypeKind::Timestamp(3))),
        ("date[]", "'{infinity,2024-02-29}'", array(TypeKind::STRING)),
        ("box[]", "'{(1,1),(0,0);(2,2),(1,1)}'", array(TypeKind::STRING)),
        ("hstore[]", "ARRAY['a=>b'::hstore]", array(TypeKind::STRING)),
        ("bool[]", "'{t,NULL}'", array(TypeKind::STRING)),
        ("bytea[]", "ARRAY['\\xff00'::bytea]", array(TypeKind::BYTES)),
        ("numeric", "'NaN'", TypeKind::Double),
        ("numeric", "12.50", TypeKind::STRING),
    ]
}

/// What a row of defaults reads as from the snapshot, and another one from the stream.
async fn read_defaults(columns: &[(&str, &str, TypeKind)]) -> (String, String) {
    let names: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
    let column = |(at, (kind, default, _)): (usize, &(&str, &str, TypeKind))| {
        format!("c{at} {kind} DEFAULT {default}")
    };
    let table: Vec<String> = columns.iter().enumerate().map(column).collect();
    let db = Fixture::new(&format!(
        "{TYPES} CREATE TABLE orders (id int PRIMARY KEY, {}); ALTER TABLE orders REPLICA \
         IDENTITY FULL; INSERT INTO orders VALUES (1)",
        table.join(", ")
    ))
    .await;
    let mut declared = vec![("id", TypeKind::Int)];
    declared.extend(names.iter().zip(columns).map(|(n, (_, _, kind))| (n.as_str(), kind.clone())));
    let spec = db.cdc(&declared, &[0]);
    let mut reading =
        connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.expect("a source");
    reading.rows(1).await;
    db.sql("INSERT INTO orders VALUES (2)").await;
    let rows = reading.rows(2).await;
    let fields = |row: &str| row.split_once(", ").map(|(_, rest)| rest.to_owned()).expect("fields");
    (fields(&rows[0]), fields(&rows[1]))
}

#[tokio::test]
async fn declared_types_read_the_same_from_snapshot_and_stream_in_both_formats() {
    let mut columns = columns();
    let (copied, streamed) = read_defaults(&columns).await;
    assert_eq!(copied, streamed);
    expect![[r#"true, [1, 2, 3], [1, 1], [], -123456d, 12345000d, 12345d, $1,234.50, 37091106780000, -2457001000000, -1 mons +2 days -00:00:01, 42, 4294967295, {a: x "y", n: NULL}, {"a":"x \"y\"","n":null}, (1.5, -2), (b "q", ([t 1, NULL], 8), 150d), (7), [(1)], [[1, 2], [3, NULL]], [], [1, NULL], [NaN, 1.50], [very happy, NULL], [1709208000500000us], [infinity, 2024-02-29], [(1,1),(0,0), (2,2),(1,1)], [{"a":"b"}], [true, NULL], [[255, 0]], NaN, 12.50]"#]].assert_eq(&copied);
    // Only the server knows the names behind a regclass: it makes the stream one of text.
    columns.push(("regclass", "'pg_class'", TypeKind::STRING));
    let (copied_beside, streamed_as_text) = read_defaults(&columns).await;
    assert_eq!(copied_beside, streamed_as_text);
    assert_eq!(copied_beside, copied.trim_end_matches(']').to_owned() + ", pg_class]");
}

/// The error of a row whose column `v` holds what its declared type does not.
async fn refusal(kind: &str, value: &str, declared: TypeKind) -> String {
    let sql = format!(
        "CREATE TABLE orders (id int PRIMARY KEY, v {kind}); ALTER TABLE orders REPLICA IDENTITY FULL;"
    );
    let db = Fixture::new(&sql).await;
    let spec = db.cdc(&[("id", TypeKind::Int), ("v", declared)], &[0]);
    let mut reading =
        connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.expect("a source");
    reading.step().await.expect("an empty snapshot");
    db.sql(&format!("INSERT INTO orders VALUES (1, {value})")).await;
    let streamed = reading.error().await;
    let spec = with(spec, &[("scan.startup.mode", "snapshot")]);
    let mut reading =
        connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.expect("a source");
    let copied = reading.error().await;
    assert_eq!(copied.kind(), ErrorKind::BadData);
    assert_eq!((copied.to_string(), copied.hint()), (streamed.to_string(), streamed.hint()));
    format!("{kind} {value}: {copied}\n  {}\n", copied.hint().unwrap_or_default())
}

#[tokio::test]
async fn a_value_without_a_place_in_the_declared_type_is_named() {
    let refusals = join_all([
        refusal("date", "'infinity'", TypeKind::Date),
        refusal("timestamp", "'-infinity'", TypeKind::Timestamp(3)),
        refusal("timestamptz", "'infinity'", TypeKind::TimestampLtz(3)),
        refusal("numeric", "'NaN'", decimal(10, 2)),
        refusal("numeric", "'-Infinity'", TypeKind::BigInt),
        refusal("int[]", "'{{1,2}}'", array(TypeKind::Int)),
        refusal("int[]", "'{1,2}'", array(array(TypeKind::Int))),
        refusal("varbit", "B'10'", TypeKind::Boolean),
        refusal("money", "0.01", decimal(10, 1)),
        refusal("interval", "'178000000 years'", TypeKind::BigInt),
        refusal("date[]", "'{infinity}'", array(TypeKind::Date)),
    ])
    .await;
    expect![[r#"
        date 'infinity': column "v" of table "public.orders" holds infinity, which DATE cannot hold
          declare the column as STRING, or keep infinities out of it with a CHECK
        timestamp '-infinity': column "v" of table "public.orders" holds infinity, which TIMESTAMP(3) cannot hold
          declare the column as STRING, or keep infinities out of it with a CHECK
        timestamptz 'infinity': column "v" of table "public.orders" holds infinity, which TIMESTAMP(3) WITH LOCAL TIME ZONE cannot hold
          declare the column as STRING, or keep infinities out of it with a CHECK
        numeric 'NaN': column "v" of table "public.orders" holds NaN, which DECIMAL(10, 2) cannot hold
          declare the column as DOUBLE or STRING, or keep NaN out of it with a CHECK
        numeric '-Infinity': column "v" of table "public.orders" holds infinity, which BIGINT cannot hold
          declare the column as STRING, or keep infinities out of it with a CHECK
        int[] '{{1,2}}': column "v" of table "public.orders" holds an array of dimension 2, which ARRAY<INT> cannot hold
          declare as many ARRAYs within each other as the arrays have dimensions, or a STRING
        int[] '{1,2}': column "v" of table "public.orders" holds an array of dimension 1, which ARRAY<ARRAY<INT>> cannot hold
          declare as many ARRAYs within each other as the arrays have dimensions, or a STRING
        varbit B'10': column "v" of table "public.orders" holds a value that is not a BOOLEAN
          declare the column wider, or as STRING
        money 0.01: column "v" of table "public.orders" holds a value that is not a DECIMAL(10, 1)
          declare the column wider, or as STRING
        interval '178000000 years': column "v" of table "public.orders" holds a value that is not a BIGINT
          declare the column wider, or as STRING
        date[] '{infinity}': column "v" of table "public.orders" holds infinity, which ARRAY<DATE> cannot hold
          declare the column as STRING, or keep infinities out of it with a CHECK
    "#]].assert_eq(&refusals.concat());
}
