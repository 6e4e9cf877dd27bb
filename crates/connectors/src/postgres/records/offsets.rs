//! Positions as Kafka Connect shows offsets, and offsets that are to become positions.

use serde_json::Value;
use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_debezium::config::{ConnectorConfig, SourceConfig};
use tailwater_pg_wire::Lsn;
use tailwater_types::Position;
use tokio_postgres::Client;

use super::super::client::query_error;
use super::super::position::{ServerIdentity, SlotPosition};
use super::super::rows::wire_error;
use super::super::slot;
use super::rereads::Rereads;

/// The partition of a connector: `{"server":"srv1"}`.
pub fn connect_partition(config: &ConnectorConfig) -> serde_json::Value {
    serde_json::json!({ "server": config.source.server })
}

/// The offset of a position, `None` if it is not one of this source.
pub fn connect_offset(position: &Position) -> Option<serde_json::Value> {
    let position = SlotPosition::read(position).ok()?;
    let mut offset = serde_json::json!({
        "lsn": position.lsn.0,
        "lsn_proc": position.lsn.0,
        "lsn_commit": position.lsn.0,
    });
    if position.ordinal > 0 {
        offset["lsn_events_processed"] = position.ordinal.into();
    }
    if !position.snapshot.is_empty() {
        offset["snapshot"] = "INITIAL".into();
        offset["snapshot_completed"] = false.into();
    }
    if !position.rereads.tables.is_empty() {
        let tables = position.rereads.tables.iter().map(|t| serde_json::json!({ "id": t.name }));
        let tables: Vec<Value> = tables.collect();
        offset["incremental_snapshot_collections"] = Value::from(tables).to_string().into();
    }
    Some(offset)
}

/// A place that somebody asks for: changes of transactions that end before it are not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WantedPlace {
    pub(super) lsn: Lsn,
    /// Changes of the transaction behind it that are not told either.
    ordinal: u64,
}

impl WantedPlace {
    /// Reads `{"lsn": n, ...}`; what else Debezium's offsets have says the same again.
    pub(super) fn read(offset: &Value) -> Result<Self, ConnectorError> {
        let number = |name: &str| match offset.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
                number.map(Some).ok_or_else(|| {
                    refused(format!("The offset's '{name}' must be a number, not {value}"))
                })
            }
        };
        let Some(lsn) = number("lsn")? else {
            return Err(refused(format!(
                "The offset {offset} has no 'lsn': the place in the WAL to go on from, a number"
            )));
        };
        let ordinal = number("lsn_events_processed")?.unwrap_or(0);
        Ok(Self { lsn: Lsn(lsn), ordinal })
    }

    /// Refuses a place that the slot cannot go on from.
    pub(super) async fn check(
        self,
        client: &Client,
        slot: &str,
        database: &str,
    ) -> Result<(), ConnectorError> {
        let Some((found, _)) = slot::look(client, slot, database).await? else {
            return Err(refused(format!(
                "There is no slot \"{slot}\" that has changes behind {}",
                self.lsn
            ))
            .with_hint(
                "DELETE /connectors/.../offsets: the next start makes it and reads the tables",
            ));
        };
        let wanted = self.lsn;
        if wanted < found.confirmed {
            let from = found.confirmed;
            return Err(refused(format!(
                "Slot \"{slot}\" has only what lies behind {from} ({}): {wanted} ({}) is earlier",
                from.0, wanted.0
            )));
        }
        let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_insert_lsn() END::text";
        let row = client.query_one(sql, &[]).await;
        let row = row.map_err(|error| query_error("read the end of the WAL", error))?;
        let end: Lsn = row.get::<_, &str>(0).parse().map_err(wire_error)?;
        if wanted > end {
            return Err(refused(format!(
                "The server's WAL ends at {end} ({}): {wanted} ({}) is later",
                end.0, wanted.0
            )));
        }
        Ok(())
    }

    /// The position; what is known of the snapshot stays. A connector that has never run reads no
    /// table that is there now, as Debezium does not either where it finds an offset.
    pub(super) fn position(
        self,
        known: Option<SlotPosition>,
        server: ServerIdentity,
        mut tables: Vec<u32>,
    ) -> Position {
        tables.sort_unstable();
        let position = match known {
            Some(known) => SlotPosition { lsn: self.lsn, ordinal: self.ordinal, server, ..known },
            None => SlotPosition {
                lsn: self.lsn,
                ordinal: self.ordinal,
                server,
                tables,
                scope: String::new(),
                snapshot: String::new(),
                rereads: Rereads::default(),
            },
        };
        position.to_position()
    }
}

/// Refuses to take over where slot or publication are missing: a start from a place makes neither.
/// `publication` is the statement that one needs.
pub(super) async fn check_takeover(
    client: &Client,
    source: &SourceConfig,
    publication: Option<String>,
) -> Result<(), ConnectorError> {
    let slot = slot::look(client, &source.slot, &source.database).await?;
    let (mut missing, mut mend) = (Vec::new(), Vec::new());
    if let Some(statement) = publication {
        let name = &source.publication;
        missing.push(format!("publication \"{name}\" does not exist or lacks captured tables"));
        mend.push(statement);
    }
    if slot.is_none() {
        missing.push(format!("slot \"{}\" does not exist", source.slot));
        mend.push(slot::create_sql(&source.slot));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "A connector that has never run goes on only from a place behind the making of its \
         publication and its slot: {}; make publication and slot first",
        missing.join(", ")
    );
    Err(refused(message).with_hint(mend.join(" ")))
}

/// An offset that cannot be set.
fn refused(message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Config, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_shown_as_an_offset() {
        let position = Position("0/10:2@1.1=5".to_owned());
        let expected = serde_json::json!({
            "lsn": 16, "lsn_proc": 16, "lsn_commit": 16, "lsn_events_processed": 2
        });
        assert_eq!(connect_offset(&position), Some(expected));
        let during = connect_offset(&Position("0/10:0@1.1=5;[{}]".to_owned()));
        assert_eq!(during.map(|offset| offset["snapshot"].clone()), Some("INITIAL".into()));
        assert_eq!(connect_offset(&Position("x".to_owned())), None);
    }

    #[test]
    fn an_offset_is_read_as_it_is_shown_and_as_debezium_writes_it() {
        let read = |text: &str| {
            let offset: Value = serde_json::from_str(text).expect("JSON");
            WantedPlace::read(&offset).map_err(|error| error.to_string())
        };
        let place = |lsn, ordinal| Ok(WantedPlace { lsn: Lsn(lsn), ordinal });
        let shown = connect_offset(&Position("0/10:2@1.1=5".to_owned())).expect("an offset");
        assert_eq!(read(&shown.to_string()), place(16, 2));
        let real = r#"{"last_snapshot_record":true,"lsn":1885343920,"txId":21718,
            "ts_usec":1795182596618338,"snapshot":"INITIAL","snapshot_completed":true}"#;
        assert_eq!(read(real), place(1_885_343_920, 0));
        assert_eq!(read(r#"{"lsn": "17"}"#), place(17, 0));
        for (wrong, reason) in [
            ("{}", "has no 'lsn'"),
            (r#"{"lsn": null}"#, "has no 'lsn'"),
            (r#"{"lsn": -1}"#, "must be a number"),
            (r#"{"lsn": "0/10"}"#, "must be a number"),
            ("[]", "has no 'lsn'"),
        ] {
            let error = read(wrong).expect_err(wrong);
            assert!(error.contains(reason), "{error}");
        }
    }
}
