//! Which tables a run has: those that it goes on with, and those that are new.

use std::collections::BTreeMap;

use tailwater_connector_api::{ConnectorError, ErrorKind, ReadFrom};

use super::super::capture::{Capture, CapturedTable, RowNewcomers};
use super::super::position::SlotPosition;
use super::super::{publication, records, slot, snapshot};
use super::PostgresCdcSource;

impl PostgresCdcSource {
    /// Publishes the tables that are not yet; another table may have made the publication meanwhile.
    pub(super) async fn publish(&mut self) -> Result<(), ConnectorError> {
        if self.publication.work.is_empty() {
            return Ok(());
        }
        if let Some(records) = &self.records {
            let tables: Vec<_> = self.tables.iter().map(|t| &t.table).collect();
            let made = records::publish(&self.client, &records.connector.source, &tables);
            self.publication = made.await?;
            return Ok(());
        }
        let physical: Vec<&str> = self.physical.iter().map(String::as_str).collect();
        let wanted: Vec<_> = self.tables.iter().map(|t| (&t.table, physical.clone())).collect();
        let (name, create) = (&self.config.publication, self.config.publication_create);
        let version = self.server.version;
        let checked = publication::check(&self.client, name, &wanted, create, version);
        self.publication = checked.await?;
        publication::apply(&self.client, &self.publication.work).await
    }

    pub(super) fn capture(&self) -> Capture {
        let partitions = self.publication.partitions.iter();
        Capture {
            keys: BTreeMap::new(),
            partitions: partitions
                .flat_map(|(root, all)| all.iter().map(|p| (*p, *root)))
                .collect(),
            tables: self.tables.iter().map(|t| (t.table.oid, t.clone())).collect(),
            address: self.config.address.clone(),
            publication: self.config.publication.clone(),
            records: None,
            newcomers: self.row_newcomers(),
        }
    }

    /// What makes a table that comes later one of ours. A table whose name is what the pattern says
    /// is meant alone.
    fn row_newcomers(&self) -> Option<RowNewcomers> {
        let (pattern, is_literal) = (&self.config.tables, |t: &CapturedTable| {
            (&t.table.schema, &t.table.name)
                == (&self.config.tables.schema, &self.config.tables.table)
        });
        let follows = !self.config.takes_new_tables && !self.tables.iter().any(is_literal);
        Some(RowNewcomers {
            declared: self.declared.clone()?,
            pattern: follows.then(|| pattern.clone()),
            has_partitions: !self.publication.partitions.is_empty(),
            database: self.config.address.database.clone(),
        })
    }

    /// A resumed job goes on with the tables it had; those that match only now are new.
    pub(super) fn keep_known_tables(
        &mut self,
        position: &SlotPosition,
    ) -> Result<(), ConnectorError> {
        let is_there = |oid: &u32| self.tables.iter().any(|t| t.table.oid == *oid);
        let gone = position.tables.iter().find(|oid| !is_there(oid));
        if let (Some(gone), Some(_)) = (gone, &self.records) {
            // The events of a table that was dropped are all told.
            tracing::warn!(oid = gone, "a captured table is gone");
        } else if let Some(gone) = gone {
            let TableNames(names) = TableNames::of(&self.tables);
            let message = format!(
                "a table that the job was reading (object id {gone}) is gone: it was dropped, or \
                 dropped and created anew; there is {names}"
            );
            let hint = slot::reads_again("");
            return Err(ConnectorError::new(ErrorKind::PlaceLost, message).with_hint(hint));
        }
        if !self.config.takes_new_tables {
            self.tables.retain(|t| position.tables.contains(&t.table.oid));
        }
        Ok(())
    }

    /// Stands for the lists that say which tables are captured, for a source of records.
    pub(super) fn scope(&self) -> String {
        let scope = self.records.as_ref().map(|r| r.connector.source.scope());
        scope.map_or_else(String::new, |s| {
            format!("{:016x}", xxhash_rust::xxh3::xxh3_64(s.as_bytes()))
        })
    }

    /// Names tables in `position` that have come since and that the stream has from their first row
    /// on: had the earlier run gone on, it would have taken them from the stream alone. All others
    /// are read: tables that the lists have not captured before, and those that we publish now, or
    /// may have published at a start of which no checkpoint tells.
    pub(super) fn name_streamed_tables(&self, position: &mut SlotPosition, from: &ReadFrom) {
        if self.records.is_none() || position.tables.is_empty() || position.scope != self.scope() {
            return;
        }
        let last = from.stops.last().and_then(|stop| SlotPosition::read(stop).ok());
        let was_streamed = |oid: u32| {
            let stop = last.as_ref().filter(|stop| stop.tables.contains(&oid));
            stop.map(|stop| {
                let progress = snapshot::decode(&stop.snapshot);
                progress.is_none_or(|progress| progress.table(oid).is_none())
            })
        };
        for oid in self.tables.iter().map(|captured| captured.table.oid) {
            let is_published = self.publication.had(oid) && !self.publication.is_extended;
            if !position.tables.contains(&oid) && was_streamed(oid).unwrap_or(is_published) {
                position.tables.push(oid);
            }
        }
    }
}

/// Tables for a message.
struct TableNames(String);

impl TableNames {
    fn of(tables: &[CapturedTable]) -> Self {
        let name = |t: &CapturedTable| format!("{} ({})", t.plan.table(), t.table.oid);
        Self(tables.iter().map(name).collect::<Vec<_>>().join(", "))
    }
}
