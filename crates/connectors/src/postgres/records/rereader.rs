//! Does what signals ask for: tables are read again, chunk by chunk, while the stream goes on.
//!
//! A chunk comes in between two transactions, and in a snapshot that sees everything that was told
//! before; what is not in it comes behind it. So nothing has to be compared or written to the source,
//! and no row is older than what was told of it before. Behind each chunk there is a place to go on
//! from, and the stream has its turn: for as long as the chunk took, or until nothing is there. A
//! snapshot that does not see enough yet (a commit waits for a standby) is not waited for: the stream
//! goes on, and another one is tried.

mod requests;

use std::sync::Arc;
use std::time::Duration;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_debezium::config::ConnectorConfig;
use tailwater_debezium::event::EventSettings;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::super::changes::Changes;
use super::super::client;
use super::super::connection::{Session, WireConnection, command_error};
use super::super::copy::{CopyForm, TableCopy};
use super::super::hub::Hub;
use super::super::options::PostgresConfig;
use super::super::run::RecordJob;
use super::super::snapshot::{
    self, ChunkPlace, ChunkTable, PATIENCE, PAUSE, ReadTransaction, is_passing,
};
use super::super::table_plan::TablePlan;
use super::copy::{CopyMarks, RecordCopy};
use super::preflight::RecordPreflight;
use super::rereads::Reread;

/// How long the stream may wait for a lock on a table.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '200ms'";
/// After something that passes by itself.
const RETRY: Duration = Duration::from_secs(1);

/// Does what signals ask for.
pub(crate) struct Rereader {
    connector: Arc<ConnectorConfig>,
    settings: Arc<EventSettings>,
    config: PostgresConfig,
    application: String,
    hub: Arc<Hub>,
    session: Option<WireConnection>,
    /// The table that is being read.
    table: Option<ChunkTable>,
    /// The chunk that is being handed over.
    open: Option<OpenChunk>,
    /// Every transaction below must be over, while chunks are being read.
    floor: Option<u64>,
    /// Since when no snapshot has seen enough, and whether that was said.
    waiting: Option<(Instant, bool)>,
    /// Nothing can be done before.
    not_before: Instant,
    /// The stream has had its share then.
    fair_at: Instant,
    /// The stream has nothing.
    is_idle: bool,
}

struct OpenChunk {
    copy: TableCopy,
    begun: Instant,
    bytes: usize,
    behind: Option<ChunkPlace>,
}

impl Rereader {
    /// Of a connector with a signal table.
    pub(crate) fn new(
        job: &RecordJob,
        config: &PostgresConfig,
        application: &str,
        hub: &Arc<Hub>,
    ) -> Self {
        let now = Instant::now();
        Self {
            connector: Arc::clone(&job.connector),
            settings: Arc::clone(&job.settings),
            config: config.clone(),
            application: application.to_owned(),
            hub: Arc::clone(hub),
            session: None,
            table: None,
            open: None,
            floor: None,
            waiting: None,
            not_before: now,
            fair_at: now,
            is_idle: false,
        }
    }

    /// Whether [`Rereader::work`] is to be called now.
    pub(crate) fn has_turn(&mut self, changes: &mut Changes) -> bool {
        if self.open.is_some() {
            return true;
        }
        if !changes.rereads().is_due() {
            self.rest(changes);
            return false;
        }
        let now = Instant::now();
        let is_idle = std::mem::take(&mut self.is_idle);
        if now < self.not_before || !(is_idle || now >= self.fair_at) {
            return false;
        }
        if !changes.is_between() {
            self.not_before = now + PAUSE;
            return false;
        }
        true
    }

    /// When to call [`Rereader::set_idle`] if nothing else comes.
    pub(crate) fn next_at(&self, changes: &Changes) -> Option<Instant> {
        changes.rereads().is_due().then_some(self.not_before)
    }

    /// The stream has nothing: nobody has to be fair to it.
    pub(crate) fn set_idle(&mut self) {
        self.is_idle = true;
    }

    /// There is nothing to do.
    fn rest(&mut self, changes: &mut Changes) {
        if self.floor.take().is_some() {
            changes.forget_transactions();
        }
        (self.session, self.table, self.waiting) = (None, None, None);
    }

