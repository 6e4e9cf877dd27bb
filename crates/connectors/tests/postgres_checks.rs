//! Each precondition of `postgres-cdc` that fails, and what the user is told.

mod support;

use expect_test::{Expect, expect};
use support::{Fixture, at, connect, told, with};
use tailwater_connector_api::{Dialect, ReadFrom, SourceContext, SourceFactory, TableSpec};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::Cluster;
use tailwater_types::{Position, TypeKind};

const ORDERS: &str = "CREATE TABLE orders (id int PRIMARY KEY, note text, place point);
    ALTER TABLE orders REPLICA IDENTITY FULL;";

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::Int), ("note", TypeKind::STRING)]
}

/// What PostgreSQL 18 and later are asked for besides.
const GENERATED: &str = ", publish_generated_columns = stored";

async fn check(db: &Fixture, spec: &TableSpec, from: ReadFrom, expected: Expect) {
    let error = match connect(&PostgresCdcFactory, spec, from).await {
        Err(error) => error,
        Ok(mut reading) => reading.error().await,
    };
    let port = db.cluster.port().to_string();
    expected.assert_eq(&told(&error, &[&port, &db.database]).replace(GENERATED, ""));
}

fn issues(spec: &TableSpec) -> String {
    let Err(issues) = PostgresCdcFactory.plan(spec) else {
        return "no issue".to_owned();
    };
    let line = |i: &tailwater_connector_api::TableIssue| {
        format!("{} ({})\n", i.message, i.hint_in(Dialect::Sql).as_deref().unwrap_or("-"))
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
        required option "username" is missing (add 'username' = '...' to WITH (...))
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
    check(&db, &nobody, ReadFrom::default(), expect![[r#"
        Connect: failed to connect to PostgreSQL at "127.0.0.1:1"
        hint: check "hostname" and "port", that the server runs, and that its listen_addresses and firewall let this host in
    "#]]).await;
    let wrong = with(spec.clone(), &[("password", "wrong")]);
    check(
        &db,
        &wrong,
        ReadFrom::default(),
        expect![[r#"
        Auth: the server refuses the password of user "postgres"
        hint: check "username" and "password"
    "#]],
    )
    .await;
    let nowhere = with(spec, &[("database-name", "nowhere")]);
    check(
        &db,
        &nowhere,
        ReadFrom::default(),
        expect![[r#"
        Config: database "nowhere" does not exist
        hint: CREATE DATABASE "nowhere";
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_server_without_logical_wal_is_told_how_to_write_it() {
    let cluster = Cluster::builder().setting("wal_level", "replica").start();
    let db = Fixture::on(std::sync::Arc::new(cluster), ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    check(
        &db,
        &spec,
        ReadFrom::default(),
        expect![[r#"
        Config: wal_level is "replica", changes are only written at "logical"
        hint: ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_server_without_a_free_slot_is_told_how_to_get_one() {
    let cluster = Cluster::builder().setting("max_replication_slots", "1").start();
    let db = Fixture::on(std::sync::Arc::new(cluster), ORDERS).await;
    db.sql("SELECT pg_create_physical_replication_slot('other')").await;
    let spec = db.cdc(&columns(), &[0]);
    check(&db, &spec, ReadFrom::default(), expect![[r#"
        Throttled: all 1 replication slots of the server are in use
        hint: drop slots that nobody needs (SELECT slot_name, active FROM pg_replication_slots;), or raise max_replication_slots and restart PostgreSQL
    "#]]).await;
}

#[tokio::test]
async fn a_missing_table_or_column_is_told_with_its_neighbour() {
    let db = Fixture::new(ORDERS).await;
    let spec = with(db.cdc(&columns(), &[0]), &[("table-name", "order")]);
    check(
        &db,
        &spec,
        ReadFrom::default(),
        expect![[r#"
        SchemaMismatch: table "public.order" does not exist
        hint: did you mean "public.orders"?
    "#]],
    )
    .await;
    let spec = with(db.cdc(&columns(), &[0]), &[("schema-name", "shop")]);
    check(
        &db,
        &spec,
        ReadFrom::default(),
        expect![[r#"
        SchemaMismatch: table "shop.orders" does not exist
        hint: did you mean "public.orders"?
    "#]],
    )
    .await;
    let spec = db.cdc(&[("id", TypeKind::Int), ("notes", TypeKind::STRING)], &[0]);
    check(
        &db,
        &spec,
        ReadFrom::default(),
        expect![[r#"
        SchemaMismatch: column "notes" is not in table "public.orders"
        hint: did you mean "note"?
    "#]],
    )
    .await;
    let spec = db.cdc(&[("id", TypeKind::Int), ("place", TypeKind::Double)], &[0]);
    check(&db, &spec, ReadFrom::default(), expect![[r#"
        SchemaMismatch: column "place" of table "public.orders" is point and cannot be read as DOUBLE
        hint: declare it with the type that fits, or as STRING
    "#]]).await;
}

#[tokio::test]
async fn a_role_that_may_not_is_told_what_to_be_granted() {
    let db = Fixture::new(ORDERS).await;
    let role = format!("plain_{}", db.database);
    db.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'pw'")).await;
    let spec = with(db.cdc(&columns(), &[0]), &[("username", &role), ("password", "pw")]);
    check(
        &db,
        &spec,
        ReadFrom::default(),
        expect![[r#"
        Denied: role "plain_..." may not replicate
        hint: as a superuser: ALTER ROLE "plain_..." REPLICATION;
    "#]],
    )
    .await;
    db.sql(&format!("ALTER ROLE {role} REPLICATION")).await;
    check(&db, &spec, ReadFrom::default(), expect![[r#"
        Denied: role "plain_..." may not read table "public.orders"
        hint: as the owner: GRANT USAGE ON SCHEMA "public" TO "plain_..."; GRANT SELECT ON "public"."orders" TO "plain_...";
    "#]]).await;
    db.sql(&format!("GRANT SELECT ON orders TO {role}")).await;
    check(&db, &spec, ReadFrom::default(), expect![[r#"
        Denied: role "plain_..." may not publish table "public.orders"
        hint: as the table's owner: CREATE PUBLICATION "tailwater_slot_..." FOR TABLE "public"."orders" WITH (publish_via_partition_root = true);
    "#]]).await;
    // A publication that the owner has made is all that is missing.
    db.sql("CREATE PUBLICATION made FOR TABLE orders; INSERT INTO orders VALUES (1)").await;
    let spec = with(spec, &[("debezium.publication.name", "made")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(1).await, ["+I[1, NULL]"]);
}

#[tokio::test]
async fn a_replica_identity_that_does_not_serve_is_told_with_both_ways_out() {
    let db = Fixture::new("CREATE TABLE orders (id int PRIMARY KEY, note text)").await;
    let spec = db.cdc(&columns(), &[]);
    check(&db, &spec, ReadFrom::default(), expect![[r#"
        Config: table "public.orders" does not write whole old rows to the WAL, and no key is declared by which they could be told apart
        hint: ALTER TABLE "public"."orders" REPLICA IDENTITY FULL; Or declare PRIMARY KEY (...) NOT ENFORCED
    "#]]).await;
    let spec = with(db.cdc(&columns(), &[1]), &[("changelog-mode", "upsert")]);
    check(&db, &spec, ReadFrom::default(), expect![[r#"
        Config: the declared key column "note" is not in the replica identity of table "public.orders": deletes would not carry it
        hint: declare the table's own primary key, or ALTER TABLE "public"."orders" REPLICA IDENTITY FULL;
    "#]]).await;
}

#[tokio::test]
async fn a_publication_that_does_not_serve_is_told() {
    let db = Fixture::new(ORDERS).await;
    let options = [
        ("debezium.publication.name", "mine"),
        ("debezium.publication.autocreate.mode", "disabled"),
    ];
    let spec = with(db.cdc(&columns(), &[0]), &options);
    check(
        &db,
        &spec,
        ReadFrom::default(),
        expect![[r#"
            Config: publication "mine" does not exist
            hint: CREATE PUBLICATION "mine" FOR TABLE "public"."orders" WITH (publish_via_partition_root = true);
        "#]],
    )
    .await;
    db.sql("CREATE TABLE other (); CREATE PUBLICATION mine FOR TABLE other").await;
    check(
        &db,
        &spec,
        ReadFrom::default(),
        expect![[r#"
            Config: publication "mine" does not contain table "public.orders"
            hint: ALTER PUBLICATION "mine" ADD TABLE "public"."orders";
        "#]],
    )
    .await;
    db.sql("ALTER PUBLICATION mine SET (publish = 'insert')").await;
    check(
        &db,
        &spec,
        ReadFrom::default(),
        expect![[r#"
        Config: publication "mine" does not publish inserts, updates and deletes
        hint: ALTER PUBLICATION "mine" SET (publish = 'insert, update, delete, truncate');
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_slot_that_is_foreign_or_held_is_told() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let slot = format!("slot_{}", db.database);
    db.sql(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding')")).await;
    check(&db, &spec, ReadFrom::default(), expect![[r#"
        Config: slot "slot_..." belongs to the plugin "test_decoding", not "pgoutput"
        hint: choose another "slot.name", or drop this one if nobody needs it: SELECT pg_drop_replication_slot('slot_...');
    "#]]).await;
    db.sql(&format!("SELECT pg_drop_replication_slot('{slot}')")).await;
    let other = Fixture::new("").await;
    other.sql(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")).await;
    let error = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.err().unwrap();
    expect![[r#"
        Config: slot "slot_..." belongs to the database "..."
        hint: choose another "slot.name", or drop this one if nobody needs it
    "#]]
    .assert_eq(&told(&error, &[&db.database, &other.database]));
    other.sql(&format!("SELECT pg_drop_replication_slot('{slot}')")).await;

    db.sql("INSERT INTO orders VALUES (1)").await;
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    db.settle(&mut reading).await;
    let sql =
        format!("SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = '{slot}'");
    let pid = db.text(&sql).await;
    // Under another name the server is another one: its readers do not know of each other.
    let spec = with(spec, &[("hostname", "localhost")]);
    let error = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.err().unwrap();
    expect![[r#"
        Conflict: slot "slot_..." is in use by process ...
        hint: stop the other reader, choose another "slot.name", or SELECT pg_terminate_backend(...);
    "#]].assert_eq(&told(&error, &[&pid, &db.database]));
}

#[tokio::test]
async fn a_slot_that_cannot_serve_the_position_is_told_with_the_choices() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let system = db.text("SELECT system_identifier::text FROM pg_control_system()").await;
    let position = Some(Position(format!("0/1:0@{system}.1=")));
    db.sql(&format!("CREATE PUBLICATION tailwater_slot_{} FOR TABLE orders", db.database)).await;
    check(&db, &spec, at(&position), expect![[r#"
        PlaceLost: slot "slot_..." is gone: changes behind 0/1, where the job stopped, are missing
        hint: start the job anew with --fresh (the tables are read again), or restore the checkpoint that belongs to this slot; 'slot.mismatch-policy' = 'resnapshot' reads again unasked
    "#]]).await;
    let slot = format!("slot_{}", db.database);
    db.sql(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")).await;
    let sql = format!(
        "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '{slot}'"
    );
    let lsn = db.text(&sql).await;
    let from = at(&position);
    let mut reading = connect(&PostgresCdcFactory, &spec, from).await.unwrap();
    let error = reading.error().await;
    expect![[r#"
        PlaceLost: slot "slot_..." begins at ..., behind 0/1, where the job stopped: the changes between them are missing
        hint: start the job anew with --fresh (the tables are read again), or restore the checkpoint that belongs to this slot; 'slot.mismatch-policy' = 'resnapshot' reads again unasked
    "#]].assert_eq(&told(&error, &[&lsn, &db.database]));
    let elsewhere = Some(Position("0/1:0@1.1=".to_owned()));
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&elsewhere)).await.unwrap();
    let error = reading.error().await;
    expect![[r#"
        PlaceLost: this is another database server than the one the job was reading: its system identifier is ..., not 1
        hint: start the job anew with --fresh (the tables are read again), or restore the checkpoint that belongs to this slot; 'slot.mismatch-policy' = 'resnapshot' reads again unasked
    "#]].assert_eq(&told(&error, &[&system]));
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
    db.sql(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")).await;
    for _ in 0..3 {
        db.sql("SELECT pg_logical_emit_message(false, 'x', 'y'), pg_switch_wal()").await;
        db.sql("CHECKPOINT").await;
    }
    check(&db, &spec, ReadFrom::default(), expect![[r#"
        PlaceLost: slot "slot_..." is lost: the server has removed WAL that it needs
        hint: SELECT pg_drop_replication_slot('slot_...'); and start the job anew with --fresh; raise max_slot_wal_keep_size so that it does not happen again
    "#]]).await;
}

#[tokio::test]
async fn a_publication_that_has_lost_the_table_is_told_on_a_restart() {
    let db = Fixture::new(ORDERS).await;
    db.sql("INSERT INTO orders VALUES (1)").await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    let position = reading.position.clone();
    drop(reading);
    db.sql(&format!("DROP PUBLICATION tailwater_slot_{}", db.database)).await;
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&position)).await.unwrap();
    let error = reading.error().await;
    let lsn = position.unwrap().0.split(':').next().unwrap().to_owned();
    expect![[r#"
        Config: the table is no longer in publication "tailwater_slot_...": changes behind ..., where the job stopped, may be missing
        hint: start the job anew with --fresh (the table is read again)
    "#]].assert_eq(&told(&error, &[&lsn, &db.database]));
}

#[tokio::test]
async fn a_key_over_several_tables_is_warned_of_unless_their_names_are_declared() {
    let db = Fixture::new(
        "CREATE TABLE s_a (id int PRIMARY KEY, note text);
         CREATE TABLE s_b (id int PRIMARY KEY, note text)",
    )
    .await;
    let spec = with(db.cdc(&columns(), &[0]), &[("table-name", "s_.*")]);
    let warnings = async |spec: &TableSpec| {
        let Ok(plan) = PostgresCdcFactory.plan(spec) else { panic!("a plan") };
        let found = plan.check(SourceContext::default()).await;
        let of_keys = found.into_iter().filter(|p| p.code == "key-over-tables");
        of_keys.map(|p| p.message).collect::<Vec<_>>()
    };
    let message = "the key (id) must be unique over all 2 tables: a row of one replaces the row of \
        another that has the same key";
    assert_eq!(warnings(&spec).await, [message]);
    let mut named = spec.clone();
    let mut origin = named.columns[1].clone();
    (origin.name, origin.metadata) = ("origin".to_owned(), Some("table_name".to_owned()));
    named.columns.push(origin);
    assert_eq!(warnings(&named).await, [""; 0]);
    assert_eq!(warnings(&with(named, &[("changelog-mode", "upsert")])).await, [message]);
    db.sql("ALTER TABLE s_a REPLICA IDENTITY FULL; ALTER TABLE s_b REPLICA IDENTITY FULL").await;
    assert_eq!(warnings(&spec).await, [""; 0]);
}
