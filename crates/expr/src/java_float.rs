//! `FLOAT` and `DOUBLE` as text, digit for digit as Java 8 to 17 prints them (newer ones print some
//! numbers shorter). The digits are also what a cast to `DECIMAL` and `ROUND` go by.

use std::fmt;

/// The decimal digits of a number: `0.d1d2d3.. * 10^point`.
pub(crate) struct Digits {
    digits: [u8; 26],
    length: usize,
    /// Where the point is.
    pub point: i32,
}

impl Digits {
    /// The digits as ASCII.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.digits[..self.length]
    }

    fn new(point: i32) -> Self {
        Self { digits: [0; 26], length: 0, point }
    }

    fn push(&mut self, digit: u8) {
        if self.length < self.digits.len() {
            self.digits[self.length] = b'0' + digit;
            self.length += 1;
        }
    }

    fn round_up(&mut self) {
        let nines = self.as_slice().iter().rev().take_while(|d| **d == b'9');
        let kept = self.length - nines.count();
        for digit in &mut self.digits[kept..self.length] {
            *digit = b'0';
        }
        if kept == 0 {
            self.digits[0] = b'1';
            self.point += 1;
        } else {
            self.digits[kept - 1] += 1;
        }
    }
}

/// A finite number taken apart: `fraction / 2^52 * 2^exponent`, of which `bits` bits are known.
struct Parts {
    exponent: i32,
    fraction: u64,
    bits: i32,
}

const SHIFT: i32 = 52;

fn double_parts(value: f64) -> Parts {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32 & 0x7ff, bits & ((1 << 52) - 1));
    if exponent == 0 {
        let zeros = fraction.leading_zeros() as i32;
        let shift = zeros - (63 - SHIFT);
        Parts { exponent: 1 - shift - 1023, fraction: fraction << shift, bits: 64 - zeros }
    } else {
        Parts { exponent: exponent - 1023, fraction: fraction | 1 << 52, bits: 53 }
    }
}

fn float_parts(value: f32) -> Parts {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 23) as i32 & 0xff, bits & ((1 << 23) - 1));
    if exponent == 0 {
        let zeros = fraction.leading_zeros() as i32;
        let shift = zeros - 8;
        Parts {
            exponent: 1 - shift - 127,
            fraction: u64::from(fraction << shift) << 29,
            bits: 32 - zeros,
        }
    } else {
        Parts { exponent: exponent - 127, fraction: u64::from(fraction | 1 << 23) << 29, bits: 24 }
    }
}

/// The digits of a finite number that is not negative.
pub(crate) fn double_digits(value: f64) -> Digits {
    if value == 0.0 {
        return integer_digits(0, 0);
    }
    parts_digits(&double_parts(value))
}

fn integer_digits(mut value: u64, drop: u32) -> Digits {
    let mut point = 0;
    if drop > 0 {
        let unit = 10_u64.pow(drop);
        let rest = value % unit;
        value = value / unit + u64::from(rest >= unit >> 1);
        point = drop as i32;
    }
    if value == 0 {
        let mut zero = Digits::new(1);
        zero.push(0);
        return zero;
    }
    while value.is_multiple_of(10) {
        value /= 10;
        point += 1;
    }
    let mut text = [0_u8; 20];
    let mut at = text.len();
    while value > 0 {
        at -= 1;
        text[at] = (value % 10) as u8;
        value /= 10;
    }
    let mut digits = Digits::new(point + (text.len() - at) as i32);
    for digit in &text[at..] {
        digits.push(*digit);
    }
    digits
}

/// Bits of `5^n` as Java counts them.
fn five_bits(n: i32) -> i32 {
    match u32::try_from(n).ok().and_then(|n| 5_u64.checked_pow(n)) {
        Some(power) if n < 27 => 64 - power.leading_zeros() as i32,
        _ => n * 3,
    }
}

fn parts_digits(parts: &Parts) -> Digits {
    let tail = parts.fraction.trailing_zeros() as i32;
    let fraction_bits = SHIFT + 1 - tail;
    let tiny = (fraction_bits - parts.exponent - 1).max(0);
    if (-21..=62).contains(&parts.exponent) && tiny == 0 && fraction_bits < 64 {
        let beyond = parts.exponent - parts.bits - 1;
        let drop = if parts.exponent > parts.bits && beyond > 1 {
            (1_u64 << beyond.min(63)).ilog10()
        } else {
            0
        };
        let value = if parts.exponent >= SHIFT {
            parts.fraction << (parts.exponent - SHIFT)
        } else {
            parts.fraction >> (SHIFT - parts.exponent)
        };
        return integer_digits(value, drop);
    }
    generate(parts, tail, fraction_bits, tiny)
}

#[expect(clippy::approx_constant, reason = "the digits that Java has")]
fn estimate_exponent(parts: &Parts) -> i32 {
    let d2 = f64::from_bits(0x3ff0_0000_0000_0000 | (parts.fraction & ((1 << 52) - 1)));
    let d = (d2 - 1.5) * 0.289_529_654
        + 0.176_091_259
        + f64::from(parts.exponent) * 0.301_029_995_663_981;
    d.floor() as i32
}

