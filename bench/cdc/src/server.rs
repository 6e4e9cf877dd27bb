//! The server, its table and its own tools.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tailwater_testkit_postgres::{Client, Cluster};

use crate::process::{Finished, run_all};

/// Readers of a snapshot on either side.
pub(crate) const READERS: u64 = 2;

pub(crate) struct Server {
    cluster: Cluster,
    database: String,
    client: Client,
}

const TABLE: &str =
    "CREATE TABLE orders (id bigint PRIMARY KEY, customer int, price numeric(12, 2),
      name text, note text, at timestamptz, paid bool);
    ALTER TABLE orders REPLICA IDENTITY FULL; CREATE PUBLICATION bench FOR TABLE orders";

const VALUES: &str =
    "g % 1000, g * 0.37 % 100000, 'customer ' || g, repeat(md5(g::text), 16), now(), g % 2 = 0";

impl Server {
    pub(crate) async fn start() -> Result<Self> {
        let cluster = Cluster::builder()
            .setting("max_wal_size", "4GB")
            .setting("shared_buffers", "256MB")
            .setting("autovacuum", "off")
            .start();
        let database = cluster.create_database().await;
        let client = cluster.connect(&database).await;
        client.batch_execute(TABLE).await?;
        Ok(Self { cluster, database, client })
    }

    pub(crate) async fn version(&self) -> Result<String> {
        Ok(self.client.query_one("SELECT version()", &[]).await?.get(0))
    }

    /// Fills the table, and has everything on disk before somebody measures.
    pub(crate) async fn fill(&self, rows: u64) -> Result<()> {
        let sql =
            format!("INSERT INTO orders SELECT g, {VALUES} FROM generate_series(1, {rows}) g");
        self.client.batch_execute(&sql).await?;
        self.client.batch_execute("VACUUM ANALYZE orders").await?;
        Ok(self.client.batch_execute("CHECKPOINT").await?)
    }

    /// A backlog: of each ten changes six inserts, three updates, one delete.
    pub(crate) async fn write(&self, changes: u64, in_one: u64) -> Result<()> {
        let tens = changes / 10;
        let first = 100_000_000;
        let each = |ten: &str, last: &str| {
            format!(
                "INSERT INTO orders SELECT g, {VALUES} FROM generate_series({ten} * 6, {last} * 6 - 1) g;
                 UPDATE orders SET price = price + 1 WHERE id >= {ten} * 6 AND id < {last} * 6 AND id % 6 < 3;
                 DELETE FROM orders WHERE id >= {ten} * 6 AND id < {last} * 6 AND id % 6 = 5;"
            )
        };
        if in_one >= changes {
            let sql =
                each(&format!("{}::bigint", 2 * first), &format!("{}::bigint", 2 * first + tens));
            return Ok(self.client.batch_execute(&format!("BEGIN; {sql} COMMIT")).await?);
        }
        let sql = each("i", "(i + 1)");
        let sql = format!(
            "DO $$ BEGIN FOR i IN {first}::bigint .. {first}::bigint + {tens} - 1 LOOP {sql} COMMIT; END LOOP; END $$"
        );
        Ok(self.client.batch_execute(&sql).await?)
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
        for _ in 0..500 {
            if !self.client.query(&sql, &[]).await?.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("slot {name} is still held")
    }

    /// The end of the WAL.
    pub(crate) async fn end(&self) -> Result<String> {
        self.client.batch_execute("CHECKPOINT").await?;
        let sql = "SELECT pg_logical_emit_message(true, 'bench', 'end')::text";
        let end: String = self.client.query_one(sql, &[]).await?.get(0);
        // A place behind the last transaction, so that both sides get to it.
        self.client
            .batch_execute("SELECT pg_switch_wal(); CREATE TABLE IF NOT EXISTS tick ()")
            .await?;
        Ok(end)
    }

    pub(crate) async fn has_reached(&self, slot: &str, end: &str) -> Result<bool> {
        let sql = format!(
            "SELECT confirmed_flush_lsn >= '{end}' FROM pg_replication_slots WHERE slot_name = '{slot}'"
        );
        Ok(self.client.query_one(&sql, &[]).await?.get(0))
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.cluster.port().to_string())
            .env("PGUSER", "postgres")
            .env("PGPASSWORD", self.cluster.password())
            .env("PGDATABASE", &self.database);
        command
    }

    /// The table by bare COPY, its pages divided among the readers.
    pub(crate) fn copy(&self, rows: u64) -> Result<Finished> {
        let part = rows.div_ceil(READERS);
        let commands = (0..READERS).map(|reader| {
            let (low, high) = (reader * part, (reader + 1) * part);
            let sql = format!(
                "COPY (SELECT * FROM orders WHERE id > {low} AND id <= {high}) TO STDOUT (FORMAT binary)"
            );
            let mut command = self.tool("psql");
            command.args(["-q", "-c", &sql]);
            command
        });
        run_all(commands.collect())
    }

    /// The backlog by the server's own client.
    pub(crate) fn receive(&self, slot: &str, end: &str) -> Result<Finished> {
        let mut command = self.tool("pg_recvlogical");
        command.args(["--slot", slot, "--start", "-f", "/dev/null", "--endpos", end]);
        command.args([
            "-d",
            &self.database,
            "-o",
            "proto_version=1",
            "-o",
            "publication_names=bench",
        ]);
        command.args(["-o", "binary=true", "--no-loop"]);
        run_all(vec![command])
    }

    /// A job that reads the table and keeps nothing.
    pub(crate) fn script(&self, mode: &str, slot: &str) -> String {
        format!(
            "SET 'execution.checkpointing.interval' = '100 ms';
            SET 'pipeline.name' = 'bench {slot}';
            CREATE TABLE orders (id BIGINT, customer INT, price DECIMAL(12, 2), name STRING, note STRING,
              `at` TIMESTAMP_LTZ(3), paid BOOLEAN, PRIMARY KEY (id) NOT ENFORCED) WITH (
              'connector' = 'postgres-cdc', 'hostname' = '127.0.0.1', 'port' = '{}', 'username' = 'postgres',
              'password' = '{}', 'database-name' = '{}', 'schema-name' = 'public', 'table-name' = 'orders',
              'slot.name' = '{slot}', 'scan.startup.mode' = '{mode}', 'debezium.publication.name' = 'bench',
              'debezium.snapshot.max.threads' = '{READERS}');
            CREATE TABLE nothing (id BIGINT, customer INT, price DECIMAL(12, 2), name STRING, note STRING,
              `at` TIMESTAMP_LTZ(3), paid BOOLEAN) WITH ('connector' = 'blackhole');
            INSERT INTO nothing SELECT * FROM orders;",
            self.cluster.port(),
            self.cluster.password().replace('\'', "''"),
            self.database
        )
    }
}
