//! Arrays of any dimensions, element by element.

use super::text::is_space;
use crate::reader::Reader;

/// The server's own limit.
pub const MAX_DIMENSIONS: usize = 6;

/// The elements of an array in the binary format, the last dimension running fastest, `None` for
/// NULL.
#[derive(Clone)]
pub struct Elements<'a> {
    reader: Reader<'a>,
    dimensions: [Dimension; MAX_DIMENSIONS],
    rank: usize,
    left: usize,
}

/// How long a dimension is and where it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimension {
    /// How many places it has.
    pub length: usize,
    /// The number of the first one, as a rule 1.
    pub lower: i32,
}

/// Reads the head of an array in the binary format.
pub fn binary(bytes: &[u8]) -> Option<Elements<'_>> {
    let mut reader = Reader::new(bytes, "array");
    let rank = reader.u32().ok()? as usize;
    reader.take(8).ok()?;
    let mut dimensions = [Dimension::default(); MAX_DIMENSIONS];
    let mut left = usize::from(rank > 0);
    for dimension in dimensions.get_mut(..rank)? {
        let length = usize::try_from(reader.i32().ok()?).ok()?;
        *dimension = Dimension { length, lower: reader.i32().ok()? };
        left = left.checked_mul(length)?;
    }
    // Each element takes at least its length: no count beyond the bytes is believed.
    (left <= reader.rest().len() / 4).then_some(Elements { reader, dimensions, rank, left })
}

impl<'a> Elements<'a> {
    /// How many elements there are.
    pub fn remaining(&self) -> usize {
        self.left
    }

    /// Its dimensions, the outermost first; an empty array may have none.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions[..self.rank]
    }

    /// What follows behind the elements read so far.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }
}

impl<'a> Iterator for Elements<'a> {
    /// The element, or `None` where the bytes end too early.
    type Item = Option<Option<&'a [u8]>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.reader.nullable().ok())
    }
}

/// An array as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextArray {
    /// The lengths of its dimensions, none for an empty array.
    pub lengths: Vec<usize>,
    /// Its elements, each unquoted, `None` for NULL, the last dimension running fastest.
    pub elements: Vec<Option<Vec<u8>>>,
}

/// Reads an array as text whose elements are parted by `delimiter`.
pub fn text(text: &[u8], delimiter: u8) -> Option<TextArray> {
    // Bounds other than from 1 on are written in front: `[0:2]={...}`.
    let mut rest = match text.first()? {
        b'[' => text.splitn(2, |b| *b == b'=').nth(1)?,
        _ => text,
    };
    if rest == b"{}" {
        return Some(TextArray { lengths: Vec::new(), elements: Vec::new() });
    }
    let rank = rest.iter().take_while(|b| **b == b'{').count();
    if rank == 0 || rank > MAX_DIMENSIONS {
        return None;
    }
    // How many places are filled of each open brace's dimension; the lengths that the first of each
    // has had.
    let mut filled = Vec::with_capacity(rank);
    let mut lengths = vec![None; rank];
    let mut elements = Vec::new();
    loop {
        while let Some(after) = rest.strip_prefix(b"{") {
            filled.push(0);
            rest = after;
        }
        if filled.len() != rank {
            return None;
        }
        let (element, after) = match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted_element(quoted)?,
            None => bare_element(rest, delimiter)?,
        };
        elements.push(element);
        rest = after;
        *filled.last_mut()? += 1_usize;
        while let Some(after) = rest.strip_prefix(b"}") {
            let length = filled.pop()?;
            if *lengths[filled.len()].get_or_insert(length) != length {
                return None;
            }
            rest = after;
            match filled.last_mut() {
                Some(outer) => *outer += 1,
                None if rest.is_empty() => {
                    let lengths = lengths.into_iter().collect::<Option<_>>()?;
                    return Some(TextArray { lengths, elements });
                }
                None => return None,
            }
        }
        rest = rest.split_first().filter(|(byte, _)| **byte == delimiter)?.1;
    }
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

fn bare_element(rest: &[u8], delimiter: u8) -> Option<Element<'_>> {
    let end = rest.iter().position(|b| *b == delimiter || *b == b'}')?;
    let (bare, after) = rest.split_at(end);
    let is_quotable = |b: &u8| matches!(b, b'{' | b'"' | b'\\') || is_space(*b);
    if bare.is_empty() || bare.iter().any(is_quotable) {
        return None;
    }
    let element = (!bare.eq_ignore_ascii_case(b"NULL")).then(|| bare.to_vec());
    Some((element, after))
}
