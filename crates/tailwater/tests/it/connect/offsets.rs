//! Offsets of a stopped connector are altered: events come again, or are skipped.

use tailwater_testkit_postgres::wait_for;

use super::*;

/// The numbers that one key has been told with.
fn numbers(client: &Client, topic: &str, count: usize) -> Vec<i64> {
    client.committed_at_least(topic, count);
    histories(client, topic).remove(&1).unwrap_or_default()
}

struct Stopped<'a> {
    server: &'a Server,
    prefix: &'a str,
}

impl Stopped<'_> {
    fn patch(&self, partition: &Value, offset: &Value) -> (u16, String) {
        let body = json!({"offsets": [{"partition": partition, "offset": offset}]});
        let path = "/connectors/counters/offsets";
        let (status, body) = self.server.ask("PATCH", path, &body.to_string());
        assert_eq!(body.get("error_code").is_some(), status == 400, "{body}");
        (status, body["message"].as_str().unwrap_or_default().to_owned())
    }

    fn move_to(&self, lsn: u64) {
        let answer = self.patch(&json!({"server": self.prefix}), &json!({"lsn": lsn}));
        assert_eq!(answer.0, 200, "{answer:?}");
        assert_eq!(self.place(), lsn);
    }

    fn place(&self) -> u64 {
        let offsets = self.server.ask("GET", "/connectors/counters/offsets", "").1;
        offsets["offsets"][0]["offset"]["lsn"].as_u64().unwrap()
    }
}

async fn lsn(fixture: &Fixture, what: &str) -> u64 {
    let sql = format!("SELECT ({what} - '0/0'::pg_lsn)::bigint");
    fixture.client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0).try_into().unwrap()
}

