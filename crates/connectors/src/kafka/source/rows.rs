//! From messages to rows: key, value and what is beside them, put together.

use jiff::tz::TimeZone;
use rdkafka::message::{Headers, Message, Timestamp as MessageTime};
use tailwater_connector_api::{ConnectorError, ErrorKind, TableSpec};
use tailwater_expr::ResolveError;
use tailwater_formats::{DecodeError, MessageDecoder};
use tailwater_types::row::append_map;
use tailwater_types::{
    ChangeBatch, Datum, Layout, RowKind, RowRef, RowWriter, Timestamp, TypeKind,
};

use crate::format::DecodedColumns;
use crate::kafka::columns::Metadata;
use crate::kafka::options::{self, Flavour};

/// Where a column of the row comes from.
#[derive(Clone, Copy, Debug)]
enum From {
    Key(usize),
    /// Of the value, and where the key has it too.
    Value(usize, Option<usize>),
    /// Beside; whether an instant is to be shown on the session's clock.
    Beside(Metadata, bool),
}

/// Makes rows of messages.
pub(super) struct Rows {
    key: Option<Box<dyn MessageDecoder>>,
    value: Box<dyn MessageDecoder>,
    columns: Vec<(From, Layout)>,
    /// The value alone is the row.
    is_plain: bool,
    is_upsert: bool,
    zone: TimeZone,
    key_rows: ChangeBatch,
    value_rows: ChangeBatch,
}

impl Rows {
    pub(super) fn new(
        table: &TableSpec,
        layout: &options::Layout,
        flavour: Flavour,
        zone: &TimeZone,
    ) -> Result<Self, ResolveError> {
        let columns = &layout.columns;
        let key = match &layout.key {
            Some(format) => {
                let schema = &columns.key_schema(table);
                let columns = DecodedColumns { schema, key: &[], metadata: &[] };
                Some(format.message_decoder(&columns, zone.clone())?)
            }
            None => None,
        };
        let in_value = |place: &usize| columns.value.iter().position(|at| at == place);
        let metadata: Vec<_> = columns.value_metadata.iter().map(|(_, m)| m.clone()).collect();
        let decoded = DecodedColumns {
            schema: &columns.value_schema(table),
            key: &table.primary_key.iter().filter_map(in_value).collect::<Vec<_>>(),
            metadata: &metadata,
        };
        let value = layout.value.message_decoder(&decoded, zone.clone())?;
        let from = |(at, column): (usize, &tailwater_connector_api::TableColumn)| {
            let is_local = matches!(column.data_type.kind, TypeKind::Timestamp(_));
            let beside = columns.metadata.iter().find(|(place, _)| *place == at);
            let beside_value = columns.value_metadata.iter().position(|(place, _)| *place == at);
            let in_value = in_value(&at).or(beside_value.map(|i| columns.value.len() + i));
            let in_key = columns.key.iter().position(|place| *place == at);
            let from = match (beside, in_value, in_key) {
                (Some((_, metadata)), ..) => From::Beside(*metadata, is_local),
                (None, Some(i), in_key) => From::Value(i, in_key),
                (None, None, i) => From::Key(i.unwrap_or(usize::MAX)),
            };
            (from, column.data_type.layout())
        };
        let all: Vec<(From, Layout)> = table.columns.iter().enumerate().map(from).collect();
        let is_in_place = |(i, (from, _)): (usize, &(From, Layout))| matches!(from, From::Value(at, _) if *at == i);
        Ok(Self {
            is_plain: key.is_none() && all.iter().enumerate().all(is_in_place),
            key,
            value,
            columns: all,
            is_upsert: flavour == Flavour::Upsert,
            zone: zone.clone(),
            key_rows: ChangeBatch::default(),
            value_rows: ChangeBatch::default(),
        })
    }

    /// Appends the rows of a message.
    pub(super) fn append(
        &mut self,
        message: &impl Message,
        out: &mut ChangeBatch,
    ) -> Result<(), ConnectorError> {
        let decoded = self.decode(message, out);
        decoded.map_err(|(part, error)| {
            let kind = if error.may_pass { ErrorKind::Connect } else { ErrorKind::BadData };
            let bad = ConnectorError::new(kind, format!("{part}: {}", error.message))
                .with_context("topic", message.topic())
                .with_context("partition", message.partition().to_string())
                .with_context("offset", message.offset().to_string());
            bad.with_hint(error.hint.unwrap_or_else(|| {
                "'...ignore-parse-errors' = 'true' of the format skips what it cannot read"
                    .to_owned()
            }))
        })
    }

