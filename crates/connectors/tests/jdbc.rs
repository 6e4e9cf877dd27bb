//! `jdbc` on a real server: upsert, append, delete, scan, and what is told when it cannot be.

mod support;

use expect_test::{Expect, expect};
use support::{Fixture, connect, spec, told, with};
use tailwater_connector_api::{
    Dialect, ErrorKind, Publication, ReadFrom, Sink, SinkContext, SinkFactory, TableSpec,
};
use tailwater_connectors::jdbc::{JdbcSinkFactory, JdbcSourceFactory};
use tailwater_types::{
    ChangeBatch, ChangelogMode, Datum, Layout, RowKind, RowWriter, Timestamp, TypeKind,
};

const ORDERS: &str = "CREATE TABLE orders (id int PRIMARY KEY, note text);";

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::Int), ("note", TypeKind::STRING)]
}

fn jdbc(db: &Fixture, columns: &[(&str, TypeKind)], key: &[usize]) -> TableSpec {
    let url = format!("jdbc:postgresql://127.0.0.1:{}/{}", db.cluster.port(), db.database);
    let options = [
        ("connector", "jdbc"),
        ("url", url.as_str()),
        ("table-name", "orders"),
        ("username", "postgres"),
        ("password", db.cluster.password()),
        ("driver", "org.postgresql.Driver"),
    ];
    spec(columns, key, &options)
}

async fn sink(spec: &TableSpec) -> Box<dyn Sink> {
    let plan = JdbcSinkFactory.plan(spec).expect("a plan");
    let connected = plan.connect(SinkContext::default()).await;
    connected.unwrap_or_else(|e| panic!("{e} {:?}", e.hint()))
}

fn batch(rows: &[(RowKind, i64, Option<&str>)]) -> ChangeBatch {
    let mut batch = ChangeBatch::default();
    for (kind, id, note) in rows {
        let note = note.map_or(Datum::Null, Datum::Str);
        batch.push_datums(*kind, &[Datum::Int(*id), note], &[Layout::Int, Layout::Str]);
    }
    batch
}

async fn table(db: &Fixture) -> String {
    db.text(
        "SELECT string_agg(id || '=' || coalesce(note, 'NULL'), ' ' ORDER BY id, note) FROM orders",
    )
    .await
}

#[tokio::test]
async fn a_keyed_sink_upserts_and_deletes_and_a_replay_changes_nothing() {
    let db = Fixture::new(ORDERS).await;
    let spec = jdbc(&db, &columns(), &[0]);
    let plan = JdbcSinkFactory.plan(&spec).unwrap();
    assert_eq!(
        (plan.accepts(), plan.publication()),
        (ChangelogMode::Upsert, Publication::Idempotent)
    );
    let mut sink = sink(&spec).await;
    use RowKind::{Delete, Insert, UpdateAfter};
    let first = batch(&[
        (Insert, 1, Some("a")),
        (Insert, 2, None),
        (UpdateAfter, 1, Some("b")),
        (Insert, 3, Some("c")),
        (Delete, 3, None),
    ]);
    sink.write(first.clone().into()).await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(table(&db).await, "1=b 2=NULL");
    let second = batch(&[(Delete, 1, None), (Insert, 4, Some("d")), (UpdateAfter, 2, Some("x"))]);
    for _ in 0..2 {
        sink.write(second.clone().into()).await.unwrap();
        sink.flush().await.unwrap();
        assert_eq!(table(&db).await, "2=x 4=d");
    }
    sink.write(batch(&[(Delete, 2, None), (Delete, 4, None)]).into()).await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(table(&db).await, "NULL");
}

#[tokio::test]
async fn a_sink_without_a_key_appends() {
    let db = Fixture::new("CREATE TABLE orders (id int, note text)").await;
    let spec = with(jdbc(&db, &columns(), &[]), &[("sink.buffer-flush.max-rows", "2")]);
    let plan = JdbcSinkFactory.plan(&spec).unwrap();
    assert_eq!(plan.accepts(), ChangelogMode::InsertOnly);
    let mut sink = sink(&spec).await;
    let rows = batch(&[(RowKind::Insert, 1, Some("a")), (RowKind::Insert, 1, Some("a"))]);
    sink.write(rows.clone().into()).await.unwrap();
    // As many rows as may wait are written at once.
    assert_eq!(table(&db).await, "1=a 1=a");
    sink.flush().await.unwrap();
    assert_eq!(table(&db).await, "1=a 1=a");
}

