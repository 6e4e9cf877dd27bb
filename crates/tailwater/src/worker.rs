//! Connectors of Kafka Connect without its REST API: the worker's properties, and one connector in a
//! file.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::Value;
use tailwater_pipeline::connect::{
    ConnectEngine, ConnectorConfig, DebeziumEngine, Dialect, StartConnector, TopicSet,
    WorkerConfig, properties,
};
use tailwater_pipeline::directory_name;
use tailwater_runtime::JobStatus;
use tokio::runtime::Runtime;

use crate::args::{RunArgs, WorkerArgs};
use crate::signals::Signals;
use crate::sql::state_directory;

/// A connector as it stands in a file.
pub(crate) struct Connector {
    pub(crate) name: String,
    pub(crate) config: ConnectorConfig,
}

impl Connector {
    /// Reads `{"name": ..., "config": {...}}`, or a configuration with its name in it.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = read(file)?;
        let shown = file.display();
        // The parser tells the place, never the text: there may be a password in it.
        let mut value: Value =
            serde_json::from_str(&text).with_context(|| format!("\"{shown}\" is not JSON"))?;
        let name = value.get("name").and_then(Value::as_str).map(str::to_owned);
        if let Some(config) = value.get_mut("config") {
            value = config.take();
        }
        let Value::Object(options) = value else {
            bail!("\"{shown}\" must hold an object: {{\"name\": ..., \"config\": {{...}}}}");
        };
        let mut config = ConnectorConfig::new();
        for (option, value) in options {
            let value = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => bail!("the value of \"{option}\" must be text, a number or a boolean"),
            };
            config.insert(option, value);
        }
        let name = name.or_else(|| config.get("name").cloned());
        let name = name.with_context(|| format!("\"{shown}\" has no \"name\""))?;
        config.entry("name".to_owned()).or_insert_with(|| name.clone());
        Ok(Self { name, config })
    }
}

/// Runs one connector until Ctrl-C or SIGTERM, or until it fails.
pub(crate) fn run(runtime: &Runtime, args: &RunArgs) -> anyhow::Result<ExitCode> {
    let extension = args.file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if !extension.eq_ignore_ascii_case("json") {
        bail!("run takes a connector in JSON; scripts in SQL are run by tailwater sql -f");
    }
    let connector = Connector::read(&args.file)?;
    let engine = DebeziumEngine::new(config(&args.worker)?, Dialect::File);
    let directory = state_directory().join("connectors").join(directory_name(&connector.name));
    let checkpoints = directory.join("checkpoints");
    if args.fresh && checkpoints.exists() {
        std::fs::remove_dir_all(&checkpoints)
            .with_context(|| format!("cannot remove {}", checkpoints.display()))?;
    }
    runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen to signals")?;
        let class = connector.config.get("connector.class").map_or("", String::as_str);
        let Some(validation) = engine.validate(class, &connector.config).await else {
            bail!("there is no connector \"{class}\"");
        };
        if validation.error_count > 0 {
            let errors: Vec<&str> = validation.errors().collect();
            bail!("the connector's configuration is wrong:\n  {}", errors.join("\n  "));
        }
        let started = engine.start(&StartConnector {
            name: &connector.name,
            config: &connector.config,
            checkpoints,
            topics: TopicSet::default(),
        });
        let mut running = started.map_err(anyhow::Error::msg)?;
        running.notes.iter().for_each(|note| tracing::info!("{note}"));
        let (name, shown) = (&connector.name, directory.display());
        println!("connector '{name}' keeps its checkpoints in {shown}");
        let status = tokio::select! {
            status = running.job.ended() => status,
            () = signals.received() => {
                running.job.stop();
                running.job.ended().await
            }
        };
        match status {
            JobStatus::Failed(error) => {
                let hint = error.hint_in(Dialect::File).map(|hint| format!("\n  help: {hint}"));
                bail!("connector '{name}' failed: {}{}", error.reason(), hint.unwrap_or_default());
            }
            _ => Ok(ExitCode::SUCCESS),
        }
    })
}

/// A worker's settings.
pub(crate) fn config(args: &WorkerArgs) -> anyhow::Result<WorkerConfig> {
    let mut all = match &args.worker_config {
        Some(file) => properties::parse(&read(file)?),
        None => BTreeMap::new(),
    };
    if let Some(servers) = &args.bootstrap_servers {
        all.insert("bootstrap.servers".to_owned(), servers.clone());
    }
    all.extend(set(&args.properties)?);
    config_of(&all)
}

/// `KEY=VALUE` of the command line.
pub(crate) fn set(properties: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |property: &String| match property.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => bail!("-D takes KEY=VALUE, not \"{property}\""),
    };
    properties.iter().map(pair).collect()
}

/// Settings of properties.
pub(crate) fn config_of(all: &BTreeMap<String, String>) -> anyhow::Result<WorkerConfig> {
    let environment = |name: &str| std::env::var(name).ok();
    match WorkerConfig::read(all, Arc::new(environment)) {
        Ok((config, notes)) => {
            notes.iter().for_each(|note| tracing::info!("{note}"));
            Ok(config)
        }
        Err(errors) => bail!(
            "the worker's properties are wrong:\n  {}\nset them with --worker-config FILE, \
             --bootstrap-servers or -D KEY=VALUE",
            errors.join("\n  ")
        ),
    }
}

/// The text of a file.
pub(crate) fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read \"{}\"", file.display()))
}
