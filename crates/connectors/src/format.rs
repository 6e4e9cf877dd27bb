//! `'format' = ...` and its options, for everything that holds bytes of a format.

mod settings;

use jiff::tz::TimeZone;
use tailwater_connector_api::{TableIssue, nearest};
use tailwater_expr::{ResolveContext, ResolveError};
use tailwater_formats::{
    CsvConfig, CsvDecoder, CsvEncoder, DebeziumJsonDecoder, Decoder, EncodedColumns, Endianness,
    JsonConfig, JsonDecoder, JsonEncoder, JsonEncoding, MessageDecoder, MessageEncoder, RawDecoder,
    RawEncoder,
};
use tailwater_types::{ChangelogMode, Schema};

use crate::options::OptionReader;

pub(crate) use settings::refuse_unknown;

/// What a format is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatUse {
    /// Bytes that may come in pieces: files.
    Files,
    /// Messages.
    Messages,
}

impl FormatUse {
    /// The formats by name.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Files => &["csv", "json", "debezium-json"],
            Self::Messages => &["csv", "json", "raw", "debezium-json"],
        }
    }
}

/// A validated format.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// `csv`
    Csv(CsvConfig),
    /// `json`
    Json(JsonConfig, JsonEncoding),
    /// `raw`
    Raw(Endianness),
    /// `debezium-json`
    DebeziumJson { config: JsonConfig, has_schema: bool },
}

/// Where a format's name and options are: `format`, `value.format` or `key.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FormatKey {
    /// The option with the name.
    pub(crate) option: &'static str,
    /// What the keys of its options begin with.
    pub(crate) prefix: &'static str,
}

impl FormatKey {
    /// `format`
    pub(crate) const PLAIN: Self = Self { option: "format", prefix: "" };
    /// `value.format`
    pub(crate) const VALUE: Self = Self { option: "value.format", prefix: "value." };
    /// `key.format`
    pub(crate) const KEY: Self = Self { option: "key.format", prefix: "key." };
}

impl Format {
    /// Reads the format's name and options.
    pub(crate) fn read(
        options: &mut OptionReader<'_>,
        key: FormatKey,
        for_what: FormatUse,
    ) -> Option<Self> {
        let name = options.required(key.option);
        if !name.is_empty() && !for_what.names().contains(&name.as_str()) {
            let message = format!(
                "Could not find any factory for identifier '{name}' that implements \
                 'org.apache.flink.table.factories.DeserializationFormatFactory'"
            );
            let hint = match nearest(&name, for_what.names().iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("this binary has: {}", for_what.names().join(", ")),
            };
            options.errors.push(TableIssue::option(key.option, message).with_hint(hint));
            return None;
        }
        let own = format!("{}{name}", key.prefix);
        match name.as_str() {
            "csv" => Some(Self::Csv(settings::csv(options, &own))),
            "json" => {
                Some(Self::Json(settings::json(options, &own), settings::encoding(options, &own)))
            }
            "raw" => Some(Self::Raw(settings::raw(options, &own))),
            "debezium-json" => Some(Self::DebeziumJson {
                config: settings::json(options, &own),
                has_schema: options.flag(&format!("{own}.schema-include")),
            }),
            _ => None,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Json(..) => "json",
            Self::Raw(_) => "raw",
            Self::DebeziumJson { .. } => "debezium-json",
        }
    }

    /// What a stream of this format may contain.
    pub(crate) fn changelog_mode(&self) -> ChangelogMode {
        match self {
            Self::Csv(_) | Self::Json(..) | Self::Raw(_) => ChangelogMode::InsertOnly,
            Self::DebeziumJson { .. } => ChangelogMode::Retract,
        }
    }

    /// A decoder of rows of the table.
    pub(crate) fn decoder(
        &self,
        schema: &Schema,
        zone: TimeZone,
    ) -> Result<Box<dyn Decoder>, ResolveError> {
        let context = ResolveContext { time_zone: zone, is_strict: false };
        Ok(match self {
            Self::Csv(config) => Box::new(CsvDecoder::new(schema, config.clone(), &context)?),
            Self::Json(config, _) => Box::new(JsonDecoder::new(schema, *config, &context)?),
            Self::Raw(_) => return Err(ResolveError::new("raw has messages and no files")),
            Self::DebeziumJson { config, has_schema } => {
                Box::new(DebeziumJsonDecoder::new(schema, *config, *has_schema, &context)?)
            }
        })
    }

    /// A decoder of messages with these columns.
    pub(crate) fn message_decoder(
        &self,
        schema: &Schema,
        zone: TimeZone,
    ) -> Result<Box<dyn MessageDecoder>, ResolveError> {
        let context = ResolveContext { time_zone: zone, is_strict: false };
        Ok(match self {
            Self::Csv(config) => Box::new(CsvDecoder::new(schema, config.clone(), &context)?),
            Self::Json(config, _) => Box::new(JsonDecoder::new(schema, *config, &context)?),
            Self::Raw(endianness) => Box::new(RawDecoder::new(schema, *endianness)?),
            Self::DebeziumJson { config, has_schema } => {
                Box::new(DebeziumJsonDecoder::new(schema, *config, *has_schema, &context)?)
            }
        })
    }

    /// An encoder of messages with these columns.
    pub(crate) fn message_encoder(
        &self,
        columns: &EncodedColumns,
    ) -> Result<Box<dyn MessageEncoder>, ResolveError> {
        Ok(match self {
            Self::Csv(config) => Box::new(CsvEncoder::new(columns, config.clone())?),
            Self::Json(_, encoding) => Box::new(JsonEncoder::new(columns, encoding.clone())?),
            Self::Raw(endianness) => Box::new(RawEncoder::new(columns, *endianness)?),
            Self::DebeziumJson { .. } => {
                return Err(ResolveError::new("debezium-json cannot be written yet"));
            }
        })
    }
}
