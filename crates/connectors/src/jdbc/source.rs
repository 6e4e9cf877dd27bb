//! The source: a table read once.

use std::sync::Arc;

use futures_util::StreamExt;
use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, NoAck, Object, Precondition, Preconditions, ReadFrom,
    Source, SourceContext, SourceEvent, SourceFactory, SourcePlan, SourceReader, TableIssue,
    TableSpec,
};
use tailwater_types::ChangelogMode;
use tokio_postgres::Client;

use super::options::{self, JdbcConfig};
use super::target;
use crate::postgres::catalog::{self, CatalogTable};
use crate::postgres::client::query_error;
use crate::postgres::connection::{Session, WireConnection};
use crate::postgres::copy::{CopyForm, TableCopy};
use crate::postgres::{RowPlan, advice, client, may_select, row_plan};

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
            let mut found = Preconditions::on(self.config.address.endpoint());
            let there = self.find(&client, &mut found).await;
            found.into_result()?;
            let (table, plan) = there.ok_or_else(|| {
                let message = "the checks have ended without an answer";
                ConnectorError::new(ErrorKind::Internal, message)
            })?;
            let from = format!("{}{}", table.sql_name(), self.config.condition);
            let mut connection =
                WireConnection::open(&self.config.address, application.trim_end(), Session::Sql)
                    .await?;
            let copy =
                TableCopy::start(&mut connection, CopyForm::Rows(Arc::new(plan)), None, &from)
                    .await?;
            let source = JdbcSource { copy, connection };
            Ok(Box::new(source) as Box<dyn Source>)
        })
    }

    fn check(&self, context: SourceContext) -> BoxFuture<'_, Vec<Precondition>> {
        Box::pin(async move {
            let mut found = Preconditions::on(self.config.address.endpoint());
            let application = format!("tailwater {}", context.job_name);
            let client = client::connect(&self.config.address, application.trim_end()).await;
            if let Some(client) = found.take("connection", Object::Server, client) {
                advice::session(&client, &self.config.address, &mut found).await;
                if let Some((table, _)) = self.find(&client, &mut found).await {
                    advice::judge_columns(&self.table, &table, &mut found);
                }
            }
            found.into_vec()
        })
    }
}

impl JdbcSourcePlan {
    /// Finds the table and decides how its rows are read.
    async fn find(
        &self,
        client: &Client,
        found: &mut Preconditions,
    ) -> Option<(CatalogTable, RowPlan)> {
        let schema = target::schema(client, &self.config).await;
        let schema = found.take("connection", Object::Server, schema)?;
        let object = || Object::Table(format!("{schema}.{}", self.config.table));
        let table = catalog::load(client, &schema, &self.config.table).await;
        let table = found.take("table", object(), table)?;
        let may_select = self.may_select(client, &table).await;
        if found.take("select-privilege", object(), may_select).is_some() {
            let message = format!("the role may read \"{}\"", table.shown());
            found.ok("select-privilege", object(), message);
        }
        let plan = row_plan(&self.table, &table, &self.config.address.database, found)?;
        Some((table, plan))
    }

    /// The right to read the declared columns is enough.
    async fn may_select(
        &self,
        client: &Client,
        table: &CatalogTable,
    ) -> Result<(), ConnectorError> {
        let columns: Vec<&str> = self.table.columns.iter().map(|c| c.name.as_str()).collect();
        let sql = "SELECT has_schema_privilege(relnamespace, 'USAGE')
            AND has_any_column_privilege($1::oid, 'SELECT') AND NOT EXISTS (
              SELECT 1 FROM pg_attribute a WHERE a.attrelid = $1 AND a.attname::text = ANY ($2)
              AND NOT has_column_privilege($1::oid, a.attnum, 'SELECT'))
            FROM pg_class WHERE oid = $1";
        let row = client.query_one(sql, &[&table.oid, &columns]).await;
        let row = row.map_err(|error| query_error("read the privileges", error))?;
        // The same words as for a whole table: it is what is usually granted.
        if row.get(0) { Ok(()) } else { may_select(client, table).await }
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
