//! The readers: tasks that take chunk after chunk and hand over each one whole.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::Lsn;
use tailwater_types::ChangeBatch;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::client::{ServerAddress, grant};
use super::super::connection::{Session, WireConnection};
use super::super::copy::{CopyForm, TableCopy};
use super::super::records::{CopyMarks, RecordCopy, Seen};
use super::super::table_plan::TablePlan;
use super::SnapshotTable;
use super::key::ChunkKey;
use super::pages::{PageGroup, SharedSnapshot};
use super::progress::{SegmentId, SnapshotProgress, TableProgress};
use super::transaction::{self, ReadTransaction};

/// A chunk has about so many bytes: it is kept in memory until it is whole.
const CHUNK_BYTES: usize = 3 << 20;
/// A chunk whose rows turn out to be much larger than expected ends here.
const MAX_CHUNK_BYTES: usize = 4 * CHUNK_BYTES;
/// Rows of the first chunk of a table whose rows nobody knows.
const FIRST_ROWS: usize = 1000;
const MAX_ROWS: usize = 200_000;
/// A transaction is not used for a new chunk after this long.
const MAX_AGE: Duration = Duration::from_secs(60);

/// What a reader hands over.
#[derive(Debug)]
pub(crate) enum SnapshotEvent {
    /// Rows of a chunk that is too large to be kept until it is whole.
    Part {
        /// The segment whose oldest chunk it is.
        id: SegmentId,
        /// Some of its rows.
        rows: ChangeBatch,
    },
    /// A whole chunk, or the end of a table that was read by pages.
    Chunk {
        /// The segment whose oldest chunk it is.
        id: SegmentId,
        /// Its rows.
        rows: Vec<ChangeBatch>,
        /// The end of the WAL after its snapshot was taken.
        horizon: Lsn,
    },
    /// A reader has failed.
    Failed(ConnectorError),
}

/// What all readers share.
struct Shared {
    address: ServerAddress,
    application: String,
    tables: BTreeMap<u32, SnapshotTable>,
    floor: u64,
    progress: Arc<Mutex<SnapshotProgress>>,
    tasks: Mutex<VecDeque<Task>>,
    marks: Marks,
    events: mpsc::Sender<SnapshotEvent>,
}

#[derive(Clone, Debug)]
enum Task {
    Segment(SegmentId),
    Pages { group: Arc<PageGroup>, is_leader: bool, members: usize },
}

/// Where rows stand in the snapshot, if tables are read one behind the other.
struct Marks {
    has_begun: Option<Arc<AtomicBool>>,
    last_table: Option<u32>,
}

impl Task {
    fn table(&self) -> u32 {
        match self {
            Task::Segment(id) => id.table,
            Task::Pages { group, .. } => group.id.table,
        }
    }
}

/// Running readers; dropped, they stop.
pub(crate) struct Reading {
    events: mpsc::Receiver<SnapshotEvent>,
    _readers: JoinSet<()>,
}

impl Reading {
    /// What comes next, `None` once everything has come.
    pub(crate) async fn next(&mut self) -> Option<SnapshotEvent> {
        self.events.recv().await
    }
}

/// Starts to read what `progress` has not released yet.
pub(crate) fn start(
    address: &ServerAddress,
    application: &str,
    tables: BTreeMap<u32, SnapshotTable>,
    floor: u64,
    progress: &Arc<Mutex<SnapshotProgress>>,
    readers: usize,
) -> Reading {
    let (events, receiver) = mpsc::channel(1);
    let tasks = tasks(&tables, &lock(progress), readers);
    let last_table = tasks.back().map(Task::table);
    let count = readers.min(tasks.len()).max(1);
    let shared = Arc::new(Shared {
        address: address.clone(),
        application: application.to_owned(),
        tables,
        floor,
        progress: Arc::clone(progress),
        tasks: Mutex::new(tasks),
        marks: Marks { has_begun: (readers == 1).then(Arc::default), last_table },
        events,
    });
    let mut set = JoinSet::new();
    for number in 0..count {
        let shared = Arc::clone(&shared);
        set.spawn(async move {
            if let Err(error) = Box::pin(shared.read(number)).await {
                // Nobody listens any more: nobody minds.
                let _ = shared.events.send(SnapshotEvent::Failed(error)).await;
            }
        });
    }
    Reading { events: receiver, _readers: set }
}

fn lock(progress: &Mutex<SnapshotProgress>) -> MutexGuard<'_, SnapshotProgress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is left to be read, table by table.
fn tasks(
    tables: &BTreeMap<u32, SnapshotTable>,
    progress: &SnapshotProgress,
    readers: usize,
) -> VecDeque<Task> {
    let mut tasks = VecDeque::new();
    let known = |(oid, progress)| Some((oid, progress, tables.get(&oid)?));
    let mut all: Vec<_> = progress.tables().filter_map(known).collect();
    all.sort_by_key(|(_, _, table)| table.place);
    for (oid, TableProgress { segments, .. }, table) in all {
        let unreleased = segments.iter().enumerate().filter(|(_, s)| !s.is_released());
        let ids = unreleased.map(|(number, _)| SegmentId { table: oid, number });
        if table.key.is_some() {
            tasks.extend(ids.map(Task::Segment));
            continue;
        }
        for id in ids {
            let members = PageGroup::members(table, readers);
            let group = PageGroup::new(id, table, members);
            let member = |i| Task::Pages { group: Arc::clone(&group), is_leader: i == 0, members };
            tasks.extend((0..members).map(member));
        }
    }
    tasks
}

