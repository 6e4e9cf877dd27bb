//! Rows of a checkpoint become visible at once, and once.

use tailwater_connector_api::{ErrorKind, Published};
use tailwater_testkit_kafka::{Broker, Client};
use tailwater_types::CheckpointId;
use tailwater_types::RowKind::Insert;

use crate::table::Table;

fn exactly_once(broker: &Broker, topic: &str) -> Table {
    Table::plain(&broker.address(), topic)
        .option("sink.delivery-guarantee", "exactly-once")
        .option("sink.transactional-id-prefix", topic)
}

/// The values that a reader sees once there are so many.
fn seen(client: &Client, topic: &str, count: usize) -> Vec<String> {
    client.committed_at_least(topic, count).iter().map(|m| m.text().1).collect()
}

fn values(ids: std::ops::Range<i64>) -> Vec<String> {
    ids.map(|id| format!(r#"{{"id":{id},"name":"x"}}"#)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_seen_and_noted_and_the_rest_is_not() {
    let broker = Broker::shared();
    let (client, topic) = (broker.client(), broker.topic_name());
    let table = exactly_once(&broker, &topic);
    let mut sink = table.write("first").await.unwrap();
    assert_eq!(sink.last_published().await.unwrap(), None);
    sink.commit(CheckpointId(0)).await.unwrap();
    for id in 0..3 {
        sink.write(table.rows(&[(Insert, id, "x")]).into()).await.unwrap();
        sink.flush().await.unwrap();
    }
    assert!(seen(&client, &topic, 0).is_empty());
    sink.commit(CheckpointId(4)).await.unwrap();
    assert_eq!(seen(&client, &topic, 3), values(0..3));
    sink.write(table.rows(&[(Insert, 9, "x")]).into()).await.unwrap();
    sink.flush().await.unwrap();
    drop(sink);
    let mut next = table.write("first").await.unwrap();
    let published = Published { lineage: "first".to_owned(), checkpoint: CheckpointId(4) };
    assert_eq!(next.last_published().await.unwrap(), Some(published));
    next.write(table.rows(&[(Insert, 3, "x")]).into()).await.unwrap();
    next.commit(CheckpointId(5)).await.unwrap();
    assert_eq!(seen(&client, &topic, 4), values(0..4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_predecessor_that_lives_on_is_shut_out() {
    let broker = Broker::shared();
    let (client, topic) = (broker.client(), broker.topic_name());
    let table = exactly_once(&broker, &topic);
    let mut zombie = table.write("l").await.unwrap();
    zombie.write(table.rows(&[(Insert, 0, "x")]).into()).await.unwrap();
    zombie.commit(CheckpointId(1)).await.unwrap();
    zombie.write(table.rows(&[(Insert, 77, "x")]).into()).await.unwrap();
    zombie.flush().await.unwrap();
    let mut heir = table.write("l").await.unwrap();
    heir.write(table.rows(&[(Insert, 1, "x")]).into()).await.unwrap();
    heir.commit(CheckpointId(2)).await.unwrap();
    let refused = zombie.commit(CheckpointId(2)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    assert!(refused.hint().unwrap().contains("sink.transactional-id-prefix"));
    assert_eq!(seen(&client, &topic, 2), values(0..2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_not_slow() {
    let broker = Broker::shared();
    let topic = broker.topic_name();
    let table = exactly_once(&broker, &topic);
    let mut sink = table.write("l").await.unwrap();
    let mut took = Vec::new();
    for checkpoint in 0..20 {
        sink.write(table.rows(&[(Insert, 1, "x")]).into()).await.unwrap();
        let begun = std::time::Instant::now();
        sink.commit(CheckpointId(checkpoint)).await.unwrap();
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    // Not a measurement: the client library's own wait, which is avoided, takes 100 ms each time.
    println!("commits took {took:?}");
    assert!(took[0].as_millis() < 100, "{took:?}");
}
