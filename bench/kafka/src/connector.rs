//! A connector's JSON, and the two workers it is posted to.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::arguments::Peer;
use crate::http::ask;
use crate::process::{Tailwater, address, until, usage};
use crate::servers::Login;
use crate::source::PUBLICATION;

/// What a connector is set for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tuned {
    /// Not at all.
    No,
    /// Batches, queues and the producer as large as Debezium gains from.
    Rate,
    /// What waits for more waits as short as can be set.
    Latency,
}

/// The connector: changes alone, in the full envelope, without schemas.
pub(crate) fn config(login: &Login, name: &str, tuned: Tuned, is_exactly_once: bool) -> Value {
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let mut config = json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "plugin.name": "pgoutput",
        "database.hostname": login.host,
        "database.port": login.port.to_string(),
        "database.user": login.user,
        "database.password": login.password,
        "database.dbname": login.database,
        "slot.name": name,
        "publication.name": PUBLICATION,
        "publication.autocreate.mode": "disabled",
        "table.include.list": "public.orders",
        "topic.prefix": name,
        "snapshot.mode": "no_data",
        "tombstones.on.delete": "false",
        "key.converter": json,
        "key.converter.schemas.enable": "false",
        "value.converter": json,
        "value.converter.schemas.enable": "false",
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "1",
    });
    let settings: &[(&str, &str)] = match tuned {
        Tuned::No => &[],
        Tuned::Rate => &[
            ("max.batch.size", "16384"),
            ("max.queue.size", "65536"),
            ("poll.interval.ms", "10"),
            ("producer.override.batch.size", "1048576"),
            ("producer.override.linger.ms", "5"),
            ("producer.override.buffer.memory", "134217728"),
            ("producer.override.max.request.size", "4194304"),
        ],
        Tuned::Latency => &[("poll.interval.ms", "1"), ("producer.override.linger.ms", "0")],
    };
    for (name, value) in settings {
        config[*name] = json!(value);
    }
    if is_exactly_once {
        config["exactly.once.support"] = json!("required");
    }
    config
}

/// The topic that a connector of this name writes to.
pub(crate) fn topic(name: &str) -> String {
    format!("{name}.public.orders")
}

/// A worker that runs.
pub(crate) struct Worker {
    address: String,
    pid: Option<u32>,
    own: Option<Tailwater>,
}

impl Worker {
    /// `tailwater server`, started now.
    pub(crate) fn ours(bootstrap: &str, interval: Option<Duration>) -> Result<Self> {
        let mut arguments = vec!["server", "--connect-port", "0", "--bootstrap-servers", bootstrap];
        let property = interval.map(|i| format!("offset.flush.interval.ms={}", i.as_millis()));
        if let Some(property) = &property {
            arguments.extend(["-D", property]);
        }
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let mut binary = Tailwater::start(&arguments)?;
        let address = until("the server", || {
            binary.check()?;
            let said = binary.stdout();
            Ok(said.contains("connectors in").then(|| address(&said)).flatten())
        })?;
        Ok(Self { address, pid: Some(binary.id()), own: Some(binary) })
    }

    /// The worker that the arguments name.
    pub(crate) fn peer(peer: &Peer) -> Option<Self> {
        let address = peer.peer.as_deref()?;
        let address = address.strip_prefix("http://").unwrap_or(address);
        let address = address.trim_end_matches('/').to_owned();
        Some(Self { address, pid: peer.peer_pid, own: None })
    }

    /// CPU so far and the largest memory.
    pub(crate) fn usage(&self) -> (Duration, f64) {
        self.pid.map(usage).unwrap_or_default()
    }

    pub(crate) fn post(&self, name: &str, config: &Value) -> Result<()> {
        let body = json!({"name": name, "config": config}).to_string();
        let (status, answer) = ask(&self.address, "POST", "/connectors", &body)?;
        ensure!(status == 201, "the connector is refused: {status} {answer}");
        Ok(())
    }

    /// Fails if the connector has.
    pub(crate) fn check(&mut self, name: &str) -> Result<()> {
        if let Some(own) = &mut self.own {
            own.check()?;
        }
        let (_, status) = ask(&self.address, "GET", &format!("/connectors/{name}/status"), "")?;
        ensure!(status["tasks"][0]["state"] != "FAILED", "the connector failed: {status}");
        Ok(())
    }

    /// Waits until the connector's task runs.
    pub(crate) fn until_running(&mut self, name: &str) -> Result<()> {
        until("the connector", || {
            self.check(name)?;
            let path = format!("/connectors/{name}/status");
            let (_, status) = ask(&self.address, "GET", &path, "")?;
            Ok((status["tasks"][0]["state"] == "RUNNING").then_some(()))
        })
    }

    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        let (status, answer) = ask(&self.address, "DELETE", &format!("/connectors/{name}"), "")?;
        ensure!(status == 204, "the connector cannot be deleted: {status} {answer}");
        Ok(())
    }
}

/// A topic's name must not be used twice, nor a connector's offsets.
pub(crate) fn unique(side: &str, run: usize) -> Result<String> {
    let now = std::time::UNIX_EPOCH.elapsed().context("a clock")?.as_millis();
    Ok(format!("bench_kafka_{side}_{run}_{now}"))
}