fn generate(parts: &Parts, tail: i32, fraction_bits: i32, tiny: i32) -> Digits {
    let exponent = estimate_exponent(parts);
    let b5 = (-exponent).max(0);
    let mut b2 = b5 + tiny + parts.exponent;
    let s5 = exponent.max(0);
    let mut s2 = s5 + tiny;
    let mut m2 = b2 - parts.bits;
    b2 -= fraction_bits - 1;
    let common = b2.min(s2);
    b2 -= common;
    s2 -= common;
    m2 -= common;
    // Below a power of two the neighbour is half as far.
    if fraction_bits == 1 {
        m2 -= 1;
    }
    if m2 < 0 {
        b2 -= m2;
        s2 -= m2;
        m2 = 0;
    }
    let b_bits = fraction_bits + b2 + if b5 < 27 { five_bits(b5) } else { b5 * 3 };
    let s_bits = s2 + 1 + if s5 + 1 < 27 { five_bits(s5 + 1) } else { (s5 + 1) * 3 };
    let fraction = parts.fraction >> tail;
    if b_bits < 64 && s_bits < 64 {
        let five = |n: i32| 5_i64.pow(n.unsigned_abs());
        let bits = if b_bits < 32 && s_bits < 32 { 32 } else { 64 };
        let numbers = Numbers {
            b: (fraction as i64 * five(b5)) << b2,
            s: five(s5) << s2,
            m: five(b5) << m2,
            bits,
        };
        small_digits(numbers, exponent)
    } else {
        let number = |value: u64, fives: i32, twos: i32| {
            let mut big = Big::new(value);
            big.multiply_five_power(fives.unsigned_abs());
            big.shift_left(twos.unsigned_abs());
            big
        };
        big_digits(number(fraction, b5, b2), &number(1, s5, s2), number(1, b5, m2), exponent)
    }
}

/// Numbers that Java holds in 32 or 64 bits, overflowing where Java's do.
struct Numbers {
    b: i64,
    s: i64,
    m: i64,
    bits: u32,
}

impl Numbers {
    fn wrap(&self, value: i64) -> i64 {
        if self.bits == 32 { i64::from(value as i32) } else { value }
    }

    fn times_ten(&self, value: i64) -> i64 {
        self.wrap(value.wrapping_mul(10))
    }
}

fn small_digits(mut n: Numbers, mut exponent: i32) -> Digits {
    let tens = n.times_ten(n.s);
    let mut out = Digits::new(0);
    let mut first = true;
    let (mut low, mut high) = (false, false);
    while first || (!low && !high) {
        let q = n.b / n.s;
        n.b = n.times_ten(n.b % n.s);
        n.m = n.times_ten(n.m);
        let overflow = !first && n.m <= 0;
        low = overflow || n.b < n.m;
        high = overflow || n.wrap(n.b.wrapping_add(n.m)) > tens;
        if first && q == 0 && !high {
            exponent -= 1;
        } else {
            out.push(q as u8);
        }
        if first && !(-3..8).contains(&exponent) {
            (low, high) = (false, false);
        }
        first = false;
    }
    out.point = exponent + 1;
    let twice = n.wrap(n.b.wrapping_shl(1));
    let difference = n.wrap(twice.wrapping_sub(tens));
    finish(&mut out, low, high, difference.cmp(&0));
    out
}

fn big_digits(mut b: Big, s: &Big, mut m: Big, mut exponent: i32) -> Digits {
    let mut tens = s.clone();
    tens.multiply_small(10);
    let mut out = Digits::new(0);
    let mut first = true;
    let (mut low, mut high) = (false, false);
    while first || (!low && !high) {
        let q = b.take_quotient(s);
        b.multiply_small(10);
        m.multiply_small(10);
        low = b.compare(&m).is_lt();
        let mut sum = b.clone();
        sum.add(&m);
        high = tens.compare(&sum).is_le();
        if first && q == 0 && !high {
            exponent -= 1;
        } else {
            out.push(q);
        }
        if first && !(-3..8).contains(&exponent) {
            (low, high) = (false, false);
        }
        first = false;
    }
    out.point = exponent + 1;
    b.shift_left(1);
    finish(&mut out, low, high, b.compare(&tens));
    out
}

fn finish(out: &mut Digits, low: bool, high: bool, twice_rest: std::cmp::Ordering) {
    let odd = out.as_slice().last().is_some_and(|d| d & 1 == 1);
    if high && (!low || twice_rest.is_gt() || (twice_rest.is_eq() && odd)) {
        out.round_up();
    }
}

/// An unsigned number of any size, least significant word first.
#[derive(Clone)]
struct Big(Vec<u32>);

impl Big {
    fn new(value: u64) -> Self {
        Self(vec![value as u32, (value >> 32) as u32])
    }

