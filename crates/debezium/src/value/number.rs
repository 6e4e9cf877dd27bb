//! Numbers that JSON has.

use tailwater_pg_wire::value::{binary, text};

use super::{IntegerWidth, Raw, Unreadable, Written};

pub(super) fn append_integer(width: IntegerWidth, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    if !raw.is_binary {
        let is_number = |b: &u8| b.is_ascii_digit() || *b == b'-';
        if raw.bytes.is_empty() || !raw.bytes.iter().all(is_number) {
            return Err(Unreadable);
        }
        out.extend_from_slice(raw.bytes);
        return Ok(());
    }
    let value = match width {
        IntegerWidth::Int2 => binary::int2(raw.bytes).map(i64::from),
        IntegerWidth::Int4 => binary::int4(raw.bytes).map(i64::from),
        IntegerWidth::Int8 => binary::int8(raw.bytes),
        IntegerWidth::Oid => binary::oid(raw.bytes).map(i64::from),
    };
    append_i64(value.ok_or(Unreadable)?, out);
    Ok(())
}

pub(crate) fn append_i64(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

pub(super) fn append_bool(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let value = if raw.is_binary { binary::boolean(raw.bytes) } else { text::boolean(raw.bytes) };
    append_word(value.ok_or(Unreadable)?, out);
    Ok(())
}

pub(super) fn append_word(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

pub(super) fn append_float4(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let value: Option<f32> =
        if raw.is_binary { binary::float4(raw.bytes) } else { text::number(raw.bytes) };
    let value = value.ok_or(Unreadable)?;
    if value.is_finite() {
        append_java(zmij::Buffer::new().format_finite(value), out);
    } else {
        append_special(f64::from(value), out);
    }
    Ok(())
}

pub(super) fn append_float8(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let value: Option<f64> =
        if raw.is_binary { binary::float8(raw.bytes) } else { text::number(raw.bytes) };
    append_double(value.ok_or(Unreadable)?, out);
    Ok(())
}

/// A double as Java prints it; what is no number in quotes.
pub(crate) fn append_double(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        append_java(zmij::Buffer::new().format_finite(value), out);
    } else {
        append_special(value, out);
    }
}

fn append_special(value: f64, out: &mut Vec<u8>) {
    let word: &[u8] = match value {
        _ if value.is_nan() => b"\"NaN\"",
        _ if value > 0.0 => b"\"Infinity\"",
        _ => b"\"-Infinity\"",
    };
    out.extend_from_slice(word);
}

/// Shortest digits in Java's form: from 0.001 up to 10^7 plain, else `d.dddE±n`.
fn append_java(shortest: &str, out: &mut Vec<u8>) {
    let (negative, digits) = match shortest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, shortest),
    };
    if negative {
        out.push(b'-');
    }
    let (mantissa, power) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let zeros = all.iter().take_while(|b| **b == b'0').count();
    let significant = &all[zeros..];
    let significant = match significant.iter().rposition(|b| *b != b'0') {
        Some(last) => &significant[..=last],
        None => return out.extend_from_slice(b"0.0"),
    };
    // The place of the first significant digit: 0 is the ones.
    let place = whole.len() as i32 - 1 - zeros as i32 + power;
    match place {
        0..7 => {
            let place = place as usize;
            for at in 0..=place.max(significant.len().saturating_sub(1)) {
                if at == place + 1 {
                    out.push(b'.');
                }
                out.push(significant.get(at).copied().unwrap_or(b'0'));
            }
            if significant.len() <= place + 1 {
                out.extend_from_slice(b".0");
            }
        }
        -3..0 => {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', (-1 - place) as usize));
            out.extend_from_slice(significant);
        }
        _ => {
            out.push(significant[0]);
            out.push(b'.');
            let rest = &significant[1..];
            out.extend_from_slice(if rest.is_empty() { b"0" } else { rest });
            out.push(b'E');
            append_i64(i64::from(place), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_printed_as_java_prints_them() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (100.0, "100.0"),
            (1234.56, "1234.56"),
            (9_999_999_999.0, "9.999999999E9"),
            (1e7, "1.0E7"),
            (9_999_999.5, "9999999.5"),
            (0.001, "0.001"),
            (0.000_12, "1.2E-4"),
            (-1e-20, "-1.0E-20"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::NAN, "\"NaN\""),
        ] {
            let mut out = Vec::new();
            append_double(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
