//! The REST API with an engine that reads nothing: shapes, states and what survives.
#![expect(clippy::unwrap_used)]

mod engine;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tailwater_server::connect::{LogLevels, Worker, WorkerSettings, router};
use tower_service::Service;

use engine::{CLASS, IdleEngine};

struct Server {
    worker: Arc<Worker>,
    router: Router,
}

impl Server {
    async fn start(directory: &Path) -> Self {
        let settings = WorkerSettings {
            directory: directory.to_owned(),
            worker_id: "127.0.0.1:8083".to_owned(),
        };
        let worker = Arc::new(Worker::open(Arc::new(IdleEngine), settings).unwrap());
        worker.start().await;
        let levels = LogLevels::new(&[("root", "WARN"), ("io.debezium", "WARN")], |_| {});
        Self { router: router(Arc::clone(&worker), Arc::new(levels)), worker }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(path).body(body).unwrap();
        let answer = self.router.clone().call(request).await.unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn put(&self, path: &str) -> StatusCode {
        self.ask(Method::PUT, path, Value::Null).await.0
    }

    /// Waits until the task is in a state; gives the status.
    async fn until(&self, name: &str, state: &str) -> Value {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            let status = self.get(&format!("/connectors/{name}/status")).await;
            if status["tasks"][0]["state"] == state {
                return status;
            }
            assert!(Instant::now() < limit, "never {state}: {status}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn create(&self, name: &str, host: &str) -> (StatusCode, Value) {
        let body = json!({"name": name, "config": config(host)});
        self.ask(Method::POST, "/connectors", body).await
    }
}

fn config(host: &str) -> Value {
    json!({
        "connector.class": CLASS,
        "database.hostname": host,
        "database.port": 5432,
        "database.password": "s3cret",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_is_made_shown_and_removed_as_with_connect() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    assert_eq!(server.get("/connectors").await, json!([]));
    let (status, info) = server.create(" pg1 ", "db").await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(
        info,
        json!({
            "name": "pg1",
            "config": {
                "connector.class": CLASS, "database.hostname": "db", "database.port": "5432",
                "database.password": "[hidden]", "name": "pg1",
            },
            "tasks": [{"connector": "pg1", "task": 0}],
            "type": "source",
        })
    );
    let (status, body) = server.create("pg1", "db").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(body, json!({"error_code": 409, "message": "Connector pg1 already exists"}));
    let standing = server.until("pg1", "RUNNING").await;
    assert_eq!(standing["connector"]["state"], "RUNNING");
    assert_eq!(standing["tasks"][0]["worker_id"], "127.0.0.1:8083");
    let plugins = server.get("/connector-plugins").await;
    assert_eq!(standing["connector"]["version"], plugins[0]["version"]);
    assert_eq!(server.get("/connectors/pg1/tasks/0/status").await, standing["tasks"][0]);
    assert_eq!(standing["tasks"][0]["version"], plugins[0]["version"]);
    let all = server.get("/connectors?expand=status&expand=info").await;
    assert_eq!(all["pg1"]["status"], standing);
    assert_eq!(all["pg1"]["info"], info);
    let tasks = server.get("/connectors/pg1/tasks").await;
    assert_eq!(tasks[0]["config"]["task.class"], format!("{CLASS}Task"));
    assert_eq!(tasks[0]["config"]["database.password"], "[hidden]");

    let (status, _) = server.ask(Method::DELETE, "/connectors/pg1", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, body) = server.ask(Method::DELETE, "/connectors/pg1", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["message"], "Connector pg1 not found");
    let (_, body) = server.ask(Method::GET, "/connectors/nope/status", Value::Null).await;
    assert_eq!(body["message"], "No status found for connector nope");
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "the lock alone: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn states_change_as_told_and_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    for name in ["a", "b", "c d/é"] {
        assert_eq!(server.create(name, "db").await.0, StatusCode::CREATED);
    }
    server.until("a", "RUNNING").await;
    assert_eq!(server.put("/connectors/a/pause").await, StatusCode::ACCEPTED);
    server.until("a", "PAUSED").await;
    assert_eq!(server.put("/connectors/a/resume").await, StatusCode::ACCEPTED);
    server.until("a", "RUNNING").await;
    assert_eq!(server.put("/connectors/a/pause").await, StatusCode::ACCEPTED);
    assert_eq!(server.put("/connectors/b/stop").await, StatusCode::NO_CONTENT);
    let stopped = server.get("/connectors/b/status").await;
    assert_eq!(stopped["connector"]["state"], "STOPPED");
    assert_eq!(stopped["tasks"], json!([]));
    server.worker.close().await;
    drop(server);

    let server = Server::start(directory.path()).await;
    assert_eq!(server.get("/connectors").await, json!(["a", "b", "c d/é"]));
    server.until("a", "PAUSED").await;
    server.until("c%20d%2F%C3%A9", "RUNNING").await;
    assert_eq!(server.get("/connectors/b/status").await["connector"]["state"], "STOPPED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_connector_says_why_and_leaves_the_others_alone() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    server.create("good", "db").await;
    server.create("bad", "fails").await;
    let status = server.until("bad", "FAILED").await;
    assert_eq!(status["connector"]["state"], "RUNNING");
    let trace = status["tasks"][0]["trace"].as_str().unwrap();
    assert!(trace.contains("nobody answers at \"fails\""), "{trace}");
    server.until("good", "RUNNING").await;
    let path = "/connectors/bad/restart?includeTasks=true&onlyFailed=true";
    let (status, body) = server.ask(Method::POST, path, Value::Null).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(body["name"], "bad");
    server.until("bad", "FAILED").await;
    let (status, _) = server
        .ask(Method::PATCH, "/connectors/bad/config", json!({"database.hostname": "db"}))
        .await;
    assert_eq!(status, StatusCode::OK);
    server.until("bad", "RUNNING").await;
    let (status, body) =
        server.ask(Method::POST, "/connectors/bad/tasks/1/restart", Value::Null).await;
    assert_eq!(
        (status, body["message"].as_str()),
        (StatusCode::NOT_FOUND, Some("Unknown task: bad-1"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_answered_in_connects_words() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let wrong = [
        (
            json!({"name": "x", "config": {}}),
            "Connector config {name=x} contains no connector type",
        ),
        (
            json!({"name": "x", "config": {"connector.class": "no.such.Class"}}),
            "Failed to find any class that implements Connector and which name matches no.such.Class, \
             available connectors are: io.debezium.connector.postgresql.PostgresConnector",
        ),
        (
            json!({"name": "x", "config": {"connector.class": CLASS}}),
            "Connector configuration is invalid and contains the following 1 error(s):\n\
             The 'database.hostname' value is invalid: A value is required\n\
             You can also find the above list of errors at the endpoint \
             `/connector-plugins/{connectorType}/config/validate`",
        ),
        (
            json!({"name": "x", "config": {"connector.class": CLASS, "name": "y"}}),
            "Connector name configuration (y) doesn't match connector name in the URL (x)",
        ),
        (json!({"config": {}}), "the body has no \"name\""),
        (
            json!({"name": "x", "config": {"a": {}}}),
            "the value of 'a' must be text, a number or a boolean",
        ),
    ];
    for (body, message) in wrong {
        let (status, answer) = server.ask(Method::POST, "/connectors", body).await;
        assert_eq!(answer, json!({"error_code": 400, "message": message}));
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    let (status, body) = server.ask(Method::GET, "/nowhere", Value::Null).await;
    assert_eq!(
        (status, body["message"].as_str()),
        (StatusCode::NOT_FOUND, Some("HTTP 404 Not Found"))
    );
    let (status, body) = server.ask(Method::DELETE, "/connectors", Value::Null).await;
    let message = Some("HTTP 405 Method Not Allowed");
    assert_eq!((status, body["message"].as_str()), (StatusCode::METHOD_NOT_ALLOWED, message));
    assert_eq!(server.get("/connectors/").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_written_back_as_it_was_shown_keeps_its_password() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    server.create("pg", "db").await;
    let mut shown = server.get("/connectors/pg/config").await;
    shown["database.hostname"] = json!("other");
    let (status, _) = server.ask(Method::PUT, "/connectors/pg/config", shown).await;
    assert_eq!(status, StatusCode::OK);
    let kept = std::fs::read_to_string(directory.path().join("pg/connector.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["config"]["database.password"], "s3cret");
    assert_eq!(kept["config"]["database.hostname"], "other");
    let (status, _) = server.ask(Method::PUT, "/connectors/new/config", config("db")).await;
    assert_eq!(status, StatusCode::CREATED);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(directory.path().join("pg/connector.json")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o077, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_are_altered_only_where_nothing_runs() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    server.create("pg", "db").await;
    let offsets = server.get("/connectors/pg/offsets").await;
    assert_eq!(
        offsets,
        json!({"offsets": [{"partition": {"server": "pg"}, "offset": {"lsn": 1}}]})
    );
    let (status, body) = server.ask(Method::DELETE, "/connectors/pg/offsets", Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body["message"].as_str().unwrap().contains("'/connectors/pg/stop'"), "{body}");
    server.put("/connectors/pg/stop").await;
    std::fs::create_dir_all(directory.path().join("pg/checkpoints/1")).unwrap();
    let (status, body) = server.ask(Method::DELETE, "/connectors/pg/offsets", Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body["message"].as_str().unwrap().contains("have been reset successfully"), "{body}");
    assert!(!directory.path().join("pg/checkpoints").exists());
    let (status, body) =
        server.ask(Method::PATCH, "/connectors/pg/offsets", json!({"offsets": []})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    let offset = json!({"offsets": [{"partition": {"server": "pg"}, "offset": {"lsn": 7}}]});
    let (status, body) = server.ask(Method::PATCH, "/connectors/pg/offsets", offset).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body, json!({"error_code": 400, "message": "there is no place 7"}));
    std::fs::create_dir_all(directory.path().join("pg/checkpoints/1")).unwrap();
    for (offset, is_kept) in [(json!({"lsn": 8}), true), (Value::Null, false)] {
        let offset = json!({"offsets": [{"partition": {"server": "pg"}, "offset": offset}]});
        let (status, body) = server.ask(Method::PATCH, "/connectors/pg/offsets", offset).await;
        assert_eq!(status, StatusCode::OK);
        let message = body["message"].as_str().unwrap();
        assert!(message.contains("have been altered successfully"), "{body}");
        assert_eq!(directory.path().join("pg/checkpoints").exists(), is_kept);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_options_topics_and_loggers_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let plugins = server.get("/connector-plugins").await;
    assert_eq!(plugins, json!([{"class": CLASS, "type": "source", "version": "3.6.3"}]));
    let all = server.get("/connector-plugins?connectorsOnly=false").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    let keys = server.get("/connector-plugins/PostgresConnector/config").await;
    assert_eq!(keys[0]["name"], "database.hostname");
    let path = "/connector-plugins/PostgresConnector/config/validate";
    let (status, judged) = server.ask(Method::PUT, path, config("db")).await;
    assert_eq!((status, &judged["error_count"]), (StatusCode::OK, &json!(0)));
    assert!(!judged.to_string().contains("s3cret"), "{judged}");
    let (status, judged) = server.ask(Method::PUT, path, json!({"connector.class": CLASS})).await;
    assert_eq!((status, &judged["error_count"]), (StatusCode::OK, &json!(1)));
    let (status, _) = server.ask(Method::PUT, path, json!({"connector.class": "x.Other"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    server.create("pg", "db").await;
    assert_eq!(server.get("/connectors/pg/topics").await, json!({"pg": {"topics": ["pg.t"]}}));
    assert_eq!(server.put("/connectors/pg/topics/reset").await, StatusCode::ACCEPTED);
    assert_eq!(server.get("/connectors/pg/topics").await, json!({"pg": {"topics": []}}));

    let path = "/admin/loggers/root";
    let (status, changed) = server.ask(Method::PUT, path, json!({"level": "debug"})).await;
    assert_eq!((status, changed), (StatusCode::OK, json!(["io.debezium", "root"])));
    assert_eq!(server.get("/admin/loggers/io.debezium").await["level"], "DEBUG");
    let (status, body) = server.ask(Method::PUT, path, json!({"level": "LOUD"})).await;
    assert_eq!(
        (status, body["message"].as_str()),
        (StatusCode::NOT_FOUND, Some("invalid log level 'LOUD'."))
    );
    let root = server.get("/").await;
    assert_eq!((&root["version"], &root["kafka_cluster_id"]), (&json!("4.3.0"), &json!("idle")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_belongs_to_one_connector_and_a_directory_to_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path()).await;
    let mut with_slot = config("db");
    with_slot["slot.name"] = json!("s");
    let post = |name: &str| json!({"name": name, "config": with_slot});
    let (status, _) = server.ask(Method::POST, "/connectors", post("a")).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, body) = server.ask(Method::POST, "/connectors", post("b")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body["message"].as_str().unwrap().contains("a has the slot"), "{body}");
    let settings =
        WorkerSettings { directory: directory.path().to_owned(), worker_id: "second".to_owned() };
    let second = Worker::open(Arc::new(IdleEngine), settings).err().unwrap();
    assert!(second.to_string().contains("another server has these connectors"), "{second}");
}
