//! What one version of PostgreSQL has and another has not, used where it is there.

mod support;

use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use support::{Fixture, LIMIT, at, connect, told, with};
use tailwater_connector_api::{ReadFrom, TableSpec};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::{Cluster, wait_for};
use tailwater_types::TypeKind;

const ORDERS: &str = "CREATE TABLE orders (id int PRIMARY KEY, note text);
    ALTER TABLE orders REPLICA IDENTITY FULL;";

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::Int), ("note", TypeKind::STRING)]
}

async fn refused(db: &Fixture, spec: &TableSpec, expected: Expect) {
    let opened = connect(&PostgresCdcFactory, spec, ReadFrom::default()).await;
    let error = opened.err().expect("a refusal");
    expected.assert_eq(&told(&error, &[&db.database]));
}

#[tokio::test]
async fn a_slot_goes_along_to_a_standby_where_the_server_can_unless_it_must_not() {
    for (wish, expected) in [("true", "true"), ("false", "false")] {
        let db = Fixture::new(ORDERS).await;
        db.sql("INSERT INTO orders VALUES (1)").await;
        let spec = with(db.cdc(&columns(), &[0]), &[("debezium.slot.failover", wish)]);
        let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
        assert_eq!(reading.rows(1).await, ["+I[1, NULL]"]);
        let sql = "SELECT coalesce(to_jsonb(s) ->> 'failover', 'none')
            FROM pg_replication_slots s WHERE database = current_database()";
        let expected = if db.cluster.version() < 17 { "none" } else { expected };
        assert_eq!(db.text(sql).await, expected);
    }
}

const TOTALS: &str = "CREATE TABLE orders (id int PRIMARY KEY, price int,
        total int GENERATED ALWAYS AS (price * 2) STORED);
    ALTER TABLE orders REPLICA IDENTITY FULL; INSERT INTO orders VALUES (1, 10), (2, 20);";

