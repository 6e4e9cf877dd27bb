//! What happens to servers and networks: nothing is lost, nothing comes twice, or it is said.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::job::{Job, Writers};
use support::proxy::Proxy;
use support::{Fixture, LIMIT, told, with};
use tailwater_connector_api::{ErrorKind, TableSpec};
use tailwater_testkit_postgres::{Cluster, Shutdown, wait_for};
use tailwater_types::TypeKind;

const ORDERS: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, note text);
    ALTER TABLE orders REPLICA IDENTITY FULL;
    INSERT INTO orders SELECT i * 2, 'first' FROM generate_series(1, 2000) i; ANALYZE orders";

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::BigInt), ("note", TypeKind::STRING)]
}

/// Read in chunks of which there are forty.
fn chunked(db: &Fixture) -> TableSpec {
    with(db.cdc(&columns(), &[0]), &[("scan.incremental.snapshot.chunk.size", "50")])
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Snapshot,
    Stream,
}

const PHASES: [Phase; 2] = [Phase::Snapshot, Phase::Stream];

/// Has a job meet a fault under load, and compares afterwards. Gives the job.
async fn survives(db: &Fixture, spec: TableSpec, phase: Phase, fault: impl AsyncFn()) -> Job {
    let writers = Writers::start(db, 2);
    let mut job = Job::new(spec);
    match phase {
        Phase::Snapshot => job.until("some chunks", |job| job.kept.len() >= 300).await,
        Phase::Stream => job.until("the stream", Job::is_through).await,
    }
    assert_eq!(job.is_through(), phase == Phase::Stream);
    // A server that is shut down must not wait for a checkpoint that is far away.
    job.acks = false;
    tokio::join!(fault(), job.until("an error", |job| !job.errors.is_empty()));
    job.acks = true;
    writers.stop().await;
    job.must_equal_the_table(&db.cluster, &db.database).await;
    job
}

