//! Tables that change while they are read.

mod support;

use support::{Fixture, at, connect, told, with};
use tailwater_connector_api::ReadFrom;
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_types::TypeKind;

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::BigInt), ("note", TypeKind::STRING)]
}

const ORDERS: &str = "CREATE TABLE orders (id int PRIMARY KEY, note text, extra int);
    ALTER TABLE orders REPLICA IDENTITY FULL; INSERT INTO orders VALUES (1, 'first', 1)";

#[tokio::test]
async fn added_dropped_and_retyped_columns_are_read_by_their_place_in_the_log() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    db.sql("ALTER TABLE orders ADD COLUMN more text DEFAULT 'x'; INSERT INTO orders VALUES (2, 'added', 2)").await;
    db.sql("ALTER TABLE orders DROP COLUMN extra; INSERT INTO orders VALUES (3, 'dropped')").await;
    assert_eq!(reading.rows(3).await[1..], ["+I[2, added]", "+I[3, dropped]"]);
    let place = reading.position.clone();
    drop(reading);
    // While nobody reads: rows before and behind the change, the catalog knows the last one only.
    db.sql("INSERT INTO orders VALUES (4, 'narrow')").await;
    db.sql("ALTER TABLE orders ALTER COLUMN id TYPE bigint, ALTER COLUMN note TYPE varchar(50)")
        .await;
    db.sql(
        "INSERT INTO orders VALUES (5000000000, 'wide'); UPDATE orders SET note = 'w' WHERE id = 4",
    )
    .await;
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&place)).await.unwrap();
    let expected = ["+I[4, narrow]", "+I[5000000000, wide]", "-U[4, narrow]", "+U[4, w]"];
    assert_eq!(reading.rows(4).await, expected);
    // And while it runs.
    db.sql("ALTER TABLE orders ALTER COLUMN note TYPE text; INSERT INTO orders VALUES (6, 'text')")
        .await;
    assert_eq!(reading.rows(5).await[4], "+I[6, text]");
}

#[tokio::test]
async fn a_column_that_is_needed_and_gone_is_told_with_what_became_of_it() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    let place = reading.position.clone();
    db.sql("INSERT INTO orders VALUES (2, 'before', 2); ALTER TABLE orders RENAME COLUMN note TO remark").await;
    db.sql("INSERT INTO orders VALUES (3, 'behind', 3)").await;
    // What lies before the change is delivered.
    assert_eq!(reading.rows(2).await[1], "+I[2, before]");
    let error = reading.error().await;
    expect_test::expect![[r#"
        SchemaMismatch: column "note" of table "public.orders" was renamed to "remark"
        hint: declare "remark" and start the job anew, or rename the column back
    "#]]
    .assert_eq(&told(&error, &[]));
    drop(reading);
    db.sql("ALTER TABLE orders RENAME COLUMN remark TO note").await;
    db.sql("ALTER TABLE orders DROP COLUMN note; INSERT INTO orders VALUES (4, 4)").await;
    let error = connect(&PostgresCdcFactory, &spec, at(&place)).await.err().unwrap();
    assert!(error.to_string().contains("column \"note\" is not in table"), "{error}");
}

#[tokio::test]
async fn a_table_that_is_dropped_and_made_anew_is_another_one() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    let place = reading.position.clone();
    drop(reading);
    db.sql(&format!("DROP TABLE orders; {ORDERS}")).await;
    db.sql(&format!("ALTER PUBLICATION tailwater_slot_{} ADD TABLE orders", db.database)).await;
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&place)).await.unwrap();
    let error = reading.error().await;
    assert!(error.to_string().contains("dropped and created anew"), "{error}");
}

#[tokio::test]
async fn tables_of_a_pattern_read_as_one_and_new_ones_join_at_a_restart() {
    let db = Fixture::new(
        "CREATE TABLE orders_1 (id bigint PRIMARY KEY, note text);
         CREATE TABLE orders_2 (note text, other int, id bigint PRIMARY KEY);
         CREATE TABLE others (id bigint PRIMARY KEY, note text);
         INSERT INTO orders_1 VALUES (1, 'one'); INSERT INTO orders_2 VALUES ('two', 0, 2);
         INSERT INTO others VALUES (9, 'no')",
    )
    .await;
    let mut spec = with(db.cdc(&columns(), &[0]), &[("table-name", "orders_\\d+")]);
    spec.columns.push(tailwater_connector_api::TableColumn {
        name: "origin".to_owned(),
        data_type: TypeKind::STRING.not_null(),
        metadata: Some("table_name".to_owned()),
    });
    let spec = with(spec, &[("scan.newly-added-table.enabled", "true")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    let mut rows = reading.rows(2).await;
    rows.sort();
    assert_eq!(rows, ["+I[1, one, orders_1]", "+I[2, two, orders_2]"]);
    db.sql("INSERT INTO orders_2 VALUES ('t', 0, 22); INSERT INTO orders_1 VALUES (11, 'o')").await;
    assert_eq!(reading.rows(4).await[2..], ["+I[22, t, orders_2]", "+I[11, o, orders_1]"]);
    let place = reading.position.clone();
    drop(reading);
    db.sql("CREATE TABLE orders_3 (id bigint PRIMARY KEY, note text); INSERT INTO orders_3 VALUES (3, 'new')").await;
    db.sql("INSERT INTO orders_1 VALUES (12, 'meanwhile')").await;
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&place)).await.unwrap();
    let mut rows = reading.rows(2).await;
    rows.sort();
    assert_eq!(rows, ["+I[12, meanwhile, orders_1]", "+I[3, new, orders_3]"]);
    db.sql("INSERT INTO orders_3 VALUES (33, 'live')").await;
    assert_eq!(reading.rows(3).await[2], "+I[33, live, orders_3]");
}

#[tokio::test]
async fn the_stream_goes_on_behind_a_truncate() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    db.sql("TRUNCATE orders; INSERT INTO orders VALUES (7, 'behind', 7)").await;
    assert_eq!(reading.rows(2).await[1], "+I[7, behind]");
}
