//! `'format' = ...` and its options.

use jiff::tz::TimeZone;
use tailwater_connector_api::{TableIssue, TableSpec, nearest};
use tailwater_expr::{ResolveContext, ResolveError};
use tailwater_formats::{
    CsvConfig, CsvDecoder, DebeziumJsonDecoder, Decoder, JsonConfig, JsonDecoder, TimestampFormat,
};
use tailwater_types::{ChangelogMode, Schema};

use crate::options::OptionReader;

/// The formats by name.
pub(super) const NAMES: [&str; 3] = ["csv", "json", "debezium-json"];

/// Options that are read but matter only for writing.
pub(super) const PASSED: [&str; 12] = [
    "json.map-null-key.mode",
    "json.map-null-key.literal",
    "json.encode.decimal-as-plain-number",
    "json.encode.ignore-null-fields",
    "json.decode.json-parser.enabled",
    "debezium-json.map-null-key.mode",
    "debezium-json.map-null-key.literal",
    "debezium-json.encode.decimal-as-plain-number",
    "debezium-json.encode.ignore-null-fields",
    "debezium-json.fail-on-missing-field",
    "csv.write-bigdecimal-in-scientific-notation",
    "csv.trim-spaces",
];

/// Options that are honoured.
pub(super) const KNOWN: [&str; 14] = [
    "json.ignore-parse-errors",
    "json.fail-on-missing-field",
    "json.timestamp-format.standard",
    "debezium-json.ignore-parse-errors",
    "debezium-json.timestamp-format.standard",
    "debezium-json.schema-include",
    "csv.field-delimiter",
    "csv.quote-character",
    "csv.disable-quote-character",
    "csv.escape-character",
    "csv.allow-comments",
    "csv.ignore-parse-errors",
    "csv.null-literal",
    "csv.array-element-delimiter",
];

/// A validated format.
#[derive(Clone, Debug)]
pub(super) enum Format {
    Csv(CsvConfig),
    Json(JsonConfig),
    DebeziumJson { config: JsonConfig, has_schema: bool },
}

impl Format {
    /// Reads the format's options.
    pub(super) fn read(options: &mut OptionReader<'_>) -> Option<Self> {
        let name = options.required("format");
        match name.as_str() {
            "csv" => Some(Self::Csv(csv(options))),
            "json" => Some(Self::Json(json(options, "json"))),
            "debezium-json" => Some(Self::DebeziumJson {
                config: json(options, "debezium-json"),
                has_schema: options.flag("debezium-json.schema-include"),
            }),
            "" => None,
            other => {
                let message = format!(
                    "Could not find any factory for identifier '{other}' that implements \
                     'org.apache.flink.table.factories.DeserializationFormatFactory'"
                );
                let hint = match nearest(other, NAMES) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("this binary has: {}", NAMES.join(", ")),
                };
                options.errors.push(TableIssue::option("format", message).with_hint(hint));
                None
            }
        }
    }

    /// What a stream of this format may contain.
    pub(super) fn changelog_mode(&self) -> ChangelogMode {
        match self {
            Self::Csv(_) | Self::Json(_) => ChangelogMode::InsertOnly,
            Self::DebeziumJson { .. } => ChangelogMode::Retract,
        }
    }

    /// A decoder of rows of the table.
    pub(super) fn decoder(
        &self,
        schema: &Schema,
        zone: TimeZone,
    ) -> Result<Box<dyn Decoder>, ResolveError> {
        let context = ResolveContext { time_zone: zone, is_strict: false };
        Ok(match self {
            Self::Csv(config) => Box::new(CsvDecoder::new(schema, config.clone(), &context)?),
            Self::Json(config) => Box::new(JsonDecoder::new(schema, *config, &context)?),
            Self::DebeziumJson { config, has_schema } => {
                Box::new(DebeziumJsonDecoder::new(schema, *config, *has_schema, &context)?)
            }
        })
    }

    /// Column types that the format cannot hold.
    pub(super) fn check(&self, table: &TableSpec) -> Vec<TableIssue> {
        let issue = |column: &tailwater_connector_api::TableColumn| {
            let field = tailwater_types::Field::new(column.name.as_str(), column.data_type.clone());
            let refused = self.decoder(&Schema::new(vec![field]), TimeZone::UTC).err()?;
            Some(TableIssue::column(&column.name, refused.message))
        };
        table.columns.iter().filter_map(issue).collect()
    }
}

fn json(options: &mut OptionReader<'_>, prefix: &str) -> JsonConfig {
    let standard = format!("{prefix}.timestamp-format.standard");
    let timestamps = match options.get(&standard) {
        None | Some("SQL") => TimestampFormat::Sql,
        Some("ISO-8601") => TimestampFormat::Iso8601,
        Some(_) => options.refuse(&standard, "SQL, ISO-8601", TimestampFormat::Sql),
    };
    JsonConfig {
        ignores_errors: options.flag(&format!("{prefix}.ignore-parse-errors")),
        fails_on_missing: prefix == "json" && options.flag("json.fail-on-missing-field"),
        timestamps,
    }
}

fn csv(options: &mut OptionReader<'_>) -> CsvConfig {
    let default = CsvConfig::default();
    let character = |options: &mut OptionReader<'_>, key: &str| match options.get(key) {
        None => None,
        Some("\\t") => Some(b'\t'),
        Some(text) if text.len() == 1 => text.bytes().next(),
        Some(_) => options.refuse(key, "one ASCII character", None),
    };
    let quote = character(options, "csv.quote-character").or(default.quote);
    CsvConfig {
        delimiter: character(options, "csv.field-delimiter").unwrap_or(default.delimiter),
        quote: if options.flag("csv.disable-quote-character") { None } else { quote },
        escape: character(options, "csv.escape-character"),
        has_comments: options.flag("csv.allow-comments"),
        ignores_errors: options.flag("csv.ignore-parse-errors"),
        null_literal: options.get("csv.null-literal").map(str::to_owned),
        element_delimiter: options
            .get("csv.array-element-delimiter")
            .map_or(default.element_delimiter, str::to_owned),
    }
}
