//! The snapshot in chunks, with writers that straddle them, on a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{Fixture, Reading, at, connect, folded, with};
use tailwater_connector_api::{ReadFrom, TableSpec};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::{Client, Cluster};
use tailwater_types::{Position, TypeKind};

const ROWS: i64 = 600;

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::BigInt), ("note", TypeKind::STRING)]
}

/// Random numbers that a failure can be repeated with.
struct Random(u64);

impl Random {
    fn below(&mut self, n: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as i64
    }
}

/// One transaction of a writer: what it does, and how it ends.
fn transaction(random: &mut Random, writer: u64, number: u64) -> Vec<String> {
    let mut statements = vec!["BEGIN".to_owned()];
    for step in 0..1 + random.below(4) {
        let (a, b) = (random.below(ROWS * 2), random.below(ROWS * 2));
        let text = format!("w{writer} t{number} s{step}");
        statements.push(match random.below(8) {
            0 => format!("INSERT INTO orders VALUES ({a}, '{text}') ON CONFLICT DO NOTHING"),
            1 => format!("DELETE FROM orders WHERE id = {a}"),
            // To another chunk.
            2 => format!(
                "UPDATE orders SET id = {b}, note = '{text}' WHERE id = {a} \
                 AND NOT EXISTS (SELECT 1 FROM orders WHERE id = {b})"
            ),
            3 => format!("DELETE FROM orders WHERE id = {a}; INSERT INTO orders VALUES ({a}, '{text}') ON CONFLICT DO NOTHING"),
            4 => format!("SAVEPOINT s; UPDATE orders SET note = 'undone' WHERE id = {a}; ROLLBACK TO s"),
            5 => format!("SAVEPOINT s; UPDATE orders SET note = '{text}' WHERE id = {a}; RELEASE s"),
            _ => format!("UPDATE orders SET note = '{text}' WHERE id = {a}"),
        });
        if random.below(3) == 0 {
            statements.push(format!("SELECT pg_sleep(0.0{:02})", random.below(60)));
        }
    }
    match random.below(6) {
        0 => statements.push("ROLLBACK".to_owned()),
        1 => {
            statements.push(format!("PREPARE TRANSACTION 'w{writer}t{number}'"));
            statements.push(format!("SELECT pg_sleep(0.0{:02})", random.below(40)));
            statements.push(format!("COMMIT PREPARED 'w{writer}t{number}'"));
        }
        _ => statements.push("COMMIT".to_owned()),
    }
    statements
}

async fn write(client: Client, seed: u64, is_over: Arc<AtomicBool>) {
    let mut random = Random(seed);
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        number += 1;
        for statement in transaction(&mut random, seed, number) {
            // A lost race for a key, or a deadlock, ends the transaction.
            if client.batch_execute(&statement).await.is_err() {
                let _ = client.batch_execute("ROLLBACK").await;
                break;
            }
        }
    }
}

async fn table(db: &Fixture) -> BTreeSet<String> {
    let rows = db.client.query("SELECT id, note FROM orders", &[]).await.unwrap();
    rows.iter()
        .map(|row| format!("[{}, {}]", row.get::<_, i64>(0), row.get::<_, &str>(1)))
        .collect()
}

/// Reads as a job does: what was taken behind the last place is lost with the reading.
struct Job {
    kept: Vec<String>,
    position: Option<Position>,
}

impl Job {
    async fn run_until(&mut self, spec: &TableSpec, mut is_enough: impl FnMut(&Reading) -> bool) {
        let from = at(&self.position);
        let mut reading = connect(&PostgresCdcFactory, spec, from).await.unwrap();
        while !is_enough(&reading) {
            reading.step().await.unwrap();
        }
        if let Some((count, position)) = reading.cuts.pop() {
            self.kept.extend(reading.rows.drain(..count));
            self.position = Some(position);
        }
    }
}