#[tokio::test]
async fn a_lost_connection_is_made_anew() {
    let db = Fixture::new(ORDERS).await;
    let mut sink = sink(&jdbc(&db, &columns(), &[0])).await;
    sink.write(batch(&[(RowKind::Insert, 1, Some("a"))]).into()).await.unwrap();
    db.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'tailwater' AND datname = current_database()",
    )
    .await;
    sink.flush().await.unwrap();
    assert_eq!(table(&db).await, "1=a");
}

#[tokio::test]
async fn a_refused_row_is_an_error_without_its_values_and_leaves_nothing() {
    let db = Fixture::new("CREATE TABLE orders (id int PRIMARY KEY, note varchar(3))").await;
    let mut sink = sink(&jdbc(&db, &columns(), &[0])).await;
    let rows = batch(&[(RowKind::Insert, 1, Some("ok")), (RowKind::Insert, 2, Some("secret"))]);
    sink.write(rows.clone().into()).await.unwrap();
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadData);
    expect![[r#"
        BadData: failed to write to table "orders": a value was refused (SQLSTATE 22001)
    "#]]
    .assert_eq(&told(&error, &[]));
    assert_eq!(table(&db).await, "NULL");
}

#[tokio::test]
async fn every_type_is_written_and_read_back() {
    let db = Fixture::new(
        "CREATE TYPE mood AS ENUM ('sad', 'ok');
         CREATE TABLE orders (id bigint PRIMARY KEY, b bool, s int, f real, d double precision,
           n numeric(12, 3), bin bytea, day date, t time, ts timestamp, tz timestamptz, u uuid,
           j jsonb, m mood, ints bigint[], texts text[], big numeric)",
    )
    .await;
    let decimal = |precision, scale| TypeKind::Decimal { precision, scale };
    let columns = [
        ("id", TypeKind::BigInt),
        ("b", TypeKind::Boolean),
        ("s", TypeKind::SmallInt),
        ("f", TypeKind::Float),
        ("d", TypeKind::Double),
        ("n", decimal(12, 3)),
        ("bin", TypeKind::BYTES),
        ("day", TypeKind::Date),
        ("t", TypeKind::Time(3)),
        ("ts", TypeKind::Timestamp(6)),
        ("tz", TypeKind::TimestampLtz(3)),
        ("u", TypeKind::STRING),
        ("j", TypeKind::STRING),
        ("m", TypeKind::STRING),
        ("ints", TypeKind::Array(Box::new(TypeKind::Int.nullable()))),
        ("texts", TypeKind::Array(Box::new(TypeKind::STRING.nullable()))),
        ("big", decimal(38, 10)),
    ];
    let spec = jdbc(&db, &columns, &[0]);
    let layouts: Vec<Layout> = columns.iter().map(|(_, k)| k.layout()).collect();
    let (mut ints, mut texts) = (Vec::new(), Vec::new());
    let mut writer = RowWriter::new(&mut ints, 2);
    writer.push(Datum::Int(-7), Layout::Int);
    writer.push(Datum::Null, Layout::Int);
    let mut writer = RowWriter::new(&mut texts, 1);
    writer.push(Datum::Str("a \"b\", \\c"), Layout::Str);
    let datums = [
        Datum::Int(1),
        Datum::Bool(true),
        Datum::Int(-3),
        Datum::Float(1.5),
        Datum::Double(-0.1),
        Datum::Decimal(-12_345),
        Datum::Bytes(&[0, 200]),
        Datum::Int(-1),
        Datum::Int(3_600_001),
        Datum::Timestamp(Timestamp::from_micros(-1)),
        Datum::Timestamp(Timestamp::from_millis(1_700_000_000_123)),
        Datum::Str("00112233-4455-6677-8899-aabbccddeeff"),
        Datum::Str("{\"a\": 1}"),
        Datum::Str("ok"),
        Datum::Array(tailwater_types::RowRef::new(&ints)),
        Datum::Array(tailwater_types::RowRef::new(&texts)),
        Datum::Decimal(-99_999_999_999_999_999_999_999_999_999_999_999_999),
    ];
    let mut batch = ChangeBatch::default();
    batch.push_datums(RowKind::Insert, &datums, &layouts);
    let nulls: Vec<_> = [Datum::Int(2)].into_iter().chain([Datum::Null; 16]).collect();
    batch.push_datums(RowKind::Insert, &nulls, &layouts);
    let mut sink = sink(&spec).await;
    sink.write(batch.clone().into()).await.unwrap();
    sink.flush().await.unwrap();
    let mut reading = connect(&JdbcSourceFactory, &spec, ReadFrom::default()).await.unwrap();
    let rows = reading.rows(99).await;
    let shown = |i: usize| {
        let types: Vec<_> = spec.columns.iter().map(|c| c.data_type.clone()).collect();
        support::show(RowKind::Insert, batch.row(i).1, &types)
    };
    assert_eq!(rows, [shown(0), shown(1)]);
    assert_eq!(db.text("SELECT texts[1] FROM orders WHERE id = 1").await, "a \"b\", \\c");
    assert!(reading.is_over);
}

#[tokio::test]
async fn a_partitioned_scan_reads_its_range() {
    let db = Fixture::new(ORDERS).await;
    db.sql("INSERT INTO orders SELECT g, 'x' FROM generate_series(1, 20000) g").await;
    let spec = jdbc(&db, &columns(), &[]);
    let mut reading = connect(&JdbcSourceFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(usize::MAX).await.len(), 20_000);
    let range = [
        ("scan.partition.column", "id"),
        ("scan.partition.num", "4"),
        ("scan.partition.lower-bound", "11"),
        ("scan.partition.upper-bound", "20"),
    ];
    let spec = with(spec, &range);
    let mut reading = connect(&JdbcSourceFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(usize::MAX).await.len(), 10);
}

async fn check(db: &Fixture, spec: &TableSpec, expected: Expect) {
    let plan = JdbcSinkFactory.plan(spec).expect("a plan");
    let error = plan.connect(SinkContext::default()).await.err().expect("an error");
    expected.assert_eq(&told(&error, &[&db.database]));
}

#[tokio::test]
async fn a_target_that_does_not_fit_is_told_with_the_statement_that_mends_it() {
    let db = Fixture::new("CREATE TABLE orders (id int, note text, n int)").await;
    let spec = jdbc(&db, &columns(), &[0]);
    check(
        &db,
        &with(spec.clone(), &[("table-name", "shop.items")]),
        expect![[r#"
            SchemaMismatch: table "shop.items" does not exist
            hint: CREATE TABLE "shop"."items" ("id" integer, "note" text, PRIMARY KEY ("id"));
        "#]],
    )
    .await;
    check(&db, &spec, expect![[r#"
        SchemaMismatch: table "public.orders" has no unique constraint on the declared primary key "id"
        hint: ALTER TABLE "public"."orders" ADD PRIMARY KEY ("id");
    "#]]).await;
    let wide = [("id", TypeKind::Int), ("price", TypeKind::Decimal { precision: 10, scale: 2 })];
    check(
        &db,
        &jdbc(&db, &wide, &[]),
        expect![[r#"
        SchemaMismatch: column "price" is not in table "public.orders"
        hint: ALTER TABLE "public"."orders" ADD COLUMN "price" numeric(10, 2);
    "#]],
    )
    .await;
    let wrong = [("id", TypeKind::Int), ("n", TypeKind::Timestamp(3))];
    check(&db, &jdbc(&db, &wrong, &[]), expect![[r#"
        SchemaMismatch: failed to prepare the statements of the sink: column "n" is of type integer but expression is of type timestamp without time zone (SQLSTATE 42804)
        hint: declare the column with the type that the table has, and CAST to it in the query
    "#]]).await;
    let role = format!("writer_{}", db.database);
    db.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'pw'; ALTER TABLE orders ADD UNIQUE (id)"))
        .await;
    let spec = with(spec, &[("username", &role), ("password", "pw")]);
    check(&db, &spec, expect![[r#"
        Denied: role "writer_..." lacks SELECT, INSERT, UPDATE, DELETE on table "public.orders"
        hint: as the owner: GRANT SELECT, INSERT, UPDATE, DELETE ON "public"."orders" TO "writer_...";
    "#]]).await;
}

#[tokio::test]
async fn options_that_cannot_be_are_told_at_once() {
    let db = Fixture::new("").await;
    let mut columns = columns().to_vec();
    columns.push(("m", TypeKind::Row(std::sync::Arc::new([]))));
    let spec = with(
        jdbc(&db, &columns, &[]),
        &[
            ("url", "jdbc:mysql://db/shop"),
            ("sink.max-retry", "3"),
            ("sink.buffer-flush.max-rows", "x"),
        ],
    );
    let Err(issues) = JdbcSinkFactory.plan(&spec) else { panic!("no issue") };
    let text: String = issues
        .iter()
        .map(|i| format!("{} ({})\n", i.message, i.hint_in(Dialect::Sql).as_deref().unwrap_or("-")))
        .collect();
    expect![[r#"
        unknown option "sink.max-retry" (did you mean "sink.max-retries"?)
        the database system "mysql" is not supported (only PostgreSQL is: jdbc:postgresql://host:port/database)
        "x" is not a value of option "sink.buffer-flush.max-rows" (expected: a whole number)
        a ROW<> cannot be written (CAST it to a type that PostgreSQL has)
    "#]].assert_eq(&text);
}
