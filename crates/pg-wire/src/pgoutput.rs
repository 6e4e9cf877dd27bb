//! Messages of the output plugin `pgoutput`, protocol versions 1 to 4.
//!
//! Version 2 streams transactions that are not over yet, in blocks of Stream Start, changes, Stream
//! Stop; version 3 tells of prepared transactions; version 4 lets an abort say when it happened.
//! Inside a block the changes carry the id of their (sub)transaction behind the tag: they are read
//! by [`parse_in_stream`], everything else by [`parse`]. [`head`] looks at no more than a
//! dispatcher needs.

mod head;
mod relation;
mod transaction;
mod tuple;

pub use head::{Block, Head, head};
pub use relation::{ColumnInfo, Relation, ReplicaIdentity};
pub use transaction::{
    Begin, Commit, CommitPrepared, Prepare, RollbackPrepared, StreamAbort, StreamCommit,
    StreamStart,
};
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
        /// Where its commit lies there.
        lsn: Lsn,
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
    /// A block of a transaction that is not over begins.
    StreamStart(StreamStart),
    /// The block ends.
    StreamStop,
    /// A transaction that was streamed is committed.
    StreamCommit(StreamCommit),
    /// A transaction that was streamed, or a part of it, is rolled back.
    StreamAbort(StreamAbort),
    /// A transaction that was streamed is prepared.
    StreamPrepare(Prepare<'a>),
    /// The changes of a transaction follow that is prepared and may yet be rolled back.
    BeginPrepare(Prepare<'a>),
    /// These were the changes.
    Prepare(Prepare<'a>),
    /// A prepared transaction is committed.
    CommitPrepared(CommitPrepared<'a>),
    /// A prepared transaction is rolled back.
    RollbackPrepared(RollbackPrepared<'a>),
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

/// Reads one message of the plugin that does not lie in a block of a streamed transaction.
///
/// # Errors
/// Bytes that are not a whole message.
pub fn parse(data: &[u8]) -> Result<PgOutput<'_>, WireError> {
    let mut r = Reader::new(data, "pgoutput message");
    match r.u8()? {
        tag if carries_xid(tag) => change(tag, &mut r),
        tag => boundary(tag, &mut r),
    }
}

/// Reads one message behind a Stream Start up to its Stream Stop, with the id of the
/// (sub)transaction that it belongs to; only the stop and an origin have none.
///
/// # Errors
/// Bytes that are not a whole message.
pub fn parse_in_stream(data: &[u8]) -> Result<(Option<u32>, PgOutput<'_>), WireError> {
    let mut r = Reader::new(data, "pgoutput message");
    match r.u8()? {
        tag if carries_xid(tag) => Ok((Some(r.u32()?), change(tag, &mut r)?)),
        tag => Ok((None, boundary(tag, &mut r)?)),
    }
}

/// Whether a message in a block has a transaction id behind its tag.
fn carries_xid(tag: u8) -> bool {
    matches!(tag, b'I' | b'U' | b'D' | b'T' | b'R' | b'Y' | b'M')
}

/// What a transaction consists of.
fn change<'a>(tag: u8, r: &mut Reader<'a>) -> Result<PgOutput<'a>, WireError> {
    Ok(match tag {
        b'I' => {
            let relation = r.u32()?;
            expect_tag(r, b'N')?;
            let new = tuple::read(r)?;
            PgOutput::Insert { relation, new }
        }
        b'U' => update(r)?,
        b'D' => {
            let relation = r.u32()?;
            let tag = r.u8()?;
            let old = old_tuple(tag, r)?.ok_or_else(|| unknown(tag))?;
            PgOutput::Delete { relation, old }
        }
        b'R' => PgOutput::Relation(relation::read(r)?),
        b'Y' => PgOutput::Type { oid: r.u32()?, namespace: r.c_str()?, name: r.c_str()? },
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

/// Where a transaction, or a block of it, begins and ends.
fn boundary<'a>(tag: u8, r: &mut Reader<'a>) -> Result<PgOutput<'a>, WireError> {
    Ok(match tag {
        b'B' => PgOutput::Begin(Begin::read(r)?),
        b'C' => PgOutput::Commit(Commit::read(r)?),
        b'O' => PgOutput::Origin { lsn: r.lsn()?, name: r.c_str()? },
        b'S' => PgOutput::StreamStart(StreamStart::read(r)?),
        b'E' => PgOutput::StreamStop,
        b'c' => PgOutput::StreamCommit(StreamCommit::read(r)?),
        b'A' => PgOutput::StreamAbort(StreamAbort::read(r)?),
        b'b' => PgOutput::BeginPrepare(Prepare::read(r)?),
        b'P' => PgOutput::Prepare(Prepare::read_flagged(r)?),
        b'p' => PgOutput::StreamPrepare(Prepare::read_flagged(r)?),
        b'K' => PgOutput::CommitPrepared(CommitPrepared::read(r)?),
        b'r' => PgOutput::RollbackPrepared(RollbackPrepared::read(r)?),
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

#[cfg(test)]
mod tests;
