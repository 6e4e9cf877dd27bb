//! `unavailable.value.placeholder`: what stands for a value that was not sent.

use md5::{Digest, Md5};

use super::{Modes, TypeSort, TypeSpec, zero};
use crate::schema::{Kind, Schema};
use crate::value::{append_hex, append_string};

/// The placeholder's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placeholder(Vec<u8>);

impl Placeholder {
    /// Reads the option: text, or bytes behind `hex:`.
    pub(crate) fn new(option: &str) -> Option<Self> {
        match option.strip_prefix("hex:") {
            None => Some(Self(option.as_bytes().to_vec())),
            Some(digits) => {
                let mut bytes = Vec::new();
                let text = format!("\\x{digits}");
                tailwater_pg_wire::value::text::bytea(text.as_bytes(), &mut bytes)?;
                Some(Self(bytes))
            }
        }
    }

    /// The placeholder in a column of this type.
    pub(super) fn json(&self, spec: &TypeSpec, schema: &Schema, modes: &Modes) -> Vec<u8> {
        match (&schema.kind, &spec.sort) {
            (Kind::Array(items), TypeSort::Array(element, _)) => {
                self.array(element, &items.kind, modes)
            }
            (Kind::String, _) if spec.oid == 17 => self.bytes(modes),
            (Kind::String, _) => self.text(),
            (Kind::Bytes, _) => self.bytes(modes),
            (Kind::Map(..), _) => {
                let text = self.text();
                [b"{".as_slice(), &text, b":", &text, b"}"].concat()
            }
            _ if schema.is_optional => b"null".to_vec(),
            _ => zero(schema),
        }
    }

    fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        append_string(String::from_utf8_lossy(&self.0).as_bytes(), &mut out);
        out
    }

    fn bytes(&self, modes: &Modes) -> Vec<u8> {
        let mut out = Vec::new();
        modes.binary.append_plain(&self.0, &mut out);
        out
    }

    fn array(&self, element: &TypeSpec, items: &Kind, modes: &Modes) -> Vec<u8> {
        let one = match items {
            // Numbers: one element for each byte.
            Kind::Int16 | Kind::Int32 | Kind::Int64 => {
                let numbers: Vec<String> = self.0.iter().map(u8::to_string).collect();
                return format!("[{}]", numbers.join(",")).into_bytes();
            }
            Kind::String if element.oid == 2950 => self.uuid(),
            Kind::String if element.oid != 17 => self.text(),
            Kind::String | Kind::Bytes => self.bytes(modes),
            _ => return b"[]".to_vec(),
        };
        [b"[".as_slice(), &one, b"]"].concat()
    }

    /// The UUID that is named by the placeholder.
    fn uuid(&self) -> Vec<u8> {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Md5::digest(&self.0));
        bytes[6] = bytes[6] & 0x0f | 0x30;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut hex = Vec::new();
        append_hex(&bytes, &mut hex);
        for at in [8, 13, 18, 23] {
            hex.insert(at, b'-');
        }
        let mut out = Vec::new();
        append_string(&hex, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uuid_of_the_default_placeholder_is_debeziums() {
        let placeholder = Placeholder::new("__debezium_unavailable_value").unwrap();
        let uuid = String::from_utf8(placeholder.uuid()).unwrap();
        assert_eq!(uuid, "\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"");
        assert_eq!(Placeholder::new("hex:6162"), Placeholder::new("ab"));
        assert_eq!(Placeholder::new("hex:6"), None);
    }
}
