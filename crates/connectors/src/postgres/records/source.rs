//! The source: planned from a validated configuration, connected with every check.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, Precondition, Preconditions, Source, SourceContext,
    SourcePlan, TableIssue,
};
use tailwater_debezium::config::{ConnectorConfig, SnapshotMode};
use tailwater_types::{ChangelogMode, Position, Schema};

use super::super::capture::TablePattern;
use super::super::client::{self, ServerAddress};
use super::super::options::{ChangeForm, PostgresConfig, PublicationCreate, Startup};
use super::super::position::SlotPosition;
use super::super::run::{PostgresCdcSource, RecordJob};
use super::super::snapshot::CutSettings;
use super::super::source::HUBS;
use super::super::tls;
use super::offsets::{WantedPlace, check_takeover};
use super::preflight::RecordPreflight;
use super::publication;

/// How often an idle slot moves on.
const STATUS: Duration = Duration::from_secs(10);

/// Debezium's connector for PostgreSQL as a source of records.
#[derive(Debug)]
pub struct PostgresRecordPlan {
    connector: Arc<ConnectorConfig>,
    config: PostgresConfig,
}

impl PostgresRecordPlan {
    /// Plans a source; the options have been judged.
    ///
    /// # Errors
    /// What is wrong with the parameters of TLS.
    pub fn new(connector: ConnectorConfig) -> Result<Self, Vec<TableIssue>> {
        let source = &connector.source;
        let given = source.tls.iter().map(|(name, value)| {
            let option = format!("database.{name}");
            let label = format!("option \"{option}\"");
            (name.clone(), tls::Given { option, label, value: value.0.clone() })
        });
        let parameters: BTreeMap<String, tls::Given> = given.collect();
        let mut errors = Vec::new();
        let tls = tls::judge(&parameters, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let config = PostgresConfig {
            address: ServerAddress {
                host: source.host.clone(),
                port: source.port,
                user: source.user.clone(),
                password: source.password.as_ref().map(|password| password.0.clone()),
                database: source.database.clone(),
                connect_timeout: Duration::from_secs(30),
                tls,
            },
            tables: TablePattern::default(),
            slot: source.slot.clone(),
            publication: source.publication.clone(),
            publication_create: PublicationCreate::Never,
            changes: ChangeForm::AppendOnly,
            startup: match source.snapshot {
                SnapshotMode::InitialOnly => Startup::Snapshot,
                SnapshotMode::Initial | SnapshotMode::WhenNeeded | SnapshotMode::Always => {
                    Startup::Initial
                }
                SnapshotMode::NoData => Startup::CommittedOffset,
            },
            heartbeat: source.heartbeat.map_or(STATUS, |heartbeat| heartbeat.min(STATUS)),
            cut: CutSettings { readers: source.readers, chunk_rows: None, is_by_pages: false },
            takes_new_tables: true,
            skips_truncate: true,
            begins_anew_when_lost: source.snapshot == SnapshotMode::WhenNeeded,
            slot_failover: source.slot_failover,
        };
        Ok(Self { connector: Arc::new(connector), config })
    }

    /// The columns of the records.
    pub fn schema() -> Schema {
        tailwater_debezium::record::schema()
    }

    /// The configuration.
    pub fn connector(&self) -> &ConnectorConfig {
        &self.connector
    }

    fn preflight(&self, context: &SourceContext, is_start: bool) -> RecordPreflight<'_> {
        let mut settings = self.connector.events.clone();
        settings.set_run(&uuid::Uuid::now_v7().to_string());
        RecordPreflight {
            source: &self.connector.source,
            config: &self.config,
            settings: Arc::new(settings),
            application: format!("tailwater {}", context.job_name).trim_end().to_owned(),
            hub: HUBS.of(&self.config.address, &self.config.slot),
            is_start,
        }
    }

    /// The position behind an offset of Kafka Connect, where `known` is that of the last checkpoint.
    ///
    /// # Errors
    /// Why the connector cannot go on from there, in a sentence.
    pub async fn moved(
        &self,
        known: Option<&Position>,
        offset: &serde_json::Value,
    ) -> Result<Position, ConnectorError> {
        let wanted = WantedPlace::read(offset)?;
        let known = known.map(SlotPosition::read).transpose()?;
        let context = SourceContext::default();
        let preflight = self.preflight(&context, false);
        let client = client::connect(&self.config.address, &preflight.application).await?;
        let captured = preflight.known(&client).await?;
        if known.is_none() {
            let tables: Vec<_> = captured.iter().map(|known| &known.table).collect();
            let source = &self.connector.source;
            let lacking = publication::lacking(&client, source, &tables).await?;
            check_takeover(&client, source, lacking).await?;
        }
        wanted.check(&client, &self.config.slot, &self.config.address.database).await?;
        let tables = captured.iter().map(|known| known.table.oid).collect();
        let (connection, server) = preflight.open_replication().await?;
        connection.close().await;
        Ok(wanted.position(known, server, tables))
    }

    async fn open(&self, context: &SourceContext) -> Result<PostgresCdcSource, ConnectorError> {
        let mut found = Preconditions::on(self.config.address.endpoint());
        let preflight = self.preflight(context, true);
        let ready = preflight.run(&mut found).await;
        found.into_result()?;
        let ready = ready.ok_or_else(|| {
            ConnectorError::new(ErrorKind::Internal, "the checks have ended without an answer")
        })?;
        Ok(PostgresCdcSource {
            config: self.config.clone(),
            name: format!("{} {}", context.job_name, context.source_name),
            scratch: context.scratch.clone(),
            physical: Vec::new(),
            declared: None,
            client: ready.client,
            server: ready.server,
            hub: preflight.hub,
            application: preflight.application,
            tables: ready.tables,
            publication: ready.publication,
            replication: ready.replication,
            records: Some(Box::new(RecordJob {
                connector: Arc::clone(&self.connector),
                settings: preflight.settings,
                capture: ready.capture,
            })),
        })
    }
}

impl SourcePlan for PostgresRecordPlan {
    fn changelog_mode(&self) -> ChangelogMode {
        ChangelogMode::InsertOnly
    }

    fn is_bounded(&self) -> bool {
        self.config.startup == Startup::Snapshot
    }

    fn is_resumable(&self) -> bool {
        !self.is_bounded()
    }

    fn begins_anew_when_lost(&self) -> bool {
        self.config.begins_anew_when_lost
    }

    fn connect(
        &self,
        context: SourceContext,
    ) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>> {
        Box::pin(async move {
            let source = self.open(&context).await?;
            Ok(Box::new(source) as Box<dyn Source>)
        })
    }

    fn check(&self, context: SourceContext) -> BoxFuture<'_, Vec<Precondition>> {
        Box::pin(async move {
            let mut found = Preconditions::on(self.config.address.endpoint());
            self.preflight(&context, false).run(&mut found).await;
            found.into_vec()
        })
    }
}
