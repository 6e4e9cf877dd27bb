//! Log levels by logger, as `/admin/loggers` tells and sets them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Takes levels: loggers by name, `root` among them, each with one of [`LEVELS`].
type Apply = dyn Fn(&BTreeMap<String, String>) + Send + Sync;

/// As log4j has them.
const LEVELS: &[&str] = &["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// The levels in force.
pub struct LogLevels {
    levels: Mutex<BTreeMap<String, LoggerLevel>>,
    apply: Box<Apply>,
}

/// One logger's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LoggerLevel {
    level: String,
    /// Milliseconds since 1970, if it was set here.
    last_modified: Option<u64>,
}

/// No level is called that.
#[derive(Debug, thiserror::Error)]
#[error("invalid log level '{0}'.")]
pub struct UnknownLevel(String);

impl LogLevels {
    /// Starts with these levels in force; `apply` takes all of them after a change.
    pub fn new(
        levels: &[(&str, &str)],
        apply: impl Fn(&BTreeMap<String, String>) + Send + Sync + 'static,
    ) -> Self {
        let started = |(name, level): &(&str, &str)| {
            let level = LoggerLevel { level: (*level).to_owned(), last_modified: None };
            ((*name).to_owned(), level)
        };
        Self { levels: Mutex::new(levels.iter().map(started).collect()), apply: Box::new(apply) }
    }

    pub(crate) fn all(&self) -> BTreeMap<String, LoggerLevel> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn get(&self, logger: &str) -> Option<LoggerLevel> {
        self.all().remove(logger)
    }

    /// Sets a logger's level and that of the loggers below it; gives those that it changed.
    pub(crate) fn set(&self, logger: &str, level: &str) -> Result<Vec<String>, UnknownLevel> {
        let level = level.to_ascii_uppercase();
        if !LEVELS.contains(&level.as_str()) {
            return Err(UnknownLevel(level));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let set = LoggerLevel { level, last_modified: Some(now as u64) };
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels.entry(logger.to_owned()).or_insert_with(|| set.clone());
        let is_below = |name: &str| {
            logger == "root" || name == logger || name.starts_with(&format!("{logger}."))
        };
        let mut changed = Vec::new();
        for (name, entry) in levels.iter_mut().filter(|(name, _)| is_below(name)) {
            *entry = set.clone();
            changed.push(name.clone());
        }
        let in_force = levels.iter().map(|(name, l)| (name.clone(), l.level.clone())).collect();
        (self.apply)(&in_force);
        Ok(changed)
    }
}
