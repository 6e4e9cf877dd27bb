//! From the commit to a consumer, at a steady rate.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::arguments::Latency;
use crate::connector::{self, Tuned, Worker};
use crate::figures::print_delays;
use crate::servers::{Kafka, Postgres};
use crate::source::Source;
use crate::topic::Topic;

/// Between the checkpoints of a worker that writes exactly once.
const INTERVAL: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
struct Event {
    after: Row,
}

#[derive(Deserialize)]
struct Row {
    id: u64,
}

/// When each transaction was about to be committed.
type Commits = Arc<Vec<OnceLock<Instant>>>;

/// Measures ours at least once and exactly once, and the peer if there is one.
pub(crate) async fn run(arguments: &Latency) -> Result<()> {
    let postgres = Postgres::get(&arguments.servers).await?;
    let kafka = Kafka::get(arguments.servers.bootstrap.as_deref());
    println!(
        "latency: {} events/s for {} s in transactions of {}",
        arguments.rate, arguments.seconds, arguments.in_one
    );
    let ours = Worker::ours(&kafka.address, None)?;
    one("at least once", false, ours, arguments, &postgres, &kafka).await?;
    let ours = Worker::ours(&kafka.address, Some(INTERVAL))?;
    one("exactly once, 200 ms", true, ours, arguments, &postgres, &kafka).await?;
    if let Some(peer) = Worker::peer(&arguments.peer) {
        one("Kafka Connect, Debezium", false, peer, arguments, &postgres, &kafka).await?;
    }
    Ok(())
}

async fn one(
    what: &str,
    is_exactly_once: bool,
    mut worker: Worker,
    arguments: &Latency,
    postgres: &Postgres,
    kafka: &Kafka,
) -> Result<()> {
    let source = Source::make(postgres.connect().await?).await?;
    let name = connector::unique("latency", usize::from(is_exactly_once))?;
    source.create_slot(&name).await?;
    let config = connector::config(&postgres.login, &name, Tuned::Latency, is_exactly_once);
    worker.post(&name, &config)?;
    worker.until_running(&name)?;
    // The topic is made with the first event, and the reader joins before the clock starts.
    let warm = 20 * arguments.in_one;
    let transactions = arguments.rate * arguments.seconds / arguments.in_one;
    let events = warm + transactions * arguments.in_one;
    let commits: Commits =
        Arc::new(std::iter::repeat_with(OnceLock::new).take(transactions as usize + 20).collect());
    let topic = Topic::new(&kafka.address, &connector::topic(&name))?;
    write(&source, &commits, arguments, 0..20, Duration::from_millis(20)).await?;
    let reader = std::thread::spawn({
        let (commits, in_one) = (Arc::clone(&commits), arguments.in_one);
        move || read(topic, &commits, in_one, events, warm)
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let pause = Duration::from_secs_f64(arguments.in_one as f64 / arguments.rate as f64);
    let before = worker.usage().0;
    let begun = Instant::now();
    write(&source, &commits, arguments, 20..20 + transactions, pause).await?;
    let rate = (events - warm) as f64 / begun.elapsed().as_secs_f64();
    let read = tokio::task::spawn_blocking(move || reader.join()).await?;
    let (topic, delays) = read.map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    let cpu = worker.usage().0.saturating_sub(before);
    print_delays(what, delays);
    println!("  {:<24} {rate:.0} events/s, {:.0} ms CPU", "", cpu.as_secs_f64() * 1e3);
    worker.delete(&name)?;
    drop(worker);
    topic.delete().await?;
    source.drop_slot(&name).await
}

async fn write(
    source: &Source,
    commits: &Commits,
    arguments: &Latency,
    transactions: std::ops::Range<u64>,
    pause: Duration,
) -> Result<()> {
    let mut due = tokio::time::Instant::now();
    for transaction in transactions {
        tokio::time::sleep_until(due).await;
        due += pause;
        source.insert(transaction * arguments.in_one, arguments.in_one).await?;
        commits[transaction as usize].get_or_init(Instant::now);
        source.commit().await?;
    }
    Ok(())
}

/// The delay of each event behind the first ones.
fn read(
    topic: Topic,
    commits: &Commits,
    in_one: u64,
    events: u64,
    warm: u64,
) -> Result<(Topic, Vec<Duration>)> {
    let mut delays = Vec::new();
    let mut seen = vec![false; events as usize];
    topic.read(1, events, |_, value| {
        let now = Instant::now();
        let Event { after: Row { id } } = serde_json::from_slice(value).context("an event")?;
        ensure!(!std::mem::replace(&mut seen[id as usize], true), "event {id} came twice");
        let commit = commits[(id / in_one) as usize].get().context("a commit")?;
        if id >= warm {
            delays.push(now.duration_since(*commit));
        }
        Ok(())
    })?;
    Ok((topic, delays))
}
