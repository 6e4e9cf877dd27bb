//! Rows of `COPY ... TO STDOUT (FORMAT binary)`.

use crate::error::WireError;
use crate::reader::Reader;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Reads the header and says how many bytes it takes up.
///
/// # Errors
/// Anything but a header of this format.
pub fn header_length(bytes: &[u8]) -> Result<usize, WireError> {
    let mut reader = Reader::new(bytes, "copy header");
    if reader.take(SIGNATURE.len())? != SIGNATURE {
        return Err(reader.invalid());
    }
    reader.u32()?;
    reader.sized()?;
    Ok(bytes.len() - reader.rest().len())
}

/// The fields of one row in order, `None` for NULL.
#[derive(Clone)]
pub struct CopyRow<'a> {
    reader: Reader<'a>,
    left: u16,
}

/// Starts to read the row at the head of `bytes`; `None` is the mark behind the last row.
///
/// # Errors
/// No row at all.
pub fn row(bytes: &[u8]) -> Result<Option<CopyRow<'_>>, WireError> {
    let mut reader = Reader::new(bytes, "copied row");
    match reader.u16()? {
        u16::MAX => Ok(None),
        left => Ok(Some(CopyRow { reader, left })),
    }
}

impl<'a> CopyRow<'a> {
    /// How many fields have not been read.
    pub fn remaining(&self) -> usize {
        usize::from(self.left)
    }

    /// What follows behind the fields read so far.
    pub fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }
}

impl<'a> Iterator for CopyRow<'a> {
    type Item = Result<Option<&'a [u8]>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = self.reader.i32().and_then(|length| match length {
            ..0 => Ok(None),
            length => self.reader.take(length as usize).map(Some),
        });
        if field.is_err() {
            self.left = 0;
        }
        Some(field)
    }
}
