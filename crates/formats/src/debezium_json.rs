//! `debezium-json`: one change per line, `{"before": .., "after": .., "op": ..}`.

use sonic_rs::{JsonValueTrait, Value};
use tailwater_expr::{Bump, ResolveContext, ResolveError};
use tailwater_types::{ChangeBatch, RowKind, Schema};

use crate::decoder::{DecodeError, Decoder, Lines, MessageDecoder};
use crate::json::{JsonConfig, RowReader, parse};

/// Reads `debezium-json`.
pub struct DebeziumJsonDecoder {
    rows: RowReader,
    /// `debezium-json.schema-include`: the change is the field `payload`.
    has_schema: bool,
    ignores_errors: bool,
    lines: Lines,
    record: u64,
    arena: Bump,
}

const NO_BEFORE: &str = "The \"before\" field of UPDATE message is null, if you are using \
                         Debezium Postgres Connector, please check the Postgres table has been \
                         set REPLICA IDENTITY to FULL level.";

impl DebeziumJsonDecoder {
    /// A decoder of these columns.
    ///
    /// # Errors
    /// A column type that json cannot hold.
    pub fn new(
        schema: &Schema,
        config: JsonConfig,
        has_schema: bool,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        Ok(Self {
            rows: RowReader::new(schema, config, context)?,
            has_schema,
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
        let mut change = ChangeBatch::default();
        match parse(line).and_then(|value| self.change(&value, &mut change)) {
            Ok(()) => {
                out.append(&change);
                Ok(())
            }
            Err(_) if self.ignores_errors => Ok(()),
            Err(message) => {
                let hint = (message == NO_BEFORE)
                    .then_some("ALTER TABLE ... REPLICA IDENTITY FULL in the source database");
                Err(DecodeError { hint, ..DecodeError::new(self.record, message) })
            }
        }
    }

    fn change(&self, value: &Value, out: &mut ChangeBatch) -> Result<(), String> {
        let payload = if self.has_schema { value.get("payload") } else { Some(value) };
        let payload = payload.ok_or("field \"payload\" is missing")?;
        let row = |name: &str| payload.get(name).filter(|v| !v.is_null());
        let mut push = |kind, row: Option<&Value>| {
            let row = row.ok_or("the row of the change is null")?;
            out.try_push_with(kind, |bytes| self.rows.read(row, &self.arena, bytes))
        };
        match payload.get("op").and_then(|op| op.as_str()) {
            Some("c" | "r") => push(RowKind::Insert, row("after")),
            Some("u") => {
                if row("before").is_none() {
                    return Err(NO_BEFORE.to_owned());
                }
                push(RowKind::UpdateBefore, row("before"))?;
                push(RowKind::UpdateAfter, row("after"))
            }
            Some("d") => push(RowKind::Delete, row("before")),
            Some(_) => Err("unknown \"op\" value, it is c, r, u or d".to_owned()),
            None => Err("field \"op\" is missing".to_owned()),
        }
    }
}

impl Decoder for DebeziumJsonDecoder {
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

impl MessageDecoder for DebeziumJsonDecoder {
    fn decode_message(&mut self, message: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        self.record(message.trim_ascii(), out)
    }
}
