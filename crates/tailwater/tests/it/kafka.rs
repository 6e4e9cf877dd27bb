//! Jobs between topics and databases: every change once, in order, whatever is killed meanwhile.

mod changes;
mod checks;
mod registry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tailwater_testkit_kafka::{Broker, Client, Message};
use tailwater_testkit_postgres::Cluster;

use crate::binary::{Running, Signal, Workspace};
use crate::load::Random;

const LIMIT: Duration = Duration::from_secs(60);

/// The options that all tables on a broker share.
fn on(broker: &Broker, topic: &str) -> String {
    let address = broker.address();
    format!("'topic' = '{topic}', 'properties.bootstrap.servers' = '{address}'")
}

/// What a reader of committed messages has seen of each key, in order: keys and numbers.
fn histories(client: &Client, topic: &str) -> BTreeMap<i64, Vec<i64>> {
    let mut seen: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for message in client.committed(topic) {
        let value: serde_json::Value = serde_json::from_slice(&message.value.unwrap()).unwrap();
        let number = |name: &str| value[name].as_i64().unwrap();
        seen.entry(number("id")).or_default().push(number("n"));
    }
    seen
}

/// Each key's numbers must be all from its first to its last, none twice, none out of order.
fn assert_once_in_order(histories: &BTreeMap<i64, Vec<i64>>) {
    for (key, numbers) in histories {
        let expected: Vec<i64> = (numbers[0]..).take(numbers.len()).collect();
        assert_eq!(*numbers, expected, "key {key}");
    }
}

