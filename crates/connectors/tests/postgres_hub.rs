//! Several tables and jobs on one slot, and transactions that are streamed before they are over.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use support::{Fixture, LIMIT, Reading, at, connect_as, folded, with};
use tailwater_connector_api::{ReadFrom, SourceContext, TableSpec};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::{Cluster, wait_for};
use tailwater_types::{Position, TypeKind};

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::BigInt), ("note", TypeKind::STRING)]
}

const TABLES: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, note text);
    CREATE TABLE users (id bigint PRIMARY KEY, note text);
    ALTER TABLE orders REPLICA IDENTITY FULL; ALTER TABLE users REPLICA IDENTITY FULL;
    INSERT INTO orders VALUES (1, 'first'); INSERT INTO users VALUES (7, 'user')";

async fn read(spec: &TableSpec, job: &str, from: ReadFrom) -> Reading {
    let context = SourceContext { job_name: job.to_owned(), ..SourceContext::default() };
    connect_as(&PostgresCdcFactory, spec, from, context).await.unwrap()
}

async fn confirmed(db: &Fixture) -> String {
    let sql = format!(
        "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = 'slot_{}'",
        db.database
    );
    db.text(&sql).await
}

#[tokio::test]
async fn tables_and_jobs_share_one_slot_each_from_its_own_place() {
    let db = Fixture::new(TABLES).await;
    let orders = db.cdc(&columns(), &[0]);
    let users = with(orders.clone(), &[("table-name", "users")]);
    let mut first = read(&orders, "a", ReadFrom::default()).await;
    let mut second = read(&users, "b", ReadFrom::default()).await;
    first.rows(1).await;
    second.rows(1).await;
    db.sql("BEGIN; INSERT INTO orders VALUES (2, 'x'); INSERT INTO users VALUES (8, 'y'); COMMIT")
        .await;
    assert_eq!(first.rows(2).await, ["+I[1, first]", "+I[2, x]"]);
    assert_eq!(second.rows(2).await, ["+I[7, user]", "+I[8, y]"]);
    let early = first.position.clone();
    db.sql("UPDATE orders SET note = 'z' WHERE id = 2").await;
    first.rows(4).await;
    // Another job on the same table, and one that comes back to an earlier place: everybody goes
    // on where he was.
    let mut third = read(&orders, "c", ReadFrom::default()).await;
    third.rows(2).await;
    let mut again = read(&orders, "d", at(&early)).await;
    assert_eq!(again.rows(2).await, ["-U[2, x]", "+U[2, z]"]);
    db.sql("INSERT INTO users VALUES (9, 'u'); INSERT INTO orders VALUES (3, 'o')").await;
    assert_eq!(first.rows(5).await[4], "+I[3, o]");
    assert_eq!(second.rows(3).await[2], "+I[9, u]");
    assert_eq!(third.rows(3).await[2], "+I[3, o]");
    assert_eq!(again.rows(3).await[2], "+I[3, o]");
    let sql =
        "SELECT count(*)::text FROM pg_stat_replication WHERE application_name LIKE 'tailwater%'";
    let slots = format!(
        "SELECT count(*)::text FROM pg_replication_slots WHERE active AND slot_name = 'slot_{}'",
        db.database
    );
    assert_eq!(db.text(&slots).await, "1", "{}", db.text(sql).await);
}

#[tokio::test]
async fn a_table_whose_changes_nobody_takes_yet_does_not_hold_up_the_others() {
    let db = Fixture::new(TABLES).await;
    let orders = db.cdc(&columns(), &[0]);
    let users = with(orders.clone(), &[("table-name", "users")]);
    let mut taken = read(&orders, "a", ReadFrom::default()).await;
    let mut waiting = read(&users, "a", ReadFrom::default()).await;
    taken.rows(1).await;
    waiting.rows(1).await;
    for id in 1..=20 {
        let sql = format!(
            "INSERT INTO users SELECT {id} * 10000 + g, repeat('u', 50) FROM generate_series(1, 1000) g;
             INSERT INTO orders VALUES ({id} + 1, 'o')"
        );
        db.sql(&sql).await;
        assert_eq!(taken.rows(id + 1).await.len(), id + 1);
    }
    let rows = waiting.rows(20_001).await;
    let ids = rows[1..].iter().map(|row| row[3..].split(',').next().unwrap());
    let ids: Vec<u32> = ids.map(|id| id.parse().unwrap()).collect();
    assert!(ids.is_sorted() && ids.len() == 20_000, "{:?}", &ids[..10]);
}

