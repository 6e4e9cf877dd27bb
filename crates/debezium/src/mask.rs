//! `column.mask.*` and `column.truncate.*`.

use md5::Md5;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::value::append_hex;

/// How a column's text becomes a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hash {
    pub(crate) algorithm: Algorithm,
    pub(crate) salt: String,
    /// Whether the text's own bytes are digested; the first version digests the text as Java
    /// serialises it.
    pub(crate) is_plain: bool,
    /// The digest is cut to the column's length, if it has one.
    pub(crate) length: Option<usize>,
}

/// A digest by the name that Java has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// The names that are known.
    pub(crate) const NAMES: &str = "MD5, SHA-224, SHA-256, SHA-384, SHA-512";

    /// Reads a name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "MD5" => Self::Md5,
            "SHA-224" => Self::Sha224,
            "SHA-256" => Self::Sha256,
            "SHA-384" => Self::Sha384,
            "SHA-512" => Self::Sha512,
            _ => return None,
        })
    }
}

impl Hash {
    /// The digest in hexadecimal digits.
    pub(crate) fn digest(&self, text: &str) -> String {
        let mut input = self.salt.as_bytes().to_vec();
        if !self.is_plain {
            // A serialised string: magic, version, the tag of a string, its length.
            input.extend_from_slice(&[0xac, 0xed, 0, 5]);
            match u16::try_from(text.len()) {
                Ok(length) => {
                    input.push(0x74);
                    input.extend_from_slice(&length.to_be_bytes());
                }
                Err(_) => {
                    input.push(0x7c);
                    input.extend_from_slice(&(text.len() as u64).to_be_bytes());
                }
            }
        }
        input.extend_from_slice(text.as_bytes());
        let mut hex = Vec::new();
        match self.algorithm {
            Algorithm::Md5 => append_hex(&Md5::digest(&input), &mut hex),
            Algorithm::Sha224 => append_hex(&Sha224::digest(&input), &mut hex),
            Algorithm::Sha256 => append_hex(&Sha256::digest(&input), &mut hex),
            Algorithm::Sha384 => append_hex(&Sha384::digest(&input), &mut hex),
            Algorithm::Sha512 => append_hex(&Sha512::digest(&input), &mut hex),
        }
        if let Some(length) = self.length {
            hex.truncate(length);
        }
        String::from_utf8(hex).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_salt_and_text() {
        let hash = Hash {
            algorithm: Algorithm::Sha256,
            salt: "ab".to_owned(),
            is_plain: true,
            length: None,
        };
        // sha256("abc")
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.digest("c"), expected);
        assert_eq!(Hash { length: Some(8), ..hash.clone() }.digest("c"), "ba7816bf");
        assert_ne!(Hash { is_plain: false, ..hash }.digest("c"), expected);
    }
}
