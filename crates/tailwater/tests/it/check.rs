//! `tailwater check`: how every precondition of a script stands, all at once, and nothing changed.

use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::Value;
use tailwater_testkit_postgres::{Client, Cluster, wait_for};

use crate::binary::{Ran, Workspace};
use crate::scrub::scrub_server;

const TABLES: &str = "
CREATE TABLE orders (id bigint PRIMARY KEY, customer text, amount numeric(10, 2));
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE TABLE totals (customer text PRIMARY KEY, n bigint, total numeric(38, 2));";

const SOURCE: &str = "
CREATE TABLE orders (id BIGINT, customer STRING, amount DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED) WITH (
  'connector' = 'postgres-cdc', 'hostname' = '127.0.0.1', 'port' = '$PORT', 'username' = '$USER',
  'password' = '$PASSWORD', 'database-name' = '$DATABASE', 'schema-name' = 'public',
  'table-name' = 'orders', 'slot.name' = '$DATABASE');";

const SINK: &str = "
CREATE TABLE totals (customer STRING, n BIGINT, total DECIMAL(38, 2), PRIMARY KEY (customer) NOT ENFORCED) WITH (
  'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:$PORT/$DATABASE', 'table-name' = 'totals',
  'username' = '$USER', 'password' = '$PASSWORD');
INSERT INTO totals SELECT customer, COUNT(*), SUM(amount) FROM orders GROUP BY customer;";

/// A database with the tables of a script, and a role that may do what the script needs.
struct Place {
    cluster: Arc<Cluster>,
    database: String,
    client: Client,
    role: String,
    workspace: Workspace,
}

impl Place {
    async fn shared() -> Self {
        Self::on(Cluster::shared()).await
    }

    /// On a server that has nothing to be warned of.
    async fn with(settings: &[(&str, &str)]) -> Self {
        let mut builder = Cluster::builder().setting("max_slot_wal_keep_size", "1GB");
        for (name, value) in settings {
            builder = builder.setting(name, value);
        }
        Self::on(Arc::new(builder.start())).await
    }

    async fn on(cluster: Arc<Cluster>) -> Self {
        let database = cluster.create_database().await;
        let client = cluster.connect(&database).await;
        let role = format!("role_{database}");
        let sql = format!(
            "{TABLES} CREATE ROLE {role} LOGIN REPLICATION PASSWORD 'role-secret';
             GRANT CREATE ON DATABASE {database} TO {role};
             ALTER TABLE orders OWNER TO {role}; ALTER TABLE totals OWNER TO {role};"
        );
        client.batch_execute(&sql).await.unwrap();
        Self { cluster, database, client, role, workspace: Workspace::new() }
    }

    async fn sql(&self, sql: &str) {
        self.client.batch_execute(&self.fill(sql)).await.unwrap();
    }

    fn fill(&self, text: &str) -> String {
        text.replace("$PORT", &self.cluster.port().to_string())
            .replace("$DATABASE", &self.database)
            .replace("$USER", &self.role)
            .replace("$PASSWORD", "role-secret")
    }

