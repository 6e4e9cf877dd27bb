//! Keys by which a table is cut into chunks: bytes whose order is the server's, and SQL again.
//!
//! Each part is a 1 and the value in a form that compares byte by byte. A bound that names only the
//! first parts of a key ends in `0xff`: it lies behind every key that begins with them.

use tailwater_pg_wire::pgoutput::Cell;
use tailwater_pg_wire::value::text;

use super::super::client::{literal, quote};

/// Where a part begins.
const PART: u8 = 1;
/// The end of a bound that names only the first parts.
const BEHIND: u8 = 0xff;
/// Days from 1970 to 2000.
const EPOCH_DAYS: i64 = 10_957;

/// What a table is cut by: columns of its replica identity, in the order of their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChunkKey {
    pub(crate) columns: Vec<KeyColumn>,
}

/// One column of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyColumn {
    pub(crate) name: String,
    pub(crate) kind: KeyKind,
}

/// The types whose order we know. Text only where the server compares its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Int2,
    Int4,
    Int8,
    Oid,
    Uuid,
    Bytes,
    Text,
    /// `char(n)`: blanks at the end do not count.
    Padded,
    Date,
    Timestamp,
    TimestampTz,
}

impl KeyKind {
    /// The kind of a type, if we know its order; `compares_bytes` tells of its collation.
    pub(crate) fn of(type_oid: u32, compares_bytes: bool) -> Option<Self> {
        Some(match type_oid {
            21 => Self::Int2,
            23 => Self::Int4,
            20 => Self::Int8,
            26 => Self::Oid,
            2950 => Self::Uuid,
            17 => Self::Bytes,
            19 | 25 | 1043 if compares_bytes => Self::Text,
            1042 if compares_bytes => Self::Padded,
            1082 => Self::Date,
            1114 => Self::Timestamp,
            1184 => Self::TimestampTz,
            _ => return None,
        })
    }

    /// Appends a value; `None` if it is not one, or NULL.
    fn append(self, cell: Cell<'_>, out: &mut Vec<u8>) -> Option<()> {
        out.push(PART);
        let (bytes, is_binary) = match cell {
            Cell::Binary(bytes) => (bytes, true),
            Cell::Text(bytes) => (bytes, false),
            Cell::Null | Cell::UnchangedToast => return None,
        };
        match self {
            Self::Uuid if is_binary => out.extend_from_slice(bytes.first_chunk::<16>()?),
            Self::Uuid => append_uuid(bytes, out)?,
            Self::Bytes if !is_binary => {
                let mut plain = Vec::with_capacity(bytes.len() / 2);
                text::bytea(bytes, &mut plain)?;
                append_escaped(&plain, out);
            }
            Self::Bytes | Self::Text => append_escaped(bytes, out),
            Self::Padded => append_escaped(trim_blanks(bytes), out),
            _ => {
                let value = if is_binary { big_endian(bytes, self)? } else { self.read(bytes)? };
                out.extend_from_slice(&(value as u64 ^ 1 << 63).to_be_bytes());
            }
        }
        Some(())
    }

    /// The number that the binary format holds, from text.
    fn read(self, bytes: &[u8]) -> Option<i64> {
        match (self, bytes) {
            (Self::Date, b"infinity") => Some(i32::MAX.into()),
            (Self::Date, b"-infinity") => Some(i32::MIN.into()),
            (Self::Timestamp | Self::TimestampTz, b"infinity") => Some(i64::MAX),
            (Self::Timestamp | Self::TimestampTz, b"-infinity") => Some(i64::MIN),
            (Self::Date, _) => Some(text::date(bytes)? - EPOCH_DAYS),
            (Self::Timestamp | Self::TimestampTz, _) => {
                Some(text::timestamp(bytes)? - EPOCH_DAYS * 86_400_000_000)
            }
            _ => text::number(bytes),
        }
    }

