//! `postgres-cdc` on a real server: snapshot, stream, restart, acknowledgement.

mod support;

use support::{Fixture, LIMIT, at, connect, folded, with};
use tailwater_connector_api::{ErrorKind, ReadFrom, TableColumn};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::{Cluster, wait_for};
use tailwater_types::{Position, TypeKind};

const ORDERS: &str = "CREATE TABLE orders (id int PRIMARY KEY, note text);
    ALTER TABLE orders REPLICA IDENTITY FULL;
    INSERT INTO orders VALUES (1, 'one'), (2, NULL);";

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::Int), ("note", TypeKind::STRING)]
}

#[tokio::test]
async fn a_snapshot_is_followed_by_every_change() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(2).await, ["+I[1, one]", "+I[2, NULL]"]);
    db.sql("INSERT INTO orders VALUES (3, 'three')").await;
    db.sql("BEGIN; UPDATE orders SET note = 'two' WHERE id = 2; DELETE FROM orders WHERE id = 1; COMMIT")
        .await;
    let rows = reading.rows(6).await;
    assert_eq!(&rows[2..], ["+I[3, three]", "-U[2, NULL]", "+U[2, two]", "-D[1, one]"]);
}

#[tokio::test]
async fn writers_that_straddle_the_snapshot_are_seen_exactly_once() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    // A first run makes the slot; what follows is in the slot, and partly in the next snapshot.
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    drop(reading);
    db.sql("INSERT INTO orders VALUES (10, 'before')").await;
    let open = db.cluster.connect(&db.database).await;
    open.batch_execute("BEGIN; INSERT INTO orders VALUES (11, 'straddles')").await.unwrap();
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    // The snapshot waits for the open transaction: it could be in neither otherwise.
    let commit = async {
        let sql = "SELECT count(*)::text FROM pg_stat_activity WHERE state LIKE 'idle in tr%' \
            AND application_name = 'tailwater' OR query LIKE 'ROLLBACK' AND datname = current_database()";
        wait_for("the snapshot to be tried", LIMIT, || async {
            (db.text(sql).await != "0").then_some(())
        })
        .await;
        open.batch_execute("INSERT INTO orders VALUES (12, 'late'); COMMIT").await.unwrap();
    };
    let (_, rows) = tokio::join!(commit, reading.rows(5));
    let mut sorted = rows.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        ["+I[1, one]", "+I[10, before]", "+I[11, straddles]", "+I[12, late]", "+I[2, NULL]"]
    );
    db.sql("INSERT INTO orders VALUES (13, 'after')").await;
    assert_eq!(reading.rows(6).await.last().unwrap(), "+I[13, after]");
}

/// Writers that never stop: the sum of snapshot and stream must be the table.
#[tokio::test]
async fn snapshot_and_stream_add_up_to_the_table_under_load() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut tasks = Vec::new();
    for n in 1..=3 {
        let client = db.cluster.connect(&db.database).await;
        tasks.push(tokio::spawn(async move {
            for i in 0..150 {
                let id = n * 1000 + i;
                let sql = format!(
                    "BEGIN; INSERT INTO orders VALUES ({id}, 'a'); \
                     UPDATE orders SET note = 'b' WHERE id = {id}; SELECT pg_sleep(0.002); COMMIT; \
                     DELETE FROM orders WHERE id = {id} AND id % 3 = 0"
                );
                client.batch_execute(&sql).await.unwrap();
            }
        }));
    }
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    for task in tasks {
        task.await.unwrap();
    }
    db.sql("INSERT INTO orders VALUES (99999, 'end')").await;
    while reading.rows.last().map(String::as_str) != Some("+I[99999, end]") {
        reading.step().await.unwrap();
    }
    let state = folded(&reading.rows);
    let sql = "SELECT count(*)::text FROM orders";
    assert_eq!(state.len().to_string(), db.text(sql).await);
    // From the snapshot's end and from places soon behind it the same comes again; from a place
    // before its end the table is read anew.
    let (whole, cuts) = (reading.rows.clone(), reading.cuts.clone());
    drop(reading);
    for (count, position) in cuts.into_iter().take(4) {
        let is_unread = position.0.contains("\"done\":[]");
        let mut again = connect(&PostgresCdcFactory, &spec, at(&Some(position))).await.unwrap();
        if is_unread {
            assert_eq!(count, 0);
            again.rows(state.len()).await;
            assert_eq!(folded(&again.rows), state);
        } else {
            assert_eq!(again.rows(whole.len() - count).await, whole[count..]);
        }
    }
}