async fn straddle(seed: u64, setup: &str, cluster: Arc<Cluster>, options: &[(&str, &str)]) {
    let db = Fixture::on(cluster, setup).await;
    let spec = with(db.cdc(&columns(), &[0]), options);
    let is_over = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for i in 1..=3 {
        let client = db.cluster.connect(&db.database).await;
        writers.push(tokio::spawn(write(client, seed * 10 + i, Arc::clone(&is_over))));
    }
    let mut random = Random(seed + 77);
    let mut job = Job { kept: Vec::new(), position: None };
    // Killed in the middle of chunks, again and again.
    for _ in 0..6 {
        let events = 1 + random.below(12) as usize;
        let mut seen = 0;
        job.run_until(&spec, |_| {
            seen += 1;
            seen > events
        })
        .await;
    }
    let end = format!("+I[{}, end]", ROWS * 10);
    tokio::time::sleep(Duration::from_millis(100)).await;
    is_over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    db.sql(&format!("INSERT INTO orders VALUES ({}, 'end')", ROWS * 10)).await;
    job.run_until(&spec, |reading| {
        let is_through = reading.position.as_ref().is_some_and(|p| !p.0.contains(';'));
        is_through && (reading.rows.contains(&end) || job_has_end(reading, &end))
    })
    .await;
    let (found, expected) = (folded(&job.kept), table(&db).await);
    let (missing, ghosts): (Vec<_>, Vec<_>) =
        (expected.difference(&found).collect(), found.difference(&expected).collect());
    assert!(
        missing.is_empty() && ghosts.is_empty(),
        "seed {seed}: missing {missing:?}, ghosts {ghosts:?}"
    );
}

fn job_has_end(reading: &Reading, end: &str) -> bool {
    reading.rows.iter().any(|row| row == end)
}

fn orders(table: &str) -> String {
    format!(
        "{table}; ALTER TABLE orders REPLICA IDENTITY FULL;
        INSERT INTO orders SELECT i * 2, 'first' FROM generate_series(1, {ROWS}) i; ANALYZE orders"
    )
}

const KEYED: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, note text)";

