//! From a row to its record: the bytes of key and value, and what goes beside them.

use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tailwater_connector_api::{ConnectorError, ErrorKind, TableSpec};
use tailwater_expr::ResolveError;
use tailwater_formats::{EncodeError, Encoded, EncodedColumns, MessageEncoder};
use tailwater_types::{Datum, Layout, MapRef, RowKind, RowRef, TypeKind};

use crate::kafka::columns::Metadata;
use crate::kafka::options::{self, Flavour};

/// Makes records of rows, one at a time.
pub(super) trait MakeRecords: Send {
    /// The record of a row. Its bytes lie in the row, or in memory that the next record uses.
    ///
    /// # Errors
    /// A row that cannot be written.
    fn record<'r>(
        &'r mut self,
        kind: RowKind,
        row: RowRef<'r>,
    ) -> Result<RecordRef<'r>, ConnectorError>;
}

/// One record, borrowed.
pub(super) struct RecordRef<'r> {
    /// The sink's, unless it has its own.
    pub(super) topic: Option<&'r Arc<str>>,
    pub(super) key: Option<&'r [u8]>,
    pub(super) value: Option<&'r [u8]>,
    /// Milliseconds since 1970.
    pub(super) timestamp: Option<i64>,
    /// From names to bytes.
    pub(super) headers: Option<MapRef<'r>>,
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
    /// Key and value of the last record.
    bytes: Vec<u8>,
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
            bytes: Vec::new(),
        })
    }

    /// Writes key and value; gives where they lie.
    #[expect(clippy::type_complexity, reason = "two places, read at once")]
    fn encode(
        &mut self,
        kind: RowKind,
        row: RowRef<'_>,
    ) -> Result<(Option<Range<usize>>, Option<Range<usize>>), EncodeError> {
        self.bytes.clear();
        let key = match &mut self.key {
            Some(key) => append(key.as_mut(), RowKind::Insert, row, &mut self.bytes)?,
            None => None,
        };
        let value = match (self.is_upsert, kind.is_addition()) {
            (true, false) => None,
            (true, true) => append(self.value.as_mut(), RowKind::Insert, row, &mut self.bytes)?,
            (false, _) => append(self.value.as_mut(), kind, row, &mut self.bytes)?,
        };
        Ok((key, value))
    }

    fn headers<'r>(&self, row: RowRef<'r>) -> Option<MapRef<'r>> {
        match row.get(self.headers?, Layout::Map) {
            Datum::Map(map) => Some(map),
            _ => None,
        }
    }

    fn timestamp(&self, row: RowRef<'_>) -> Option<i64> {
        let (place, layout, is_local) = self.timestamp?;
        match row.get(place, layout) {
            Datum::Timestamp(at) => Some(self.instant(at.millis(), is_local)),
            _ => None,
        }
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
    fn record<'r>(
        &'r mut self,
        kind: RowKind,
        row: RowRef<'r>,
    ) -> Result<RecordRef<'r>, ConnectorError> {
        let (key, value) = self.encode(kind, row).map_err(|error| {
            ConnectorError::new(ErrorKind::BadData, format!("a row cannot be written: {error}"))
        })?;
        let bytes = |range: Option<Range<usize>>| range.map(|r| &self.bytes[r]);
        let (headers, timestamp) = (self.headers(row), self.timestamp(row));
        Ok(RecordRef { topic: None, key: bytes(key), value: bytes(value), timestamp, headers })
    }
}

fn append(
    encoder: &mut dyn MessageEncoder,
    kind: RowKind,
    row: RowRef<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Range<usize>>, EncodeError> {
    let start = out.len();
    let encoded = encoder.encode(kind, row, out)?;
    Ok((encoded == Encoded::Bytes).then_some(start..out.len()))
}
