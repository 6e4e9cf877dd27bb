//! Tables that change while they are read.

mod support;

use support::debezium::{Connector, Json, options};
use support::{Fixture, LIMIT, at, connect, told, with};
use tailwater_connector_api::ReadFrom;
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::wait_for;
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
async fn a_column_that_is_renamed_back_is_read_on_under_its_other_name_too() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    let place = reading.position.clone();
    let rename = "ALTER TABLE orders RENAME COLUMN note TO remark";
    let back = "ALTER TABLE orders RENAME COLUMN remark TO note";
    db.sql(&format!("{rename}; INSERT INTO orders VALUES (2, 'renamed', 2)")).await;
    let error = reading.error().await;
    assert!(error.to_string().contains("was renamed to \"remark\""), "{error}");
    drop(reading);
    db.sql("UPDATE orders SET remark = 'r' WHERE id = 2").await;
    db.sql("INSERT INTO orders VALUES (3, 'back', 3)").await;
    db.sql(&format!("{back}; INSERT INTO orders VALUES (4, 'as before', 4)")).await;
    let expected = [
        "+I[2, renamed]",
        "-U[2, renamed]",
        "+U[2, r]",
        "+I[3, back]",
        "+I[4, as before]",
        "+I[5, again]",
        "+I[6, last]",
    ];
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&place)).await.unwrap();
    assert_eq!(reading.rows(5).await, expected[..5]);
    // And in one transaction, while it runs.
    db.sql(&format!(
        "BEGIN; {rename}; INSERT INTO orders VALUES (5, 'again'); {back};
         INSERT INTO orders VALUES (6, 'last'); COMMIT"
    ))
    .await;
    assert_eq!(reading.rows(7).await, expected);
}

#[tokio::test]
async fn a_column_that_is_dropped_and_added_again_has_no_value_in_between() {
    let db = Fixture::new(ORDERS).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    let place = reading.position.clone();
    drop(reading);
    db.sql("INSERT INTO orders VALUES (2, 'before', 2); ALTER TABLE orders DROP COLUMN note").await;
    db.sql("INSERT INTO orders VALUES (3, 3); ALTER TABLE orders ADD COLUMN note varchar(9)").await;
    db.sql("INSERT INTO orders VALUES (4, 4, 'behind')").await;
    let mut reading = connect(&PostgresCdcFactory, &spec, at(&place)).await.unwrap();
    let expected = ["+I[2, before]", "+I[3, NULL]", "+I[4, behind]"];
    assert_eq!(reading.rows(3).await, expected);
}

#[tokio::test]
async fn events_keep_their_key_while_its_column_has_another_name() {
    let db = Fixture::new("CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL DEFAULT 'd')").await;
    let settings = [("converter.schemas.enable", "false"), ("snapshot.mode", "no_data")];
    let options = options(&db, &settings);
    let mut connector = Connector::start(&options, ReadFrom::default()).await.unwrap();
    let write = async {
        let held = "SELECT count(*)::text FROM pg_replication_slots WHERE active
            AND database = current_database()";
        wait_for("the slot", LIMIT, || async { (db.text(held).await == "1").then_some(()) }).await;
        db.sql("INSERT INTO t VALUES (1)").await;
    };
    tokio::join!(connector.read(1), write);
    let from = at(&connector.position);
    drop(connector);
    db.sql("ALTER TABLE t RENAME id TO number; INSERT INTO t VALUES (2)").await;
    db.sql("DELETE FROM t WHERE number = 1; ALTER TABLE t RENAME number TO id").await;
    db.sql("INSERT INTO t VALUES (3)").await;
    let mut connector = Connector::start(&options, from).await.unwrap();
    let keys = connector.read(4).await.into_iter().map(|event| event.key);
    let expected = [r#"{"number":2}"#, r#"{"number":1}"#, r#"{"number":1}"#, r#"{"id":3}"#];
    assert_eq!(keys.collect::<Vec<_>>(), expected.map(Json::parse));
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
