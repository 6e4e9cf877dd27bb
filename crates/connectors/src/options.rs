//! The options of `WITH (...)`, read one by one, everything wrong collected.

use std::str::FromStr;
use std::time::Duration;

use tailwater_connector_api::{TableIssue, TableSpec, nearest};
use tailwater_types::units::parse_duration;

/// Reads the options of one table.
pub(crate) struct OptionReader<'a> {
    pub(crate) table: &'a TableSpec,
    pub(crate) errors: Vec<TableIssue>,
    pub(crate) notes: Vec<TableIssue>,
}

impl<'a> OptionReader<'a> {
    pub(crate) fn new(table: &'a TableSpec) -> Self {
        Self { table, errors: Vec::new(), notes: Vec::new() }
    }

    /// A value as it is written.
    pub(crate) fn get(&self, key: &str) -> Option<&'a str> {
        self.table.options.get(key).map(String::as_str)
    }

    /// The options whose keys begin so: what follows, the key, the value.
    pub(crate) fn prefixed(
        &self,
        prefix: &'static str,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> + use<'a> {
        let options = self.table.options.iter();
        options.filter_map(move |(key, value)| {
            Some((key.strip_prefix(prefix)?, key.as_str(), value.as_str()))
        })
    }

    /// Refuses every key that is in neither list and has none of the prefixes.
    pub(crate) fn refuse_unknown(&mut self, known: &[&str], passed: &[&str], prefixes: &[&str]) {
        for key in self.table.options.keys() {
            let is_known = known.contains(&key.as_str())
                || passed.contains(&key.as_str())
                || prefixes.iter().any(|prefix| key.starts_with(prefix));
            if is_known {
                continue;
            }
            let issue = TableIssue::option(key, format!("unknown option \"{key}\""));
            let near = nearest(key, known.iter().chain(passed).copied());
            self.errors.push(match near {
                Some(near) => issue.with_hint(format!("did you mean \"{near}\"?")),
                None => issue.with_hint(format!("the options are {}", known.join(", "))),
            });
        }
    }

    /// A value that must be there; the empty string after a complaint.
    pub(crate) fn required(&mut self, key: &str) -> String {
        match self.get(key) {
            Some(value) if !value.is_empty() => value.to_owned(),
            _ => {
                let message = format!("required option \"{key}\" is missing");
                let hint = format!("add '{key}' = '...' to WITH (...)");
                self.errors.push(TableIssue::option(key, message).with_hint(hint));
                String::new()
            }
        }
    }

    /// A number or whatever else reads itself.
    pub(crate) fn number<T: FromStr>(&mut self, key: &str, expected: &str, default: T) -> T {
        match self.get(key).map(str::parse) {
            None => default,
            Some(Ok(number)) => number,
            Some(Err(_)) => self.refuse(key, expected, default),
        }
    }

    /// `true` or `false`; the latter by default.
    pub(crate) fn flag(&mut self, key: &str) -> bool {
        match self.get(key) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => self.refuse(key, "true, false", false),
        }
    }

    /// A duration as Flink writes them.
    pub(crate) fn duration(&mut self, key: &str, default: Duration) -> Duration {
        match self.get(key).map(parse_duration) {
            None => default,
            Some(Some(duration)) => duration,
            Some(None) => self.refuse(key, "a duration such as 30s", default),
        }
    }

    /// Whether something was said against this option already.
    pub(crate) fn has_refused(&self, key: &str) -> bool {
        self.errors.iter().any(|issue| issue.option.as_deref() == Some(key))
    }

    /// Complains of a value and gives the fallback.
    pub(crate) fn refuse<T>(&mut self, key: &str, expected: &str, fallback: T) -> T {
        let value = self.get(key).unwrap_or_default();
        let message = format!("\"{value}\" is not a value of option \"{key}\"");
        let issue = TableIssue::option(key, message);
        self.errors.push(issue.with_hint(format!("expected: {expected}")));
        fallback
    }
}
