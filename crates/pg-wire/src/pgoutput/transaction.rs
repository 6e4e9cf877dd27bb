//! Where transactions begin and end.

use crate::error::WireError;
use crate::lsn::Lsn;
use crate::reader::Reader;
use crate::replication::POSTGRES_EPOCH_MICROS;

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

impl Begin {
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { final_lsn: r.lsn()?, commit_micros: unix_micros(r)?, xid: r.u32()? })
    }
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

impl Commit {
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        r.u8()?;
        Ok(Self { commit_lsn: r.lsn()?, end_lsn: r.lsn()?, commit_micros: unix_micros(r)? })
    }
}

/// The head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamStart {
    /// The top-level transaction.
    pub xid: u32,
    /// Whether it is the transaction's first block.
    pub is_first: bool,
}

impl StreamStart {
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { xid: r.u32()?, is_first: r.u8()? == 1 })
    }
}

/// The commit of a transaction that was streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamCommit {
    /// The top-level transaction.
    pub xid: u32,
    /// The same that an ordinary commit says.
    pub commit: Commit,
}

impl StreamCommit {
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { xid: r.u32()?, commit: Commit::read(r)? })
    }
}

/// The end of a streamed (sub)transaction whose changes are void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamAbort {
    /// The top-level transaction.
    pub xid: u32,
    /// What is rolled back: a subtransaction, or all of it where both are the same.
    pub subxid: u32,
    /// Where the record begins and when it was written, microseconds since 1970; told in version
    /// 4 to those who stream `parallel`.
    pub aborted_at: Option<(Lsn, i64)>,
}

impl StreamAbort {
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (xid, subxid) = (r.u32()?, r.u32()?);
        let aborted_at = match r.rest() {
            [] => None,
            _ => Some((r.lsn()?, unix_micros(r)?)),
        };
        Ok(Self { xid, subxid, aborted_at })
    }
}

/// A transaction at its PREPARE TRANSACTION.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepare<'a> {
    /// Where the record begins.
    pub prepare_lsn: Lsn,
    /// Behind the record.
    pub end_lsn: Lsn,
    /// When it was prepared, microseconds since 1970.
    pub prepare_micros: i64,
    /// The top-level transaction.
    pub xid: u32,
    /// The name that the user gave it.
    pub gid: &'a str,
}

impl<'a> Prepare<'a> {
    pub(super) fn read(r: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self {
            prepare_lsn: r.lsn()?,
            end_lsn: r.lsn()?,
            prepare_micros: unix_micros(r)?,
            xid: r.u32()?,
            gid: r.c_str()?,
        })
    }

    pub(super) fn read_flagged(r: &mut Reader<'a>) -> Result<Self, WireError> {
        r.u8()?;
        Self::read(r)
    }
}

/// The COMMIT PREPARED of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitPrepared<'a> {
    /// The same that an ordinary commit says.
    pub commit: Commit,
    /// The top-level transaction.
    pub xid: u32,
    /// The name that the user gave it.
    pub gid: &'a str,
}

impl<'a> CommitPrepared<'a> {
    pub(super) fn read(r: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self { commit: Commit::read(r)?, xid: r.u32()?, gid: r.c_str()? })
    }
}

/// The ROLLBACK PREPARED of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollbackPrepared<'a> {
    /// Behind the record of the PREPARE TRANSACTION.
    pub prepare_end_lsn: Lsn,
    /// Behind the record of the rollback.
    pub end_lsn: Lsn,
    /// When it was prepared, microseconds since 1970.
    pub prepare_micros: i64,
    /// When it was rolled back, microseconds since 1970.
    pub rollback_micros: i64,
    /// The top-level transaction.
    pub xid: u32,
    /// The name that the user gave it.
    pub gid: &'a str,
}

impl<'a> RollbackPrepared<'a> {
    pub(super) fn read(r: &mut Reader<'a>) -> Result<Self, WireError> {
        r.u8()?;
        Ok(Self {
            prepare_end_lsn: r.lsn()?,
            end_lsn: r.lsn()?,
            prepare_micros: unix_micros(r)?,
            rollback_micros: unix_micros(r)?,
            xid: r.u32()?,
            gid: r.c_str()?,
        })
    }
}

/// The server counts from 2000 on.
fn unix_micros(r: &mut Reader<'_>) -> Result<i64, WireError> {
    Ok(r.i64()?.saturating_add(POSTGRES_EPOCH_MICROS))
}
