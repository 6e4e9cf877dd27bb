//! Options read one by one, everything wrong collected.

use std::collections::BTreeMap;

use regex::Regex;
use tailwater_types::nearest;

use super::Issue;
use super::definition::{Handling, definitions, find};
use super::patterns::{Patterns, compile, split};

/// Reads the options of one connector.
pub(super) struct OptionReader<'a> {
    options: &'a BTreeMap<String, String>,
    pub(super) errors: Vec<Issue>,
    pub(super) notes: Vec<Issue>,
}

/// What keys begin with that have no definition of their own.
const PREFIXES: &[&str] = &[
    "transforms.",
    "predicates.",
    "topic.creation.",
    "producer.override.",
    "column.mask.",
    "column.truncate.",
];

/// The same, of which nothing is needed.
const PASSED_PREFIXES: &[(&str, &str)] = &[
    ("admin.override.", "topics are made by the producer's connection"),
    ("consumer.override.", "a source does not consume"),
    ("signal.", "signals are read from the table alone"),
    ("schema.history.internal", "PostgreSQL needs no schema history"),
    ("database.history", "PostgreSQL needs no schema history"),
    ("errors.deadletterqueue.", "a source has no dead letters"),
    ("snapshot.select.statement.overrides.", "the list of overrides decides"),
    ("openlineage.", "OpenLineage is not supported"),
    ("database.", "the driver's own settings do not apply"),
    ("driver.", "the driver's own settings do not apply"),
];

impl<'a> OptionReader<'a> {
    pub(super) fn new(options: &'a BTreeMap<String, String>) -> Self {
        Self { options, errors: Vec::new(), notes: Vec::new() }
    }

    /// A value that is there.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.options.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A value, or the option's default.
    pub(super) fn text(&self, key: &str) -> String {
        let default = || find(key).and_then(|definition| definition.default.clone());
        self.get(key).map(str::to_owned).or_else(default).unwrap_or_default()
    }

    pub(super) fn error(&mut self, key: &str, message: String) {
        self.errors.push(Issue { option: key.to_owned(), message });
    }

    /// A value that does not do, in Debezium's words.
    pub(super) fn invalid(&mut self, key: &str, why: &str) {
        self.error(key, format!("The '{key}' value is invalid: {why}"));
    }

    pub(super) fn note(&mut self, key: &str, message: impl Into<String>) {
        self.notes.push(Issue { option: key.to_owned(), message: message.into() });
    }

    /// Judges the keys by themselves: unknown ones, those without effect, those that are refused.
    pub(super) fn judge_keys(&mut self) {
        for (key, value) in self.options {
            self.judge_kind(key, value);
            match find(key).map(|definition| (definition.handling, &definition.default)) {
                Some((Handling::Used, _)) => {}
                Some((Handling::PassedOver(reason), _)) => {
                    self.note(key, format!("'{key}' has no effect: {reason}"));
                }
                Some((Handling::Refused(advice), default)) => {
                    let is_default = default.as_ref() == Some(value) || value.is_empty();
                    if !is_default {
                        self.invalid(key, &format!("it is not supported: {advice}"));
                    }
                }
                None => self.judge_unknown(key),
            }
        }
    }

    /// A value of another type is refused even where it would have no effect.
    fn judge_kind(&mut self, key: &str, value: &str) {
        let kind = find(key).map_or("STRING", |definition| definition.kind);
        let value = value.trim();
        let fits = match kind {
            "INT" => value.parse::<i32>().is_ok(),
            "LONG" => value.parse::<i64>().is_ok(),
            "SHORT" => value.parse::<i16>().is_ok(),
            "BOOLEAN" => ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word)),
            _ => true,
        };
        let handling = find(key).map(|definition| definition.handling);
        if !fits && matches!(handling, Some(Handling::PassedOver(_))) {
            let why = match kind {
                "BOOLEAN" => "Expected value to be either true or false".to_owned(),
                kind => format!("Not a number of type {kind}"),
            };
            self.invalid(key, &why);
        }
    }

    fn judge_unknown(&mut self, key: &str) {
        if PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
            return;
        }
        let names = definitions().iter().map(|definition| definition.name);
        let near = nearest(key, names).map(str::to_owned);
        let passed = PASSED_PREFIXES.iter().find(|(prefix, _)| key.starts_with(prefix));
        match (near, passed) {
            (Some(near), _) => {
                self.error(key, format!("Unknown option '{key}': did you mean '{near}'?"));
            }
            (None, Some((_, reason))) => {
                self.note(key, format!("'{key}' has no effect: {reason}"));
            }
            (None, None) => self.note(key, format!("'{key}' is not an option: it has no effect")),
        }
    }

    /// A value that must be there.
    pub(super) fn required(&mut self, key: &str) -> String {
        match self.get(key) {
            Some(value) => value.to_owned(),
            None => {
                self.invalid(key, "A value is required");
                String::new()
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        let text = self.text(key);
        match text.trim().to_ascii_lowercase().as_str() {
            "true" => true,
            "false" | "" => false,
            _ => {
                let why = "Expected value to be either true or false";
                self.error(key, format!("Invalid value {text} for configuration {key}: {why}"));
                false
            }
        }
    }

    /// A number that is not negative.
    pub(super) fn number(&mut self, key: &str) -> u64 {
        let kind = find(key).map_or("INT", |definition| definition.kind);
        let text = self.text(key);
        match text.trim().parse() {
            Ok(number) => number,
            Err(_) if text.is_empty() => 0,
            Err(_) => {
                let why = format!("Not a number of type {kind}");
                self.error(key, format!("Invalid value {text} for configuration {key}: {why}"));
                0
            }
        }
    }

    /// One of these words, in any case.
    pub(super) fn word(&mut self, key: &str, words: &[&'static str]) -> &'static str {
        let text = self.text(key);
        let found = words.iter().find(|word| word.eq_ignore_ascii_case(text.trim()));
        found.copied().unwrap_or_else(|| {
            let why = format!("Value must be one of {}", words.join(", "));
            self.invalid(key, &why);
            words.first().copied().unwrap_or_default()
        })
    }

    /// A list of texts.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        split(&self.text(key))
    }

    /// A list of regular expressions.
    pub(super) fn expressions(&mut self, key: &str) -> Vec<Regex> {
        let mut compiled = Vec::new();
        for text in self.list(key) {
            match compile(&text) {
                Ok(regex) => compiled.push(regex),
                Err(why) => self.invalid(key, &why),
            }
        }
        compiled
    }

    /// An include list or an exclude list.
    pub(super) fn patterns(&mut self, include: &str, exclude: &str) -> Patterns {
        if self.get(include).is_some() && self.get(exclude).is_some() {
            self.invalid(exclude, &format!("\"{include}\" is already specified"));
        }
        Patterns { include: self.expressions(include), exclude: self.expressions(exclude) }
    }

    /// All options whose keys begin so, without the prefix.
    pub(super) fn prefixed(&self, prefix: &str) -> BTreeMap<String, String> {
        let all = self.options.iter();
        all.filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
            .collect()
    }
}
