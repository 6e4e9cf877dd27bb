//! Figures as the server prints them.

use super::ValueType;
use super::float::append_float8;
use crate::reader::Reader;

const IS_POINT: u32 = 1 << 31;

/// Appends a value of one of the geometric types.
pub(super) fn append(figure: &ValueType, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut r = Reader::new(bytes, "geometric value");
    match figure {
        ValueType::Point => append_points(&mut r, 1, out)?,
        ValueType::Box => append_points(&mut r, 2, out)?,
        ValueType::LineSegment => {
            out.push(b'[');
            append_points(&mut r, 2, out)?;
            out.push(b']');
        }
        ValueType::Line => {
            out.push(b'{');
            append_list(&mut r, 3, b",", out)?;
            out.push(b'}');
        }
        ValueType::Path => {
            let [open, close] = if r.u8().ok()? == 0 { *b"[]" } else { *b"()" };
            let count = r.u32().ok()?;
            out.push(open);
            append_points(&mut r, count, out)?;
            out.push(close);
        }
        ValueType::Polygon => {
            let count = r.u32().ok()?;
            out.push(b'(');
            append_points(&mut r, count, out)?;
            out.push(b')');
        }
        ValueType::Circle => {
            out.push(b'<');
            append_points(&mut r, 1, out)?;
            out.push(b',');
            append_list(&mut r, 1, b",", out)?;
            out.push(b'>');
        }
        ValueType::Cube => append_cube(&mut r, out)?,
        _ => return None,
    }
    r.rest().is_empty().then_some(())
}

fn append_points(r: &mut Reader<'_>, count: u32, out: &mut Vec<u8>) -> Option<()> {
    for at in 0..count {
        if at > 0 {
            out.push(b',');
        }
        out.push(b'(');
        append_list(r, 2, b",", out)?;
        out.push(b')');
    }
    Some(())
}

fn append_list(r: &mut Reader<'_>, count: u32, separator: &[u8], out: &mut Vec<u8>) -> Option<()> {
    for at in 0..count {
        if at > 0 {
            out.extend_from_slice(separator);
        }
        append_float8(f64::from_bits(r.u64().ok()?), out);
    }
    Some(())
}

/// Two corners, or one if both are the same.
fn append_cube(r: &mut Reader<'_>, out: &mut Vec<u8>) -> Option<()> {
    let head = r.u32().ok()?;
    let dimensions = head & !IS_POINT;
    let start = out.len();
    out.push(b'(');
    append_list(r, dimensions, b", ", out)?;
    out.push(b')');
    if head & IS_POINT == 0 && dimensions > 0 {
        let first = out.len();
        out.extend_from_slice(b",(");
        append_list(r, dimensions, b", ", out)?;
        out.push(b')');
        if out[start..first] == out[first + 1..] {
            out.truncate(first);
        }
    }
    Some(())
}