#[tokio::test]
async fn the_slot_waits_for_the_slowest_job_even_if_it_is_away() {
    let db = Fixture::new(TABLES).await;
    let spec = db.cdc(&columns(), &[0]);
    let mut fast = read(&spec, "fast", ReadFrom::default()).await;
    let mut slow = read(&spec, "slow", ReadFrom::default()).await;
    fast.rows(1).await;
    slow.rows(1).await;
    db.sql("INSERT INTO orders VALUES (2, 'x')").await;
    fast.rows(2).await;
    slow.rows(2).await;
    let kept = slow.position.clone().unwrap();
    slow.reader.acker.ack(&kept);
    fast.reader.acker.ack(&fast.position.clone().unwrap());
    let lsn = |position: &Position| position.0.split(':').next().unwrap().to_owned();
    wait_for("the slot to move", LIMIT, || async {
        (confirmed(&db).await == lsn(&kept)).then_some(())
    })
    .await;
    drop(slow);
    for id in 3..6 {
        db.sql(&format!("INSERT INTO orders VALUES ({id}, 'later')")).await;
        fast.rows(id).await;
        fast.reader.acker.ack(&fast.position.clone().unwrap());
    }
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(confirmed(&db).await, lsn(&kept));
    let mut slow = read(&spec, "slow", at(&Some(kept))).await;
    assert_eq!(slow.rows(3).await.len(), 3);
    slow.reader.acker.ack(&slow.position.clone().unwrap());
    let last = lsn(fast.position.as_ref().unwrap());
    wait_for("the slot to move on", LIMIT, || async {
        (confirmed(&db).await >= last).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_large_transaction_is_streamed_to_disk_and_told_at_its_commit() {
    let cluster = Cluster::builder()
        .setting("logical_decoding_work_mem", "64kB")
        .setting("max_prepared_transactions", "5")
        .start();
    let db = Fixture::on(Arc::new(cluster), TABLES).await;
    let spec = db.cdc(&columns(), &[0]);
    let directory = tempfile::tempdir().unwrap();
    let context = SourceContext {
        job_name: "large".to_owned(),
        scratch: Some(directory.path().to_owned()),
        ..SourceContext::default()
    };
    let open = |from| connect_as(&PostgresCdcFactory, &spec, from, context.clone());
    let mut reading = open(ReadFrom::default()).await.unwrap();
    reading.rows(1).await;
    let start = reading.position.clone();
    let large = db.cluster.connect(&db.database).await;
    large
        .batch_execute(
            "BEGIN; INSERT INTO orders SELECT g, repeat('a', 200) FROM generate_series(10, 3009) g;
             SAVEPOINT s; INSERT INTO orders SELECT g, repeat('b', 200) FROM generate_series(4000, 6999) g;
             ROLLBACK TO s; ALTER TABLE orders ADD COLUMN more int;
             INSERT INTO orders SELECT g, repeat('c', 200), 5 FROM generate_series(7000, 9999) g;
             SAVEPOINT t; UPDATE orders SET note = 'kept' WHERE id < 100; RELEASE t",
        )
        .await
        .unwrap();
    // Others go on meanwhile; the transaction itself is not told before its end.
    db.sql("INSERT INTO users VALUES (10, 'meanwhile')").await;
    large.batch_execute("PREPARE TRANSACTION 'large'").await.unwrap();
    if db.cluster.version() >= 15 {
        db.sql("SELECT pg_stat_force_next_flush()").await;
    }
    let streamed = "SELECT (sum(stream_txns) > 0)::text FROM pg_stat_replication_slots";
    wait_for("the server to stream", LIMIT, || async {
        (db.text(streamed).await == "true").then_some(())
    })
    .await;
    db.sql("COMMIT PREPARED 'large'").await;
    let count = 1 + 3000 + 3000 + 2 * 91;
    let rows = reading.rows(count).await;
    assert_eq!(rows.len(), count);
    assert!(!rows.iter().any(|row| row.contains("bbb")));
    assert_eq!(folded(&rows).len(), 6001);
    db.sql("INSERT INTO orders VALUES (1000000, 'end', 1)").await;
    assert_eq!(reading.rows(count + 1).await[count], "+I[1000000, end]");
    drop(reading);
    // The same without streaming, and from within the transaction.
    let mut plain = read(&spec, "large", at(&start)).await;
    assert_eq!(plain.rows(count).await, reading_behind(&rows, 1, "+I[1000000, end]"));
}

fn reading_behind(rows: &[String], skip: usize, end: &str) -> Vec<String> {
    rows[skip..].iter().cloned().chain([end.to_owned()]).collect()
}
