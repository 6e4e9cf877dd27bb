//! The sink: rows gathered, consolidated, written in one transaction.

use std::sync::Arc;
use std::time::Duration;

use tailwater_connector_api::{
    BoxFuture, ConnectorError, ErrorKind, Object, Precondition, Preconditions, Publication, Sink,
    SinkContext, SinkFactory, SinkPlan, TableIssue, TableSpec,
};
use tailwater_types::{ChangeBatch, ChangelogMode, Layout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::arrays::{ArrayParameter, Element};
use super::consolidate::{Consolidated, last_per_key};
use super::fit;
use super::options::{self, JdbcConfig};
use super::statements::{self, TargetColumn};
use super::target::{self, Target};
use crate::postgres::advice;
use crate::postgres::client::{self, query_error};

/// `'connector' = 'jdbc'` as a sink.
#[derive(Clone, Copy, Debug, Default)]
pub struct JdbcSinkFactory;

impl JdbcSinkFactory {
    /// The value of the option `connector`.
    pub const NAME: &'static str = "jdbc";
}

impl SinkFactory for JdbcSinkFactory {
    fn plan(&self, table: &TableSpec) -> Result<Box<dyn SinkPlan>, Vec<TableIssue>> {
        let mut issues: Vec<TableIssue> = Vec::new();
        for column in &table.columns {
            if column.metadata.is_some() {
                let message = "the jdbc connector has no metadata columns";
                issues.push(TableIssue::column(&column.name, message));
            } else if Element::of(&column.data_type).is_none() {
                let message = format!("a {} cannot be written", column.data_type.kind);
                let issue = TableIssue::column(&column.name, message);
                issues.push(issue.with_hint("CAST it to a type that PostgreSQL has"));
            }
        }
        match options::parse(table) {
            Ok(config) if issues.is_empty() => {
                Ok(Box::new(JdbcSinkPlan { config, table: Arc::new(table.clone()) }))
            }
            Ok(_) => Err(issues),
            Err(mut errors) => {
                errors.append(&mut issues);
                Err(errors)
            }
        }
    }
}

struct JdbcSinkPlan {
    config: JdbcConfig,
    table: Arc<TableSpec>,
}

impl SinkPlan for JdbcSinkPlan {
    fn accepts(&self) -> ChangelogMode {
        if self.table.primary_key.is_empty() {
            ChangelogMode::InsertOnly
        } else {
            ChangelogMode::Upsert
        }
    }

    fn publication(&self) -> Publication {
        if self.table.primary_key.is_empty() {
            Publication::AtLeastOnce
        } else {
            Publication::Idempotent
        }
    }

    fn connect(
        &self,
        context: SinkContext,
    ) -> BoxFuture<'_, Result<Box<dyn Sink>, ConnectorError>> {
        let application = format!("tailwater {}", context.job_name).trim_end().to_owned();
        Box::pin(async move {
            let table = Arc::clone(&self.table);
            let session = Session::open(&self.config, &table, &application).await?;
            let layouts = table.columns.iter().map(|c| c.data_type.layout()).collect();
            let sink = JdbcSink {
                config: self.config.clone(),
                application,
                table,
                layouts,
                session: Some(session),
                pending: ChangeBatch::default(),
            };
            Ok(Box::new(sink) as Box<dyn Sink>)
        })
    }

    fn check(&self, context: SinkContext) -> BoxFuture<'_, Vec<Precondition>> {
        let application = format!("tailwater {}", context.job_name).trim_end().to_owned();
        Box::pin(async move {
            let mut found = Preconditions::on(self.config.address.endpoint());
            self.look(&application, &mut found).await;
            found.into_vec()
        })
    }
}

impl JdbcSinkPlan {
    async fn look(&self, application: &str, found: &mut Preconditions) {
        let (config, declared) = (&self.config, &*self.table);
        let client = client::connect(&config.address, application).await;
        let Some(client) = found.take("connection", Object::Server, client) else {
            return;
        };
        advice::session(&client, &config.address, found).await;
        advice::for_sink(&client, found).await;
        let Some(target) = target::inspect(&client, config, declared, found).await else {
            return;
        };
        let object = || Object::Table(target.table.shown());
        fit::judge(&client, declared, &target.table, found).await;
        // The server would say the same in other words.
        if !found.fails(|code| matches!(code, "columns" | "unique-key" | "privileges")) {
            let object = object();
            let prepared = Session::prepare(client, target, declared).await;
            if found.take("statements", object.clone(), prepared.map(drop)).is_some() {
                found.ok("statements", object, "the server takes the statements of the sink");
            }
        }
    }
}

/// A connection with its statements prepared.
struct Session {
    client: Client,
    columns: Vec<TargetColumn>,
    insert: Statement,
    delete: Option<Statement>,
}

impl Session {
    async fn open(
        config: &JdbcConfig,
        table: &TableSpec,
        application: &str,
    ) -> Result<Self, ConnectorError> {
        let client = client::connect(&config.address, application).await?;
        let mut found = Preconditions::on(config.address.endpoint());
        let target = target::inspect(&client, config, table, &mut found).await;
        found.into_result()?;
        match target {
            Some(target) => Self::prepare(client, target, table).await,
            None => {
                let message = "the checks have ended without an answer";
                Err(ConnectorError::new(ErrorKind::Internal, message))
            }
        }
    }

