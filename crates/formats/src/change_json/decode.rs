//! Messages to changes.

use regex::Regex;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use tailwater_expr::{Bump, ResolveContext, ResolveError};
use tailwater_types::{ChangeBatch, RowKind, RowRef, RowWriter, Schema};

use super::metadata::MetadataReader;
use super::{ChangeJson, ChangeJsonConfig, MessageShape, MetadataColumn, RowBefore};
use crate::decoder::{DecodeError, Decoder, Lines, MessageDecoder};
use crate::json::{RowReader, parse};

/// Reads the changes of a [flavour](ChangeJson).
pub struct ChangeJsonDecoder {
    rows: RowReader,
    metadata: Vec<MetadataReader>,
    /// Places of the primary key, and the layouts of a row.
    key: Vec<usize>,
    layouts: std::sync::Arc<[tailwater_types::Layout]>,
    config: ChangeJsonConfig,
    lines: Lines,
    record: u64,
    arena: Bump,
}

/// Why a message is refused.
struct Refusal {
    message: String,
    hint: Option<String>,
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message, hint: None }
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

/// Kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Insert,
    Update,
    Delete,
    /// Nothing of the rows.
    Other,
}

impl ChangeJsonDecoder {
    /// A decoder of rows with these columns and, behind them, those of metadata; `key` are the
    /// places of the primary key, empty without one.
    ///
    /// # Errors
    /// A column type that json cannot hold.
    pub fn new(
        schema: &Schema,
        key: &[usize],
        metadata: &[MetadataColumn],
        config: ChangeJsonConfig,
        context: &ResolveContext,
    ) -> Result<Self, ResolveError> {
        let metadata = metadata.iter().map(|column| MetadataReader::new(column, context));
        Ok(Self {
            rows: RowReader::new(schema, config.json, context)?,
            metadata: metadata.collect::<Result<_, _>>()?,
            key: key.to_vec(),
            layouts: schema.layouts(),
            config,
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
        let mut changes = ChangeBatch::default();
        let read = parse(line).map_err(Refusal::from);
        match read.and_then(|message| self.changes(&message, &mut changes)) {
            Ok(()) => {
                out.append(&changes);
                Ok(())
            }
            Err(_) if self.config.json.ignores_errors => Ok(()),
            Err(Refusal { message, hint }) => {
                Err(DecodeError { hint, ..DecodeError::new(self.record, message) })
            }
        }
    }

    fn changes(&self, message: &Value, out: &mut ChangeBatch) -> Result<(), Refusal> {
        let payload = if self.config.has_schema { message.get("payload") } else { Some(message) };
        let payload = payload.ok_or("field \"payload\" is missing")?;
        let change = Changes { decoder: self, message, payload };
        if self.config.shape == MessageShape::Envelope {
            return change.push(RowKind::Insert, Some(payload), None, out);
        }
        if !self.is_wanted(payload) {
            return Ok(());
        }
        match (change.kind()?, self.config.flavour) {
            (Change::Other, _) => Ok(()),
            (kind, ChangeJson::Debezium | ChangeJson::Ogg) => change.of_both(kind, out),
            (kind, ChangeJson::Maxwell) => {
                change.of_data(kind, (payload.get("data"), payload.get("old")), out)
            }
            (kind, ChangeJson::Canal) => {
                let rows = payload.get("data").and_then(|data| data.as_array());
                let rows = rows.ok_or("field \"data\" is no array")?;
                let old = payload.get("old").and_then(|old| old.as_array());
                for (i, row) in rows.iter().enumerate() {
                    let old = old.and_then(|old| old.get(i));
                    change.of_data(kind, (Some(row), old), out)?;
                }
                Ok(())
            }
        }
    }

    /// Whether it is of the databases and tables that are asked for.
    fn is_wanted(&self, payload: &Value) -> bool {
        let matches = |pattern: &Option<Regex>, field: &str| {
            let name = payload.get(field).and_then(|name| name.as_str()).unwrap_or("");
            pattern.as_ref().is_none_or(|pattern| pattern.is_match(name))
        };
        matches(&self.config.database, "database") && matches(&self.config.table, "table")
    }

    /// Whether two rows have the same key.
    fn same_key(&self, one: RowRef<'_>, other: RowRef<'_>) -> bool {
        let same = |at: &usize| match self.layouts.get(*at) {
            Some(layout) => one.get(*at, *layout) == other.get(*at, *layout),
            None => true,
        };
        self.key.iter().all(same)
    }
}

/// The changes of one message.
struct Changes<'m> {
    decoder: &'m ChangeJsonDecoder,
    message: &'m Value,
    payload: &'m Value,
}

impl Changes<'_> {
    fn kind(&self) -> Result<Change, Refusal> {
        let flavour = self.decoder.config.flavour;
        let field = flavour.kind_field();
        let Some(kind) = self.payload.get(field).and_then(|kind| kind.as_str()) else {
            let missing = Refusal::from(format!("field \"{field}\" is missing"));
            let is_wrapped = flavour == ChangeJson::Debezium
                && !self.decoder.config.has_schema
                && self.payload.get("payload").is_some_and(|v| v.is_object());
            return Err(match is_wrapped {
                true => Refusal {
                    hint: Some(
                        "the messages hold their schema: add 'debezium-json.schema-include' = \
                         'true'"
                            .to_owned(),
                    ),
                    ..missing
                },
                false => missing,
            });
        };
        Ok(match (flavour, kind) {
            (ChangeJson::Debezium, "c" | "r")
            | (ChangeJson::Canal, "INSERT")
            | (ChangeJson::Maxwell, "insert")
            | (ChangeJson::Ogg, "I") => Change::Insert,
            (ChangeJson::Debezium, "u")
            | (ChangeJson::Canal, "UPDATE")
            | (ChangeJson::Maxwell, "update")
            | (ChangeJson::Ogg, "U") => Change::Update,
            (ChangeJson::Debezium, "d")
            | (ChangeJson::Canal, "DELETE")
            | (ChangeJson::Maxwell, "delete")
            | (ChangeJson::Ogg, "D") => Change::Delete,
            (ChangeJson::Canal, "CREATE") => Change::Other,
            _ => {
                let tool = flavour.tool();
                let shown: String = kind.chars().take(40).collect();
                return Err(
                    format!("Unknown \"{field}\" value \"{shown}\" of a {tool} message").into()
                );
            }
        })
    }

