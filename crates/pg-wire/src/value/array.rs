//! One-dimensional arrays.

use crate::reader::Reader;

/// The elements of an array in the binary format, `None` for NULL.
#[derive(Clone)]
pub struct Elements<'a> {
    reader: Reader<'a>,
    left: u32,
}

/// Reads the head of an array in the binary format; `None` also for more than one dimension.
pub fn binary(bytes: &[u8]) -> Option<Elements<'_>> {
    let mut reader = Reader::new(bytes, "array");
    let dimensions = reader.u32().ok()?;
    reader.u32().ok()?;
    reader.u32().ok()?;
    let left = match dimensions {
        0 => 0,
        1 => {
            let length = reader.u32().ok()?;
            reader.u32().ok()?;
            length
        }
        _ => return None,
    };
    // Each element takes at least its length: no count beyond the bytes is believed.
    (left as usize <= reader.rest().len() / 4).then_some(Elements { reader, left })
}

impl Elements<'_> {
    /// How many elements there are.
    pub fn remaining(&self) -> usize {
        self.left as usize
    }
}

impl<'a> Iterator for Elements<'a> {
    /// The element, or `None` where the bytes end too early.
    type Item = Option<Option<&'a [u8]>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let element = self.reader.i32().and_then(|length| match length {
            ..0 => Ok(None),
            length => self.reader.take(length as usize).map(Some),
        });
        Some(element.ok())
    }
}

/// The elements of an array as text, each unquoted, `None` for NULL.
pub fn text(text: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
    // Bounds other than from 1 on are written in front: `[0:2]={...}`.
    let text = match text.first()? {
        b'[' => text.splitn(2, |b| *b == b'=').nth(1)?,
        _ => text,
    };
    let inner = text.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let mut elements = Vec::new();
    let mut rest = inner;
    while !rest.is_empty() {
        let (element, after) = match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted_element(quoted)?,
            None => bare_element(rest)?,
        };
        elements.push(element);
        rest = match after.split_first() {
            None => break,
            Some((b',', after)) if !after.is_empty() => after,
            Some(_) => return None,
        };
    }
    Some(elements)
}

type Element<'a> = (Option<Vec<u8>>, &'a [u8]);

fn quoted_element(quoted: &[u8]) -> Option<Element<'_>> {
    let mut element = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((Some(element), &quoted[at + 1..])),
            b'\\' => element.push(*bytes.next()?.1),
            other => element.push(*other),
        }
    }
    None
}

fn bare_element(rest: &[u8]) -> Option<Element<'_>> {
    let end = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
    let (bare, after) = rest.split_at(end);
    if bare.is_empty() || bare.contains(&b'{') || bare.contains(&b'"') {
        return None;
    }
    let element = (!bare.eq_ignore_ascii_case(b"NULL")).then(|| bare.to_vec());
    Some((element, after))
}
