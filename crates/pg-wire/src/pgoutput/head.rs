//! What a dispatcher must know of a message before anybody reads it.

use super::{carries_xid, unknown};
use crate::error::WireError;
use crate::reader::Reader;

/// Where a message lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Block {
    /// Outside of any block.
    #[default]
    None,
    /// Between a Stream Start and its Stream Stop.
    Stream,
}

/// The first fields of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which message it is.
    pub tag: u8,
    /// The (sub)transaction of a change in a block.
    pub xid: Option<u32>,
    /// The table of an insert, update, delete or description of a table.
    pub relation: Option<u32>,
}

/// Reads the first fields of a message and nothing behind them.
///
/// # Errors
/// A message too short for them, or an unknown tag.
pub fn head(data: &[u8], block: Block) -> Result<Head, WireError> {
    let mut r = Reader::new(data, "pgoutput message");
    let tag = r.u8()?;
    let is_boundary = matches!(
        tag,
        b'B' | b'C' | b'O' | b'S' | b'E' | b'c' | b'A' | b'b' | b'P' | b'p' | b'K' | b'r'
    );
    if is_boundary {
        return Ok(Head { tag, xid: None, relation: None });
    }
    if !carries_xid(tag) {
        return Err(unknown(tag));
    }
    let xid = match block {
        Block::Stream => Some(r.u32()?),
        Block::None => None,
    };
    let relation = match tag {
        b'I' | b'U' | b'D' | b'R' => Some(r.u32()?),
        _ => None,
    };
    Ok(Head { tag, xid, relation })
}
