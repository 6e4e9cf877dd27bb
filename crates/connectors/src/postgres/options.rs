//! The options of `'connector' = 'postgres-cdc'`.

use std::time::Duration;

use tailwater_connector_api::{TableIssue, TableSpec, nearest};

use super::client::ServerAddress;

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

/// Judges the options; warnings come with the config, errors instead of it.
pub(crate) fn parse(
    table: &TableSpec,
) -> Result<(PostgresConfig, Vec<TableIssue>), Vec<TableIssue>> {
    let mut options = Options::new(table);
    options.refuse_unknown();
    let address = ServerAddress {
        host: options.required("hostname"),
        port: options.number("port", 5432),
        user: options.required("username"),
        password: Some(options.required("password")),
        database: options.required("database-name"),
        connect_timeout: options.duration("connect.timeout", Duration::from_secs(30)),
    };
    let slot = options.slot_name();
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
    options.note_plugin();
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
    if options.errors.is_empty() {
        Ok((config, options.notes))
    } else {
        Err(options.errors)
    }
}

struct Options<'a> {
    table: &'a TableSpec,
    errors: Vec<TableIssue>,
    notes: Vec<TableIssue>,
}

impl<'a> Options<'a> {
    fn new(table: &'a TableSpec) -> Self {
        Self {
            table,
            errors: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.table.options.get(key).map(String::as_str)
    }

    fn refuse_unknown(&mut self) {
        for key in self.table.options.keys() {
            let known = KNOWN.contains(&key.as_str())
                || PASSED_OVER.contains(&key.as_str())
                || key.starts_with("debezium.");
            if !known {
                let issue = TableIssue::option(key, format!("unknown option \"{key}\""));
                let near = nearest(key, KNOWN.iter().chain(PASSED_OVER).copied());
                self.errors.push(match near {
                    Some(near) => issue.with_hint(format!("did you mean \"{near}\"?")),
                    None => issue.with_hint(format!("the options are {}", KNOWN.join(", "))),
                });
            }
        }
    }

    fn required(&mut self, key: &str) -> String {
        match self.get(key) {
            Some(value) if !value.is_empty() => value.to_owned(),
            _ => {
                let message = format!("required option \"{key}\" is missing");
                self.errors.push(TableIssue::option(key, message));
                String::new()
            }
        }
    }

    fn number(&mut self, key: &str, default: u16) -> u16 {
        match self.get(key).map(str::parse) {
            None => default,
            Some(Ok(number)) => number,
            Some(Err(_)) => self.refuse(key, "a number from 1 to 65535", default),
        }
    }

    fn flag(&mut self, key: &str) -> bool {
        match self.get(key) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => self.refuse(key, "true, false", false),
        }
    }

    fn duration(&mut self, key: &str, default: Duration) -> Duration {
        match self.get(key).map(super::client::parse_duration) {
            None => default,
            Some(Some(duration)) => duration,
            Some(None) => self.refuse(key, "a duration such as 30s", default),
        }
    }

    fn refuse<T>(&mut self, key: &str, expected: &str, fallback: T) -> T {
        let value = self.get(key).unwrap_or_default();
        let message = format!("\"{value}\" is not a value of option \"{key}\"");
        let issue = TableIssue::option(key, message);
        self.errors
            .push(issue.with_hint(format!("expected: {expected}")));
        fallback
    }

    fn slot_name(&mut self) -> String {
        let name = self.required("slot.name");
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !name.is_empty() && (name.len() > 63 || !name.bytes().all(fits)) {
            let expected = "at most 63 lowercase letters, digits and underscores";
            return self.refuse("slot.name", expected, name);
        }
        name
    }

    fn note_plugin(&mut self) {
        match self.get("decoding.plugin.name") {
            None | Some("pgoutput") => {}
            Some(other) => {
                let message = format!(
                    "plugin \"{other}\" is not used: pgoutput is, which needs no installation"
                );
                let note = TableIssue::option("decoding.plugin.name", message);
                self.notes.push(note.as_warning());
            }
        }
    }
}
