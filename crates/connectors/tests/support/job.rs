//! A reading that goes on after what passes by itself, as a job does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tailwater_connector_api::{ConnectorError, ErrorKind, TableSpec};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::Cluster;
use tailwater_types::Position;

use super::{Fixture, Reading, at, connect, folded};

const LIMIT: Duration = Duration::from_secs(60);

/// Everything up to `position` is kept and acknowledged; what came behind is lost with a reading.
pub struct Job {
    pub spec: TableSpec,
    pub kept: Vec<String>,
    pub position: Option<Position>,
    pub errors: Vec<ConnectorError>,
    /// Whether what is kept is acknowledged: not between two checkpoints.
    pub acks: bool,
    /// How many changes were kept, and the place, when it was begun to read.
    resumed: Vec<(usize, Option<Position>)>,
    reading: Option<Reading>,
}

impl Job {
    pub fn new(spec: TableSpec) -> Self {
        Self {
            spec,
            kept: Vec::new(),
            position: None,
            errors: Vec::new(),
            acks: true,
            resumed: Vec::new(),
            reading: None,
        }
    }

    /// Reads, and resumes after errors, until it is enough.
    pub async fn until(&mut self, what: &str, mut is_enough: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + LIMIT;
        while !is_enough(self) {
            assert!(Instant::now() < end, "waited in vain for {what}: {:?}", self.errors);
            if let Err(error) = self.step().await {
                self.reading = None;
                let passes = matches!(
                    error.kind(),
                    ErrorKind::Connect
                        | ErrorKind::Timeout
                        | ErrorKind::Throttled
                        | ErrorKind::Conflict
                        | ErrorKind::Auth
                );
                assert!(passes, "waiting for {what}: {error} {:?}", error.hint());
                self.errors.push(error);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Takes one event, or begins to read.
    async fn step(&mut self) -> Result<(), ConnectorError> {
        let Some(reading) = &mut self.reading else {
            let from = at(&self.position);
            self.resumed.push((self.kept.len(), self.position.clone()));
            self.reading = Some(connect(&PostgresCdcFactory, &self.spec, from).await?);
            return Ok(());
        };
        reading.step().await?;
        if let Some((count, position)) = reading.cuts.pop() {
            reading.cuts.clear();
            self.kept.extend(reading.rows.drain(..count));
            if self.acks {
                reading.reader.acker.ack(&position);
            }
            self.position = Some(position);
        }
        Ok(())
    }

    /// Reads up to an error, which ends the reading.
    pub async fn error(&mut self) -> ConnectorError {
        loop {
            if let Err(error) = self.step().await {
                self.reading = None;
                return error;
            }
        }
    }

    /// Is away from now on.
    pub fn leave(&mut self) {
        self.reading = None;
    }

    /// Whether the snapshot is done.
    pub fn is_through(&self) -> bool {
        self.position.as_ref().is_some_and(|position| !position.0.contains(';'))
    }

    pub fn has(&self, row: &str) -> bool {
        self.kept.iter().rev().any(|kept| kept == row)
    }

    /// Prints all changes of keys of which there is not each row once.
    fn show_what_is_wrong(&self) {
        let mut counts = BTreeMap::<&str, i32>::new();
        for row in &self.kept {
            *counts.entry(&row[2..]).or_default() += if row.starts_with('+') { 1 } else { -1 };
        }
        for (row, count) in counts.iter().filter(|(_, count)| !(0..=1).contains(*count)) {
            let key = &row[..=row.find(',').unwrap_or(0)];
            println!("{count} times {row}; resumed at {:?}, {:?}", self.resumed, self.errors);
            let own = self.kept.iter().enumerate().filter(|(_, c)| c[2..].starts_with(key));
            own.for_each(|(at, change)| println!("  {at}: {change}"));
        }
    }

    /// Reads up to a last row and compares with the table `orders (id, note)`.
    pub async fn must_equal_the_table(&mut self, cluster: &Cluster, database: &str) {
        let client = cluster.connect(database).await;
        client.batch_execute("INSERT INTO orders VALUES (-1, 'end')").await.expect("the end");
        self.until("the end", |job| job.is_through() && job.has("+I[-1, end]")).await;
        self.show_what_is_wrong();
        let rows = client.query("SELECT id, note FROM orders", &[]).await.expect("rows");
        let row = |row: &tokio_postgres::Row| {
            format!("[{}, {}]", row.get::<_, i64>(0), row.get::<_, &str>(1))
        };
        let (expected, found): (BTreeSet<String>, _) =
            (rows.iter().map(row).collect(), folded(&self.kept));
        let missing: Vec<_> = expected.difference(&found).collect();
        let ghosts: Vec<_> = found.difference(&expected).collect();
        assert!(missing.is_empty() && ghosts.is_empty(), "missing {missing:?}, ghosts {ghosts:?}");
        println!("{} changes, {} rows, {} errors", self.kept.len(), found.len(), self.errors.len());
    }
}

/// Tasks that write to `orders (id bigint, note text)`, whether the server is there or not.
pub struct Writers {
    is_over: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<u64>>,
}

impl Writers {
    pub fn start(db: &Fixture, count: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let write = |writer| {
            let (cluster, database) = (Arc::clone(&db.cluster), db.database.clone());
            tokio::spawn(write(cluster, database, writer, Arc::clone(&is_over)))
        };
        let tasks = (1..=count).map(write).collect();
        Self { is_over, tasks }
    }

    pub async fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let mut transactions = 0;
        for task in self.tasks {
            transactions += task.await.expect("a writer");
        }
        println!("{transactions} transactions");
    }
}

async fn write(
    cluster: Arc<Cluster>,
    database: String,
    writer: u64,
    is_over: Arc<AtomicBool>,
) -> u64 {
    let (mut client, mut state, mut number) = (None, writer * 7919, 0);
    let mut below = |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    while !is_over.load(Ordering::Relaxed) {
        let Some(connected) = &client else {
            client = cluster.try_connect(&database).await.ok();
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        number += 1;
        let (a, b, text) = (below(4000), below(4000), format!("w{writer} t{number}"));
        let sql = format!(
            "BEGIN; UPDATE orders SET note = '{text}' WHERE id = {a};
             INSERT INTO orders VALUES ({b}, '{text}') ON CONFLICT (id) DO NOTHING;
             SAVEPOINT s; DELETE FROM orders WHERE id = {b} + 1; {}; COMMIT",
            if below(3) == 0 { "ROLLBACK TO s" } else { "RELEASE s" }
        );
        if connected.batch_execute(&sql).await.is_err() {
            // A deadlock, or the server has gone.
            let _ = connected.batch_execute("ROLLBACK").await;
            client = None;
        }
        tokio::time::sleep(Duration::from_millis(below(6))).await;
    }
    number
}
