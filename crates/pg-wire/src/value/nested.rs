//! Values made of values, with the quotes that each kind of them wants.

use super::array::Dimension;
use super::text::is_space;
use super::value_type::{CompositeField, ValueType, append_integer};
use super::{array, composite, hstore};
use crate::reader::Reader;

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
    let mut elements = array::binary(bytes)?;
    let count = elements.remaining();
    if count == 0 {
        out.extend_from_slice(b"{}");
        return elements.rest().is_empty().then_some(());
    }
    append_bounds(elements.dimensions(), out);
    for at in 0..count {
        if at > 0 {
            out.push(delimiter);
        }
        append_braces(b'{', at, elements.dimensions(), out);
        match elements.next()?? {
            Some(bytes) => append_element(element, delimiter, bytes, out)?,
            None => out.extend_from_slice(b"NULL"),
        }
        append_braces(b'}', at + 1, elements.dimensions(), out);
    }
    elements.rest().is_empty().then_some(())
}

/// The bounds, if a dimension does not begin at 1.
fn append_bounds(dimensions: &[Dimension], out: &mut Vec<u8>) {
    if dimensions.iter().all(|dimension| dimension.lower == 1) {
        return;
    }
    for Dimension { length, lower } in dimensions {
        out.push(b'[');
        append_integer(*lower, out);
        out.push(b':');
        append_integer(i64::from(*lower) + *length as i64 - 1, out);
        out.push(b']');
    }
    out.push(b'=');
}

/// The braces that open or close at a place.
fn append_braces(brace: u8, at: usize, dimensions: &[Dimension], out: &mut Vec<u8>) {
    let mut places = 1;
    for dimension in dimensions.iter().rev() {
        places *= dimension.length;
        if at.is_multiple_of(places) {
            out.push(brace);
        }
    }
}

fn append_element(
    element: &ValueType,
    delimiter: u8,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    let start = out.len();
    element.append_text(bytes, out)?;
    let text = &out[start..];
    let is_special = |b: u8| b == delimiter || matches!(b, b'"' | b'\\' | b'{' | b'}');
    if text.is_empty()
        || text.eq_ignore_ascii_case(b"NULL")
        || text.iter().any(|b| is_special(*b) || is_space(*b))
    {
        quote(out, start, Escape::Backslash);
    }
    Some(())
}

/// `int2vector` and `oidvector`: `1 2 3`
pub(super) fn append_spaced(element: &ValueType, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    for (at, bytes) in array::binary(bytes)?.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        element.append_text(bytes??, out)?;
    }
    Some(())
}

/// A row: `(1,"a b",)`, NULL being nothing at all. A log can hold rows from before its type was
/// altered: each field says of what type it is.
pub(super) fn append_composite(
    fields: &[CompositeField],
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut values = composite::binary(bytes)?;
    out.push(b'(');
    for at in 0..values.remaining() {
        if at > 0 {
            out.push(b',');
        }
        let (oid, Some(bytes)) = values.next()?? else {
            continue;
        };
        let known = fields.get(at).filter(|field| field.oid == oid);
        match known.or_else(|| fields.iter().find(|field| field.oid == oid)) {
            Some(field) => append_part(&field.value, bytes, b"()", out)?,
            None => append_part(&ValueType::built_in(oid)?, bytes, b"()", out)?,
        }
    }
    out.push(b')');
    values.rest().is_empty().then_some(())
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
        append_part(bound, r.sized().ok()?, b"()[]", out)?;
    }
    out.push(b',');
    if flags & NO_UPPER == 0 {
        append_part(bound, r.sized().ok()?, b"()[]", out)?;
    }
    out.push(if flags & UPPER_INCLUSIVE != 0 { b']' } else { b')' });
    r.rest().is_empty().then_some(())
}

/// A field or bound, quoted if it is nothing or holds one of `brackets`.
fn append_part(value: &ValueType, bytes: &[u8], brackets: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    value.append_text(bytes, out)?;
    let text = &out[start..];
    let is_special = |b: u8| matches!(b, b'"' | b'\\' | b',') || brackets.contains(&b);
    if text.is_empty() || text.iter().any(|b| is_special(*b) || is_space(*b)) {
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
    let mut pairs = hstore::binary(bytes)?;
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