async fn survives_a_restart(shutdown: Shutdown) {
    let cluster = Arc::new(Cluster::start());
    for phase in PHASES {
        let db = Fixture::on(Arc::clone(&cluster), ORDERS).await;
        let begun = Instant::now();
        let job = survives(&db, chunked(&db), phase, async || {
            let begun = Instant::now();
            cluster.restart(shutdown).await;
            // It does not wait for a checkpoint.
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        })
        .await;
        println!("{phase:?}: {:?}, {}", begun.elapsed(), job.errors[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_restarted_is_read_on_from_where_it_was() {
    survives_a_restart(Shutdown::Fast).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashed_is_read_on_from_where_it_was() {
    survives_a_restart(Shutdown::Immediate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_terminated_are_begun_anew() {
    for phase in PHASES {
        for which in ["backend_type = 'walsender'", "application_name LIKE 'tailwater%'"] {
            let db = Fixture::new(ORDERS).await;
            let sql = format!(
                "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity
                 WHERE datname = current_database() AND {which}"
            );
            survives(&db, chunked(&db), phase, async || {
                assert_ne!(db.text(&sql).await, "0", "{which}");
            })
            .await;
        }
    }
}

async fn behind_a_proxy(cluster: &Arc<Cluster>) -> (Fixture, Proxy, TableSpec) {
    let db = Fixture::on(Arc::clone(cluster), ORDERS).await;
    let proxy = Proxy::start(db.cluster.port()).await;
    let port = proxy.port.to_string();
    let spec = with(chunked(&db), &[("port", port.as_str()), ("connect.timeout", "4s")]);
    (db, proxy, spec)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut_is_met_by_another_connection() {
    let cluster = Cluster::shared();
    for phase in PHASES {
        let (db, proxy, spec) = behind_a_proxy(&cluster).await;
        survives(&db, spec, phase, async || proxy.cut()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_stalls_without_a_sign_is_noticed_in_time() {
    let cluster = Arc::new(Cluster::builder().setting("wal_sender_timeout", "2s").start());
    for phase in PHASES {
        let (db, proxy, spec) = behind_a_proxy(&cluster).await;
        let writers = Writers::start(&db, 2);
        let mut job = Job::new(spec);
        match phase {
            Phase::Snapshot => job.until("some chunks", |job| job.kept.len() >= 300).await,
            Phase::Stream => job.until("the stream", Job::is_through).await,
        }
        proxy.stall();
        let begun = Instant::now();
        // A reader of the snapshot may be just connecting, and notice it first.
        job.until("an error", |job| !job.errors.is_empty()).await;
        let noticed = begun.elapsed();
        assert!(noticed < Duration::from_secs(10), "{phase:?}: {noticed:?}");
        if phase == Phase::Stream {
            assert_eq!(job.errors[0].to_string(), "the server has been silent for 3 s");
            assert_eq!(job.errors[0].kind(), ErrorKind::Timeout);
        }
        // It stays so for a while.
        job.until("more errors", |job| job.errors.len() >= 2).await;
        proxy.heal();
        writers.stop().await;
        job.must_equal_the_table(&db.cluster, &db.database).await;
    }
}

/// A job that has got through the snapshot and is away.
async fn away(db: &Fixture) -> Job {
    let mut job = Job::new(db.cdc(&columns(), &[0]));
    job.until("the stream", Job::is_through).await;
    job.leave();
    let held = "SELECT count(*)::text FROM pg_replication_slots WHERE active AND database = current_database()";
    wait_for("the slot to be free", LIMIT, || async { (db.text(held).await == "0").then_some(()) })
        .await;
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_was_dropped_or_made_anew_meanwhile_is_an_error() {
    let db = Fixture::new(ORDERS).await;
    let mut job = away(&db).await;
    let drop = format!("SELECT pg_drop_replication_slot('slot_{}')", db.database);
    db.sql(&format!("{drop}; INSERT INTO orders VALUES (1, 'missed')")).await;
    let error = job.error().await;
    assert_eq!(error.kind(), ErrorKind::PlaceLost);
    assert!(error.to_string().contains("is gone: changes behind"), "{error}");
    let make =
        "SELECT pg_create_logical_replication_slot('slot_' || current_database(), 'pgoutput')";
    db.sql(make).await;
    let error = job.error().await;
    assert_eq!(error.kind(), ErrorKind::PlaceLost);
    assert!(error.to_string().contains("the changes between them are missing"), "{error}");
    assert!(!job.has("+I[1, missed]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_was_invalidated_meanwhile_is_an_error() {
    let cluster = Cluster::builder()
        .setting("max_slot_wal_keep_size", "1MB")
        .setting("min_wal_size", "32MB")
        .setting("max_wal_size", "32MB")
        .start();
    let db = Fixture::on(Arc::new(cluster), ORDERS).await;
    let mut job = away(&db).await;
    for _ in 0..3 {
        db.sql("INSERT INTO orders SELECT max(id) + 1, 'missed' FROM orders").await;
        db.sql("SELECT pg_switch_wal()").await;
        db.sql("CHECKPOINT").await;
    }
    let error = job.error().await;
    assert_eq!(error.kind(), ErrorKind::PlaceLost);
    assert!(error.to_string().contains("is lost: the server has removed WAL"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_restored_to_an_earlier_time_is_an_error() {
    let cluster = Arc::new(Cluster::start());
    let db = Fixture::on(Arc::clone(&cluster), ORDERS).await;
    let mut job = away(&db).await;
    cluster.stop(Shutdown::Fast).await;
    let backup = cluster.back_up();
    cluster.start_again();
    let client = cluster.connect(&db.database).await;
    client.batch_execute("INSERT INTO orders VALUES (1, 'forgotten')").await.expect("a row");
    job.until("what will be forgotten", |job| job.has("+I[1, forgotten]")).await;
    job.leave();
    cluster.stop(Shutdown::Fast).await;
    cluster.restore(&backup);
    cluster.start_again();
    let error = job.error().await;
    let text = told(&error, &[]);
    assert!(text.contains("PlaceLost: the server's WAL ends at"), "{text}");
    assert!(text.contains("where the job stopped: it was restored to an earlier time"), "{text}");
}

const CREDENTIALS: &str = "CREATE ROLE $R LOGIN SUPERUSER PASSWORD 'one'";

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_changed_is_refused_until_it_is_right_again() {
    let db = Fixture::new(ORDERS).await;
    let role = format!("reader_{}", db.database);
    db.sql(&CREDENTIALS.replace("$R", &role)).await;
    let spec = with(chunked(&db), &[("username", role.as_str()), ("password", "one")]);
    let rotate = async |password: &str| {
        db.sql(&format!("ALTER ROLE {role} PASSWORD '{password}'")).await;
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE usename = '{role}'"
        );
        db.text(&sql).await;
    };
    let mut job = Job::new(spec);
    job.until("some chunks", |job| job.kept.len() >= 300).await;
    rotate("two").await;
    let is_refused = |job: &Job| job.errors.iter().any(|error| error.kind() == ErrorKind::Auth);
    job.until("a refusal", is_refused).await;
    let error = job.errors.last().expect("an error");
    let expected = format!("the server refuses the password of user \"{role}\"");
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.hint(), Some("check \"username\" and \"password\""));
    rotate("one").await;
    job.must_equal_the_table(&db.cluster, &db.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_privilege_that_is_taken_ends_the_job_with_the_statement_that_gives_it_back() {
    let db = Fixture::new(
        "CREATE TABLE orders (id bigint PRIMARY KEY, note text);
         ALTER TABLE orders REPLICA IDENTITY FULL; CREATE PUBLICATION ours FOR TABLE orders;
         INSERT INTO orders SELECT i, 'first' FROM generate_series(1, 20000) i; ANALYZE orders",
    )
    .await;
    let (database, role) = (&db.database, format!("reader_{}", db.database));
    db.sql(&format!(
        "CREATE ROLE {role} LOGIN REPLICATION PASSWORD 'one'; GRANT SELECT ON orders TO {role};
         REVOKE CONNECT ON DATABASE {database} FROM PUBLIC;
         GRANT CONNECT ON DATABASE {database} TO {role}"
    ))
    .await;
    let settings = [
        ("username", role.as_str()),
        ("password", "one"),
        ("debezium.publication.name", "ours"),
        ("debezium.publication.autocreate.mode", "disabled"),
    ];
    let mut job = Job::new(with(chunked(&db), &settings));
    job.until("some chunks", |job| job.kept.len() >= 300).await;
    // While it reads, and when it comes back.
    for taken in [
        "REVOKE SELECT ON \"public\".\"orders\" FROM $R;",
        "ALTER ROLE $R NOREPLICATION;",
        "REVOKE CONNECT ON DATABASE $D FROM $R;",
    ] {
        let (quoted, of) = (format!("\"{role}\""), format!("\"{database}\""));
        let taken = taken.replace("$R", &quoted).replace("$D", &of);
        db.sql(&taken).await;
        let error = job.error().await;
        assert_eq!(error.kind(), ErrorKind::Denied, "{taken} {error}");
        let hint = error.hint().expect("how to mend it");
        let mend = taken.replace("REVOKE", "GRANT").replace("FROM", "TO");
        let mend = mend.replace("NOREPLICATION", "REPLICATION");
        assert!(hint.contains(&mend), "{hint}");
        db.sql(&mend).await;
    }
    job.must_equal_the_table(&db.cluster, database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_stops_the_job_before_it() {
    let cases = [
        ("numeric", TypeKind::Decimal { precision: 10, scale: 2 }, "1", "'NaN'"),
        ("numeric", TypeKind::Decimal { precision: 10, scale: 2 }, "1", "123456789.5"),
        ("date", TypeKind::Date, "'2024-02-29'", "'infinity'"),
        ("timestamp", TypeKind::Timestamp(6), "'2024-02-29'", "'-infinity'"),
    ];
    for (pg_type, kind, good, bad) in cases {
        let db = Fixture::new(&format!(
            "CREATE TABLE orders (id int PRIMARY KEY, v {pg_type}); ALTER TABLE orders REPLICA IDENTITY FULL;
             INSERT INTO orders VALUES (1, {good})"
        ))
        .await;
        let spec = db.cdc(&[("id", TypeKind::Int), ("v", kind)], &[0]);
        let mut job = Job::new(spec);
        job.until("the stream", Job::is_through).await;
        db.sql(&format!("INSERT INTO orders VALUES (2, {good})")).await;
        job.until("a good row", |job| job.kept.len() == 2).await;
        db.sql(&format!("INSERT INTO orders VALUES (3, {good}), (4, {bad}), (5, {good})")).await;
        // It does not pass by itself either.
        for _ in 0..2 {
            let error = job.error().await;
            assert_eq!(error.kind(), ErrorKind::BadData, "{pg_type} {bad}");
            let message = error.to_string();
            assert!(message.contains("column \"v\" of table \"public.orders\""), "{message}");
            let is_told = message.contains("NaN") || message.contains("infinity");
            assert!(is_told || !message.contains(bad.trim_matches('\'')), "{message}");
        }
        assert!(!job.kept.iter().any(|row| row.contains("[4,") || row.contains("[5,")));
        // The snapshot says the same.
        let fresh = [("slot.name", format!("fresh_{}", db.database))];
        let mut fresh = Job::new(with(job.spec.clone(), &[(fresh[0].0, fresh[0].1.as_str())]));
        let error = fresh.error().await;
        assert!(error.to_string().contains("column \"v\" of table"), "{error}");
        assert!(fresh.kept.is_empty());
    }
}

/// A server with a standby that has got everything, and a job that has read from the first.
struct Pair {
    primary: Arc<Cluster>,
    standby: Cluster,
    db: Fixture,
    job: Job,
}

/// The place that a position begins with.
fn lsn(position: &str) -> u64 {
    let (high, rest) = position.split_once('/').expect("an LSN");
    let low = rest.split(':').next().unwrap_or_default();
    let number = |hex| u64::from_str_radix(hex, 16).expect("an LSN");
    number(high) << 32 | number(low)
}

/// The same job, reading from the other server.
fn moved(job: &Job, to: &Cluster) -> Job {
    let port = to.port().to_string();
    let mut moved = Job::new(with(job.spec.clone(), &[("port", port.as_str())]));
    moved.kept.clone_from(&job.kept);
    moved.position.clone_from(&job.position);
    moved
}

async fn truth(cluster: &Cluster, database: &str, sql: &str) -> bool {
    let client = cluster.connect(database).await;
    client.query_one(sql, &[]).await.is_ok_and(|row| row.get(0))
}

impl Pair {
    async fn new() -> Self {
        let primary = Arc::new(Cluster::start());
        let db = Fixture::on(Arc::clone(&primary), ORDERS).await;
        db.sql("SELECT pg_create_physical_replication_slot('standby', true)").await;
        primary.stop(Shutdown::Fast).await;
        let backup = primary.back_up();
        primary.start_again();
        let conninfo = format!(
            "host=127.0.0.1 port={} user=postgres password='{}' dbname=postgres",
            primary.port(),
            primary.password().replace('\'', "\\'")
        );
        let settings = [
            ("primary_conninfo", conninfo.as_str()),
            ("primary_slot_name", "standby"),
            ("hot_standby_feedback", "on"),
        ];
        let standby = primary.standby(backup, &settings);
        let client = primary.connect(&db.database).await;
        let db = Fixture { client, ..db };
        let mut job = Job::new(db.cdc(&columns(), &[0]));
        job.until("the stream", Job::is_through).await;
        let mut pair = Self { primary, standby, db, job };
        pair.sync_slot().await;
        pair
    }

    async fn write(&mut self, id: u32) {
        self.db.sql(&format!("INSERT INTO orders VALUES ({id}, 'new')")).await;
        let row = format!("+I[{id}, new]");
        self.job.until("the new row", |job| job.has(&row)).await;
    }

    /// PostgreSQL 17 and later give the standby the slot, once it needs nothing that the standby
    /// has never had: the slot moves on with each snapshot in the WAL, while nobody writes.
    async fn sync_slot(&mut self) {
        let syncing = self.standby.connect("postgres").await;
        for _ in 0..20 {
            if self.primary.version() >= 17 {
                self.db.sql("SELECT pg_log_standby_snapshot()").await;
            }
            let end = lsn(&self.db.text("SELECT pg_current_wal_lsn()::text").await);
            let has_passed = |job: &Job| job.position.as_ref().is_some_and(|p| lsn(&p.0) >= end);
            self.job.until("an idle server's progress", has_passed).await;
            self.wait_for_standby().await;
            if self.primary.version() < 17 {
                return;
            }
            syncing.batch_execute("SELECT pg_sync_replication_slots()").await.expect("a sync");
            let is_there =
                "SELECT count(*) = 1 FROM pg_replication_slots WHERE synced AND NOT temporary";
            if truth(&self.standby, "postgres", is_there).await {
                return;
            }
        }
        panic!("the slot does not get to the standby");
    }

    async fn wait_for_standby(&self) {
        let end = self.db.text("SELECT pg_current_wal_lsn()::text").await;
        let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{end}'");
        wait_for("the standby", LIMIT, || async {
            truth(&self.standby, "postgres", &sql).await.then_some(())
        })
        .await;
    }

    async fn promote(&self) {
        assert!(truth(&self.standby, "postgres", "SELECT pg_promote()").await, "not promoted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_that_has_everything_is_read_on_and_one_that_has_not_is_refused() {
    let mut pair = Pair::new().await;
    // As long as it is a standby a job waits.
    let mut moved_job = moved(&pair.job, &pair.standby);
    let error = moved_job.error().await;
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    pair.promote().await;
    // The old primary goes on by itself, and the job with it.
    pair.write(20_000).await;
    let error = moved(&pair.job, &pair.standby).error().await;
    let text = told(&error, &[]);
    assert!(
        text.contains("PlaceLost: the server is on timeline 2, which does not contain"),
        "{text}"
    );
    pair.job.leave();
    if pair.primary.version() < 17 {
        let error = moved_job.error().await;
        assert!(error.to_string().contains("is gone: changes behind"), "{error}");
        return;
    }
    moved_job.must_equal_the_table(&pair.standby, &pair.db.database).await;
    assert!(!moved_job.has("+I[20000, new]"));
}
