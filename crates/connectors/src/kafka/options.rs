//! The options that sources and sinks of both connectors share.

use regex::Regex;
use tailwater_connector_api::{TableIssue, TableSpec};

use super::columns::Columns;
use super::properties::{self, Settings};
use crate::format::{Format, FormatKey, FormatUse};
use crate::options::OptionReader;

/// Which of the two connectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// `kafka`: messages as they come.
    Plain,
    /// `upsert-kafka`: the last message of a key counts.
    Upsert,
}

/// Options of both connectors.
pub(super) const SHARED: &[&str] = &[
    "connector",
    "topic",
    "topic-pattern",
    "key.format",
    "value.format",
    "key.fields-prefix",
    "value.fields-include",
    "scan.bounded.mode",
    "scan.bounded.specific-offsets",
    "scan.bounded.timestamp-millis",
    "scan.topic-partition-discovery.interval",
    "sink.delivery-guarantee",
    "sink.transactional-id-prefix",
    "sink.progress-topic",
];

/// Accepted, since scripts have them, and without effect here.
pub(super) const PASSED_OVER: &[&str] = &[
    "scan.parallelism",
    "sink.parallelism",
    "sink.transaction-naming-strategy",
    "sink.buffer-flush.max-rows",
    "sink.buffer-flush.interval",
];

/// Options of `kafka` alone.
pub(super) const PLAIN: &[&str] = &[
    "format",
    "key.fields",
    "scan.startup.mode",
    "scan.startup.specific-offsets",
    "scan.startup.timestamp-millis",
    "sink.partitioner",
    "sink.semantic",
];

/// Refuses what neither the connector nor a format knows.
pub(super) fn refuse_unknown(options: &mut OptionReader<'_>, flavour: Flavour) {
    let own = if flavour == Flavour::Plain { PLAIN } else { &[] };
    let known: Vec<&str> = SHARED.iter().chain(own).copied().collect();
    let of_formats: &[&str] =
        if flavour == Flavour::Plain { &["", "value.", "key."] } else { &["value.", "key."] };
    crate::format::refuse_unknown(options, &known, PASSED_OVER, (of_formats, &["properties."]));
}

/// How the messages of a table are made.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) settings: Settings,
    pub(super) columns: Columns,
    pub(super) key: Option<Format>,
    pub(super) value: Format,
}

/// Reads settings, formats and columns; `None` after a complaint.
pub(super) fn layout(
    options: &mut OptionReader<'_>,
    table: &TableSpec,
    flavour: Flavour,
    messages: FormatUse,
) -> Option<Layout> {
    let settings = properties::read(options);
    let (key, value) = match flavour {
        Flavour::Upsert => (
            Format::read(options, FormatKey::KEY, messages),
            Format::read(options, FormatKey::VALUE, messages),
        ),
        Flavour::Plain => {
            let has_key = options.get("key.format").is_some();
            let key = has_key.then(|| Format::read(options, FormatKey::KEY, messages)).flatten();
            if options.get("value.format").is_some() && options.get("format").is_some() {
                let message = "Both 'format' and 'value.format' are set: one of them is to go";
                options.errors.push(TableIssue::option("value.format", message));
            }
            let place = match options.get("value.format") {
                Some(_) => FormatKey::VALUE,
                None => FormatKey::PLAIN,
            };
            (key, Format::read(options, place, messages))
        }
    };
    let names = key_names(options, table, flavour, key.is_some());
    let changes = value.as_ref().and_then(Format::flavour);
    let columns = Columns::judge(options, table, &names, changes);
    if flavour == Flavour::Upsert {
        for (format, option) in [(&key, "key.format"), (&value, "value.format")] {
            if let Some(format) = format
                && format.changelog_mode() != tailwater_types::ChangelogMode::InsertOnly
            {
                let message = format!(
                    "'upsert-kafka' connector doesn't support '{}' as {} format, because {} is \
                     not in insert-only mode.",
                    format.name(),
                    option.trim_end_matches(".format"),
                    format.name()
                );
                options.errors.push(TableIssue::option(option, message));
            }
        }
    }
    let value = value?;
    Some(Layout { settings, columns, key, value })
}

/// The names of the columns in the key.
fn key_names(
    options: &mut OptionReader<'_>,
    table: &TableSpec,
    flavour: Flavour,
    has_format: bool,
) -> Vec<String> {
    if flavour == Flavour::Upsert {
        if table.primary_key.is_empty() {
            let message = "'upsert-kafka' tables require to define a PRIMARY KEY constraint. The \
                PRIMARY KEY specifies which columns should be read from or write to the Kafka \
                message key. The PRIMARY KEY also defines records in the 'upsert-kafka' table \
                should update or delete on which keys.";
            options
                .errors
                .push(TableIssue::table(message).with_hint("add PRIMARY KEY (...) NOT ENFORCED"));
        }
        return table.primary_key.iter().map(|at| table.columns[*at].name.clone()).collect();
    }
    let names: Vec<String> = match options.get("key.fields") {
        None => Vec::new(),
        Some(text) => text.split(';').filter(|n| !n.is_empty()).map(str::to_owned).collect(),
    };
    if has_format && names.is_empty() {
        let message = format!(
            "A key format 'key.format' requires the declaration of one or more of key fields using \
             'key.fields'. The options are: {}",
            table.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")
        );
        options.errors.push(TableIssue::option("key.format", message));
    }
    if !has_format {
        for key in ["key.fields", "key.fields-prefix"] {
            if options.get(key).is_some() && options.get("key.format").is_none() {
                let message = format!(
                    "The option '{key}' can only be declared if a key format is defined using \
                     'key.format'."
                );
                options.errors.push(TableIssue::option(key, message));
            }
        }
        if options.get("value.fields-include") == Some("EXCEPT_KEY") {
            let message =
                "A key format 'key.format' is needed to leave key fields out of the value";
            options.errors.push(TableIssue::option("value.fields-include", message));
        }
        return Vec::new();
    }
    names
}

/// Which topics.
#[derive(Clone, Debug)]
pub(super) enum Topics {
    Named(Vec<String>),
    Matching(Regex),
}

impl Topics {
    /// Of a source: a list, or a pattern that whole names match.
    pub(super) fn read(options: &mut OptionReader<'_>) -> Self {
        match (options.get("topic"), options.get("topic-pattern")) {
            (Some(_), Some(_)) => {
                let message = "Option 'topic' and 'topic-pattern' shouldn't be set together.";
                options.errors.push(TableIssue::option("topic-pattern", message));
                Self::Named(Vec::new())
            }
            (None, Some(pattern)) => match Regex::new(&format!("^(?:{pattern})$")) {
                Ok(regex) => Self::Matching(regex),
                Err(_) => {
                    options.refuse("topic-pattern", "a regular expression", ());
                    Self::Named(Vec::new())
                }
            },
            (None, None) => {
                let message = "Either 'topic' or 'topic-pattern' must be set.";
                options.errors.push(TableIssue::option("topic", message));
                Self::Named(Vec::new())
            }
            (Some(_), None) => {
                let names = options.required("topic");
                let names = names.split(';').map(|n| n.trim().to_owned());
                Self::Named(names.filter(|name| !name.is_empty()).collect())
            }
        }
    }
}
