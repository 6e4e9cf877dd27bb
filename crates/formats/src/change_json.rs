//! Changes as JSON: `debezium-json`, `canal-json`, `maxwell-json`, `ogg-json`. Each message holds
//! rows before and after a change, and what kind of change it was.

mod decode;
mod encode;
mod metadata;

use regex::Regex;

use crate::json::JsonConfig;

pub use decode::ChangeJsonDecoder;
pub use encode::ChangeJsonEncoder;
pub use metadata::MetadataColumn;

/// Whose messages they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeJson {
    /// `debezium-json`: `{"before": .., "after": .., "op": "u"}`
    Debezium,
    /// `canal-json`: `{"data": [..], "old": [..], "type": "UPDATE"}`
    Canal,
    /// `maxwell-json`: `{"data": .., "old": .., "type": "update"}`
    Maxwell,
    /// `ogg-json`: `{"before": .., "after": .., "op_type": "U"}`
    Ogg,
}

impl ChangeJson {
    /// The format's name in `'format' = ...`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debezium => "debezium-json",
            Self::Canal => "canal-json",
            Self::Maxwell => "maxwell-json",
            Self::Ogg => "ogg-json",
        }
    }

    /// The name of the tool.
    fn tool(self) -> &'static str {
        match self {
            Self::Debezium => "Debezium",
            Self::Canal => "Canal",
            Self::Maxwell => "Maxwell",
            Self::Ogg => "Ogg",
        }
    }

    /// The field that says what kind of change it is.
    fn kind_field(self) -> &'static str {
        match self {
            Self::Debezium => "op",
            Self::Canal | Self::Maxwell => "type",
            Self::Ogg => "op_type",
        }
    }
}

/// What a message becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MessageShape {
    /// The changes that it tells of.
    #[default]
    Changes,
    /// One row, an insertion: the columns are the message's own fields.
    Envelope,
}

/// Who completes a change that lacks the row before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RowBefore {
    /// Nobody: it is an error, as in Flink.
    #[default]
    Required,
    /// Whoever takes the changes, by the table's primary key.
    Optional,
}

/// How such messages are read.
#[derive(Clone, Debug)]
pub struct ChangeJsonConfig {
    /// Whose they are.
    pub flavour: ChangeJson,
    /// How values are read.
    pub json: JsonConfig,
    /// `debezium-json.schema-include`: the change is the field `payload`.
    pub has_schema: bool,
    /// What a message becomes.
    pub shape: MessageShape,
    /// Whether a row before a change may be missing.
    pub before: RowBefore,
    /// `canal-json.database.include`, which the whole name matches.
    pub database: Option<Regex>,
    /// `canal-json.table.include`, which the whole name matches.
    pub table: Option<Regex>,
}

impl ChangeJsonConfig {
    /// The defaults of a flavour.
    pub fn new(flavour: ChangeJson, json: JsonConfig) -> Self {
        Self {
            flavour,
            json,
            has_schema: false,
            shape: MessageShape::default(),
            before: RowBefore::default(),
            database: None,
            table: None,
        }
    }
}
