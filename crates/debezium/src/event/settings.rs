//! The options as far as events depend on them.

use std::collections::BTreeSet;

use regex::Regex;

use super::FlatSettings;
use crate::column::Modes;
use crate::config::Patterns;
use crate::mask::Algorithm;
use crate::names::Adjustment;
use crate::record::Headers;
use crate::transforms::Chain;

/// How events are made, for all tables of a connector.
#[derive(Clone, Debug)]
pub struct EventSettings {
    /// `topic.prefix`
    pub(crate) server: String,
    pub(crate) database: String,
    pub(crate) topic_delimiter: String,
    pub(crate) heartbeat_topic: String,
    pub(crate) transaction_topic: String,
    /// Whether keys and values come with their schemas.
    pub(crate) key_schemas: bool,
    pub(crate) value_schemas: bool,
    pub(crate) modes: Modes,
    pub(crate) schema_names: Adjustment,
    pub(crate) field_names: Adjustment,
    pub(crate) has_tombstones: bool,
    /// Letters of operations that make no events.
    pub(crate) skipped: BTreeSet<char>,
    pub(crate) skips_unchanged: bool,
    pub(crate) has_transactions: bool,
    pub(crate) has_comments: bool,
    /// The columns that are in events.
    pub(crate) columns: Patterns,
    pub(crate) masks: Vec<ColumnMask>,
    /// `message.key.columns`: tables and the columns of their keys.
    pub(crate) keys: Vec<(Regex, Vec<String>)>,
    pub(crate) source_types: SourceTypes,
    pub(crate) prefixes: Patterns,
    pub(crate) header_form: HeaderForm,
    /// Headers of every event of a table.
    pub(crate) extended: Vec<(String, String)>,
    /// The events are rows without an envelope.
    pub(crate) flat: Option<FlatSettings>,
    pub(crate) chain: Chain,
}

/// `column.mask.*`, `column.truncate.*`
#[derive(Clone, Debug)]
pub(crate) struct ColumnMask {
    /// Matches `schema.table.column`.
    pub(crate) columns: Vec<Regex>,
    pub(crate) kind: MaskKind,
}

/// What becomes of a masked column's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MaskKind {
    Truncate(usize),
    Asterisks(usize),
    Hash { algorithm: Algorithm, salt: String, is_plain: bool },
}

/// `column.propagate.source.type`, `datatype.propagate.source.type`
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceTypes {
    pub(crate) columns: Vec<Regex>,
    pub(crate) types: Vec<Regex>,
}

/// `header.converter`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HeaderForm {
    /// Strings as they are.
    #[default]
    Plain,
    /// JSON, with or without schemas.
    Json { has_schemas: bool },
}

impl HeaderForm {
    /// A string as a header's value.
    pub(crate) fn string(self, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            HeaderForm::Plain => out.extend_from_slice(text.as_bytes()),
            HeaderForm::Json { has_schemas } => {
                if has_schemas {
                    out.extend_from_slice(
                        b"{\"schema\":{\"type\":\"string\",\"optional\":false},\"payload\":",
                    );
                }
                crate::value::append_string(text.as_bytes(), &mut out);
                if has_schemas {
                    out.push(b'}');
                }
            }
        }
        out
    }
}

impl EventSettings {
    /// Takes the identifier of this run into the headers that every event has.
    pub fn set_run(&mut self, run: &str) {
        for (name, value) in &mut self.extended {
            if name == "__debezium.context.runId" {
                run.clone_into(value);
            }
        }
    }

    /// `provide.transaction.metadata`
    pub fn has_transactions(&self) -> bool {
        self.has_transactions
    }

    /// Whether events of this operation (`c`, `u`, `d`, `t`) are left out.
    pub fn skips(&self, operation: char) -> bool {
        self.skipped.contains(&operation)
    }

    /// Whether messages of this prefix become events.
    pub fn takes_message(&self, prefix: &str) -> bool {
        self.prefixes.takes(prefix)
    }

    /// The columns of a table that are in its events or its key.
    pub(crate) fn takes_column(&self, schema: &str, table: &str, column: &str) -> bool {
        self.columns.takes(&format!("{schema}.{table}.{column}"))
    }

    /// The headers of every event, with more in front of and behind them.
    pub(crate) fn headers(
        &self,
        front: Vec<(String, Vec<u8>)>,
        behind: &[(String, Vec<u8>)],
    ) -> Headers {
        let own = self.extended.iter();
        let own = own.map(|(name, value)| (name.clone(), self.header_form.string(value)));
        let all: Vec<_> = front.into_iter().chain(own).chain(behind.iter().cloned()).collect();
        if all.is_empty() { Headers::default() } else { Headers::new(&all) }
    }
}
