//! JSON's strings.

use tailwater_pg_wire::value::ValueType;

use super::{Raw, Unreadable, ValueWriter, Written};

/// Whether a byte cannot stand in a JSON string as it is.
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = is_special(at as u8);
        at += 1;
    }
    table
};

/// Whether one of eight bytes is special.
fn has_special(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero_in = |v: u64| v.wrapping_sub(ONES) & !v & HIGH;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    below_space | zero_in(word ^ (ONES * 0x22)) | zero_in(word ^ (ONES * 0x5c)) != 0
}

fn first_special(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let plain = words.iter().take_while(|w| !has_special(u64::from_le_bytes(**w))).count() * 8;
    let rest = bytes.get(plain..)?;
    rest.iter().position(|b| SPECIAL[usize::from(*b)]).map(|at| plain + at)
}

/// Appends text in quotes, with escapes where there must be some.
pub(crate) fn append_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    append_escaped(text, out);
    out.push(b'"');
}

/// The same without the quotes.
pub(crate) fn append_escaped(mut text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    while let Some(at) = first_special(text) {
        out.extend_from_slice(&text[..at]);
        let byte = text[at];
        let letter = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            b'"' | b'\\' => byte,
            _ => {
                let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]);
                text = &text[at + 1..];
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
}

/// A string that is sent as it is.
pub(super) fn append_text(bytes: &[u8], out: &mut Vec<u8>) -> Written {
    // The server's encoding is set to UTF-8; only SQL_ASCII databases send what they were given.
    if std::str::from_utf8(bytes).is_err() {
        return Err(Unreadable);
    }
    append_string(bytes, out);
    Ok(())
}

/// A string whose binary format is printed here.
pub(super) fn append_printed(value: &ValueType, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    if !raw.is_binary {
        return append_text(raw.bytes, out);
    }
    out.push(b'"');
    let start = out.len();
    value.append_text(raw.bytes, out).ok_or(Unreadable)?;
    if std::str::from_utf8(&out[start..]).is_err() {
        return Err(Unreadable);
    }
    if first_special(&out[start..]).is_some() {
        let plain = out.split_off(start);
        append_escaped(&plain, out);
    }
    out.push(b'"');
    Ok(())
}

/// Hands over a string column's text. For masks only: it takes memory.
pub(super) fn with_plain_text(
    inner: &ValueWriter,
    raw: Raw<'_>,
    take: impl FnOnce(&str),
) -> Written {
    let mut printed = Vec::new();
    let bytes = match inner {
        ValueWriter::Printed(value) if raw.is_binary => {
            value.append_text(raw.bytes, &mut printed).ok_or(Unreadable)?;
            printed.as_slice()
        }
        _ => raw.bytes,
    };
    take(std::str::from_utf8(bytes).map_err(|_| Unreadable)?);
    Ok(())
}
