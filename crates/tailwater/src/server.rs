//! `tailwater server`: a Kafka Connect worker.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use tailwater_pipeline::connect::{DebeziumEngine, Dialect};
use tailwater_server::access::Access;
use tailwater_server::connect::{Worker, WorkerSettings, router};
use tailwater_server::{Listener, serve};
use tokio::runtime::Runtime;

use crate::args::ServerCommand;
use crate::logging::Logging;
use crate::signals::Signals;
use crate::sql::state_directory;
use crate::worker;

/// Serves until Ctrl-C or SIGTERM, then ends all connectors with a last checkpoint.
pub(crate) fn run(
    runtime: &Runtime,
    args: &ServerCommand,
    logging: Logging,
) -> anyhow::Result<ExitCode> {
    let config = worker::config(&args.worker)?;
    let token = token(args)?;
    let access = Access::new(args.bind, token.as_deref()).context(
        "name a file with the token by --token-file, or listen on 127.0.0.1 (see --bind)",
    )?;
    runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen to signals")?;
        let address = SocketAddr::new(args.bind, args.connect_port);
        let listener = Listener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
        let address = listener.address();
        let settings = WorkerSettings {
            directory: state_directory().join("connect"),
            worker_id: address.to_string(),
        };
        let engine = Arc::new(DebeziumEngine::new(config, Dialect::Connect));
        let directory = settings.directory.clone();
        let worker = Worker::open(engine, settings);
        let worker =
            Arc::new(worker.with_context(|| format!("cannot open {}", directory.display()))?);
        worker.start().await;
        println!("Kafka Connect REST on http://{address}, connectors in {}", directory.display());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let router = router(Arc::clone(&worker), Arc::new(logging.levels()));
        let end = async {
            // A sender that is gone means the end as well.
            let _ = stopped.await;
        };
        let served = async {
            serve(listener, access, router, end).await.context("the server has broken down")
        };
        let ended = async {
            signals.received().await;
            println!("stopping: every connector ends with a checkpoint");
            worker.close().await;
            drop(stop);
            Ok(())
        };
        tokio::try_join!(served, ended)?;
        Ok(ExitCode::SUCCESS)
    })
}

fn token(args: &ServerCommand) -> anyhow::Result<Option<String>> {
    let Some(file) = &args.token_file else {
        return Ok(None);
    };
    let token = worker::read(file)?.lines().next().unwrap_or_default().trim().to_owned();
    if token.is_empty() {
        bail!("the first line of \"{}\" is empty: it must hold the token", file.display());
    }
    Ok(Some(token))
}

/// The default of `--bind`.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
