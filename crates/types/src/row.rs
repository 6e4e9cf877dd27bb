//! Packed rows: the one form in which rows travel, are keyed, stored and compared.
//!
//! A tuple of `n` fields is
//! `n: u32 | null bits: ceil(n / 8) bytes | n slots of 8 bytes | tail`, little endian.
//! A slot holds the value itself, or `offset: u32, length: u32` of its bytes in the tail, counted
//! from the tuple's start. Fields are written in order, NULL slots are zero: equal rows of one
//! schema are equal bytes. A field whose value was not sent because it did not change is NULL with
//! a slot of ones: a source says so only to an operator that knows the old value. Rows, arrays and both halves of a map are such tuples.

use crate::data_type::Layout;
use crate::datum::{Datum, Timestamp};

/// The slot of a field whose value did not change.
const UNCHANGED: u64 = u64::MAX;

/// A packed tuple somewhere in memory. Reading past its end gives NULL, never a panic.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowRef<'a>(&'a [u8]);

impl std::fmt::Debug for RowRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowRef({} fields, {} bytes)", self.len(), self.0.len())
    }
}

/// A packed map: a tuple of two tuples, keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapRef<'a>(RowRef<'a>);

impl<'a> RowRef<'a> {
    /// The tuple in these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The whole tuple.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// How many fields it has.
    pub fn len(self) -> usize {
        self.0.first_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b) as usize)
    }

    /// Whether it has no field.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether field `i` is NULL or not there.
    pub fn is_null(self, i: usize) -> bool {
        i >= self.len() || self.0.get(4 + i / 8).is_none_or(|bits| bits >> (i % 8) & 1 == 1)
    }

    /// Whether field `i` stands for the value that the row had before.
    pub fn is_unchanged(self, i: usize) -> bool {
        self.is_null(i) && self.word(i) == UNCHANGED
    }

    /// Field `i`, which is of this layout.
    pub fn get(self, i: usize, layout: Layout) -> Datum<'a> {
        if self.is_null(i) {
            return Datum::Null;
        }
        let at = 4 + self.len().div_ceil(8) + 8 * i;
        let Some(slot) = self.0.get(at..at + 8).and_then(|s| s.first_chunk::<8>()) else {
            return Datum::Null;
        };
        self.decode(*slot, layout).unwrap_or(Datum::Null)
    }

    fn word(self, i: usize) -> u64 {
        let at = 4 + self.len().div_ceil(8) + 8 * i;
        let slot = self.0.get(at..at + 8).and_then(|s| s.first_chunk::<8>());
        slot.map_or(0, |s| u64::from_le_bytes(*s))
    }

    /// The tail bytes of field `i`, if it is of a layout that has them.
    pub fn tail(self, i: usize) -> Option<&'a [u8]> {
        if self.is_null(i) {
            return None;
        }
        let at = 4 + self.len().div_ceil(8) + 8 * i;
        self.tail_of(*self.0.get(at..at + 8)?.first_chunk::<8>()?)
    }

    fn tail_of(self, slot: [u8; 8]) -> Option<&'a [u8]> {
        let word = u64::from_le_bytes(slot);
        let offset = (word & 0xffff_ffff) as usize;
        self.0.get(offset..offset + (word >> 32) as usize)
    }

    fn decode(self, slot: [u8; 8], layout: Layout) -> Option<Datum<'a>> {
        let word = u64::from_le_bytes(slot);
        Some(match layout {
            Layout::Null => Datum::Null,
            Layout::Bool => Datum::Bool(word != 0),
            Layout::Int => Datum::Int(word as i64),
            Layout::Float => Datum::Float(f32::from_bits(word as u32)),
            Layout::Double => Datum::Double(f64::from_bits(word)),
            Layout::Decimal64 => Datum::Decimal(i128::from(word as i64)),
            Layout::Micros => Datum::Timestamp(Timestamp::from_micros(word as i64)),
            Layout::Decimal128 => {
                Datum::Decimal(i128::from_le_bytes(*self.tail_of(slot)?.first_chunk()?))
            }
            Layout::Nanos => {
                let tail = self.tail_of(slot)?;
                Datum::Timestamp(Timestamp {
                    micros: i64::from_le_bytes(*tail.first_chunk()?),
                    nanos: u16::from_le_bytes(*tail.last_chunk()?),
                })
            }
            Layout::Str => Datum::Str(std::str::from_utf8(self.tail_of(slot)?).ok()?),
            Layout::Bytes => Datum::Bytes(self.tail_of(slot)?),
            Layout::Array => Datum::Array(RowRef(self.tail_of(slot)?)),
            Layout::Map => Datum::Map(MapRef(RowRef(self.tail_of(slot)?))),
            Layout::Row => Datum::Row(RowRef(self.tail_of(slot)?)),
        })
    }
}

