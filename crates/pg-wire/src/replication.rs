//! What flows inside `CopyData` once replication has started.

use bytes::{BufMut, BytesMut};

use crate::error::WireError;
use crate::frontend;
use crate::lsn::Lsn;
use crate::reader::Reader;

/// Microseconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
pub const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// One message of the walsender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicationMessage<'a> {
    /// A message of the output plugin.
    XLogData {
        /// Where its WAL begins.
        start: Lsn,
        /// What the plugin says.
        data: &'a [u8],
    },
    /// A sign of life.
    Keepalive {
        /// Everything that ended before this has been sent.
        wal_end: Lsn,
        /// Whether the server wants an answer now.
        reply_requested: bool,
    },
}

/// Reads the content of a `CopyData`.
///
/// # Errors
/// An unknown or shortened message.
pub fn parse(body: &[u8]) -> Result<ReplicationMessage<'_>, WireError> {
    let mut reader = Reader::new(body, "replication message");
    match reader.u8()? {
        b'w' => {
            let start = reader.lsn()?;
            reader.take(16)?;
            let data = reader.rest();
            Ok(ReplicationMessage::XLogData { start, data })
        }
        b'k' => {
            let wal_end = reader.lsn()?;
            reader.i64()?;
            let reply_requested = reader.u8()? != 0;
            Ok(ReplicationMessage::Keepalive { wal_end, reply_requested })
        }
        tag => Err(WireError::UnknownTag { what: "replication message", tag }),
    }
}

/// What we tell the server of our progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusUpdate {
    /// Received up to here.
    pub written: Lsn,
    /// Durable up to here: the server may forget what lies before.
    pub flushed: Lsn,
    /// Our clock, microseconds since 1970.
    pub unix_micros: i64,
    /// Whether the server shall answer at once.
    pub reply_requested: bool,
}

impl StatusUpdate {
    /// Appends it as a `CopyData` message.
    pub fn append(self, out: &mut BytesMut) {
        frontend::copy_data(out, |out| {
            out.put_u8(b'r');
            out.put_u64(self.written.0);
            out.put_u64(self.flushed.0);
            out.put_u64(self.flushed.0);
            out.put_i64(self.unix_micros - POSTGRES_EPOCH_MICROS);
            out.put_u8(u8::from(self.reply_requested));
        });
    }
}
