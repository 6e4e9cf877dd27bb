//! Topics of changes, as Debezium and others write them, read and written as users do.

use tailwater_testkit_kafka::{Broker, Client, Message};

use super::on;
use crate::binary::{Ran, Workspace};

/// The `source` of Debezium's events of `public.users`.
const SOURCE: &str = r#"{"version":"3.6.3.Final","connector":"postgresql","name":"debezium","ts_ms":1700000000123,"snapshot":"false","db":"shop","sequence":"[null,\"1\"]","schema":"public","table":"users","txId":751,"lsn":26,"xmin":null}"#;

fn event(op: &str, before: &str, after: &str) -> String {
    format!(
        r#"{{"before":{before},"after":{after},"source":{SOURCE},"op":"{op}","ts_ms":1700000001000,"transaction":null}}"#
    )
}

/// What Debezium writes of inserts, an update, a change of the key and a deletion. With the default
/// replica identity there is no row before an update, and a deletion has the key alone.
fn events(is_full: bool) -> Vec<String> {
    let row = |id: i64, name: &str| format!(r#"{{"id":{id},"name":"{name}"}}"#);
    let before = |id: i64, name: &str| match is_full {
        true => row(id, name),
        false => format!(r#"{{"id":{id},"name":null}}"#),
    };
    let updated = if is_full { row(1, "Alice") } else { "null".to_owned() };
    vec![
        event("r", "null", &row(1, "Alice")),
        event("r", "null", &row(2, "Борис")),
        event("c", "null", &row(4, "Dora")),
        event("u", &updated, &row(1, "Bob")),
        event("d", &before(2, "Борис"), "null"),
        event("c", "null", &row(20, "Борис")),
        event("d", &before(4, "Dora"), "null"),
    ]
}

fn produce(client: &Client, topic: &str, values: &[String]) {
    client.create_topic(topic, 1, &[]);
    let mut messages: Vec<Message> = values.iter().map(|v| Message::new("k", v)).collect();
    // Behind a deletion comes a message without a value.
    messages.push(Message { value: None, ..Message::new("k", "") });
    client.produce(topic, &messages);
}

fn table(broker: &Broker, topic: &str, columns: &str, options: &str) -> String {
    format!(
        "CREATE TABLE users_cdc ({columns}) WITH ('connector' = 'kafka', {},
           'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', {options});",
        on(broker, topic)
    )
}

/// The rows that `print` has shown.
fn printed(ran: &Ran) -> Vec<&str> {
    let is_row = |line: &&str| line.contains("[") && line.contains(['+', '-']);
    ran.stdout
        .lines()
        .filter(is_row)
        .filter(|l| !l.starts_with("[INFO]") && !l.starts_with('>'))
        .collect()
}

/// One run over a topic with these messages.
fn run(values: &[String], columns: &str, options: &str, rest: &str) -> Ran {
    let broker = Broker::shared();
    let (client, topic) = (broker.client(), broker.topic_name());
    produce(&client, &topic, values);
    let script = format!("{}\n{rest}", table(&broker, &topic, columns, options));
    Workspace::new().run(&script, &[])
}

#[test]
fn debezium_json_gives_rows_and_what_is_beside_them() {
    let ran = run(
        &events(true),
        "id INT, name STRING,
         origin_ts TIMESTAMP_LTZ(3) METADATA FROM 'value.source.timestamp' VIRTUAL,
         origin_table STRING METADATA FROM 'value.source.table' VIRTUAL,
         path ROW<s STRING> METADATA FROM 'value.source.tabl' VIRTUAL",
        "'format' = 'debezium-json'",
        "SELECT * FROM users_cdc;",
    );
    ran.assert_code(1);
    assert!(ran.stderr.contains("did you mean \"value.source.table\"?"), "{}", ran.stderr);
    let ran = run(
        &events(true),
        "id INT, name STRING,
         origin_ts TIMESTAMP_LTZ(3) METADATA FROM 'value.source.timestamp' VIRTUAL,
         seen TIMESTAMP(3) METADATA FROM 'value.ingestion-timestamp' VIRTUAL,
         origin STRING METADATA FROM 'value.source.database' VIRTUAL,
         origin_schema STRING METADATA FROM 'value.source.schema' VIRTUAL,
         origin_table STRING METADATA FROM 'value.source.table' VIRTUAL,
         more MAP<STRING, STRING> METADATA FROM 'value.source.properties' VIRTUAL,
         json_schema STRING METADATA FROM 'value.schema' VIRTUAL",
        "'format' = 'debezium-json'",
        "CREATE TABLE out_rows (id INT, name STRING, ts TIMESTAMP_LTZ(3), seen TIMESTAMP(3),
           origin STRING, lsn STRING, xmin STRING, json_schema STRING) WITH ('connector' = 'print');
         INSERT INTO out_rows SELECT id, name, origin_ts, seen,
           origin || '.' || origin_schema || '.' || origin_table, more['lsn'], more['xmin'],
           json_schema FROM users_cdc;",
    );
    ran.assert_code(0);
    let beside =
        "2023-11-14T22:13:20.123Z, 2023-11-14T22:13:21, shop.public.users, 26, null, null]";
    let expected = [
        "+I[1, Alice, ",
        "+I[2, Борис, ",
        "+I[4, Dora, ",
        "-U[1, Alice, ",
        "+U[1, Bob, ",
        "-D[2, Борис, ",
        "+I[20, Борис, ",
        "-D[4, Dora, ",
    ];
    assert_eq!(printed(&ran), expected.map(|row| format!("{row}{beside}")), "{}", ran.stderr);
}