    async fn check(&self, script: &str, args: &[&str]) -> Ran {
        self.workspace.write("job.sql", &self.fill(script));
        let all: Vec<&str> = ["check", "job.sql"].iter().chain(args).copied().collect();
        let made = "SELECT (SELECT count(*) FROM pg_replication_slots WHERE database =
            current_database()) + (SELECT count(*) FROM pg_publication)";
        let count = async || self.client.query_one(made, &[]).await.unwrap().get::<_, i64>(0);
        let before = count().await;
        let ran = self.workspace.run_command(&all, &[]);
        assert_eq!(count().await, before, "a check has changed something");
        for secret in ["role-secret", "wrong-secret"] {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{ran:?}");
        }
        ran
    }

    fn scrub(&self, text: &str) -> String {
        let text = scrub_server(text, self.cluster.port(), self.cluster.password());
        let text = text.replace(&self.role, "$ROLE").replace(&self.database, "$DATABASE");
        // What PostgreSQL 18 and later are asked for besides, and say besides.
        let text = text.replace(", publish_generated_columns = stored", "");
        // `PostgreSQL 15.18, database`
        let Some((before, rest)) = text.split_once("PostgreSQL 1") else { return text };
        match rest.split_once(", database") {
            Some((_, after)) => format!("{before}PostgreSQL $VERSION, database{after}"),
            None => text,
        }
    }

    /// Checks a script of which something fails; shows warnings and failures, without what is
    /// true of the shared server.
    async fn fails(&self, script: &str, expected: &Expect) {
        let ran = self.check(script, &[]).await;
        expected.assert_eq(&self.problems(&ran));
        ran.assert_code(1);
    }

    fn problems(&self, ran: &Ran) -> String {
        let mut shown = String::new();
        let mut is_problem = false;
        for line in ran.stdout.lines() {
            if !line.trim_start().starts_with("mend: ") {
                let is_bad = line.starts_with("  fail") || line.starts_with("  warn");
                let shared = ["max-slot-wal-keep-size", "old-transactions"];
                is_problem = is_bad && !shared.iter().any(|code| line.contains(code));
            }
            if is_problem {
                let words: Vec<&str> = line.split("  ").filter(|w| !w.is_empty()).collect();
                shown.push_str(&format!("{}\n", words.join("  ").replace("  ", " ")));
            }
        }
        self.scrub(&(shown + &ran.stderr))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_script_is_ok_throughout() {
    let place = Place::with(&[]).await;
    place
        .sql("INSERT INTO orders SELECT i, 'c', 1 FROM generate_series(1, 100) i; ANALYZE orders")
        .await;
    let script = format!("{SOURCE}{SINK}");
    let ran = place.check(&script, &[]).await;
    expect![[r#"
        server 127.0.0.1:$PORT
          ok    connection              PostgreSQL $VERSION, database "$DATABASE", role "$ROLE"
          ok    tls                     without TLS; the connection does not leave this machine
          ok    role-superuser          role "$ROLE" is no superuser
          ok    wal-level               wal_level is "logical"
          ok    role-replication        role "$ROLE" may replicate
          ok    wal-senders             0 of 40 WAL senders are in use
          ok    replication-slots       0 of 100 replication slots are in use
          ok    max-slot-wal-keep-size  a stopped job keeps at most 1GB of WAL on the server
          ok    wal-sender-timeout      a lost connection frees its slot after 1min
          ok    old-transactions        no long transaction holds the start back
          ok    replication-connection  the server takes a connection for replication

        source orders (postgres-cdc)
          ok    select-privilege        the role may read "public.orders"
          ok    replica-identity        "public.orders" writes whole old rows to the WAL
          ok    slot                    slot "$DATABASE" will be made
          ok    publication             will be published: CREATE PUBLICATION "tailwater_$DATABASE" FOR TABLE "public"."orders" WITH (publish_via_partition_root = true);
          ok    columns                 3 of the 3 columns of "public.orders" are declared
          ok    primary-key             the declared key (id) is unique in "public.orders"
          ok    snapshot                about 100 rows, 16 KiB: read by pages in one transaction

        sink totals (jdbc)
          ok    unique-key              the declared key (customer) is unique in the table
          ok    privileges              the role has SELECT, INSERT, UPDATE, DELETE
          ok    columns                 3 of the 3 columns of "public.totals" are written
          ok    statements              the server takes the statements of the sink

        22 ok, 0 notes, 0 warnings, 0 failures
    "#]].assert_eq(&place.scrub(&ran.stdout));
    assert_eq!(ran.stderr, "");
    ran.assert_code(0);

    let ran = place.check(&script, &["--json"]).await;
    ran.assert_code(0);
    let lines = ran.lines();
    let (summary, all) = lines.split_last().unwrap();
    assert_eq!(summary["kind"], "summary");
    assert_eq!((&summary["fail"], &summary["warn"]), (&Value::from(0), &Value::from(0)));
    assert_eq!(summary["ok"], all.len());
    assert!(all.iter().all(|line| line["verdict"] == "ok"), "{}", ran.stdout);
    let line = |code: &str| all.iter().find(|line| line["code"] == code).unwrap();
    let server = format!("127.0.0.1:{}", place.cluster.port());
    assert_eq!(line("tls")["server"], server.as_str());
    assert_eq!(line("tls")["table"], Value::Null);
    let identity = line("replica-identity");
    assert_eq!(identity["table"], "default_catalog.default_database.orders");
    assert_eq!(
        (&identity["role"], &identity["connector"]),
        (&"source".into(), &"postgres-cdc".into())
    );
    assert_eq!(identity["object"], serde_json::json!({"kind": "table", "name": "public.orders"}));
    assert_eq!(identity["mend"], Value::Null);
    assert_eq!(line("unique-key")["role"], "sink");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_logical_wal_fails_with_everything_else_that_does() {
    let place = Place::with(&[("wal_level", "replica"), ("max_replication_slots", "1")]).await;
    place
        .sql(
            "SELECT pg_create_physical_replication_slot('standby');
            ALTER TABLE orders REPLICA IDENTITY NOTHING; DROP TABLE totals",
        )
        .await;
    place.fails(&format!("{SOURCE}{SINK}"), &expect![[r#"
        fail wal-level  wal_level is "replica", changes are only written at "logical"
        mend: ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL
        fail replication-slots  all 1 replication slots of the server are in use
        mend: drop slots that nobody needs (SELECT slot_name, active FROM pg_replication_slots;), or raise max_replication_slots and restart PostgreSQL
        fail replica-identity the declared key column "id" is not in the replica identity of table "public.orders": deletes would not carry it
        mend: declare the table's own primary key, or ALTER TABLE "public"."orders" REPLICA IDENTITY FULL;
        fail table  table "public.totals" does not exist
        mend: CREATE TABLE "public"."totals" ("customer" text NOT NULL, "n" bigint, "total" numeric(38, 2), PRIMARY KEY ("customer"));
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_is_told_each_of_them() {
    let place = Place::shared().await;
    place
        .sql(
            "ALTER ROLE $USER NOREPLICATION; REVOKE CREATE ON DATABASE $DATABASE FROM $USER;
            ALTER TABLE orders OWNER TO postgres; ALTER TABLE totals OWNER TO postgres;
            GRANT SELECT, INSERT ON totals TO $USER",
        )
        .await;
    place.fails(&format!("{SOURCE}{SINK}"), &expect![[r#"
        fail role-replication role "$ROLE" may not replicate
        mend: as a superuser: ALTER ROLE "$ROLE" REPLICATION;
        fail select-privilege role "$ROLE" may not read table "public.orders"
        mend: as the owner: GRANT USAGE ON SCHEMA "public" TO "$ROLE"; GRANT SELECT ON "public"."orders" TO "$ROLE";
        fail publish-privilege  role "$ROLE" may not publish table "public.orders"
        mend: as the table's owner: CREATE PUBLICATION "tailwater_$DATABASE" FOR TABLE "public"."orders" WITH (publish_via_partition_root = true);
        fail privileges role "$ROLE" lacks UPDATE, DELETE on table "public.totals"
        mend: as the owner: GRANT UPDATE, DELETE ON "public"."totals" TO "$ROLE";
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_may_make_no_publication_is_told_which_right_it_lacks() {
    let place = Place::shared().await;
    place.sql("REVOKE CREATE ON DATABASE $DATABASE FROM $USER").await;
    place.fails(&format!("{SOURCE}{SINK}"), &expect![[r#"
        fail publish-privilege  role "$ROLE" may not publish table "public.orders": it lacks CREATE on database "$DATABASE"
        mend: as the database's owner: GRANT CREATE ON DATABASE "$DATABASE" TO "$ROLE";
    "#]]).await;
    place.sql("CREATE PUBLICATION tailwater_$DATABASE").await;
    place.fails(&format!("{SOURCE}{SINK}"), &expect![[r#"
        fail publish-privilege  role "$ROLE" may not publish table "public.orders": it does not own publication "tailwater_$DATABASE"
        mend: as the publication's owner: ALTER PUBLICATION "tailwater_$DATABASE" ADD TABLE "public"."orders";
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_free_wal_sender_fails() {
    let place = Place::with(&[("max_wal_senders", "1")]).await;
    place.sql("INSERT INTO orders VALUES (1, 'c', 1)").await;
    let script = place.fill(&format!("{SOURCE}{SINK}"));
    let mut job = place.workspace.start(&script, &[]);
    job.wait_for_output("successfully submitted");
    wait_for("the sender to be in use", Duration::from_secs(20), async || {
        let sql = "SELECT 1 FROM pg_replication_slots WHERE active";
        place.client.query_opt(sql, &[]).await.unwrap()
    })
    .await;
    let other = SOURCE.replace("'slot.name' = '$DATABASE'", "'slot.name' = 'other'");
    place
        .fails(
            &format!("{other}{SINK}"),
            &expect![[r#"
        fail wal-senders  all 1 WAL senders of the server are in use
        mend: stop another reader, or raise max_wal_senders and restart PostgreSQL
    "#]],
        )
        .await;
    job.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_together_want_too_many_slots_fail() {
    let place = Place::with(&[("max_replication_slots", "1")]).await;
    let other = SOURCE
        .replace("TABLE orders", "TABLE others")
        .replace("'slot.name' = '$DATABASE'", "'slot.name' = 'other'");
    let script = format!("{SOURCE}{other}{SINK} SELECT id FROM others;");
    place.fails(&script, &expect![[r#"
        fail replication-slots  the script needs 2 more replication slots, and the server has 1 left
        mend: drop slots that nobody needs (SELECT slot_name, active FROM pg_replication_slots;), or raise max_replication_slots and restart PostgreSQL
    "#]]).await;
    // Two tables on one slot need one.
    place.check(&script.replace("'other'", "'$DATABASE'"), &[]).await.assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_and_settings_that_may_do_harm_are_warned_of() {
    let place = Place::with(&[
        ("max_slot_wal_keep_size", "-1"),
        ("wal_sender_timeout", "0"),
        ("synchronous_standby_names", "nobody"),
        ("synchronous_commit", "local"),
    ])
    .await;
    let script = SOURCE.replace("$USER", "postgres").replace("$PASSWORD", "p4ss''wörd");
    let ran = place.check(&(script + "SELECT * FROM orders;"), &[]).await;
    ran.assert_code(0);
    let warnings: Vec<&str> =
        ran.stdout.lines().map(str::trim).filter(|line| line.starts_with("warn")).collect();
    expect![[r#"
          warn  role-superuser          role "postgres" is a superuser: it may do more than it needs
          warn  synchronous-standby     commits wait for a standby of "nobody", and none is connected
          warn  max-slot-wal-keep-size  max_slot_wal_keep_size is -1: while a job is stopped, the WAL that is kept for it can fill the server's disk
          warn  wal-sender-timeout      wal_sender_timeout is 0: after a lost connection the slot stays in use until the network notices"#]].assert_eq(&place.scrub(&warnings.join("\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_do_not_fit_fail_with_every_column() {
    let place = Place::shared().await;
    place
        .sql(
            "CREATE TABLE pairs (a int, b numeric, d point, e bigint);
            ALTER TABLE pairs REPLICA IDENTITY FULL;
            ALTER TABLE pairs OWNER TO $USER; ALTER TABLE totals DROP COLUMN total, DROP COLUMN n,
              ADD must text NOT NULL; ALTER TABLE totals DROP CONSTRAINT totals_pkey",
        )
        .await;
    let source = SOURCE.replace("'table-name' = 'orders'", "'table-name' = 'pairs'").replace(
        "id BIGINT, customer STRING, amount DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED",
        "a INT NOT NULL, b DECIMAL(10, 2), d DOUBLE, e INT, aa INT",
    );
    let sink = SINK.replace(
        "SELECT customer, COUNT(*), SUM(amount) FROM orders GROUP BY customer",
        "SELECT CAST(a AS STRING), COUNT(*), SUM(b) FROM orders GROUP BY CAST(a AS STRING)",
    );
    place.fails(&format!("{source}{sink}"), &expect![[r#"
        fail columns  column "d" of table "public.pairs" is point and cannot be read as DOUBLE
        mend: declare it with the type that fits, or as STRING
        fail columns  column "aa" is not in table "public.pairs"
        mend: did you mean "a"?
        warn not-null column "a" is declared NOT NULL and may hold NULL
        mend: ALTER TABLE "public"."pairs" ALTER COLUMN "a" SET NOT NULL; or declare it without NOT NULL
        warn column-type  column "b" is numeric and declared DECIMAL(10, 2): a value that does not fit stops the job
        mend: declare it STRING, which takes every value; or ALTER TABLE "public"."pairs" ALTER COLUMN "b" TYPE numeric(10,2);
        warn column-type  column "e" is bigint and declared INT: a value that does not fit stops the job
        mend: declare it wider, or STRING, which takes every value
        fail columns  column "n" is not in table "public.totals"
        mend: ALTER TABLE "public"."totals" ADD COLUMN "n" bigint;
        fail columns  column "total" is not in table "public.totals"
        mend: ALTER TABLE "public"."totals" ADD COLUMN "total" numeric(38, 2);
        fail unique-key table "public.totals" has no unique constraint on the declared primary key "customer"
        mend: ALTER TABLE "public"."totals" ADD PRIMARY KEY ("customer");
        fail not-null column "must" of table "public.totals" is NOT NULL without a default, and is not written
        mend: declare and write it, or ALTER TABLE "public"."totals" ALTER COLUMN "must" DROP NOT NULL;
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_column_that_does_not_come_fails() {
    let place = Place::shared().await;
    place
        .sql(
            "ALTER TABLE orders ADD n int GENERATED ALWAYS AS (1) STORED;
            CREATE PUBLICATION tailwater_$DATABASE FOR TABLE orders",
        )
        .await;
    let source = SOURCE.replace("customer STRING", "customer STRING, n INT");
    let ran = place.check(&format!("{source}{SINK}"), &[]).await;
    ran.assert_code(1);
    let failures: Vec<&str> =
        ran.stdout.lines().filter(|line| line.starts_with("  fail")).collect();
    assert_eq!(failures.len(), 1, "{}", ran.stdout);
    assert!(failures[0].contains("generated-columns") && failures[0].contains("column \"n\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_identity_that_does_not_serve_fails() {
    let place = Place::shared().await;
    place.sql("ALTER TABLE orders REPLICA IDENTITY NOTHING").await;
    let unkeyed = SOURCE.replace(", PRIMARY KEY (id) NOT ENFORCED", "");
    place.fails(&format!("{unkeyed}{SINK}"), &expect![[r#"
        fail replica-identity table "public.orders" does not write whole old rows to the WAL, and no key is declared by which they could be told apart
        mend: ALTER TABLE "public"."orders" REPLICA IDENTITY FULL; Or declare PRIMARY KEY (...) NOT ENFORCED
    "#]]).await;
    let upsert = SOURCE.replace("'slot.name'", "'changelog-mode' = 'upsert', 'slot.name'");
    place.fails(&format!("{upsert}{SINK}"), &expect![[r#"
        fail replica-identity the declared key column "id" is not in the replica identity of table "public.orders": deletes would not carry it
        mend: declare the table's own primary key, or ALTER TABLE "public"."orders" REPLICA IDENTITY FULL;
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_does_not_serve_fails() {
    let place = Place::shared().await;
    place
        .sql("CREATE PUBLICATION tailwater_$DATABASE FOR TABLE totals WITH (publish = 'insert')")
        .await;
    let option = "'debezium.publication.autocreate.mode' = 'disabled', 'slot.name'";
    place
        .fails(&format!("{}{SINK}", SOURCE.replace("'slot.name'", option)), &expect![[r#"
            fail publication-operations publication "tailwater_$DATABASE" does not publish inserts, updates and deletes
            mend: ALTER PUBLICATION "tailwater_$DATABASE" SET (publish = 'insert, update, delete, truncate');
            fail publication-tables publication "tailwater_$DATABASE" does not contain table "public.orders"
            mend: ALTER PUBLICATION "tailwater_$DATABASE" ADD TABLE "public"."orders";
        "#]])
        .await;
    place
        .sql(
            "DROP PUBLICATION tailwater_$DATABASE;
            CREATE PUBLICATION tailwater_$DATABASE FOR TABLE orders (id, customer)",
        )
        .await;
    place.fails(&format!("{SOURCE}{SINK}"), &expect![[r#"
        fail publication-columns  column "amount" of table "public.orders" is not published by publication "tailwater_$DATABASE"
        mend: the publication's column list has id, customer
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_policy_hides_fail() {
    let place = Place::shared().await;
    place
        .sql("ALTER TABLE orders ENABLE ROW LEVEL SECURITY; ALTER TABLE orders FORCE ROW LEVEL SECURITY")
        .await;
    place.fails(&format!("{SOURCE}{SINK}"), &expect![[r#"
        fail row-security row level security hides rows of table "public.orders" from role "$ROLE": the snapshot would lack them
        mend: as a superuser: ALTER ROLE "$ROLE" BYPASSRLS;
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_fails() {
    let place = Place::shared().await;
    place.sql("CREATE VIEW seen AS SELECT * FROM orders; ALTER VIEW seen OWNER TO $USER").await;
    let source = SOURCE.replace("'table-name' = 'orders'", "'table-name' = 'seen'");
    place
        .fails(
            &format!("{source}{SINK}"),
            &expect![[r#"
        fail table  "public.seen" is a view, which writes no changes
        mend: capture the tables beneath it, or read it with 'connector' = 'jdbc'
    "#]],
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_slot_fails() {
    let sizes =
        [("max_slot_wal_keep_size", "1MB"), ("min_wal_size", "32MB"), ("max_wal_size", "32MB")];
    let place = Place::with(&sizes).await;
    place.sql("SELECT pg_create_logical_replication_slot('$DATABASE', 'pgoutput')").await;
    for _ in 0..3 {
        place.sql("SELECT pg_logical_emit_message(false, 'x', 'y'), pg_switch_wal()").await;
        place.sql("CHECKPOINT").await;
    }
    place.fails(&format!("{SOURCE}{SINK}"), &expect![[r#"
        fail slot slot "$DATABASE" is lost: the server has removed WAL that it needs
        mend: SELECT pg_drop_replication_slot('$DATABASE'); and start the job anew with --fresh; raise max_slot_wal_keep_size so that it does not happen again
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_another_reads_fails_and_our_own_job_does_not() {
    let place = Place::shared().await;
    place.sql("INSERT INTO orders VALUES (1, 'c', 1)").await;
    let script =
        place.fill(&format!("SET 'execution.checkpointing.interval' = '1s'; {SOURCE}{SINK}"));
    let mut job = place.workspace.start(&script, &["-D", "pipeline.name=totals"]);
    job.wait_for_output("successfully submitted");
    wait_for("the slot to be read", Duration::from_secs(20), async || {
        let sql = "SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = $1";
        place.client.query_opt(sql, &[&place.database]).await.unwrap()
    })
    .await;
    let ran = place.check(&script, &["-D", "pipeline.name=totals"]).await;
    ran.assert_code(0);
    let expected = format!("slot \"{}\" is in use by process", place.database);
    let note = ran.stdout.lines().find(|line| line.contains(&expected)).unwrap();
    assert!(note.starts_with("  note  slot") && note.contains("the job runs"), "{note}");
    let ran = place.check(&script, &["-D", "pipeline.name=other"]).await;
    ran.assert_code(1);
    let failure = ran.stdout.lines().find(|line| line.starts_with("  fail")).unwrap();
    assert!(failure.contains(&expected) && failure.contains("\"tailwater totals\""), "{failure}");
    job.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_hold_the_start_back_are_named() {
    let place = Place::with(&[("max_prepared_transactions", "2")]).await;
    place.sql("BEGIN; INSERT INTO orders VALUES (1); PREPARE TRANSACTION 'it''s'").await;
    let other = place.cluster.connect(&place.database).await;
    other.batch_execute("BEGIN; INSERT INTO orders VALUES (2)").await.unwrap();
    wait_for("the transaction to be old", Duration::from_secs(20), async || {
        let sql = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'
            AND clock_timestamp() - xact_start > interval '1.1 s'";
        place.client.query_opt(sql, &[]).await.unwrap()
    })
    .await;
    place.sql("GRANT pg_read_all_stats TO $USER").await;
    let ran = place.check(&format!("{SOURCE}{SINK}"), &[]).await;
    ran.assert_code(0);
    let text = ran.stdout.replace('\n', " ");
    for part in [
        "idle in transaction for ",
        "mend: end it, or SELECT pg_terminate_backend(",
        "transaction \"it's\" of role \"postgres\"",
        "COMMIT PREPARED 'it''s'; or ROLLBACK PREPARED 'it''s';",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_the_rows_will_be_read_is_told() {
    let place = Place::shared().await;
    place
        .sql("CREATE TABLE named (name text COLLATE \"POSIX\" PRIMARY KEY); CREATE TABLE local (name text
              COLLATE \"en-x-icu\" PRIMARY KEY); ALTER TABLE named REPLICA IDENTITY FULL;
              ALTER TABLE local REPLICA IDENTITY FULL; ALTER TABLE named OWNER TO $USER;
              ALTER TABLE local OWNER TO $USER")
        .await;
    for (table, expected) in [
        ("named", "no rows: 2 readers in short transactions, cut by (name)"),
        ("local", "read by pages in one transaction, and from its beginning after a crash"),
    ] {
        let script = format!(
            "CREATE TABLE t (name STRING, PRIMARY KEY (name) NOT ENFORCED) WITH (
             'connector' = 'postgres-cdc', 'hostname' = '127.0.0.1', 'port' = '$PORT',
             'username' = '$USER', 'password' = '$PASSWORD', 'database-name' = '$DATABASE',
             'schema-name' = 'public', 'table-name' = '{table}', 'slot.name' = 's',
             'debezium.snapshot.max.threads' = '2', 'scan.incremental.snapshot.chunk.size' = '10');"
        );
        let ran = place.check(&script, &[]).await;
        ran.assert_code(0);
        assert!(ran.stdout.contains(expected), "{}", ran.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_or_refuses_us_fails() {
    let place = Place::shared().await;
    let script = format!("{}{SINK}", SOURCE.replace("$PASSWORD", "wrong-secret"));
    let script = script.replace("127.0.0.1:$PORT", "127.0.0.1:9");
    place.fails(&script, &expect![[r#"
        fail connection the server refuses the password of user "$ROLE"
        mend: check "username" and "password"
        fail connection failed to connect to PostgreSQL at "127.0.0.1:9": Connection refused (os error 111)
        mend: check "hostname" and "port", that the server runs, and that its listen_addresses and firewall let this host in
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_read_once_needs_the_right_to_its_columns() {
    let place = Place::shared().await;
    place.sql("CREATE TABLE tiers (city text, tier numeric, secret text)").await;
    let script = "CREATE TABLE tiers (city STRING, tier DECIMAL(4, 0)) WITH ('connector' = 'jdbc',
        'url' = 'jdbc:postgresql://127.0.0.1:$PORT/$DATABASE', 'table-name' = 'tiers',
        'username' = '$USER', 'password' = '$PASSWORD'); SELECT * FROM tiers;";
    place.fails(script, &expect![[r#"
        fail select-privilege role "$ROLE" may not read table "public.tiers"
        mend: as the owner: GRANT USAGE ON SCHEMA "public" TO "$ROLE"; GRANT SELECT ON "public"."tiers" TO "$ROLE";
        warn column-type  column "tier" is numeric and declared DECIMAL(4, 0): a value that does not fit stops the job
        mend: declare it STRING, which takes every value; or ALTER TABLE "public"."tiers" ALTER COLUMN "tier" TYPE numeric(4,0);
    "#]]).await;
    place.sql("GRANT SELECT (city, tier) ON tiers TO $USER").await;
    place.check(script, &[]).await.assert_code(0);
    // What the check says holds.
    let ran = place.workspace.run(&place.fill(script), &[]);
    ran.assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_read_are_opened() {
    let workspace = Workspace::new();
    workspace.write("there.csv", "1\n");
    let table = |name: &str| {
        format!(
            "CREATE TABLE {name} (a INT) WITH ('connector' = 'filesystem', 'format' = 'csv',
             'path' = '{}/{name}.csv');",
            workspace.path().display()
        )
    };
    let script = format!(
        "{}{} CREATE TABLE p (a INT) WITH ('connector' = 'print'); CREATE TABLE left_out (a INT)
         WITH ('connector' = 'datagen'); INSERT INTO p SELECT * FROM there;
         SELECT * FROM missing;",
        table("there"),
        table("missing")
    );
    workspace.write("job.sql", &script);
    let ran = workspace.run_command(&["check", "job.sql"], &[]);
    ran.assert_code(1);
    let text = ran.stdout.replace(workspace.path().to_str().unwrap(), "$DIRECTORY");
    expect![[r#"
        source there (filesystem)
          ok    path        "$DIRECTORY/there.csv": 1 file, 2 B

        sink p (print)
          ok    connection  there is nothing that could be missing

        source missing (filesystem)
          fail  path        cannot read "$DIRECTORY/missing.csv": No such file or directory (os error 2)
                            mend: 'path' names an existing file or directory of this machine

          note  no statement uses left_out: not checked

        2 ok, 0 notes, 0 warnings, 1 failure
    "#]].assert_eq(&text);
}

#[test]
fn errors_of_the_script_are_shown_as_ever_and_other_files_are_refused() {
    let workspace = Workspace::new();
    workspace.write("job.sql", "SELECT * FROM nowhere;\nSELEC 1;");
    let ran = workspace.run_command(&["check", "job.sql"], &[]);
    ran.assert_code(1);
    assert_eq!(ran.stdout, "");
    let sql = workspace.run_command(&["sql", "-f", "job.sql"], &[]);
    assert_eq!(ran.stderr, sql.stderr);
    let ran = workspace.run_command(&["check", "job.sql", "--json"], &[]);
    ran.assert_code(1);
    assert_eq!(ran.lines()[0]["code"], "E0101");
    let ran = workspace.run_command(&["check", "pipeline.yaml"], &[]);
    ran.assert_code(1);
    assert_eq!(
        ran.stderr,
        "error: \"pipeline.yaml\" is a pipeline in YAML: this is not yet built; check takes SQL scripts and connectors in JSON\n"
    );
    let ran = workspace.run_command(&["check", "none.sql"], &[]);
    ran.assert_code(1);
    assert!(ran.stderr.starts_with("error: cannot read \"none.sql\""), "{}", ran.stderr);
    let ran = workspace.run_command(&["check", "postgres://me:top-secret@db/x"], &[]);
    ran.assert_code(1);
    assert!(!ran.stderr.contains("top-secret"), "{}", ran.stderr);
    workspace.run_command(&["check"], &[]).assert_code(2);
}
