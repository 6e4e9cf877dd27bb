//! `tailwater slots`: who holds back how much WAL, and how to be rid of it.

use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use serde_json::{Value, json};
use tailwater_testkit_postgres::{Client, Cluster, wait_for};

use crate::binary::{Ran, Workspace};
use crate::scrub::scrub_server;

const URL: &str = "postgres://postgres@127.0.0.1:$PORT/$DATABASE";

/// A server of its own: slots are those of the whole server.
struct Place {
    cluster: Arc<Cluster>,
    database: String,
    client: Client,
    workspace: Workspace,
}

impl Place {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let mut builder = Cluster::builder();
        for (name, value) in settings {
            builder = builder.setting(name, value);
        }
        let cluster = Arc::new(builder.start());
        let database = cluster.create_database().await;
        let client = cluster.connect(&database).await;
        Self { cluster, database, client, workspace: Workspace::new() }
    }

    async fn sql(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    fn fill(&self, text: &str) -> String {
        let text = text.replace("$PORT", &self.cluster.port().to_string());
        text.replace("$DATABASE", &self.database)
    }

    /// Runs with the password in the environment.
    fn run(&self, args: &[&str]) -> Ran {
        let args: Vec<String> = args.iter().map(|arg| self.fill(arg)).collect();
        let mut all = vec!["slots"];
        all.extend(args.iter().map(String::as_str));
        let ran = self.workspace.run_command(&all, &[("PGPASSWORD", self.cluster.password())]);
        // Whatever it says, the password is not in it.
        let _ = scrub_server(&(ran.stdout.clone() + &ran.stderr), 1, self.cluster.password());
        ran
    }

    fn scrub(&self, text: &str) -> String {
        scrub_server(text, self.cluster.port(), self.cluster.password())
    }

    async fn count(&self, sql: &str) -> i64 {
        self.client.query_one(&format!("SELECT count(*) FROM {sql}"), &[]).await.unwrap().get(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_listed_with_their_owners_and_dangers() {
    let place = Place::new(&[]).await;
    let ran = place.run(&["list", "--url", URL]);
    ran.assert_code(0);
    assert_eq!(ran.stdout, "There are no replication slots.\n");
    place
        .sql(
            "SELECT pg_create_logical_replication_slot('mine', 'pgoutput'),
            pg_create_logical_replication_slot('theirs', 'test_decoding'),
            pg_create_physical_replication_slot('standby', true);
            CREATE PUBLICATION tailwater_mine",
        )
        .await;
    let ran = place.run(&["list", "--url", URL, "--json"]);
    ran.assert_code(0);
    let lines = ran.lines();
    let names: Vec<&Value> = lines.iter().map(|line| &line["slot"]).collect();
    assert_eq!(names, ["mine", "standby", "theirs"]);
    let mine = &lines[0];
    assert_eq!(mine["server"], place.fill("127.0.0.1:$PORT").as_str());
    assert_eq!(mine["database"], place.database.as_str());
    assert_eq!((&mine["plugin"], &mine["type"]), (&json!("pgoutput"), &json!("logical")));
    assert_eq!(mine["owner"], json!({"by": "publication", "publication": "tailwater_mine"}));
    assert_eq!((&mine["active"], &mine["holder"]), (&json!(false), &Value::Null));
    assert_eq!((&mine["temporary"], &mine["two_phase"]), (&json!(false), &json!(false)));
    assert_eq!(mine["wal_status"], "reserved");
    assert!(mine["retained_bytes"].as_i64().unwrap() > 0 && mine["retained"].is_string());
    assert!(mine["hints"][0].as_str().unwrap().contains("max_slot_wal_keep_size = -1"));
    assert_eq!(lines[1]["type"], "physical");
    assert_eq!(lines[2]["owner"], Value::Null);
    // The same by key=value, without --url, and from the environment.
    for args in
        [&["list", "host=127.0.0.1 port=$PORT user=postgres dbname=$DATABASE"][..], &["list", URL]]
    {
        let ran = place.run(args);
        ran.assert_code(0);
        assert!(
            ran.stdout.starts_with(
                "slot     database  plugin         owner                read by  WAL kept"
            ),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains("\n  warn  can fill the server's disk"), "{}", ran.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_dropped_unless_somebody_needs_them() {
    let place = Place::new(&[("max_slot_wal_keep_size", "1GB")]).await;
    place
        .sql(
            "SELECT pg_create_logical_replication_slot('mine', 'pgoutput'),
            pg_create_logical_replication_slot('mine_too', 'pgoutput'),
            pg_create_physical_replication_slot('standby');
            CREATE PUBLICATION tailwater_mine; CREATE PUBLICATION tailwater_mine_too",
        )
        .await;
    let ran = place.run(&["drop", "mime", "standby", "mine", "--url", URL]);
    ran.assert_code(1);
    expect![[r#"
        error: there is no slot "mime" on the server at "127.0.0.1:$PORT"
          help: did you mean "mine"?
        error: slot "standby" is a slot for physical replication
          help: a standby that is away needs it; --force drops it all the same
    "#]]
    .assert_eq(&place.scrub(&ran.stderr));
    expect![[r#"
        slot "mine" is dropped
        publication "tailwater_mine" is left in database "test_0": DROP PUBLICATION "tailwater_mine";
    "#]].assert_eq(&place.scrub(&ran.stdout));
    let ran = place.run(&[
        "drop",
        "mine_too",
        "standby",
        "--url",
        URL,
        "--json",
        "--publication",
        "--force",
    ]);
    ran.assert_code(0);
    let lines = ran.lines();
    assert_eq!(lines[0]["slot"], "mine_too");
    assert_eq!(lines[0]["publication"]["dropped"], true);
    assert_eq!(lines[1]["publication"], Value::Null);
    assert_eq!(place.count("pg_replication_slots").await, 0);
    assert_eq!(place.count("pg_publication").await, 1);
    let ran = place.run(&["drop", "mine", "--url", URL, "--json"]);
    ran.assert_code(1);
    assert_eq!(ran.lines()[0]["hint"], "it has no slots at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_a_job_reads_is_named_and_kept_and_scripts_give_the_server() {
    let place = Place::new(&[("max_slot_wal_keep_size", "1GB")]).await;
    place.sql("CREATE TABLE t (a int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY FULL").await;
    let password = place.cluster.password().replace('\'', "''");
    let script = place.fill(&format!(
        "CREATE TABLE t (a INT, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'postgres-cdc',
         'hostname' = '127.0.0.1', 'port' = '$PORT', 'username' = 'postgres',
         'password' = '{password}', 'database-name' = '$DATABASE', 'schema-name' = 'public',
         'table-name' = 't', 'slot.name' = 'held');
         CREATE TABLE b (a INT) WITH ('connector' = 'blackhole'); INSERT INTO b SELECT a FROM t;"
    ));
    let mut job = place.workspace.start(&script, &["-D", "pipeline.name=totals"]);
    job.wait_for_output("successfully submitted");
    wait_for("the slot to be read", Duration::from_secs(20), async || {
        let sql = "SELECT 1 FROM pg_replication_slots WHERE active";
        place.client.query_opt(sql, &[]).await.unwrap()
    })
    .await;
    let ran = place.run(&["list", "--file", "script.sql", "--json"]);
    ran.assert_code(0);
    let slot = &ran.lines()[0];
    assert_eq!(slot["owner"], json!({"by": "application_name", "job": "totals"}));
    assert_eq!(slot["holder"]["job"], "totals");
    assert_eq!(slot["holder"]["user"], "postgres");
    assert_eq!(slot["hints"], json!([]));
    // Another script may declare the same, and one may go on where the other ends.
    place.workspace.write("other.sql", &script);
    place.workspace.write("more.sql", "INSERT INTO b SELECT a FROM t;");
    let files = ["list", "-f", "script.sql", "-f", "more.sql", "-f", "other.sql", "--json"];
    let ran = place.run(&files);
    ran.assert_code(0);
    assert_eq!(ran.lines().len(), 1, "{}", ran.stdout);
    let ran = place.run(&["drop", "held", "--file", "script.sql"]);
    ran.assert_code(1);
    let holder = format!("process {}", slot["holder"]["pid"]);
    let said = ran.stderr.replace(&holder, "process $PID");
    expect![[r#"
        error: slot "held" is in use by process $PID ("tailwater totals", user "postgres", from "127.0.0.1")
          help: stop the job "totals" first
    "#]].assert_eq(&said);
    assert_eq!(place.count("pg_replication_slots").await, 1);
    job.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_come_from_files_and_are_never_shown() {
    let place = Place::new(&[]).await;
    let password = place.cluster.password();
    let url = place.fill(URL);
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let ran = place.workspace.run_command(args, variables);
        scrub_server(&(ran.stdout.clone() + &ran.stderr), place.cluster.port(), password);
        ran
    };
    place.workspace.write("password", &format!("{password}\n"));
    run(&["slots", "list", "--url", &url, "--password-file", "password"], &[]).assert_code(0);
    let pgpass = place.workspace.write(".pgpass", &format!("*:*:*:postgres:{password}\n"));
    let ran = run(&["slots", "list", "--url", &url], &[]);
    ran.assert_code(1);
    assert!(ran.stderr.contains("can be read by others and is not used"), "{}", ran.stderr);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&pgpass, mode).unwrap();
    run(&["slots", "list", "--url", &url], &[]).assert_code(0);
    let port = place.cluster.port().to_string();
    let variables = [
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", &port),
        ("PGUSER", "postgres"),
        ("PGPASSWORD", password),
    ];
    run(&["slots", "list"], &variables).assert_code(0);
    let with_password = url.replace("postgres@", "postgres:p4ss'w%C3%B6rd@");
    run(&["slots", "list", "--url", &with_password], &[]).assert_code(0);
    let ran = run(&["slots", "list", &url.replace("postgres@", "postgres:wrong-secret@")], &[]);
    ran.assert_code(1);
    expect![[r#"
        error: the server refuses the password of user "postgres"
          help: check "username" and "password"
    "#]]
    .assert_eq(&ran.stderr);
}

#[test]
fn wrong_arguments_are_told_without_showing_an_address() {
    let workspace = Workspace::new();
    let mut said = String::new();
    for args in [
        &["list"][..],
        &["list", "nonsense"],
        &["list", "postgres://me:top-secret@db:many/x"],
        &["list", "postgres://me:top-secret@db/x?sslmod=require"],
        &["list", "--url", "host=/var/run password=top-secret user=me"],
        &["list", "--url", "postgres://me@db/x", "--file", "job.sql"],
        &["drop"],
        &["drop", "postgres://me:top-secret@db/x"],
    ] {
        let all: Vec<&str> = ["slots"].iter().chain(args).copied().collect();
        let ran = workspace.run_command(&all, &[("USER", "")]);
        ran.assert_code(2);
        assert!(!ran.stderr.contains("top-secret"), "{}", ran.stderr);
        said.push_str(ran.stderr.lines().next().unwrap());
        said.push('\n');
    }
    expect![[r#"
        error: no server is named; give --url postgres://user@host:5432/database, --file SCRIPT, or set PGHOST
        error: the address is neither a URL nor key=value pairs; write postgres://user@host:5432/database, or 'host=... user=... dbname=...'
        error: the port is not a number from 1 to 65535; write postgres://user@host:5432/database, or 'host=... user=... dbname=...'
        error: unknown connection parameter "sslmod"; did you mean "sslmode"?
        error: sockets of the file system are not supported; give the host's name; the server's listen_addresses must have it
        error: the argument '--url <URL>' cannot be used with '--file <FILE>'
        error: the following required arguments were not provided:
        error: a slot's name is not an address; give the address with --url
    "#]].assert_eq(&said);
    workspace.write("job.sql", "CREATE TABLE t (a INT) WITH ('connector' = 'datagen');");
    let ran = workspace.run_command(&["slots", "list", "-f", "job.sql"], &[]);
    ran.assert_code(1);
    assert_eq!(ran.stderr, "error: no postgres-cdc table is declared in the script\n");
}
