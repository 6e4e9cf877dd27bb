//! Records as rows of one schema: what a source of records hands to a sink of them.

use std::sync::Arc;

use tailwater_types::row::append_map;
use tailwater_types::{
    ChangeBatch, DataType, Datum, Field, Layout, MapRef, RowKind, RowRef, RowWriter, Schema,
    TypeKind,
};

/// The columns of a record: `topic STRING NOT NULL, key BYTES, value BYTES,
/// headers MAP<STRING, BYTES>, timestamp TIMESTAMP_LTZ(3)`. Without a timestamp the sink's clock counts.
pub fn schema() -> Schema {
    let headers =
        TypeKind::Map(Box::new(TypeKind::STRING.not_null()), Box::new(TypeKind::BYTES.nullable()));
    let field = |name: &str, data_type: DataType| Field::new(Arc::<str>::from(name), data_type);
    Schema::new(vec![
        field("topic", TypeKind::STRING.not_null()),
        field("key", TypeKind::BYTES.nullable()),
        field("value", TypeKind::BYTES.nullable()),
        field("headers", headers.nullable()),
        field("timestamp", TypeKind::TimestampLtz(3).nullable()),
    ])
}

const TOPIC: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;
const HEADERS: usize = 3;
const TIMESTAMP: usize = 4;
const COLUMNS: usize = 5;

/// A record as it is read back from a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordRef<'a>(RowRef<'a>);

impl<'a> RecordRef<'a> {
    /// Reads a row of [`schema`].
    pub fn new(row: RowRef<'a>) -> Self {
        Self(row)
    }

    /// Its topic.
    pub fn topic(self) -> &'a str {
        self.0.get(TOPIC, Layout::Str).as_str().unwrap_or_default()
    }

    /// Its key.
    pub fn key(self) -> Option<&'a [u8]> {
        self.bytes(KEY)
    }

    /// Its value, none for a tombstone.
    pub fn value(self) -> Option<&'a [u8]> {
        self.bytes(VALUE)
    }

    /// Its headers in order, from names to bytes.
    pub fn header_map(self) -> Option<MapRef<'a>> {
        match self.0.get(HEADERS, Layout::Map) {
            Datum::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The same one by one.
    pub fn headers(self) -> Vec<(&'a str, Option<&'a [u8]>)> {
        let Some(map) = self.header_map() else {
            return Vec::new();
        };
        let value = |at| match map.values().get(at, Layout::Bytes) {
            Datum::Bytes(bytes) => Some(bytes),
            _ => None,
        };
        let key = |at| map.keys().get(at, Layout::Str).as_str().unwrap_or_default();
        (0..map.len()).map(|at| (key(at), value(at))).collect()
    }

    /// Milliseconds since 1970, if it brings its own time.
    pub fn timestamp(self) -> Option<i64> {
        match self.0.get(TIMESTAMP, Layout::Micros) {
            Datum::Timestamp(at) => Some(at.millis()),
            _ => None,
        }
    }

    fn bytes(self, column: usize) -> Option<&'a [u8]> {
        match self.0.get(column, Layout::Bytes) {
            Datum::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Headers as a packed map, ready to be copied into a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<u8>);

impl Headers {
    /// Packs headers.
    pub(crate) fn new(all: &[(String, Vec<u8>)]) -> Self {
        let mut packed = Vec::new();
        append_map(
            &mut packed,
            |out| {
                let mut keys = RowWriter::new(out, all.len());
                all.iter().for_each(|(key, _)| keys.push(Datum::Str(key), Layout::Str));
            },
            |out| {
                let mut values = RowWriter::new(out, all.len());
                all.iter().for_each(|(_, value)| values.push(Datum::Bytes(value), Layout::Bytes));
            },
        );
        Self(packed)
    }

    /// The headers one by one.
    pub(crate) fn unpack(&self) -> Vec<(String, Vec<u8>)> {
        let map = MapRef::new(RowRef::new(&self.0));
        let one = |at| {
            let key = map.keys().get(at, Layout::Str).as_str().unwrap_or_default().to_owned();
            match map.values().get(at, Layout::Bytes) {
                Datum::Bytes(bytes) => (key, bytes.to_vec()),
                _ => (key, Vec::new()),
            }
        };
        (0..map.len()).map(one).collect()
    }
}

/// Appends one record; `key` and `value` write their bytes, or nothing at all (false) for null.
pub(crate) fn push<E>(
    batch: &mut ChangeBatch,
    topic: &str,
    headers: &Headers,
    key: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    value: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
) -> Result<(), E> {
    batch.try_push_with(RowKind::Insert, |out| {
        let mut row = RowWriter::new(out, COLUMNS);
        row.push(Datum::Str(topic), Layout::Str);
        push_bytes(&mut row, key)?;
        push_bytes(&mut row, value)?;
        if headers.0.is_empty() {
            row.push_null();
        } else {
            row.push_tail(|out| out.extend_from_slice(&headers.0));
        }
        row.push_null();
        Ok(())
    })
}

fn push_bytes<E>(
    row: &mut RowWriter<'_>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
) -> Result<(), E> {
    let mut written = Ok(true);
    row.push_tail_if(|out| {
        written = write(out);
        matches!(written, Ok(true))
    });
    written.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back() {
        let mut batch = ChangeBatch::default();
        let headers =
            Headers::new(&[("b".to_owned(), b"1".to_vec()), ("a".to_owned(), b"2".to_vec())]);
        let write = |text: &'static str| {
            move |out: &mut Vec<u8>| {
                out.extend_from_slice(text.as_bytes());
                Ok::<bool, ()>(true)
            }
        };
        push(&mut batch, "t", &headers, write("k"), |_| Ok(false)).unwrap();
        push(&mut batch, "u", &Headers::default(), |_| Ok(false), write("")).unwrap();
        let record = RecordRef::new(batch.row(0).1);
        assert_eq!((record.topic(), record.key(), record.value()), ("t", Some(&b"k"[..]), None));
        assert_eq!(record.headers(), [("b", Some(&b"1"[..])), ("a", Some(&b"2"[..]))]);
        let record = RecordRef::new(batch.row(1).1);
        assert_eq!((record.key(), record.value()), (None, Some(&b""[..])));
        assert!(record.headers().is_empty());
        assert_eq!(schema().len(), COLUMNS);
    }
}
