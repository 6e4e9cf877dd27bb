//! `numeric` and `money` in the three ways of `decimal.handling.mode`.

use tailwater_pg_wire::value::{binary, numeric, text};

use super::bytes::append_base64;
use super::json::append_string;
use super::number::{append_double, append_i64};
use super::{Raw, Unreadable, Written};

/// How a decimal number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalForm {
    /// Connect's `Decimal` of this scale: an unscaled number.
    Scaled(i32),
    /// A structure of the scale that the number has and the unscaled number.
    VariableScale,
    Double,
    /// With so many digits behind the point, if that is fixed.
    Text(Option<i32>),
}

/// A number as its server prints it.
enum Printed<'a> {
    NotANumber(&'a str),
    /// Whether it is negative, all digits, and how many of them stand behind the point.
    Digits(bool, Vec<u8>, i32),
}

impl DecimalForm {
    /// Appends a `numeric`; what is no number is null where there is no word for it.
    pub(super) fn append(self, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        if let DecimalForm::Scaled(scale) = self
            && let Ok(small) = u8::try_from(scale)
        {
            let unscaled = if raw.is_binary {
                numeric::parse(raw.bytes).and_then(|n| n.to_unscaled(small))
            } else {
                text::decimal(raw.bytes, small)
            };
            if let Some(unscaled) = unscaled {
                append_unscaled(unscaled, out);
                return Ok(());
            }
        }
        let mut printed = Vec::new();
        let number = if raw.is_binary {
            numeric::parse(raw.bytes).ok_or(Unreadable)?.append_text(&mut printed);
            printed.as_slice()
        } else {
            raw.bytes
        };
        self.append_printed(number, out)
    }

    /// Appends `money`, whose text has `digits` behind the point.
    pub(super) fn append_money(self, digits: u8, raw: Raw<'_>, out: &mut Vec<u8>) -> Written {
        let units = if raw.is_binary { binary::int8(raw.bytes) } else { text::money(raw.bytes) };
        let units = units.ok_or(Unreadable)?;
        let mut number = Vec::new();
        if units < 0 {
            number.push(b'-');
        }
        let plain = format!("{:0width$}", units.unsigned_abs(), width = usize::from(digits) + 1);
        let (whole, fraction) = plain.split_at(plain.len() - usize::from(digits));
        number.extend_from_slice(whole.as_bytes());
        if digits > 0 {
            number.push(b'.');
            number.extend_from_slice(fraction.as_bytes());
        }
        self.append_printed(&number, out)
    }

    fn append_printed(self, number: &[u8], out: &mut Vec<u8>) -> Written {
        let (negative, digits, behind) = match read(number)? {
            Printed::NotANumber(word) => {
                match self {
                    DecimalForm::Text(_) => append_string(word.as_bytes(), out),
                    DecimalForm::Double => append_double(special(word), out),
                    DecimalForm::Scaled(_) | DecimalForm::VariableScale => {
                        out.extend_from_slice(b"null");
                    }
                }
                return Ok(());
            }
            Printed::Digits(negative, digits, behind) => (negative, digits, behind),
        };
        match self {
            DecimalForm::Double => {
                append_double(text::number(number).ok_or(Unreadable)?, out);
            }
            DecimalForm::Text(scale) => append_text(negative, digits, behind, scale, out),
            DecimalForm::Scaled(scale) => {
                let digits = rescale(digits, behind, scale);
                out.push(b'"');
                append_base64(&twos_complement(&digits, negative), out);
                out.push(b'"');
            }
            DecimalForm::VariableScale => {
                let zeros = digits.iter().rev().take_while(|d| **d == b'0').count() as i32;
                let scale = (behind - zeros.min(behind)).max(0);
                let digits = rescale(digits, behind, scale);
                out.extend_from_slice(b"{\"scale\":");
                append_i64(i64::from(scale), out);
                out.extend_from_slice(b",\"value\":\"");
                append_base64(&twos_complement(&digits, negative), out);
                out.extend_from_slice(b"\"}");
            }
        }
        Ok(())
    }
}

