//! Positions as Kafka Connect shows offsets.

use tailwater_debezium::config::ConnectorConfig;
use tailwater_types::Position;

use super::super::position::SlotPosition;

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
    Some(offset)
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
}
