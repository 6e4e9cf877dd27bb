//! Kills at any moment lose nothing and repeat nothing.

use std::path::Path;
use std::time::Duration;

use tailwater_testkit_postgres::wait_for;

use crate::binary::{Signal, Workspace};
use crate::load::{Random, Writer};
use crate::shop::{Pipeline, Shop};

// Many users with few orders each: a debug binary on a busy machine must keep up with the writer.
const USERS: u32 = 2_000;
const ORDERS: u32 = 4_000;

/// The number of the last checkpoint, 0 before the first.
fn checkpoint_number(job: &Path) -> u64 {
    let Ok(manifest) = std::fs::read_to_string(job.join("manifest.json")) else {
        return 0;
    };
    let (_, rest) = manifest.split_once("\"checkpoint\": ").unwrap();
    rest.split_once(',').unwrap().0.parse().unwrap()
}

/// Every other kill comes blindly, also before the snapshot is done; the others come some time
/// behind a new checkpoint, so that there is always one more to resume from.
async fn survives_twenty_kills(pipeline: Pipeline) {
    let shop = Shop::open(USERS, ORDERS).await;
    if pipeline == Pipeline::CityTotals {
        // The stream tells keys only: the old rows come from the state.
        let sql = "ALTER TABLE business.users REPLICA IDENTITY DEFAULT;
            ALTER TABLE business.orders REPLICA IDENTITY DEFAULT";
        shop.client.batch_execute(sql).await.unwrap();
    }
    let workspace = Workspace::new();
    let script = shop.script(pipeline, "300ms");
    let checkpoints = workspace.path().join("own-checkpoints");
    let directory = format!("execution.checkpointing.dir=file://{}", checkpoints.display());
    let job = checkpoints.join("orders-with-user-info");
    let mut random = Random::new();
    let moments: Vec<u64> = (0..20).map(|_| random.below(1000)).collect();
    let writer = Writer::start(shop.connect().await, random, USERS.into(), ORDERS.into());
    for (kill, moment) in moments.into_iter().enumerate() {
        let taken = checkpoint_number(&job);
        let mut binary = workspace.start(&script, &["-D", &directory]);
        if kill % 2 == 1 {
            binary.wait_for("a new checkpoint", || checkpoint_number(&job) > taken).await;
        }
        tokio::time::sleep(Duration::from_millis(200 + moment)).await;
        binary.assert_alive();
        binary.send(Signal::Kill);
        assert_eq!(binary.end().code(), None);
    }
    println!("{} checkpoints", checkpoint_number(&job));
    let mut binary = workspace.start(&script, &["-D", &directory]);
    binary.wait_for_output("successfully submitted");
    let transactions = writer.stop().await;
    println!("{transactions} transactions");
    shop.wait_until_equal(pipeline, &mut binary).await;
    let ran = binary.stop();
    ran.assert_code(0);
    assert_eq!(shop.difference(pipeline).await, None, "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn resumes_after_twenty_kills_under_load() {
    survives_twenty_kills(Pipeline::OrdersWithUsers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregate_over_a_join_survives_twenty_kills_under_load() {
    survives_twenty_kills(Pipeline::CityTotals).await;
}

const COPY: &str = "
SET 'pipeline.name' = 'copies';
SET 'execution.checkpointing.interval' = '1s';
CREATE TABLE orders (
  order_id BIGINT, user_id BIGINT, order_status STRING, PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
  'connector' = 'postgres-cdc', 'hostname' = '127.0.0.1', 'port' = '55432',
  'username' = 'tailwater', 'password' = 'tailwater', 'database-name' = 'shop',
  'schema-name' = 'business', 'table-name' = 'orders', 'slot.name' = 'tailwater_copies',
  'scan.incremental.snapshot.chunk.size' = '20');
CREATE TABLE copies (
  order_id BIGINT, user_id BIGINT, order_status STRING, PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:55432/warehouse?currentSchema=result',
  'table-name' = 'copies', 'username' = 'tailwater', 'password' = 'tailwater');
INSERT INTO copies SELECT order_id, user_id, order_status FROM orders;";

/// How many rows of the copy are missing or too many.
const COPY_DIFFERENCE: &str = "
SELECT count(*) FROM (SELECT order_id, user_id, order_status FROM business.orders) o
FULL JOIN result.copies c USING (order_id)
WHERE (o.user_id, o.order_status) IS DISTINCT FROM (c.user_id, c.order_status)
   OR o IS NULL OR c IS NULL";

/// A table in a thousand chunks, copied under load, killed at random moments of its snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_in_many_chunks_survives_kills_under_load() {
    let orders = 20_000;
    let shop = Shop::open(100, orders).await;
    let table = "CREATE TABLE result.copies (order_id bigint PRIMARY KEY, user_id bigint,
        order_status text)";
    shop.client.batch_execute(table).await.unwrap();
    let workspace = Workspace::new();
    let script = shop.adapt(COPY, "300ms");
    let mut random = Random::new();
    let moments: Vec<u64> = (0..10).map(|_| random.below(900)).collect();
    let writer = Writer::start(shop.connect().await, random, 100, orders.into());
    let count = |sql: &'static str| {
        let client = &shop.client;
        async move { client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) }
    };
    let job = workspace.path().join("state/tailwater/checkpoints/copies");
    for (kill, moment) in moments.into_iter().enumerate() {
        let taken = checkpoint_number(&job);
        let mut binary = workspace.start(&script, &[]);
        if kill % 2 == 1 {
            binary.wait_for("a new checkpoint", || checkpoint_number(&job) > taken).await;
        }
        tokio::time::sleep(Duration::from_millis(moment)).await;
        binary.assert_alive();
        binary.send(Signal::Kill);
        binary.end();
        let copied = count("SELECT count(*) FROM result.copies").await;
        println!("killed at checkpoint {} with {copied} rows copied", checkpoint_number(&job));
    }
    let mut binary = workspace.start(&script, &[]);
    binary.wait_for_output("successfully submitted");
    println!("{} transactions", writer.stop().await);
    wait_for("the copy", Duration::from_secs(60), || async {
        (count(COPY_DIFFERENCE).await == 0).then_some(())
    })
    .await;
    binary.stop().assert_code(0);
    assert_eq!(count(COPY_DIFFERENCE).await, 0);
}

