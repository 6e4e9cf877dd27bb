//! The checks in their order: `connect` needs them all to hold, `check` tells how each stands.

use std::sync::Arc;

use tailwater_connector_api::{ConnectorError, Object, Preconditions, TableSpec};
use tokio_postgres::Client;

use super::advice;
use super::capture::{self, CapturedTable};
use super::catalog::CatalogTable;
use super::checks::{self, OldRows, Server};
use super::client;
use super::connection::{Session, WireConnection};
use super::hub::Hub;
use super::options::{ChangeForm, PostgresConfig, Startup};
use super::position::ServerIdentity;
use super::publication::{self, Asked, Publication};
use super::rows::RowPlan;
use super::slot;
use super::table_plan::TablePlan;

/// What the checks are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The source is about to read: a reader that is just leaving the slot is waited for.
    Start,
    /// Somebody wants to know.
    Check,
}

/// The checks of one declared table.
pub(crate) struct Preflight<'a> {
    pub(crate) config: &'a PostgresConfig,
    pub(crate) declared: &'a TableSpec,
    /// What our sessions are called on the server.
    pub(crate) application: String,
    pub(crate) hub: Arc<Hub>,
    pub(crate) purpose: Purpose,
}

/// What the checks leave behind; complete if none has failed.
pub(crate) struct Ready {
    pub(crate) client: Client,
    pub(crate) server: Server,
    pub(crate) tables: Vec<ReadyTable>,
    pub(crate) publication: Publication,
    /// What the stream tells of updates and deletes.
    pub(crate) changes: ChangeForm,
    /// For the stream; none for a bounded read.
    pub(crate) replication: Option<(WireConnection, ServerIdentity)>,
}

/// A table that is there.
pub(crate) struct ReadyTable {
    pub(crate) table: CatalogTable,
    /// How its rows are read, if its columns fit.
    pub(crate) plan: Option<Arc<RowPlan>>,
    /// The row filter of the publication.
    pub(crate) filter: Option<String>,
}

impl ReadyTable {
    /// The table for the source.
    pub(crate) fn captured(self) -> Option<CapturedTable> {
        let Self { table, plan, filter } = self;
        let plan = TablePlan::Rows(plan?);
        Some(CapturedTable { table, plan, filter, place: 0, is_in_snapshot: true })
    }
}