    fn decode(
        &mut self,
        message: &impl Message,
        out: &mut ChangeBatch,
    ) -> Result<(), (&'static str, DecodeError)> {
        let of_value = |error| ("the value is not of its format", error);
        if self.is_plain {
            return match message.payload() {
                Some(value) => self.value.decode_message(value, out),
                None => self.value.decode_null(out),
            }
            .map_err(of_value);
        }
        self.key_rows.clear();
        self.value_rows.clear();
        if let Some(key) = &mut self.key {
            let decoded = match message.key() {
                Some(bytes) => key.decode_message(bytes, &mut self.key_rows),
                None => key.decode_null(&mut self.key_rows),
            };
            decoded.map_err(|error| ("the key is not of its format", error))?;
            if self.key_rows.is_empty() {
                return Ok(());
            }
        }
        match message.payload() {
            None if self.is_upsert => {
                for i in 0..self.key_rows.len() {
                    let key = self.key_rows.row(i).1;
                    self.push(RowKind::Delete, Some(key), None, message, out);
                }
                return Ok(());
            }
            None => self.value.decode_null(&mut self.value_rows),
            Some(value) => self.value.decode_message(value, &mut self.value_rows),
        }
        .map_err(of_value)?;
        for i in 0..self.value_rows.len() {
            let (kind, value) = self.value_rows.row(i);
            let kind = match kind {
                RowKind::Insert if self.is_upsert => RowKind::UpdateAfter,
                kind => kind,
            };
            if self.key.is_none() {
                self.push(kind, None, Some(value), message, out);
            }
            for k in 0..self.key_rows.len() {
                let key = self.key_rows.row(k).1;
                self.push(kind, Some(key), Some(value), message, out);
            }
        }
        Ok(())
    }

    fn push(
        &self,
        kind: RowKind,
        key: Option<RowRef<'_>>,
        value: Option<RowRef<'_>>,
        message: &impl Message,
        out: &mut ChangeBatch,
    ) {
        out.push_with(kind, |bytes| {
            let mut writer = RowWriter::new(bytes, self.columns.len());
            for (from, layout) in &self.columns {
                match (*from, key, value) {
                    (From::Beside(metadata, is_local), ..) => {
                        self.beside(metadata, is_local, *layout, message, &mut writer);
                    }
                    (From::Value(i, _), _, Some(value)) => writer.copy(value, i, *layout),
                    // Of a deletion the key is all that is known.
                    (From::Value(_, Some(i)) | From::Key(i), Some(key), _) => {
                        writer.copy(key, i, *layout);
                    }
                    (From::Value(..) | From::Key(_), ..) => writer.push_null(),
                }
            }
        });
    }

    fn beside(
        &self,
        metadata: Metadata,
        is_local: bool,
        layout: Layout,
        message: &impl Message,
        writer: &mut RowWriter<'_>,
    ) {
        let datum = match metadata {
            Metadata::Topic => Datum::Str(message.topic()),
            Metadata::Partition => Datum::Int(message.partition().into()),
            Metadata::Offset => Datum::Int(message.offset()),
            // The client library does not tell it.
            Metadata::LeaderEpoch => Datum::Null,
            Metadata::Timestamp => match message.timestamp().to_millis() {
                Some(millis) => Datum::Timestamp(self.shown(millis, is_local)),
                None => Datum::Null,
            },
            Metadata::TimestampType => Datum::Str(match message.timestamp() {
                MessageTime::NotAvailable => "NoTimestampType",
                MessageTime::CreateTime(_) => "CreateTime",
                MessageTime::LogAppendTime(_) => "LogAppendTime",
            }),
            Metadata::Headers => return headers(message, writer),
        };
        writer.push(datum, layout);
    }

    /// An instant, or what the session's clock showed at it.
    fn shown(&self, millis: i64, is_local: bool) -> Timestamp {
        if !is_local {
            return Timestamp::from_millis(millis);
        }
        let instant = jiff::Timestamp::from_millisecond(millis);
        let offset = instant.map_or(0, |at| self.zone.to_offset(at).seconds());
        Timestamp::from_millis(millis.saturating_add(i64::from(offset) * 1000))
    }
}

/// Headers as a map; of several with one name the last counts, as in Flink.
fn headers(message: &impl Message, writer: &mut RowWriter<'_>) {
    let mut all: Vec<(&str, Option<&[u8]>)> = Vec::new();
    for header in message.headers().iter().flat_map(|headers| headers.iter()) {
        match all.iter_mut().find(|(key, _)| *key == header.key) {
            Some(known) => known.1 = header.value,
            None => all.push((header.key, header.value)),
        }
    }
    writer.push_tail(|out| {
        append_map(
            out,
            |out| {
                let mut keys = RowWriter::new(out, all.len());
                all.iter().for_each(|(key, _)| keys.push(Datum::Str(key), Layout::Str));
            },
            |out| {
                let mut values = RowWriter::new(out, all.len());
                for (_, value) in &all {
                    values.push(value.map_or(Datum::Null, Datum::Bytes), Layout::Bytes);
                }
            },
        );
    });
}