#[tokio::test]
async fn a_restart_from_any_position_gives_neither_loss_nor_duplicates() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    for i in 0..6 {
        db.sql(&format!(
            "INSERT INTO orders SELECT {i} * 10 + g, 'x' FROM generate_series(100, 104) g"
        ))
        .await;
        reading.rows(2 + 5 * (i + 1)).await;
    }
    let whole = reading.rows.clone();
    let cuts = reading.cuts.clone();
    drop(reading);
    assert!(cuts.len() >= 7);
    for (count, position) in cuts {
        let mut again = connect(&PostgresCdcFactory, &spec, at(&Some(position))).await.unwrap();
        assert_eq!(again.rows(32 - count).await, whole[count..]);
    }
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_transaction_skips_the_rows_already_delivered() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    db.sql("INSERT INTO orders SELECT g, 'x' FROM generate_series(3, 150000) g").await;
    let whole = reading.rows(150_000).await;
    let (count, middle) = reading.cuts.iter().find(|(count, _)| *count > 2).unwrap().clone();
    assert!(count < 150_000 && !middle.0.contains(":0"), "{middle}");
    drop(reading);
    let from = ReadFrom { position: Some(middle.clone()), stops: Vec::new() };
    let mut again = connect(&PostgresCdcFactory, &spec, from).await.unwrap();
    assert_eq!(again.rows(150_000 - count).await, whole[count..]);
}

#[tokio::test]
async fn a_batch_ends_exactly_at_each_wanted_place() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    let start = reading.position.clone();
    for i in 3..8 {
        db.sql(&format!("INSERT INTO orders VALUES ({i}, 'x')")).await;
        reading.rows(i).await;
    }
    let stops: Vec<(usize, Position)> =
        reading.cuts.iter().filter(|(n, _)| *n > 2).cloned().collect();
    drop(reading);
    let from = ReadFrom { position: start, stops: stops.iter().map(|(_, p)| p.clone()).collect() };
    let mut again = connect(&PostgresCdcFactory, &spec, from).await.unwrap();
    again.rows(5).await;
    for (count, stop) in stops {
        assert!(again.cuts.contains(&(count - 2, stop.clone())), "{stop} {:?}", again.cuts);
    }
}

#[tokio::test]
async fn only_an_acknowledgement_moves_the_slot() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    let sql = format!(
        "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = 'slot_{}'",
        db.database
    );
    let before = db.text(&sql).await;
    db.sql("INSERT INTO orders VALUES (3, 'x')").await;
    reading.rows(3).await;
    // Several status updates later the slot stands where it stood.
    for _ in 0..3 {
        db.settle(&mut reading).await;
    }
    assert_eq!(db.text(&sql).await, before);
    let position = reading.position.clone().unwrap();
    reading.reader.acker.ack(&position);
    let lsn = position.0.split(':').next().unwrap().to_owned();
    wait_for("the slot to move", LIMIT, || async { (db.text(&sql).await == lsn).then_some(()) })
        .await;
    // An idle table does not hold the WAL back: its place moves with the server's.
    let sql_now = format!(
        "SELECT (confirmed_flush_lsn > '{lsn}')::text FROM pg_replication_slots \
        WHERE slot_name = 'slot_{}'",
        db.database
    );
    db.sql("CREATE TABLE other AS SELECT generate_series(1, 1000)").await;
    for _ in 0..100 {
        db.settle(&mut reading).await;
        let position = reading.position.clone().unwrap();
        reading.reader.acker.ack(&position);
        if db.text(&sql_now).await == "true" {
            return;
        }
    }
    panic!("the slot of an idle table does not move");
}

