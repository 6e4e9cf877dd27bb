//! Each precondition of `postgres-cdc` that fails, and what the user is told.

mod support;

use expect_test::{Expect, expect};
use support::{Fixture, at, connect, told, with};
use tailwater_connector_api::{ReadFrom, SourceFactory, TableSpec};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::Cluster;
use tailwater_types::{Position, TypeKind};

const ORDERS: &str = "CREATE TABLE orders (id int PRIMARY KEY, note text, place point);
    ALTER TABLE orders REPLICA IDENTITY FULL;";

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::Int), ("note", TypeKind::STRING)]
}

async fn check(db: &Fixture, spec: &TableSpec, from: ReadFrom, expected: Expect) {
    let error = match connect(&PostgresCdcFactory, spec, from).await {
        Err(error) => error,
        Ok(mut reading) => reading.error().await,
    };
    let port = db.cluster.port().to_string();
    expected.assert_eq(&told(&error, &[&port, &db.database]));
}

fn issues(spec: &TableSpec) -> String {
    let Err(issues) = PostgresCdcFactory.plan(spec) else {
        return "no issue".to_owned();
    };
    let line = |i: &tailwater_connector_api::TableIssue| {
        format!("{} ({})\n", i.message, i.hint.as_deref().unwrap_or("-"))
    };
    issues.iter().map(line).collect()
}

