//! The options of `'connector' = 'postgres-cdc'`.

use std::collections::BTreeMap;
use std::time::Duration;

use tailwater_connector_api::{TableIssue, TableSpec};

use super::client::ServerAddress;
use super::tls;
use crate::options::OptionReader;

/// A judged set of options.
#[derive(Clone, Debug)]
pub(crate) struct PostgresConfig {
    pub(crate) address: ServerAddress,
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) slot: String,
    pub(crate) publication: String,
    pub(crate) publication_create: PublicationCreate,
    pub(crate) changes: ChangeForm,
    pub(crate) startup: Startup,
    pub(crate) heartbeat: Duration,
}

/// Whether a missing publication is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicationCreate {
    Filtered,
    Never,
}

/// What becomes of updates and deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeForm {
    /// `-U`, `+U` and `-D` with whole rows.
    All,
    /// `+U` and `-D` by key.
    Upsert,
    /// Every row of a change as `+I`.
    AppendOnly,
}

/// Where a job begins that has no position yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Startup {
    Initial,
    LatestOffset,
    CommittedOffset,
    Snapshot,
}

const KNOWN: &[&str] = &[
    "connector",
    "hostname",
    "port",
    "username",
    "password",
    "database-name",
    "schema-name",
    "table-name",
    "slot.name",
    "decoding.plugin.name",
    "changelog-mode",
    "heartbeat.interval.ms",
    "connect.timeout",
    "scan.startup.mode",
    "scan.read-changelog-as-append-only.enabled",
];

/// Accepted, since scripts have them, and without effect here.
const PASSED_OVER: &[&str] = &[
    "connect.max-retries",
    "connect.pool.size",
    "connection.pool.size",
    "scan.incremental.snapshot.enabled",
    "scan.incremental.snapshot.chunk.size",
    "scan.incremental.snapshot.chunk.key-column",
    "scan.incremental.snapshot.backfill.skip",
    "scan.incremental.snapshot.unbounded-chunk-first.enabled",
    "scan.incremental.close-idle-reader.enabled",
    "scan.snapshot.fetch.size",
    "scan.lsn-commit.checkpoints-num-delay",
    "scan.include-partitioned-tables.enabled",
    "scan.newly-added-table.enabled",
    "scan.parallelism",
    "chunk-meta.group.size",
    "chunk-key.even-distribution.factor.upper-bound",
    "chunk-key.even-distribution.factor.lower-bound",
    "split-key.even-distribution.factor.upper-bound",
    "split-key.even-distribution.factor.lower-bound",
];

/// Where parameters of TLS stand: as Debezium has them, and as Flink CDC hands them to the driver.
const TLS_PREFIXES: &[&str] = &["debezium.database.", "debezium.driver.", "jdbc.properties."];

/// Judges the options; warnings come with the config, errors instead of it.
pub(crate) fn parse(
    table: &TableSpec,
) -> Result<(PostgresConfig, Vec<TableIssue>), Vec<TableIssue>> {
    let mut options = OptionReader::new(table);
    options.refuse_unknown(KNOWN, PASSED_OVER, &["debezium.", "jdbc.properties."]);
    let mut parameters = BTreeMap::new();
    tls::gather(&mut options, TLS_PREFIXES, &mut parameters);
    let address = ServerAddress {
        host: options.required("hostname"),
        port: options.number("port", "a number from 1 to 65535", 5432),
        user: options.required("username"),
        password: Some(options.required("password")),
        database: options.required("database-name"),
        connect_timeout: options.duration("connect.timeout", Duration::from_secs(30)),
        tls: tls::judge(&parameters, &mut options.errors),
    };
    let slot = slot_name(&mut options);
    let append_only = options.flag("scan.read-changelog-as-append-only.enabled");
    let changes = match options.get("changelog-mode").unwrap_or("all") {
        _ if append_only => ChangeForm::AppendOnly,
        "upsert" => ChangeForm::Upsert,
        "all" => ChangeForm::All,
        _ => options.refuse("changelog-mode", "all, upsert", ChangeForm::All),
    };
    if changes == ChangeForm::Upsert && table.primary_key.is_empty() {
        let issue = TableIssue::option("changelog-mode", "mode \"upsert\" needs a primary key");
        let hint = "declare PRIMARY KEY (...) NOT ENFORCED in the table";
        options.errors.push(issue.with_hint(hint));
    }
    let startup = match options.get("scan.startup.mode").unwrap_or("initial") {
        "initial" => Startup::Initial,
        "latest-offset" => Startup::LatestOffset,
        "committed-offset" => Startup::CommittedOffset,
        "snapshot" => Startup::Snapshot,
        _ => {
            let modes = "initial, latest-offset, committed-offset, snapshot";
            options.refuse("scan.startup.mode", modes, Startup::Initial)
        }
    };
    let publication_create = match options.get("debezium.publication.autocreate.mode") {
        Some("disabled") => PublicationCreate::Never,
        None | Some("filtered" | "all_tables") => PublicationCreate::Filtered,
        Some(_) => {
            let modes = "filtered, all_tables, disabled";
            let key = "debezium.publication.autocreate.mode";
            options.refuse(key, modes, PublicationCreate::Filtered)
        }
    };
    note_plugin(&mut options);
    let config = PostgresConfig {
        address,
        schema: options.required("schema-name"),
        table: options.required("table-name"),
        publication: options
            .get("debezium.publication.name")
            .map_or_else(|| format!("tailwater_{slot}"), str::to_owned),
        slot,
        publication_create,
        changes,
        startup,
        heartbeat: options.duration("heartbeat.interval.ms", Duration::from_secs(30)),
    };
    if options.errors.is_empty() { Ok((config, options.notes)) } else { Err(options.errors) }
}

fn slot_name(options: &mut OptionReader<'_>) -> String {
    let name = options.required("slot.name");
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if !name.is_empty() && (name.len() > 63 || !name.bytes().all(fits)) {
        let expected = "at most 63 lowercase letters, digits and underscores";
        return options.refuse("slot.name", expected, name);
    }
    name
}

fn note_plugin(options: &mut OptionReader<'_>) {
    match options.get("decoding.plugin.name") {
        None | Some("pgoutput") => {}
        Some(other) => {
            let message =
                format!("plugin \"{other}\" is not used: pgoutput is, which needs no installation");
            let note = TableIssue::option("decoding.plugin.name", message);
            options.notes.push(note.as_warning());
        }
    }
}