    /// Does one thing: a signal, the beginning of a chunk, some of its rows, its end.
    pub(crate) async fn work(&mut self, changes: &mut Changes) -> Result<(), ConnectorError> {
        if self.open.is_none() && changes.has_rows() {
            changes.cut();
            return Ok(());
        }
        let worked = match changes.rereads().signals.front().cloned() {
            _ if self.open.is_some() => Box::pin(self.hand_over(changes)).await,
            Some(signal) => {
                let acted = Box::pin(self.act(&signal, changes)).await;
                if !acted.as_ref().is_err_and(is_away) {
                    changes.rereads_mut().signals.pop_front();
                }
                changes.cut();
                acted
            }
            None => Box::pin(self.begin(changes)).await,
        };
        match worked {
            Ok(()) => Ok(()),
            Err(error) if is_away(&error) => Err(error),
            Err(error) => {
                self.pass_over(&error, changes);
                Ok(())
            }
        }
    }

    /// What cannot be done must not stop the connector for ever: a table that cannot be read is left
    /// out, what passes by itself is waited for.
    fn pass_over(&mut self, error: &ConnectorError, changes: &mut Changes) {
        (self.session, self.table) = (None, None);
        let was_open = self.open.take().is_some();
        self.not_before = Instant::now() + RETRY;
        let connector = self.connector.source.server.as_str();
        let Some(reread) = changes.rereads().tables.front() else {
            tracing::error!(connector, %error, "what a signal asks for cannot be done: passed over");
            return;
        };
        let table = reread.name.clone();
        if is_passing(error) {
            tracing::warn!(connector, %error, table, "the incremental snapshot waits");
        } else {
            tracing::error!(connector, %error, table, "the table cannot be read again: passed over");
            changes.rereads_mut().tables.pop_front();
        }
        if was_open || !is_passing(error) {
            changes.cut();
        }
    }