fn totals() -> [(&'static str, TypeKind); 3] {
    [("id", TypeKind::Int), ("price", TypeKind::Int), ("total", TypeKind::Int)]
}

#[tokio::test]
async fn a_stored_generated_column_comes_from_snapshot_and_stream_or_is_refused() {
    let db = Fixture::new(TOTALS).await;
    let spec = db.cdc(&totals(), &[0]);
    // A bounded read has no stream to miss it in.
    let bounded = with(spec.clone(), &[("scan.startup.mode", "snapshot")]);
    let mut reading = connect(&PostgresCdcFactory, &bounded, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(2).await, ["+I[1, 10, 20]", "+I[2, 20, 40]"]);
    if db.cluster.version() < 18 {
        let error = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.err().unwrap();
        expect![[r#"
            SchemaMismatch: column "total" of table "public.orders" is generated, which PostgreSQL ... does not publish
            hint: leave it out, or declare it as a computed column: `total` AS <its expression>; PostgreSQL 18 and later publish stored generated columns
        "#]]
        .assert_eq(&told(&error, &[&db.cluster.version().to_string()]));
        // Without it the table reads as any other.
        let spec = db.cdc(&totals()[..2], &[0]);
        let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
        reading.rows(2).await;
        db.sql("UPDATE orders SET price = 11 WHERE id = 1").await;
        assert_eq!(reading.rows(4).await[2..], ["-U[1, 10]", "+U[1, 11]"]);
        return;
    }
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    db.sql(
        "INSERT INTO orders VALUES (3, 30); UPDATE orders SET price = 11 WHERE id = 1;
         DELETE FROM orders WHERE id = 2",
    )
    .await;
    let expected = ["+I[3, 30, 60]", "-U[1, 10, 20]", "+U[1, 11, 22]", "-D[2, 20, 40]"];
    assert_eq!(reading.rows(6).await[2..], expected);
}

#[tokio::test]
async fn a_publication_that_leaves_generated_columns_out_is_refused() {
    let db = Fixture::new(TOTALS).await;
    if db.cluster.version() < 18 {
        return;
    }
    db.sql("CREATE PUBLICATION mine FOR TABLE orders").await;
    let mine = [("debezium.publication.name", "mine")];
    refused(&db, &with(db.cdc(&totals(), &[0]), &mine), expect![[r#"
        SchemaMismatch: column "total" of table "public.orders" is generated, and publication "mine" does not publish generated columns
        hint: ALTER PUBLICATION "mine" SET (publish_generated_columns = stored); Or leave it out, or declare it as a computed column: `total` AS <its expression>
    "#]]).await;
    // The server has refused updates since the table was published: it is said also where the
    // column is not declared.
    let error = db.client.batch_execute("UPDATE orders SET price = 1").await.unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("cannot update table"), "{error:?}");
    refused(&db, &with(db.cdc(&totals()[..2], &[0]), &mine), expect![[r#"
        Config: generated column "total" of table "public.orders" is part of its replica identity and not published: PostgreSQL refuses updates and deletes of such a table
        hint: ALTER PUBLICATION "mine" SET (publish_generated_columns = stored);
    "#]]).await;
    db.sql("ALTER PUBLICATION mine SET (publish_generated_columns = stored)").await;
    let spec = with(db.cdc(&totals(), &[0]), &mine);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(2).await;
    db.sql("UPDATE orders SET price = 11 WHERE id = 1").await;
    assert_eq!(reading.rows(4).await[2..], ["-U[1, 10, 20]", "+U[1, 11, 22]"]);
}

#[tokio::test]
async fn a_column_list_may_name_a_generated_column() {
    let db = Fixture::new(TOTALS).await;
    if db.cluster.version() < 18 {
        return;
    }
    db.sql("ALTER TABLE orders REPLICA IDENTITY DEFAULT").await;
    db.sql("CREATE PUBLICATION mine FOR TABLE orders (id, total)").await;
    let options = [("debezium.publication.name", "mine"), ("changelog-mode", "upsert")];
    let declared = [("id", TypeKind::Int), ("total", TypeKind::Int)];
    let spec = with(db.cdc(&declared, &[0]), &options);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(2).await, ["+I[1, 20]", "+I[2, 40]"]);
    db.sql("UPDATE orders SET price = 11 WHERE id = 1").await;
    assert_eq!(reading.rows(3).await[2..], ["+U[1, 22]"]);
}

#[tokio::test]
async fn a_virtual_generated_column_is_refused() {
    let db = Fixture::new("").await;
    if db.cluster.version() < 18 {
        return;
    }
    db.sql(&TOTALS.replace("STORED", "VIRTUAL")).await;
    refused(&db, &db.cdc(&totals(), &[0]), expect![[r#"
        SchemaMismatch: column "total" of table "public.orders" is generated when it is read: it is not in the stream of changes
        hint: leave it out, or declare it as a computed column: `total` AS <its expression>
    "#]]).await;
    refused(&db, &db.cdc(&totals()[..2], &[0]), expect![[r#"
        Config: generated column "total" of table "public.orders" is part of its replica identity and not published: PostgreSQL refuses updates and deletes of such a table
        hint: ALTER TABLE "public"."orders" REPLICA IDENTITY DEFAULT; and set 'changelog-mode' = 'upsert', or drop the column
    "#]]).await;
    db.sql("ALTER TABLE orders REPLICA IDENTITY DEFAULT").await;
    let spec = with(db.cdc(&totals()[..2], &[0]), &[("changelog-mode", "upsert")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(2).await, ["+I[1, 10]", "+I[2, 20]"]);
    db.sql("UPDATE orders SET price = 11 WHERE id = 1").await;
    assert_eq!(reading.rows(3).await[2..], ["+U[1, 11]"]);
}

#[tokio::test]
async fn a_row_filter_holds_for_snapshot_and_stream_and_a_column_list_is_minded() {
    let db = Fixture::new(ORDERS).await;
    if db.cluster.version() < 15 {
        return;
    }
    db.sql(
        "ALTER TABLE orders ADD secret text;
         INSERT INTO orders VALUES (1, 'small', 'x'), (100, 'large', 'x');
         CREATE PUBLICATION mine FOR TABLE orders WHERE (id >= 50)",
    )
    .await;
    let mine = [("debezium.publication.name", "mine")];
    let spec = with(db.cdc(&columns(), &[0]), &mine);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(1).await, ["+I[100, large]"]);
    db.sql(
        "INSERT INTO orders VALUES (2, 'small'), (101, 'large');
         UPDATE orders SET id = 3 WHERE id = 100; UPDATE orders SET id = 102 WHERE id = 1",
    )
    .await;
    // What leaves the filter is deleted, what enters it is new.
    let expected = ["+I[101, large]", "-D[100, large]", "+I[102, small]"];
    assert_eq!(reading.rows(4).await[1..], expected);
    drop(reading);
    let lists = "DROP PUBLICATION mine; ALTER TABLE orders REPLICA IDENTITY DEFAULT;
        CREATE PUBLICATION mine FOR TABLE orders (id, note)";
    db.sql(lists).await;
    let upsert = with(spec, &[("changelog-mode", "upsert"), ("slot.name", "listed")]);
    let mut reading = connect(&PostgresCdcFactory, &upsert, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(4).await.len(), 4);
    db.sql("INSERT INTO orders VALUES (7, 'listed', 'hidden')").await;
    assert_eq!(reading.rows(5).await[4..], ["+I[7, listed]"]);
    let mut three = columns().to_vec();
    three.push(("secret", TypeKind::STRING));
    let spec = with(db.cdc(&three, &[0]), &[mine[0], ("changelog-mode", "upsert")]);
    refused(&db, &spec, expect![[r#"
        SchemaMismatch: column "secret" of table "public.orders" is not published by publication "mine"
        hint: the publication's column list has id, note
    "#]]).await;
}

#[tokio::test]
async fn a_slot_that_nobody_read_from_for_too_long_is_told() {
    if Cluster::shared().version() < 18 {
        return;
    }
    let cluster = Cluster::builder().setting("idle_replication_slot_timeout", "1s").start();
    let db = Fixture::on(Arc::new(cluster), ORDERS).await;
    db.sql("INSERT INTO orders VALUES (1)").await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    let position = reading.position.clone();
    drop(reading);
    let reason = "SELECT invalidation_reason FROM pg_replication_slots";
    wait_for("the slot to be given up", LIMIT, || async {
        db.sql("CHECKPOINT").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        (db.text(reason).await == "idle_timeout").then_some(())
    })
    .await;
    let expected = expect![[r#"
        PlaceLost: slot "slot_..." is lost: nobody read from it for longer than idle_replication_slot_timeout
        hint: SELECT pg_drop_replication_slot('slot_...'); and start the job anew with --fresh; raise idle_replication_slot_timeout so that it does not happen again
    "#]];
    for from in [ReadFrom::default(), at(&position)] {
        let error = connect(&PostgresCdcFactory, &spec, from).await.err().unwrap();
        expected.assert_eq(&told(&error, &[&db.database]));
    }
}
