//! The source: planned without I/O, connected with every check, read to the end of time.

use std::sync::Arc;

use futures_util::StreamExt;
use tailwater_connector_api::{
    BoxFuture, BoxStream, ConnectorError, ReadFrom, Source, SourceContext, SourceEvent,
    SourceFactory, SourcePlan, SourceReader, TableIssue, TableSpec,
};
use tailwater_pg_wire::Lsn;
use tailwater_types::ChangelogMode;
use tokio_postgres::Client;

use super::catalog::{self, CatalogTable};
use super::changes::Changes;
use super::checks::{self, Server};
use super::client::{self, query_error};
use super::declared::row_plan;
use super::feedback::{Progress, SlotAcker};
use super::metadata::Metadata;
use super::options::{self, ChangeForm, PostgresConfig, Startup};
use super::position::SlotPosition;
use super::publication::{self, PublicationWork};
use super::rows::{RowPlan, wire_error};
use super::slot::{self, Slot};
use super::snapshot::{self, TableSnapshot};
use super::stream::{ChangeStream, StreamRequest};

/// `'connector' = 'postgres-cdc'`
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresCdcFactory;

impl PostgresCdcFactory {
    /// The value of the option `connector`.
    pub const NAME: &'static str = "postgres-cdc";
}

impl SourceFactory for PostgresCdcFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SourcePlan>, Vec<TableIssue>> {
        let metadata =
            table.columns.iter().filter_map(|c| Metadata::of(c, c.metadata.as_deref()?).err());
        let mut issues: Vec<TableIssue> = metadata.collect();
        match options::parse(table) {
            Ok((config, notes)) if issues.is_empty() => {
                Ok(Box::new(PostgresCdcPlan { config, table: table.clone(), notes }))
            }
            Ok(_) => Err(issues),
            Err(mut errors) => {
                errors.append(&mut issues);
                Err(errors)
            }
        }
    }
}

struct PostgresCdcPlan {
    config: PostgresConfig,
    table: TableSpec,
    notes: Vec<TableIssue>,
}

impl SourcePlan for PostgresCdcPlan {
    fn changelog_mode(&self) -> ChangelogMode {
        match self.config.changes {
            _ if self.is_bounded() => ChangelogMode::InsertOnly,
            ChangeForm::AppendOnly => ChangelogMode::InsertOnly,
            ChangeForm::All => ChangelogMode::Retract,
            ChangeForm::Upsert => ChangelogMode::Upsert,
        }
    }

    fn is_bounded(&self) -> bool {
        self.config.startup == Startup::Snapshot
    }

    fn is_resumable(&self) -> bool {
        !self.is_bounded()
    }

    fn notes(&self) -> Vec<TableIssue> {
        self.notes.clone()
    }

    fn connect(
        &self,
        context: SourceContext,
    ) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>> {
        Box::pin(async move {
            let source = self.check(&context).await?;
            Ok(Box::new(source) as Box<dyn Source>)
        })
    }
}

impl PostgresCdcPlan {
    async fn check(&self, context: &SourceContext) -> Result<PostgresCdcSource, ConnectorError> {
        let config = &self.config;
        let application = format!("tailwater {}", context.job_name).trim_end().to_owned();
        let client = client::connect(&config.address, &application).await?;
        let server = checks::server(&client, config).await?;
        let table = catalog::load(&client, &config.schema, &config.table).await?;
        let plan = Arc::new(row_plan(&self.table, &table, &config.address.database)?);
        checks::may_select(&client, &table).await?;
        let mut publication = PublicationWork::None;
        if !self.is_bounded() {
            let key = self.table.primary_key.iter();
            let key: Vec<&str> = key.map(|at| self.table.columns[*at].name.as_str()).collect();
            checks::identity(&client, config, &table, &key).await?;
            let (name, create) = (&config.publication, config.publication_create);
            publication = publication::check(&client, name, &table, create).await?;
        }
        Ok(PostgresCdcSource {
            config: config.clone(),
            application,
            client,
            server,
            table,
            plan,
            publication,
        })
    }
}

