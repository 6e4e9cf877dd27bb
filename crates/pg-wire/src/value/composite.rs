//! Rows as values, field by field.

use crate::reader::Reader;

/// The fields of a row in the binary format: the object id of the type, and the value, `None` for
/// NULL.
#[derive(Clone)]
pub struct Fields<'a> {
    reader: Reader<'a>,
    left: u32,
}

/// Reads the head of a row in the binary format.
pub fn binary(bytes: &[u8]) -> Option<Fields<'_>> {
    let mut reader = Reader::new(bytes, "composite value");
    let left = reader.u32().ok()?;
    // Each field takes at least its type and length: no count beyond the bytes is believed.
    (left as usize <= reader.rest().len() / 8).then_some(Fields { reader, left })
}

impl<'a> Fields<'a> {
    /// How many fields there are.
    pub fn remaining(&self) -> usize {
        self.left as usize
    }

    /// What follows behind the fields read so far.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }
}

impl<'a> Iterator for Fields<'a> {
    /// The field, or `None` where the bytes end too early.
    type Item = Option<(u32, Option<&'a [u8]>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let oid = self.reader.u32().ok();
        let value = self.reader.nullable().ok();
        Some(oid.zip(value))
    }
}

/// Reads a row as text: its fields, each unquoted, `None` for NULL.
pub fn text(text: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
    let inner = text.strip_prefix(b"(")?.strip_suffix(b")")?;
    let mut fields = vec![None];
    let mut is_quoted = false;
    let mut bytes = inner.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let field = fields.last_mut()?;
        match byte {
            b',' if !is_quoted => fields.push(None),
            b'"' if is_quoted && bytes.peek() == Some(&b'"') => {
                bytes.next();
                field.get_or_insert_with(Vec::new).push(b'"');
            }
            b'"' => {
                is_quoted = !is_quoted;
                field.get_or_insert_with(Vec::new);
            }
            b'\\' => field.get_or_insert_with(Vec::new).push(bytes.next()?),
            other => field.get_or_insert_with(Vec::new).push(other),
        }
    }
    (!is_quoted).then_some(fields)
}