/// The server notices a little later that nobody reads from a slot.
async fn until_free(fixture: &Fixture) {
    let sql =
        "SELECT count(*) FROM pg_replication_slots WHERE active AND database = current_database()";
    wait_for("the slot to be free", LIMIT, || async {
        let row = fixture.client.query_one(sql, &[]).await.unwrap();
        (row.get::<_, i64>(0) == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_connector_is_moved_to_an_earlier_and_to_a_later_place() {
    let (broker, fixture) = (Broker::shared(), Fixture::new().await);
    let (client, prefix, workspace) = (broker.client(), broker.topic_name(), Workspace::new());
    let properties = ["config.providers=env"];
    let mut server = Server::start(&workspace, &broker, &properties);
    assert_eq!(server.post("counters", &fixture.config(&prefix)).0, 201);
    let topic = format!("{prefix}.public.counters");
    client.committed_at_least(&topic, 100);
    assert_eq!(server.ask("PUT", "/connectors/counters/stop", "").0, 204);
    let config = fixture.config(&prefix);
    let slot = config["slot.name"].as_str().unwrap();
    let copy = |from: &str, to: &str| {
        let copy = format!("SELECT pg_copy_logical_replication_slot('{from}', '{to}')");
        format!("{copy}; SELECT pg_drop_replication_slot('{from}')")
    };
    let kept_slot = format!("{slot}_kept");
    let keep = format!("SELECT pg_copy_logical_replication_slot('{slot}', '{kept_slot}')");
    until_free(&fixture).await;
    fixture.client.batch_execute(&keep).await.unwrap();
    assert_eq!(server.ask("PUT", "/connectors/counters/resume", "").0, 202);
    let next = "UPDATE counters SET n = n + 1 WHERE id = 1";
    let now = "pg_current_wal_insert_lsn()";
    fixture.client.batch_execute(next).await.unwrap();
    let before_two = lsn(&fixture, now).await;
    fixture.client.batch_execute(next).await.unwrap();
    assert_eq!(numbers(&client, &topic, 102), [0, 1, 2]);
    assert_eq!(server.ask("PUT", "/connectors/counters/stop", "").0, 204);
    let stopped = Stopped { server: &server, prefix: &prefix };
    // The server is told where a connector stops: a slot that still has what lies before is put in
    // the place of this one.
    let drop = format!("SELECT pg_drop_replication_slot('{slot}')");
    until_free(&fixture).await;
    fixture.client.batch_execute(&drop).await.unwrap();
    fixture.client.batch_execute(&copy(&kept_slot, slot)).await.unwrap();
    let slots = "(SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database())";
    let kept = lsn(&fixture, slots).await;
    assert!(kept <= before_two && before_two < stopped.place(), "{kept} {before_two}");

    let own = json!({"server": prefix});
    for (partition, offset, reason) in [
        (&json!({"server": "other"}), json!({"lsn": before_two}), "reads the partition"),
        (&json!({"server": "other"}), Value::Null, "reads the partition"),
        (&own, json!({"txId": 7}), "has no 'lsn'"),
        (&own, json!({"lsn": kept - 1}), "is earlier"),
        (&own, json!({"lsn": i64::MAX}), "is later"),
    ] {
        let (status, message) = stopped.patch(partition, &offset);
        assert_eq!(status, 400, "{message}");
        assert!(message.contains(reason), "{message}");
    }

    stopped.move_to(before_two);
    assert_eq!(server.ask("PUT", "/connectors/counters/resume", "").0, 202);
    assert_eq!(numbers(&client, &topic, 103), [0, 1, 2, 2], "what lies behind comes again");
    assert_eq!(server.ask("PUT", "/connectors/counters/stop", "").0, 204);
    fixture.client.batch_execute(next).await.unwrap();
    let before_four = lsn(&fixture, now).await;
    fixture.client.batch_execute(next).await.unwrap();
    let stopped = Stopped { server: &server, prefix: &prefix };
    stopped.move_to(before_four);
    assert_eq!(server.ask("PUT", "/connectors/counters/resume", "").0, 202);
    assert_eq!(numbers(&client, &topic, 104), [0, 1, 2, 2, 4], "3 is skipped");

    assert_eq!(server.ask("PUT", "/connectors/counters/stop", "").0, 204);
    let stopped = Stopped { server: &server, prefix: &prefix };
    assert_eq!(stopped.patch(&own, &Value::Null).0, 200);
    let offsets = server.ask("GET", "/connectors/counters/offsets", "").1;
    assert_eq!(offsets, json!({"offsets": []}));
    assert_eq!(server.ask("PUT", "/connectors/counters/resume", "").0, 202);
    client.committed_at_least(&topic, 204);
    server.until("counters", "RUNNING").await;
    server.binary.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_has_never_run_takes_over_where_another_one_stopped() {
    let (broker, fixture) = (Broker::shared(), Fixture::new().await);
    let (client, prefix, workspace) = (broker.client(), broker.topic_name(), Workspace::new());
    let mut server = Server::start(&workspace, &broker, &["config.providers=env"]);
    let mut config = fixture.config(&prefix);
    config["exactly.once.support"] = json!("required");
    let slot = config["slot.name"].as_str().unwrap();
    let make = format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')");
    fixture.client.batch_execute(&make).await.unwrap();
    fixture.client.batch_execute("UPDATE counters SET n = 1 WHERE id = 1").await.unwrap();
    let place = lsn(&fixture, "pg_current_wal_insert_lsn()").await;
    fixture.client.batch_execute("UPDATE counters SET n = 2 WHERE id = 1").await.unwrap();
    let body = json!({"name": "counters", "config": config, "initial_state": "STOPPED"});
    assert_eq!(server.ask("POST", "/connectors", &body.to_string()).0, 201);
    Stopped { server: &server, prefix: &prefix }.move_to(place);
    assert_eq!(server.ask("PUT", "/connectors/counters/resume", "").0, 202);
    let topic = format!("{prefix}.public.counters");
    assert_eq!(numbers(&client, &topic, 1), [2]);
    server.until("counters", "RUNNING").await;
    fixture.client.batch_execute("UPDATE counters SET n = 3 WHERE id = 1").await.unwrap();
    assert_eq!(numbers(&client, &topic, 2), [2, 3], "no table is read");
    server.binary.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_lost_its_slot_says_what_mends_it_in_requests_and_they_do() {
    let (broker, fixture) = (Broker::shared(), Fixture::new().await);
    let (client, prefix, workspace) = (broker.client(), broker.topic_name(), Workspace::new());
    let mut server = Server::start(&workspace, &broker, &["config.providers=env"]);
    let mut config = fixture.config(&prefix);
    assert_eq!(server.post("counters", &config).0, 201);
    let topic = format!("{prefix}.public.counters");
    client.committed_at_least(&topic, 100);
    assert_eq!(server.ask("PUT", "/connectors/counters/stop", "").0, 204);
    until_free(&fixture).await;
    let slot = config["slot.name"].as_str().unwrap();
    let (port, database) = (fixture.cluster.port(), &fixture.database);
    let url = format!("postgres://postgres@127.0.0.1:{port}/{database}");
    let password = [("PGPASSWORD", fixture.cluster.password())];
    let ran = workspace.run_command(&["slots", "list", &url, "--json"], &password);
    ran.assert_code(0);
    let slots = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let own: Vec<Value> = slots.filter(|listed| listed["slot"] == slot).collect();
    assert_eq!(own[0]["owner"], json!({"by": "connector", "connector": "counters"}));
    let drop = format!("SELECT pg_drop_replication_slot('{slot}')");
    fixture.client.batch_execute(&drop).await.unwrap();
    assert_eq!(server.ask("PUT", "/connectors/counters/resume", "").0, 202);
    let status = server.until("counters", "FAILED").await;
    let trace = status["tasks"][0]["trace"].as_str().unwrap();
    for said in ["is gone", "DELETE /connectors/.../offsets", "\"snapshot.mode\" when_needed"] {
        assert!(trace.contains(said), "{trace}");
    }
    for foreign in ["--fresh", "slot.mismatch-policy", "WITH ("] {
        assert!(!trace.contains(foreign), "{trace}");
    }
    for (method, step, expected) in
        [("PUT", "stop", 204), ("DELETE", "offsets", 200), ("PUT", "resume", 202)]
    {
        assert_eq!(server.ask(method, &format!("/connectors/counters/{step}"), "").0, expected);
    }
    client.committed_at_least(&topic, 200);
    config["database.port"] = json!(1);
    let (status, body) = server.post("nowhere", &config);
    let message = body["message"].as_str().unwrap_or_default();
    assert_eq!(status, 400, "{body}");
    assert!(message.contains("check \"database.hostname\" and \"database.port\""), "{message}");
    server.binary.stop().assert_code(0);
}
