//! Rows of the signal table: tables are read again while the stream goes on behind them.
//!
//! The stream waits while tables are read, in snapshots that see everything that was told before;
//! what is not in them comes behind them. So nothing has to be compared or written to the source, and
//! each key's events are in order. There is no place to go on from before all is read: a crash
//! reads the signal, and then the tables, again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use regex::RegexBuilder;
use serde::Deserialize;
use tailwater_connector_api::{ConnectorError, ErrorKind, SourceEvent};
use tailwater_debezium::config::ConnectorConfig;
use tailwater_debezium::event::EventSettings;
use tailwater_pg_wire::pgoutput::Cell;
use tailwater_types::ChangeBatch;

use super::super::changes::Changes;
use super::super::client;
use super::super::hub::Hub;
use super::super::options::PostgresConfig;
use super::super::run::RecordJob;
use super::super::snapshot::{self, Reading, SnapshotEvent, SnapshotProgress};
use super::preflight::RecordPreflight;

/// A row of the signal table: its second and third column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    kind: String,
    data: String,
}

/// What `execute-snapshot` asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Wanted {
    data_collections: Vec<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    additional_conditions: Vec<Condition>,
    surrogate_key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Condition {
    data_collection: String,
    filter: String,
}

impl Signal {
    /// Reads the row; one without text in its place says nothing.
    pub(super) fn read(cells: &[Cell<'_>]) -> Option<Self> {
        let text = |place: usize| match cells.get(place) {
            Some(Cell::Text(bytes) | Cell::Binary(bytes)) => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => None,
        };
        Some(Self { kind: text(1)?, data: text(2).unwrap_or_default() })
    }
}

/// Does what signals ask for.
pub(crate) struct Rereader {
    connector: Arc<ConnectorConfig>,
    settings: Arc<EventSettings>,
    config: PostgresConfig,
    application: String,
    hub: Arc<Hub>,
    waiting: VecDeque<Signal>,
    reading: Option<Reading>,
    ready: VecDeque<ChangeBatch>,
}

impl Rereader {
    /// Of a connector with a signal table.
    pub(crate) fn new(
        job: &RecordJob,
        config: &PostgresConfig,
        application: &str,
        hub: &Arc<Hub>,
    ) -> Option<Self> {
        job.connector.source.signal_table.as_ref()?;
        Some(Self {
            connector: Arc::clone(&job.connector),
            settings: Arc::clone(&job.settings),
            config: config.clone(),
            application: application.to_owned(),
            hub: Arc::clone(hub),
            waiting: VecDeque::new(),
            reading: None,
            ready: VecDeque::new(),
        })
    }

    /// The next rows that are read again; `None` once all signals are done. Nothing is lost if it is
    /// not waited for to the end.
    pub(crate) async fn next(
        &mut self,
        changes: &mut Changes,
    ) -> Result<Option<SourceEvent>, ConnectorError> {
        self.waiting.extend(changes.take_signals());
        loop {
            if let Some(rows) = self.ready.pop_front() {
                return Ok(Some(SourceEvent::Batch { rows, position: None }));
            }
            if let Some(reading) = &mut self.reading {
                match reading.next().await {
                    Some(SnapshotEvent::Part { rows, .. }) => self.ready.push_back(rows),
                    Some(SnapshotEvent::Chunk { rows, .. }) => self.ready.extend(rows),
                    Some(SnapshotEvent::Failed(error)) => {
                        self.reading = None;
                        passed_over(error)?;
                    }
                    None => {
                        tracing::info!("incremental snapshot complete");
                        self.reading = None;
                    }
                }
                continue;
            }
            let Some(signal) = self.waiting.front().cloned() else {
                changes.end_signals();
                return Ok(changes.pop());
            };
            match self.act(&signal).await {
                Ok(reading) => self.reading = reading,
                Err(error) => passed_over(error)?,
            }
            self.waiting.pop_front();
        }
    }

    async fn act(&self, signal: &Signal) -> Result<Option<Reading>, ConnectorError> {
        match signal.kind.as_str() {
            "execute-snapshot" => match serde_json::from_str(&signal.data) {
                Ok(wanted) => self.read_again(&wanted).await,
                Err(error) => {
                    tracing::warn!(%error, "the data of a signal cannot be read: passed over");
                    Ok(None)
                }
            },
            "log" => {
                let data: serde_json::Value =
                    serde_json::from_str(&signal.data).unwrap_or_default();
                let message = data.get("message").and_then(|m| m.as_str()).unwrap_or_default();
                tracing::info!("signal: {message}");
                Ok(None)
            }
            "stop-snapshot" | "pause-snapshot" | "resume-snapshot" => {
                let kind = &signal.kind;
                tracing::warn!(kind, "no snapshot runs where this signal stands in the log");
                Ok(None)
            }
            kind => {
                tracing::warn!(kind, "a signal of no known type is passed over");
                Ok(None)
            }
        }
    }

