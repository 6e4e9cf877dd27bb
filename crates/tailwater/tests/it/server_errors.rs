//! What the server's state makes impossible is said with the statement that mends it.

use std::time::Duration;

use expect_test::{Expect, expect};
use tailwater_testkit_postgres::{Cluster, wait_for};

use crate::binary::{Ran, Workspace};
use crate::scrub::{scrub, scrub_server};
use crate::shop::{Pipeline, Shop};

const SMALL: &str = "
CREATE TABLE users (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
  'connector' = 'postgres-cdc', 'hostname' = '127.0.0.1', 'port' = '55432',
  'username' = 'tailwater', 'password' = 'tailwater', 'database-name' = 'shop',
  'schema-name' = 'business', 'table-name' = 'users', 'slot.name' = 'tailwater_small');
CREATE TABLE copies (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
  'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:55432/warehouse?currentSchema=result',
  'table-name' = 'copies', 'username' = 'tailwater', 'password' = 'tailwater');
INSERT INTO copies SELECT user_id, city FROM users;
";
const COPIES: &str = "CREATE TABLE result.copies (user_id bigint PRIMARY KEY, city text)";

struct Small {
    shop: Shop,
    workspace: Workspace,
    script: String,
}

impl Small {
    async fn new() -> Self {
        let shop = Shop::open(3, 0).await;
        shop.client.batch_execute(COPIES).await.unwrap();
        let script = shop.adapt(SMALL, "1 h");
        Self { shop, workspace: Workspace::new(), script }
    }

    async fn fails(&self, script: &str, expected: &Expect) {
        let ran = self.workspace.run(script, &["-D", "pipeline.name=copies"]);
        self.says(&ran, expected);
        let slots = self.slots().await;
        assert_eq!(slots, 0, "a slot was made for a job that did not start");
    }

    fn says(&self, ran: &Ran, expected: &Expect) {
        assert!(!ran.stdout.contains(self.shop.password()), "{}", ran.stdout);
        expected.assert_eq(&scrub(&ran.stderr, &self.workspace, Some(&self.shop)));
        ran.assert_code(1);
    }

    async fn wait_for_copies(&self, count: i64) {
        let rows = "SELECT 1 FROM result.copies HAVING count(*) = $1";
        wait_for("the copies", Duration::from_secs(20), async || {
            self.shop.client.query_opt(rows, &[&count]).await.unwrap()
        })
        .await;
    }

