//! Avro with a schema registry: a small one, that speaks as much of Confluent's interface as is used.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tailwater_testkit_kafka::Broker;

use super::on;
use crate::binary::Workspace;

/// What was registered: subject and schema, numbered from 1.
type Registered = Arc<Mutex<Vec<(String, String)>>>;

/// Starts a registry that lets in `me` with `secret`.
fn registry() -> (u16, Registered) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let registered = Registered::default();
    let known = Arc::clone(&registered);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &known);
        }
    });
    (port, registered)
}

fn answer(stream: TcpStream, registered: &Registered) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (mut length, mut is_known) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.trim().to_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        // me:secret
        is_known |= header == "authorization: basic bwu6c2vjcmv0";
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = line.split(' ').nth(1).unwrap();
    let mut schemas = registered.lock().unwrap();
    let (status, text) = if !is_known {
        (401, serde_json::json!({"error_code": 401, "message": "Unauthorized"}))
    } else if let Some(subject) = path.strip_prefix("/base/subjects/") {
        let schema: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let subject = subject.strip_suffix("/versions").unwrap().to_owned();
        schemas.push((subject, schema["schema"].as_str().unwrap().to_owned()));
        (200, serde_json::json!({ "id": schemas.len() }))
    } else {
        let id: usize = path.strip_prefix("/base/schemas/ids/").unwrap().parse().unwrap();
        match schemas.get(id - 1) {
            Some((_, schema)) => (200, serde_json::json!({ "schema": schema })),
            None => (404, serde_json::json!({"error_code": 40403, "message": "Schema not found"})),
        }
    };
    let text = text.to_string();
    write!(&stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}", text.len()).unwrap();
}

/// A table's declaration, with its rows written and read back in one format.
fn script(broker: &Broker, topic: &str, format: &str, url: &str) -> String {
    format!(
        "SET 'table.dml-sync' = 'true';
         CREATE TABLE copy (id INT, name STRING, amount DECIMAL(10, 2), tags ARRAY<STRING>,
           inner_ ROW<x INT>) WITH ('connector' = 'kafka', {},
           'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset',
           'format' = '{format}', '{format}.url' = '{url}',
           '{format}.basic-auth.credentials-source' = 'USER_INFO',
           '{format}.basic-auth.user-info' = 'me:secret');
         INSERT INTO copy VALUES (1, 'Alice', 1.50, ARRAY['a', 'b'], ROW(7)),
           (2, CAST(NULL AS STRING), 2.25, CAST(NULL AS ARRAY<STRING>), CAST(NULL AS ROW<x INT>));
         CREATE TABLE out_rows (id INT, name STRING, amount DECIMAL(10, 2), tags ARRAY<STRING>,
           inner_ ROW<x INT>) WITH ('connector' = 'print');
         INSERT INTO out_rows SELECT * FROM copy;",
        on(broker, topic)
    )
}

#[test]
fn avro_is_written_and_read_with_the_schemas_of_a_registry() {
    let broker = Broker::shared();
    let client = broker.client();
    let (port, registered) = registry();
    for format in ["avro-confluent", "debezium-avro-confluent"] {
        let topic = broker.topic_name();
        client.create_topic(&topic, 1, &[]);
        let url = format!("http://127.0.0.1:{port}/base");
        let ran = Workspace::new().run(&script(&broker, &topic, format, &url), &[]);
        ran.assert_code(0);
        let rows: Vec<&str> = ran.stdout.lines().filter(|l| l.starts_with("+I[")).collect();
        let expected = ["+I[1, Alice, 1.50, [a, b], +I[7]]", "+I[2, null, 2.25, null, null]"];
        assert_eq!(rows, expected, "{format}: {}", ran.stderr);
        let (subject, schema) = registered.lock().unwrap().last().unwrap().clone();
        assert_eq!(subject, format!("{topic}-value"));
        assert_eq!(schema.contains("record_before"), format != "avro-confluent", "{schema}");
        for message in client.committed(&topic) {
            assert_eq!(message.value.unwrap()[..4], [0; 4]);
        }
    }
}

#[test]
fn a_registry_that_refuses_us_or_is_not_there_is_named() {
    let broker = Broker::shared();
    let (port, _registered) = registry();
    let topic = broker.topic_name();
    broker.client().create_topic(&topic, 1, &[]);
    let url = format!("http://127.0.0.1:{port}/base");
    let script = script(&broker, &topic, "avro-confluent", &url);
    let ran = Workspace::new().run(&script.replace("me:secret", "me:wrong"), &[]);
    ran.assert_code(1);
    assert!(ran.stderr.contains("the schema registry refuses us: Unauthorized"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("me:wrong"), "{}", ran.stderr);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = script.replace(&format!(":{port}/"), &format!(":{closed}/"));
    let ran = Workspace::new().run(&gone, &[]);
    ran.assert_code(1);
    let said = format!("failed to reach the schema registry \"http://127.0.0.1:{closed}/base\"");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
}
