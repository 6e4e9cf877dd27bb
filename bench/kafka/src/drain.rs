//! A backlog from PostgreSQL to a topic.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::arguments::Drain;
use crate::connector::{self, Tuned, Worker};
use crate::figures::Side;
use crate::process::{LIMIT, STEP};
use crate::servers::{Kafka, Postgres};
use crate::source::Source;
use crate::topic::Topic;

/// A connector that failed is noticed at the latest after so long.
const CHECK: Duration = Duration::from_secs(1);

/// Runs it on both sides in turn.
pub(crate) async fn run(arguments: &Drain) -> Result<()> {
    let postgres = Postgres::get(&arguments.servers).await?;
    let kafka = Kafka::get(arguments.servers.bootstrap.as_deref());
    let source = Source::make(postgres.connect().await?).await?;
    println!("{}", source.version().await?);
    let mut names = Vec::new();
    for run in 0..arguments.runs {
        for side in ["ours", "peer"] {
            if side == "ours" || arguments.peer.peer.is_some() {
                names.push((side, connector::unique(side, run)?));
            }
        }
    }
    for (_, name) in &names {
        source.create_slot(name).await?;
    }
    source.write(arguments.changes).await?;
    println!(
        "drain: {} changes (60 % inserts, 30 % updates, 10 % deletes) in transactions of ten{}",
        arguments.changes,
        if arguments.exactly_once { ", exactly once" } else { "" }
    );
    let (mut ours, mut peer) = <(Side, Side)>::default();
    let mut sum = None;
    for (side, name) in &names {
        let worker = match *side {
            "ours" => Some(Worker::ours(&kafka.address, None)?),
            _ => Worker::peer(&arguments.peer),
        };
        let Some(mut worker) = worker else { continue };
        let (tuned, is_exactly_once) = match *side {
            "ours" => (Tuned::No, arguments.exactly_once),
            _ => (Tuned::Rate, false),
        };
        let config = connector::config(&postgres.login, name, tuned, is_exactly_once);
        let topic = Topic::new(&kafka.address, &connector::topic(name))?;
        let before = worker.usage().0;
        let begun = Instant::now();
        worker.post(name, &config)?;
        until_full(&topic, arguments.changes, &mut worker, name)?;
        let elapsed = begun.elapsed();
        let (cpu, peak_mb) = worker.usage();
        let figures = if *side == "ours" { &mut ours } else { &mut peer };
        figures.add(arguments.changes, elapsed, cpu.saturating_sub(before), peak_mb);
        worker.delete(name)?;
        drop(worker);
        let found = topic.checksum(arguments.changes)?;
        ensure!(*sum.get_or_insert(found) == found, "the records of {name} are others: {found:x}");
        topic.delete().await?;
        source.drop_slot(name).await?;
    }
    ours.print("tailwater server");
    if arguments.peer.peer.is_some() {
        peer.print("Kafka Connect, Debezium");
        ours.print_beside(&peer);
    }
    println!("  checksum of all runs {:x}", sum.unwrap_or_default());
    Ok(())
}

/// Waits until all records are in the topic.
fn until_full(topic: &Topic, records: u64, worker: &mut Worker, name: &str) -> Result<()> {
    let end = Instant::now() + LIMIT;
    let mut checked = Instant::now();
    while topic.len() < records {
        if checked.elapsed() > CHECK {
            worker.check(name)?;
            checked = Instant::now();
        }
        ensure!(Instant::now() < end, "{} of {records} records in {LIMIT:?}", topic.len());
        std::thread::sleep(STEP);
    }
    Ok(())
}