    /// A change that has its rows in `before` and `after`.
    fn of_both(&self, kind: Change, out: &mut ChangeBatch) -> Result<(), Refusal> {
        let row = |name: &str| self.payload.get(name).filter(|v| !v.is_null());
        let (before, after) = (row("before"), row("after"));
        let may_lack = self.decoder.config.before == RowBefore::Optional;
        match kind {
            Change::Insert => self.push(RowKind::Insert, after, None, out),
            Change::Update if before.is_none() && may_lack => {
                self.push(RowKind::UpdateAfter, after, None, out)
            }
            Change::Update if before.is_none() => Err(self.no_before("UPDATE")),
            Change::Update => {
                self.push(RowKind::UpdateBefore, before, None, out)?;
                self.push(RowKind::UpdateAfter, after, None, out)?;
                self.split(out);
                Ok(())
            }
            Change::Delete if before.is_none() => Err(self.no_before("DELETE")),
            Change::Delete => self.push(RowKind::Delete, before, None, out),
            Change::Other => Ok(()),
        }
    }

    /// A change that has its row in `data`, and what was otherwise before in `old`.
    fn of_data(
        &self,
        kind: Change,
        (data, old): (Option<&Value>, Option<&Value>),
        out: &mut ChangeBatch,
    ) -> Result<(), Refusal> {
        let data = data.filter(|v| !v.is_null());
        match kind {
            Change::Insert => self.push(RowKind::Insert, data, None, out),
            Change::Update => {
                let old = old.filter(|v| v.is_object()).ok_or("field \"old\" is null")?;
                self.push(RowKind::UpdateBefore, Some(old), data, out)?;
                self.push(RowKind::UpdateAfter, data, None, out)
            }
            Change::Delete => self.push(RowKind::Delete, data, None, out),
            Change::Other => Ok(()),
        }
    }

    fn push(
        &self,
        kind: RowKind,
        row: Option<&Value>,
        other: Option<&Value>,
        out: &mut ChangeBatch,
    ) -> Result<(), Refusal> {
        let row = row.ok_or("the row of the change is null")?;
        let decoder = self.decoder;
        let pushed = out.try_push_with(kind, |bytes| {
            let width = decoder.rows.width() + decoder.metadata.len();
            let mut writer = RowWriter::new(bytes, width);
            decoder.rows.write(row, other, &decoder.arena, &mut writer)?;
            let places = (self.message, self.payload);
            for metadata in &decoder.metadata {
                metadata.push(places, &decoder.arena, &mut writer);
            }
            Ok(())
        });
        pushed.map_err(|what: String| what.into())
    }

    /// Has an update of the key, the last two changes, be a deletion and an insertion where state
    /// is kept by that key.
    fn split(&self, out: &mut ChangeBatch) {
        let count = out.len();
        if self.decoder.config.before == RowBefore::Required || count < 2 {
            return;
        }
        let (before, after) = (out.row(count - 2).1, out.row(count - 1).1);
        if self.decoder.same_key(before, after) {
            return;
        }
        let mut split = ChangeBatch::default();
        split.push(RowKind::Delete, before);
        split.push(RowKind::Insert, after);
        out.truncate(count - 2);
        out.append(&split);
    }

    fn no_before(&self, change: &str) -> Refusal {
        let tool = self.decoder.config.flavour.tool();
        let message = format!(
            "The \"before\" field of {change} message is null, if you are using {tool} Postgres \
             Connector, please check the Postgres table has been set REPLICA IDENTITY to FULL level."
        );
        let name = |field: &str| self.payload.get("source")?.get(field)?.as_str().map(quoted);
        let table = match (name("schema"), name("table")) {
            (Some(schema), Some(table)) => format!("{schema}.{table}"),
            _ => "...".to_owned(),
        };
        let hint = format!(
            "run ALTER TABLE {table} REPLICA IDENTITY FULL; in the source database, or declare the \
             table's PRIMARY KEY (...) NOT ENFORCED: then rows before a change come from the job's \
             state"
        );
        Refusal { message, hint: Some(hint) }
    }
}

/// A name as PostgreSQL takes it.
fn quoted(name: &str) -> String {
    let is_plain =
        |(i, c): (usize, char)| c == '_' || c.is_ascii_lowercase() || (i > 0 && c.is_ascii_digit());
    match !name.is_empty() && name.chars().enumerate().all(is_plain) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

impl Decoder for ChangeJsonDecoder {
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

impl MessageDecoder for ChangeJsonDecoder {
    fn decode_message(&mut self, message: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        self.record(message.trim_ascii(), out)
    }
}
