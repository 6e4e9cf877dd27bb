//! `tailwater server` as a Kafka Connect worker: connectors that are posted, killed with it, and
//! go on.

mod offsets;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tailwater_testkit_kafka::{Broker, Client};
use tailwater_testkit_postgres::Cluster;

use crate::binary::{Running, Signal, Workspace};
use crate::load::Random;

const LIMIT: Duration = Duration::from_secs(60);

/// A worker that runs.
struct Server {
    binary: Running,
    address: String,
}

impl Server {
    fn start(workspace: &Workspace, broker: &Broker, properties: &[&str]) -> Self {
        let address = broker.address();
        let mut args = vec!["server", "--connect-port", "0", "--bootstrap-servers", &address];
        for property in properties {
            args.extend(["-D", property]);
        }
        let mut binary = workspace.start_command(&args, &[("CDC_PASSWORD", PASSWORD)]);
        binary.wait_for_output("connectors in");
        let said = binary.stdout();
        let address = said.split("http://").nth(1).and_then(|rest| rest.split(',').next());
        Self { binary, address: address.unwrap().to_owned() }
    }

    /// Asks; gives the status and what stands in the body.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn post(&self, name: &str, config: &Value) -> (u16, Value) {
        self.ask("POST", "/connectors", &json!({"name": name, "config": config}).to_string())
    }

    async fn until(&mut self, name: &str, state: &str) -> Value {
        let end = Instant::now() + LIMIT;
        loop {
            self.binary.assert_alive();
            let status = self.ask("GET", &format!("/connectors/{name}/status"), "").1;
            if status["tasks"][0]["state"] == state {
                return status;
            }
            assert!(Instant::now() < end, "never {state}: {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

const PASSWORD: &str = "connect's s3cret \\ \"word\"";

struct Fixture {
    cluster: std::sync::Arc<Cluster>,
    database: String,
    client: tokio_postgres::Client,
}

impl Fixture {
    /// A database with a table of counters, and a role whose password must not be seen.
    async fn new() -> Self {
        let cluster = Cluster::shared();
        let database = cluster.create_database().await;
        let client = cluster.connect(&database).await;
        let quoted = PASSWORD.replace('\'', "''");
        client
            .batch_execute(&format!(
                "CREATE ROLE {database}_cdc LOGIN REPLICATION PASSWORD '{quoted}';
                 CREATE TABLE counters (id bigint PRIMARY KEY, n bigint);
                 INSERT INTO counters SELECT i, 0 FROM generate_series(0, 99) i;
                 CREATE PUBLICATION counters FOR TABLE counters;
                 GRANT SELECT ON counters TO {database}_cdc"
            ))
            .await
            .unwrap();
        Self { cluster, database, client }
    }

    fn config(&self, prefix: &str) -> Value {
        json!({
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "tasks.max": 1,
            "plugin.name": "pgoutput",
            "database.hostname": "127.0.0.1",
            "database.port": self.cluster.port(),
            "database.user": format!("{}_cdc", self.database),
            "database.password": "${env:CDC_PASSWORD}",
            "database.dbname": self.database,
            "slot.name": format!("{}_{}", self.database, prefix.replace('-', "_")),
            "publication.name": "counters",
            "publication.autocreate.mode": "disabled",
            "topic.prefix": prefix,
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "key.converter.schemas.enable": false,
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
        })
    }

    async fn last(&self) -> BTreeMap<i64, i64> {
        let rows = self.client.query("SELECT id, n FROM counters", &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

/// The values that each key had, in order.
fn histories(client: &Client, topic: &str) -> BTreeMap<i64, Vec<i64>> {
    let mut seen: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for message in client.committed(topic) {
        let (key, value) = message.text();
        let key: Value = serde_json::from_str(&key).unwrap();
        let value: Value = serde_json::from_str(&value).unwrap();
        let number = value["after"]["n"].as_i64().unwrap();
        seen.entry(key["id"].as_i64().unwrap()).or_default().push(number);
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_writes_each_event_once_and_in_order_through_kills_of_the_worker() {
    let (broker, fixture) = (Broker::shared(), Fixture::new().await);
    let (client, prefix) = (broker.client(), broker.topic_name());
    let workspace = Workspace::new();
    let properties = ["config.providers=env", "offset.flush.interval.ms=200"];
    let mut config = fixture.config(&prefix);
    config["exactly.once.support"] = json!("required");
    config["topic.creation.default.partitions"] = json!(3);
    config["topic.creation.default.replication.factor"] = json!(1);
    let mut server = Server::start(&workspace, &broker, &properties);
    let (status, body) = server.post("counters", &config);
    assert_eq!(status, 201, "{body}");
    server.until("counters", "RUNNING").await;
    let topic = format!("{prefix}.public.counters");
    let mut random = Random::new();
    for round in 0..40 {
        let first = random.below(100);
        let sql =
            format!("UPDATE counters SET n = n + 1 WHERE id BETWEEN {first} AND {first} + 20");
        fixture.client.batch_execute(&sql).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10 + random.below(80))).await;
        if round % 5 == 4 {
            server.binary.send(Signal::Kill);
            server.binary.end();
            server = Server::start(&workspace, &broker, &properties);
        }
    }
    let last = fixture.last().await;
    let end = Instant::now() + LIMIT;
    let seen = loop {
        server.binary.assert_alive();
        let seen = histories(&client, &topic);
        if last.iter().all(|(key, n)| seen.get(key).and_then(|s| s.last()) == Some(n)) {
            break seen;
        }
        assert!(Instant::now() < end, "{seen:?} must reach {last:?}: {}", server.binary.stderr());
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for (key, numbers) in &seen {
        let expected: Vec<i64> = (numbers[0]..).take(numbers.len()).collect();
        assert_eq!(*numbers, expected, "key {key}");
    }
    assert_eq!(client.partitions(&topic), 3);
    server.until("counters", "RUNNING").await;
    assert!(!server.binary.stderr().contains("ERROR"), "{}", server.binary.stderr());
    let topics = server.ask("GET", "/connectors/counters/topics", "").1;
    assert_eq!(topics["counters"]["topics"], json!([topic]));
    let offsets = server.ask("GET", "/connectors/counters/offsets", "").1;
    assert_eq!(offsets["offsets"][0]["partition"], json!({"server": prefix}));
    assert!(offsets["offsets"][0]["offset"]["lsn"].is_u64(), "{offsets}");
    server.binary.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_starts_before_its_brokers_waits_for_them() {
    let (broker, fixture) = (Broker::start(), Fixture::new().await);
    let (client, prefix, workspace) = (broker.client(), broker.topic_name(), Workspace::new());
    let properties = ["config.providers=env", "offset.flush.interval.ms=200"];
    let mut server = Server::start(&workspace, &broker, &properties);
    assert_eq!(server.post("counters", &fixture.config(&prefix)).0, 201);
    let topic = format!("{prefix}.public.counters");
    assert_eq!(client.committed_at_least(&topic, 100).len(), 100);
    server.until("counters", "RUNNING").await;
    server.binary.stop().assert_code(0);
    broker.stop();
    fixture.client.batch_execute("UPDATE counters SET n = n + 1").await.unwrap();
    let mut server = Server::start(&workspace, &broker, &properties);
    let status = server.until("counters", "RESTARTING").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap();
    assert!(trace.contains("failed to reach the Kafka cluster"), "{trace}");
    broker.start_again();
    assert_eq!(client.committed_at_least(&topic, 200).len(), 200);
    server.until("counters", "RUNNING").await;
    server.binary.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_run_side_by_side_and_a_failed_one_says_why() {
    let (broker, fixture) = (Broker::shared(), Fixture::new().await);
    let (client, workspace) = (broker.client(), Workspace::new());
    let prefixes = [broker.topic_name(), broker.topic_name(), broker.topic_name()];
    let mut server = Server::start(&workspace, &broker, &["config.providers=env"]);
    let mut lacking = fixture.config(&prefixes[1]);
    lacking["publication.name"] = json!("nowhere");
    assert_eq!(server.post("good", &fixture.config(&prefixes[0])).0, 201);
    assert_eq!(server.post("lacking", &lacking).0, 201);
    let mut second = fixture.config(&prefixes[2]);
    second["transforms"] = json!("unwrap");
    second["transforms.unwrap.type"] = json!("io.debezium.transforms.ExtractNewRecordState");
    assert_eq!(server.post("unwrapped", &second).0, 201);
    let status = server.until("lacking", "FAILED").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap();
    assert!(trace.contains("nowhere") && trace.contains("CREATE PUBLICATION"), "{trace}");
    for name in ["good", "unwrapped"] {
        server.until(name, "RUNNING").await;
    }
    fixture.client.batch_execute("INSERT INTO counters VALUES (500, 7)").await.unwrap();
    for (prefix, pointer) in [(&prefixes[0], "/after/n"), (&prefixes[2], "/n")] {
        let topic = format!("{prefix}.public.counters");
        let all = client.committed_at_least(&topic, 101);
        let value: Value = serde_json::from_str(&all[100].text().1).unwrap();
        assert_eq!(value.pointer(pointer), Some(&json!(7)), "{value}");
    }
    fixture.client.batch_execute("CREATE PUBLICATION nowhere FOR TABLE counters").await.unwrap();
    assert_eq!(server.ask("POST", "/connectors/lacking/restart?includeTasks=true", "").0, 202);
    server.until("lacking", "RUNNING").await;
    assert_eq!(server.ask("DELETE", "/connectors/good", "").0, 204);
    assert_eq!(server.ask("GET", "/connectors", "").1, json!(["lacking", "unwrapped"]));
    let ran = server.binary.stop();
    ran.assert_code(0);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("s3cret"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_shown_nowhere() {
    let (broker, fixture) = (Broker::shared(), Fixture::new().await);
    let workspace = Workspace::new();
    let mut server = Server::start(&workspace, &broker, &[]);
    let mut config = fixture.config(&broker.topic_name());
    config["database.password"] = json!(PASSWORD);
    let class = "PostgresConnector";
    let path = format!("/connector-plugins/{class}/config/validate");
    let mut answers = vec![server.ask("PUT", &path, &config.to_string())];
    assert_eq!(answers[0].1["error_count"], 0, "{}", answers[0].1);
    let told = answers[0].1["configs"].as_array().unwrap().iter();
    let told: Vec<&Value> = told.filter(|info| info["definition"]["name"] == "tasks.max").collect();
    assert_eq!(told[0]["value"]["errors"], json!([]));
    let documentation = told[0]["definition"]["documentation"].as_str().unwrap();
    assert!(documentation.contains("Note: 'tasks.max' has no effect"), "{documentation}");
    answers.push(server.post("pg", &config));
    server.until("pg", "RUNNING").await;
    for path in ["", "/config", "/status", "/tasks", "/tasks-config", "/offsets"] {
        answers.push(server.ask("GET", &format!("/connectors/pg{path}"), ""));
    }
    config["database.password"] = json!("wrong s3cret");
    answers.push(server.ask("PUT", &path, &config.to_string()));
    answers.push(server.post("other", &config));
    assert_eq!(answers.last().unwrap().0, 400);
    let message = answers.last().unwrap().1["message"].as_str().unwrap().to_owned();
    assert!(message.contains("refuses the password"), "{message}");
    for (_, answer) in &answers {
        assert!(!answer.to_string().contains("s3cret"), "{answer}");
    }
    let ran = server.binary.stop();
    ran.assert_code(0);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("s3cret"), "{}", ran.stderr);
}

#[test]
fn a_worker_without_brokers_or_token_says_what_it_needs() {
    let workspace = Workspace::new();
    let ran = workspace.run_command(&["server", "--connect-port", "0"], &[]);
    ran.assert_code(1);
    assert!(ran.stderr.contains("bootstrap.servers is missing"), "{}", ran.stderr);
    let args = ["server", "--bind", "0.0.0.0", "--connect-port", "0", "--bootstrap-servers", "b:1"];
    let ran = workspace.run_command(&args, &[]);
    ran.assert_code(1);
    assert!(ran.stderr.contains("takes a token"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_in_a_file_is_checked_and_run_without_a_server() {
    let (broker, fixture) = (Broker::shared(), Fixture::new().await);
    let (client, prefix, workspace) = (broker.client(), broker.topic_name(), Workspace::new());
    let file = |config: &Value| {
        workspace.write("c.json", &json!({"name": "counters", "config": config}).to_string())
    };
    let mut config = fixture.config(&prefix);
    config["database.password"] = json!(PASSWORD);
    config["publication.name"] = json!("nowhere");
    file(&config);
    let brokers = format!("bootstrap.servers={}", broker.address());
    let ran = workspace.run_command(&["check", "c.json", "-D", &brokers], &[]);
    ran.assert_code(1);
    assert!(ran.stdout.contains("source counters (postgresql)"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Kafka cluster"), "{}", ran.stdout);
    assert!(ran.stdout.contains("nowhere"), "{}", ran.stdout);
    config["publication.name"] = json!("counters");
    config["topic.prefix"] = Value::Null;
    file(&config);
    let ran = workspace.run_command(&["check", "c.json"], &[]);
    ran.assert_code(1);
    assert!(ran.stdout.contains("'topic.prefix' value is invalid"), "{}", ran.stdout);
    let ran = workspace.run_command(&["run", "c.json", "-D", &brokers], &[]);
    ran.assert_code(1);
    assert!(ran.stderr.contains("'topic.prefix' value is invalid"), "{}", ran.stderr);
    config["topic.prefix"] = json!(prefix);
    file(&config);
    let ran = workspace.run_command(&["check", "c.json"], &[]);
    ran.assert_code(0);
    assert!(ran.stdout.contains("'tasks.max' has no effect: a connector for"), "{}", ran.stdout);
    let mut binary = workspace.start_command(&["run", "c.json", "-D", &brokers], &[]);
    binary.wait_for_output("keeps its checkpoints in");
    assert_eq!(client.committed_at_least(&format!("{prefix}.public.counters"), 100).len(), 100);
    let ran = binary.stop();
    ran.assert_code(0);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("s3cret"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_stops_in_time_although_no_broker_is_there() {
    let (broker, fixture) = (Broker::start(), Fixture::new().await);
    let (client, prefix, workspace) = (broker.client(), broker.topic_name(), Workspace::new());
    let properties = ["config.providers=env", "offset.flush.interval.ms=200"];
    let mut server = Server::start(&workspace, &broker, &properties);
    assert_eq!(server.post("counters", &fixture.config(&prefix)).0, 201);
    let topic = format!("{prefix}.public.counters");
    assert_eq!(client.committed_at_least(&topic, 100).len(), 100);
    broker.stop();
    fixture.client.batch_execute("UPDATE counters SET n = n + 1").await.unwrap();
    server.binary.wait_for_errors("no broker of the Kafka cluster can be reached", 1).await;
    let begun = Instant::now();
    assert_eq!(server.ask("PUT", "/connectors/counters/pause", "").0, 202);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    broker.start_again();
    fixture.client.batch_execute("UPDATE counters SET n = n + 1").await.unwrap();
    assert_eq!(server.ask("PUT", "/connectors/counters/resume", "").0, 202);
    client.committed_at_least(&topic, 300);
    for (key, numbers) in histories(&client, &topic) {
        let mut seen = numbers.clone();
        seen.dedup();
        assert_eq!(seen, [0, 1, 2], "key {key}: {numbers:?}");
    }
    server.binary.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_whose_checkpoints_are_gone_fails_and_says_so() {
    let (broker, fixture) = (Broker::shared(), Fixture::new().await);
    let (prefix, workspace) = (broker.topic_name(), Workspace::new());
    let properties = ["config.providers=env", "offset.flush.interval.ms=100"];
    let mut server = Server::start(&workspace, &broker, &properties);
    assert_eq!(server.post("counters", &fixture.config(&prefix)).0, 201);
    server.until("counters", "RUNNING").await;
    let state = workspace.path().join("state/tailwater/connect/counters/checkpoints");
    std::fs::remove_dir_all(state).unwrap();
    fixture.client.batch_execute("UPDATE counters SET n = n + 1").await.unwrap();
    let status = server.until("counters", "FAILED").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap();
    assert!(trace.contains("checkpoints"), "{trace}");
    let ran = server.binary.stop();
    ran.assert_code(0);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}
