//! The options of `'connector' = 'jdbc'`.

use std::collections::BTreeMap;
use std::time::Duration;

use tailwater_connector_api::{TableIssue, TableSpec};

use super::url;
use crate::options::OptionReader;
use crate::postgres::client::{ServerAddress, literal, quote};
use crate::postgres::tls::{self, Given};

/// A judged set of options.
#[derive(Clone, Debug)]
pub(super) struct JdbcConfig {
    pub(super) address: ServerAddress,
    /// `None`: the first of the role's search path.
    pub(super) schema: Option<String>,
    pub(super) table: String,
    pub(super) max_rows: usize,
    pub(super) max_retries: u32,
    /// `WHERE ...` of the scan, empty for everything.
    pub(super) condition: String,
}

const KNOWN: &[&str] = &[
    "connector",
    "url",
    "table-name",
    "username",
    "password",
    "connection.max-retry-timeout",
    "scan.partition.column",
    "scan.partition.lower-bound",
    "scan.partition.upper-bound",
    "sink.buffer-flush.max-rows",
    "sink.buffer-flush.interval",
    "sink.max-retries",
];

/// Accepted, since scripts have them, and without effect here.
const PASSED_OVER: &[&str] = &[
    "driver",
    "compatible-mode",
    "filter.handling.policy",
    "scan.partition.num",
    "scan.fetch-size",
    "scan.auto-commit",
    "scan.parallelism",
    "sink.parallelism",
    "lookup.cache",
    "lookup.cache.max-rows",
    "lookup.cache.ttl",
    "lookup.cache.caching-missing-key",
    "lookup.partial-cache.max-rows",
    "lookup.partial-cache.expire-after-write",
    "lookup.partial-cache.expire-after-access",
    "lookup.partial-cache.cache-missing-key",
    "lookup.partial-cache.caching-missing-key",
    "lookup.max-retries",
];

/// Judges the options.
pub(super) fn parse(table: &TableSpec) -> Result<JdbcConfig, Vec<TableIssue>> {
    let mut options = OptionReader::new(table);
    options.refuse_unknown(KNOWN, PASSED_OVER, &["properties."]);
    let text = options.required("url");
    let url = match url::parse(&text) {
        _ if text.is_empty() => url::JdbcUrl::default(),
        Ok(url) => url,
        Err((message, hint)) => {
            options.errors.push(TableIssue::option("url", message).with_hint(hint));
            url::JdbcUrl::default()
        }
    };
    let mut parameters: BTreeMap<String, Given> = url
        .tls
        .into_iter()
        .map(|(name, value)| {
            let label = format!("parameter \"{name}\" of the URL");
            (name, Given { option: "url".to_owned(), label, value })
        })
        .collect();
    tls::gather(&mut options, &["properties."], &mut parameters);
    let user = options.get("username").map(str::to_owned).or(url.user);
    let user = user.unwrap_or_else(|| {
        // Without a URL there is nothing to complain of twice.
        if !text.is_empty() {
            options.required("username");
        }
        String::new()
    });
    let whole = "a whole number";
    let table_name = options.required("table-name");
    let (schema, name) = split_table(&table_name);
    let condition = condition(&mut options);
    options.duration("sink.buffer-flush.interval", Duration::from_secs(1));
    let config = JdbcConfig {
        address: ServerAddress {
            host: url.host,
            port: url.port,
            database: url.database.unwrap_or_else(|| user.clone()),
            user,
            password: options.get("password").map(str::to_owned).or(url.password),
            connect_timeout: options
                .duration("connection.max-retry-timeout", Duration::from_secs(60)),
            tls: tls::judge(&parameters, &mut options.errors),
        },
        schema: schema.or(url.schema),
        table: name,
        max_rows: options.number("sink.buffer-flush.max-rows", whole, 100_usize),
        max_retries: options.number("sink.max-retries", whole, 3_u32),
        condition,
    };
    if options.errors.is_empty() { Ok(config) } else { Err(options.errors) }
}

fn split_table(name: &str) -> (Option<String>, String) {
    let bare = |part: &str| part.trim_matches('"').to_owned();
    match name.split_once('.') {
        Some((schema, table)) => (Some(bare(schema)), bare(table)),
        None => (None, bare(name)),
    }
}

/// Flink's partitions are ranges of a column and leave out what lies outside of them.
fn condition(options: &mut OptionReader<'_>) -> String {
    let bound = |key| options.get(key);
    let column = bound("scan.partition.column");
    let (low, high) = (bound("scan.partition.lower-bound"), bound("scan.partition.upper-bound"));
    match (column, low, high) {
        (None, None, None) => String::new(),
        (Some(column), Some(low), Some(high)) => {
            let column = quote(column);
            format!(" WHERE {column} BETWEEN {} AND {}", literal(low), literal(high))
        }
        _ => {
            let message = "a partitioned scan needs its column and both bounds";
            let issue = TableIssue::option("scan.partition.column", message);
            options.errors.push(issue.with_hint(
                "set 'scan.partition.column', 'scan.partition.lower-bound' and \
                 'scan.partition.upper-bound', or none of them",
            ));
            String::new()
        }
    }
}