    /// Takes a value from the front of `key` and writes it as SQL.
    fn sql(self, key: &mut &[u8]) -> Option<String> {
        let number = |key: &mut &[u8]| {
            let (bytes, rest) = key.split_first_chunk::<8>()?;
            *key = rest;
            Some((u64::from_be_bytes(*bytes) ^ 1 << 63) as i64)
        };
        Some(match self {
            Self::Int2 => format!("'{}'::int2", number(key)?),
            Self::Int4 => format!("'{}'::int4", number(key)?),
            Self::Int8 => format!("'{}'::int8", number(key)?),
            Self::Oid => format!("'{}'::oid", number(key)?),
            Self::Date => match number(key)? {
                days if days == i64::from(i32::MAX) => "'infinity'::date".to_owned(),
                days if days == i64::from(i32::MIN) => "'-infinity'::date".to_owned(),
                days => format!("('2000-01-01'::date + '{days}'::int4)"),
            },
            Self::Timestamp => instant("timestamp", "", number(key)?),
            Self::TimestampTz => instant("timestamptz", "+00", number(key)?),
            Self::Uuid => {
                let (bytes, rest) = key.split_at_checked(16)?;
                *key = rest;
                format!("'{}'::uuid", hex(bytes))
            }
            Self::Bytes => format!("'\\x{}'::bytea", hex(&take_escaped(key)?)),
            Self::Text => {
                format!("{}::text", literal(std::str::from_utf8(&take_escaped(key)?).ok()?))
            }
            Self::Padded => {
                format!("{}::bpchar", literal(std::str::from_utf8(&take_escaped(key)?).ok()?))
            }
        })
    }
}

impl ChunkKey {
    /// The bytes of the first `cells` of a key; `None` if one is not a value of its column.
    pub(crate) fn encode<'a>(
        &self,
        cells: impl IntoIterator<Item = Cell<'a>>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        self.columns.iter().zip(cells).try_for_each(|(column, cell)| column.kind.append(cell, out))
    }

    /// Makes the bytes of the first parts a bound behind every key that begins with them.
    pub(crate) fn behind(bytes: &mut Vec<u8>) {
        bytes.push(BEHIND);
    }

    /// The condition that a key lies behind `bound`, or (`is_above` false) not behind it.
    pub(crate) fn condition(&self, bound: &[u8], is_above: bool) -> Option<String> {
        let mut rest = bound;
        let mut values = Vec::new();
        for column in &self.columns {
            match rest.split_first() {
                Some((&PART, after)) => {
                    rest = after;
                    values.push(column.kind.sql(&mut rest)?);
                }
                _ => break,
            }
        }
        let names: Vec<String> =
            self.columns.iter().take(values.len()).map(|c| quote(&c.name)).collect();
        let operator = if is_above { ">" } else { "<=" };
        Some(match names.as_slice() {
            [] => return None,
            [name] => format!("{name} {operator} {}", values[0]),
            _ => format!("ROW({}) {operator} ROW({})", names.join(", "), values.join(", ")),
        })
    }

    /// `"a", "b"`
    pub(crate) fn order(&self) -> String {
        self.columns.iter().map(|c| quote(&c.name)).collect::<Vec<_>>().join(", ")
    }
}

fn big_endian(bytes: &[u8], kind: KeyKind) -> Option<i64> {
    Some(match (bytes.len(), kind) {
        (4, KeyKind::Oid) => u32::from_be_bytes(*bytes.first_chunk()?).into(),
        (2, _) => i16::from_be_bytes(*bytes.first_chunk()?).into(),
        (4, _) => i32::from_be_bytes(*bytes.first_chunk()?).into(),
        (8, _) => i64::from_be_bytes(*bytes.first_chunk()?),
        _ => return None,
    })
}

/// An instant by its distance from 2000, in three units: PostgreSQL 14 reads no larger numbers.
fn instant(type_name: &str, zone: &str, micros: i64) -> String {
    match micros {
        i64::MAX => format!("'infinity'::{type_name}"),
        i64::MIN => format!("'-infinity'::{type_name}"),
        _ => {
            let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
            let (days, seconds) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
            format!(
                "('2000-01-01 00:00:00{zone}'::{type_name} + '{days} days {seconds} seconds {micros} \
                 microseconds'::interval)"
            )
        }
    }
}

