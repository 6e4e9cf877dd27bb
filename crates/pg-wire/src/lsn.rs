//! Places in the write-ahead log.

use std::fmt;
use std::str::FromStr;

use crate::error::WireError;

/// A byte position in the write-ahead log, printed as PostgreSQL does: `16/B374D848`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

impl FromStr for Lsn {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        let half = |digits: &str| -> Option<u64> {
            let plain =
                matches!(digits.len(), 1..=8) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            if plain { u64::from_str_radix(digits, 16).ok() } else { None }
        };
        text.split_once('/')
            .and_then(|(high, low)| Some(Lsn(half(high)? << 32 | half(low)?)))
            .ok_or(WireError::Invalid { what: "log sequence number" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lsn_prints_as_postgresql_prints_it_and_reads_back() {
        let lsn: Lsn = "16/B374D848".parse().unwrap();
        assert_eq!(lsn, Lsn(0x16_B374_D848));
        assert_eq!(lsn.to_string(), "16/B374D848");
        assert_eq!("0/0".parse(), Ok(Lsn(0)));
        for wrong in ["", "16", "/", "16/", "+1/2", "1/123456789", "x/y"] {
            assert!(wrong.parse::<Lsn>().is_err(), "{wrong}");
        }
    }
}
