//! Addresses as the server prints them.

use super::value_type::append_integer;

/// `inet` and `cidr`: the mask is left out where an `inet` is a single host.
pub(super) fn append_inet(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let ([_family, bits, is_cidr, length], address) = bytes.split_first_chunk::<4>()?;
    if address.len() != usize::from(*length) || usize::from(*bits) > address.len() * 8 {
        return None;
    }
    match address.len() {
        4 => append_v4(address, out),
        16 => append_v6(address.as_chunks::<2>().0, out),
        _ => return None,
    }
    if *is_cidr != 0 || usize::from(*bits) != address.len() * 8 {
        out.push(b'/');
        append_integer(*bits, out);
    }
    Some(())
}

fn append_v4(octets: &[u8], out: &mut Vec<u8>) {
    for (at, octet) in octets.iter().enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        append_integer(*octet, out);
    }
}

/// The longest run of zero words becomes `::`; what looks like an embedded IPv4 address ends as one.
fn append_v6(words: &[[u8; 2]], out: &mut Vec<u8>) {
    let word = |at: usize| words.get(at).map_or(0, |w| u16::from_be_bytes(*w));
    let (mut start, mut length) = (0, 0);
    for at in 0..8 {
        let run = (at..8).take_while(|i| word(*i) == 0).count();
        if run > length {
            (start, length) = (at, run);
        }
    }
    if length < 2 {
        length = 0;
    }
    let is_embedded = start == 0 && (length == 6 || (length == 5 && word(5) == 0xffff));
    for at in 0..8 {
        if (start..start + length).contains(&at) {
            if at == start {
                out.push(b':');
            }
            continue;
        }
        if at > 0 {
            out.push(b':');
        }
        if at == 6 && is_embedded {
            return append_v4(&words.as_flattened()[12..], out);
        }
        append_hex_word(word(at), out);
    }
    if length > 0 && start + length == 8 {
        out.push(b':');
    }
}

fn append_hex_word(word: u16, out: &mut Vec<u8>) {
    let mut is_leading = true;
    for shift in [12, 8, 4, 0] {
        let digit = (word >> shift & 15) as u8;
        is_leading &= digit == 0 && shift > 0;
        if !is_leading {
            out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
    }
}

/// `macaddr` and `macaddr8`
pub(super) fn append_mac(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if !matches!(bytes.len(), 6 | 8) {
        return None;
    }
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.push(b':');
        }
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    Some(())
}
