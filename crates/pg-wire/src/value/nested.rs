//! Values made of values, with the quotes that each kind of them wants.

use super::value_type::{CompositeField, ValueType, append_integer};
use crate::reader::Reader;

const MAX_DIMENSIONS: usize = 6;

/// How a quote or backslash within quotes is marked.
#[derive(Clone, Copy)]
enum Escape {
    Backslash,
    Doubled,
}

/// An array: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`, `[0:1]={1,2}`.
pub(super) fn append_array(
    element: &ValueType,
    delimiter: u8,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut r = Reader::new(bytes, "array");
    let mut lengths = [0; MAX_DIMENSIONS];
    let lengths = read_dimensions(&mut r, &mut lengths, out)?;
    // The smallest element is its length alone.
    let count = lengths.iter().try_fold(1_usize, |n, length| n.checked_mul(*length))?;
    if lengths.is_empty() || count == 0 {
        out.extend_from_slice(b"{}");
        return r.rest().is_empty().then_some(());
    }
    if count > r.rest().len() / 4 {
        return None;
    }
    for at in 0..count {
        if at > 0 {
            out.push(delimiter);
        }
        out.extend(lengths.iter().rev().scan(1, |n, length| {
            *n *= length;
            (at % *n == 0).then_some(b'{')
        }));
        append_element(element, delimiter, &mut r, out)?;
        out.extend(lengths.iter().rev().scan(1, |n, length| {
            *n *= length;
            ((at + 1) % *n == 0).then_some(b'}')
        }));
    }
    r.rest().is_empty().then_some(())
}

/// Reads the head of an array and appends its bounds if one does not begin at 1.
fn read_dimensions<'l>(
    r: &mut Reader<'_>,
    lengths: &'l mut [usize; MAX_DIMENSIONS],
    out: &mut Vec<u8>,
) -> Option<&'l [usize]> {
    let dimensions = r.u32().ok()? as usize;
    r.take(8).ok()?;
    let lengths = lengths.get_mut(..dimensions)?;
    let start = out.len();
    let mut is_plain = true;
    for length in lengths.iter_mut() {
        let (count, lower) = (r.i32().ok()?, r.i32().ok()?);
        *length = usize::try_from(count).ok()?;
        is_plain &= lower == 1;
        out.push(b'[');
        append_integer(lower, out);
        out.push(b':');
        append_integer(i64::from(lower) + i64::from(count) - 1, out);
        out.push(b']');
    }
    if is_plain || lengths.contains(&0) {
        out.truncate(start);
    } else {
        out.push(b'=');
    }
    Some(lengths)
}

fn append_element(
    element: &ValueType,
    delimiter: u8,
    r: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let Some(bytes) = r.nullable().ok()? else {
        out.extend_from_slice(b"NULL");
        return Some(());
    };
    let start = out.len();
    element.append_text(bytes, out)?;
    let text = &out[start..];
    let is_special = |b: &u8| matches!(b, b'"' | b'\\' | b'{' | b'}') || is_space(b);
    if text.is_empty()
        || text.eq_ignore_ascii_case(b"NULL")
        || text.iter().any(|b| *b == delimiter || is_special(b))
    {
        quote(out, start, Escape::Backslash);
    }
    Some(())
}

/// `int2vector` and `oidvector`: `1 2 3`
pub(super) fn append_spaced(element: &ValueType, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    for (at, bytes) in super::array::binary(bytes)?.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        element.append_text(bytes??, out)?;
    }
    Some(())
}

/// A row: `(1,"a b",)`, NULL being nothing at all.
pub(super) fn append_composite(
    fields: &[CompositeField],
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut r = Reader::new(bytes, "composite value");
    if r.u32().ok()? as usize != fields.len() {
        return None;
    }
    out.push(b'(');
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        r.u32().ok()?;
        let Some(bytes) = r.nullable().ok()? else {
            continue;
        };
        let start = out.len();
        field.value.append_text(bytes, out)?;
        let text = &out[start..];
        let is_special = |b: &u8| matches!(b, b'"' | b'\\' | b'(' | b')' | b',') || is_space(b);
        if text.is_empty() || text.iter().any(is_special) {
            quote(out, start, Escape::Doubled);
        }
    }
    out.push(b')');
    r.rest().is_empty().then_some(())
}

/// A range: `[1,10)`, `("2024-01-01 00:00:00",)`, `empty`.
pub(super) fn append_range(bound: &ValueType, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const EMPTY: u8 = 1;
    const LOWER_INCLUSIVE: u8 = 2;
    const UPPER_INCLUSIVE: u8 = 4;
    const NO_LOWER: u8 = 8 | 32;
    const NO_UPPER: u8 = 16 | 64;
    let mut r = Reader::new(bytes, "range");
    let flags = r.u8().ok()?;
    if flags & EMPTY != 0 {
        out.extend_from_slice(b"empty");
        return r.rest().is_empty().then_some(());
    }
    out.push(if flags & LOWER_INCLUSIVE != 0 { b'[' } else { b'(' });
    if flags & NO_LOWER == 0 {
        append_bound(bound, r.sized().ok()?, out)?;
    }
    out.push(b',');
    if flags & NO_UPPER == 0 {
        append_bound(bound, r.sized().ok()?, out)?;
    }
    out.push(if flags & UPPER_INCLUSIVE != 0 { b']' } else { b')' });
    r.rest().is_empty().then_some(())
}

fn append_bound(bound: &ValueType, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    bound.append_text(bytes, out)?;
    let text = &out[start..];
    let is_special =
        |b: &u8| matches!(b, b'"' | b'\\' | b'(' | b')' | b'[' | b']' | b',') || is_space(b);
    if text.is_empty() || text.iter().any(is_special) {
        quote(out, start, Escape::Doubled);
    }
    Some(())
}

/// A multirange: `{[1,3),[5,8)}`
pub(super) fn append_multirange(bound: &ValueType, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut r = Reader::new(bytes, "multirange");
    out.push(b'{');
    for at in 0..r.u32().ok()? {
        if at > 0 {
            out.push(b',');
        }
        append_range(bound, r.sized().ok()?, out)?;
    }
    out.push(b'}');
    r.rest().is_empty().then_some(())
}

/// `hstore`: `"a"=>"1", "b"=>NULL`
pub(super) fn append_hstore(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut pairs = super::binary::hstore(bytes)?;
    for at in 0..pairs.remaining() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        let (key, value) = pairs.next()??;
        append_quoted(key, out);
        out.extend_from_slice(b"=>");
        match value {
            None => out.extend_from_slice(b"NULL"),
            Some(value) => append_quoted(value, out),
        }
    }
    Some(())
}

fn append_quoted(text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text);
    quote(out, start, Escape::Backslash);
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Puts what stands behind `start` into quotes, in place.
fn quote(out: &mut Vec<u8>, start: usize, escape: Escape) {
    let is_marked = |byte: u8| matches!(byte, b'"' | b'\\');
    let marks = out[start..].iter().filter(|b| is_marked(**b)).count();
    let end = out.len();
    out.resize(end + marks + 2, b'"');
    let mut to = out.len() - 1;
    for from in (start..end).rev() {
        let byte = out[from];
        to -= 1;
        out[to] = byte;
        if is_marked(byte) {
            to -= 1;
            out[to] = match escape {
                Escape::Backslash => b'\\',
                Escape::Doubled => byte,
            };
        }
    }
    out[start] = b'"';
}
