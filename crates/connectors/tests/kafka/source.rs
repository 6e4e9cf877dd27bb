//! What is read, from where, up to where, and again after a restart.

use std::time::Duration;

use tailwater_connector_api::ReadFrom;
use tailwater_testkit_kafka::{Broker, Client, Message};
use tailwater_types::TypeKind;

use crate::table::{Batch, Table};

/// Messages with `id` and `name` for one partition.
fn numbered(partition: i32, ids: std::ops::Range<i64>) -> Vec<Message> {
    let message = |id: i64| Message {
        partition,
        timestamp: 1_700_000_000_000 + id,
        ..Message::new(&format!("k{id}"), &format!(r#"{{"id":{id},"name":"n{id}"}}"#))
    };
    ids.map(message).collect()
}

fn row(id: i64) -> String {
    format!("+I[{id}, n{id}]")
}

/// Partitions are read in no order among each other.
fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort_unstable();
    rows
}

fn topic(broker: &Broker, partitions: i32) -> (Client, String) {
    let (client, topic) = (broker.client(), broker.topic_name());
    client.create_topic(&topic, partitions, &[]);
    (client, topic)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounded_topic_is_read_from_start_to_end() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 3);
    for partition in 0..3 {
        let first = i64::from(partition) * 1000;
        client.produce(&topic, &numbered(partition, first..first + 500));
    }
    let table =
        Table::plain(&broker.address(), &topic).option("scan.bounded.mode", "latest-offset");
    let mut rows = table.read_all().await;
    rows.sort_unstable();
    let mut expected: Vec<String> =
        (0..3).flat_map(|p| (p * 1000..p * 1000 + 500).map(row)).collect();
    expected.sort_unstable();
    assert_eq!(rows, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_topic_and_one_of_transactions_alone_have_an_end() {
    let broker = Broker::shared();
    let (client, empty) = topic(&broker, 2);
    let bounded = |topic: &str| {
        Table::plain(&broker.address(), topic).option("scan.bounded.mode", "latest-offset")
    };
    assert!(bounded(&empty).read_all().await.is_empty());
    let (_, topic) = topic(&broker, 1);
    let sink = bounded(&topic)
        .option("sink.delivery-guarantee", "exactly-once")
        .option("sink.transactional-id-prefix", &topic);
    let mut writer = sink.write("l").await.unwrap();
    let batch = sink.rows(&[(tailwater_types::RowKind::Insert, 1, "n1")]);
    writer.write(batch.clone().into()).await.unwrap();
    writer.commit(tailwater_types::CheckpointId(1)).await.unwrap();
    client.committed_at_least(&topic, 1);
    // The mark of the commit takes the last offset.
    assert_eq!(bounded(&topic).read_all().await, [row(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_startup_and_bounded_mode_is_obeyed() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 2);
    client.produce(&topic, &numbered(0, 0..10));
    client.produce(&topic, &numbered(1, 100..110));
    client.commit_group("modes", &topic, &[4, 2]);
    let table = Table::plain(&broker.address(), &topic)
        .option("properties.group.id", "modes")
        .option("scan.bounded.mode", "latest-offset");
    let ids = |first: std::ops::Range<i64>, second: std::ops::Range<i64>| -> Vec<String> {
        sorted(first.chain(second).map(row).collect())
    };
    let start = |mode: &str| table.clone().option("scan.startup.mode", mode);
    assert_eq!(sorted(start("earliest-offset").read_all().await), ids(0..10, 100..110));
    assert_eq!(sorted(start("latest-offset").read_all().await), ids(0..0, 0..0));
    assert_eq!(sorted(start("group-offsets").read_all().await), ids(4..10, 102..110));
    let at = start("timestamp").option("scan.startup.timestamp-millis", "1700000000007");
    assert_eq!(sorted(at.read_all().await), ids(7..10, 100..110));
    let specific = start("specific-offsets")
        .option("scan.startup.specific-offsets", "partition:0,offset:8;partition:1,offset:9");
    assert_eq!(sorted(specific.read_all().await), ids(8..10, 109..110));

    let end = |mode: &str| start("earliest-offset").option("scan.bounded.mode", mode);
    assert_eq!(sorted(end("group-offsets").read_all().await), ids(0..4, 100..102));
    let until = end("timestamp").option("scan.bounded.timestamp-millis", "1700000000103");
    assert_eq!(sorted(until.read_all().await), ids(0..10, 100..103));
    let specific = end("specific-offsets")
        .option("scan.bounded.specific-offsets", "partition:0,offset:3;partition:1,offset:0");
    assert_eq!(sorted(specific.read_all().await), ids(0..3, 0..0));

    let unknown = start("group-offsets").option("properties.group.id", "nobody");
    let mut reading = unknown.read(ReadFrom::default()).await;
    let error = reading.next().await.unwrap_err().to_string();
    assert!(error.contains("group \"nobody\" has no committed offset"), "{error}");
    let reset = unknown.option("properties.auto.offset.reset", "earliest");
    assert_eq!(sorted(reset.read_all().await), ids(0..10, 100..110));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_behind_the_place_and_ends_batches_where_they_ended() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 2);
    let table = Table::plain(&broker.address(), &topic);
    let mut reading = table.read(ReadFrom::default()).await;
    let mut batches: Vec<Batch> = vec![reading.next().await.unwrap().unwrap()];
    for round in 0..5 {
        client.produce(&topic, &numbered(0, round * 10..round * 10 + 3));
        client.produce(&topic, &numbered(1, 500 + round * 10..500 + round * 10 + 4));
        let mut left = 7;
        while left > 0 {
            let batch = reading.next().await.unwrap().unwrap();
            left -= batch.rows.len();
            batches.push(batch);
        }
    }
    drop(reading);
    // All of the later batches may be there at once now.
    let from = ReadFrom {
        position: Some(batches[1].position.clone()),
        stops: batches[2..].iter().map(|b| b.position.clone()).collect(),
    };
    let mut again = table.read(from).await;
    for expected in &batches[2..] {
        assert_eq!(again.next().await.unwrap().as_ref(), Some(expected));
    }
    client.produce(&topic, &numbered(0, 90..91));
    assert_eq!(again.take(1).await.rows, [row(90)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_compaction_took_away_is_passed() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 1);
    client.produce(&topic, &numbered(0, 0..3));
    let table = Table::plain(&broker.address(), &topic);
    let mut reading = table.read(ReadFrom::default()).await;
    let first = reading.next().await.unwrap().unwrap().position;
    // Offset 3 is the mark of a commit: no message has it, and a place behind it is one all the same.
    let sink = table
        .clone()
        .option("sink.delivery-guarantee", "exactly-once")
        .option("sink.transactional-id-prefix", &topic);
    let mut writer = sink.write("l").await.unwrap();
    let row_of = |id, name: &str| sink.rows(&[(tailwater_types::RowKind::Insert, id, name)]);
    writer.write(row_of(3, "n3").into()).await.unwrap();
    writer.commit(tailwater_types::CheckpointId(1)).await.unwrap();
    let behind = reading.take(4).await.position;
    let stop = tailwater_types::Position(behind.0.replace("0=4", "0=5"));
    let from = ReadFrom { position: Some(first), stops: vec![stop.clone()] };
    let mut again = table.read(from).await;
    let batch = again.next().await.unwrap().unwrap();
    assert_eq!(batch, Batch { rows: (0..4).map(row).collect(), position: stop });
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_values_and_what_is_beside_them_become_one_row() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 1);
    let headers = vec![("a".to_owned(), b"1".to_vec()), ("a".to_owned(), b"2".to_vec())];
    let value = r#"{"id":1,"name":"value"}"#;
    let message = Message { headers, timestamp: 1_700_000_000_123, ..Message::new("7", value) };
    client.produce(&topic, &[message, Message { value: None, ..Message::new("8", "") }]);
    let map = TypeKind::Map(TypeKind::STRING.not_null().into(), TypeKind::BYTES.nullable().into());
    let table = Table::plain(&broker.address(), &topic)
        .column("k_key", TypeKind::Int.nullable())
        .metadata("topic", TypeKind::STRING.not_null())
        .metadata("partition", TypeKind::Int.not_null())
        .metadata("offset", TypeKind::BigInt.not_null())
        .metadata("timestamp", TypeKind::TimestampLtz(3).not_null())
        .metadata("timestamp", TypeKind::Timestamp(3).not_null())
        .metadata("timestamp-type", TypeKind::STRING.not_null())
        .metadata("headers", map.not_null())
        .option("key.format", "csv")
        .option("key.fields", "k_key")
        .option("key.fields-prefix", "k_")
        .option("value.fields-include", "EXCEPT_KEY")
        .option("scan.bounded.mode", "latest-offset");
    let expected = format!(
        "+I[1, value, 7, {topic}, 0, 0, 2023-11-14 22:13:20.123, 2023-11-15 06:13:20.123, \
         CreateTime, {{a=x'32'}}]"
    );
    assert_eq!(table.read_all().await, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn upsert_kafka_reads_tombstones_as_deletions() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 1);
    let key = |id: i64| format!(r#"{{"id":{id}}}"#);
    let value = |id: i64, name: &str| format!(r#"{{"id":{id},"name":"{name}"}}"#);
    client.produce(
        &topic,
        &[
            Message::new(&key(1), &value(1, "a")),
            Message::new(&key(2), &value(2, "b")),
            Message::new(&key(1), &value(1, "c")),
            Message { value: None, ..Message::new(&key(2), "") },
        ],
    );
    let table =
        Table::upsert(&broker.address(), &topic).option("scan.bounded.mode", "latest-offset");
    assert_eq!(table.read_all().await, ["+U[1, a]", "+U[2, b]", "+U[1, c]", "-D[2, NULL]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_message_is_named_by_its_place_or_skipped() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 1);
    client.produce(&topic, &numbered(0, 0..2));
    client.produce(&topic, &[Message::new("k", r#"{"id":"secret"}"#)]);
    client.produce(&topic, &numbered(0, 3..4));
    let table = Table::plain(&broker.address(), &topic);
    let mut reading = table.read(ReadFrom::default()).await;
    let mut rows = Vec::new();
    let error = loop {
        match reading.next().await {
            Ok(batch) => rows.extend(batch.unwrap().rows),
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(rows, [row(0), row(1)]);
    assert!(error.contains("partition \"0\"") && error.contains("offset \"2\""), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let skipping = table.option("json.ignore-parse-errors", "true");
    let mut reading = skipping.read(ReadFrom::default()).await;
    // Of a broken field NULL is left, as in Flink.
    let expected = [row(0), row(1), "+I[NULL, NULL]".to_owned(), row(3)];
    assert_eq!(reading.take(4).await.rows, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_partitions_and_topics_are_read_from_their_beginning() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 1);
    client.produce(&topic, &numbered(0, 0..1));
    let table = Table::new("kafka", &broker.address(), &topic)
        .without("topic")
        .option("topic-pattern", &format!("{topic}(-more)?"))
        .option("format", "json")
        .option("scan.startup.mode", "latest-offset")
        .option("scan.topic-partition-discovery.interval", "100ms");
    let mut reading = table.read(ReadFrom::default()).await;
    reading.next().await.unwrap();
    client.add_partitions(&topic, 2);
    client.produce(&topic, &numbered(1, 10..12));
    assert_eq!(reading.take(2).await.rows, [row(10), row(11)]);
    let more = format!("{topic}-more");
    client.create_topic(&more, 1, &[]);
    client.produce(&more, &numbered(0, 20..21));
    let batch = reading.take(1).await;
    assert_eq!(batch.rows, [row(20)]);
    let place = format!("{topic}:0=1,1=2;{more}:0=1");
    assert!(batch.position.0.ends_with(&place), "{}", batch.position);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_durable_is_committed_for_the_group() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 1);
    client.produce(&topic, &numbered(0, 0..5));
    let group = format!("group-{topic}");
    let table = Table::plain(&broker.address(), &topic).option("properties.group.id", &group);
    let mut reading = table.read(ReadFrom::default()).await;
    let position = reading.take(5).await.position;
    assert_eq!(client.group_offsets(&group, &topic), [None]);
    reading.acker.ack(&position);
    let begun = std::time::Instant::now();
    while client.group_offsets(&group, &topic) != [Some(5)] {
        assert!(begun.elapsed() < Duration::from_secs(20), "the offset is not committed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_gone_are_an_error_and_never_a_gap() {
    let broker = Broker::shared();
    let (client, topic) = topic(&broker, 1);
    client.produce(&topic, &numbered(0, 0..5));
    let table = Table::plain(&broker.address(), &topic);
    let mut reading = table.read(ReadFrom::default()).await;
    let position = reading.take(5).await.position;
    drop(reading);
    client.delete_topic(&topic);
    client.create_topic(&topic, 1, &[]);
    client.produce(&topic, &numbered(0, 0..2));
    let from = ReadFrom { position: Some(position.clone()), stops: Vec::new() };
    let mut again = table.read(from).await;
    let error = again.next().await.unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("are gone")), "{error}");
    let elsewhere = tailwater_types::Position(position.0.replacen(|_| true, "X", 1));
    let mut foreign = table.read(ReadFrom { position: Some(elsewhere), stops: vec![] }).await;
    let error = foreign.next().await.unwrap_err().to_string();
    assert!(error.contains("offsets are of the Kafka cluster"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_and_an_absent_broker_are_said() {
    let broker = Broker::shared();
    let table = Table::plain(&broker.address(), "no-such-topic");
    let error = table.try_read(ReadFrom::default()).await.err().unwrap();
    assert_eq!(error.to_string(), "topic \"no-such-topic\" does not exist");
    assert!(error.hint().unwrap().contains("--create --topic no-such-topic"));
    assert_eq!(broker.client().partitions("no-such-topic"), 0);
    let nobody = Table::plain("127.0.0.1:1", "t");
    let error = nobody.try_read(ReadFrom::default()).await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains("failed to reach the Kafka cluster") && text.contains(":1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_outlives_the_absence_of_its_broker() {
    let broker = Broker::start();
    let (client, topic) = topic(&broker, 1);
    client.produce(&topic, &numbered(0, 0..3));
    let mut reading = Table::plain(&broker.address(), &topic).read(ReadFrom::default()).await;
    assert_eq!(reading.take(3).await.rows.len(), 3);
    broker.kill();
    broker.start_again();
    client.produce(&topic, &numbered(0, 3..6));
    assert_eq!(reading.take(3).await.rows, [row(3), row(4), row(5)]);
}