impl<'a> MapRef<'a> {
    /// The map in this tuple of two tuples.
    pub fn new(halves: RowRef<'a>) -> Self {
        Self(halves)
    }

    /// The whole map.
    pub fn bytes(self) -> &'a [u8] {
        self.0.bytes()
    }

    /// How many entries.
    pub fn len(self) -> usize {
        self.keys().len()
    }

    /// Whether it has no entry.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The keys, in the order of [`MapRef::values`].
    pub fn keys(self) -> RowRef<'a> {
        RowRef(self.0.tail(0).unwrap_or(&[]))
    }

    /// The values, in the order of [`MapRef::keys`].
    pub fn values(self) -> RowRef<'a> {
        RowRef(self.0.tail(1).unwrap_or(&[]))
    }
}

/// Appends one packed tuple to a buffer, field by field.
pub struct RowWriter<'b> {
    buffer: &'b mut Vec<u8>,
    start: usize,
    slots: usize,
    next: usize,
}

impl<'b> RowWriter<'b> {
    /// Starts a tuple of `fields` fields, all NULL, at the end of `buffer`.
    pub fn new(buffer: &'b mut Vec<u8>, fields: usize) -> Self {
        let start = buffer.len();
        let slots = start + 4 + fields.div_ceil(8);
        buffer.extend_from_slice(&(fields as u32).to_le_bytes());
        buffer.resize(slots + 8 * fields, 0);
        for bits in &mut buffer[start + 4..slots] {
            *bits = 0xff;
        }
        if !fields.is_multiple_of(8) {
            buffer[slots - 1] = (1 << (fields % 8)) - 1;
        }
        Self { buffer, start, slots, next: 0 }
    }

    /// Writes the next field. A datum that does not fit the layout is written as NULL.
    pub fn push(&mut self, datum: Datum<'_>, layout: Layout) {
        let word = match (datum, layout) {
            (Datum::Null, _) => return self.next += 1,
            (Datum::Bool(v), Layout::Bool) => u64::from(v),
            (Datum::Int(v), Layout::Int) => v as u64,
            (Datum::Float(v), Layout::Float) => u64::from(v.to_bits()),
            (Datum::Double(v), Layout::Double) => v.to_bits(),
            (Datum::Decimal(v), Layout::Decimal64) => v as i64 as u64,
            (Datum::Timestamp(v), Layout::Micros) => v.micros as u64,
            (Datum::Decimal(v), Layout::Decimal128) => self.append(&v.to_le_bytes()),
            (Datum::Timestamp(v), Layout::Nanos) => {
                let mut bytes = [0; 10];
                bytes[..8].copy_from_slice(&v.micros.to_le_bytes());
                bytes[8..].copy_from_slice(&v.nanos.to_le_bytes());
                self.append(&bytes)
            }
            (Datum::Str(v), Layout::Str) => self.append(v.as_bytes()),
            (Datum::Bytes(v), Layout::Bytes) => self.append(v),
            (Datum::Array(v), Layout::Array) | (Datum::Row(v), Layout::Row) => {
                self.append(v.bytes())
            }
            (Datum::Map(v), Layout::Map) => self.append(v.bytes()),
            (datum, layout) => {
                debug_assert!(false, "datum {datum:?} in a slot of layout {layout:?}");
                return self.next += 1;
            }
        };
        self.set_word(word);
    }

    /// Writes the next field as a copy of another row's field `i` of the same layout.
    pub fn copy(&mut self, row: RowRef<'_>, i: usize, layout: Layout) {
        if row.is_null(i) {
            self.next += 1;
            return;
        }
        let word = match layout {
            Layout::Decimal128
            | Layout::Nanos
            | Layout::Str
            | Layout::Bytes
            | Layout::Array
            | Layout::Map
            | Layout::Row => self.append(row.tail(i).unwrap_or(&[])),
            _ => row.word(i),
        };
        self.set_word(word);
    }

    /// Writes the next field as NULL.
    pub fn push_null(&mut self) {
        self.next += 1;
    }

