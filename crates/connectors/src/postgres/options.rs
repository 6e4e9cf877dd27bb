//! The options of `'connector' = 'postgres-cdc'`.

use std::collections::BTreeMap;
use std::time::Duration;

use tailwater_connector_api::{TableIssue, TableSpec};

use super::capture::TablePattern;
use super::client::ServerAddress;
use super::snapshot::CutSettings;
use super::tls;
use crate::options::OptionReader;

/// A judged set of options.
#[derive(Clone, Debug)]
pub(crate) struct PostgresConfig {
    pub(crate) address: ServerAddress,
    pub(crate) tables: TablePattern,
    pub(crate) slot: String,
    pub(crate) publication: String,
    pub(crate) publication_create: PublicationCreate,
    pub(crate) changes: ChangeForm,
    pub(crate) startup: Startup,
    pub(crate) heartbeat: Duration,
    pub(crate) cut: CutSettings,
    /// Tables that match only now are captured too.
    pub(crate) takes_new_tables: bool,
    pub(crate) skips_truncate: bool,
    /// Read everything again if the slot does not have what follows the place to go on from.
    pub(crate) begins_anew_when_lost: bool,
    /// Whether a slot that is made goes along to a standby (PostgreSQL 17 and later).
    pub(crate) slot_failover: bool,
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
    "scan.incremental.snapshot.enabled",
    "scan.incremental.snapshot.chunk.size",
    "scan.newly-added-table.enabled",
    "slot.mismatch-policy",
];

/// Accepted, since scripts have them, and why they change nothing here.
const NOT_NEEDED: &[(&str, &str)] = &[
    ("connect.max-retries", "a lost connection is made anew for as long as it takes"),
    ("connect.pool.size", ONE_CONNECTION),
    ("connection.pool.size", ONE_CONNECTION),
    ("scan.incremental.snapshot.chunk.key-column", "chunks are cut by the primary key or by pages"),
    (
        "scan.incremental.snapshot.backfill.skip",
        "there is no backfill: the stream is judged by what \
        each chunk saw",
    ),
    ("scan.incremental.snapshot.unbounded-chunk-first.enabled", BY_BYTES),
    ("scan.incremental.close-idle-reader.enabled", "readers end with the snapshot"),
    ("scan.snapshot.fetch.size", "rows come by COPY, in pieces of bounded size"),
    (
        "scan.lsn-commit.checkpoints-num-delay",
        "a place is acknowledged once its checkpoint is durable",
    ),
    ("scan.include-partitioned-tables.enabled", "partitioned tables are always read"),
    ("scan.parallelism", "debezium.snapshot.max.threads sets the number of readers"),
    ("chunk-meta.group.size", BY_BYTES),
    ("chunk-key.even-distribution.factor.upper-bound", BY_BYTES),
    ("chunk-key.even-distribution.factor.lower-bound", BY_BYTES),
    ("split-key.even-distribution.factor.upper-bound", BY_BYTES),
    ("split-key.even-distribution.factor.lower-bound", BY_BYTES),
];

const ONE_CONNECTION: &str = "a reader needs one connection";
const BY_BYTES: &str = "chunks are cut by their bytes while they are read";

/// Where parameters of TLS stand: as Debezium has them, and as Flink CDC hands them to the driver.
const TLS_PREFIXES: &[&str] = &["debezium.database.", "debezium.driver.", "jdbc.properties."];

/// Judges the options; warnings come with the config, errors instead of it.
pub(crate) fn parse(
    table: &TableSpec,
) -> Result<(PostgresConfig, Vec<TableIssue>), Vec<TableIssue>> {
    let mut options = OptionReader::new(table);
    let not_needed: Vec<&str> = NOT_NEEDED.iter().map(|(key, _)| *key).collect();
    options.refuse_unknown(KNOWN, &not_needed, &["debezium.", "jdbc.properties."]);
    for (key, why) in NOT_NEEDED.iter().filter(|(key, _)| table.options.contains_key(*key)) {
        let message = format!("option \"{key}\" is not needed: {why}");
        options.notes.push(TableIssue::option(key, message).as_warning());
    }
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
    let begins_anew_when_lost = match options.get("slot.mismatch-policy").unwrap_or("fail") {
        "fail" => false,
        "resnapshot" => true,
        _ => options.refuse("slot.mismatch-policy", "fail, resnapshot", false),
    };
    let (schema, name) = (options.required("schema-name"), options.required("table-name"));
    let tables = TablePattern::new(schema, name).unwrap_or_else(|(option, error)| {
        options.errors.push(TableIssue::option(option, error));
        TablePattern::default()
    });
    let cut = cut(&mut options);
    let config = PostgresConfig {
        address,
        tables,
        publication: options
            .get("debezium.publication.name")
            .map_or_else(|| format!("tailwater_{slot}"), str::to_owned),
        slot,
        publication_create,
        changes,
        startup,
        heartbeat: options.duration("heartbeat.interval.ms", Duration::from_secs(30)),
        cut,
        takes_new_tables: options.flag("scan.newly-added-table.enabled"),
        begins_anew_when_lost,
        slot_failover: options.get("debezium.slot.failover") != Some("false"),
        skips_truncate: options
            .get("debezium.skipped.operations")
            .is_none_or(|skipped| skipped.split(',').any(|operation| operation.trim() == "t")),
    };
    if options.errors.is_empty() { Ok((config, options.notes)) } else { Err(options.errors) }
}

fn cut(options: &mut OptionReader<'_>) -> CutSettings {
    /// More do not help: the server reads the table, and one core of it is busy per reader.
    const MAX_READERS: usize = 4;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let default = cores.clamp(1, MAX_READERS) as u16;
    let readers: u16 = options.number("debezium.snapshot.max.threads", "a number", default);
    let is_by_pages = options.get("scan.incremental.snapshot.enabled") == Some("false");
    let key = "scan.incremental.snapshot.chunk.size";
    let rows: Option<u32> =
        options.get(key).is_some().then(|| options.number(key, "a number of rows", 8096));
    CutSettings {
        readers: usize::from(readers).clamp(1, 64),
        chunk_rows: rows.map(|rows| (rows as usize).max(1)),
        is_by_pages,
    }
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