impl Preflight<'_> {
    /// The names of the columns that are read.
    pub(crate) fn physical(&self) -> Vec<&str> {
        let physical = self.declared.columns.iter().filter(|c| c.metadata.is_none());
        physical.map(|c| c.name.as_str()).collect()
    }

    /// The names of the declared key's columns.
    pub(crate) fn key(&self) -> Vec<&str> {
        let key = self.declared.primary_key.iter();
        key.map(|at| self.declared.columns[*at].name.as_str()).collect()
    }

    /// Whether changes are read, and not only what is there.
    pub(crate) fn streams(&self) -> bool {
        self.config.startup != Startup::Snapshot
    }

    /// Checks everything; `None` if the server cannot be asked.
    pub(crate) async fn run(&self, found: &mut Preconditions) -> Option<Ready> {
        let config = self.config;
        let address = &config.address;
        let client = client::connect(address, &self.application).await;
        let client = found.take("connection", Object::Server, client)?;
        if self.purpose == Purpose::Check {
            advice::session(&client, address, found).await;
        }
        let server = checks::server(&client, config, found).await?;
        let is_supplied = !found.has_failed();
        if self.streams() {
            self.look_for_slot(&client, found).await;
        }
        let tables =
            capture::find(&client, &config.tables, self.declared, &address.database, found);
        let tables = tables.await.into_iter().map(|there| ReadyTable {
            table: there.table,
            plan: there.plan.map(Arc::new),
            filter: None,
        });
        let mut tables: Vec<ReadyTable> = tables.collect();
        for ReadyTable { table, .. } in &tables {
            self.check_table(&client, table, found).await;
        }
        let mut old_rows = Vec::new();
        let mut publication = Publication::default();
        let mut replication = None;
        if self.streams() {
            publication = self.check_publication(&client, &tables, server.version, found).await;
            for ReadyTable { table, .. } in &tables {
                old_rows.extend(self.check_identity(&client, table, &publication, found).await);
            }
            for ready in &mut tables {
                ready.filter = publication.filter(ready.table.oid).map(str::to_owned);
            }
            // What is missing has been told, in better words than the server's.
            if is_supplied {
                let opened = self.open_replication().await;
                replication = found.take("replication-connection", Object::Server, opened);
            }
        }
        let changes = match config.changes {
            // Where one table sends keys only, the old rows of all come from the state.
            ChangeForm::All if old_rows.contains(&OldRows::Keys) => ChangeForm::Upsert,
            changes => changes,
        };
        if changes == ChangeForm::Upsert && tables.len() > 1 {
            self.check_origin(&tables, found);
        }
        Some(Ready { client, server, tables, publication, changes, replication })
    }

    /// Old rows are found by the declared key: rows of two tables must not be taken for one.
    fn check_origin(&self, tables: &[ReadyTable], found: &mut Preconditions) {
        let tells =
            |key: &str| self.declared.columns.iter().any(|c| c.metadata.as_deref() == Some(key));
        let first = &tables[0].table.schema;
        let is_one_schema = tables.iter().all(|t| t.table.schema == *first);
        let is_told = tells("table_name") && (is_one_schema || tells("schema_name"));
        // With upserts that were asked for the declared key alone is what counts, as in Flink.
        if is_told && self.config.changes == ChangeForm::All {
            return;
        }
        let (key, pattern) = (self.key().join(", "), &self.config.tables);
        let object = Object::Table(format!("{}.{}", pattern.schema, pattern.table));
        let message = format!(
            "the key ({key}) must be unique over all {} tables: a row of one replaces the row of \
             another that has the same key",
            tables.len()
        );
        let mend = "declare a column STRING METADATA FROM 'table_name' VIRTUAL (and 'schema_name'), or \
                    ALTER TABLE ... REPLICA IDENTITY FULL on each";
        if self.purpose == Purpose::Start {
            tracing::warn!(hint = mend, "{message}");
        }
        found.warn("key-over-tables", object, message, mend);
    }

    /// A slot that cannot be used fails here.
    async fn look_for_slot(&self, client: &Client, found: &mut Preconditions) {
        let (name, database) = (&self.config.slot, &self.config.address.database);
        let looked = match self.purpose {
            Purpose::Start => {
                let own = self.hub.server_process();
                let dropped = if self.config.begins_anew_when_lost {
                    slot::drop_lost(client, name).await
                } else {
                    Ok(())
                };
                match dropped {
                    Ok(()) => slot::find(client, name, database, own).await.map(drop),
                    Err(error) => Err(error),
                }
            }
            // Who holds it is told with the rest of its state.
            Purpose::Check => slot::look(client, name, database).await.map(drop),
        };
        found.take("slot", Object::Slot(name.clone()), looked);
    }

    async fn check_table(&self, client: &Client, table: &CatalogTable, found: &mut Preconditions) {
        let object = || Object::Table(table.shown());
        let may_select = checks::may_select(client, table).await;
        if found.take("select-privilege", object(), may_select).is_some() {
            let message = format!("the role may read \"{}\"", table.shown());
            found.ok("select-privilege", object(), message);
            let sees_all = checks::sees_every_row(client, table).await;
            match sees_all {
                Err(error) if !self.streams() => {
                    let mend = error.hint().unwrap_or_default().to_owned();
                    found.warn("row-security", object(), error.to_string(), mend);
                }
                answer => drop(found.take("row-security", object(), answer)),
            }
        }
        if self.streams() {
            found.take("table", object(), checks::is_table(table));
        }
    }

    /// What the stream tells of old rows.
    async fn check_identity(
        &self,
        client: &Client,
        table: &CatalogTable,
        publication: &Publication,
        found: &mut Preconditions,
    ) -> Option<OldRows> {
        const CODE: &str = "replica-identity";
        if table.other_kind.is_some() {
            return None;
        }
        let object = || Object::Table(table.shown());
        let (config, key) = (self.config, self.key());
        let mut old_rows = checks::identity(client, config, table, &key).await;
        if publication.tells_root(table.oid) && matches!(old_rows, Ok(OldRows::Whole)) {
            old_rows = checks::root_identity(client, config, table, &key).await;
        }
        let old_rows = found.take(CODE, object(), old_rows)?;
        let (name, key) = (table.shown(), key.join(", "));
        let message = match old_rows {
            OldRows::Whole => format!("\"{name}\" writes whole old rows to the WAL"),
            OldRows::Keys if config.changes == ChangeForm::All => format!(
                "\"{name}\" writes the key ({key}) of old rows to the WAL, the rest of them is kept \
                 in the job's state"
            ),
            OldRows::Keys => format!("\"{name}\" writes the key ({key}) of old rows to the WAL"),
        };
        found.ok(CODE, object(), message);
        Some(old_rows)
    }

    async fn check_publication(
        &self,
        client: &Client,
        tables: &[ReadyTable],
        version: i32,
        found: &mut Preconditions,
    ) -> Publication {
        let physical = self.physical();
        let captured = tables.iter().map(|ready| &ready.table);
        let captured = captured.filter(|table| table.other_kind.is_none());
        let wanted: Vec<_> = captured.map(|table| (table, physical.clone())).collect();
        if wanted.is_empty() {
            return Publication::default();
        }
        let (name, create) = (&self.config.publication, self.config.publication_create);
        let asked = Asked { name, create, version };
        publication::inspect(client, &wanted, asked, found).await
    }

    async fn open_replication(&self) -> Result<(WireConnection, ServerIdentity), ConnectorError> {
        let address = &self.config.address;
        let opened = WireConnection::open(address, &self.application, Session::Replication);
        let mut connection = opened.await?;
        let identity = slot::identify(&mut connection).await?;
        Ok((connection, identity))
    }
}