    /// Writes the next field as one that did not change and was not sent.
    pub fn push_unchanged(&mut self) {
        let at = self.slots + 8 * self.next;
        self.next += 1;
        if let Some(slot) = self.buffer.get_mut(at..at + 8) {
            slot.copy_from_slice(&UNCHANGED.to_le_bytes());
        }
    }

    /// Writes the next field, which lies in the tail, by letting `write` append its bytes.
    pub fn push_tail(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let offset = self.buffer.len();
        write(self.buffer);
        let length = self.buffer.len() - offset;
        self.set_word((offset - self.start) as u64 | (length as u64) << 32);
    }

    /// The same, and NULL if `write` says so by false; what it appended is left out then.
    pub fn push_tail_if(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        let offset = self.buffer.len();
        if !write(self.buffer) {
            self.buffer.truncate(offset);
            return self.push_null();
        }
        let length = self.buffer.len() - offset;
        self.set_word((offset - self.start) as u64 | (length as u64) << 32);
    }

    fn append(&mut self, bytes: &[u8]) -> u64 {
        let offset = (self.buffer.len() - self.start) as u64;
        self.buffer.extend_from_slice(bytes);
        offset | (bytes.len() as u64) << 32
    }

    fn set_word(&mut self, word: u64) {
        let i = self.next;
        self.next += 1;
        let at = self.slots + 8 * i;
        let Some(slot) = self.buffer.get_mut(at..at + 8) else {
            return;
        };
        slot.copy_from_slice(&word.to_le_bytes());
        self.buffer[self.start + 4 + i / 8] &= !(1 << (i % 8));
    }
}

/// Appends a packed map whose halves are written by the two functions.
pub fn append_map(
    out: &mut Vec<u8>,
    keys: impl FnOnce(&mut Vec<u8>),
    values: impl FnOnce(&mut Vec<u8>),
) {
    let mut halves = RowWriter::new(out, 2);
    halves.push_tail(keys);
    halves.push_tail(values);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_reads_back() {
        let mut element = Vec::new();
        let mut writer = RowWriter::new(&mut element, 2);
        writer.push(Datum::Int(4), Layout::Int);
        writer.push(Datum::Null, Layout::Int);
        let mut map = Vec::new();
        append_map(&mut map, |k| k.extend_from_slice(&element), |v| v.extend_from_slice(&element));
        let nested = RowRef::new(&element);
        let fields = [
            (Datum::Bool(true), Layout::Bool),
            (Datum::Int(-3), Layout::Int),
            (Datum::Null, Layout::Str),
            (Datum::Float(1.5), Layout::Float),
            (Datum::Double(-2.25), Layout::Double),
            (Datum::Decimal(-12345), Layout::Decimal64),
            (Datum::Decimal(i128::MAX), Layout::Decimal128),
            (Datum::Timestamp(Timestamp::from_micros(-7)), Layout::Micros),
            (Datum::Timestamp(Timestamp { micros: 9, nanos: 123 }), Layout::Nanos),
            (Datum::Str("żółw"), Layout::Str),
            (Datum::Bytes(&[0, 255]), Layout::Bytes),
            (Datum::Array(nested), Layout::Array),
            (Datum::Map(MapRef::new(RowRef::new(&map))), Layout::Map),
            (Datum::Row(nested), Layout::Row),
        ];
        let mut buffer = vec![1, 2, 3];
        let mut writer = RowWriter::new(&mut buffer, fields.len());
        for (datum, layout) in fields {
            writer.push(datum, layout);
        }
        let row = RowRef::new(&buffer[3..]);
        for (i, (datum, layout)) in fields.into_iter().enumerate() {
            assert_eq!(row.get(i, layout), datum, "field {i}");
        }
        assert_eq!(row.get(99, Layout::Int), Datum::Null);
        let Datum::Map(map) = row.get(12, Layout::Map) else { panic!("no map") };
        assert_eq!((map.len(), map.values().get(0, Layout::Int)), (2, Datum::Int(4)));
    }

    #[test]
    fn damaged_bytes_read_as_null() {
        let row = RowRef::new(&[9, 0, 0, 0, 0]);
        for i in 0..9 {
            assert_eq!(row.get(i, Layout::Str), Datum::Null);
        }
        assert_eq!(RowRef::new(&[]).get(0, Layout::Int), Datum::Null);
    }
}