    /// Starts to read what a signal names.
    async fn read_again(&self, wanted: &Wanted) -> Result<Option<Reading>, ConnectorError> {
        let kind = wanted.kind.as_deref().unwrap_or("incremental");
        if !["incremental", "blocking"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
            tracing::warn!(kind, "a snapshot of no known type is passed over");
            return Ok(None);
        }
        if kind.eq_ignore_ascii_case("blocking") && !wanted.additional_conditions.is_empty() {
            tracing::warn!("conditions of a blocking snapshot are statements: passed over");
            return Ok(None);
        }
        if wanted.surrogate_key.is_some() {
            tracing::info!("surrogate-key is not needed: tables without a key are read by pages");
        }
        let client = client::connect(&self.config.address, &self.application).await?;
        let preflight = RecordPreflight {
            source: &self.connector.source,
            config: &self.config,
            settings: Arc::clone(&self.settings),
            application: self.application.clone(),
            hub: Arc::clone(&self.hub),
            is_start: false,
        };
        let floor = snapshot::floor(&client).await?;
        let (mut progress, mut tables) = (SnapshotProgress::default(), BTreeMap::new());
        for (place, known) in preflight.known(&client).await?.iter().enumerate() {
            let name = format!("{}.{}", known.table.schema, known.table.name);
            let is_named = |pattern: &String| matches(pattern, &name);
            if !wanted.data_collections.iter().any(is_named) {
                continue;
            }
            let mut conditions = wanted.additional_conditions.iter();
            let condition = conditions.rfind(|c| matches(&c.data_collection, &name));
            let filter = condition.map(|condition| format!("({})", condition.filter));
            let captured = preflight.captured(place, known, filter);
            let mut table = snapshot::look_at(&client, &captured, &self.config.cut, None).await?;
            table.is_incremental = true;
            progress.add(table.oid, table.divide(&client, self.config.cut.readers).await?);
            tables.insert(table.oid, table);
        }
        if tables.is_empty() {
            let named = wanted.data_collections.join(", ");
            tracing::warn!(named, "a signal names no captured table: passed over");
            return Ok(None);
        }
        tracing::info!(tables = tables.len(), "incremental snapshot begun");
        let progress = Arc::new(Mutex::new(progress));
        let (config, readers) = (&self.config, self.config.cut.readers);
        let (address, application) = (&config.address, &self.application);
        Ok(Some(snapshot::start(address, application, tables, floor, &progress, readers)))
    }
}

/// A signal that cannot be obeyed must not stop the connector for ever; a server that is away comes
/// back.
fn passed_over(error: ConnectorError) -> Result<(), ConnectorError> {
    if matches!(error.kind(), ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Auth) {
        return Err(error);
    }
    tracing::error!(%error, "what a signal asks for cannot be done: passed over");
    Ok(())
}

/// Whether a whole name matches; what is no expression is taken by the letter.
fn matches(pattern: &str, name: &str) -> bool {
    let whole = format!("^(?:{pattern})$");
    let expression = RegexBuilder::new(&whole).case_insensitive(true).build();
    expression.map_or(pattern == name, |expression| expression.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_read_from_its_row() {
        let cells = [Cell::Text(b"id"), Cell::Binary(b"log"), Cell::Null];
        let expected = Signal { kind: "log".to_owned(), data: String::new() };
        assert_eq!(Signal::read(&cells), Some(expected));
        assert_eq!(Signal::read(&cells[..1]), None);
    }

    #[test]
    fn what_a_snapshot_wants_is_read_as_debezium_writes_it() {
        let text = r#"{"data-collections": ["public.t1", "public.b_.*"], "type": "INCREMENTAL",
            "additional-conditions": [{"data-collection": "public.t1", "filter": "color = 'blue'"}]}"#;
        let wanted: Wanted = serde_json::from_str(text).expect("a signal");
        assert_eq!(wanted.additional_conditions[0].filter, "color = 'blue'");
        assert!(matches(&wanted.data_collections[1], "public.B_2"));
        assert!(!matches(&wanted.data_collections[0], "public.t12"));
        assert!(matches("public.(", "public.("));
    }
}
