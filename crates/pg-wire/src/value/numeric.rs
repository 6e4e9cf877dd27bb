//! `numeric`: decimal numbers of any length.

/// A `numeric` in the binary format: groups of four decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numeric<'a> {
    /// Which kind of number.
    pub sign: Sign,
    /// The power of 10000 of the first group.
    weight: i16,
    /// Digits behind the point as declared.
    pub display_scale: u16,
    groups: &'a [u8],
}

/// What kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Zero or more.
    Positive,
    /// Less than zero.
    Negative,
    /// Not a number.
    NaN,
    /// More than any number.
    Infinity,
    /// Less than any number.
    NegativeInfinity,
}

/// Reads the binary format.
pub fn parse(bytes: &[u8]) -> Option<Numeric<'_>> {
    let (head, groups) = bytes.split_at_checked(8)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let sign = match word(4) {
        0 => Sign::Positive,
        0x4000 => Sign::Negative,
        0xC000 => Sign::NaN,
        0xD000 => Sign::Infinity,
        0xF000 => Sign::NegativeInfinity,
        _ => return None,
    };
    let numeric = Numeric { sign, weight: word(2) as i16, display_scale: word(6), groups };
    let plain = groups.len() == usize::from(word(0)) * 2
        && numeric.groups().all(|group| group < 10_000)
        && numeric.display_scale <= 0x3fff;
    plain.then_some(numeric)
}

impl<'a> Numeric<'a> {
    fn groups(self) -> impl Iterator<Item = u16> + 'a {
        let (pairs, _) = self.groups.as_chunks::<2>();
        pairs.iter().map(|pair| u16::from_be_bytes(*pair))
    }

    fn group(self, power: i32) -> u16 {
        let at = i32::from(self.weight) - power;
        let (pairs, _) = self.groups.as_chunks::<2>();
        usize::try_from(at)
            .ok()
            .and_then(|at| pairs.get(at))
            .map_or(0, |pair| u16::from_be_bytes(*pair))
    }

    /// The number times `10^scale`, if that is a whole number that fits.
    pub fn to_unscaled(self, scale: u8) -> Option<i128> {
        let negative = match self.sign {
            Sign::Positive => false,
            Sign::Negative => true,
            Sign::NaN | Sign::Infinity | Sign::NegativeInfinity => return None,
        };
        let mut value: i128 = 0;
        let mut power = i32::from(self.weight);
        let scale = i32::from(scale);
        for group in self.groups() {
            let group = i128::from(group);
            // Digits of this group that lie in front of the last wanted one.
            let wanted = 4 * power + scale;
            if wanted >= 0 {
                value = value.checked_mul(10_000)?.checked_add(group)?;
            } else {
                let cut = (-wanted).min(4) as u32;
                let unit = 10_i128.pow(cut);
                if group % unit != 0 {
                    return None;
                }
                value = value.checked_mul(10_i128.pow(4 - cut))?.checked_add(group / unit)?;
            }
            power -= 1;
        }
        // The last group read was that of `power + 1`.
        let missing = 4 * (power + 1) + scale;
        if missing > 0 && value != 0 {
            value = value.checked_mul(10_i128.checked_pow(missing as u32)?)?;
        }
        Some(if negative { -value } else { value })
    }

    /// Appends the number as PostgreSQL prints it.
    pub fn append_text(self, out: &mut Vec<u8>) {
        match self.sign {
            Sign::NaN => return out.extend_from_slice(b"NaN"),
            Sign::Infinity => return out.extend_from_slice(b"Infinity"),
            Sign::NegativeInfinity => return out.extend_from_slice(b"-Infinity"),
            Sign::Negative => out.push(b'-'),
            Sign::Positive => {}
        }
        let start = out.len();
        for power in (0..=i32::from(self.weight).max(0)).rev() {
            append_group(self.group(power), out);
        }
        let zeros = out[start..].iter().take_while(|b| **b == b'0').count();
        let zeros = zeros.min(out.len() - start - 1);
        out.drain(start..start + zeros);
        if self.display_scale > 0 {
            out.push(b'.');
            let end = out.len() + usize::from(self.display_scale);
            let mut power = -1;
            while out.len() < end {
                append_group(self.group(power), out);
                power -= 1;
            }
            out.truncate(end);
        }
    }
}

fn append_group(group: u16, out: &mut Vec<u8>) {
    for unit in [1000, 100, 10, 1] {
        out.push(b'0' + (group / unit % 10) as u8);
    }
}

/// Appends the binary format of `unscaled / 10^scale`.
pub fn append_binary(unscaled: i128, scale: u8, out: &mut Vec<u8>) {
    let sign: u16 = if unscaled < 0 { 0x4000 } else { 0 };
    let mut rest = unscaled.unsigned_abs();
    // Groups from the last one on, aligned so that the point lies between two of them.
    let mut groups = [0_u16; 12];
    let mut count = 0;
    let fraction_groups = usize::from(scale).div_ceil(4);
    let odd = u32::from(scale) % 4;
    if odd > 0 && rest > 0 {
        let unit = 10_u128.pow(odd);
        groups[0] = (rest % unit) as u16 * 10_u16.pow(4 - odd);
        rest /= unit;
        count = 1;
    }
    while rest > 0 {
        groups[count] = (rest % 10_000) as u16;
        rest /= 10_000;
        count += 1;
    }
    let weight = count as i16 - fraction_groups as i16 - 1;
    let trailing = groups[..count].iter().take_while(|g| **g == 0).count();
    let kept = &groups[trailing..count];
    let weight = if kept.is_empty() { 0 } else { weight };
    for word in [kept.len() as u16, weight as u16, sign, u16::from(scale)] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for group in kept.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}
