//! A running source: where it begins, the snapshot beside the stream, the stream for ever after.

mod tables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use tailwater_connector_api::{
    BoxStream, ConnectorError, ErrorKind, ReadFrom, Source, SourceEvent, SourceReader, TableSpec,
};
use tailwater_debezium::config::{ConnectorConfig, SnapshotMode};
use tailwater_debezium::event::EventSettings;
use tailwater_pg_wire::Lsn;
use tailwater_types::ChangelogMode;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::capture::{Capture, CapturedTable};
use super::changes::Changes;
use super::checks::Server;
use super::client::query_error;
use super::connection::WireConnection;
use super::hub::{Hub, HubAcker, Patience, StreamRequest, Subscription, Wish};
use super::options::{ChangeForm, PostgresConfig, Startup};
use super::position::{ServerIdentity, SlotPosition};
use super::publication::{self, Publication};
use super::records::{Heartbeat, RecordCapture, RecordOutput, Rereader, Rereads};
use super::rows::wire_error;
use super::slot::{self, Slot};
use super::snapshot::{self, CutSettings, Reading, SnapshotEvent, SnapshotProgress, SnapshotTable};
use super::stream::ChangeStream;

/// A source whose preconditions hold.
pub(crate) struct PostgresCdcSource {
    pub(crate) config: PostgresConfig,
    pub(crate) application: String,
    /// Job and table, by which the slot's hub knows it.
    pub(crate) name: String,
    pub(crate) scratch: Option<PathBuf>,
    /// The columns that are read.
    pub(crate) physical: Vec<String>,
    /// For a source of rows.
    pub(crate) declared: Option<TableSpec>,
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) hub: Arc<Hub>,
    pub(crate) tables: Vec<CapturedTable>,
    pub(crate) publication: Publication,
    /// For the stream; none for a bounded read.
    pub(crate) replication: Option<(WireConnection, ServerIdentity)>,
    /// For a source of records.
    pub(crate) records: Option<Box<RecordJob>>,
}

/// What makes the source one of records.
pub(crate) struct RecordJob {
    pub(crate) connector: Arc<ConnectorConfig>,
    pub(crate) settings: Arc<EventSettings>,
    pub(crate) capture: RecordCapture,
}

impl Source for PostgresCdcSource {
    fn changelog_mode(&self) -> Option<ChangelogMode> {
        match self.config.changes {
            ChangeForm::All => Some(ChangelogMode::Retract),
            ChangeForm::Upsert => Some(ChangelogMode::Upsert),
            ChangeForm::AppendOnly => None,
        }
    }

    fn read(self: Box<Self>, from: ReadFrom) -> SourceReader {
        let acker = HubAcker::default();
        let stage = Stage::Start { source: self, from, acker: acker.clone() };
        SourceReader { events: events(Run(stage)), acker: Box::new(acker) }
    }
}

fn events(run: Run) -> BoxStream<'static, Result<SourceEvent, ConnectorError>> {
    futures_util::stream::unfold(Box::new(run), |mut run| async move {
        match run.next().await {
            Ok(Some(event)) => Some((Ok(event), run)),
            Ok(None) => None,
            Err(error) => {
                run.0 = Stage::Over;
                Some((Err(error), run))
            }
        }
    })
    .boxed()
}

struct Run(Stage);

enum Stage {
    Start {
        source: Box<PostgresCdcSource>,
        from: ReadFrom,
        acker: HubAcker,
    },
    /// A bounded read: what has come and is not handed over, and what comes.
    SnapshotOnly {
        ready: std::vec::IntoIter<tailwater_types::ChangeBatch>,
        reading: Reading,
    },
    Stream {
        stream: Box<ChangeStream>,
        snapshot: Option<Snapshot>,
        heartbeat: Option<Heartbeat>,
        rereader: Option<Box<Rereader>>,
    },
    Over,
}

/// The snapshot beside the stream.
enum Snapshot {
    /// A restart follows an earlier run first.
    Waiting(Box<Readers>),
    Reading(Reading),
}

/// What it takes to read tables.
struct Readers {
    config: PostgresConfig,
    application: String,
    tables: BTreeMap<u32, SnapshotTable>,
    floor: u64,
    progress: Arc<Mutex<SnapshotProgress>>,
}

impl Readers {
    fn start(self) -> Reading {
        let readers = self.config.cut.readers;
        let Self { config, application, tables, floor, progress } = self;
        snapshot::start(&config.address, &application, tables, floor, &progress, readers)
    }
}