async fn lsn(shop: &Shop, sql: &str) -> u64 {
    let sql = format!("SELECT (({sql}) - '0/0')::bigint");
    shop.client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) as u64
}

async fn acknowledged(shop: &Shop, slot: &str) -> u64 {
    let name = format!("{}_{slot}", shop.database);
    let sql = "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = ";
    lsn(shop, &format!("{sql}'{name}'")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slot_is_acknowledged_only_up_to_the_last_durable_checkpoint() {
    let shop = Shop::open(10, 100).await;
    let workspace = Workspace::new();
    let pipeline = Pipeline::OrdersWithUsers;
    let script = shop.script(pipeline, "1 h").replace(
        "'decoding.plugin.name'",
        "'heartbeat.interval.ms' = '50', 'decoding.plugin.name'",
    );
    let mut binary = workspace.start(&script, &[]);
    shop.wait_until_equal(pipeline, &mut binary).await;
    let before = lsn(&shop, "SELECT pg_current_wal_insert_lsn()").await;
    let mut last = before;
    for round in 0..10 {
        last = lsn(&shop, "SELECT pg_current_wal_insert_lsn()").await;
        let sql = format!(
            "BEGIN; UPDATE business.users SET city = 'town {round}';
             UPDATE business.orders SET quantity = {round}; COMMIT;"
        );
        shop.client.batch_execute(&sql).await.unwrap();
        shop.wait_until_equal(pipeline, &mut binary).await;
        for slot in ["orders", "users"] {
            let acknowledged = acknowledged(&shop, slot).await;
            assert!(acknowledged <= before, "round {round}: {acknowledged} > {before}");
        }
    }
    binary.stop().assert_code(0);
    for slot in ["orders", "users"] {
        // The server writes down what it was told when the connection ends.
        wait_for(slot, Duration::from_secs(10), async || {
            (acknowledged(&shop, slot).await > last).then_some(())
        })
        .await;
    }
}