    /// Has the server judge the statements.
    async fn prepare(
        client: Client,
        target: Target,
        table: &TableSpec,
    ) -> Result<Self, ConnectorError> {
        let Target { table: found, columns } = target;
        let failed = |error| {
            let error = query_error("prepare the statements of the sink", error);
            match error.kind() {
                ErrorKind::SchemaMismatch => error.with_hint(
                    "declare the column with the type that the table has, and CAST to it in the query",
                ),
                _ => error,
            }
        };
        let types = |columns: &[TargetColumn]| -> Vec<_> {
            columns.iter().map(|c| c.element.array_type()).collect()
        };
        let sql_name = found.sql_name();
        let key = &table.primary_key;
        let sql = statements::insert(&sql_name, &columns, key);
        let insert = client.prepare_typed(&sql, &types(&columns)).await.map_err(failed)?;
        let mut delete = None;
        if !key.is_empty() {
            let keys: Vec<_> = key.iter().map(|at| columns[*at].clone()).collect();
            let sql = statements::delete(&sql_name, &keys);
            delete = Some(client.prepare_typed(&sql, &types(&keys)).await.map_err(failed)?);
        }
        Ok(Self { client, columns, insert, delete })
    }

    /// Writes the changes, all or none.
    async fn write(
        &self,
        upserts: &[ArrayParameter],
        deletes: &[ArrayParameter],
    ) -> Result<(), tokio_postgres::Error> {
        let (client, insert) = (&self.client, &self.insert);
        let upserts: Vec<&(dyn ToSql + Sync)> = upserts.iter().map(|p| p as _).collect();
        let deletes: Vec<&(dyn ToSql + Sync)> = deletes.iter().map(|p| p as _).collect();
        match (&self.delete, upserts.is_empty(), deletes.is_empty()) {
            (_, true, true) => {}
            (Some(delete), true, false) => {
                client.execute(delete, &deletes).await?;
            }
            (Some(delete), false, false) => {
                // All four are sent at once and answered in one round trip. After an error the
                // server passes over the rest, and its COMMIT undoes.
                tokio::try_join!(
                    biased;
                    client.batch_execute("BEGIN"),
                    client.execute(delete, &deletes),
                    client.execute(insert, &upserts),
                    client.batch_execute("COMMIT"),
                )?;
            }
            (_, false, _) => {
                client.execute(insert, &upserts).await?;
            }
            (None, true, false) => {}
        }
        Ok(())
    }
}

struct JdbcSink {
    config: JdbcConfig,
    application: String,
    table: Arc<TableSpec>,
    layouts: Vec<Layout>,
    session: Option<Session>,
    pending: ChangeBatch,
}

impl JdbcSink {
    async fn write_pending(&mut self) -> Result<(), ConnectorError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut attempt = 0;
        loop {
            let error = match self.try_write().await {
                Ok(()) => break,
                Err(error) => error,
            };
            let is_passing = matches!(
                error.kind(),
                ErrorKind::Connect
                    | ErrorKind::Timeout
                    | ErrorKind::Throttled
                    | ErrorKind::Conflict
            );
            if !is_passing || attempt >= self.config.max_retries {
                // The job stops and comes again from its checkpoint: `close` must not write.
                self.pending.clear();
                return Err(error);
            }
            // A new session is the remedy for a lost one and harmless otherwise.
            self.session = None;
            attempt += 1;
            tracing::warn!(%error, attempt, "write to postgresql failed, trying again");
            tokio::time::sleep(backoff(attempt)).await;
        }
        self.pending.clear();
        Ok(())
    }

    async fn try_write(&mut self) -> Result<(), ConnectorError> {
        if self.session.is_none() {
            let opened = Session::open(&self.config, &self.table, &self.application).await?;
            self.session = Some(opened);
        }
        let Some(session) = &self.session else {
            return Ok(());
        };
        let key = &self.table.primary_key;
        let left = if key.is_empty() {
            Consolidated { upserts: (0..self.pending.len()).collect(), deletes: Vec::new() }
        } else {
            last_per_key(&self.pending, key, &self.layouts)
        };
        let all: Vec<usize> = (0..session.columns.len()).collect();
        let upserts = self.parameters(session, &left.upserts, &all);
        let deletes = self.parameters(session, &left.deletes, key);
        session.write(&upserts, &deletes).await.map_err(|error| {
            let name = format!("write to table \"{}\"", self.config.table);
            query_error(&name, error)
        })
    }

    /// The columns `columns` of the rows `rows`, as parameters; none for no row.
    fn parameters(
        &self,
        session: &Session,
        rows: &[usize],
        columns: &[usize],
    ) -> Vec<ArrayParameter> {
        if rows.is_empty() {
            return Vec::new();
        }
        let column = |at: &usize| {
            let mut array = ArrayParameter::new(session.columns[*at].element.clone());
            for row in rows {
                array.push(self.pending.row(*row).1.get(*at, self.layouts[*at]));
            }
            array
        };
        columns.iter().map(column).collect()
    }
}

fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(100) * 2_u32.pow(attempt.min(6))
}

impl Sink for JdbcSink {
    fn write(&mut self, batch: Arc<ChangeBatch>) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(async move {
            self.pending.append(&batch);
            // 0 means that only the end of an epoch writes.
            if self.config.max_rows > 0 && self.pending.len() >= self.config.max_rows {
                return self.write_pending().await;
            }
            Ok(())
        })
    }

    fn flush(&mut self) -> BoxFuture<'_, Result<(), ConnectorError>> {
        Box::pin(self.write_pending())
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, Result<(), ConnectorError>> {
        Box::pin(async move { self.write_pending().await })
    }
}
