//! What is read: the server, slot, publication, tables and snapshot.

use std::collections::BTreeMap;
use std::time::Duration;

use super::patterns::Patterns;
use super::reader::OptionReader;
use super::{CONNECTOR_CLASS, Secret};

/// What is read from where.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// The connector's name.
    pub name: String,
    /// `topic.prefix`
    pub server: String,
    /// The server's host.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The role.
    pub user: String,
    /// Its password, if it has one.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// Parameters of TLS by the names of the JDBC driver: `sslmode`, `sslrootcert` ...
    pub tls: BTreeMap<String, Secret>,
    /// The replication slot.
    pub slot: String,
    /// Whether a slot that is made goes along to a standby.
    pub slot_failover: bool,
    /// The publication.
    pub publication: String,
    /// How it is made.
    pub publication_mode: PublicationMode,
    /// `publish.via.partition.root`
    pub via_partition_root: bool,
    /// Operations that the publication is made for.
    pub published: Vec<&'static str>,
    schemas: Patterns,
    tables: Patterns,
    snapshot_tables: Patterns,
    /// The table whose new rows are signals, as `schema.table`.
    pub signal_table: Option<String>,
    /// How many rows a chunk of a table has that is read again, at most.
    pub chunk_rows: usize,
    /// When the rows that are there are read.
    pub snapshot: SnapshotMode,
    /// How many readers a snapshot has.
    pub readers: usize,
    /// How often a heartbeat is told, if it is.
    pub heartbeat: Option<Duration>,
    /// A statement that is run with every heartbeat.
    pub heartbeat_query: Option<String>,
    /// The most tables, and whether more of them are an error.
    pub guardrail: Option<(usize, bool)>,
}

/// `publication.autocreate.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationMode {
    /// For all tables of the database.
    AllTables,
    /// For the captured tables; others are taken out of it.
    Filtered,
    /// It must be there.
    Disabled,
    /// Without a table: logical messages only.
    NoTables,
}

/// `snapshot.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMode {
    /// At the first start.
    Initial,
    /// At the first start, and whenever the slot has lost what follows.
    WhenNeeded,
    /// At every start.
    Always,
    /// Once, and nothing else.
    InitialOnly,
    /// Never.
    NoData,
}

impl SourceConfig {
    /// Whether a table is captured.
    pub fn captures(&self, schema: &str, table: &str) -> bool {
        self.is_signal_table(schema, table)
            || (self.schemas.takes(schema) && self.tables.takes(&format!("{schema}.{table}")))
    }

    /// The lists by which [`SourceConfig::captures`] decides, as one text.
    pub fn scope(&self) -> String {
        let signals = self.signal_table.as_deref().unwrap_or_default();
        format!("{}\n{}\n{signals}", self.schemas.text(), self.tables.text())
    }

    /// Whether rows of a table are signals.
    pub fn is_signal_table(&self, schema: &str, table: &str) -> bool {
        let is_it = |name: &String| *name == format!("{schema}.{table}");
        self.signal_table.as_ref().is_some_and(is_it)
    }

    /// Where a table stands in the order of the include list.
    pub fn place(&self, schema: &str, table: &str) -> usize {
        self.tables.place(&format!("{schema}.{table}"))
    }

    /// Whether the rows of a captured table are read.
    pub fn snapshots(&self, schema: &str, table: &str) -> bool {
        // A signal that a snapshot has seen would not come as a change any more.
        !self.is_signal_table(schema, table)
            && self.snapshot_tables.takes(&format!("{schema}.{table}"))
    }
}

const TLS: &[&str] =
    &["sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslfactory", "channelBinding"];

/// Reads the options of the source.
pub(super) fn read(reader: &mut OptionReader<'_>) -> SourceConfig {
    let class = reader.get("connector.class").unwrap_or(CONNECTOR_CLASS);
    if class != CONNECTOR_CLASS && class != "PostgresConnector" && class != "PostgresSQLConnector" {
        reader.error(
            "connector.class",
            format!(
                "Failed to find any class that implements Connector and which name matches {class}"
            ),
        );
    }
    let server = server(reader);
    let tls = TLS.iter().filter_map(|name| {
        let value = reader.get(&format!("database.{name}"))?;
        Some(((*name).to_owned(), Secret(value.to_owned())))
    });
    let tls = tls.collect();
    let port = match reader.number("database.port") {
        port @ 1..=65535 => port as u16,
        _ => {
            reader.invalid("database.port", "A port from 1 to 65535 is required");
            5432
        }
    };
    note_plugin(reader);
    let heartbeat = reader.number("heartbeat.interval.ms");
    let heartbeat_query = reader.get("heartbeat.action.query").map(str::to_owned);
    if heartbeat_query.is_some() && heartbeat == 0 {
        reader.note(
            "heartbeat.action.query",
            "'heartbeat.action.query' has no effect without 'heartbeat.interval.ms'",
        );
    }
    refuse_strange(reader);
    SourceConfig {
        name: reader.get("name").unwrap_or("connector").to_owned(),
        server,
        host: reader.required("database.hostname"),
        port,
        user: reader.required("database.user"),
        password: reader.get("database.password").map(|text| Secret(text.to_owned())),
        database: reader.required("database.dbname"),
        tls,
        slot: slot(reader),
        slot_failover: reader.flag("slot.failover"),
        publication: reader.text("publication.name"),
        publication_mode: publication_mode(reader),
        via_partition_root: reader.flag("publish.via.partition.root"),
        published: published(reader),
        schemas: reader.patterns("schema.include.list", "schema.exclude.list"),
        tables: reader.patterns("table.include.list", "table.exclude.list"),
        snapshot_tables: Patterns {
            include: reader.expressions("snapshot.include.collection.list"),
            exclude: Vec::new(),
        },
        signal_table: signal_table(reader),
        chunk_rows: chunk_rows(reader),
        snapshot: snapshot(reader),
        readers: (reader.number("snapshot.max.threads") as usize).clamp(1, 64),
        heartbeat: (heartbeat > 0).then(|| Duration::from_millis(heartbeat)),
        heartbeat_query,
        guardrail: guardrail(reader),
    }
}

