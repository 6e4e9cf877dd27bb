//! One declaration over several tables: rows of different tables may have the same key.

use std::time::Duration;

use tailwater_testkit_postgres::{Cluster, wait_for};

use crate::binary::Workspace;

const SCRIPT: &str = "
SET 'execution.checkpointing.interval' = '200ms';
CREATE TABLE shards (
  shard STRING METADATA FROM 'table_name' VIRTUAL, id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED
) WITH (
  'connector' = 'postgres-cdc', 'hostname' = '127.0.0.1', 'port' = '$PORT', 'username' = 'postgres',
  'password' = '$PASSWORD', 'database-name' = '$DATABASE', 'schema-name' = 'public',
  'table-name' = 'shard_.*', 'slot.name' = '$DATABASE');
CREATE TABLE copies (shard STRING, id INT, v STRING, PRIMARY KEY (shard, id) NOT ENFORCED) WITH (
  'connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:$PORT/$DATABASE', 'table-name' = 'copies',
  'username' = 'postgres', 'password' = '$PASSWORD');
INSERT INTO copies SELECT shard, id, v FROM shards;";

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_several_tables_with_one_key_are_kept_apart() {
    let cluster = Cluster::shared();
    let database = cluster.create_database().await;
    let client = cluster.connect(&database).await;
    let sql = async |sql: &str| client.batch_execute(sql).await.unwrap();
    sql("CREATE TABLE shard_a (id int PRIMARY KEY, v text);
         CREATE TABLE shard_b (id int PRIMARY KEY, v text);
         CREATE TABLE copies (shard text, id int, v text, PRIMARY KEY (shard, id));
         INSERT INTO shard_a VALUES (1, 'a1'), (2, 'a2'); INSERT INTO shard_b VALUES (2, 'b2')")
    .await;
    let script = SCRIPT
        .replace("$PORT", &cluster.port().to_string())
        .replace("$PASSWORD", &cluster.password().replace('\'', "''"))
        .replace("$DATABASE", &database);
    let workspace = Workspace::new();
    let is = async |expected: &str| {
        let copies = "SELECT coalesce(string_agg(shard || id || v, ' ' ORDER BY shard, id), '')
            FROM copies";
        wait_for(expected, Duration::from_secs(20), async || {
            let row = client.query_one(copies, &[]).await.unwrap();
            (row.get::<_, String>(0) == expected).then_some(())
        })
        .await;
    };
    let first = workspace.start(&script, &[]);
    is("shard_a1a1 shard_a2a2 shard_b2b2").await;
    sql("INSERT INTO shard_b VALUES (1, 'b1'); DELETE FROM shard_b WHERE id = 2").await;
    is("shard_a1a1 shard_a2a2 shard_b1b1").await;
    first.stop().assert_code(0);
    sql("UPDATE shard_a SET id = 3 WHERE id = 1; UPDATE shard_b SET v = 'b' WHERE id = 1").await;
    let second = workspace.start(&script, &[]);
    is("shard_a2a2 shard_a3a1 shard_b1b").await;
    second.stop().assert_code(0);
}
