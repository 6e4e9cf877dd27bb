//! Acts upon one signal: what is to be read again, or not any more.

use std::sync::Arc;

use tailwater_connector_api::ConnectorError;

use super::super::super::changes::Changes;
use super::super::rereads::Reread;
use super::super::signals::{Request, Signal, SnapshotRequest};
use super::Rereader;

impl Rereader {
    /// Does what a signal asks for; one that cannot be understood is passed over.
    pub(super) async fn act(
        &mut self,
        signal: &Signal,
        changes: &mut Changes,
    ) -> Result<(), ConnectorError> {
        let all = Arc::clone(&self.connector);
        let connector = all.source.server.as_str();
        match signal.request() {
            Ok(Request::Execute(wanted)) => {
                let new = self.named(signal, &wanted).await?;
                if !new.is_empty() {
                    tracing::info!(connector, tables = new.len(), "incremental snapshot begun");
                }
                changes.rereads_mut().tables.extend(new);
            }
            Ok(Request::Stop(wanted)) => {
                let front = changes.rereads().tables.front().cloned();
                let count = changes.rereads_mut().stop(&wanted);
                if front.as_ref() != changes.rereads().tables.front() {
                    self.table = None;
                }
                match count {
                    0 => tracing::warn!(connector, "no snapshot runs that a signal could stop"),
                    tables => tracing::info!(connector, tables, "incremental snapshot stopped"),
                }
            }
            Ok(Request::Pause) if changes.rereads().tables.is_empty() => {
                tracing::warn!(connector, "no snapshot runs that a signal could pause");
            }
            Ok(Request::Pause) => {
                changes.rereads_mut().is_paused = true;
                tracing::info!(connector, "incremental snapshot paused");
            }
            Ok(Request::Resume) => {
                changes.rereads_mut().is_paused = false;
                tracing::info!(connector, "incremental snapshot resumed");
            }
            Ok(Request::Log(message)) => tracing::info!(connector, "signal: {message}"),
            Err(reason) => {
                tracing::warn!(
                    connector,
                    signal = signal.kind(),
                    reason,
                    "a signal is passed over"
                );
            }
        }
        Ok(())
    }

    /// The captured tables that a signal names.
    async fn named(
        &self,
        signal: &Signal,
        wanted: &SnapshotRequest,
    ) -> Result<Vec<Reread>, ConnectorError> {
        let client = self.open_client().await?;
        let source = &self.connector.source;
        let mut named = Vec::new();
        for known in self.preflight().known(&client).await? {
            let (schema, table) = (&known.table.schema, &known.table.name);
            let name = format!("{schema}.{table}");
            if wanted.names(&name) && !source.is_signal_table(schema, table) {
                let filter = wanted.filter(&name).map(|filter| format!("({filter})"));
                named.push(Reread { table: known.table.oid, name, filter, place: None });
            }
        }
        if named.is_empty() {
            let named = wanted.data_collections.join(", ");
            let (connector, signal) = (source.server.as_str(), signal.kind());
            tracing::warn!(
                connector,
                signal,
                named,
                "a signal names no captured table: passed over"
            );
        }
        Ok(named)
    }
}
