//! Bytes and bits.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use tailwater_pg_wire::value::{ValueType, binary, text};

use super::number::append_word;
use super::{Raw, Unreadable, Written};

/// `binary.handling.mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BinaryForm {
    /// BYTES, which JSON has in base64.
    #[default]
    Bytes,
    Base64,
    Base64UrlSafe,
    Hex,
}

impl BinaryForm {
    /// Appends a `bytea`.
    pub(super) fn append(self, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        if raw.is_binary {
            self.append_plain(raw.bytes, out);
            return Ok(());
        }
        if self == BinaryForm::Hex {
            let digits = raw.bytes.strip_prefix(b"\\x").ok_or(Unreadable)?;
            out.push(b'"');
            out.extend_from_slice(digits);
            out.push(b'"');
            return Ok(());
        }
        let mut plain = Vec::with_capacity(raw.bytes.len() / 2);
        text::bytea(raw.bytes, &mut plain).ok_or(Unreadable)?;
        self.append_plain(&plain, out);
        Ok(())
    }

    /// Appends bytes as they are.
    pub(crate) fn append_plain(self, bytes: &[u8], out: &mut Vec<u8>) {
        out.push(b'"');
        match self {
            BinaryForm::Bytes | BinaryForm::Base64 => append_base64(bytes, out),
            BinaryForm::Base64UrlSafe => append_engine(&URL_SAFE, bytes, out),
            BinaryForm::Hex => append_hex(bytes, out),
        }
        out.push(b'"');
    }

    /// Appends the text of a value without a mapping, as bytes.
    pub(super) fn append_text(self, value: &ValueType, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        if !raw.is_binary {
            self.append_plain(raw.bytes, out);
            return Ok(());
        }
        let mut printed = Vec::new();
        value.append_text(raw.bytes, &mut printed).ok_or(Unreadable)?;
        self.append_plain(&printed, out);
        Ok(())
    }
}

/// Appends base64 without quotes.
pub(crate) fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    append_engine(&STANDARD, bytes, out);
}

fn append_engine(engine: &impl Engine, bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = engine.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
}

/// Appends two digits a byte.
pub(crate) fn append_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(
        bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]),
    );
}

/// The bits as a number, its lowest byte first, without the zero bytes at its end.
pub(super) fn append_bits(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let mut number = Vec::new();
    let mut push = |(at, bit): (usize, bool)| {
        if at % 8 == 0 {
            number.push(0);
        }
        if let Some(byte) = number.last_mut() {
            *byte |= u8::from(bit) << (at % 8);
        }
    };
    if raw.is_binary {
        let (count, bytes) = binary::bits(raw.bytes).ok_or(Unreadable)?;
        let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1 == 1;
        (0..count).rev().map(bit).enumerate().for_each(&mut push);
    } else {
        let bits = text::bits(raw.bytes).ok_or(Unreadable)?;
        bits.rev().enumerate().for_each(&mut push);
    }
    while number.last() == Some(&0) {
        number.pop();
    }
    BinaryForm::Bytes.append_plain(&number, out);
    Ok(())
}

/// The only bit.
pub(super) fn append_bit(raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
    let is_set = if raw.is_binary {
        let (count, bytes) = binary::bits(raw.bytes).ok_or(Unreadable)?;
        count > 0 && bytes.first().is_some_and(|byte| byte >> 7 == 1)
    } else {
        raw.bytes == b"1"
    };
    append_word(is_set, out);
    Ok(())
}
