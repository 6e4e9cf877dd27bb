//! The options of each format, below the prefix that its use gives them.

use regex::Regex;
use tailwater_connector_api::TableIssue;
use tailwater_formats::{
    ChangeJson, ChangeJsonConfig, CsvConfig, Endianness, JsonConfig, JsonEncoding, NullKeys,
    TimestampFormat,
};

use crate::options::OptionReader;
use crate::registry;

/// Options that are honoured.
const KNOWN: [&str; 15] = [
    "json.fail-on-missing-field",
    "debezium-json.schema-include",
    "canal-json.database.include",
    "canal-json.table.include",
    "csv.field-delimiter",
    "csv.quote-character",
    "csv.disable-quote-character",
    "csv.escape-character",
    "csv.allow-comments",
    "csv.ignore-parse-errors",
    "csv.null-literal",
    "csv.array-element-delimiter",
    "csv.write-bigdecimal-in-scientific-notation",
    "raw.charset",
    "raw.endianness",
];

/// Those that `json` and its relatives share.
const OF_JSON: [&str; 6] = [
    "ignore-parse-errors",
    "timestamp-format.standard",
    "map-null-key.mode",
    "map-null-key.literal",
    "encode.decimal-as-plain-number",
    "encode.ignore-null-fields",
];

/// `json` and its relatives.
const JSONS: [&str; 5] = ["json", "debezium-json", "canal-json", "maxwell-json", "ogg-json"];

/// Options that are accepted and change nothing here.
const PASSED: [&str; 3] =
    ["json.decode.json-parser.enabled", "debezium-json.fail-on-missing-field", "csv.trim-spaces"];

/// Refuses every option that is neither the connector's own nor one of formats below `prefixes`.
pub(crate) fn refuse_unknown(
    options: &mut OptionReader<'_>,
    known: &[&str],
    passed: &[&str],
    (format_prefixes, prefixes): (&[&str], &[&str]),
) {
    let below = |keys: &[String]| -> Vec<String> {
        let below = |prefix: &&str| -> Vec<String> {
            keys.iter().map(|key| format!("{prefix}{key}")).collect()
        };
        format_prefixes.iter().flat_map(below).collect()
    };
    let of_jsons = JSONS.iter().flat_map(|name| OF_JSON.map(|key| format!("{name}.{key}")));
    let of_registries = ["avro-confluent", "debezium-avro-confluent"]
        .into_iter()
        .flat_map(|name| registry::KNOWN.map(|key| format!("{name}.{key}")));
    let all_known: Vec<String> =
        of_jsons.chain(of_registries).chain(KNOWN.map(str::to_owned)).collect();
    let (more_known, more_passed) = (below(&all_known), below(&PASSED.map(str::to_owned)));
    let known: Vec<&str> =
        known.iter().copied().chain(more_known.iter().map(String::as_str)).collect();
    let passed: Vec<&str> =
        passed.iter().copied().chain(more_passed.iter().map(String::as_str)).collect();
    options.refuse_unknown(&known, &passed, prefixes);
}

/// How `json` and its relatives are read; `own` is the format's name behind its prefix.
pub(super) fn json(options: &mut OptionReader<'_>, own: &str) -> JsonConfig {
    let is_plain = own.strip_suffix("json").is_some_and(|p| p.is_empty() || p.ends_with('.'));
    let ignores_errors = options.flag(&format!("{own}.ignore-parse-errors"));
    let missing = format!("{own}.fail-on-missing-field");
    let fails_on_missing = is_plain && options.flag(&missing);
    if ignores_errors && fails_on_missing {
        let message = "fail-on-missing-field and ignore-parse-errors shouldn't both be true.";
        options.errors.push(TableIssue::option(&missing, message));
    }
    JsonConfig {
        ignores_errors,
        fails_on_missing,
        timestamps: timestamps(options, own),
        loses_place: options.table.is_strict,
    }
}

