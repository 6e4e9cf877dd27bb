//! How events are made: modes, converters, masks, names.

use regex::Regex;

use super::patterns::{compile, split};
use super::reader::OptionReader;
use super::source::SourceConfig;
use super::transforms;
use crate::column::{DecimalMode, Modes, Placeholder, TimeMode};
use crate::event::{ColumnMask, EventSettings, HeaderForm, MaskKind, SourceTypes};
use crate::mask::Algorithm;
use crate::names::{self, Adjustment};
use crate::value::{BinaryForm, IntervalForm};

const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";

/// Reads the options of events.
pub(super) fn read(reader: &mut OptionReader<'_>, source: &SourceConfig) -> EventSettings {
    let is_text = (is_text(reader, "key"), is_text(reader, "value"));
    let header_form = header_form(reader);
    let delimiter = reader.text("topic.delimiter");
    let heartbeat_prefix = match reader.get("topic.heartbeat.prefix") {
        Some(prefix) => prefix.to_owned(),
        None => reader.text("heartbeat.topics.prefix"),
    };
    let heartbeat_name = reader.get("topic.heartbeat.name").unwrap_or(&source.server).to_owned();
    let transaction = reader.text("topic.transaction");
    let (flat, chain) = transforms::read(reader, is_text, header_form);
    let include = reader.expressions("column.include.list");
    let exclude = reader.expressions("column.exclude.list");
    if !include.is_empty() && !exclude.is_empty() {
        let why = "\"column.include.list\" is already specified";
        reader.invalid("column.exclude.list", why);
    }
    EventSettings {
        server: source.server.clone(),
        database: source.database.clone(),
        heartbeat_topic: names::topic(&format!("{heartbeat_prefix}{delimiter}{heartbeat_name}")),
        transaction_topic: names::topic(&format!("{}{delimiter}{transaction}", source.server)),
        topic_delimiter: delimiter,
        key_schemas: reader.flag("key.converter.schemas.enable") && !is_text.0,
        value_schemas: reader.flag("value.converter.schemas.enable") && !is_text.1,
        modes: modes(reader),
        schema_names: adjustment(reader, "schema.name.adjustment.mode"),
        field_names: adjustment(reader, "field.name.adjustment.mode"),
        has_tombstones: reader.flag("tombstones.on.delete"),
        skipped: skipped(reader),
        skips_unchanged: reader.flag("skip.messages.without.change"),
        has_transactions: reader.flag("provide.transaction.metadata"),
        has_comments: reader.flag("include.schema.comments"),
        columns: super::Patterns { include, exclude },
        masks: masks(reader),
        keys: keys(reader),
        source_types: SourceTypes {
            columns: reader.expressions("column.propagate.source.type"),
            types: reader.expressions("datatype.propagate.source.type"),
        },
        prefixes: reader.patterns("message.prefix.include.list", "message.prefix.exclude.list"),
        header_form,
        extended: extended(reader, source),
        flat,
        chain,
    }
}

/// Whether the converter is one of strings, which only messages out of an outbox are.
fn is_text(reader: &mut OptionReader<'_>, side: &str) -> bool {
    let key = format!("{side}.converter");
    let class = reader.text(&key);
    let routes_outbox = || {
        let options = reader.prefixed("transforms.");
        options.values().any(|value| value.ends_with(".EventRouter"))
    };
    if class.ends_with("StringConverter") && routes_outbox() {
        return true;
    }
    if class != JSON && class != "JsonConverter" {
        let why = format!("{class} is not supported: use {JSON}");
        reader.invalid(&key, &why);
    }
    let format = format!("{side}.converter.decimal.format");
    if !reader.text(&format).eq_ignore_ascii_case("base64") {
        reader.invalid(&format, "only BASE64 is supported: see decimal.handling.mode");
    }
    false
}

fn header_form(reader: &mut OptionReader<'_>) -> HeaderForm {
    let class = reader.text("header.converter");
    let has_schemas = reader.flag("header.converter.schemas.enable");
    match class.rsplit('.').next().unwrap_or_default() {
        "SimpleHeaderConverter" | "StringConverter" => HeaderForm::Plain,
        "JsonConverter" => HeaderForm::Json { has_schemas },
        _ => {
            let why = format!("{class} is not supported: use {JSON}");
            reader.invalid("header.converter", &why);
            HeaderForm::Plain
        }
    }
}

fn extended(reader: &mut OptionReader<'_>, source: &SourceConfig) -> Vec<(String, String)> {
    if !reader.flag("extended.headers.enabled") {
        return Vec::new();
    }
    let all = [
        ("connectorLogicalName", source.server.as_str()),
        ("taskId", "0"),
        ("connectorName", "postgresql"),
        ("runId", ""),
    ];
    all.map(|(name, value)| (format!("__debezium.context.{name}"), value.to_owned())).to_vec()
}