/// Zero bytes as `0 ff`, the end as `0 0`: shorter strings come first.
fn append_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn trim_blanks(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' '] = bytes {
        bytes = rest;
    }
    bytes
}

fn take_escaped(key: &mut &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    loop {
        let (byte, rest) = key.split_first()?;
        *key = rest;
        if *byte == 0 {
            let (mark, rest) = key.split_first()?;
            *key = rest;
            if *mark == 0 {
                return Some(plain);
            }
        }
        plain.push(*byte);
    }
}

fn append_uuid(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut digits = text.iter().filter(|b| **b != b'-').map(|b| (*b as char).to_digit(16));
    for _ in 0..16 {
        let (high, low) = (digits.next()??, digits.next()??);
        out.push((high << 4 | low) as u8);
    }
    Some(())
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The bytes of hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| (high << 4 | low) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kinds: &[KeyKind]) -> ChunkKey {
        let column =
            |(i, kind): (usize, &KeyKind)| KeyColumn { name: format!("k{i}"), kind: *kind };
        ChunkKey { columns: kinds.iter().enumerate().map(column).collect() }
    }

    fn encode(key: &ChunkKey, cells: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        let cells = cells.iter().map(|text| Cell::Text(text.as_bytes()));
        key.encode(cells, &mut out).unwrap();
        out
    }

    fn assert_ascending(kind: KeyKind, values: &[&str]) {
        let key = key(&[kind]);
        let encoded: Vec<_> = values.iter().map(|v| encode(&key, &[v])).collect();
        assert!(encoded.is_sorted_by(|a, b| a < b), "{kind:?} {values:?}");
    }

    #[test]
    fn the_order_of_the_bytes_is_that_of_the_values() {
        assert_ascending(KeyKind::Int8, &["-9223372036854775808", "-1", "0", "255", "256"]);
        assert_ascending(KeyKind::Text, &["", "a", "a\u{1}", "aa", "b", "é"]);
        assert_ascending(KeyKind::Padded, &["a   ", "ab", "b "]);
        assert_ascending(KeyKind::Bytes, &["\\x", "\\x00", "\\x0000", "\\x0001", "\\x01"]);
        assert_ascending(KeyKind::Date, &["-infinity", "1999-12-31", "2000-01-01", "infinity"]);
        let uuids =
            ["0eebc999-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"];
        assert_ascending(KeyKind::Uuid, &uuids);
    }

    #[test]
    fn both_formats_give_the_same_bytes() {
        let cases: [(KeyKind, &[u8], &str); 5] = [
            (KeyKind::Int4, &[0xff, 0xff, 0xff, 0xfe], "-2"),
            (KeyKind::Oid, &[0xff, 0xff, 0xff, 0xfe], "4294967294"),
            (KeyKind::Date, &1_i32.to_be_bytes(), "2000-01-02"),
            (KeyKind::Timestamp, &1_i64.to_be_bytes(), "2000-01-01 00:00:00.000001"),
            (KeyKind::Bytes, &[0, 7], "\\x0007"),
        ];
        for (kind, binary, text) in cases {
            let (key, mut bytes) = (key(&[kind]), Vec::new());
            key.encode([Cell::Binary(binary)], &mut bytes).unwrap();
            assert_eq!(bytes, encode(&key, &[text]), "{kind:?}");
        }
    }

    #[test]
    fn bounds_become_conditions() {
        let key = key(&[KeyKind::Int4, KeyKind::Text]);
        let bound = encode(&key, &["-5", "it's"]);
        let condition = key.condition(&bound, true).unwrap();
        assert_eq!(condition, "ROW(\"k0\", \"k1\") > ROW('-5'::int4, 'it''s'::text)");
        let mut prefix = encode(&key, &["7"]);
        ChunkKey::behind(&mut prefix);
        assert_eq!(key.condition(&prefix, false).unwrap(), "\"k0\" <= '7'::int4");
        assert!(encode(&key, &["7", "zzz"]) < prefix && prefix < encode(&key, &["8", ""]));
        assert_eq!(key.condition(&[], true), None);
        assert_eq!(from_hex(&hex(&bound)), Some(bound));
    }
}
