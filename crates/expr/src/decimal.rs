//! `DECIMAL` arithmetic on unscaled `i128` values, rounding half up; `None` is an overflow, which
//! Flink answers with NULL.

use std::fmt;

use crate::env::EvalError;
use crate::java_float;

/// `10^n` for `n` up to 38.
pub(crate) fn pow10(n: u32) -> Option<i128> {
    10_i128.checked_pow(n)
}

/// The value if it has at most `precision` digits.
pub(crate) fn fit(value: i128, precision: u8) -> Option<i128> {
    (value.unsigned_abs() < pow10(u32::from(precision))?.unsigned_abs()).then_some(value)
}

fn divide_half_up(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    if rest.unsigned_abs() >= divisor.unsigned_abs() - rest.unsigned_abs() {
        quotient + if (value < 0) == (divisor < 0) { 1 } else { -1 }
    } else {
        quotient
    }
}

/// The value with another scale.
pub(crate) fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        value.checked_mul(pow10(u32::from(to - from))?)
    } else {
        Some(divide_half_up(value, pow10(u32::from(from - to))?))
    }
}

/// The value as `DECIMAL(precision, scale)`.
pub(crate) fn convert(value: i128, from_scale: u8, precision: u8, scale: u8) -> Option<i128> {
    fit(rescale(value, from_scale, scale)?, precision)
}

/// Where the point of a decimal number is, and of how many digits its result type is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scales {
    /// Scale of the left operand.
    pub left: u8,
    /// Scale of the right operand.
    pub right: u8,
    /// Digits of the result.
    pub precision: u8,
    /// Scale of the result.
    pub scale: u8,
}

/// A sign and 256 bits.
#[derive(Clone, Copy)]
struct Wide {
    negative: bool,
    high: u128,
    low: u128,
}

impl Wide {
    fn product(a: i128, b: i128) -> Self {
        let (x, y) = (a.unsigned_abs(), b.unsigned_abs());
        let mask = u128::from(u64::MAX);
        let (x1, x0, y1, y0) = (x >> 64, x & mask, y >> 64, y & mask);
        let (low, mid1, mid2) = (x0 * y0, x1 * y0, x0 * y1);
        let carry = (low >> 64) + (mid1 & mask) + (mid2 & mask);
        Self {
            negative: (a < 0) != (b < 0),
            high: x1 * y1 + (mid1 >> 64) + (mid2 >> 64) + (carry >> 64),
            low: (low & mask) | (carry << 64),
        }
    }

    fn plus(self, other: Self) -> Self {
        if self.negative == other.negative {
            let (low, carry) = self.low.overflowing_add(other.low);
            return Self {
                negative: self.negative,
                high: self.high + other.high + u128::from(carry),
                low,
            };
        }
        let (big, small) = if (self.high, self.low) >= (other.high, other.low) {
            (self, other)
        } else {
            (other, self)
        };
        let (low, borrow) = big.low.overflowing_sub(small.low);
        Self { negative: big.negative, high: big.high - small.high - u128::from(borrow), low }
    }

    /// Quotient and rest of the magnitude; the quotient must fit 128 bits.
    fn divide(self, divisor: u128) -> Option<(u128, u128)> {
        if self.high == 0 {
            return Some((self.low / divisor, self.low % divisor));
        }
        if self.high >= divisor {
            return None;
        }
        let (mut rest, mut quotient) = (self.high, 0_u128);
        for bit in (0..128).rev() {
            let overflow = rest >> 127 == 1;
            rest = (rest << 1) | ((self.low >> bit) & 1);
            quotient <<= 1;
            if overflow || rest >= divisor {
                rest = rest.wrapping_sub(divisor);
                quotient |= 1;
            }
        }
        Some((quotient, rest))
    }

    /// The quotient of any size.
    fn cut(self, divisor: u128) -> Option<Self> {
        let rest = Self { high: self.high % divisor, ..self };
        Some(Self { high: self.high / divisor, low: rest.divide(divisor)?.0, ..self })
    }

