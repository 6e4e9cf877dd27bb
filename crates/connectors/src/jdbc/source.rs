//! The source: a table read once.

use std::sync::Arc;

use futures_util::StreamExt;
use tailwater_connector_api::{
    BoxFuture, ConnectorError, NoAck, ReadFrom, Source, SourceContext, SourceEvent, SourceFactory,
    SourcePlan, SourceReader, TableIssue, TableSpec,
};
use tailwater_types::ChangelogMode;

use super::options::{self, JdbcConfig};
use super::target;
use crate::postgres::connection::{Session, WireConnection};
use crate::postgres::copy::TableCopy;
use crate::postgres::{catalog, client, row_plan};

/// `'connector' = 'jdbc'` as a bounded source.
#[derive(Clone, Copy, Debug, Default)]
pub struct JdbcSourceFactory;

impl JdbcSourceFactory {
    /// The value of the option `connector`.
    pub const NAME: &'static str = "jdbc";
}

impl SourceFactory for JdbcSourceFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SourcePlan>, Vec<TableIssue>> {
        let metadata = table.columns.iter().filter(|c| c.metadata.is_some());
        let message = "the jdbc connector has no metadata columns";
        let issues: Vec<_> = metadata.map(|c| TableIssue::column(&c.name, message)).collect();
        let config = options::parse(table)?;
        if !issues.is_empty() {
            return Err(issues);
        }
        Ok(Box::new(JdbcSourcePlan { config, table: table.clone() }))
    }
}

struct JdbcSourcePlan {
    config: JdbcConfig,
    table: TableSpec,
}

impl SourcePlan for JdbcSourcePlan {
    fn changelog_mode(&self) -> ChangelogMode {
        ChangelogMode::InsertOnly
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn is_resumable(&self) -> bool {
        false
    }

    fn connect(
        &self,
        context: SourceContext,
    ) -> BoxFuture<'_, Result<Box<dyn Source>, ConnectorError>> {
        Box::pin(async move {
            let application = format!("tailwater {}", context.job_name);
            let client = client::connect(&self.config.address, application.trim_end()).await?;
            let schema = target::schema(&client, &self.config).await?;
            let table = catalog::load(&client, &schema, &self.config.table).await?;
            let plan = row_plan(&self.table, &table, &self.config.address.database)?;
            let from = format!("{}{}", table.sql_name(), self.config.condition);
            let mut connection =
                WireConnection::open(&self.config.address, application.trim_end(), Session::Sql)
                    .await?;
            let copy = TableCopy::start(&mut connection, Arc::new(plan), None, &from).await?;
            let source = JdbcSource { copy, connection };
            Ok(Box::new(source) as Box<dyn Source>)
        })
    }
}

struct JdbcSource {
    copy: TableCopy,
    connection: WireConnection,
}

impl Source for JdbcSource {
    fn read(self: Box<Self>, _from: ReadFrom) -> SourceReader {
        let events = futures_util::stream::unfold(Some(self), |source| async move {
            let mut source = source?;
            let JdbcSource { copy, connection } = &mut *source;
            Some(match copy.next_batch(connection).await {
                Ok(Some(rows)) => {
                    let position = None;
                    (Ok(SourceEvent::Batch { rows, position }), Some(source))
                }
                Ok(None) => (Ok(SourceEvent::End), None),
                Err(error) => (Err(error), None),
            })
        });
        SourceReader { events: events.boxed(), acker: Box::new(NoAck) }
    }
}