fn modes(reader: &mut OptionReader<'_>) -> Modes {
    let decimal = match reader.word("decimal.handling.mode", &["precise", "double", "string"]) {
        "double" => DecimalMode::Double,
        "string" => DecimalMode::Text,
        _ => DecimalMode::Precise,
    };
    let times = [
        "adaptive",
        "adaptive_time_microseconds",
        "connect",
        "isostring",
        "microseconds",
        "nanoseconds",
    ];
    let time = match reader.word("time.precision.mode", &times) {
        "adaptive_time_microseconds" => TimeMode::AdaptiveTimeMicros,
        "connect" => TimeMode::Connect,
        "isostring" => TimeMode::IsoString,
        "microseconds" => TimeMode::Micros,
        "nanoseconds" => TimeMode::Nanos,
        _ => TimeMode::Adaptive,
    };
    let interval = match reader.word("interval.handling.mode", &["numeric", "string"]) {
        "string" => IntervalForm::Iso,
        _ => IntervalForm::Micros,
    };
    let binaries = ["bytes", "base64", "base64-url-safe", "hex"];
    let binary = match reader.word("binary.handling.mode", &binaries) {
        "base64" => BinaryForm::Base64,
        "base64-url-safe" => BinaryForm::Base64UrlSafe,
        "hex" => BinaryForm::Hex,
        _ => BinaryForm::Bytes,
    };
    let placeholder = reader.text("unavailable.value.placeholder");
    let placeholder = Placeholder::new(&placeholder).unwrap_or_else(|| {
        reader.invalid("unavailable.value.placeholder", "hexadecimal digits must follow hex:");
        Placeholder::default()
    });
    Modes {
        decimal,
        time,
        interval,
        hstore_is_map: reader.word("hstore.handling.mode", &["json", "map"]) == "map",
        binary,
        money_digits: u8::try_from(reader.number("money.fraction.digits")).unwrap_or(2).min(18),
        includes_unknown: reader.flag("include.unknown.datatypes"),
        placeholder,
        replaces_null: reader.flag("value.converter.replace.null.with.default"),
    }
}

fn adjustment(reader: &mut OptionReader<'_>, key: &str) -> Adjustment {
    match reader.word(key, &["none", "avro", "avro_unicode"]) {
        "avro" => Adjustment::Avro,
        "avro_unicode" => Adjustment::AvroUnicode,
        _ => Adjustment::None,
    }
}

fn skipped(reader: &mut OptionReader<'_>) -> std::collections::BTreeSet<char> {
    const KEY: &str = "skipped.operations";
    let mut skipped = std::collections::BTreeSet::new();
    for word in reader.list(KEY) {
        match word.as_str() {
            "none" => {}
            "c" | "u" | "d" | "t" | "r" => skipped.extend(word.chars()),
            _ => reader.invalid(KEY, "Value must be one or more of c, u, d, t, or none"),
        }
    }
    skipped
}

fn expressions(reader: &mut OptionReader<'_>, key: &str, list: &str) -> Vec<Regex> {
    let mut compiled = Vec::new();
    for text in split(list) {
        match compile(&text) {
            Ok(regex) => compiled.push(regex),
            Err(why) => reader.invalid(key, &why),
        }
    }
    compiled
}

fn masks(reader: &mut OptionReader<'_>) -> Vec<ColumnMask> {
    let mut masks = Vec::new();
    for prefix in ["column.mask.", "column.truncate."] {
        for (rest, list) in reader.prefixed(prefix) {
            let key = format!("{prefix}{rest}");
            match mask_kind(prefix, &rest) {
                Ok(kind) => {
                    masks.push(ColumnMask { columns: expressions(reader, &key, &list), kind });
                }
                Err(why) => reader.invalid(&key, &why),
            }
        }
    }
    masks
}

fn mask_kind(prefix: &str, rest: &str) -> Result<MaskKind, String> {
    let count = |text: &str, suffix: &str| text.strip_suffix(suffix)?.parse::<usize>().ok();
    if prefix == "column.truncate." {
        let count = rest.strip_prefix("to.").and_then(|rest| count(rest, ".chars"));
        let wrong = || "the option is column.truncate.to.<length>.chars".to_owned();
        return count.map(MaskKind::Truncate).ok_or_else(wrong);
    }
    if let Some(count) = rest.strip_prefix("with.").and_then(|rest| count(rest, ".chars")) {
        return Ok(MaskKind::Asterisks(count));
    }
    let wrong = || {
        "the options are column.mask.with.<length>.chars, column.mask.hash.<algorithm>.with.salt.<salt> \
         and column.mask.hash.v2.<algorithm>.with.salt.<salt>"
            .to_owned()
    };
    let hash = rest.strip_prefix("hash.").ok_or_else(wrong)?;
    let (is_plain, hash) = match hash.strip_prefix("v2.") {
        Some(hash) => (true, hash),
        None => (false, hash),
    };
    let (name, salt) = hash.split_once(".with.salt.").ok_or_else(wrong)?;
    let algorithm = Algorithm::of(name)
        .ok_or_else(|| format!("\"{name}\" is not one of {}", Algorithm::NAMES))?;
    Ok(MaskKind::Hash { algorithm, salt: salt.to_owned(), is_plain })
}

/// `table:column,column;table:column`
fn keys(reader: &mut OptionReader<'_>) -> Vec<(Regex, Vec<String>)> {
    const KEY: &str = "message.key.columns";
    let text = reader.text(KEY);
    let mut keys = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((table, columns)) = part.rsplit_once(':') else {
            reader.invalid(
                KEY,
                &format!("{part} has an invalid format (expecting table:column,column)"),
            );
            continue;
        };
        match compile(table.trim()) {
            Ok(regex) => {
                keys.push((regex, columns.split(',').map(|c| c.trim().to_owned()).collect()));
            }
            Err(why) => reader.invalid(KEY, &why),
        }
    }
    keys
}