    fn rounded(self, divisor: i128) -> Option<i128> {
        let divisor = divisor.unsigned_abs();
        let (quotient, rest) = self.divide(divisor)?;
        let magnitude = quotient.checked_add(u128::from(rest >= divisor - rest))?;
        let value = i128::try_from(magnitude).ok()?;
        Some(if self.negative { -value } else { value })
    }
}

/// `a + b`.
pub(crate) fn add(a: i128, b: i128, s: Scales) -> Option<i128> {
    let common = s.left.max(s.right);
    let (up_a, up_b) = (pow10(u32::from(common - s.left))?, pow10(u32::from(common - s.right))?);
    let exact = a.checked_mul(up_a).zip(b.checked_mul(up_b)).and_then(|(x, y)| x.checked_add(y));
    match exact {
        Some(sum) => convert(sum, common, s.precision, s.scale),
        None => {
            let sum = Wide::product(a, up_a).plus(Wide::product(b, up_b));
            let down = pow10(u32::from(common.checked_sub(s.scale)?))?;
            fit(sum.rounded(down)?, s.precision)
        }
    }
}

/// `a * b`.
pub(crate) fn multiply(a: i128, b: i128, s: Scales) -> Option<i128> {
    let exact_scale = s.left + s.right;
    if let (Some(product), true) = (a.checked_mul(b), exact_scale <= 38) {
        return convert(product, exact_scale, s.precision, s.scale);
    }
    let mut down = u32::from(exact_scale.checked_sub(s.scale)?);
    let mut product = Wide::product(a, b);
    if down > 38 {
        // More than 38 digits go: the lower ones cannot change how the rest is rounded.
        product = product.cut(pow10(down - 38)?.unsigned_abs())?;
        down = 38;
    }
    fit(product.rounded(pow10(down)?)?, s.precision)
}

/// Ten times `rest` divided by `divisor`, for `rest < divisor <= 10^38`.
fn next_digit(rest: u128, divisor: u128) -> (u128, u128) {
    let double = |(q, r): (u128, u128)| {
        let r = 2 * r;
        if r >= divisor { (2 * q + 1, r - divisor) } else { (2 * q, r) }
    };
    let two = double((0, rest));
    let eight = double(double(two));
    let (q, r) = (two.0 + eight.0, two.1 + eight.1);
    if r >= divisor { (q + 1, r - divisor) } else { (q, r) }
}

/// `a / b`: 38 significant digits first, then the result's scale, as Flink rounds.
///
/// # Errors
/// A division by zero.
pub(crate) fn divide(a: i128, b: i128, s: Scales) -> Result<Option<i128>, EvalError> {
    if b == 0 {
        return Err(EvalError::new(if a == 0 { "Division undefined" } else { "Division by zero" }));
    }
    let divisor = b.unsigned_abs();
    let (mut digits, mut rest) = (a.unsigned_abs() / divisor, a.unsigned_abs() % divisor);
    let mut fraction = 0_i32;
    let limit = 10_u128.pow(37);
    while rest != 0 && digits < limit && fraction < 120 {
        let (digit, next) = next_digit(rest, divisor);
        digits = digits * 10 + digit;
        rest = next;
        fraction += 1;
    }
    if rest >= divisor - rest {
        digits += 1;
    }
    let scale = fraction + i32::from(s.left) - i32::from(s.right);
    let shift = i32::from(s.scale) - scale;
    let signed = i128::try_from(digits).ok().map(|v| if (a < 0) == (b < 0) { v } else { -v });
    Ok(signed.and_then(|v| {
        if shift < -38 {
            return Some(0);
        }
        let unit = pow10(shift.unsigned_abs());
        let moved = match unit {
            _ if v == 0 => 0,
            Some(unit) if shift >= 0 => v.checked_mul(unit)?,
            Some(unit) => divide_half_up(v, unit),
            None => return None,
        };
        fit(moved, s.precision)
    }))
}

