//! The table, its slots and its backlog.

use std::time::Duration;

use anyhow::Result;
use tokio_postgres::Client;

/// The publication of the table.
pub(crate) const PUBLICATION: &str = "bench_kafka";
const VALUES: &str =
    "g % 1000, g * 0.37 % 100000, 'customer ' || g, repeat(md5(g::text), 16), now(), g % 2 = 0";
const FIRST: u64 = 100_000_000;

/// The table `orders`, of the bench alone.
pub(crate) struct Source {
    client: Client,
}

impl Source {
    /// Makes the table anew, empty.
    pub(crate) async fn make(client: Client) -> Result<Self> {
        let slots = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
            WHERE slot_name LIKE 'bench_kafka%' AND NOT active";
        client.batch_execute(slots).await?;
        client
            .batch_execute(&format!(
                "DROP TABLE IF EXISTS orders;
                 CREATE TABLE orders (id bigint PRIMARY KEY, customer int, price numeric(12, 2),
                   name text, note text, at timestamptz, paid bool);
                 ALTER TABLE orders REPLICA IDENTITY FULL;
                 DROP PUBLICATION IF EXISTS {PUBLICATION};
                 CREATE PUBLICATION {PUBLICATION} FOR TABLE orders"
            ))
            .await?;
        Ok(Self { client })
    }

    pub(crate) async fn version(&self) -> Result<String> {
        Ok(self.client.query_one("SELECT version()", &[]).await?.get(0))
    }

    /// A backlog in transactions of ten changes: six inserts, three updates, one delete.
    pub(crate) async fn write(&self, changes: u64) -> Result<()> {
        let last = FIRST + changes / 10 - 1;
        let sql = format!(
            "DO $$ BEGIN FOR i IN {FIRST}::bigint .. {last}::bigint LOOP
               INSERT INTO orders SELECT g, {VALUES} FROM generate_series(i * 6, i * 6 + 5) g;
               UPDATE orders SET price = price + 1 WHERE id >= i * 6 AND id < i * 6 + 3;
               DELETE FROM orders WHERE id = i * 6 + 5;
               COMMIT; END LOOP; END $$"
        );
        self.client.batch_execute(&sql).await?;
        Ok(self.client.batch_execute("CHECKPOINT").await?)
    }

    /// Opens a transaction that inserts rows with these keys; it is committed by [`Self::commit`].
    pub(crate) async fn insert(&self, first: u64, rows: u64) -> Result<()> {
        let end = first + rows - 1;
        let sql = format!(
            "BEGIN; INSERT INTO orders SELECT g, {VALUES} FROM generate_series({first}, {end}) g"
        );
        Ok(self.client.batch_execute(&sql).await?)
    }

    pub(crate) async fn commit(&self) -> Result<()> {
        Ok(self.client.batch_execute("COMMIT").await?)
    }

    pub(crate) async fn create_slot(&self, name: &str) -> Result<()> {
        let sql = format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')");
        Ok(self.client.batch_execute(&sql).await?)
    }

    /// Drops a slot once nobody holds it.
    pub(crate) async fn drop_slot(&self, name: &str) -> Result<()> {
        let sql = format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
             WHERE slot_name = '{name}' AND NOT active"
        );
        for _ in 0..3000 {
            if !self.client.query(&sql, &[]).await?.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("slot {name} is still held")
    }
}
