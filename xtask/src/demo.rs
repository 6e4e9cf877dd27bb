//! `cargo x demo`: the e-commerce pipeline from PostgreSQL to PostgreSQL, run and validated, with
//! Kafka between its stages if asked for.
//!
//! All that a demo starts is ended by it, whatever happens: processes and the one directory belong
//! to values that clean up when dropped. What a killed demo leaves is found by its pid files.

mod broker;
mod cluster;
mod compare;
mod directory;
mod load;
mod pipeline;
mod process;
mod report;
mod scenario;
mod shop;
mod watch;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::{cargo, postgres};
use cluster::Cluster;
use directory::Directory;
use pipeline::{Pipeline, Script};
use process::{Ending, Identity};
use report::Report;
use scenario::{Figures, Scale, Scenario};
use tailwater_testkit_kafka::Broker;
use watch::Watcher;

/// A demo cleans up by itself when asked to end.
const ENDING: Ending = &[(Signal::TERM, Duration::from_secs(30))];
const PID_FILE: &str = "demo.pid";

/// How a demo is run.
#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// The port of the private PostgreSQL; also DEMO_PORT.
    #[arg(long)]
    port: Option<u16>,

    /// How many orders are inserted under load.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(100..=20_000))]
    orders: u32,

    /// How many of them per second.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(50..=5_000))]
    rate: u32,

    /// Put a topic of a private Kafka between each two stages.
    #[arg(long)]
    kafka: bool,

    /// Leave PostgreSQL and the pipeline running; also DEMO_KEEP=1.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo; fails if anything that it sees is wrong.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let location = directory::location();
    if directory::is_there(&location)?
        && let Some(other) = Identity::read(&location.join(PID_FILE))
    {
        let id = other.id();
        bail!("a demo is running already, process {id}; end it with Ctrl-C or `make demo-clean`");
    }
    let bin = postgres::ensure_installed()?;
    let binary = cargo::build_release()?;
    remove_leftovers(&location)?;
    let port = cluster::choose_port(asked_port(args)?, cluster::PORT)?;
    let kafka_port = args.kafka.then(|| cluster::choose_port(None, broker::PORT)).transpose()?;
    let keeps = args.keep || std::env::var("DEMO_KEEP").is_ok_and(|v| !v.is_empty() && v != "0");
    let scale = Scale { orders: args.orders, rate: args.rate };
    let runtime = tokio::runtime::Runtime::new().context("cannot start a runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to signals")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen to signals")?;
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen to signals")?;
        let mut directory = Directory::create()?;
        let own = Identity::of(std::process::id()).context("cannot see this process")?;
        own.write(&directory.path().join(PID_FILE))?;
        let run = Run { bin: &bin, binary: &binary, port, kafka_port, keeps, scale };
        // Dropped at a signal, the demo ends all that it has started.
        let number = tokio::select! {
            done = run.demonstrate(&mut directory) => return finish(done, &mut directory),
            _ = interrupt.recv() => 2,
            _ = terminate.recv() => 15,
            _ = hangup.recv() => 1,
        };
        eprintln!("\ninterrupted, cleaning up");
        Ok(ExitCode::from(128 + number))
    })
}

/// Ends what a demo has left running and removes its directory.
pub(crate) fn clean() -> anyhow::Result<ExitCode> {
    let location = directory::location();
    if remove_leftovers(&location)? {
        println!("removed {} and what ran there", location.display());
    } else {
        println!("nothing to clean");
    }
    Ok(ExitCode::SUCCESS)
}

fn finish(done: anyhow::Result<bool>, directory: &mut Directory) -> anyhow::Result<ExitCode> {
    match done {
        Ok(true) => Ok(ExitCode::SUCCESS),
        failed => {
            directory.keep();
            let path = directory.path().display();
            eprintln!("\nthe logs are in {path}; `make demo-clean` removes them");
            failed.map(|_| ExitCode::FAILURE)
        }
    }
}

/// Whether there was something.
fn remove_leftovers(location: &Path) -> anyhow::Result<bool> {
    if !directory::is_there(location)? {
        return Ok(false);
    }
    let all = [
        (PID_FILE, ENDING),
        (pipeline::PID_FILE, pipeline::ENDING),
        (broker::PID_FILE, broker::ENDING),
        (cluster::INITDB_PID_FILE, cluster::INITDB_ENDING),
        (cluster::PID_FILE, cluster::ENDING),
    ];
    for (pid_file, ending) in all {
        if let Some(process) = Identity::read(&location.join(pid_file)) {
            process.stop(ending);
        }
    }
    directory::remove(location)?;
    Ok(true)
}

