//! `examples/first-run` as its reader runs it.

use std::path::Path;
use std::process::Command;

use tailwater_testkit_kafka::Broker;
use tailwater_testkit_postgres::{Cluster, binaries};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_prints_every_row_once() {
    // Topic and slot have the names that stand in the files.
    let (broker, cluster) = (Broker::start(), Cluster::start());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/first-run/run.sh");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let own = binaries::find().unwrap().join("psql");
    let psql = if own.exists() { own } else { "psql".into() };
    let output = Command::new(script)
        .env("TAILWATER", env!("CARGO_BIN_EXE_tailwater"))
        .env("CONNECT_PORT", port.to_string())
        .env("KAFKA_BOOTSTRAP", broker.address())
        .env("PGPORT", cluster.port().to_string())
        .env("PGPASSWORD", cluster.password())
        .env("PSQL", psql)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("all 6 rows printed, each once"), "{said}");
    let topic = "debezium.pg_cdc";
    let client = broker.client();
    assert_eq!(client.partitions(topic), 3);
    assert_eq!(client.committed(topic).len(), 8, "three rows, four changes, one more of a new key");
}