/// Debezium takes the database's name in front of it as well.
fn signal_table(reader: &mut OptionReader<'_>) -> Option<String> {
    let name = reader.get("signal.data.collection")?.trim();
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        [schema, table] | [_, schema, table] => Some(format!("{schema}.{table}")),
        _ => {
            reader.invalid("signal.data.collection", "A table as schema.table is required");
            None
        }
    }
}

fn chunk_rows(reader: &mut OptionReader<'_>) -> usize {
    const KEY: &str = "incremental.snapshot.chunk.size";
    match reader.number(KEY) {
        rows @ 1..=2_147_483_647 => rows as usize,
        _ => {
            reader.invalid(KEY, "A positive number is required");
            1024
        }
    }
}

fn server(reader: &mut OptionReader<'_>) -> String {
    let server = reader.required("topic.prefix");
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !server.chars().all(fits) {
        let why = format!(
            "{server} has invalid format (only the underscore, hyphen, dot and alphanumeric \
             characters are allowed)"
        );
        reader.invalid("topic.prefix", &why);
    }
    server
}

fn slot(reader: &mut OptionReader<'_>) -> String {
    let slot = reader.text("slot.name");
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if slot.len() > 63 || !slot.bytes().all(fits) {
        let why = "Valid replication slot name must contain only digits, lowercase characters and \
                   underscores with length <= 63";
        reader.invalid("slot.name", why);
    }
    slot
}

fn note_plugin(reader: &mut OptionReader<'_>) {
    let plugin = reader.text("plugin.name");
    if !["pgoutput", "decoderbufs"].contains(&plugin.as_str()) {
        reader.invalid("plugin.name", "Value must be one of decoderbufs, pgoutput");
    } else if plugin != "pgoutput" {
        let note =
            format!("plugin \"{plugin}\" is not used: pgoutput is, which needs no installation");
        reader.note("plugin.name", note);
    }
}

fn publication_mode(reader: &mut OptionReader<'_>) -> PublicationMode {
    match reader
        .word("publication.autocreate.mode", &["all_tables", "filtered", "disabled", "no_tables"])
    {
        "filtered" => PublicationMode::Filtered,
        "disabled" => PublicationMode::Disabled,
        "no_tables" => PublicationMode::NoTables,
        _ => PublicationMode::AllTables,
    }
}

fn published(reader: &OptionReader<'_>) -> Vec<&'static str> {
    let skipped = reader.list("skipped.operations");
    let all = [("c", "insert"), ("u", "update"), ("d", "delete"), ("t", "truncate")];
    let is_published = |letter: &str| !skipped.iter().any(|s| s == letter);
    all.into_iter().filter(|(letter, _)| is_published(letter)).map(|(_, word)| word).collect()
}

fn snapshot(reader: &mut OptionReader<'_>) -> SnapshotMode {
    const KEY: &str = "snapshot.mode";
    let modes = [
        "initial",
        "always",
        "initial_only",
        "no_data",
        "never",
        "when_needed",
        "configuration_based",
        "exported",
        "custom",
    ];
    match reader.word(KEY, &modes) {
        "always" => SnapshotMode::Always,
        "initial_only" => SnapshotMode::InitialOnly,
        "no_data" | "never" => SnapshotMode::NoData,
        "when_needed" => SnapshotMode::WhenNeeded,
        "configuration_based" => {
            let data = reader.flag("snapshot.mode.configuration.based.snapshot.data");
            let stream = reader.flag("snapshot.mode.configuration.based.start.stream");
            match (data, stream) {
                (true, true) => SnapshotMode::Initial,
                (true, false) => SnapshotMode::InitialOnly,
                (false, true) => SnapshotMode::NoData,
                (false, false) => {
                    reader.invalid(KEY, "neither a snapshot nor the stream is asked for");
                    SnapshotMode::Initial
                }
            }
        }
        "custom" => {
            reader.invalid(KEY, "it is not supported: classes of Java cannot be loaded");
            SnapshotMode::Initial
        }
        _ => SnapshotMode::Initial,
    }
}

/// Options of which only one value means something here.
fn refuse_strange(reader: &mut OptionReader<'_>) {
    for (key, only) in [
        ("snapshot.query.mode", &["select_all"][..]),
        ("event.processing.failure.handling.mode", &["fail"]),
        ("signal.enabled.channels", &["source"]),
        ("table.ignore.builtin", &["true"]),
        ("snapshot.locking.mode", &["none", "shared"]),
        ("topic.naming.strategy", &["io.debezium.schema.SchemaTopicNamingStrategy"]),
        (
            "transaction.metadata.factory",
            &["io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory"],
        ),
        (
            "sourceinfo.struct.maker",
            &["io.debezium.connector.postgresql.PostgresSourceInfoStructMaker"],
        ),
    ] {
        let value = reader.text(key);
        if !only.contains(&value.as_str()) {
            let why = format!("only {} is supported", only.join(", "));
            reader.invalid(key, &why);
        }
    }
}

fn guardrail(reader: &mut OptionReader<'_>) -> Option<(usize, bool)> {
    let most = reader.number("guardrail.collections.max") as usize;
    let action = reader.word("guardrail.collections.limit.action", &["warn", "fail"]);
    (most > 0).then_some((most, action == "fail"))
}