/// Waits until the last number of each key has arrived.
async fn wait_for_last(
    binary: &mut Running,
    client: &Client,
    topic: &str,
    last: &BTreeMap<i64, i64>,
) -> BTreeMap<i64, Vec<i64>> {
    let end = Instant::now() + LIMIT;
    loop {
        binary.assert_alive();
        let seen = histories(client, topic);
        let reached = |(key, n): (&i64, &i64)| seen.get(key).and_then(|s| s.last()) >= Some(n);
        if last.iter().all(reached) {
            return seen;
        }
        assert!(Instant::now() < end, "{seen:?} must reach {last:?}: {}", binary.stderr());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Kills the job again and again at random moments.
async fn kill_at_random(workspace: &Workspace, script: &str, kills: usize) {
    let mut random = Random::new();
    for _ in 0..kills {
        let moment = 300 + random.below(1200);
        let mut binary = workspace.start(script, &[]);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        binary.assert_alive();
        binary.send(Signal::Kill);
        binary.end();
    }
}

/// Writes numbers by key into a topic until it is told to stop; gives each key's last number.
struct Numbers {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<BTreeMap<i64, i64>>,
}

impl Numbers {
    fn start(broker: &Broker, topic: &str, partitions: i32) -> Self {
        let (client, topic) = (broker.client(), topic.to_owned());
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut last = BTreeMap::new();
            let mut n = 0;
            while !is_stopped.load(Ordering::Relaxed) {
                n += 1;
                let message = |id: i64| {
                    last.insert(id, n);
                    let partition = (id % i64::from(partitions)) as i32;
                    let value = format!(r#"{{"id":{id},"n":{n}}}"#);
                    Message { partition, ..Message::new(&id.to_string(), &value) }
                };
                let messages: Vec<Message> = (0..20).map(message).collect();
                client.produce(&topic, &messages);
                std::thread::sleep(Duration::from_millis(5));
            }
            last
        });
        Self { stop, thread }
    }

    fn stop(self) -> BTreeMap<i64, i64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn copy_script(broker: &Broker, input: &str, output: &str) -> String {
    format!(
        "SET 'pipeline.name' = 'copy-{output}';
         SET 'execution.checkpointing.interval' = '200ms';
         CREATE TABLE numbers (id BIGINT, n BIGINT) WITH ('connector' = 'kafka', {},
           'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
         CREATE TABLE copies (id BIGINT, n BIGINT) WITH ('connector' = 'kafka', {},
           'format' = 'json', 'key.format' = 'raw', 'key.fields' = 'id',
           'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{output}');
         INSERT INTO copies SELECT id, n FROM numbers WHERE id < 1000;",
        on(broker, input),
        on(broker, output),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_copied_once_and_in_order_through_kills() {
    let broker = Broker::shared();
    let client = broker.client();
    let (input, output) = (broker.topic_name(), broker.topic_name());
    client.create_topic(&input, 3, &[]);
    client.create_topic(&output, 2, &[]);
    let workspace = Workspace::new();
    let script = copy_script(&broker, &input, &output);
    let numbers = Numbers::start(&broker, &input, 3);
    kill_at_random(&workspace, &script, 12).await;
    let mut binary = workspace.start(&script, &[]);
    binary.wait_for_output("successfully submitted");
    let last = numbers.stop();
    let seen = wait_for_last(&mut binary, &client, &output, &last).await;
    binary.stop().assert_code(0);
    println!("{} numbers of each key", last[&0]);
    assert_once_in_order(&seen);
    assert!(seen.values().all(|numbers| numbers[0] == 1));
    assert_eq!(histories(&client, &output), seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_crashes_and_comes_back_takes_every_message_once() {
    let broker = Broker::start();
    let client = broker.client();
    let (input, output) = (broker.topic_name(), broker.topic_name());
    client.create_topic(&input, 2, &[]);
    client.create_topic(&output, 2, &[]);
    let workspace = Workspace::new();
    let script = copy_script(&broker, &input, &output);
    let numbers = Numbers::start(&broker, &input, 2);
    let mut binary = workspace.start(&script, &[]);
    binary.wait_for_output("successfully submitted");
    for round in 0..3 {
        let before = histories(&client, &output).get(&0).map_or(0, Vec::len);
        binary
            .wait_for("more messages", || {
                histories(&client, &output).get(&0).map_or(0, Vec::len) > before
            })
            .await;
        if round == 1 {
            broker.stop();
        } else {
            broker.kill();
        }
        if round == 2 {
            // As a supervisor does within an outage.
            binary.send(Signal::Kill);
            binary.end();
            binary = workspace.start(&script, &[]);
            binary.wait_for_errors("job failed, will resume", 1).await;
        }
        broker.start_again();
    }
    let last = numbers.stop();
    let seen = wait_for_last(&mut binary, &client, &output, &last).await;
    binary.stop().assert_code(0);
    assert_once_in_order(&seen);
    assert!(seen.values().all(|numbers| numbers[0] == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_shut_out_goes_on_without_loss() {
    let broker = Broker::shared();
    let client = broker.client();
    let (input, output) = (broker.topic_name(), broker.topic_name());
    client.create_topic(&input, 1, &[]);
    client.create_topic(&output, 1, &[]);
    let workspace = Workspace::new();
    let script = copy_script(&broker, &input, &output);
    let numbers = Numbers::start(&broker, &input, 1);
    let mut binary = workspace.start(&script, &[]);
    binary.wait_for_output("successfully submitted");
    for times in 1..=2 {
        let before = histories(&client, &output).get(&0).map_or(0, Vec::len);
        binary
            .wait_for("more messages", || {
                histories(&client, &output).get(&0).map_or(0, Vec::len) > before
            })
            .await;
        client.fence(&format!("{output}-copy-{output}-0"));
        binary.wait_for_errors("will resume", times).await;
    }
    let last = numbers.stop();
    let seen = wait_for_last(&mut binary, &client, &output, &last).await;
    binary.stop().assert_code(0);
    assert_once_in_order(&seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_record_of_progress_is_an_error_and_not_a_second_copy() {
    let broker = Broker::shared();
    let client = broker.client();
    let (input, output) = (broker.topic_name(), broker.topic_name());
    let progress = broker.topic_name();
    client.create_topic(&input, 1, &[]);
    client.create_topic(&output, 1, &[]);
    let workspace = Workspace::new();
    let script = copy_script(&broker, &input, &output);
    let option = format!("'sink.progress-topic' = '{progress}', 'sink.transactional-id-prefix'");
    let script = script.replace("'sink.transactional-id-prefix'", &option);
    let numbers = Numbers::start(&broker, &input, 1);
    let mut binary = workspace.start(&script, &[]);
    binary.wait_for("messages", || !histories(&client, &output).is_empty()).await;
    numbers.stop();
    binary.stop().assert_code(0);
    client.delete_topic(&progress);
    let ran = workspace.run(&script, &[]);
    ran.assert_code(1);
    assert!(ran.stderr.contains("the sink has no record of this job"), "{}", ran.stderr);
}

/// A counter of each key in a table, counted up by statements of their own.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_database_are_published_once_and_in_order_through_kills() {
    let (broker, cluster) = (Broker::shared(), Cluster::shared());
    let database = cluster.create_database().await;
    let postgres = cluster.connect(&database).await;
    let table = "CREATE TABLE counters (id bigint PRIMARY KEY, n bigint);
        INSERT INTO counters SELECT i, 0 FROM generate_series(0, 499) i";
    postgres.batch_execute(table).await.unwrap();
    let (client, topic) = (broker.client(), broker.topic_name());
    client.create_topic(&topic, 3, &[]);
    let script = format!(
        "SET 'pipeline.name' = 'publish-{topic}';
         SET 'execution.checkpointing.interval' = '200ms';
         CREATE TABLE counters (id BIGINT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH (
           'connector' = 'postgres-cdc', 'hostname' = '127.0.0.1', 'port' = '{}',
           'username' = 'postgres', 'password' = '{}', 'database-name' = '{database}',
           'schema-name' = 'public', 'table-name' = 'counters', 'slot.name' = '{database}_counters');
         CREATE TABLE topic (id BIGINT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH (
           'connector' = 'upsert-kafka', {}, 'key.format' = 'json', 'value.format' = 'json',
           'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{topic}');
         INSERT INTO topic SELECT id, n FROM counters;",
        cluster.port(),
        cluster.password().replace('\'', "''"),
        on(&broker, &topic),
    );
    let is_stopped = Arc::new(AtomicBool::new(false));
    let writer = {
        let (client, is_stopped) = (cluster.connect(&database).await, Arc::clone(&is_stopped));
        tokio::spawn(async move {
            let mut random = Random::new();
            while !is_stopped.load(Ordering::Relaxed) {
                let first = random.below(500);
                let sql = format!(
                    "UPDATE counters SET n = n + 1 WHERE id BETWEEN {first} AND {first} + 20"
                );
                client.batch_execute(&sql).await.unwrap();
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        })
    };
    let workspace = Workspace::new();
    kill_at_random(&workspace, &script, 12).await;
    let mut binary = workspace.start(&script, &[]);
    binary.wait_for_output("successfully submitted");
    is_stopped.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    let rows = postgres.query("SELECT id, n FROM counters", &[]).await.unwrap();
    let last: BTreeMap<i64, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let seen = wait_for_last(&mut binary, &client, &topic, &last).await;
    binary.stop().assert_code(0);
    println!("{} changes", seen.values().map(Vec::len).sum::<usize>());
    assert_once_in_order(&seen);
    assert_eq!(seen.len(), 500);
}

/// A keyed table is written through: a restart follows the batches that had left the job.
#[tokio::test(flavor = "multi_thread")]
async fn an_aggregate_of_a_topic_ends_right_in_a_database_through_kills() {
    let (broker, cluster) = (Broker::shared(), Cluster::shared());
    let database = cluster.create_database().await;
    let postgres = cluster.connect(&database).await;
    let table = "CREATE TABLE totals (id bigint PRIMARY KEY, amount bigint, most bigint)";
    postgres.batch_execute(table).await.unwrap();
    let (client, input) = (broker.client(), broker.topic_name());
    client.create_topic(&input, 3, &[]);
    let script = format!(
        "SET 'pipeline.name' = 'totals-{database}';
         SET 'execution.checkpointing.interval' = '300ms';
         CREATE TABLE numbers (id BIGINT, n BIGINT) WITH ('connector' = 'kafka', {},
           'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
         CREATE TABLE totals (id BIGINT, amount BIGINT, most BIGINT, PRIMARY KEY (id) NOT ENFORCED)
         WITH ('connector' = 'jdbc', 'table-name' = 'totals', 'username' = 'postgres',
           'url' = 'jdbc:postgresql://127.0.0.1:{}/{database}', 'password' = '{}');
         INSERT INTO totals SELECT id, COUNT(*), MAX(n) FROM numbers GROUP BY id;",
        on(&broker, &input),
        cluster.port(),
        cluster.password().replace('\'', "''"),
    );
    let workspace = Workspace::new();
    let numbers = Numbers::start(&broker, &input, 3);
    kill_at_random(&workspace, &script, 10).await;
    let mut binary = workspace.start(&script, &[]);
    binary.wait_for_output("successfully submitted");
    let last = numbers.stop();
    let end = Instant::now() + LIMIT;
    loop {
        binary.assert_alive();
        let rows = postgres.query("SELECT id, amount, most FROM totals", &[]).await.unwrap();
        let seen: BTreeMap<i64, (i64, i64)> =
            rows.iter().map(|r| (r.get(0), (r.get(1), r.get(2)))).collect();
        // Each number from 1 on came once.
        if seen == last.iter().map(|(id, n)| (*id, (*n, *n))).collect() {
            break;
        }
        assert!(Instant::now() < end, "{seen:?} must become {last:?}: {}", binary.stderr());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    binary.stop().assert_code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregate_goes_through_a_compacted_topic_and_back() {
    let broker = Broker::shared();
    let client = broker.client();
    let (input, totals) = (broker.topic_name(), broker.topic_name());
    client.create_topic(&input, 2, &[]);
    let orders: Vec<Message> = (0..100)
        .map(|i| {
            let value = format!(r#"{{"id":{i},"city":"city {}","amount":1.50}}"#, i % 3);
            Message { partition: i % 2, ..Message::new("", &value) }
        })
        .collect();
    client.produce(&input, &orders);
    let script = format!(
        "CREATE TABLE orders (id BIGINT, city STRING, amount DECIMAL(10, 2)) WITH (
           'connector' = 'kafka', {}, 'scan.startup.mode' = 'earliest-offset',
           'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
         CREATE TABLE totals (city STRING, n BIGINT, total DECIMAL(38, 2),
           PRIMARY KEY (city) NOT ENFORCED) WITH (
           'connector' = 'upsert-kafka', {}, 'scan.bounded.mode' = 'latest-offset',
           'key.format' = 'raw', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY');
         SET 'table.dml-sync' = 'true';
         INSERT INTO totals SELECT city, COUNT(*), SUM(amount) FROM orders GROUP BY city;
         SELECT * FROM totals;",
        on(&broker, &input),
        on(&broker, &totals),
    );
    let workspace = Workspace::new();
    let ran = workspace.run(&script, &["--output", "json"]);
    ran.assert_code(0);
    let mut table: BTreeMap<String, i64> = BTreeMap::new();
    for line in ran.lines().iter().filter(|line| line["row"].is_array()) {
        let row = &line["row"];
        let city = row[0].as_str().unwrap().to_owned();
        table.insert(city, row[1].as_str().unwrap().parse().unwrap());
    }
    let counts: Vec<(&str, i64)> = table.iter().map(|(c, n)| (c.as_str(), *n)).collect();
    assert_eq!(counts, [("city 0", 34), ("city 1", 33), ("city 2", 33)], "{}", ran.stdout);
    for message in client.committed(&totals) {
        assert!(message.text().0.starts_with("city "));
        assert!(!message.text().1.contains("city"), "{:?}", message.text());
    }
}