    fn multiply_small(&mut self, factor: u32) {
        let mut carry = 0_u64;
        for word in &mut self.0 {
            let product = u64::from(*word) * u64::from(factor) + carry;
            *word = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn multiply_five_power(&mut self, mut power: u32) {
        while power > 0 {
            let step = power.min(13);
            self.multiply_small(5_u32.pow(step));
            power -= step;
        }
    }

    fn shift_left(&mut self, bits: u32) {
        let (words, bits) = ((bits / 32) as usize, bits % 32);
        self.multiply_small(1 << bits);
        self.0.splice(0..0, std::iter::repeat_n(0, words));
    }

    fn word(&self, i: usize) -> u32 {
        self.0.get(i).copied().unwrap_or(0)
    }

    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        let words = self.0.len().max(other.0.len());
        (0..words)
            .rev()
            .map(|i| self.word(i).cmp(&other.word(i)))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    }

    fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()) + 1, 0);
        let mut carry = 0_u64;
        for (i, word) in self.0.iter_mut().enumerate() {
            let sum = u64::from(*word) + u64::from(other.word(i)) + carry;
            *word = sum as u32;
            carry = sum >> 32;
        }
    }

    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0_i64;
        for (i, word) in self.0.iter_mut().enumerate() {
            let difference = i64::from(*word) - i64::from(other.word(i)) - borrow;
            *word = difference as u32;
            borrow = i64::from(difference < 0);
        }
    }

    /// Leaves the rest and gives the quotient, which must be less than ten or so.
    fn take_quotient(&mut self, divisor: &Self) -> u8 {
        let mut quotient = 0;
        while self.compare(divisor).is_ge() {
            self.subtract(divisor);
            quotient += 1;
        }
        quotient
    }
}

fn write_digits(f: &mut fmt::Formatter<'_>, digits: &Digits) -> fmt::Result {
    let all = std::str::from_utf8(digits.as_slice()).unwrap_or("0");
    let or_zero = |text: &str| {
        if text.is_empty() { "0".into() } else { text.to_owned() }
    };
    match digits.point {
        1..=7 => {
            let point = digits.point as usize;
            if all.len() <= point {
                write!(f, "{all:0<point$}.0")
            } else {
                write!(f, "{}.{}", &all[..point], &all[point..])
            }
        }
        -2..=0 => {
            let zeros = digits.point.unsigned_abs() as usize;
            write!(f, "0.{:0<zeros$}{all}", "")
        }
        point => write!(f, "{}.{}E{}", &all[..1], or_zero(&all[1..]), point - 1),
    }
}

/// A `DOUBLE` as Java prints it.
pub(crate) struct JavaDouble(pub f64);

impl fmt::Display for JavaDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            return f.write_str("NaN");
        }
        if self.0.is_sign_negative() {
            f.write_str("-")?;
        }
        if self.0.is_infinite() {
            return f.write_str("Infinity");
        }
        write_digits(f, &double_digits(self.0.abs()))
    }
}

/// A `FLOAT` as Java prints it.
pub(crate) struct JavaFloat(pub f32);

impl fmt::Display for JavaFloat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_finite() || self.0 == 0.0 {
            return JavaDouble(f64::from(self.0)).fmt(f);
        }
        if self.0 < 0.0 {
            f.write_str("-")?;
        }
        write_digits(f, &parts_digits(&float_parts(self.0.abs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_java_17_prints_them() {
        let table = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (1e18 + 300.0, "1.00000000000000026E18"),
            (126.598_289_999_999_99, "126.59828999999999"),
            (9.223372036854776e18, "9.223372036854776E18"),
            (1_234_567_890.126, "1.234567890126E9"),
            (1e300, "1.0E300"),
            (2e-3, "0.002"),
            (2e23, "1.9999999999999998E23"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (5e-324, "4.9E-324"),
            (f64::MAX, "1.7976931348623157E308"),
            (-2.5, "-2.5"),
            (100.0, "100.0"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in table {
            assert_eq!(JavaDouble(value).to_string(), text);
        }
    }

    /// Compares with `target/java-doubles.txt` (bits and text on each line), if somebody made it.
    #[test]
    #[ignore = "needs a file that Java wrote"]
    fn doubles_print_as_the_java_at_hand_prints_them() {
        let path = std::env::var("JAVA_DOUBLES").expect("a path");
        let text = std::fs::read_to_string(path).expect("a file");
        for line in text.lines() {
            let mut parts = line.split(' ');
            let bits = parts.next().and_then(|b| b.parse::<i64>().ok()).expect("bits");
            let double = JavaDouble(f64::from_bits(bits as u64)).to_string();
            assert_eq!(Some(double.as_str()), parts.next(), "{bits}");
            let float = JavaFloat(f32::from_bits(bits as u32)).to_string();
            assert_eq!(Some(float.as_str()), parts.next(), "{bits}");
        }
    }

    #[test]
    fn floats_print_as_java_17_prints_them() {
        let table = [
            (2_147_483_648_f32, "2.14748365E9"),
            (9_223_372_036_854_775_808_f32, "9.223372E18"),
            (1_234_567_890.126_f32, "1.23456794E9"),
            (99_999_999.995_f32, "1.0E8"),
            (0.1, "0.1"),
            (1.5, "1.5"),
        ];
        for (value, text) in table {
            assert_eq!(JavaFloat(value).to_string(), text);
        }
    }
}
