//! Floating-point numbers as the server prints them: the fewest digits that lie strictly between
//! the midpoints to the neighbours. Other printers also take a midpoint itself where reading it
//! would round to the number: `2^54 + 4` is `1.801439850948199e+16` to them and
//! `1.8014398509481988e+16` to the server.

use std::io::Write;

use super::value_type::append_integer;

/// `float8`
pub(super) fn append_float8(value: f64, out: &mut Vec<u8>) {
    if !append_special(value, out) {
        let bits = value.to_bits();
        let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i32);
        let binary = Binary::new(fraction, exponent, 52, 1075);
        let mut buffer = zmij::Buffer::new();
        let decimal = Decimal::read(buffer.format_finite(value.abs()));
        let decimal = if binary.is_on_bound(decimal) {
            widen(value.abs(), binary, decimal, 17, |text| text.parse() == Ok(value.abs()))
        } else {
            decimal
        };
        decimal.append(15, out);
    }
}

/// `float4`
pub(super) fn append_float4(value: f32, out: &mut Vec<u8>) {
    if !append_special(f64::from(value), out) {
        let bits = value.to_bits();
        let (fraction, exponent) = (bits & ((1 << 23) - 1), (bits >> 23 & 0xff) as i32);
        let binary = Binary::new(u64::from(fraction), exponent, 23, 150);
        let mut buffer = zmij::Buffer::new();
        let decimal = Decimal::read(buffer.format_finite(value.abs()));
        let decimal = if binary.is_on_bound(decimal) {
            let exact = f64::from(value.abs());
            widen(exact, binary, decimal, 9, |text| text.parse() == Ok(value.abs()))
        } else {
            decimal
        };
        decimal.append(6, out);
    }
}

/// Appends the sign, and all of what has no digits.
fn append_special(value: f64, out: &mut Vec<u8>) -> bool {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
        return true;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if value.is_infinite() {
        out.extend_from_slice(b"Infinity");
    } else if value == 0.0 {
        out.push(b'0');
    }
    value.is_infinite() || value == 0.0
}

/// The number is `mantissa * 2^exponent`.
#[derive(Clone, Copy)]
struct Binary {
    mantissa: u64,
    exponent: i32,
    /// A power of two: the neighbour below is at half the distance.
    is_power: bool,
}

impl Binary {
    fn new(fraction: u64, exponent: i32, width: u32, bias: i32) -> Self {
        let is_normal = exponent > 0;
        Self {
            mantissa: fraction | u64::from(is_normal) << width,
            exponent: exponent.max(1) - bias,
            is_power: fraction == 0 && exponent > 1,
        }
    }

    /// Whether the decimal number is one of the two midpoints, exactly.
    fn is_on_bound(self, decimal: Decimal) -> bool {
        // Reading a midpoint gives the number only if its mantissa is even.
        if !self.mantissa.is_multiple_of(2) {
            return false;
        }
        let doubled = 2 * self.mantissa;
        decimal.equals(doubled + 1, self.exponent - 1)
            || if self.is_power {
                decimal.equals(2 * doubled - 1, self.exponent - 2)
            } else {
                decimal.equals(doubled - 1, self.exponent - 1)
            }
    }
}

/// The powers of five that fit.
const FIVES: [u64; 28] = {
    let mut powers = [1; 28];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 5;
        at += 1;
    }
    powers
};

/// The number is `digits * 10^exponent`; there is no zero at the end of the digits.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Decimal {
    digits: u64,
    exponent: i32,
}

impl Decimal {
    /// Reads `1.25`, `1e16` or `1.5e-7`.
    fn read(text: &str) -> Self {
        let mut decimal = Decimal { digits: 0, exponent: 0 };
        let mut step = 0;
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'.' => step = -1,
                b'e' => {
                    decimal.exponent += text[at + 1..].parse::<i32>().unwrap_or(0);
                    break;
                }
                digit => {
                    decimal.digits = decimal.digits * 10 + u64::from(digit & 15);
                    decimal.exponent += step;
                }
            }
        }
        while decimal.digits.is_multiple_of(10) && decimal.digits > 0 {
            decimal.digits /= 10;
            decimal.exponent += 1;
        }
        decimal
    }

    /// Whether it is `odd * 2^power`.
    fn equals(self, odd: u64, power: i32) -> bool {
        // A higher power of five has more bits than any mantissa or digits.
        let Some(five) = FIVES.get(self.exponent.unsigned_abs() as usize) else {
            return false;
        };
        let (multiple, other) =
            if self.exponent >= 0 { (odd, self.digits) } else { (self.digits, odd) };
        // In most cases this is the end.
        if !multiple.is_multiple_of(*five) {
            return false;
        }
        let (left, right) =
            if self.exponent >= 0 { (other, multiple / five) } else { (multiple / five, other) };
        let twos = left.trailing_zeros();
        left > 0 && left >> twos == right && twos as i32 + self.exponent == power
    }

    /// Appends it, with an exponent if the point would be more than `most` digits to the right.
    fn append(self, most: i32, out: &mut Vec<u8>) {
        let start = out.len();
        append_integer(self.digits, out);
        let length = (out.len() - start) as i32;
        let exponent = self.exponent + length - 1;
        if !(-4..most).contains(&exponent) {
            if length > 1 {
                out.insert(start + 1, b'.');
            }
            out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.abs() < 10 {
                out.push(b'0');
            }
            append_integer(exponent.abs(), out);
        } else if exponent < 0 {
            let zeros = [b'0', b'.', b'0', b'0', b'0'];
            out.splice(start..start, zeros[..1 + exponent.unsigned_abs() as usize].iter().copied());
        } else if self.exponent < 0 {
            out.insert(start + 1 + exponent as usize, b'.');
        } else {
            out.resize(out.len() + self.exponent as usize, b'0');
        }
    }
}

/// The fewest digits beyond those of `narrow` that are no midpoint.
fn widen(
    value: f64,
    binary: Binary,
    narrow: Decimal,
    most: usize,
    reads_back: impl Fn(&str) -> bool,
) -> Decimal {
    for behind_point in (narrow.digits.ilog10() as usize)..most {
        let mut text = [0; 40];
        let mut rest = &mut text[..];
        let written = write!(rest, "{value:.behind_point$e}").is_ok();
        let left = rest.len();
        let text = std::str::from_utf8(&text[..40 - left]).unwrap_or_default();
        let decimal = Decimal::read(text);
        if written && reads_back(text) && !binary.is_on_bound(decimal) {
            return decimal;
        }
    }
    narrow
}
