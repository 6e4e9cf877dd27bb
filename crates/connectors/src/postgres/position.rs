//! Places in the stream of a slot.

use std::fmt;
use std::str::FromStr;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::Lsn;
use tailwater_types::Position;

use super::records::Rereads;

/// `commit end LSN:changes of the next transaction already taken@system.timeline`, then the object
/// ids of the captured tables after an `=`, what decides which tables are captured after a `~`,
/// behind a semicolon how far the snapshot has got, and behind a tab (which JSON does not have) what
/// is still to be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotPosition {
    pub(crate) lsn: Lsn,
    pub(crate) ordinal: u64,
    pub(crate) server: ServerIdentity,
    /// The tables whose changes are taken, in ascending order.
    pub(crate) tables: Vec<u32>,
    /// Stands for the lists by which new tables are captured; empty where that is not asked for.
    pub(crate) scope: String,
    /// JSON of the tables whose snapshot is not through; empty without one.
    pub(crate) snapshot: String,
    /// What signals have asked for.
    pub(crate) rereads: Rereads,
}

/// Which server a position is of: another one has other WAL under the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerIdentity {
    /// Made at random when the data directory was made.
    pub(crate) system: u64,
    /// Counts promotions and restores.
    pub(crate) timeline: u32,
}

impl fmt::Display for SlotPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServerIdentity { system, timeline } = self.server;
        write!(f, "{}:{}@{system}.{timeline}=", self.lsn, self.ordinal)?;
        for (i, oid) in self.tables.iter().enumerate() {
            write!(f, "{}{oid}", if i == 0 { "" } else { "," })?;
        }
        if !self.scope.is_empty() {
            write!(f, "~{}", self.scope)?;
        }
        if !self.snapshot.is_empty() || !self.rereads.is_empty() {
            write!(f, ";{}", self.snapshot)?;
        }
        if self.rereads.is_empty() { Ok(()) } else { write!(f, "\t{}", self.rereads.encode()) }
    }
}

impl FromStr for SlotPosition {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (text, rereads) = text.split_once('\t').unwrap_or((text, ""));
        let (text, snapshot) = text.split_once(';').unwrap_or((text, ""));
        let (place, rest) = text.split_once('@').ok_or(())?;
        let (lsn, ordinal) = place.split_once(':').ok_or(())?;
        let (server, tables) = rest.split_once('=').ok_or(())?;
        let (tables, scope) = tables.split_once('~').unwrap_or((tables, ""));
        let (system, timeline) = server.split_once('.').ok_or(())?;
        let tables = tables.split(',').filter(|oid| !oid.is_empty());
        Ok(Self {
            lsn: lsn.parse().map_err(|_| ())?,
            ordinal: ordinal.parse().map_err(|_| ())?,
            server: ServerIdentity {
                system: system.parse().map_err(|_| ())?,
                timeline: timeline.parse().map_err(|_| ())?,
            },
            tables: tables.map(|oid| oid.parse().map_err(|_| ())).collect::<Result<_, ()>>()?,
            scope: scope.to_owned(),
            snapshot: snapshot.to_owned(),
            rereads: Rereads::decode(rereads).ok_or(())?,
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

    /// Whether the same changes and chunks lie in front of both.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        (self.lsn, self.ordinal, &self.snapshot) == (other.lsn, other.ordinal, &other.snapshot)
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
        const PAUSED: &str = "0/10:0@1.1=5;[]\t{\"signals\":[],\"tables\":[],\"is_paused\":true}";
        for text in [
            "16/B374D848:0@7412.1=16384",
            "0/10:7@1.2=1,2;[{\"oid\":5}]",
            "0/10:0@1.1=",
            "0/10:0@1.1=1,2~00a5",
            "0/10:0@1.1=1~00a5;[{\"oid\":5}]",
            PAUSED,
        ] {
            assert_eq!(text.parse::<SlotPosition>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "16/B374D848",
            "1:2@1.1=",
            "0/1:x@1.1=",
            "0/1:0@1=5",
            "0/1:0@1.1=x",
            "0/1:0@1.1=;\tx",
        ] {
            assert!(wrong.parse::<SlotPosition>().is_err(), "{wrong}");
        }
    }
}