/// A source whose preconditions hold.
struct PostgresCdcSource {
    config: PostgresConfig,
    application: String,
    client: Client,
    server: Server,
    table: CatalogTable,
    plan: Arc<RowPlan>,
    publication: PublicationWork,
}

impl Source for PostgresCdcSource {
    fn read(self: Box<Self>, from: ReadFrom) -> SourceReader {
        let progress = Arc::new(Progress::default());
        let acker = Box::new(SlotAcker(Arc::clone(&progress)));
        let stage = Stage::Start { source: self, from };
        SourceReader { events: events(Run { stage, progress }), acker }
    }
}

fn events(run: Run) -> BoxStream<'static, Result<SourceEvent, ConnectorError>> {
    futures_util::stream::unfold(Box::new(run), |mut run| async move {
        match run.next().await {
            Ok(Some(event)) => Some((Ok(event), run)),
            Ok(None) => None,
            Err(error) => {
                run.stage = Stage::Over;
                Some((Err(error), run))
            }
        }
    })
    .boxed()
}

struct Run {
    stage: Stage,
    progress: Arc<Progress>,
}

enum Stage {
    Start {
        source: Box<PostgresCdcSource>,
        from: ReadFrom,
    },
    Snapshot {
        snapshot: Box<TableSnapshot>,
        /// The rows read last: held back until it is known whether they are the last ones.
        held: Option<tailwater_types::ChangeBatch>,
        /// How to go on behind it; `None` ends the source.
        then: Option<Box<Ready>>,
    },
    Stream(Box<ChangeStream>),
    End,
    Over,
}

/// Everything that the stream needs but its position.
struct Ready {
    config: PostgresConfig,
    application: String,
    table_oid: u32,
    plan: Arc<RowPlan>,
    request: StreamRequest,
    from: ReadFrom,
}

impl Run {
    async fn next(&mut self) -> Result<Option<SourceEvent>, ConnectorError> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Start { source, from } => {
                    self.stage = Box::pin(source.begin(from, &self.progress)).await?;
                }
                Stage::Snapshot { mut snapshot, held, then } => {
                    let next = snapshot.next_batch().await?;
                    if next.is_none() {
                        return self.leave_snapshot(*snapshot, held, then).await.map(Some);
                    }
                    self.stage = Stage::Snapshot { snapshot, held: next, then };
                    if let Some(rows) = held {
                        let position = None;
                        return Ok(Some(SourceEvent::Batch { rows, position }));
                    }
                }
                Stage::Stream(mut stream) => {
                    let event = stream.next().await?;
                    self.stage = Stage::Stream(stream);
                    return Ok(Some(event));
                }
                Stage::End => return Ok(Some(SourceEvent::End)),
                Stage::Over => return Ok(None),
            }
        }
    }

    /// The last rows of the snapshot carry the place from which the stream goes on.
    async fn leave_snapshot(
        &mut self,
        snapshot: TableSnapshot,
        held: Option<tailwater_types::ChangeBatch>,
        then: Option<Box<Ready>>,
    ) -> Result<SourceEvent, ConnectorError> {
        let filter = snapshot.filter.clone();
        drop(snapshot);
        let Some(ready) = then else {
            self.stage = Stage::End;
            return Ok(match held {
                Some(rows) => SourceEvent::Batch { rows, position: None },
                None => {
                    self.stage = Stage::Over;
                    SourceEvent::End
                }
            });
        };
        let mut place = SlotPosition { lsn: ready.request.start, ordinal: 0, filter: Some(filter) };
        let text = place.to_position();
        self.stage = ready.stream(&mut place, &self.progress).await?;
        Ok(match held {
            Some(rows) => SourceEvent::Batch { rows, position: Some(text) },
            None => SourceEvent::Progress(text),
        })
    }
}