/// How changes as JSON are read.
pub(super) fn changes(
    options: &mut OptionReader<'_>,
    own: &str,
    flavour: ChangeJson,
) -> ChangeJsonConfig {
    let mut config = ChangeJsonConfig::new(flavour, json(options, own));
    if flavour == ChangeJson::Debezium {
        config.has_schema = options.flag(&format!("{own}.schema-include"));
    }
    if flavour == ChangeJson::Canal {
        config.database = pattern(options, &format!("{own}.database.include"));
        config.table = pattern(options, &format!("{own}.table.include"));
    }
    config
}

/// A pattern that whole names match.
fn pattern(options: &mut OptionReader<'_>, key: &str) -> Option<Regex> {
    let written = options.get(key)?;
    match Regex::new(&format!("^(?:{written})$")) {
        Ok(pattern) => Some(pattern),
        Err(_) => options.refuse(key, "a regular expression", None),
    }
}

/// How `json` is written.
pub(super) fn encoding(options: &mut OptionReader<'_>, own: &str) -> JsonEncoding {
    let mode = format!("{own}.map-null-key.mode");
    let literal = options.get(&format!("{own}.map-null-key.literal")).unwrap_or("null");
    let null_keys = match options.get(&mode).map(str::to_uppercase).as_deref() {
        None | Some("FAIL") => NullKeys::Fail,
        Some("DROP") => NullKeys::Drop,
        Some("LITERAL") => NullKeys::Literal(literal.to_owned()),
        Some(_) => options.refuse(&mode, "FAIL, DROP, LITERAL", NullKeys::Fail),
    };
    JsonEncoding {
        timestamps: timestamps(options, own),
        null_keys,
        has_plain_decimals: options.flag(&format!("{own}.encode.decimal-as-plain-number")),
        omits_nulls: options.flag(&format!("{own}.encode.ignore-null-fields")),
    }
}

fn timestamps(options: &mut OptionReader<'_>, own: &str) -> TimestampFormat {
    let standard = format!("{own}.timestamp-format.standard");
    match options.get(&standard) {
        None | Some("SQL") => TimestampFormat::Sql,
        Some("ISO-8601") => TimestampFormat::Iso8601,
        Some(_) if options.has_refused(&standard) => TimestampFormat::Sql,
        Some(_) => options.refuse(&standard, "SQL, ISO-8601", TimestampFormat::Sql),
    }
}

/// The order of bytes of `raw`.
pub(super) fn raw(options: &mut OptionReader<'_>, own: &str) -> Endianness {
    let charset = format!("{own}.charset");
    let is_utf8 =
        |name: &str| name.eq_ignore_ascii_case("UTF-8") || name.eq_ignore_ascii_case("UTF8");
    if options.get(&charset).is_some_and(|name| !is_utf8(name)) {
        options.refuse(&charset, "UTF-8", ());
    }
    let endianness = format!("{own}.endianness");
    match options.get(&endianness) {
        None | Some("big-endian") => Endianness::Big,
        Some("little-endian") => Endianness::Little,
        Some(_) => options.refuse(&endianness, "big-endian, little-endian", Endianness::Big),
    }
}

/// How `csv` is read and written.
pub(super) fn csv(options: &mut OptionReader<'_>, own: &str) -> CsvConfig {
    let default = CsvConfig::default();
    let key = |name: &str| format!("{own}.{name}");
    let character = |options: &mut OptionReader<'_>, key: &str| match options.get(key) {
        None => None,
        Some("\\t") => Some(b'\t'),
        Some(text) if text.len() == 1 => text.bytes().next(),
        Some(_) => options.refuse(key, "one ASCII character", None),
    };
    let quote = character(options, &key("quote-character")).or(default.quote);
    let exponents = key("write-bigdecimal-in-scientific-notation");
    let has_exponents = options.get(&exponents).is_none() || options.flag(&exponents);
    CsvConfig {
        delimiter: character(options, &key("field-delimiter")).unwrap_or(default.delimiter),
        quote: if options.flag(&key("disable-quote-character")) { None } else { quote },
        escape: character(options, &key("escape-character")),
        has_comments: options.flag(&key("allow-comments")),
        ignores_errors: options.flag(&key("ignore-parse-errors")),
        null_literal: options.get(&key("null-literal")).map(str::to_owned),
        element_delimiter: options
            .get(&key("array-element-delimiter"))
            .map_or(default.element_delimiter, str::to_owned),
        has_exponents,
    }
}
