//! Rows of the stream.

use crate::error::WireError;
use crate::reader::Reader;

/// One row whose cells have been checked to lie within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple<'a> {
    count: u16,
    bytes: &'a [u8],
}

/// One column of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// A value stored out of line that an update has not touched: it is not sent.
    UnchangedToast,
    /// The value as text.
    Text(&'a [u8]),
    /// The value in the type's binary format.
    Binary(&'a [u8]),
}

/// Where a cell lies in its row, without a lifetime, so that a list of them can be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellSlot {
    tag: u8,
    start: u32,
    length: u32,
}

pub(super) fn read<'a>(r: &mut Reader<'a>) -> Result<Tuple<'a>, WireError> {
    let count = r.u16()?;
    let bytes = r.rest();
    for _ in 0..count {
        match r.u8()? {
            b'n' | b'u' => {}
            b't' | b'b' => {
                r.sized()?;
            }
            tag => {
                return Err(WireError::UnknownTag { what: "cell of a row", tag });
            }
        }
    }
    let length = bytes.len() - r.rest().len();
    Ok(Tuple { count, bytes: &bytes[..length] })
}

impl<'a> Tuple<'a> {
    /// How many cells.
    pub fn len(self) -> usize {
        usize::from(self.count)
    }

    /// Whether there is no cell.
    pub fn is_empty(self) -> bool {
        self.count == 0
    }

    /// Replaces the content of `slots` by where this row's cells lie.
    pub fn index_into(self, slots: &mut Vec<CellSlot>) {
        slots.clear();
        let mut at = 0;
        while let Some((&tag, rest)) = self.bytes.get(at..).and_then(<[u8]>::split_first) {
            let sized = matches!(tag, b't' | b'b');
            let length = rest.first_chunk::<4>().filter(|_| sized);
            let length = length.map_or(0, |l| u32::from_be_bytes(*l));
            let start = at + if sized { 5 } else { 1 };
            slots.push(CellSlot { tag, start: start as u32, length });
            at = start + length as usize;
        }
    }

    /// The cell at a slot of this row; NULL at one of another row.
    pub fn cell(self, slot: CellSlot) -> Cell<'a> {
        let start = slot.start as usize;
        let bytes = self.bytes.get(start..start + slot.length as usize);
        match (slot.tag, bytes) {
            (b't', Some(bytes)) => Cell::Text(bytes),
            (b'b', Some(bytes)) => Cell::Binary(bytes),
            (b'u', _) => Cell::UnchangedToast,
            _ => Cell::Null,
        }
    }

    /// All cells in order.
    pub fn cells(self) -> Vec<Cell<'a>> {
        self.iter().collect()
    }

    /// The same one by one.
    pub fn iter(self) -> impl Iterator<Item = Cell<'a>> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (&tag, after) = rest.split_first()?;
            if !matches!(tag, b't' | b'b') {
                rest = after;
                return Some(if tag == b'u' { Cell::UnchangedToast } else { Cell::Null });
            }
            let (length, after) = after.split_first_chunk::<4>()?;
            let (bytes, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            rest = after;
            Some(if tag == b't' { Cell::Text(bytes) } else { Cell::Binary(bytes) })
        })
    }
}