/// `a % b`, with the sign of `a`.
///
/// # Errors
/// A division by zero.
pub(crate) fn remainder(a: i128, b: i128, s: Scales) -> Result<Option<i128>, EvalError> {
    if b == 0 {
        return Err(EvalError::new("Division by zero"));
    }
    let common = s.left.max(s.right);
    let exact = || {
        let up = pow10(u32::from(common - s.left))?;
        let divisor = match b.checked_mul(pow10(u32::from(common - s.right))?) {
            Some(divisor) => divisor.unsigned_abs(),
            // The divisor is larger than any dividend.
            None => return a.checked_mul(up),
        };
        let wide = Wide::product(a, up);
        // The quotient may be larger than 128 bits, the rest is not: divide in two steps.
        let high = Wide { negative: false, high: 0, low: wide.high };
        let (_, rest_high) = high.divide(divisor)?;
        let (_, rest) = Wide { negative: false, high: rest_high, low: wide.low }.divide(divisor)?;
        let rest = i128::try_from(rest).ok()?;
        Some(if a < 0 { -rest } else { rest })
    };
    Ok(exact().and_then(|v| convert(v, common, s.precision, s.scale)))
}

/// Cut (not rounded) to `digits` digits after the point; negative digits cut before it.
pub(crate) fn truncate(value: i128, scale: u8, digits: i32) -> i128 {
    match pow10((i32::from(scale) - digits).max(0).unsigned_abs()) {
        Some(unit) => value / unit * unit,
        None => 0,
    }
}

/// Rounded half up to `digits` digits after the point, with the same scale.
pub(crate) fn round(value: i128, scale: u8, digits: i32) -> Option<i128> {
    match pow10((i32::from(scale) - digits).max(0).unsigned_abs()) {
        Some(unit) => divide_half_up(value, unit).checked_mul(unit),
        None => Some(0),
    }
}

/// The nearest double.
pub(crate) fn to_f64(value: i128, scale: u8) -> f64 {
    const EXACT: i128 = 1 << 53;
    if value.abs() <= EXACT && scale <= 22 {
        return value as f64 / 10_f64.powi(i32::from(scale));
    }
    Plain { value, scale }.to_string().parse().unwrap_or(f64::NAN)
}

/// A double as `DECIMAL(precision, scale)`, going by the digits that Java shows of it.
///
/// # Errors
/// NaN and infinities.
pub(crate) fn from_f64(value: f64, precision: u8, scale: u8) -> Result<Option<i128>, EvalError> {
    if !value.is_finite() {
        return Err(EvalError::new(
            "Character N is neither a decimal digit number, decimal point, nor \"e\" notation exponential mark (cast of NaN or an infinity to DECIMAL)",
        ));
    }
    let digits = java_float::double_digits(value.abs());
    let magnitude = from_digits(digits.as_slice(), digits.point, precision, scale);
    Ok(magnitude.map(|v| if value < 0.0 { -v } else { v }))
}

