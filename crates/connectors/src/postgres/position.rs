//! Places in the stream of a slot.

use std::fmt;
use std::str::FromStr;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::Lsn;
use tailwater_types::Position;

use super::visibility::SnapshotFilter;

/// `commit end LSN:rows of the next transaction already delivered`, and behind a semicolon the
/// snapshot whose rows the stream may still repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotPosition {
    pub(crate) lsn: Lsn,
    pub(crate) ordinal: u64,
    pub(crate) filter: Option<SnapshotFilter>,
}

impl fmt::Display for SlotPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.lsn, self.ordinal)?;
        match &self.filter {
            Some(filter) => write!(f, ";{filter}"),
            None => Ok(()),
        }
    }
}

impl FromStr for SlotPosition {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (place, filter) = match text.split_once(';') {
            Some((place, filter)) => (place, Some(filter.parse()?)),
            None => (text, None),
        };
        let (lsn, ordinal) = place.split_once(':').ok_or(())?;
        Ok(Self {
            lsn: lsn.parse().map_err(|_| ())?,
            ordinal: ordinal.parse().map_err(|_| ())?,
            filter,
        })
    }
}

impl SlotPosition {
    /// Reads what a checkpoint has kept.
    pub(crate) fn read(position: &Position) -> Result<Self, ConnectorError> {
        position.0.parse().map_err(|()| {
            let message = format!("\"{position}\" is not a position of a replication slot");
            ConnectorError::new(ErrorKind::Internal, message)
        })
    }

    /// The form that a checkpoint keeps.
    pub(crate) fn to_position(&self) -> Position {
        Position(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_with_its_snapshot_and_without() {
        for text in ["16/B374D848:0", "0/10:7;0/20;731:735:731,733", "0/10:0;0/20;5:5:"] {
            assert_eq!(text.parse::<SlotPosition>().unwrap().to_string(), text);
        }
        for wrong in ["", "16/B374D848", "1:2", "0/1:x", "0/1:0;", "0/1:0;0/2;1:x:"] {
            assert!(wrong.parse::<SlotPosition>().is_err(), "{wrong}");
        }
    }
}
