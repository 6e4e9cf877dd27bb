//! Slots with `two_phase`: a transaction is told at its COMMIT PREPARED all the same.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::sync::Arc;

use support::{Fixture, LIMIT, Reading, at, connect, connect_as, with};
use tailwater_connector_api::{ErrorKind, SourceContext};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::{Cluster, wait_for};
use tailwater_types::{Position, TypeKind};

const TABLE: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, note text);
    ALTER TABLE orders REPLICA IDENTITY FULL; INSERT INTO orders VALUES (1, 'first')";

/// A job whose transactions are streamed if there is a directory for them.
async fn open(db: &Fixture, position: &Option<Position>, scratch: Option<&Path>) -> Reading {
    let columns = [("id", TypeKind::BigInt), ("note", TypeKind::STRING)];
    let spec = db.cdc(&columns, &[0]);
    let scratch = scratch.map(Path::to_owned);
    let context = SourceContext { scratch, ..SourceContext::default() };
    connect_as(&PostgresCdcFactory, &spec, at(position), context).await.unwrap()
}

/// Prepares a transaction; gives the places of the WAL in front of it and behind.
async fn prepared(db: &Fixture, gid: &str, statements: &str) -> [String; 2] {
    let place = "SELECT pg_current_wal_insert_lsn()::text";
    let before = db.text(place).await;
    db.sql(&format!("BEGIN; {statements}")).await;
    db.sql(&format!("PREPARE TRANSACTION '{gid}'")).await;
    [before, db.text(place).await]
}

/// Acknowledges everything; the server hears of it up to what is prepared between two places.
async fn acknowledge(db: &Fixture, reading: &mut Reading, [before, behind]: &[String; 2]) {
    let position = reading.position.clone().unwrap();
    let lsn = position.0.split(':').next().unwrap();
    assert_eq!(db.text(&format!("SELECT ('{lsn}'::pg_lsn > '{behind}')::text")).await, "true");
    reading.reader.acker.ack(&position);
    let is = |relation: &str, place: &str| {
        format!(
            "SELECT (confirmed_flush_lsn {relation} '{place}')::text FROM pg_replication_slots
             WHERE database = current_database()"
        )
    };
    let is_told = is(">=", before);
    let known = || async { (db.text(&is_told).await == "true").then_some(()) };
    wait_for("the acknowledgement", LIMIT, known).await;
    // 14 delivers everything at its commit, and keeps what is prepared until then.
    if db.cluster.version() >= 15 {
        assert_eq!(db.text(&is("<", behind)).await, "true");
    }
}

#[tokio::test]
async fn prepared_transactions_are_told_when_they_are_committed_over_restarts() {
    let cluster = Cluster::builder()
        .setting("logical_decoding_work_mem", "64kB")
        .setting("max_prepared_transactions", "10")
        .start();
    if cluster.version() < 14 {
        return;
    }
    let cluster = Arc::new(cluster);
    let directory = tempfile::tempdir().unwrap();
    for scratch in [None, Some(directory.path())] {
        let db = Fixture::on(Arc::clone(&cluster), TABLE).await;
        let make = "SELECT pg_create_logical_replication_slot('slot_' || current_database(), \
                    'pgoutput', false, true)";
        db.sql(make).await;
        let mut reading = open(&db, &None, scratch).await;
        assert_eq!(reading.rows(1).await, ["+I[1, first]"]);
        let many = |from: u32| {
            let to = from + 2999;
            format!(
                "INSERT INTO orders SELECT g, repeat('a', 30) FROM generate_series({from}, {to}) g"
            )
        };
        let kept = prepared(&db, "kept", "INSERT INTO orders VALUES (2, 'kept')").await;
        prepared(&db, "dropped", "INSERT INTO orders VALUES (3, 'dropped')").await;
        let large = prepared(&db, "large", &many(10_000)).await;
        prepared(&db, "large and dropped", &many(20_000)).await;
        prepared(&db, "empty", "SELECT pg_current_xact_id(); SELECT * FROM orders FOR UPDATE")
            .await;
        db.sql("COMMIT PREPARED 'empty'").await;
        db.sql("INSERT INTO orders VALUES (4, 'between')").await;
        assert_eq!(reading.rows(2).await[1], "+I[4, between]");
        // The server sends again only what is prepared behind the place that it knows.
        acknowledge(&db, &mut reading, &kept).await;
        let mut position = reading.position.clone();
        drop(reading);
        db.sql("ROLLBACK PREPARED 'dropped'").await;
        let mut reading = open(&db, &position, scratch).await;
        db.sql("COMMIT PREPARED 'kept'").await;
        assert_eq!(reading.rows(1).await, ["+I[2, kept]"]);
        acknowledge(&db, &mut reading, &large).await;
        position = reading.position.clone();
        drop(reading);
        db.sql("COMMIT PREPARED 'large'").await;
        let mut reading = open(&db, &position, scratch).await;
        db.sql("ROLLBACK PREPARED 'large and dropped'").await;
        db.sql("INSERT INTO orders VALUES (5, 'end')").await;
        let rows = reading.rows(3001).await;
        let expected: Vec<String> =
            (10_000..13_000).map(|id| format!("+I[{id}, {}]", "a".repeat(30))).collect();
        assert!(rows[..3000] == expected, "{:?} ...", &rows[..3]);
        assert_eq!(rows[3000], "+I[5, end]");
    }
}

#[tokio::test]
async fn a_job_does_not_begin_between_the_two_phases_of_what_another_reader_was_told() {
    let cluster = Cluster::builder().setting("max_prepared_transactions", "10").start();
    if cluster.version() < 15 {
        return;
    }
    let db = Fixture::on(Arc::new(cluster), TABLE).await;
    let name = format!("'slot_{}'", db.database);
    db.sql("CREATE PUBLICATION ours FOR TABLE orders").await;
    let make = format!("pg_create_logical_replication_slot({name}, 'pgoutput', false, true)");
    db.sql(&format!("SELECT {make}")).await;
    prepared(&db, "told", "INSERT INTO orders VALUES (2, 'elsewhere')").await;
    let other = format!(
        "SELECT count(*)::text FROM pg_logical_slot_get_binary_changes({name}, NULL, NULL,
         'proto_version', '3', 'two_phase', 'on', 'publication_names', 'ours')"
    );
    assert_ne!(db.text(&other).await, "0");
    let columns = [("id", TypeKind::BigInt), ("note", TypeKind::STRING)];
    let settings = [("debezium.publication.name", "ours")];
    let spec = with(db.cdc(&columns, &[0]), &settings);
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&None)).await.unwrap();
    let error = reading.error().await;
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.hint().unwrap().starts_with("COMMIT PREPARED 'told';"), "{error}");
    drop(reading);
    db.sql("COMMIT PREPARED 'told'").await;
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&None)).await.unwrap();
    let mut rows = reading.rows(2).await;
    rows.sort();
    assert_eq!(rows, ["+I[1, first]", "+I[2, elsewhere]"]);
}