    async fn slots(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()";
        self.shop.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_without_showing_it() {
    let small = Small::new().await;
    let password = small.shop.password().replace('\'', "''");
    let script = small.script.replacen(&password, "wrong-secret", 1);
    let ran = small.workspace.run(&script, &[]);
    small.says(&ran, &expect![[r#"
        error[E0170]: source "default_catalog.default_database.users": the server refuses the password of user "postgres"
         --> script.sql:2:14
          |
        2 | CREATE TABLE users (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^
          |
          = help: check "username" and "password"

    "#]]);
    assert!(!ran.stderr.contains("wrong-secret") && !ran.stdout.contains("wrong-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named() {
    let small = Small::new().await;
    let port = small.shop.port().to_string();
    // Nobody listens at the discard port.
    let script = small.script.replacen(&port, "9", 1);
    small.fails(&script, &expect![[r#"
        error[E0170]: source "default_catalog.default_database.users": failed to connect to PostgreSQL at "127.0.0.1:9": Connection refused (os error 111)
         --> script.sql:2:14
          |
        2 | CREATE TABLE users (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^
          |
          = help: check "hostname" and "port", that the server runs, and that its listen_addresses and firewall let this host in

    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_named() {
    let small = Small::new().await;
    let name = format!("'{}'", small.shop.database);
    let script = small.script.replacen(&name, "'no_such_shop'", 1);
    small.fails(&script, &expect![[r#"
        error[E0170]: source "default_catalog.default_database.users": database "no_such_shop" does not exist
         --> script.sql:2:14
          |
        2 | CREATE TABLE users (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^
          |
          = help: CREATE DATABASE "no_such_shop";

    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_source_table_gets_a_proposal() {
    let small = Small::new().await;
    let script = small.script.replace("'table-name' = 'users'", "'table-name' = 'user'");
    small.fails(&script, &expect![[r#"
        error[E0170]: source "default_catalog.default_database.users": table "business.user" does not exist
         --> script.sql:2:14
          |
        2 | CREATE TABLE users (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^
          |
          = help: did you mean "business.users"?

    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_source_column_gets_a_proposal() {
    let small = Small::new().await;
    let script = small.script.replace("city", "citty");
    small
        .shop
        .client
        .batch_execute("ALTER TABLE result.copies RENAME city TO citty")
        .await
        .unwrap();
    small.fails(&script, &expect![[r#"
        error[E0170]: source "default_catalog.default_database.users": column "citty" is not in table "business.users"
         --> script.sql:2:14
          |
        2 | CREATE TABLE users (user_id BIGINT, citty STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^
          |
          = help: did you mean "city"?

    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_whole_old_rows_gets_its_alter_table() {
    let small = Small::new().await;
    let sql = "ALTER TABLE business.users REPLICA IDENTITY DEFAULT";
    small.shop.client.batch_execute(sql).await.unwrap();
    // By a declared key the old rows come from the state.
    let script = small.script.replacen(", PRIMARY KEY (user_id) NOT ENFORCED", "", 1);
    small.fails(&script, &expect![[r#"
        error[E0170]: source "default_catalog.default_database.users": table "business.users" does not write whole old rows to the WAL, and no key is declared by which they could be told apart
         --> script.sql:2:14
          |
        2 | CREATE TABLE users (user_id BIGINT, city STRING) WITH (
          |              ^^^^^
          |
          = help: ALTER TABLE "business"."users" REPLICA IDENTITY FULL; Or declare PRIMARY KEY (...) NOT ENFORCED

    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_sink_table_gets_its_create_table() {
    let small = Small::new().await;
    small.shop.client.batch_execute("DROP TABLE result.copies").await.unwrap();
    small.fails(&small.script, &expect![[r#"
        error[E0170]: sink "default_catalog.default_database.copies": table "result.copies" does not exist
         --> script.sql:6:14
          |
        6 | CREATE TABLE copies (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^^
          |
          = help: CREATE TABLE "result"."copies" ("user_id" bigint NOT NULL, "city" text, PRIMARY KEY ("user_id"));

    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_table_without_the_key_gets_its_alter_table() {
    let small = Small::new().await;
    let sql = "ALTER TABLE result.copies DROP CONSTRAINT copies_pkey";
    small.shop.client.batch_execute(sql).await.unwrap();
    small.fails(&small.script, &expect![[r#"
        error[E0170]: sink "default_catalog.default_database.copies": table "result.copies" has no unique constraint on the declared primary key "user_id"
         --> script.sql:6:14
          |
        6 | CREATE TABLE copies (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^^
          |
          = help: ALTER TABLE "result"."copies" ADD PRIMARY KEY ("user_id");

    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_another_process_reads_is_refused() {
    let small = Small::new().await;
    let mut first = small.workspace.start(&small.script, &["-D", "pipeline.name=one"]);
    first.wait_for_output("successfully submitted");
    small.wait_for_copies(3).await;
    // This one comes over the slot.
    small.shop.client.batch_execute("INSERT INTO business.users VALUES (4)").await.unwrap();
    small.wait_for_copies(4).await;
    let second = small.workspace.run(&small.script, &["-D", "pipeline.name=two"]);
    small.says(&second, &expect![[r#"
        error[E0170]: source "default_catalog.default_database.users": slot "$DATABASE_small" is in use by process $PID
         --> script.sql:2:14
          |
        2 | CREATE TABLE users (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^
          |
          = help: stop the other reader, choose another "slot.name", or SELECT pg_terminate_backend($PID);

    "#]]);
    first.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_slot_is_not_passed_over() {
    let small = Small::new().await;
    let mut first = small.workspace.start(&small.script, &[]);
    first.wait_for_output("successfully submitted");
    small.wait_for_copies(3).await;
    first.stop().assert_code(0);
    let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
        WHERE database = current_database()";
    wait_for("the slot to be left", Duration::from_secs(10), async || {
        small.shop.client.batch_execute(drop).await.ok()
    })
    .await;
    let mut ran = small.workspace.run(&small.script, &[]);
    // The job may be running by then or not yet.
    let running = "job 'insert-into_default_catalog.default_database.copies' failed: ";
    ran.stderr = ran.stderr.replacen(running, "", 1);
    small.says(&ran, &expect![[r#"
        error[E0170]: source "default_catalog.default_database.users": slot "$DATABASE_small" is gone: changes behind 0/$LSN, where the job stopped, are missing
         --> script.sql:2:14
          |
        2 | CREATE TABLE users (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^
          |
          = help: start the job anew with --fresh (the tables are read again), or restore the checkpoint that belongs to this slot; 'slot.mismatch-policy' = 'resnapshot' reads again unasked

    "#]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_slot_is_made_anew_where_the_declaration_says_so() {
    let mut small = Small::new().await;
    small.script = small.script.replacen(
        "'slot.name'",
        "'slot.mismatch-policy' = 'resnapshot',\n  'slot.name'",
        1,
    );
    let mut first = small.workspace.start(&small.script, &[]);
    first.wait_for_output("successfully submitted");
    small.wait_for_copies(3).await;
    first.stop().assert_code(0);
    let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
        WHERE database = current_database()";
    wait_for("the slot to be left", Duration::from_secs(10), async || {
        small.shop.client.batch_execute(drop).await.ok()
    })
    .await;
    // Nobody has a log of this one.
    small.shop.client.batch_execute("INSERT INTO business.users VALUES (4)").await.unwrap();
    let second = small.workspace.start(&small.script, &[]);
    small.wait_for_copies(4).await;
    small.shop.client.batch_execute("INSERT INTO business.users VALUES (5)").await.unwrap();
    small.wait_for_copies(5).await;
    let ran = second.stop();
    ran.assert_code(0);
    assert!(ran.stderr.contains("the job reads everything again"), "{}", ran.stderr);
    assert!(ran.stderr.contains("is gone: changes behind"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_when_a_later_statement_is_wrong() {
    let shop = Shop::open(3, 3).await;
    let workspace = Workspace::new();
    let script = shop.script(Pipeline::OrdersWithUsers, "1 h") + "SELECT * FROM nowhere;";
    let ran = workspace.run(&script, &[]);
    ran.assert_code(1);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("nowhere"), "{}", ran.stderr);
    let sql = "SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = \
        current_database()) + (SELECT count(*) FROM pg_publication)";
    let made: i64 = shop.client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(made, 0, "slots or publications were made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_logical_wal_gets_its_setting() {
    let cluster = Cluster::builder().setting("wal_level", "replica").start();
    let client = cluster.connect("postgres").await;
    let sql =
        "CREATE SCHEMA business; CREATE TABLE business.users (user_id int8 PRIMARY KEY, city text)";
    client.batch_execute(sql).await.unwrap();
    let password = cluster.password().replace('\'', "''");
    let script = SMALL
        .replace("55432", &cluster.port().to_string())
        .replace("'shop'", "'postgres'")
        .replace("'username' = 'tailwater'", "'username' = 'postgres'")
        .replace("'password' = 'tailwater'", &format!("'password' = '{password}'"));
    let script =
        script.split("CREATE TABLE copies").next().unwrap().to_owned() + "SELECT * FROM users;";
    let workspace = Workspace::new();
    let ran = workspace.run(&script, &[]);
    ran.assert_code(1);
    let said = scrub(&ran.stderr, &workspace, None);
    expect![[r#"
        error[E0170]: source "default_catalog.default_database.users": wal_level is "replica", changes are only written at "logical"
         --> script.sql:2:14
          |
        2 | CREATE TABLE users (user_id BIGINT, city STRING, PRIMARY KEY (user_id) NOT ENFORCED) WITH (
          |              ^^^^^
          |
          = help: ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL

    "#]].assert_eq(&scrub_server(&said, cluster.port(), cluster.password()));
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_not_shown_by_anything_that_shows_tables() {
    let small = Small::new().await;
    let tables = small.script.split("INSERT INTO").next().unwrap();
    let url = "CREATE TABLE u (a INT) WITH ('connector' = 'jdbc', 'table-name' = 't', \
        'url' = 'jdbc:postgresql://h/d?user=u&password=url-secret');";
    let script = format!(
        "{tables} {url} SHOW CREATE TABLE u; SET 'my.password' = 'set-secret';  SHOW CREATE TABLE users; SHOW CREATE TABLE copies; DESCRIBE users; EXPLAIN INSERT INTO copies \
         SELECT * FROM users; SHOW TABLES; SET;"
    );
    let password = small.shop.password().replace('\'', "''");
    for args in [&[][..], &["--output", "json"]] {
        let ran = small.workspace.run(&script, args);
        ran.assert_code(0);
        assert!(ran.stdout.contains("'password' = '******'"), "{}", ran.stdout);
        for secret in [small.shop.password(), &password, "url-secret", "set-secret"] {
            assert!(!ran.stdout.contains(secret), "{secret} in {}", ran.stdout);
        }
    }
}