fn asked_port(args: &DemoArgs) -> anyhow::Result<Option<u16>> {
    match std::env::var("DEMO_PORT") {
        Ok(text) if args.port.is_none() && !text.is_empty() => {
            let port = text.parse();
            port.map(Some).with_context(|| format!("DEMO_PORT is \"{text}\", which is no port"))
        }
        _ => Ok(args.port),
    }
}

/// One run.
struct Run<'a> {
    bin: &'a Path,
    binary: &'a Path,
    port: u16,
    /// With Kafka between the stages.
    kafka_port: Option<u16>,
    keeps: bool,
    scale: Scale,
}

impl Run<'_> {
    /// Starts everything, validates it and stops it; whether all checks held.
    async fn demonstrate(&self, directory: &mut Directory) -> anyhow::Result<bool> {
        let mut report = Report::new();
        report.heading(match self.kafka_port {
            None => "Tailwater demo: orders with their users, PostgreSQL to PostgreSQL",
            Some(_) => {
                "Tailwater demo: orders with their users, four stages with Kafka between them"
            }
        });
        let mut cluster = Cluster::start(self.bin, directory.path(), self.port).await?;
        shop::create(&cluster).await?;
        report.note(&format!("a private PostgreSQL runs on 127.0.0.1:{}", cluster.port()));
        let start_broker = |port| broker::start(directory.path(), port);
        let mut broker = self.kafka_port.map(start_broker).transpose()?;
        if let Some(broker) = &broker {
            report.note(&format!("a private Kafka runs on {}", broker.address()));
        }
        let watcher = Watcher::start(cluster.port())?;
        let tickets = scenario::expect_start_orders(&watcher);
        let mut scenario = Scenario::open(&cluster, &watcher, &mut report).await?;
        let mut pipeline = Pipeline::start(self.binary, directory.path(), &self.script())?;
        let started = pipeline.started();
        let first_row = tokio::select! {
            first_row = scenario.start_orders(&tickets, started) => first_row?,
            error = pipeline.ends() => return Err(error),
        };
        let idle = pipeline.memory()?;
        let scripted = async {
            scenario.single_changes().await?;
            scenario.load(&self.scale).await
        };
        let load = tokio::select! {
            load = scripted => load,
            error = pipeline.ends() => return Err(error),
        };
        let load =
            load.with_context(|| format!("the pipeline says:\n{}", pipeline.last_words()))?;
        let figures = Figures::take(&pipeline, self.binary, first_row, idle, load)?;
        report.heading("Measures");
        report.measures(&figures.measures(&watcher));
        drop(watcher);
        if self.keeps {
            pipeline.keep();
            cluster.keep();
            broker.iter_mut().for_each(Broker::leave);
            directory.keep();
        } else {
            let stopped = pipeline.stop();
            report.check(stopped.is_ok(), "the pipeline has stopped in order", "");
            if let Err(error) = stopped {
                report.explain(&[format!("{error:#}")]);
            }
            cluster.stop()?;
        }
        let is_right = report.verdict();
        if self.keeps {
            self.say_how_to_connect(directory.path());
        }
        Ok(is_right)
    }

    fn script(&self) -> Script {
        let mut ports = vec![(cluster::PORT, self.port)];
        ports.extend(self.kafka_port.map(|port| (broker::PORT, port)));
        let example = match self.kafka_port {
            None => "examples/ecommerce",
            Some(_) => "examples/ecommerce-kafka",
        };
        Script { example, ports }
    }

    fn say_how_to_connect(&self, directory: &Path) {
        let (psql, port) = (self.bin.join("psql"), self.port);
        let url = |database| format!("postgres://tailwater:tailwater@127.0.0.1:{port}/{database}");
        println!("\nThe servers and the pipeline go on:");
        println!("  source   {} {}", psql.display(), url("shop"));
        println!("  sink     {} {}", psql.display(), url("warehouse"));
        if let Some(port) = self.kafka_port {
            println!("  kafka    127.0.0.1:{port}");
        }
        println!("  log      {}", directory.join("tailwater.log").display());
        println!("  stop     make demo-clean");
    }
}
