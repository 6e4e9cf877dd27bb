//! Messages of the output plugin `pgoutput`, protocol version 1. Later versions add messages of
//! their own tags (stream start, prepare ...) and a transaction id in front of the old ones.

mod relation;
mod tuple;

pub use relation::{ColumnInfo, Relation, ReplicaIdentity};
pub use tuple::{Cell, CellSlot, Tuple};

use crate::error::WireError;
use crate::lsn::Lsn;
use crate::reader::Reader;

/// One message of the plugin, borrowed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PgOutput<'a> {
    /// A transaction begins.
    Begin(Begin),
    /// The transaction ends.
    Commit(Commit),
    /// The transaction came to the server from elsewhere.
    Origin {
        /// Its name there.
        name: &'a str,
    },
    /// The columns of a table, before its first row and after each change.
    Relation(Relation),
    /// A type that is not built in.
    Type {
        /// Its object id.
        oid: u32,
        /// Its schema, empty for `pg_catalog`.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// A row was inserted.
    Insert {
        /// The table's object id.
        relation: u32,
        /// The row.
        new: Tuple<'a>,
    },
    /// A row was updated.
    Update {
        /// The table's object id.
        relation: u32,
        /// The row before, as far as the replica identity tells it.
        old: Option<OldTuple<'a>>,
        /// The row after.
        new: Tuple<'a>,
    },
    /// A row was deleted.
    Delete {
        /// The table's object id.
        relation: u32,
        /// The row before, as far as the replica identity tells it.
        old: OldTuple<'a>,
    },
    /// Tables were emptied.
    Truncate(Truncate<'a>),
    /// `pg_logical_emit_message`
    Message {
        /// Whether it belongs to a transaction.
        is_transactional: bool,
        /// Where it lies in the WAL.
        lsn: Lsn,
        /// Its prefix.
        prefix: &'a str,
        /// Its content.
        content: &'a [u8],
    },
}

/// The head of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Where the commit record begins.
    pub final_lsn: Lsn,
    /// When it was committed, microseconds since 1970.
    pub commit_micros: i64,
    /// The top-level transaction id, 32 bits of 64.
    pub xid: u32,
}

/// The end of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Where the commit record begins.
    pub commit_lsn: Lsn,
    /// Behind the commit record.
    pub end_lsn: Lsn,
    /// When it was committed, microseconds since 1970.
    pub commit_micros: i64,
}

/// A row before its change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldTuple<'a> {
    /// Only the key's columns, the others are NULL.
    Key(Tuple<'a>),
    /// The whole row: REPLICA IDENTITY FULL.
    Full(Tuple<'a>),
}

impl<'a> OldTuple<'a> {
    /// The row, whole or not.
    pub fn tuple(self) -> Tuple<'a> {
        match self {
            OldTuple::Key(tuple) | OldTuple::Full(tuple) => tuple,
        }
    }
}

/// Tables that were emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncate<'a> {
    /// `CASCADE` was said.
    pub cascade: bool,
    /// `RESTART IDENTITY` was said.
    pub restart_identity: bool,
    relations: &'a [u8],
}

impl Truncate<'_> {
    /// The tables' object ids.
    pub fn relations(&self) -> impl Iterator<Item = u32> + '_ {
        let (ids, _) = self.relations.as_chunks::<4>();
        ids.iter().map(|id| u32::from_be_bytes(*id))
    }
}

/// Reads one message of the plugin.
///
/// # Errors
/// Bytes that are not a whole message of protocol version 1.
pub fn parse(data: &[u8]) -> Result<PgOutput<'_>, WireError> {
    let mut r = Reader::new(data, "pgoutput message");
    Ok(match r.u8()? {
        b'I' => {
            let relation = r.u32()?;
            expect_tag(&mut r, b'N')?;
            let new = tuple::read(&mut r)?;
            PgOutput::Insert { relation, new }
        }
        b'U' => update(&mut r)?,
        b'D' => {
            let relation = r.u32()?;
            let tag = r.u8()?;
            let old = old_tuple(tag, &mut r)?.ok_or_else(|| unknown(tag))?;
            PgOutput::Delete { relation, old }
        }
        b'B' => PgOutput::Begin(Begin {
            final_lsn: r.lsn()?,
            commit_micros: unix_micros(r.i64()?),
            xid: r.u32()?,
        }),
        b'C' => {
            r.u8()?;
            PgOutput::Commit(Commit {
                commit_lsn: r.lsn()?,
                end_lsn: r.lsn()?,
                commit_micros: unix_micros(r.i64()?),
            })
        }
        b'R' => PgOutput::Relation(relation::read(&mut r)?),
        b'Y' => PgOutput::Type { oid: r.u32()?, namespace: r.c_str()?, name: r.c_str()? },
        b'O' => {
            r.lsn()?;
            PgOutput::Origin { name: r.c_str()? }
        }
        b'T' => {
            let count = r.u32()? as usize;
            let flags = r.u8()?;
            let relations = r.take(count.checked_mul(4).ok_or_else(|| r.invalid())?)?;
            PgOutput::Truncate(Truncate {
                cascade: flags & 1 != 0,
                restart_identity: flags & 2 != 0,
                relations,
            })
        }
        b'M' => PgOutput::Message {
            is_transactional: r.u8()? & 1 != 0,
            lsn: r.lsn()?,
            prefix: r.c_str()?,
            content: r.sized()?,
        },
        tag => return Err(unknown(tag)),
    })
}

fn update<'a>(r: &mut Reader<'a>) -> Result<PgOutput<'a>, WireError> {
    let relation = r.u32()?;
    let tag = r.u8()?;
    let old = old_tuple(tag, r)?;
    match old {
        Some(_) => expect_tag(r, b'N')?,
        None if tag == b'N' => {}
        None => return Err(unknown(tag)),
    }
    let new = tuple::read(r)?;
    Ok(PgOutput::Update { relation, old, new })
}

fn old_tuple<'a>(tag: u8, r: &mut Reader<'a>) -> Result<Option<OldTuple<'a>>, WireError> {
    Ok(match tag {
        b'K' => Some(OldTuple::Key(tuple::read(r)?)),
        b'O' => Some(OldTuple::Full(tuple::read(r)?)),
        _ => None,
    })
}

fn expect_tag(r: &mut Reader<'_>, expected: u8) -> Result<(), WireError> {
    let tag = r.u8()?;
    if tag == expected { Ok(()) } else { Err(unknown(tag)) }
}

fn unknown(tag: u8) -> WireError {
    WireError::UnknownTag { what: "pgoutput message", tag }
}

fn unix_micros(postgres_micros: i64) -> i64 {
    postgres_micros.saturating_add(crate::replication::POSTGRES_EPOCH_MICROS)
}

#[cfg(test)]
mod tests;
