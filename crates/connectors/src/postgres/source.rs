//! The source: planned without I/O, connected with every check.

use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, OldRows, Precondition, Preconditions, Source,
    SourceContext, SourceFactory, SourcePlan, TableIssue, TableSpec,
};
use tailwater_types::ChangelogMode;

use super::advice;
use super::hub::Hubs;
use super::metadata::Metadata;
use super::options::{self, ChangeForm, PostgresConfig, Startup};
use super::preflight::{Preflight, Purpose, ReadyTable};
use super::run::PostgresCdcSource;

/// `'connector' = 'postgres-cdc'`
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresCdcFactory;

/// A slot has one reader in a process, whichever job was first.
pub(super) static HUBS: Hubs = Hubs::new();

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

    fn old_rows(&self) -> OldRows {
        let is_keyed = !self.table.primary_key.is_empty();
        match !self.is_bounded() && self.config.changes == ChangeForm::All && is_keyed {
            true => OldRows::PerhapsKeys,
            false => OldRows::Sent,
        }
    }

    fn origin_columns(&self) -> Vec<String> {
        let tells = |key: &str| matches!(key, "table_name" | "schema_name");
        let columns = self.table.columns.iter();
        let columns = columns.filter(|column| column.metadata.as_deref().is_some_and(tells));
        columns.map(|column| column.name.clone()).collect()
    }

    fn begins_anew_when_lost(&self) -> bool {
        self.config.begins_anew_when_lost
    }

    fn notes(&self) -> Vec<TableIssue> {
        self.notes.clone()
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
            let preflight = self.preflight(&context, Purpose::Check);
            let ready = preflight.run(&mut found).await;
            if let Some(ready) = ready {
                advice::give(&preflight, &ready, &mut found).await;
            }
            found.into_vec()
        })
    }
}

impl PostgresCdcPlan {
    fn preflight(&self, context: &SourceContext, purpose: Purpose) -> Preflight<'_> {
        Preflight {
            config: &self.config,
            declared: &self.table,
            application: format!("tailwater {}", context.job_name).trim_end().to_owned(),
            hub: HUBS.of(&self.config.address, &self.config.slot),
            purpose,
        }
    }

    async fn open(&self, context: &SourceContext) -> Result<PostgresCdcSource, ConnectorError> {
        let mut found = Preconditions::on(self.config.address.endpoint());
        let preflight = self.preflight(context, Purpose::Start);
        let ready = preflight.run(&mut found).await;
        found.into_result()?;
        let ready = ready.ok_or_else(|| {
            ConnectorError::new(ErrorKind::Internal, "the checks have ended without an answer")
        })?;
        let physical = preflight.physical().into_iter().map(str::to_owned).collect();
        Ok(PostgresCdcSource {
            config: PostgresConfig { changes: ready.changes, ..self.config.clone() },
            name: format!("{} {}", context.job_name, context.source_name),
            scratch: context.scratch.clone(),
            physical,
            declared: Some(self.table.clone()),
            client: ready.client,
            server: ready.server,
            hub: preflight.hub,
            application: preflight.application,
            tables: ready.tables.into_iter().filter_map(ReadyTable::captured).collect(),
            publication: ready.publication,
            replication: ready.replication,
            records: None,
        })
    }
}
