//! What is written, and where.

use tailwater_testkit_kafka::{Broker, Client};
use tailwater_types::RowKind::{Delete, Insert, UpdateAfter};
use tailwater_types::{ChangeBatch, Datum, MapRef, RowRef, RowWriter, Timestamp, TypeKind};

use crate::table::Table;

fn texts(client: &Client, topic: &str) -> Vec<(i32, String, String)> {
    let text = |m: &tailwater_testkit_kafka::Message| {
        let (key, value) = m.text();
        (m.partition, key, value)
    };
    client.committed(topic).iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_in_order_and_the_topic_makes_itself() {
    let broker = Broker::shared();
    let (client, topic) = (broker.client(), broker.topic_name());
    let table = Table::plain(&broker.address(), &topic);
    let mut sink = table.write("l").await.unwrap();
    for round in 0..3 {
        let name = format!("round {round}");
        let batch = table.rows(&[(Insert, round, &name), (Insert, round + 10, "x")]);
        sink.write(batch.clone().into()).await.unwrap();
    }
    sink.flush().await.unwrap();
    let values: Vec<String> = texts(&client, &topic).into_iter().map(|(_, _, v)| v).collect();
    let expected = (0..3).flat_map(|r| {
        let first = format!(r#"{{"id":{r},"name":"round {r}"}}"#);
        [first, format!(r#"{{"id":{},"name":"x"}}"#, r + 10)]
    });
    assert_eq!(values, expected.collect::<Vec<_>>());
    sink.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn upsert_kafka_writes_tombstones_and_partitions_as_java_does() {
    let broker = Broker::shared();
    let (client, topic) = (broker.client(), broker.topic_name());
    client.create_topic(&topic, 10, &[]);
    let mut table = Table::upsert(&broker.address(), &topic).option("key.format", "raw");
    table.spec.columns.swap(0, 1);
    let layouts = table.spec.schema().layouts();
    let mut batch = ChangeBatch::default();
    // Murmur2 of Java: toPositive(murmur2(key)) % 10.
    let expected = [("21", 6), ("foobar", 0), ("a-little-bit-long-string", 2), ("abc", 7)];
    for (kind, key, _) in expected.iter().map(|(key, p)| (Insert, *key, *p)) {
        batch.push_datums(kind, &[Datum::Str(key), Datum::Int(1)], &layouts);
    }
    for kind in [UpdateAfter, Delete] {
        batch.push_datums(kind, &[Datum::Str("abc"), Datum::Int(2)], &layouts);
    }
    let mut sink = table.write("l").await.unwrap();
    sink.write(batch.clone().into()).await.unwrap();
    sink.flush().await.unwrap();
    let found = texts(&client, &topic);
    let of = |key: &str| -> Vec<&(i32, String, String)> {
        found.iter().filter(|(_, k, _)| k == key).collect()
    };
    let abc: Vec<&str> = of("abc").iter().map(|(.., v)| v.as_str()).collect();
    assert_eq!(abc, [r#"{"name":"abc","id":1}"#, r#"{"name":"abc","id":2}"#, "-"]);
    let hashes = [("21", -973932308_i32), ("foobar", -790332482), ("abc", 479470107)];
    for (key, hash) in hashes {
        assert_eq!(of(key)[0].0, (hash & 0x7fff_ffff) % 10, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitioners_other_than_by_key_are_obeyed() {
    let broker = Broker::shared();
    let client = broker.client();
    for (partitioner, expected) in [("fixed", vec![0; 6]), ("round-robin", vec![0, 0, 1, 1, 2, 2])]
    {
        let topic = broker.topic_name();
        client.create_topic(&topic, 3, &[]);
        let table = Table::plain(&broker.address(), &topic).option("sink.partitioner", partitioner);
        let mut sink = table.write("l").await.unwrap();
        let rows: Vec<_> = (0..6).map(|id| (Insert, id, "x")).collect();
        sink.write(table.rows(&rows).into()).await.unwrap();
        sink.flush().await.unwrap();
        let partitions: Vec<i32> = texts(&client, &topic).iter().map(|(p, ..)| *p).collect();
        assert_eq!(partitions, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_headers_and_timestamps_are_written() {
    let broker = Broker::shared();
    let (client, topic) = (broker.client(), broker.topic_name());
    let map = TypeKind::Map(TypeKind::STRING.not_null().into(), TypeKind::BYTES.nullable().into());
    let table = Table::plain(&broker.address(), &topic)
        .option("key.format", "json")
        .option("key.fields", "id")
        .option("value.fields-include", "EXCEPT_KEY")
        .metadata("headers", map.nullable())
        .metadata("timestamp", TypeKind::Timestamp(3).nullable());
    let layouts = table.spec.schema().layouts();
    let mut headers = Vec::new();
    tailwater_types::row::append_map(
        &mut headers,
        |out| RowWriter::new(out, 1).push(Datum::Str("h"), tailwater_types::Layout::Str),
        |out| RowWriter::new(out, 1).push(Datum::Bytes(&[7]), tailwater_types::Layout::Bytes),
    );
    let mut batch = ChangeBatch::default();
    let shown = Timestamp::from_millis(1_700_000_000_123 + 8 * 3_600_000);
    let row = [
        Datum::Int(1),
        Datum::Str("a"),
        Datum::Map(MapRef::new(RowRef::new(&headers))),
        Datum::Timestamp(shown),
    ];
    batch.push_datums(Insert, &row, &layouts);
    let mut sink = table.write("l").await.unwrap();
    sink.write(batch.clone().into()).await.unwrap();
    sink.flush().await.unwrap();
    let message = client.committed(&topic).pop().unwrap();
    assert_eq!(message.text(), (r#"{"id":1}"#.to_owned(), r#"{"name":"a"}"#.to_owned()));
    assert_eq!(message.headers, [("h".to_owned(), vec![7])]);
    assert_eq!(message.timestamp, 1_700_000_000_123);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_is_named() {
    let broker = Broker::shared();
    let topic = broker.topic_name();
    broker.client().create_topic(&topic, 1, &[("max.message.bytes", "1000")]);
    let table = Table::plain(&broker.address(), &topic);
    let mut sink = table.write("l").await.unwrap();
    let large = (0..2000).map(|i| char::from(b'a' + (i * 7 % 26) as u8)).collect::<String>();
    sink.write(table.rows(&[(Insert, 1, &large)]).into()).await.unwrap();
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), tailwater_connector_api::ErrorKind::BadData, "{error}");
    assert!(error.hint().unwrap().contains("max.message.bytes"));
    assert!(!error.to_string().contains(&large[..8]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_wait_for_a_broker_that_is_away() {
    let broker = Broker::start();
    let (client, topic) = (broker.client(), broker.topic_name());
    let table = Table::plain(&broker.address(), &topic);
    let mut sink = table.write("l").await.unwrap();
    sink.write(table.rows(&[(Insert, 1, "before")]).into()).await.unwrap();
    sink.flush().await.unwrap();
    broker.kill();
    sink.write(table.rows(&[(Insert, 2, "while")]).into()).await.unwrap();
    let flushing = tokio::spawn(async move { sink.flush().await.map(|()| sink) });
    tokio::task::spawn_blocking(move || {
        broker.start_again();
        broker
    })
    .await
    .map(|broker| async move {
        let mut sink = flushing.await.unwrap().unwrap();
        sink.write(table.rows(&[(Insert, 3, "after")]).into()).await.unwrap();
        sink.flush().await.unwrap();
        let values: Vec<String> = texts(&client, &topic).into_iter().map(|(_, _, v)| v).collect();
        assert_eq!(values.len(), 3, "{values:?}");
        drop(broker);
    })
    .unwrap()
    .await;
}
