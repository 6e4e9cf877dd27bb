//! The types of pgvector as it prints them.

use super::float::append_float4;
use super::value_type::append_integer;
use crate::reader::Reader;

/// `vector`
pub(super) fn append_dense(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (numbers, _) = numbers(bytes, 4)?.as_chunks::<4>();
    append_all(numbers.iter().map(|n| f32::from_be_bytes(*n)), out);
    Some(())
}

/// `halfvec`
pub(super) fn append_half(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (numbers, _) = numbers(bytes, 2)?.as_chunks::<2>();
    append_all(numbers.iter().map(|n| half(u16::from_be_bytes(*n))), out);
    Some(())
}

/// What stands behind the number of dimensions, which must be right.
fn numbers(bytes: &[u8], width: usize) -> Option<&[u8]> {
    let ([high, low, _, _], numbers) = bytes.split_first_chunk::<4>()?;
    let count = usize::from(u16::from_be_bytes([*high, *low]));
    (numbers.len() == count * width).then_some(numbers)
}

fn append_all(numbers: impl Iterator<Item = f32>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, number) in numbers.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        append_float4(number, out);
    }
    out.push(b']');
}

/// `sparsevec`: only the numbers that are not zero, counted from one.
pub(super) fn append_sparse(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut r = Reader::new(bytes, "sparsevec");
    let dimensions = r.i32().ok()?;
    let count = r.u32().ok()? as usize;
    r.u32().ok()?;
    let (places, rest) = r.take(count.checked_mul(4)?).ok()?.as_chunks::<4>();
    let (numbers, after) = r.rest().as_chunks::<4>();
    if numbers.len() != count || !rest.is_empty() || !after.is_empty() {
        return None;
    }
    out.push(b'{');
    for (at, (place, number)) in places.iter().zip(numbers).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        append_integer(i64::from(i32::from_be_bytes(*place)) + 1, out);
        out.push(b':');
        append_float4(f32::from_be_bytes(*number), out);
    }
    out.extend_from_slice(b"}/");
    append_integer(dimensions, out);
    Some(())
}

/// A number of 16 bits: 5 of exponent, 10 of fraction.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x3ff);
    sign * match bits >> 10 & 31 {
        0 => fraction * f32::exp2(-24.0),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1024.0 + fraction) * f32::exp2(f32::from(exponent) - 25.0),
    }
}
