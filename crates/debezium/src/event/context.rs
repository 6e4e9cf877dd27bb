//! What an event says of where it comes from.

use tailwater_pg_wire::Lsn;

/// Where a row of a snapshot stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Not of a snapshot: a change of the stream.
    Stream,
    /// Somewhere in the snapshot.
    Snapshot,
    /// The snapshot's first row.
    First,
    /// The first row of its table.
    FirstOfTable,
    /// The last row of its table.
    LastOfTable,
    /// The snapshot's last row.
    Last,
    /// Of an incremental snapshot.
    Incremental,
}

impl Mark {
    pub(super) fn word(self) -> &'static str {
        match self {
            Mark::Stream => "false",
            Mark::Snapshot => "true",
            Mark::First => "first",
            Mark::FirstOfTable => "first_in_data_collection",
            Mark::LastOfTable => "last_in_data_collection",
            Mark::Last => "last",
            Mark::Incremental => "incremental",
        }
    }
}

/// Where a transaction was made, if it came to the server from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The origin's name.
    pub name: String,
    /// Where its commit lies there.
    pub lsn: Lsn,
}

/// What all of an event's records share.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// When the change was committed, microseconds since 1970; of a row of a snapshot when that was
    /// taken.
    pub commit_micros: i64,
    /// The transaction.
    pub xid: Option<u32>,
    /// Where the change lies in the WAL.
    pub lsn: Option<Lsn>,
    /// Where the last transaction before ended.
    pub last_commit: Option<Lsn>,
    /// Whether it is a row of a snapshot.
    pub mark: Mark,
    /// The clock, nanoseconds since 1970.
    pub now_nanos: i64,
    /// Where the transaction was made.
    pub origin: Option<&'a Origin>,
}
