//! `hstore`, entry by entry.

use crate::reader::Reader;

/// The entries of an `hstore` in the server's order.
#[derive(Clone)]
pub struct Pairs<'a> {
    reader: Reader<'a>,
    left: u32,
}

/// Reads the head of an `hstore` in the binary format.
pub fn binary(bytes: &[u8]) -> Option<Pairs<'_>> {
    let mut reader = Reader::new(bytes, "hstore");
    let left = reader.u32().ok()?;
    // Each entry takes at least its two lengths: no count beyond the bytes is believed.
    (left as usize <= reader.rest().len() / 8).then_some(Pairs { reader, left })
}

impl Pairs<'_> {
    /// How many entries there are.
    pub fn remaining(&self) -> usize {
        self.left as usize
    }
}

impl<'a> Iterator for Pairs<'a> {
    /// Key and value, `None` for a NULL, or `None` where the bytes end too early.
    type Item = Option<(&'a [u8], Option<&'a [u8]>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = self.reader.sized().ok();
        let value = self.reader.nullable().ok();
        Some(key.zip(value))
    }
}

/// An entry, unquoted.
pub type TextPair = (Vec<u8>, Option<Vec<u8>>);

/// Reads an `hstore` as the server prints it: `"a"=>"1", "b"=>NULL`.
pub fn text(text: &[u8]) -> Option<Vec<TextPair>> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after) = quoted(rest)?;
        let after = after.strip_prefix(b"=>")?;
        let (value, after) = match after.strip_prefix(b"NULL") {
            Some(after) => (None, after),
            None => quoted(after).map(|(value, after)| (Some(value), after))?,
        };
        pairs.push((key, value));
        rest = match after {
            [] => after,
            _ => after.strip_prefix(b", ").filter(|after| !after.is_empty())?,
        };
    }
    Some(pairs)
}

fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    let mut unquoted = Vec::new();
    let mut bytes = inner.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((unquoted, &inner[at + 1..])),
            b'\\' => unquoted.push(*bytes.next()?.1),
            other => unquoted.push(*other),
        }
    }
    None
}