#[tokio::test]
async fn upsert_mode_needs_no_old_rows_and_splits_a_change_of_the_key() {
    let db = Fixture::new(
        "CREATE TABLE orders (id int PRIMARY KEY, note text, big text);
         ALTER TABLE orders ALTER COLUMN big SET STORAGE EXTERNAL;
         INSERT INTO orders VALUES (1, 'one', 'b')",
    )
    .await;
    let spec = db.cdc(&columns(), &[0]);
    let spec = with(spec, &[("changelog-mode", "upsert")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(1).await, ["+I[1, one]"]);
    db.sql("UPDATE orders SET note = 'two'").await;
    db.sql("UPDATE orders SET id = 7").await;
    db.sql("DELETE FROM orders").await;
    let rows = reading.rows(5).await;
    assert_eq!(rows[1..], ["+U[1, two]", "-D[1, NULL]", "+I[7, two]", "-D[7, NULL]"]);
}

#[tokio::test]
async fn a_value_that_an_update_did_not_touch_comes_from_the_old_row_or_is_an_error() {
    let db = Fixture::new(
        "CREATE TABLE orders (id int PRIMARY KEY, note text, n int);
         ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL;
         ALTER TABLE orders REPLICA IDENTITY FULL;
         INSERT INTO orders VALUES (1, repeat('x', 10000), 1)",
    )
    .await;
    let columns = [("id", TypeKind::Int), ("note", TypeKind::STRING), ("n", TypeKind::BigInt)];
    let spec = db.cdc(&columns, &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    db.sql("UPDATE orders SET n = 2").await;
    let rows = reading.rows(3).await;
    assert_eq!(rows[1..], ["-U[1, 10000 bytes, 1]", "+U[1, 10000 bytes, 2]"]);
    drop(reading);
    db.sql("ALTER TABLE orders REPLICA IDENTITY DEFAULT").await;
    let spec = with(spec, &[("changelog-mode", "upsert")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    db.sql("UPDATE orders SET n = 3").await;
    // The job knows the old row: it is told that the value is the same.
    assert_eq!(reading.rows(2).await[1], "+U[1, unchanged, 3]");
    drop(reading);
    let append =
        [("changelog-mode", "all"), ("scan.read-changelog-as-append-only.enabled", "true")];
    db.sql("ALTER TABLE orders REPLICA IDENTITY FULL").await;
    let mut reading =
        connect(&PostgresCdcFactory, &with(spec, &append), ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    db.sql("ALTER TABLE orders REPLICA IDENTITY DEFAULT; UPDATE orders SET n = 4").await;
    let error = reading.error().await;
    assert_eq!(error.hint(), Some("ALTER TABLE \"public\".\"orders\" REPLICA IDENTITY FULL;"));
}

#[tokio::test]
async fn a_truncate_is_an_error_where_the_user_says_so() {
    let db = Fixture::new(ORDERS).await;
    let spec = with(db.cdc(&columns(), &[0]), &[("debezium.skipped.operations", "none")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    db.sql("TRUNCATE orders").await;
    assert_eq!(reading.error().await.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_bounded_snapshot_ends_and_makes_no_slot() {
    let db = Fixture::new(ORDERS).await;
    let spec = with(db.cdc(&columns(), &[0]), &[("scan.startup.mode", "snapshot")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(99).await.len(), 2);
    assert!(reading.is_over);
    let sql = "SELECT count(*)::text FROM pg_replication_slots WHERE database = current_database()";
    assert_eq!(db.text(sql).await, "0");
}

#[tokio::test]
async fn metadata_columns_tell_of_the_change() {
    let db = Fixture::new(ORDERS).await;
    let mut spec = db.cdc(&[("id", TypeKind::Int)], &[0]);
    for (name, kind) in [
        ("table_name", TypeKind::STRING),
        ("schema_name", TypeKind::STRING),
        ("op_ts", TypeKind::TimestampLtz(3)),
        ("row_kind", TypeKind::STRING),
    ] {
        spec.columns.push(TableColumn {
            name: format!("my_{name}"),
            data_type: kind.nullable(),
            metadata: Some(name.to_owned()),
        });
    }
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(2).await[0], "+I[1, orders, public, 0us, +I]");
    db.sql("DELETE FROM orders WHERE id = 1").await;
    let row = reading.rows(3).await[2].clone();
    assert!(row.starts_with("-D[1, orders, public, 1") && row.ends_with("000us, -D]"), "{row}");
}

const TYPES: &str = "CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE DOMAIN cents AS numeric(12, 2);
    CREATE TABLE orders (id bigint PRIMARY KEY, b bool, s smallint, f real, d double precision,
      n numeric(10, 3), c cents, bin bytea, day date, t time(3), ts timestamp, tz timestamptz,
      u uuid, j json, jb jsonb, m mood, ints int[], texts text[], bp char(4));
    ALTER TABLE orders REPLICA IDENTITY FULL;";
const VALUES: &str = "(true, -5, 1.5, -2.25, 12345.678, 0.07, '\\x00ff', '2024-02-29',
      '23:59:59.125', '2024-02-29 12:00:00.123456', '1969-12-31 23:59:59+00',
      '00112233-4455-6677-8899-aabbccddeeff', '{\"a\": 1}', '{\"b\": [1, 2]}', 'ok', '{1,NULL,3}',
      '{\"x y\",NULL}', 'ab')";

fn typed_columns() -> Vec<(&'static str, TypeKind)> {
    let decimal = |precision, scale| TypeKind::Decimal { precision, scale };
    vec![
        ("id", TypeKind::BigInt),
        ("b", TypeKind::Boolean),
        ("s", TypeKind::Int),
        ("f", TypeKind::Float),
        ("d", TypeKind::Double),
        ("n", decimal(10, 3)),
        ("c", decimal(20, 2)),
        ("bin", TypeKind::BYTES),
        ("day", TypeKind::Date),
        ("t", TypeKind::Time(3)),
        ("ts", TypeKind::Timestamp(3)),
        ("tz", TypeKind::TimestampLtz(6)),
        ("u", TypeKind::STRING),
        ("j", TypeKind::STRING),
        ("jb", TypeKind::STRING),
        ("m", TypeKind::STRING),
        ("ints", TypeKind::Array(Box::new(TypeKind::BigInt.nullable()))),
        ("texts", TypeKind::Array(Box::new(TypeKind::STRING.nullable()))),
        ("bp", TypeKind::STRING),
    ]
}

#[tokio::test]
async fn every_common_type_reads_the_same_from_snapshot_and_stream_in_both_formats() {
    let values = VALUES.trim_start_matches('(');
    let expected = "true, -5, 1.5, -2.25, 12345678d, 7d, [0, 255], 19782, 86399125, \
        1709208000123000us, -1000000us, 00112233-4455-6677-8899-aabbccddeeff, {\"a\": 1}, \
        {\"b\": [1, 2]}, ok, [1, NULL, 3], [x y, NULL], ab  ]";
    // A column that only the server can print makes the stream one of text.
    for extra in [None, Some(("rel", TypeKind::STRING))] {
        let db = Fixture::new(TYPES).await;
        db.sql("ALTER TABLE orders ADD rel regclass DEFAULT 'pg_class'").await;
        let insert = |id: i32| format!("INSERT INTO orders VALUES ({id}, {values}");
        db.sql(&insert(1)).await;
        let mut columns = typed_columns();
        columns.extend(extra.clone());
        let spec = db.cdc(&columns, &[0]);
        let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
        reading.rows(1).await;
        db.sql(&insert(2)).await;
        let rows = reading.rows(2).await;
        let tail = if extra.is_some() {
            expected.replace("ab  ]", "ab  , pg_class]")
        } else {
            expected.to_owned()
        };
        assert_eq!(rows, [format!("+I[1, {tail}"), format!("+I[2, {tail}")]);
    }
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_an_error_without_the_value() {
    let db = Fixture::new(
        "CREATE TABLE orders (id int PRIMARY KEY, n numeric); ALTER TABLE orders REPLICA IDENTITY FULL;",
    )
    .await;
    let columns = [("id", TypeKind::Int), ("n", TypeKind::Decimal { precision: 5, scale: 2 })];
    let spec = db.cdc(&columns, &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.step().await.unwrap();
    db.sql("INSERT INTO orders VALUES (1, 123.45)").await;
    assert_eq!(reading.rows(1).await, ["+I[1, 12345d]"]);
    db.sql("INSERT INTO orders VALUES (2, 98765.4)").await;
    let error = reading.error().await;
    assert_eq!(error.kind(), ErrorKind::BadData);
    assert_eq!(
        error.to_string(),
        "column \"n\" of table \"public.orders\" holds a value that is not a DECIMAL(5, 2)"
    );
}

#[tokio::test]
async fn a_stalled_consumer_does_not_lose_the_connection() {
    let cluster = Cluster::builder().setting("wal_sender_timeout", "2s").start();
    let db = Fixture::on(std::sync::Arc::new(cluster), ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    db.sql("INSERT INTO orders SELECT g, repeat('x', 300) FROM generate_series(3, 100000) g").await;
    reading.rows(3).await;
    let begun = db.text("SELECT now()::text").await;
    let sql = format!("SELECT (now() > '{begun}'::timestamptz + '4 s'::interval)::text");
    wait_for("twice the timeout", LIMIT, || async {
        (db.text(&sql).await == "true").then_some(())
    })
    .await;
    assert_eq!(reading.rows(100_000).await.len(), 100_000);
    db.sql("INSERT INTO orders VALUES (0, 'alive')").await;
    assert_eq!(reading.rows(100_001).await.last().unwrap(), "+I[0, alive]");
}

#[tokio::test]
async fn other_startup_modes_begin_at_the_slot_or_now() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let latest = with(spec.clone(), &[("scan.startup.mode", "latest-offset")]);
    let committed = with(spec, &[("scan.startup.mode", "committed-offset")]);
    let mut reading = connect(&PostgresCdcFactory, &latest, ReadFrom::default()).await.unwrap();
    db.settle(&mut reading).await;
    db.sql("INSERT INTO orders VALUES (3, 'x')").await;
    assert_eq!(reading.rows(1).await, ["+I[3, x]"]);
    drop(reading);
    let mut reading = connect(&PostgresCdcFactory, &committed, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(1).await, ["+I[3, x]"]);
    drop(reading);
    let mut reading = connect(&PostgresCdcFactory, &latest, ReadFrom::default()).await.unwrap();
    db.settle(&mut reading).await;
    db.sql("INSERT INTO orders VALUES (4, 'y')").await;
    assert_eq!(reading.rows(1).await, ["+I[4, y]"]);
}

#[tokio::test]
async fn a_partitioned_table_reads_as_one() {
    let db = Fixture::new(
        "CREATE TABLE orders (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF orders FOR VALUES FROM (0) TO (10);
         CREATE TABLE high PARTITION OF orders FOR VALUES FROM (10) TO (20);
         ALTER TABLE low REPLICA IDENTITY FULL;
         INSERT INTO orders VALUES (1, 'a'), (11, 'b');",
    )
    .await;
    let spec = db.cdc(&columns(), &[]);
    let error = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.err().unwrap();
    assert!(error.hint().unwrap().starts_with("ALTER TABLE public.high REPLICA IDENTITY FULL;"));
    db.sql("ALTER TABLE high REPLICA IDENTITY FULL").await;
    // Changes come in the name of the whole table, and as whole as it says.
    let error = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.err().unwrap();
    let root = "ALTER TABLE \"public\".\"orders\" REPLICA IDENTITY FULL;";
    assert!(error.hint().unwrap().starts_with(root));
    db.sql("ALTER TABLE orders REPLICA IDENTITY FULL").await;
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    db.sql("UPDATE orders SET id = 12 WHERE id = 2 OR id = 1").await;
    let rows = reading.rows(4).await;
    assert_eq!(rows[2..], ["-D[1, a]", "+I[12, a]"]);
    db.sql("UPDATE orders SET note = 'c' WHERE id = 12").await;
    let rows = reading.rows(6).await;
    assert_eq!(rows[4..], ["-U[12, a]", "+U[12, c]"]);
    drop(reading);
    // A declared key does without.
    db.sql("ALTER TABLE orders REPLICA IDENTITY DEFAULT").await;
    let keyed = with(db.cdc(&columns(), &[0]), &[("slot.name", &format!("keyed_{}", db.database))]);
    let mut reading = connect(&PostgresCdcFactory, &keyed, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    db.sql("UPDATE orders SET note = 'd' WHERE id = 12").await;
    assert_eq!(reading.rows(3).await[2..], ["+U[12, d]"]);
}

#[tokio::test]
async fn an_append_only_read_keeps_the_kind_in_the_metadata() {
    let db = Fixture::new(ORDERS).await;
    let mut spec = db.cdc(&[("id", TypeKind::Int)], &[0]);
    spec.columns.push(TableColumn {
        name: "row_kind".to_owned(),
        data_type: TypeKind::STRING.not_null(),
        metadata: Some("row_kind".to_owned()),
    });
    let spec = with(spec, &[("scan.read-changelog-as-append-only.enabled", "true")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    db.sql("DELETE FROM orders WHERE id = 1; UPDATE orders SET id = 5 WHERE id = 2").await;
    let rows = reading.rows(5).await;
    assert_eq!(rows[2..], ["+I[1, -D]", "+I[2, -U]", "+I[5, +U]"]);
}
