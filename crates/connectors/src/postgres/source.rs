//! The source: planned without I/O, connected with every check.

use tailwater_connector_api::{
    BoxFuture, ConnectorError, Source, SourceContext, SourceFactory, SourcePlan, TableIssue,
    TableSpec,
};
use tailwater_types::ChangelogMode;

use super::capture;
use super::checks::{self, OldRows};
use super::client;
use super::connection::{Session, WireConnection};
use super::hub::Hubs;
use super::metadata::Metadata;
use super::options::{self, ChangeForm, PostgresConfig, Startup};
use super::publication::{self, Publication};
use super::run::PostgresCdcSource;
use super::slot;

/// `'connector' = 'postgres-cdc'`
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresCdcFactory;

/// A slot has one reader in a process, whichever job was first.
static HUBS: Hubs = Hubs::new();

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

    fn may_lack_old_rows(&self) -> bool {
        let is_keyed = !self.table.primary_key.is_empty();
        !self.is_bounded() && self.config.changes == ChangeForm::All && is_keyed
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
        let mut config = self.config.clone();
        let address = &self.config.address;
        let application = format!("tailwater {}", context.job_name).trim_end().to_owned();
        let client = client::connect(address, &application).await?;
        let hub = HUBS.of(address, &config.slot);
        let server = checks::server(&client, &config, hub.server_process()).await?;
        let mut tables =
            capture::find(&client, &config.tables, &self.table, &address.database).await?;
        for captured in &tables {
            checks::may_select(&client, &captured.table).await?;
        }
        let physical = self.table.columns.iter().filter(|c| c.metadata.is_none());
        let physical: Vec<&str> = physical.map(|c| c.name.as_str()).collect();
        let mut publication = Publication::default();
        let mut replication = None;
        if !self.is_bounded() {
            let key = self.table.primary_key.iter();
            let key: Vec<&str> = key.map(|at| self.table.columns[*at].name.as_str()).collect();
            for captured in &tables {
                let old_rows = checks::identity(&client, &config, &captured.table, &key).await?;
                // Where one table sends keys only, the old rows of all come from the state.
                if old_rows == OldRows::Keys && config.changes == ChangeForm::All {
                    config.changes = ChangeForm::Upsert;
                }
            }
            let wanted: Vec<_> = tables.iter().map(|t| (&t.table, physical.clone())).collect();
            let (name, create) = (&self.config.publication, config.publication_create);
            publication =
                publication::check(&client, name, &wanted, create, server.version).await?;
            for captured in &mut tables {
                captured.filter = publication.filter(captured.table.oid).map(str::to_owned);
            }
            let mut connection =
                WireConnection::open(address, &application, Session::Replication).await?;
            let identity = slot::identify(&mut connection).await?;
            replication = Some((connection, identity));
        }
        Ok(PostgresCdcSource {
            config,
            application,
            name: format!("{} {}", context.job_name, context.source_name),
            scratch: context.scratch.clone(),
            physical: physical.into_iter().map(str::to_owned).collect(),
            client,
            server,
            hub,
            tables,
            publication,
            replication,
        })
    }
}