impl Shared {
    async fn read(&self, reader: usize) -> Result<(), ConnectorError> {
        let mut connection =
            WireConnection::open(&self.address, &self.application, Session::Sql).await?;
        let connection = &mut connection;
        let next = || self.tasks.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        while let Some(task) = next() {
            let id = match &task {
                Task::Segment(id) => *id,
                Task::Pages { group, .. } => group.id,
            };
            let table = self.table(id)?;
            let read = match task {
                Task::Segment(id) => self.read_segment(connection, reader, id).await,
                Task::Pages { group, is_leader: true, members } => {
                    self.lead(connection, reader, &group, table, members).await
                }
                Task::Pages { group, .. } => self.follow(connection, &group, table).await,
            };
            let privilege = || format!("SELECT ON {}", table.sql_name);
            read.map_err(|error| grant(error, &privilege(), &self.address.user))?;
        }
        Ok(())
    }

    fn table(&self, id: SegmentId) -> Result<&SnapshotTable, ConnectorError> {
        let gone =
            || ConnectorError::new(ErrorKind::Internal, "a chunk of a table that is not read");
        self.tables.get(&id.table).ok_or_else(gone)
    }

    /// Begins a transaction that sees everything that was dropped so far, and the chunk in it.
    async fn begin_chunk(
        &self,
        connection: &mut WireConnection,
        reader: usize,
        id: SegmentId,
        open: &mut Option<ReadTransaction>,
    ) -> Result<Vec<u8>, ConnectorError> {
        let table = self.table(id)?;
        loop {
            let mut is_new = false;
            if open.as_ref().is_some_and(|t| t.begun.elapsed() > MAX_AGE) {
                self.end_transaction(connection, reader, open).await?;
            }
            if open.is_none() {
                lock(&self.progress).await_snapshot(reader);
                let begun = transaction::begin(connection, table, self.floor).await?;
                lock(&self.progress).use_snapshot(reader, Some(begun.snapshot.clone()));
                *open = Some(begun);
                is_new = true;
            }
            if let Some(low) = lock(&self.progress).begin(id, reader) {
                return Ok(low);
            }
            self.end_transaction(connection, reader, open).await?;
            if is_new {
                // A commit in the stream is not visible yet: it waits for a standby.
                tokio::time::sleep(transaction::PAUSE).await;
            }
        }
    }

    fn form(&self, table: &SnapshotTable, seen: Seen, begins_table: bool) -> CopyForm {
        match &table.plan {
            TablePlan::Rows(plan) => CopyForm::Rows(Arc::clone(plan)),
            TablePlan::Records(plan) => {
                let marks = CopyMarks {
                    has_begun: self.marks.has_begun.clone(),
                    begins_table,
                    is_last_table: self.marks.last_table == Some(table.oid),
                    is_incremental: false,
                };
                CopyForm::Records(RecordCopy::new(Arc::clone(plan), seen, marks))
            }
        }
    }

    async fn end_transaction(
        &self,
        connection: &mut WireConnection,
        reader: usize,
        open: &mut Option<ReadTransaction>,
    ) -> Result<(), ConnectorError> {
        if open.take().is_some() {
            lock(&self.progress).use_snapshot(reader, None);
            transaction::end(connection).await?;
        }
        Ok(())
    }

    async fn read_segment(
        &self,
        connection: &mut WireConnection,
        reader: usize,
        id: SegmentId,
    ) -> Result<(), ConnectorError> {
        let table = self.table(id)?;
        let Some(key) = &table.key else {
            return Ok(());
        };
        let end = lock(&self.progress).segment_end(id);
        let mut pace = Pace::new(table);
        let mut open = None;
        loop {
            let low = self.begin_chunk(connection, reader, id, &mut open).await?;
            let horizon = open.as_ref().map_or(Lsn(0), |t| t.horizon);
            let limit = pace.rows();
            let from = chunk_sql(table, key, &low, end.as_deref(), limit);
            let seen = open.as_ref().map(ReadTransaction::seen).unwrap_or_default();
            let form = self.form(table, seen, id.number == 0 && low.is_empty());
            let mut copy = TableCopy::start(connection, form, Some(key.clone()), &from).await?;
            let (mut rows, mut bytes, mut is_cut) = (Vec::new(), 0, false);
            while let Some(batch) = copy.next_batch(connection).await? {
                bytes += batch.byte_size();
                rows.push(batch);
                is_cut = bytes > MAX_CHUNK_BYTES;
                if is_cut {
                    break;
                }
            }
            copy.finish(connection).await?;
            pace.learn(copy.rows(), bytes);
            let is_last = copy.rows() < limit && !is_cut;
            rows.extend(copy.rest(is_last && end.is_none())?);
            let high = if is_last { end.clone() } else { Some(copy.last_key().to_vec()) };
            lock(&self.progress).end(id, high);
            let chunk = SnapshotEvent::Chunk { id, rows, horizon };
            if is_last {
                self.end_transaction(connection, reader, &mut open).await?;
                self.send(chunk).await;
                return Ok(());
            }
            if let Err(mpsc::error::TrySendError::Full(chunk)) = self.events.try_send(chunk) {
                // Nobody knows for how long: no transaction waits for a slow sink.
                self.end_transaction(connection, reader, &mut open).await?;
                self.send(chunk).await;
            }
        }
    }

