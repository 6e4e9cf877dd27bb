//! `SET 'key' = 'value'`: the options of a session, with Flink's names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use tailwater_expr::ResolveContext;
use tailwater_types::nearest;
use tailwater_types::units::{parse_bytes, parse_duration};

/// Options that mean something here. Flink's others are accepted and have no effect.
const KNOWN: [&str; 16] = [
    "execution.runtime-mode",
    "execution.checkpointing.interval",
    "execution.checkpointing.dir",
    "parallelism.default",
    "pipeline.name",
    "sql-client.execution.result-mode",
    "sql-client.execution.max-table-result.rows",
    "sql-client.verbose",
    "state.checkpoints.dir",
    "table.display.max-column-width",
    "table.dml-sync",
    "table.exec.state.ttl",
    "table.local-time-zone",
    "tailwater.flink-strict",
    "tailwater.state.memory",
    "table.exec.sink.not-null-enforcer",
];

/// The options of a session.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
}

impl Settings {
    /// All that are set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The value of an option.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Sets an option; gives a remark if the key looks like a misspelt one.
    ///
    /// # Errors
    /// A value that the option does not take.
    pub fn set(&mut self, key: &str, value: &str) -> Result<Option<String>, String> {
        check(key, value)?;
        self.values.insert(key.to_owned(), value.to_owned());
        let own = key.starts_with("tailwater.") && !KNOWN.contains(&key);
        let near = nearest(key, KNOWN).filter(|near| *near != key);
        Ok(match near {
            Some(near) => Some(format!("option '{key}' has no effect; did you mean '{near}'?")),
            None if own => Some(format!("there is no option '{key}'")),
            None => None,
        })
    }

    /// Forgets one option, or all.
    pub fn reset(&mut self, key: Option<&str>) {
        match key {
            Some(key) => drop(self.values.remove(key)),
            None => self.values.clear(),
        }
    }

    /// Whether a two-valued option is on.
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// Whether queries run to their end and show only their last result.
    pub fn is_batch(&self) -> bool {
        self.get("execution.runtime-mode").is_some_and(|v| v.eq_ignore_ascii_case("batch"))
    }

    /// `table.local-time-zone`: the name, UTC where the machine has none.
    pub fn time_zone_name(&self) -> String {
        match self.get("table.local-time-zone") {
            Some(name) if name != "default" => name.to_owned(),
            _ => TimeZone::system().iana_name().unwrap_or("UTC").to_owned(),
        }
    }

    /// What changes the meaning of functions.
    pub fn resolve_context(&self) -> ResolveContext {
        ResolveContext {
            time_zone: time_zone(&self.time_zone_name()).unwrap_or(TimeZone::UTC),
            is_strict: self.is_on("tailwater.flink-strict"),
        }
    }

    /// `execution.checkpointing.interval`
    pub fn checkpoint_interval(&self) -> Option<Duration> {
        self.get("execution.checkpointing.interval").and_then(parse_duration)
    }

    /// `execution.checkpointing.dir`, with or without `file://`.
    pub fn checkpoint_directory(&self) -> Option<PathBuf> {
        let value = self
            .get("execution.checkpointing.dir")
            .or_else(|| self.get("state.checkpoints.dir"))?;
        Some(PathBuf::from(value.strip_prefix("file://").unwrap_or(value)))
    }

    /// `tailwater.state.memory`: bytes of state kept in memory.
    pub fn state_budget_bytes(&self) -> usize {
        const DEFAULT: usize = 256 << 20;
        self.get("tailwater.state.memory").and_then(parse_bytes).unwrap_or(DEFAULT)
    }
}

fn check(key: &str, value: &str) -> Result<(), String> {
    let refuse = |what: String| Err(format!("cannot set '{key}' to '{value}': {what}"));
    match key {
        "execution.checkpointing.interval" => match duration(value) {
            Ok(interval) if interval.is_zero() => refuse("it must be longer than 0".to_owned()),
            Ok(_) => Ok(()),
            Err(what) => refuse(what),
        },
        "tailwater.state.memory" => bytes(value).map(|_| ()).or_else(refuse),
        "table.local-time-zone" if value != "default" => match time_zone(value) {
            Some(_) => Ok(()),
            None => refuse("there is no such time zone".to_owned()),
        },
        "execution.runtime-mode" => match value.to_lowercase().as_str() {
            "batch" | "streaming" => Ok(()),
            _ => refuse("it is batch or streaming".to_owned()),
        },
        "table.exec.sink.not-null-enforcer" if !value.eq_ignore_ascii_case("error") => {
            refuse("only ERROR is supported yet".to_owned())
        }
        "table.dml-sync" | "tailwater.flink-strict" => match value.to_lowercase().as_str() {
            "true" | "false" => Ok(()),
            _ => refuse("it is true or false".to_owned()),
        },
        _ => Ok(()),
    }
}

fn time_zone(name: &str) -> Option<TimeZone> {
    let name = match name {
        "Z" | "UT" | "GMT" => "UTC",
        other => other,
    };
    if let Ok(zone) = TimeZone::get(name) {
        return Some(zone);
    }
    let offset = name.trim_start_matches("GMT").trim_start_matches("UTC");
    let (sign, rest) = match offset.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    jiff::tz::Offset::from_seconds(sign * seconds).ok().map(TimeZone::fixed)
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .ok_or_else(|| format!("\"{text}\" is no duration such as '500ms', '10s' or '3min'"))
}

fn bytes(text: &str) -> Result<usize, String> {
    parse_bytes(text).ok_or_else(|| format!("\"{text}\" is no size such as '64mb' or '1gb'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_option_is_remarked_and_a_wrong_value_refused() {
        let mut settings = Settings::default();
        let remark = settings.set("execution.checkpointing.intervall", "1s").unwrap();
        assert!(remark.unwrap().contains("did you mean 'execution.checkpointing.interval'?"));
        assert!(settings.set("execution.checkpointing.interval", "often").is_err());
        assert!(settings.set("table.local-time-zone", "Mars/Phobos").is_err());
        assert_eq!(settings.set("table.local-time-zone", "Asia/Shanghai"), Ok(None));
        assert_eq!(settings.set("taskmanager.numberOfTaskSlots", "4"), Ok(None));
    }
}
