//! Kills at any moment lose nothing and repeat nothing.

use std::path::Path;
use std::time::Duration;

use tailwater_testkit_postgres::wait_for;

use crate::binary::{Signal, Workspace};
use crate::load::{Random, Writer};
use crate::shop::{Pipeline, Shop};

const USERS: u32 = 500;
const ORDERS: u32 = 10_000;

fn checkpoint_number(job: &Path) -> u64 {
    let manifest = std::fs::read_to_string(job.join("manifest.json")).unwrap();
    let (_, rest) = manifest.split_once("\"checkpoint\": ").unwrap();
    rest.split_once(',').unwrap().0.parse().unwrap()
}

async fn survives_twenty_kills(pipeline: Pipeline) {
    let shop = Shop::open(USERS, ORDERS).await;
    let workspace = Workspace::new();
    let script = shop.script(pipeline, "300ms");
    let checkpoints = workspace.path().join("own-checkpoints");
    let directory = format!("execution.checkpointing.dir=file://{}", checkpoints.display());
    let mut random = Random::new();
    let mut moments = Vec::new();
    let moment = |random: &mut Random| Duration::from_millis(200 + random.below(1000));
    moments.resize_with(20, || moment(&mut random));
    let writer = Writer::start(shop.connect().await, random, USERS.into(), ORDERS.into());
    for moment in moments {
        let mut binary = workspace.start(&script, &["-D", &directory]);
        tokio::time::sleep(moment).await;
        binary.assert_alive();
        binary.send(Signal::Kill);
        assert_eq!(binary.end().code(), None);
    }
    // Some kills came before the first checkpoint, most behind one.
    let taken = checkpoint_number(&checkpoints.join("orders-with-user-info"));
    println!("{taken} checkpoints");
    assert!(taken > 3, "only {taken} checkpoints");
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
