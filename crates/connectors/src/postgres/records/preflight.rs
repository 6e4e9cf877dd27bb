//! What must hold before a connector can read.

use std::sync::Arc;

use tailwater_connector_api::{ConnectorError, ErrorKind, Object, Preconditions};
use tailwater_debezium::config::{SnapshotMode, SourceConfig};
use tailwater_debezium::event::EventSettings;
use tokio_postgres::Client;

use super::super::capture::CapturedTable;
use super::super::checks::{self, Server};
use super::super::client;
use super::super::connection::{Session, WireConnection};
use super::super::hub::Hub;
use super::super::options::{PostgresConfig, Startup};
use super::super::position::ServerIdentity;
use super::super::publication::Publication;
use super::super::slot;
use super::super::table_plan::TablePlan;
use super::catalog::{self, KnownTable};
use super::{RecordCapture, RecordPlan, publication};

/// What is checked.
pub(super) struct RecordPreflight<'a> {
    pub(super) source: &'a SourceConfig,
    pub(super) config: &'a PostgresConfig,
    pub(super) settings: Arc<EventSettings>,
    pub(super) application: String,
    pub(super) hub: Arc<Hub>,
    /// Whether a reader that is just leaving the slot is waited for.
    pub(super) is_start: bool,
}

/// What the checks leave behind.
pub(super) struct Ready {
    pub(super) client: Client,
    pub(super) server: Server,
    pub(super) tables: Vec<CapturedTable>,
    pub(super) publication: Publication,
    pub(super) capture: RecordCapture,
    pub(super) replication: Option<(WireConnection, ServerIdentity)>,
}

impl RecordPreflight<'_> {
    fn streams(&self) -> bool {
        self.config.startup != Startup::Snapshot
    }

    /// Checks everything; `None` if the server cannot be asked.
    pub(super) async fn run(&self, found: &mut Preconditions) -> Option<Ready> {
        let address = &self.config.address;
        let client = client::connect(address, &self.application).await;
        let client = found.take("connection", Object::Server, client)?;
        let server = checks::server(&client, self.config, found).await?;
        let is_supplied = !found.has_failed();
        if self.streams() {
            self.look_for_slot(&client, found).await;
        }
        let known = self.known(&client).await;
        let known = found.take("table", Object::Server, known)?;
        self.check_signal_table(&known, found);
        for known in &known {
            self.check_table(&client, known, found).await;
        }
        let mut publication = Publication::default();
        let mut replication = None;
        if self.streams() {
            let tables: Vec<_> = known.iter().map(|known| &known.table).collect();
            publication = publication::inspect(&client, self.source, &tables, found).await;
            if is_supplied {
                let opened = self.open_replication().await;
                replication = found.take("replication-connection", Object::Server, opened);
            }
        }
        let tables = known.iter().enumerate().map(|(place, known)| {
            let filter = publication.filter(known.table.oid).map(str::to_owned);
            self.captured(place, known, filter)
        });
        let tables = tables.collect();
        let capture = RecordCapture::new(
            Arc::clone(&self.settings),
            Arc::new(self.source.clone()),
            &address.database,
            known,
        );
        Some(Ready { client, server, tables, publication, capture, replication })
    }

    /// The captured tables in the order of the include list.
    pub(super) async fn known(&self, client: &Client) -> Result<Vec<KnownTable>, ConnectorError> {
        let mut tables = catalog::tables(client).await?;
        tables.retain(|(_, schema, name, _)| self.source.captures(schema, name));
        tables.sort_by_key(|(_, schema, name, _)| self.source.place(schema, name));
        if tables.is_empty() {
            let message = "no table changes are captured: no table matches the include lists";
            return Err(ConnectorError::new(ErrorKind::Config, message)
                .with_hint("check \"table.include.list\" and \"database.dbname\""));
        }
        if let Some((most, fails)) = self.source.guardrail.filter(|(most, _)| tables.len() > *most)
        {
            let message = format!("{} tables are captured, more than {most}", tables.len());
            if fails {
                return Err(ConnectorError::new(ErrorKind::Config, message)
                    .with_hint("see \"guardrail.collections.max\""));
            }
            tracing::warn!("{message}");
        }
        catalog::describe(client, &tables).await
    }

    /// A table as it is read.
    pub(super) fn captured(
        &self,
        place: usize,
        known: &KnownTable,
        filter: Option<String>,
    ) -> CapturedTable {
        let (schema, name) = (&known.table.schema, &known.table.name);
        let is_in_snapshot =
            self.source.snapshot != SnapshotMode::NoData && self.source.snapshots(schema, name);
        let plan = RecordPlan::of(&self.settings, known, &self.config.address.database);
        let plan = TablePlan::Records(Arc::new(plan));
        CapturedTable { table: known.table.clone(), plan, filter, place, is_in_snapshot }
    }

    async fn look_for_slot(&self, client: &Client, found: &mut Preconditions) {
        let (name, database) = (&self.config.slot, &self.config.address.database);
        let looked = match self.is_start {
            true => {
                let own = self.hub.server_process();
                slot::find(client, name, database, own).await.map(drop)
            }
            false => slot::look(client, name, database).await.map(drop),
        };
        found.take("slot", Object::Slot(name.clone()), looked);
    }

    async fn check_table(&self, client: &Client, known: &KnownTable, found: &mut Preconditions) {
        if self.source.snapshot == SnapshotMode::NoData {
            return;
        }
        let table = &known.table;
        let object = || Object::Table(table.shown());
        let may_select = checks::may_select(client, table).await;
        if found.take("select-privilege", object(), may_select).is_some() {
            let message = format!("the role may read \"{}\"", table.shown());
            found.ok("select-privilege", object(), message);
            let sees_all = checks::sees_every_row(client, table).await;
            found.take("row-security", object(), sees_all);
        }
    }

    /// Signals that cannot come harm nobody who sends none.
    fn check_signal_table(&self, known: &[KnownTable], found: &mut Preconditions) {
        let Some(name) = self.source.signal_table.as_ref().filter(|_| self.streams()) else {
            return;
        };
        let object = Object::Table(name.clone());
        if known.iter().any(|k| self.source.is_signal_table(&k.table.schema, &k.table.name)) {
            let message = format!("signals are read from \"{name}\"");
            return found.ok("signal-table", object, message);
        }
        let message = format!(
            "\"signal.data.collection\": table \"{name}\" does not exist: no signal can come"
        );
        if self.is_start {
            tracing::warn!("{message}");
        }
        let (schema, table) = name.split_once('.').unwrap_or(("public", name));
        let mend = format!(
            "CREATE TABLE {} (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data \
             varchar(2048));",
            client::qualified(schema, table)
        );
        found.warn("signal-table", object, message, mend);
    }

    pub(super) async fn open_replication(
        &self,
    ) -> Result<(WireConnection, ServerIdentity), ConnectorError> {
        let address = &self.config.address;
        let opened = WireConnection::open(address, &self.application, Session::Replication);
        let mut connection = opened.await?;
        let identity = slot::identify(&mut connection).await?;
        Ok((connection, identity))
    }
}
