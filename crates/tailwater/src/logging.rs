//! What is logged: `TAILWATER_LOG` at the start, and what `/admin/loggers` sets later.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use tailwater_server::connect::LogLevels;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

/// Java's loggers that users set, and what logs the same here.
const LOGGERS: &[(&str, &str)] = &[
    ("io.debezium", "tailwater_connectors::postgres"),
    ("io.debezium.connector.postgresql", "tailwater_connectors::postgres"),
    ("io.debezium.connector.postgresql.connection", "tailwater_connectors::postgres::hub"),
    ("org.apache.kafka.clients", "tailwater_connectors::kafka"),
    ("org.apache.kafka.connect", "tailwater_server"),
    ("org.apache.kafka.connect.runtime", "tailwater_runtime"),
];

/// The filter in force, which can be changed.
pub(crate) struct Logging {
    started: Targets,
    filter: reload::Handle<Targets, tracing_subscriber::Registry>,
}

/// `TAILWATER_LOG` is a level or a list such as `warn,tailwater_connectors=debug`.
pub(crate) fn start() -> Logging {
    let asked = std::env::var("TAILWATER_LOG").ok();
    let started = asked
        .and_then(|text| text.parse::<Targets>().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let (targets, filter) = reload::Layer::new(started.clone());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry().with(targets).with(lines).init();
    Logging { started, filter }
}

impl Logging {
    /// The levels by Java's names; setting one changes what is logged.
    pub(crate) fn levels(self) -> LogLevels {
        let level = |target: &str| {
            let level = self.started.iter().filter(|(t, _)| target.starts_with(t)).last();
            let level = level.map(|(_, level)| level).or_else(|| self.started.default_level());
            java_name(level.unwrap_or(LevelFilter::WARN))
        };
        let mut levels = vec![("root", level(""))];
        levels.extend(LOGGERS.iter().map(|(logger, target)| (*logger, level(target))));
        let filter = self.filter;
        LogLevels::new(&levels, move |levels| {
            // The subscriber lives as long as the process.
            let _ = filter.reload(targets(levels));
        })
    }
}

fn targets(levels: &BTreeMap<String, String>) -> Targets {
    let filter = |level: &str| level.parse().unwrap_or(LevelFilter::ERROR);
    let mut targets = Targets::new();
    for (logger, level) in levels {
        let known = LOGGERS.iter().find(|(name, _)| name == logger).map(|(_, target)| *target);
        targets = match known {
            _ if logger == "root" => targets.with_default(filter(level)),
            Some(target) => targets.with_target(target, filter(level)),
            // A name of our own, as logs with targets show it.
            None => targets.with_target(logger.as_str(), filter(level)),
        };
    }
    targets
}

fn java_name(level: LevelFilter) -> &'static str {
    match level.into_level() {
        None => "OFF",
        Some(tracing::Level::ERROR) => "ERROR",
        Some(tracing::Level::WARN) => "WARN",
        Some(tracing::Level::INFO) => "INFO",
        Some(tracing::Level::DEBUG) => "DEBUG",
        Some(tracing::Level::TRACE) => "TRACE",
    }
}