/// `0.d1d2d3.. * 10^point` as `DECIMAL(precision, scale)`.
pub(crate) fn from_digits(digits: &[u8], point: i32, precision: u8, scale: u8) -> Option<i128> {
    let zeros = digits.iter().take_while(|d| **d == b'0').count();
    let (digits, point) = (&digits[zeros..], point.saturating_sub(zeros as i32));
    if digits.is_empty() {
        return Some(0);
    }
    let keep = point.saturating_add(i32::from(scale));
    if keep < 0 {
        return Some(0);
    }
    if keep > 39 {
        return None;
    }
    let keep = keep as usize;
    let mut value = 0_i128;
    for i in 0..keep {
        let digit = digits.get(i).map_or(0, |d| i128::from(d - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    if digits.get(keep).is_some_and(|d| *d >= b'5') {
        value += 1;
    }
    fit(value, precision)
}

/// Text as `DECIMAL(precision, scale)`: the outer `None` is no number, the inner an overflow.
pub(crate) fn parse(text: &str, precision: u8, scale: u8) -> Option<Option<i128>> {
    let (negative, rest) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let end = rest.iter().position(|b| matches!(b, b'e' | b'E'));
    let (mantissa, exponent) = match end {
        Some(at) => {
            let digits = std::str::from_utf8(&rest[at + 1..]).ok()?;
            (&rest[..at], digits.parse::<i32>().ok()?)
        }
        None => (rest, 0),
    };
    let point = mantissa.iter().position(|b| *b == b'.');
    let mut digits: smallvec::SmallVec<[u8; 64]> = smallvec::SmallVec::new();
    for (i, byte) in mantissa.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits.push(*byte),
            b'.' if point == Some(i) => {}
            _ => return None,
        }
    }
    if digits.is_empty() {
        return None;
    }
    let before = point.unwrap_or(mantissa.len()) as i32;
    let magnitude = from_digits(&digits, before.saturating_add(exponent), precision, scale);
    Some(magnitude.map(|v| if negative { -v } else { v }))
}

/// A decimal without exponent, with all digits of its scale.
pub(crate) struct Plain {
    /// The unscaled value.
    pub value: i128,
    /// Digits after the point.
    pub scale: u8,
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.value);
        }
        let unit = 10_u128.pow(u32::from(self.scale.min(38)));
        let magnitude = self.value.unsigned_abs();
        let sign = if self.value < 0 { "-" } else { "" };
        let width = usize::from(self.scale);
        write!(f, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

    fn scales(left: u8, right: u8, precision: u8, scale: u8) -> Scales {
        Scales { left, right, precision, scale }
    }

    #[test]
    fn arithmetic_rounds_half_up_and_overflows_to_null() {
        assert_eq!(add(BIG, 1, scales(0, 0, 38, 0)), None);
        assert_eq!(add(25, 1, scales(1, 0, 12, 1)), Some(35));
        assert_eq!(add(BIG, -BIG, scales(10, 2, 38, 9)), None);
        assert_eq!(multiply(BIG, 10, scales(0, 0, 38, 0)), None);
        assert_eq!(multiply(BIG, BIG, scales(38, 38, 38, 37)), Some(BIG / 10 + 1));
        assert_eq!(multiply(908, 302, scales(3, 0, 24, 3)), Some(274_216));
        assert_eq!(divide(1, 3, scales(0, 0, 38, 6)), Ok(Some(333_333)));
        assert_eq!(divide(2, -3, scales(0, 0, 38, 6)), Ok(Some(-666_667)));
        assert_eq!(divide(BIG, BIG - 1, scales(0, 0, 38, 2)), Ok(Some(100)));
        assert_eq!(divide(0, 7, scales(0, 0, 38, 6)), Ok(Some(0)));
        assert!(divide(1, 0, scales(0, 0, 38, 6)).is_err());
        assert_eq!(remainder(55, 2, scales(1, 0, 2, 1)), Ok(Some(15)));
        assert_eq!(remainder(-7, 3, scales(0, 0, 5, 0)), Ok(Some(-1)));
        assert_eq!(remainder(BIG, 7, scales(0, 38, 38, 38)), Ok(Some(2)));
    }

    #[test]
    fn texts_and_doubles_become_decimals() {
        let table = [
            ("42", 10, 2, Some(Some(4200))),
            ("0.005", 10, 2, Some(Some(1))),
            ("1e3", 10, 2, Some(Some(100_000))),
            ("5.", 10, 2, Some(Some(500))),
            ("99999999.995", 10, 2, Some(None)),
            (".5", 10, 2, Some(Some(50))),
            ("-0.045", 5, 2, Some(Some(-5))),
            ("abc", 10, 2, None),
            ("", 10, 2, None),
            ("1e99999999999", 10, 2, None),
            ("1e2000000000", 10, 2, Some(None)),
        ];
        for (text, precision, scale, expected) in table {
            assert_eq!(parse(text, precision, scale), expected, "{text}");
        }
        assert_eq!(from_f64(2.5, 5, 1), Ok(Some(25)));
        assert_eq!(from_f64(9.223372036854776e18, 20, 1), Ok(Some(92_233_720_368_547_760_000)));
        assert!(from_f64(f64::NAN, 5, 1).is_err());
        assert_eq!(to_f64(-25, 1), -2.5);
        assert_eq!(Plain { value: -5, scale: 2 }.to_string(), "-0.05");
    }
}
