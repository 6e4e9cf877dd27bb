//! JSON records from topic to topic by SQL, beside a Flink cluster.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use xxhash_rust::xxh3::xxh3_64;

use crate::arguments::Filter;
use crate::figures::Side;
use crate::process::{LIMIT, STEP, Tailwater, usage};
use crate::servers::Kafka;
use crate::topic::Topic;

const PARTITIONS: i32 = 2;

/// Runs it on both sides in turn.
pub(crate) async fn run(arguments: &Filter) -> Result<()> {
    let kafka = Kafka::get(arguments.bootstrap.as_deref());
    let begun = std::time::UNIX_EPOCH.elapsed().context("a clock")?.as_millis();
    let input = format!("bench_filter_in_{begun}");
    crate::topic::make(&kafka.address, &input, PARTITIONS).await?;
    fill(&kafka.address, &input, arguments.records)?;
    let passing = (0..arguments.records).filter(|i| passes(*i)).count() as u64;
    println!("filter: {} records, {passing} pass, {PARTITIONS} partitions", arguments.records);
    let mut sides = <[Side; 4]>::default();
    let mut sum = None;
    for run in 0..arguments.runs {
        for side in ["ours", "flink"] {
            let output = format!("bench_filter_{side}_{run}_{begun}");
            let script = script(&kafka.address, &input, &output);
            let file = tempfile::NamedTempFile::with_suffix(".sql")?;
            std::fs::write(file.path(), script)?;
            let path = file.path().display().to_string();
            let job = match (side, &arguments.flink_client) {
                ("ours", _) => {
                    let arguments = ["sql", "-f", &path].map(str::to_owned);
                    Job::Ours(Tailwater::start(&arguments)?)
                }
                (_, Some(client)) => Job::Flink(flink(client, &path)?, &arguments.flink_pid),
                (_, None) => continue,
            };
            let topic = Topic::new(&kafka.address, &output)?;
            let Run { whole, running, cpu, peak_mb } = job.follow(&topic, passing)?;
            let mut found = 0_u64;
            topic.read(topic.partitions(), passing, |_, value| {
                found = found.wrapping_add(xxh3_64(value));
                Ok(())
            })?;
            ensure!(*sum.get_or_insert(found) == found, "other records in {output}: {found:x}");
            let at = if side == "ours" { 0 } else { 2 };
            sides[at].add(arguments.records, whole, cpu, peak_mb);
            sides[at + 1].add(arguments.records, running, cpu, peak_mb);
        }
    }
    let [ours, ours_running, flink, flink_running] = &sides;
    ours.print("tailwater, whole");
    ours_running.print("from the first record");
    if arguments.flink_client.is_some() {
        flink.print("Flink, whole");
        flink_running.print("from the first record");
        println!("whole:");
        ours.print_beside(flink);
        println!("from the first record of the output to the last:");
        ours_running.print_beside(flink_running);
    }
    println!("  checksum of all runs {:x}", sum.unwrap_or_default());
    Ok(())
}

/// A run of one side.
struct Run {
    whole: Duration,
    /// From the first record of the output to the last.
    running: Duration,
    cpu: Duration,
    peak_mb: f64,
}

enum Job<'a> {
    Ours(Tailwater),
    Flink(Child, &'a [u32]),
}

impl Job<'_> {
    fn usage(&self) -> (Duration, f64) {
        let of_all = |pids: &[u32]| {
            let all = pids.iter().map(|pid| usage(*pid));
            all.fold((Duration::ZERO, 0.0), |(cpu, mb), one| (cpu + one.0, mb + one.1))
        };
        match self {
            Self::Ours(binary) => usage(binary.id()),
            Self::Flink(_, pids) => of_all(pids),
        }
    }

    /// Whether it has ended well, or its client has.
    fn has_ended(&mut self) -> Result<bool> {
        match self {
            Self::Ours(binary) => binary.has_ended(),
            Self::Flink(client, _) => match client.try_wait()? {
                Some(status) => {
                    ensure!(status.success(), "the client failed: {status}");
                    Ok(true)
                }
                None => Ok(false),
            },
        }
    }

    /// Waits until the output is full and the job has ended.
    fn follow(mut self, topic: &Topic, passing: u64) -> Result<Run> {
        let begun = Instant::now();
        let is_ours = matches!(self, Self::Ours(_));
        // A process that is new has used nothing before.
        let before = if is_ours { Duration::ZERO } else { self.usage().0 };
        let (mut first, mut full) = (None, None);
        let (mut cpu, mut peak_mb) = <(Duration, f64)>::default();
        loop {
            let found = topic.len();
            let now = Instant::now();
            if found > 0 {
                first.get_or_insert(now);
            }
            if found >= passing {
                full.get_or_insert(now);
            }
            let used = self.usage();
            cpu = cpu.max(used.0.saturating_sub(before));
            peak_mb = peak_mb.max(used.1);
            if self.has_ended()? {
                break;
            }
            ensure!(begun.elapsed() < LIMIT, "{found} of {passing} records in {LIMIT:?}");
            std::thread::sleep(STEP);
        }
        let (whole, now) = (begun.elapsed(), Instant::now());
        let end = full.unwrap_or(now);
        let running = end.saturating_duration_since(first.unwrap_or(begun));
        Ok(Run { whole, running, cpu, peak_mb })
    }
}

fn flink(client: &str, script: &str) -> Result<Child> {
    let command = format!("{client} {script}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]).stdin(Stdio::null()).stdout(Stdio::null());
    shell.stderr(Stdio::null()).spawn().context("the client of Flink")
}

fn passes(i: u64) -> bool {
    i * 7919 % 1000 < 500
}

/// Fills the input with orders, in turns by partition.
fn fill(bootstrap: &str, topic: &str, records: u64) -> Result<()> {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", bootstrap).set("log_level", "0");
    settings.set("queue.buffering.max.messages", "1000000");
    let producer: BaseProducer = settings.create().context("a producer")?;
    for i in 0..records {
        let (amount, customer) = (i * 7919 % 1000, i % 5000);
        let value = format!(
            "{{\"id\":{i},\"customer\":\"customer {customer}\",\"amount\":{amount}.25,\"paid\":{},\
             \"city\":\"city {}\",\"note\":\"order {i} of customer {customer}, to be delivered on time\"}}",
            i % 2 == 0,
            i % 97,
        );
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
        record.partition = Some((i % PARTITIONS as u64) as i32);
        record.payload = Some(value.as_bytes());
        while let Err((error, back)) = producer.send(record) {
            let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            ensure!(is_full, "a record is refused: {error}");
            producer.poll(Duration::from_millis(1));
            record = back;
        }
        if i % 1024 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(LIMIT).context("the input")
}

/// The same for both sides.
fn script(bootstrap: &str, input: &str, output: &str) -> String {
    let columns = "id BIGINT, customer STRING, amount DECIMAL(10, 2), paid BOOLEAN, city STRING";
    let kafka = |topic: &str| {
        format!(
            "'connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json',
             'properties.bootstrap.servers' = '{bootstrap}'"
        )
    };
    let (source, sink) = (kafka(input), kafka(output));
    format!(
        "SET 'table.dml-sync' = 'true';
        SET 'parallelism.default' = '2';
        SET 'pipeline.name' = '{output}';
        CREATE TABLE orders ({columns}, note STRING) WITH ({source}, 'properties.group.id' = 'bench',
          'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset');
        CREATE TABLE small ({columns}) WITH ({sink});
        INSERT INTO small SELECT id, UPPER(customer), amount * 2, paid, city FROM orders WHERE amount < 500;"
    )
}