fn special(word: &str) -> f64 {
    match word {
        "NAN" => f64::NAN,
        "POSITIVE_INFINITY" => f64::INFINITY,
        _ => f64::NEG_INFINITY,
    }
}

fn read(number: &[u8]) -> Result<Printed<'static>, Unreadable> {
    let word = match number {
        b"NaN" => "NAN",
        b"Infinity" => "POSITIVE_INFINITY",
        b"-Infinity" => "NEGATIVE_INFINITY",
        _ => "",
    };
    if !word.is_empty() {
        return Ok(Printed::NotANumber(word));
    }
    let (negative, rest) = match number.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let point = rest.iter().position(|b| *b == b'.');
    let behind = point.map_or(0, |at| rest.len() - at - 1);
    let digits: Vec<u8> = rest.iter().copied().filter(|b| *b != b'.').collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Unreadable);
    }
    Ok(Printed::Digits(negative, digits, i32::try_from(behind).map_err(|_| Unreadable)?))
}

/// Digits with another number of them behind the point; what is cut off is zero by the column's type.
fn rescale(mut digits: Vec<u8>, behind: i32, scale: i32) -> Vec<u8> {
    if scale >= behind {
        digits.resize(digits.len() + (scale - behind) as usize, b'0');
    } else {
        let kept = digits.len().saturating_sub((behind - scale) as usize);
        digits.truncate(kept);
    }
    digits
}

fn append_text(
    negative: bool,
    digits: Vec<u8>,
    behind: i32,
    scale: Option<i32>,
    out: &mut Vec<u8>,
) {
    let scale = scale.unwrap_or(behind).max(0);
    let digits = rescale(digits, behind, scale);
    out.push(b'"');
    if negative {
        out.push(b'-');
    }
    let whole = digits.len().saturating_sub(scale as usize);
    out.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
    if scale > 0 {
        out.push(b'.');
        out.extend(std::iter::repeat_n(b'0', scale as usize - (digits.len() - whole)));
        out.extend_from_slice(&digits[whole..]);
    }
    out.push(b'"');
}

/// A number as base64 of its shortest two's complement.
fn append_unscaled(unscaled: i128, out: &mut Vec<u8>) {
    let bytes = unscaled.to_be_bytes();
    let sign: u8 = if unscaled < 0 { 0xff } else { 0 };
    let is_needless = |at: usize| bytes[at] == sign && (bytes[at + 1] ^ sign) & 0x80 == 0;
    let skipped = (0..15).take_while(|at| is_needless(*at)).count();
    out.push(b'"');
    append_base64(&bytes[skipped..], out);
    out.push(b'"');
}

/// The shortest two's complement, highest byte first, of decimal digits of any length.
fn twos_complement(digits: &[u8], negative: bool) -> Vec<u8> {
    // 32 bits each, the lowest first.
    let mut words: Vec<u32> = Vec::new();
    for group in digits.chunks(9) {
        let value = group.iter().fold(0_u64, |v, d| v * 10 + u64::from(d - b'0'));
        let mut carry = value;
        let unit = 10_u64.pow(group.len() as u32);
        for word in &mut words {
            let product = u64::from(*word) * unit + carry;
            *word = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            words.push(carry as u32);
        }
    }
    let mut bytes: Vec<u8> = words.iter().rev().flat_map(|word| word.to_be_bytes()).collect();
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    bytes.drain(..zeros);
    bytes.insert(0, 0);
    if negative {
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            let (flipped, over) = (!*byte).overflowing_add(u8::from(carry));
            *byte = flipped;
            carry = over;
        }
    }
    let is_needless = |pair: &[u8]| {
        (pair[0] == 0 && pair[1] & 0x80 == 0) || (pair[0] == 0xff && pair[1] & 0x80 != 0)
    };
    let skipped = bytes.windows(2).take_while(|pair| is_needless(pair)).count();
    bytes.drain(..skipped);
    bytes
}