impl Run {
    async fn next(&mut self) -> Result<Option<SourceEvent>, ConnectorError> {
        loop {
            match &mut self.0 {
                Stage::Start { .. } => {
                    if let Stage::Start { source, from, acker } =
                        std::mem::replace(&mut self.0, Stage::Over)
                    {
                        self.0 = Box::pin(source.begin(from, &acker)).await?;
                    }
                }
                Stage::SnapshotOnly { ready, reading } => {
                    if let Some(rows) = ready.next() {
                        return Ok(Some(SourceEvent::Batch { rows, position: None }));
                    }
                    match reading.next().await {
                        Some(SnapshotEvent::Part { rows, .. }) => *ready = vec![rows].into_iter(),
                        Some(SnapshotEvent::Chunk { rows, .. }) => *ready = rows.into_iter(),
                        Some(SnapshotEvent::Failed(error)) => return Err(error),
                        None => {
                            self.0 = Stage::Over;
                            return Ok(Some(SourceEvent::End));
                        }
                    }
                }
                Stage::Stream { stream, snapshot, heartbeat, rereader } => {
                    if let Some(event) = stream.changes.pop() {
                        return Ok(Some(event));
                    }
                    stream.finish_describing().await?;
                    let mut rereader = rereader.as_mut().filter(|_| snapshot.is_none());
                    if let Some(rereader) = &mut rereader
                        && rereader.has_turn(&mut stream.changes)
                    {
                        rereader.work(&mut stream.changes).await?;
                        continue;
                    }
                    let reread_at = rereader.as_ref().and_then(|r| r.next_at(&stream.changes));
                    tokio::select! {
                        biased;
                        next = next_or_beat(stream, snapshot, heartbeat) => match next {
                            Some(event) => return event.map(Some),
                            None => {
                                if let Some(heartbeat) = heartbeat {
                                    heartbeat.act().await;
                                }
                                stream.changes.heartbeat()?;
                            }
                        },
                        // Nothing else is there.
                        () = sleep_until(reread_at) => {
                            if let Some(rereader) = &mut rereader {
                                rereader.set_idle();
                            }
                        }
                    }
                }
                Stage::Over => return Ok(None),
            }
        }
    }
}