fn cluster() -> Arc<Cluster> {
    Arc::new(Cluster::builder().setting("max_prepared_transactions", "20").start())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_straddle_chunks_are_seen_exactly_once_over_kills() {
    let cluster = cluster();
    for seed in 1..=4 {
        let small = [("scan.incremental.snapshot.chunk.size", "37")];
        straddle(seed, &orders(KEYED), Arc::clone(&cluster), &small).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_straddle_a_read_by_pages_are_seen_exactly_once_over_kills() {
    let cluster = cluster();
    for seed in 11..=13 {
        straddle(seed, &orders(KEYED), Arc::clone(&cluster), &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_for_a_standby_are_in_the_stream_before_they_are_visible() {
    let db = Fixture::on(cluster(), &orders(KEYED)).await;
    db.sql("SET synchronous_commit = local").await;
    db.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await;
    db.sql("SELECT pg_reload_conf(), pg_sleep(0.1)").await;
    let spec = with(db.cdc(&columns(), &[0]), &[("scan.incremental.snapshot.chunk.size", "50")]);
    let waiting = db.cluster.connect(&db.database).await;
    let change = "UPDATE orders SET note = 'waited' WHERE id IN (300, 900); DELETE FROM orders WHERE id = 600";
    let commit = tokio::spawn(async move { waiting.batch_execute(change).await });
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    // Somebody ends the wait of all that hang.
    let cancel = async {
        let sql =
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        loop {
            tokio::time::sleep(Duration::from_millis(150)).await;
            db.client.query(sql, &[]).await.unwrap();
        }
    };
    let read = async {
        while reading.position.as_ref().is_none_or(|p| p.0.contains(';')) {
            reading.step().await.unwrap();
        }
    };
    tokio::select! { () = read => {}, () = cancel => {} }
    // A cancelled wait leaves the commit as it is, with a warning.
    commit.await.unwrap().unwrap();
    assert_eq!(folded(&reading.rows), table(&db).await);
}

/// Reads a table to the end of its snapshot and one change more, and compares.
async fn read_whole(setup: &str, change: &str, options: &[(&str, &str)], expected: &str) {
    let db = Fixture::new(setup).await;
    let chunked = with(db.cdc(&columns(), &[0]), &[("scan.incremental.snapshot.chunk.size", "7")]);
    let spec = with(chunked, options);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    reading.rows(0).await;
    while reading.position.as_ref().is_none_or(|p| p.0.contains("\"done\":[]")) {
        reading.step().await.unwrap();
    }
    db.sql(change).await;
    let rows = db.client.query(expected, &[]).await.unwrap();
    let rows: BTreeSet<String> =
        rows.iter().map(|r| format!("[{}, {}]", r.get::<_, i64>(0), r.get::<_, &str>(1))).collect();
    let end = std::time::Instant::now() + support::LIMIT;
    while folded(&reading.rows) != rows {
        assert!(std::time::Instant::now() < end, "{:?} is not {rows:?}", reading.rows);
        reading.step().await.unwrap();
    }
}

const ALL: &str = "SELECT id, note FROM orders";

#[tokio::test]
async fn keys_of_every_kind_cut_a_table() {
    let full = "ALTER TABLE orders REPLICA IDENTITY FULL;";
    let keys = [
        ("id bigint, note text, PRIMARY KEY (note, id)", "composite, text first"),
        ("id bigint, note text COLLATE \"C\" PRIMARY KEY", "text"),
        ("id bigint, note text, k uuid DEFAULT gen_random_uuid() PRIMARY KEY", "uuid"),
        (
            "id bigint, note text, k timestamptz DEFAULT now() + nextval('s') * 7919 % 1000003 * interval '1 second' PRIMARY KEY",
            "instant",
        ),
        (
            "id bigint, note text, k date DEFAULT '2000-01-01'::date + (nextval('s') * 7919 % 1000003)::int PRIMARY KEY",
            "date",
        ),
        (
            "id bigint, note text, k bytea DEFAULT decode(md5(random()::text), 'hex') PRIMARY KEY",
            "bytes",
        ),
        ("id bigint, note text, k numeric DEFAULT random() PRIMARY KEY", "of no known order"),
        ("id bigint, note text COLLATE \"unicode\" PRIMARY KEY", "of another collation"),
        ("id bigint, note text", "none"),
    ];
    let probe = Fixture::new("").await;
    let has_icu = "SELECT count(*)::text FROM pg_collation WHERE collname = 'unicode'";
    let has_icu = probe.text(has_icu).await != "0";
    for (columns, what) in keys {
        println!("{what}");
        if what == "of another collation" && !has_icu {
            continue;
        }
        let setup = format!(
            "CREATE SEQUENCE s; CREATE TABLE orders ({columns}); {full}
             INSERT INTO orders SELECT g, 'it''s é ' || g FROM generate_series(-50, 50) g"
        );
        let change = "UPDATE orders SET note = note || '!' WHERE id IN (-49, 0, 33);
            DELETE FROM orders WHERE id = 20; INSERT INTO orders VALUES (500, 'new')";
        read_whole(&setup, change, &[], ALL).await;
    }
}

#[tokio::test]
async fn empty_tables_and_tables_of_one_row_are_read() {
    let setup = format!("{KEYED}; ALTER TABLE orders REPLICA IDENTITY FULL");
    read_whole(&setup, "INSERT INTO orders VALUES (1, 'one')", &[], ALL).await;
    let one = format!("{setup}; INSERT INTO orders VALUES (7, 'seven')");
    read_whole(&one, "DELETE FROM orders; INSERT INTO orders VALUES (8, 'x')", &[], ALL).await;
}

#[tokio::test]
async fn a_row_filter_holds_for_the_snapshot_too() {
    if Cluster::shared().version() < 15 {
        return;
    }
    let setup = format!(
        "{}; CREATE PUBLICATION filtered FOR TABLE orders WHERE (id > 900 AND note <> 'hidden')",
        orders(KEYED)
    );
    let change = "INSERT INTO orders VALUES (5, 'below'), (5001, 'above'), (5003, 'hidden')";
    let options = [("debezium.publication.name", "filtered")];
    let expected = "SELECT id, note FROM orders WHERE id > 900 AND note <> 'hidden'";
    read_whole(&setup, change, &options, expected).await;
}

#[tokio::test]
async fn tables_that_inherit_are_tables_of_their_own() {
    let setup = format!(
        "{}; CREATE TABLE heir () INHERITS (orders); INSERT INTO heir VALUES (70000, 'heir')",
        orders(KEYED)
    );
    let change = "INSERT INTO heir VALUES (70001, 'heir'); INSERT INTO orders VALUES (5001, 'own')";
    read_whole(&setup, change, &[], "SELECT id, note FROM ONLY orders").await;
}

#[tokio::test]
async fn partitions_are_read_through_their_root_or_under_their_own_names() {
    let table = "CREATE TABLE orders (id bigint PRIMARY KEY, note text) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF orders FOR VALUES FROM (0) TO (600);
        CREATE TABLE high PARTITION OF orders FOR VALUES FROM (600) TO (100000)";
    let identity = "ALTER TABLE low REPLICA IDENTITY FULL; ALTER TABLE high REPLICA IDENTITY FULL";
    let change = "UPDATE orders SET id = 901, note = 'moved' WHERE id = 100; DELETE FROM orders WHERE id = 800;
        INSERT INTO orders VALUES (1, 'low'), (9001, 'high')";
    let setup = format!("{}; {identity}", orders(table));
    read_whole(&setup, change, &[], ALL).await;
    let leaves = format!("{setup}; CREATE PUBLICATION leaves FOR TABLE orders");
    read_whole(&leaves, change, &[("debezium.publication.name", "leaves")], ALL).await;
}
