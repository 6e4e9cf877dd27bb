//! From rows to records: the bytes of key and value, and what goes beside them.

use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tailwater_connector_api::{ConnectorError, ErrorKind, TableSpec};
use tailwater_expr::ResolveError;
use tailwater_formats::{EncodeError, Encoded, EncodedColumns, MessageEncoder};
use tailwater_types::{ChangeBatch, Datum, Layout, RowKind, RowRef, TypeKind};

use crate::kafka::columns::Metadata;
use crate::kafka::options::{self, Flavour};

/// Records in the order of their rows; their bytes lie one behind the other.
#[derive(Debug, Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

/// Makes records of rows.
pub(super) trait MakeRecords: Send {
    /// Appends the records of a batch, in its order.
    fn encode(&mut self, batch: &ChangeBatch, records: &mut Records) -> Result<(), ConnectorError>;
}

#[derive(Debug)]
struct Record {
    topic: Option<Arc<str>>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    timestamp: Option<i64>,
    headers: Vec<(String, Option<Range<usize>>)>,
}

/// One record, borrowed.
pub(super) struct RecordRef<'r> {
    /// The sink's, unless it has its own.
    pub(super) topic: Option<&'r Arc<str>>,
    pub(super) key: Option<&'r [u8]>,
    pub(super) value: Option<&'r [u8]>,
    /// Milliseconds since 1970.
    pub(super) timestamp: Option<i64>,
    pub(super) headers: Vec<(&'r str, Option<&'r [u8]>)>,
}

impl Records {
    pub(super) fn iter(&self) -> impl Iterator<Item = RecordRef<'_>> {
        let bytes = |range: &Option<Range<usize>>| range.clone().map(|r| &self.bytes[r]);
        self.records.iter().map(move |record| RecordRef {
            topic: record.topic.as_ref(),
            key: bytes(&record.key),
            value: bytes(&record.value),
            timestamp: record.timestamp,
            headers: record.headers.iter().map(|(k, v)| (k.as_str(), bytes(v))).collect(),
        })
    }

    /// Takes a record as it is.
    pub(super) fn push(
        &mut self,
        topic: Arc<str>,
        record: tailwater_debezium::record::RecordRef<'_>,
    ) {
        let key = record.key().map(|key| self.copy(key));
        let value = record.value().map(|value| self.copy(value));
        let headers = record.headers().into_iter();
        let headers = headers.map(|(k, v)| (k.to_owned(), v.map(|v| self.copy(v)))).collect();
        let timestamp = record.timestamp();
        self.records.push(Record { topic: Some(topic), key, value, timestamp, headers });
    }

    /// Forgets the records, and memory beyond what batches usually take.
    pub(super) fn clear(&mut self) {
        const KEPT_BYTES: usize = 2 << 20;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.records.clear();
    }

    /// Makes room for as much as a batch holds.
    pub(super) fn reserve(&mut self, batch: &ChangeBatch) {
        self.bytes.reserve(batch.byte_size());
        self.records.reserve(batch.len());
    }

    fn append(
        &mut self,
        encoder: &mut dyn MessageEncoder,
        kind: RowKind,
        row: RowRef<'_>,
    ) -> Result<Option<Range<usize>>, EncodeError> {
        let start = self.bytes.len();
        let encoded = encoder.encode(kind, row, &mut self.bytes)?;
        Ok((encoded == Encoded::Bytes).then_some(start..self.bytes.len()))
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

/// The numbers of the schemas of key and value, where a registry keeps them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SchemaIds {
    key: Option<u32>,
    value: Option<u32>,
}

impl SchemaIds {
    /// Registers the schemas under the topic's subjects.
    pub(super) async fn register(
        table: &TableSpec,
        layout: &options::Layout,
        topic: &str,
    ) -> Result<Self, ConnectorError> {
        let (columns, schema) = (&layout.columns, table.schema());
        let mut ids = Self::default();
        if let Some(format) = &layout.key {
            let places = EncodedColumns::new(&schema, &columns.key, &columns.key_prefix);
            ids.key = format.register(&places, &format!("{topic}-key")).await?;
        }
        let places = EncodedColumns::new(&schema, &columns.value, "");
        ids.value = layout.value.register(&places, &format!("{topic}-value")).await?;
        Ok(ids)
    }
}

