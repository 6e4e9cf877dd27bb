//! `json`: one object per line, a row of the declared columns each.

mod encode;
mod value;

use sonic_rs::{JsonValueTrait, Value};
use tailwater_expr::{Bump, ResolveContext, ResolveError};
use tailwater_types::{ChangeBatch, RowKind, Schema};

use crate::decoder::{DecodeError, Decoder, Lines, MessageDecoder};

pub use encode::{JsonEncoder, JsonEncoding, NullKeys};
pub(crate) use value::RowReader;

/// How timestamps are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimestampFormat {
    /// `yyyy-MM-dd HH:mm:ss.s{precision}`
    #[default]
    Sql,
    /// `yyyy-MM-ddTHH:mm:ss.s{precision}`
    Iso8601,
}

/// The options of `json` that matter for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct JsonConfig {
    /// `json.ignore-parse-errors`: fields that cannot be read are NULL, broken records are skipped.
    pub ignores_errors: bool,
    /// `json.fail-on-missing-field`
    pub fails_on_missing: bool,
    /// `json.timestamp-format.standard`
    pub timestamps: TimestampFormat,
    /// Flink's reader loses its place in an array or object that it passes over as broken: the
    /// fields behind it are NULL.
    pub loses_place: bool,
}

/// Reads `json`.
pub struct JsonDecoder {
    rows: RowReader,
    ignores_errors: bool,
    lines: Lines,
    record: u64,
    arena: Bump,
}

impl JsonDecoder {
    /// A decoder of these columns.
    ///
    /// # Errors
    /// A column type that json cannot hold.
    pub fn new(
        schema: &Schema,
        config: JsonConfig,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        Ok(Self {
            rows: RowReader::new(schema, config, context)?,
            ignores_errors: config.ignores_errors,
            lines: Lines::default(),
            record: 0,
            arena: Bump::new(),
        })
    }

    fn record(&mut self, line: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        self.record += 1;
        if line.is_empty() {
            return Ok(());
        }
        self.arena.reset();
        let read = parse(line).and_then(|value| {
            if !value.is_object() {
                return Err("it is not a JSON object".to_owned());
            }
            out.try_push_with(RowKind::Insert, |row| self.rows.read(&value, &self.arena, row))
        });
        match read {
            Err(message) if !self.ignores_errors => Err(DecodeError::new(self.record, message)),
            _ => Ok(()),
        }
    }
}

/// Parses a record, numbers kept as they are written.
pub(crate) fn parse(record: &[u8]) -> Result<Value, String> {
    let mut input = sonic_rs::Deserializer::from_slice(record).use_rawnumber();
    let value: Value = input.deserialize().map_err(|_| "it is not valid JSON".to_owned())?;
    Ok(value)
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, input: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        let mut lines = std::mem::take(&mut self.lines);
        let fed = lines.feed(input, |line| self.record(line, out));
        self.lines = lines;
        fed
    }

    fn finish(&mut self, out: &mut ChangeBatch) -> Result<(), DecodeError> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(|line| self.record(line, out))
    }
}

impl MessageDecoder for JsonDecoder {
    fn decode_message(&mut self, message: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        self.record(message.trim_ascii(), out)
    }
}