const ENVELOPE: &str = "`before` ROW<id INT, name STRING>, `after` ROW<id INT, name STRING>,
    `op` STRING, `ts_ms` BIGINT, `source` MAP<STRING, STRING>";

const SEED: &str = "
    CREATE VIEW users_current AS SELECT `after`.id AS user_id, `after`.name AS user_name,
      `op` AS operation_type, FROM_UNIXTIME(`ts_ms` / 1000) AS change_time
      FROM users_cdc WHERE `op` <> 'd';
    CREATE TABLE users_summary (user_id INT, user_name STRING, last_update TIMESTAMP(3)) WITH (
      'connector' = 'print');
    INSERT INTO users_summary SELECT user_id, user_name, TO_TIMESTAMP(change_time)
      FROM users_current;";

#[test]
fn the_columns_of_debeziums_messages_get_the_messages_with_one_warning() {
    let expected = ["1, Alice", "2, Борис", "4, Dora", "1, Bob", "20, Борис"]
        .map(|row| format!("+I[{row}, 2023-11-14T22:13:21]"));
    let ran = run(&events(false), ENVELOPE, "'format' = 'debezium-json'", SEED);
    ran.assert_code(0);
    assert_eq!(printed(&ran), expected, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("warning[W0151]").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("write 'format' = 'json'"), "{}", ran.stderr);
    let ran = run(&events(false), ENVELOPE, "'format' = 'json'", SEED);
    ran.assert_code(0);
    assert_eq!(printed(&ran), expected);
    assert_eq!(ran.stderr, "");
    let strict = format!("SET 'tailwater.flink-strict' = 'true';{SEED}");
    let ran = run(&events(false), ENVELOPE, "'format' = 'debezium-json'", &strict);
    ran.assert_code(1);
    assert!(!ran.stderr.contains("W0151"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("The \"before\" field of UPDATE message is null"),
        "{}",
        ran.stderr
    );
}

const TO_PRINT: &str = "CREATE TABLE out_rows (id INT, name STRING) WITH ('connector' = 'print');
    INSERT INTO out_rows SELECT id, name FROM users_cdc;";

#[test]
fn rows_before_a_change_come_from_the_state_where_there_is_a_primary_key() {
    let expected = [
        "+I[1, Alice]",
        "+I[2, Борис]",
        "+I[4, Dora]",
        "-U[1, Alice]",
        "+U[1, Bob]",
        "-D[2, Борис]",
        "+I[20, Борис]",
        "-D[4, Dora]",
    ];
    let columns = "id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED";
    for is_full in [false, true] {
        let ran = run(&events(is_full), columns, "'format' = 'debezium-json'", TO_PRINT);
        ran.assert_code(0);
        assert_eq!(printed(&ran), expected, "{}", ran.stderr);
    }
}

#[test]
fn without_a_key_the_error_names_the_statement_that_mends_it() {
    let ran = run(&events(false), "id INT, name STRING", "'format' = 'debezium-json'", TO_PRINT);
    ran.assert_code(1);
    let said = "The \"before\" field of UPDATE message is null, if you are using Debezium Postgres";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let mend = "run ALTER TABLE public.users REPLICA IDENTITY FULL;";
    assert!(ran.stderr.contains(mend), "{}", ran.stderr);
    let wrapped: Vec<String> =
        events(true).iter().map(|e| format!(r#"{{"schema":{{"a":1}},"payload":{e}}}"#)).collect();
    let ran = run(&wrapped, "id INT, name STRING", "'format' = 'debezium-json'", TO_PRINT);
    ran.assert_code(1);
    assert!(ran.stderr.contains("'debezium-json.schema-include' = 'true'"), "{}", ran.stderr);
    let ran = run(
        &wrapped,
        "id INT, name STRING METADATA FROM 'value.schema' VIRTUAL",
        "'value.format' = 'debezium-json', 'value.debezium-json.schema-include' = 'true'",
        TO_PRINT,
    );
    ran.assert_code(0);
    assert_eq!(printed(&ran)[0], r#"+I[1, {"a":1}]"#);
}

#[test]
fn changes_are_written_and_read_back_in_every_format() {
    let broker = Broker::shared();
    let client = broker.client();
    let input = broker.topic_name();
    produce(&client, &input, &events(true)[..4]);
    let source = table(&broker, &input, "id INT, name STRING", "'format' = 'debezium-json'");
    let expected = [
        (
            "debezium-json",
            r#"{"before":null,"after":{"id":1,"name":"Alice"},"op":"c"}"#,
            r#"{"before":{"id":1,"name":"Alice"},"after":null,"op":"d"}"#,
        ),
        (
            "canal-json",
            r#"{"data":[{"id":1,"name":"Alice"}],"type":"INSERT"}"#,
            r#"{"data":[{"id":1,"name":"Alice"}],"type":"DELETE"}"#,
        ),
        (
            "maxwell-json",
            r#"{"data":{"id":1,"name":"Alice"},"type":"insert"}"#,
            r#"{"data":{"id":1,"name":"Alice"},"type":"delete"}"#,
        ),
        (
            "ogg-json",
            r#"{"before":null,"after":{"id":1,"name":"Alice"},"op_type":"I"}"#,
            r#"{"before":{"id":1,"name":"Alice"},"after":null,"op_type":"D"}"#,
        ),
    ];
    for (format, inserted, deleted) in expected {
        let output = broker.topic_name();
        client.create_topic(&output, 1, &[]);
        let script = format!(
            "{source}
             SET 'table.dml-sync' = 'true';
             CREATE TABLE copy (id INT, name STRING) WITH ('connector' = 'kafka', {},
               'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset',
               'format' = '{format}');
             INSERT INTO copy SELECT id, name FROM users_cdc;
             CREATE TABLE out_rows (id INT, name STRING) WITH ('connector' = 'print');
             INSERT INTO out_rows SELECT id, name FROM copy;",
            on(&broker, &output)
        );
        let ran = Workspace::new().run(&script, &[]);
        ran.assert_code(0);
        let values: Vec<String> =
            client.committed(&output).iter().map(|message| message.text().1).collect();
        assert_eq!((values[0].as_str(), values[3].as_str()), (inserted, deleted));
        let rows = ["+I[1, Alice]", "+I[2, Борис]", "+I[4, Dora]", "-D[1, Alice]", "+I[1, Bob]"];
        assert_eq!(printed(&ran), rows, "{format}: {}", ran.stderr);
    }
}