/// Makes records of rows.
pub(super) struct Encoder {
    key: Option<Box<dyn MessageEncoder>>,
    value: Box<dyn MessageEncoder>,
    headers: Option<usize>,
    /// The column, its layout, and whether it is a time on the session's clock.
    timestamp: Option<(usize, Layout, bool)>,
    zone: TimeZone,
    is_upsert: bool,
}

impl Encoder {
    pub(super) fn new(
        table: &TableSpec,
        layout: &options::Layout,
        flavour: Flavour,
        zone: &TimeZone,
        ids: SchemaIds,
    ) -> Result<Self, ResolveError> {
        let (columns, schema) = (&layout.columns, table.schema());
        let key = match &layout.key {
            Some(format) => {
                let places = EncodedColumns::new(&schema, &columns.key, &columns.key_prefix);
                Some(format.message_encoder(&places, ids.key)?)
            }
            None => None,
        };
        let places = EncodedColumns::new(&schema, &columns.value, "");
        let value = layout.value.message_encoder(&places, ids.value)?;
        let beside = |wanted: Metadata| {
            let found = columns.metadata.iter().find(|(_, metadata)| *metadata == wanted);
            found.map(|(place, _)| *place)
        };
        let timestamp = beside(Metadata::Timestamp).map(|place| {
            let data_type = &table.columns[place].data_type;
            (place, data_type.layout(), matches!(data_type.kind, TypeKind::Timestamp(_)))
        });
        Ok(Self {
            key,
            value,
            headers: beside(Metadata::Headers),
            timestamp,
            zone: zone.clone(),
            is_upsert: flavour == Flavour::Upsert,
        })
    }

    fn record(
        &mut self,
        kind: RowKind,
        row: RowRef<'_>,
        records: &mut Records,
    ) -> Result<(), EncodeError> {
        let key = match &mut self.key {
            Some(key) => records.append(key.as_mut(), RowKind::Insert, row)?,
            None => None,
        };
        let value = match (self.is_upsert, kind.is_addition()) {
            (true, false) => None,
            (true, true) => records.append(self.value.as_mut(), RowKind::Insert, row)?,
            (false, _) => records.append(self.value.as_mut(), kind, row)?,
        };
        let headers = self.headers(row, records);
        let timestamp =
            self.timestamp.and_then(|(place, layout, is_local)| match row.get(place, layout) {
                Datum::Timestamp(at) => Some(self.instant(at.millis(), is_local)),
                _ => None,
            });
        records.records.push(Record { topic: None, key, value, timestamp, headers });
        Ok(())
    }

    fn headers(
        &self,
        row: RowRef<'_>,
        records: &mut Records,
    ) -> Vec<(String, Option<Range<usize>>)> {
        let Some(place) = self.headers else { return Vec::new() };
        let Datum::Map(map) = row.get(place, Layout::Map) else { return Vec::new() };
        let mut headers = Vec::with_capacity(map.len());
        for i in 0..map.len() {
            let Datum::Str(key) = map.keys().get(i, Layout::Str) else { continue };
            let value = match map.values().get(i, Layout::Bytes) {
                Datum::Bytes(value) => Some(records.copy(value)),
                _ => None,
            };
            headers.push((key.to_owned(), value));
        }
        headers
    }

    /// Milliseconds since 1970 of what the session's clock showed.
    fn instant(&self, millis: i64, is_local: bool) -> i64 {
        if !is_local {
            return millis;
        }
        let shown = jiff::Timestamp::from_millisecond(millis);
        let shown = shown.map(|at| at.to_zoned(TimeZone::UTC).datetime());
        let instant = shown.and_then(|shown| self.zone.to_ambiguous_zoned(shown).compatible());
        instant.map_or(millis, |instant| instant.timestamp().as_millisecond())
    }
}

impl MakeRecords for Encoder {
    fn encode(&mut self, batch: &ChangeBatch, records: &mut Records) -> Result<(), ConnectorError> {
        records.reserve(batch);
        for (kind, row) in batch.iter() {
            self.record(kind, row, records).map_err(|error| {
                ConnectorError::new(ErrorKind::BadData, format!("a row cannot be written: {error}"))
            })?;
        }
        Ok(())
    }
}