#[tokio::test]
async fn every_wrong_option_is_told_at_once() {
    let db = Fixture::new("").await;
    let spec = with(
        db.cdc(&columns(), &[]),
        &[
            ("hostnam", "x"),
            ("port", "many"),
            ("scan.startup.mode", "earliest-offset"),
            ("slot.name", "Bad-Slot"),
            ("changelog-mode", "upsert"),
            ("username", ""),
            ("debezium.snapshot.mode", "initial"),
        ],
    );
    expect![[r#"
        unknown option "hostnam" (did you mean "hostname"?)
        "many" is not a value of option "port" (expected: a number from 1 to 65535)
        required option "username" is missing (-)
        "Bad-Slot" is not a value of option "slot.name" (expected: at most 63 lowercase letters, digits and underscores)
        mode "upsert" needs a primary key (declare PRIMARY KEY (...) NOT ENFORCED in the table)
        "earliest-offset" is not a value of option "scan.startup.mode" (expected: initial, latest-offset, committed-offset, snapshot)
    "#]]
    .assert_eq(&issues(&spec));
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_or_refuses_us_is_named() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let nobody = with(spec.clone(), &[("port", "1")]);
    check(&db, &nobody, ReadFrom::default(), expect![[]]).await;
    let wrong = with(spec.clone(), &[("password", "wrong")]);
    check(&db, &wrong, ReadFrom::default(), expect![[]]).await;
    let nowhere = with(spec, &[("database-name", "nowhere")]);
    check(&db, &nowhere, ReadFrom::default(), expect![[]]).await;
}

#[tokio::test]
async fn a_server_without_logical_wal_is_told_how_to_write_it() {
    let cluster = Cluster::builder().setting("wal_level", "replica").start();
    let db = Fixture::on(std::sync::Arc::new(cluster), ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
}

#[tokio::test]
async fn a_server_without_a_free_slot_is_told_how_to_get_one() {
    let cluster = Cluster::builder()
        .setting("max_replication_slots", "1")
        .start();
    let db = Fixture::on(std::sync::Arc::new(cluster), ORDERS).await;
    db.sql("SELECT pg_create_physical_replication_slot('other')")
        .await;
    let spec = db.cdc(&columns(), &[0]);
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
}

#[tokio::test]
async fn a_missing_table_or_column_is_told_with_its_neighbour() {
    let db = Fixture::new(ORDERS).await;
    let spec = with(db.cdc(&columns(), &[0]), &[("table-name", "order")]);
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    let spec = with(db.cdc(&columns(), &[0]), &[("schema-name", "shop")]);
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    let spec = db.cdc(&[("id", TypeKind::Int), ("notes", TypeKind::STRING)], &[0]);
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    let spec = db.cdc(&[("id", TypeKind::Int), ("place", TypeKind::Double)], &[0]);
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
}

#[tokio::test]
async fn a_role_that_may_not_is_told_what_to_be_granted() {
    let db = Fixture::new(ORDERS).await;
    let role = format!("plain_{}", db.database);
    db.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'pw'"))
        .await;
    let spec = with(
        db.cdc(&columns(), &[0]),
        &[("username", &role), ("password", "pw")],
    );
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    db.sql(&format!("ALTER ROLE {role} REPLICATION")).await;
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    db.sql(&format!("GRANT SELECT ON orders TO {role}")).await;
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    // A publication that the owner has made is all that is missing.
    db.sql("CREATE PUBLICATION made FOR TABLE orders; INSERT INTO orders VALUES (1)")
        .await;
    let spec = with(spec, &[("debezium.publication.name", "made")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default())
        .await
        .unwrap();
    assert_eq!(reading.rows(1).await, ["+I[1, NULL]"]);
}

#[tokio::test]
async fn a_replica_identity_that_does_not_serve_is_told_with_both_ways_out() {
    let db = Fixture::new("CREATE TABLE orders (id int PRIMARY KEY, note text)").await;
    let spec = db.cdc(&columns(), &[0]);
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    let spec = with(db.cdc(&columns(), &[1]), &[("changelog-mode", "upsert")]);
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
}

#[tokio::test]
async fn a_publication_that_does_not_serve_is_told() {
    let db = Fixture::new(ORDERS).await;
    let options = [
        ("debezium.publication.name", "mine"),
        ("debezium.publication.autocreate.mode", "disabled"),
    ];
    let spec = with(db.cdc(&columns(), &[0]), &options);
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    db.sql("CREATE TABLE other (); CREATE PUBLICATION mine FOR TABLE other")
        .await;
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    db.sql("ALTER PUBLICATION mine SET (publish = 'insert')")
        .await;
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
}

#[tokio::test]
async fn a_slot_that_is_foreign_or_held_is_told() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let slot = format!("slot_{}", db.database);
    db.sql(&format!(
        "SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')"
    ))
    .await;
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
    db.sql(&format!("SELECT pg_drop_replication_slot('{slot}')"))
        .await;
    let other = Fixture::new("").await;
    other
        .sql(&format!(
            "SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"
        ))
        .await;
    let error = connect(&PostgresCdcFactory, &spec, ReadFrom::default())
        .await
        .err()
        .unwrap();
    expect![[]].assert_eq(&told(&error, &[&db.database, &other.database]));
    other
        .sql(&format!("SELECT pg_drop_replication_slot('{slot}')"))
        .await;

    db.sql("INSERT INTO orders VALUES (1)").await;
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default())
        .await
        .unwrap();
    reading.rows(1).await;
    reading.step().await.unwrap();
    let sql =
        format!("SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = '{slot}'");
    let pid = db.text(&sql).await;
    let error = connect(&PostgresCdcFactory, &spec, ReadFrom::default())
        .await
        .err()
        .unwrap();
    expect![[]].assert_eq(&told(&error, &[&pid, &db.database]));
}

#[tokio::test]
async fn a_slot_that_cannot_serve_the_position_is_told_with_the_choices() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let position = Some(Position("0/1:0".to_owned()));
    check(&db, &spec, at(&position), expect![[]]).await;
    let slot = format!("slot_{}", db.database);
    db.sql(&format!(
        "SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"
    ))
    .await;
    let sql = format!(
        "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '{slot}'"
    );
    let lsn = db.text(&sql).await;
    let from = at(&position);
    let mut reading = connect(&PostgresCdcFactory, &spec, from).await.unwrap();
    let error = reading.error().await;
    expect![[]].assert_eq(&told(&error, &[&lsn, &db.database]));
}

#[tokio::test]
async fn a_lost_slot_is_told() {
    let cluster = Cluster::builder()
        .setting("max_slot_wal_keep_size", "1MB")
        .setting("min_wal_size", "32MB")
        .setting("max_wal_size", "32MB")
        .start();
    let db = Fixture::on(std::sync::Arc::new(cluster), ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let slot = format!("slot_{}", db.database);
    db.sql(&format!(
        "SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"
    ))
    .await;
    for _ in 0..3 {
        db.sql("SELECT pg_logical_emit_message(false, 'x', 'y'), pg_switch_wal()")
            .await;
        db.sql("CHECKPOINT").await;
    }
    check(&db, &spec, ReadFrom::default(), expect![[]]).await;
}