    /// If nobody takes it, the reader is about to be stopped.
    async fn send(&self, event: SnapshotEvent) {
        let _ = self.events.send(event).await;
    }

    /// The first reader of a table by pages: its snapshot is everybody's.
    async fn lead(
        &self,
        connection: &mut WireConnection,
        reader: usize,
        group: &PageGroup,
        table: &SnapshotTable,
        members: usize,
    ) -> Result<(), ConnectorError> {
        let mut open = None;
        self.begin_chunk(connection, reader, group.id, &mut open).await?;
        let name = if members > 1 { transaction::export(connection).await? } else { String::new() };
        let seen = open.as_ref().map(ReadTransaction::seen).unwrap_or_default();
        group.snapshot.send_replace(Some(SharedSnapshot { name, seen }));
        self.read_pages(connection, group, table, seen).await?;
        // The exported snapshot lives as long as this transaction.
        group.all_left().await;
        self.end_transaction(connection, reader, &mut open).await
    }

    async fn follow(
        &self,
        connection: &mut WireConnection,
        group: &PageGroup,
        table: &SnapshotTable,
    ) -> Result<(), ConnectorError> {
        let mut seen = group.snapshot.subscribe();
        let shared = match seen.wait_for(Option::is_some).await {
            Ok(shared) => shared.clone(),
            Err(_) => None,
        };
        let (name, seen) = shared.map(|s| (s.name, s.seen)).unwrap_or_default();
        transaction::join(connection, &name).await?;
        self.read_pages(connection, group, table, seen).await?;
        transaction::end(connection).await
    }

    async fn read_pages(
        &self,
        connection: &mut WireConnection,
        group: &PageGroup,
        table: &SnapshotTable,
        seen: Seen,
    ) -> Result<(), ConnectorError> {
        // What is small enough is handed over whole.
        let mut kept = Vec::new();
        let mut kept_bytes = 0;
        let limit = if group.is_small() { MAX_CHUNK_BYTES } else { 0 };
        let (mut range, mut is_first) = (group.next(), true);
        while let Some(from) = range.take() {
            let form = self.form(table, seen, std::mem::take(&mut is_first));
            let mut copy = TableCopy::start(connection, form, None, &from).await?;
            let mut is_over = false;
            while !is_over {
                let batch = match copy.next_batch(connection).await? {
                    Some(batch) => batch,
                    None => {
                        is_over = true;
                        range = group.next();
                        match copy.rest(range.is_none())? {
                            Some(batch) => batch,
                            None => break,
                        }
                    }
                };
                kept_bytes += batch.byte_size();
                kept.push(batch);
                if kept_bytes > limit {
                    for rows in kept.drain(..) {
                        self.send(SnapshotEvent::Part { id: group.id, rows }).await;
                    }
                }
            }
        }
        if group.leave() {
            lock(&self.progress).end(group.id, None);
            let horizon = group.snapshot.borrow().as_ref().map_or(Lsn(0), |s| s.seen.horizon);
            self.send(SnapshotEvent::Chunk { id: group.id, rows: kept, horizon }).await;
        }
        Ok(())
    }
}

fn chunk_sql(
    table: &SnapshotTable,
    key: &ChunkKey,
    low: &[u8],
    end: Option<&[u8]>,
    limit: usize,
) -> String {
    let low = key.condition(low, true);
    let high = end.and_then(|end| key.condition(end, false));
    let from = table.narrowed(&table.from(), low.into_iter().chain(high).collect());
    format!("{from} ORDER BY {} LIMIT {limit}", key.order())
}

/// How many rows make a chunk: learnt from those before.
struct Pace {
    fixed: Option<usize>,
    rows: usize,
}

impl Pace {
    fn new(table: &SnapshotTable) -> Self {
        let rows = match table.row_bytes {
            0 => FIRST_ROWS,
            bytes => (CHUNK_BYTES / bytes).clamp(16, MAX_ROWS),
        };
        Self { fixed: table.chunk_rows, rows }
    }

    fn rows(&self) -> usize {
        self.fixed.unwrap_or(self.rows)
    }

    fn learn(&mut self, rows: usize, bytes: usize) {
        if let Some(row_bytes) = bytes.checked_div(rows) {
            let fitting = CHUNK_BYTES / row_bytes.max(1);
            self.rows = fitting.min(self.rows * 4).clamp(16, MAX_ROWS);
        }
    }
}