impl Ready {
    async fn stream(
        mut self: Box<Self>,
        place: &mut SlotPosition,
        progress: &Arc<Progress>,
    ) -> Result<Stage, ConnectorError> {
        // The snapshot's own end may be the first of the places to stop at: it has been reached.
        let here = place.to_position();
        self.from.stops.retain(|stop| *stop != here);
        let changes = Changes::new(
            self.plan,
            self.table_oid,
            self.config.changes,
            place.clone(),
            &self.from.stops,
        )?;
        let address = &self.config.address;
        let progress = Arc::clone(progress);
        let starting =
            ChangeStream::start(address, &self.application, &self.request, changes, progress);
        Ok(Stage::Stream(Box::new(starting.await?)))
    }
}

impl PostgresCdcSource {
    /// Does what has to be done once and decides where to begin.
    async fn begin(
        self: Box<Self>,
        from: ReadFrom,
        progress: &Arc<Progress>,
    ) -> Result<Stage, ConnectorError> {
        if self.config.startup == Startup::Snapshot {
            return self.snapshot_only().await;
        }
        let name = self.config.slot.clone();
        let existing = slot::find(&self.client, &name, &self.config.address.database).await?;
        if let Some(position) = &from.position {
            let mut place = SlotPosition::read(position)?;
            slot::check_resumable(&name, existing, place.lsn)?;
            publication::check_resumable(&self.config.publication, &self.publication, place.lsn)?;
            let (ready, _client) = self.ready(place.lsn, from);
            return ready.stream(&mut place, progress).await;
        }
        publication::apply(&self.client, &self.publication).await?;
        let slot = match existing {
            Some(slot) => slot,
            None => slot::create(&self.config.address, &self.application, &name).await?,
        };
        let start = self.first_lsn(slot, existing.is_some()).await?;
        let floor = snapshot::floor(&self.client).await?;
        let (table_sql, plan) = (self.table.sql_name(), Arc::clone(&self.plan));
        let startup = self.config.startup;
        let (ready, client) = self.ready(start, from);
        if startup == Startup::Initial {
            let taken = snapshot::take(client, plan, &table_sql, floor).await?;
            return Ok(Stage::Snapshot {
                snapshot: Box::new(taken),
                held: None,
                then: Some(ready),
            });
        }
        let mut place = SlotPosition { lsn: start, ordinal: 0, filter: None };
        ready.stream(&mut place, progress).await
    }

    async fn snapshot_only(self: Box<Self>) -> Result<Stage, ConnectorError> {
        let table_sql = self.table.sql_name();
        let taken = snapshot::take(self.client, self.plan, &table_sql, 0).await?;
        Ok(Stage::Snapshot { snapshot: Box::new(taken), held: None, then: None })
    }

    /// Where the stream begins. A slot that is older than the publication cannot be read from its
    /// own start: the server looks the publication up as of then. The snapshot covers the rest.
    async fn first_lsn(&self, slot: Slot, is_old: bool) -> Result<Lsn, ConnectorError> {
        let is_published_anew = self.publication != PublicationWork::None;
        let from_now = match self.config.startup {
            Startup::LatestOffset => true,
            Startup::Initial => is_published_anew,
            Startup::CommittedOffset | Startup::Snapshot => false,
        };
        if !is_old || !from_now {
            return Ok(slot.confirmed);
        }
        let sql = "SELECT pg_current_wal_insert_lsn()::text";
        let row = self.client.query_one(sql, &[]).await;
        let row = row.map_err(|error| query_error("read the end of the WAL", error))?;
        let now: Lsn = row.get::<_, &str>(0).parse().map_err(wire_error)?;
        Ok(now.max(slot.confirmed))
    }

    fn ready(self: Box<Self>, start: Lsn, from: ReadFrom) -> (Box<Ready>, Client) {
        let request = StreamRequest {
            slot: self.config.slot.clone(),
            publication: self.config.publication.clone(),
            start,
            binary: self.server.version >= 140_000 && self.plan.reads_binary(),
            wal_sender_timeout: self.server.wal_sender_timeout,
            heartbeat: self.config.heartbeat,
        };
        let ready = Ready {
            config: self.config,
            application: self.application,
            table_oid: self.table.oid,
            plan: self.plan,
            request,
            from,
        };
        (Box::new(ready), self.client)
    }
}