/// The next event, or `None` for a heartbeat; neither keeps the other from its turn.
async fn next_or_beat(
    stream: &mut ChangeStream,
    snapshot: &mut Option<Snapshot>,
    heartbeat: &mut Option<Heartbeat>,
) -> Option<Result<SourceEvent, ConnectorError>> {
    let Some(heartbeat) = heartbeat else {
        return Some(next_of_stream(stream, snapshot).await);
    };
    tokio::select! {
        event = next_of_stream(stream, snapshot) => Some(event),
        () = heartbeat.next() => None,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The next event of stream or snapshot.
async fn next_of_stream(
    stream: &mut ChangeStream,
    snapshot: &mut Option<Snapshot>,
) -> Result<SourceEvent, ConnectorError> {
    loop {
        if let Some(event) = stream.changes.pop() {
            return Ok(event);
        }
        // Whoever gives up here must find the readers at work again.
        if !stream.changes.has_stops() {
            *snapshot = match snapshot.take() {
                Some(Snapshot::Waiting(readers)) => Some(Snapshot::Reading(readers.start())),
                other => other,
            };
        }
        let Some(Snapshot::Reading(reading)) = snapshot else {
            return stream.next().await;
        };
        stream.finish_describing().await?;
        let may_stream = !stream.changes.holds_too_much();
        tokio::select! {
            chunk = reading.next() => match chunk {
                Some(chunk) => stream.changes.take_chunk(chunk)?,
                None => {
                    *snapshot = None;
                    tracing::info!("snapshot complete");
                }
            },
            event = stream.next(), if may_stream => return event,
        }
    }
}

fn lock(progress: &Mutex<SnapshotProgress>) -> MutexGuard<'_, SnapshotProgress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PostgresCdcSource {
    /// Does what has to be done once and decides where to begin.
    async fn begin(
        mut self: Box<Self>,
        from: ReadFrom,
        acker: &HubAcker,
    ) -> Result<Stage, ConnectorError> {
        let Some((mut connection, identity)) = self.replication.take() else {
            return self.snapshot_only().await;
        };
        // Of tables too that are left for the stream to tell of.
        let reads_binary = self.tables.iter().all(|t| t.plan.reads_binary());
        let mut known = from.position.as_ref().map(SlotPosition::read).transpose()?;
        let hub = Arc::clone(&self.hub);
        let guard = hub.setup.lock().await;
        let (database, own) = (&self.config.address.database, hub.server_process());
        let existing = slot::find(&self.client, &hub.slot, database, own).await?;
        if known.is_none() {
            slot::check_unprepared(&self.client, &hub.slot, existing).await?;
        }
        if let Some(position) = &known {
            slot::check_identity(&mut connection, identity, position).await?;
            slot::check_resumable(&hub.slot, existing, position.lsn)?;
            publication::check_resumable(&self.config.publication, &self.publication, position)?;
            self.keep_known_tables(position)?;
        }
        if let (Some(position), Some(SnapshotMode::Always)) = (&mut known, self.snapshot_mode()) {
            // Every table is read again.
            position.tables.clear();
            position.snapshot.clear();
            position.rereads = Rereads::default();
        }
        self.publish().await?;
        if let Some(position) = &mut known {
            self.name_streamed_tables(position, &from);
        }
        let is_resumed = known.is_some();
        let at = match &known {
            Some(position) => position.lsn,
            None => self.first_lsn(existing, &mut connection).await?,
        };
        let mut capture = self.capture();
        capture.records = self.records.as_mut().map(|records| records.capture.take());
        let wish = Wish {
            name: self.name.clone(),
            relations: capture.relations(),
            newcomers: capture.newcomers(),
            at,
            may_join_later: known.is_none() && self.config.startup != Startup::CommittedOffset,
            patience: match from.stops.is_empty() {
                true => Patience::USUAL,
                false => Patience::REPEATING,
            },
            stream: StreamRequest {
                is_two_phase: existing.is_some_and(|slot| slot.is_two_phase),
                ..self.stream_request(reads_binary)
            },
        };
        let subscription = hub.attach(wish, connection).await?;
        drop(guard);
        // Nobody acknowledges before there was an event.
        let _ = acker.0.set((Arc::clone(hub.acks()), self.name.clone()));
        let mut position = match known {
            Some(position) => SlotPosition { server: identity, ..position },
            None => SlotPosition {
                lsn: subscription.start,
                ordinal: 0,
                server: identity,
                tables: Vec::new(),
                scope: String::new(),
                snapshot: String::new(),
                rereads: Rereads::default(),
            },
        };
        let readers = self.plan_snapshot(&position).await?;
        position.tables = self.tables.iter().map(|t| t.table.oid).collect();
        position.tables.sort_unstable();
        position.scope = self.scope();
        let last_commit = is_resumed.then_some(position.lsn);
        let records = self.records.as_ref().map(|r| {
            let signal_table = r.connector.source.signal_table.clone();
            RecordOutput::new(Arc::clone(&r.settings), last_commit, signal_table)
        });
        let changes = (position, records);
        self.stream(subscription, capture, changes, readers, &from)
    }

    fn snapshot_mode(&self) -> Option<SnapshotMode> {
        self.records.as_ref().map(|records| records.connector.source.snapshot)
    }

    fn stream_request(&self, reads_binary: bool) -> StreamRequest {
        let version = self.server.version;
        StreamRequest {
            address: self.config.address.clone(),
            application: self.application.clone(),
            publication: self.config.publication.clone(),
            binary: version >= 140_000 && reads_binary && !self.hub.is_text(),
            messages: version >= 140_000 && self.records.is_some(),
            scratch: self.scratch.clone().filter(|_| version >= 140_000),
            is_two_phase: false,
            wal_sender_timeout: self.server.wal_sender_timeout,
            heartbeat: self.config.heartbeat,
        }
    }

    /// What has still to be read: all tables at the start, what an earlier run has left, tables
    /// that are new.
    async fn plan_snapshot(
        &self,
        position: &SlotPosition,
    ) -> Result<Option<Readers>, ConnectorError> {
        let is_first = position.tables.is_empty();
        let is_wanted = |captured: &&CapturedTable| captured.is_in_snapshot;
        if is_first && self.config.startup != Startup::Initial {
            return Ok(None);
        }
        // Behind the slot's and the publication's making: nothing is in neither of the two.
        let floor = snapshot::floor(&self.client).await?;
        let mut progress = match position.snapshot.as_str() {
            "" => SnapshotProgress::default(),
            text => snapshot::decode(text).ok_or_else(|| {
                ConnectorError::new(ErrorKind::Internal, "the snapshot's progress cannot be read")
            })?,
        };
        let settings = &self.config.cut;
        let mut tables = BTreeMap::new();
        for captured in self.tables.iter().filter(is_wanted) {
            let oid = captured.table.oid;
            let known = progress.table(oid).map(|table| table.key.clone());
            let is_through = known.is_none() && position.tables.contains(&oid);
            if is_through {
                continue;
            }
            let table =
                snapshot::look_at(&self.client, captured, settings, known.as_deref()).await?;
            if known.is_none() {
                progress.add(oid, table.divide(&self.client, settings.readers).await?);
            }
            tables.insert(oid, table);
        }
        if tables.is_empty() {
            return Ok(None);
        }
        let progress = Arc::new(Mutex::new(progress));
        Ok(Some(Readers {
            config: self.config.clone(),
            application: self.application.clone(),
            tables,
            floor,
            progress,
        }))
    }

    fn stream(
        self: Box<Self>,
        subscription: Subscription,
        mut capture: Capture,
        (position, records): (SlotPosition, Option<RecordOutput>),
        readers: Option<Readers>,
        from: &ReadFrom,
    ) -> Result<Stage, ConnectorError> {
        let progress = readers.as_ref().map(|readers| Arc::clone(&readers.progress));
        let (form, skips) = (self.config.changes, self.config.skips_truncate);
        let changes = Changes::new(form, skips, position, progress, &from.stops)?;
        let changes = changes.with_records(records);
        let has_rereads = !changes.rereads().is_empty();
        let keys = readers.iter().flat_map(|readers| &readers.tables);
        let keys = keys.filter_map(|(oid, table)| Some((*oid, table.key.clone()?)));
        capture.keys = keys.collect();
        let stream = Box::new(ChangeStream::new(subscription, capture, changes));
        let unread = |r: &Readers| !lock(&r.progress).is_released();
        let snapshot = readers.filter(unread).map(|r| Snapshot::Waiting(Box::new(r)));
        let (records, client) = (self.records, self.client);
        let rereader = records.as_ref().and_then(|job| {
            let is_wanted = has_rereads || job.connector.source.signal_table.is_some();
            let new = || Rereader::new(job, &self.config, &self.application, &self.hub);
            is_wanted.then(|| Box::new(new()))
        });
        let heartbeat = records.and_then(|r| Heartbeat::new(&r.connector.source, client));
        Ok(Stage::Stream { stream, snapshot, heartbeat, rereader })
    }

    async fn snapshot_only(self: Box<Self>) -> Result<Stage, ConnectorError> {
        let settings = CutSettings { is_by_pages: true, ..self.config.cut.clone() };
        let (mut progress, mut tables) = (SnapshotProgress::default(), BTreeMap::new());
        for captured in self.tables.iter().filter(|captured| captured.is_in_snapshot) {
            let table = snapshot::look_at(&self.client, captured, &settings, None).await?;
            progress.add(table.oid, table.divide(&self.client, settings.readers).await?);
            tables.insert(table.oid, table);
        }
        let readers = Readers {
            config: self.config,
            application: self.application,
            tables,
            floor: 0,
            progress: Arc::new(Mutex::new(progress)),
        };
        Ok(Stage::SnapshotOnly { ready: Vec::new().into_iter(), reading: readers.start() })
    }

    /// Where the stream begins; the slot is made if it is not there. A slot that is older than the
    /// publication cannot be read from its own start: the server looks the publication up as of
    /// then. The snapshot covers the rest.
    async fn first_lsn(
        &self,
        existing: Option<Slot>,
        connection: &mut WireConnection,
    ) -> Result<Lsn, ConnectorError> {
        let Some(slot) = existing else {
            let is_failover = self.config.slot_failover && self.server.version >= 170_000;
            return Ok(slot::create(connection, &self.hub.slot, is_failover).await?.confirmed);
        };
        let is_published_anew = !self.publication.work.is_empty();
        let from_now = match self.config.startup {
            Startup::LatestOffset => true,
            Startup::Initial => is_published_anew,
            Startup::CommittedOffset | Startup::Snapshot => false,
        };
        if !from_now {
            return Ok(slot.confirmed);
        }
        let sql = "SELECT pg_current_wal_insert_lsn()::text";
        let row = self.client.query_one(sql, &[]).await;
        let row = row.map_err(|error| query_error("read the end of the WAL", error))?;
        let now: Lsn = row.get::<_, &str>(0).parse().map_err(wire_error)?;
        Ok(now.max(slot.confirmed))
    }
}
