//! An engine whose connectors read nothing.

use std::sync::Arc;

use serde_json::Value;

use futures_util::stream::{self, StreamExt};
use tailwater_connector_api::{
    BoxFuture, ConnectorError, Dialect, ErrorKind, NoAck, ReadFrom, Source, SourceContext,
    SourcePlan, SourceReader,
};
use tailwater_pipeline::connect::{
    Altered, ConfigInfo, ConfigKey, ConfigValue, ConnectEngine, ConnectorConfig, ConnectorOffset,
    Plugin, PluginKind, RunningConnector, StartConnector, Validation,
};
use tailwater_runtime::{GraphSource, JobGraph, JobSettings, JobSpec, spawn_job};
use tailwater_types::ChangelogMode;

pub(crate) const CLASS: &str = "io.debezium.connector.postgresql.PostgresConnector";
const HOST: &str = "database.hostname";

pub(crate) struct IdleEngine;

impl ConnectEngine for IdleEngine {
    fn plugins(&self) -> Vec<Plugin> {
        let plugin = |class: &str, kind| Plugin {
            class: class.to_owned(),
            kind,
            version: "3.6.3".to_owned(),
        };
        vec![
            plugin(CLASS, PluginKind::Source),
            plugin("org.apache.kafka.connect.json.JsonConverter", PluginKind::Converter),
        ]
    }

    fn config_keys(&self, class: &str) -> Option<Vec<ConfigKey>> {
        CLASS.ends_with(class).then(|| vec![key()])
    }

    fn validate<'a>(
        &'a self,
        class: &'a str,
        config: &'a ConnectorConfig,
    ) -> BoxFuture<'a, Option<Validation>> {
        Box::pin(async move {
            let keys = self.config_keys(class)?;
            let errors = if config.contains_key(HOST) {
                Vec::new()
            } else {
                vec![format!("The '{HOST}' value is invalid: A value is required")]
            };
            let info = |(definition, errors): (ConfigKey, Vec<String>)| ConfigInfo {
                value: ConfigValue {
                    name: definition.name.clone(),
                    value: config.get(&definition.name).cloned(),
                    recommended_values: Vec::new(),
                    errors,
                    visible: true,
                },
                definition,
            };
            let password =
                ConfigKey { name: "database.password".to_owned(), kind: "PASSWORD", ..key() };
            let error_count = errors.len();
            let mut configs: Vec<_> =
                keys.into_iter().map(|key| info((key, errors.clone()))).collect();
            configs.push(info((password, Vec::new())));
            Some(Validation {
                name: CLASS.to_owned(),
                error_count,
                groups: vec!["Postgres".to_owned()],
                configs,
            })
        })
    }

    fn conflict(&self, config: &ConnectorConfig, other: &ConnectorConfig) -> Option<String> {
        let slot = |config: &ConnectorConfig| config.get("slot.name").cloned();
        (slot(config).is_some() && slot(config) == slot(other))
            .then(|| format!("{} has the slot", other["name"]))
    }

    fn is_secret(&self, option: &str) -> bool {
        option.ends_with("password")
    }

    fn start(&self, request: &StartConnector<'_>) -> Result<RunningConnector, String> {
        request.topics.insert("pg.t");
        let host = request.config[HOST].clone();
        let graph = move || {
            let mut graph = JobGraph::default();
            let plan = Arc::new(Idle { host: host.clone() });
            let (identity, table) = ("idle".to_owned(), "idle".to_owned());
            graph.add_source(GraphSource { identity, table, plan });
            graph
        };
        let settings = JobSettings {
            name: request.name.to_owned(),
            checkpoints: None,
            state_budget_bytes: 1 << 20,
            time_zone: "UTC".to_owned(),
            dialect: Dialect::Connect,
        };
        let job = spawn_job(JobSpec { settings, graph: Arc::new(graph) });
        Ok(RunningConnector { job, notes: Vec::new() })
    }

    fn offsets(&self, request: &StartConnector<'_>) -> Result<Vec<ConnectorOffset>, String> {
        Ok(vec![ConnectorOffset {
            partition: serde_json::json!({"server": request.name}),
            offset: serde_json::json!({"lsn": 1}),
        }])
    }

    fn alter_offsets<'a>(
        &'a self,
        _request: StartConnector<'a>,
        offsets: &'a [ConnectorOffset],
    ) -> BoxFuture<'a, Result<Altered, String>> {
        Box::pin(async move {
            match &offsets[0].offset {
                Value::Null => Ok(Altered::Reset),
                offset if offset["lsn"] == 7 => Err(format!("there is no place {}", offset["lsn"])),
                _ => Ok(Altered::Moved),
            }
        })
    }

    fn cluster_id(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(async { Some("idle".to_owned()) })
    }
}

fn key() -> ConfigKey {
    ConfigKey {
        name: HOST.to_owned(),
        kind: "STRING",
        required: true,
        default_value: None,
        importance: "HIGH",
        documentation: "The server.".to_owned(),
        group: "Postgres",
        order_in_group: 1,
        width: "MEDIUM",
        display_name: "Hostname".to_owned(),
        dependents: Vec::new(),
    }
}

struct Idle {
    host: String,
}

impl SourcePlan for Idle {
    fn changelog_mode(&self) -> ChangelogMode {
        ChangelogMode::InsertOnly
    }

    fn is_bounded(&self) -> bool {
        false
    }

    fn is_resumable(&self) -> bool {
        true
    }

    fn connect(&self, _: SourceContext) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>> {
        Box::pin(async move {
            if self.host == "fails" {
                let message = format!("nobody answers at \"{}\"", self.host);
                return Err(ConnectorError::new(ErrorKind::Connect, message));
            }
            Ok(Box::new(Self { host: self.host.clone() }) as Box<dyn Source>)
        })
    }
}

impl Source for Idle {
    fn read(self: Box<Self>, _: ReadFrom) -> SourceReader {
        SourceReader { events: stream::pending().boxed(), acker: Box::new(NoAck) }
    }
}