    fn preflight(&self) -> RecordPreflight<'_> {
        RecordPreflight {
            source: &self.connector.source,
            config: &self.config,
            settings: Arc::clone(&self.settings),
            application: self.application.clone(),
            hub: Arc::clone(&self.hub),
            is_start: false,
        }
    }

    /// Begins the next chunk, if a snapshot sees enough.
    async fn begin(&mut self, changes: &mut Changes) -> Result<(), ConnectorError> {
        let begun = Instant::now();
        let Some(reread) = changes.rereads().tables.front().cloned() else {
            return Ok(());
        };
        if self.floor.is_none() || self.table.is_none() {
            // Whatever is told from here on is known by its id, what was told before by the floor.
            changes.told_transactions();
            let client = self.open_client().await?;
            if self.floor.is_none() {
                self.floor = Some(snapshot::floor(&client).await?);
            }
            self.table = Some(self.look_at(&client, &reread).await?);
        }
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.open_session().await?,
        };
        let Some(table) = &self.table else {
            return Ok(());
        };
        let transaction = table.begin(&mut session).await?;
        if !self.sees_enough(&transaction, changes) {
            snapshot::end_transaction(&mut session).await?;
            self.postpone(&mut session, &transaction).await?;
            self.session = Some(session);
            return Ok(());
        }
        (self.waiting, self.floor) = (None, Some(0));
        let chunk = table.chunk(&mut session, reread.place.as_ref()).await?;
        match (&chunk.from, &table.table.plan) {
            (Some(from), TablePlan::Records(plan)) => {
                let marks = CopyMarks {
                    has_begun: None,
                    begins_table: false,
                    is_last_table: false,
                    is_incremental: true,
                };
                let copy = RecordCopy::new(Arc::clone(plan), transaction.seen(), marks);
                let form = CopyForm::Records(copy);
                let copy = TableCopy::start(&mut session, form, None, from).await?;
                self.open = Some(OpenChunk { copy, begun, bytes: 0, behind: chunk.behind });
            }
            _ => {
                snapshot::end_transaction(&mut session).await?;
                self.go_on(changes, chunk.behind, begun);
            }
        }
        self.session = Some(session);
        Ok(())
    }

    async fn open_client(&self) -> Result<Client, ConnectorError> {
        let client = client::connect(&self.config.address, &self.application).await?;
        let set = client.batch_execute(LOCK_TIMEOUT).await;
        set.map_err(|error| client::query_error("prepare the session", error))?;
        Ok(client)
    }

    async fn open_session(&self) -> Result<WireConnection, ConnectorError> {
        let (address, application) = (&self.config.address, &self.application);
        let mut session = WireConnection::open(address, application, Session::Sql).await?;
        let set = session.query(LOCK_TIMEOUT).await?;
        set.map_err(|error| command_error("prepare the session", &error))?;
        Ok(session)
    }

    async fn look_at(
        &self,
        client: &Client,
        reread: &Reread,
    ) -> Result<ChunkTable, ConnectorError> {
        let preflight = self.preflight();
        let known = preflight.known(client).await?;
        let known = known.iter().enumerate().find(|(_, known)| known.table.oid == reread.table);
        let Some((place, known)) = known else {
            let message = format!("table \"{}\" is not captured any more", reread.name);
            return Err(ConnectorError::new(ErrorKind::SchemaMismatch, message));
        };
        let captured = preflight.captured(place, known, reread.filter.clone());
        let rows = self.connector.source.chunk_rows;
        ChunkTable::look_at(client, &captured, &known.key, rows).await
    }

    /// Whether a snapshot sees everything that was told.
    fn sees_enough(&self, transaction: &ReadTransaction, changes: &mut Changes) -> bool {
        let snapshot = &transaction.snapshot;
        let told = changes.told_transactions();
        // Visible once is visible in all later snapshots.
        told.retain(|xid| !snapshot.sees(*xid));
        told.is_empty() && self.floor.is_some_and(|floor| snapshot.xmin >= floor)
    }

    async fn postpone(
        &mut self,
        session: &mut WireConnection,
        transaction: &ReadTransaction,
    ) -> Result<(), ConnectorError> {
        let now = Instant::now();
        self.not_before = now + PAUSE;
        let (since, has_told) = self.waiting.get_or_insert((now, false));
        if !*has_told && since.elapsed() > PATIENCE {
            *has_told = true;
            snapshot::tell_oldest(session, transaction.snapshot.xmin).await?;
        }
        Ok(())
    }

    /// Hands over some rows of the chunk, behind the last ones the place of the next.
    async fn hand_over(&mut self, changes: &mut Changes) -> Result<(), ConnectorError> {
        let (Some(open), Some(session)) = (&mut self.open, &mut self.session) else {
            return Ok(());
        };
        if let Some(rows) = open.copy.next_batch(session).await? {
            open.bytes += rows.byte_size();
            changes.push_reread(rows);
            return Ok(());
        }
        if let Some(rows) = open.copy.rest(false)? {
            open.bytes += rows.byte_size();
            changes.push_reread(rows);
        }
        snapshot::end_transaction(session).await?;
        if let Some(open) = self.open.take() {
            if let Some(table) = &mut self.table {
                table.learn(open.copy.rows(), open.bytes);
            }
            self.go_on(changes, open.behind, open.begun);
        }
        Ok(())
    }

    /// A chunk is done: the place behind it is told, and it is the stream's turn.
    fn go_on(&mut self, changes: &mut Changes, behind: Option<ChunkPlace>, begun: Instant) {
        let rereads = changes.rereads_mut();
        match (behind, rereads.tables.front_mut()) {
            (Some(place), Some(reread)) => reread.place = Some(place),
            _ => {
                self.table = None;
                if let Some(reread) = rereads.tables.pop_front() {
                    tracing::info!(table = reread.name, "table read again");
                }
                if rereads.tables.is_empty() {
                    tracing::info!("incremental snapshot complete");
                }
            }
        }
        changes.cut();
        let now = Instant::now();
        self.fair_at = now + (now - begun);
    }
}

/// Whether the server is away: the connector begins again when it is back.
fn is_away(error: &ConnectorError) -> bool {
    error.kind() == ErrorKind::Connect
}
