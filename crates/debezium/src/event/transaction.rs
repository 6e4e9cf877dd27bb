//! `provide.transaction.metadata`: where an event stands in its transaction, and the events of the
//! transaction's begin and end.

use std::collections::BTreeMap;

use tailwater_types::ChangeBatch;

use super::context::Context;
use super::envelope::append_or_null;
use super::output::{Output, Wanted};
use super::plan::Texts;
use super::rows::EventError;
use super::settings::EventSettings;
use crate::record::Headers;
use crate::schema::{Kind, Schema};
use crate::value::append_string;
use crate::value::number::append_i64;

/// Where an event stands in its transaction, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) total: u64,
    pub(crate) of_table: u64,
}

/// The events of one transaction so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionCounter {
    has_begun: bool,
    total: u64,
    tables: BTreeMap<String, u64>,
}

impl TransactionCounter {
    /// Whether it has an event.
    pub fn has_events(&self) -> bool {
        self.total > 0
    }

    /// Counts an event.
    pub(super) fn next(&mut self, schema: &str, table: &str) -> Place {
        let name = if schema.is_empty() { table.to_owned() } else { format!("{schema}.{table}") };
        self.total += 1;
        let of_table = self.tables.entry(name).or_default();
        *of_table += 1;
        Place { total: self.total, of_table: *of_table }
    }

    /// Appends the transaction's begin in front of its first event.
    pub(super) fn begin(
        &mut self,
        settings: &EventSettings,
        context: &Context<'_>,
        batch: &mut ChangeBatch,
    ) -> Result<(), EventError> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        push(settings, context, batch, |out| {
            out.extend_from_slice(b"{\"status\":\"BEGIN\",\"id\":");
            append_id(context, out);
            out.extend_from_slice(b",\"event_count\":null,\"data_collections\":null,\"ts_ms\":");
            append_i64(context.commit_micros.div_euclid(1000), out);
            out.push(b'}');
        })
    }

    /// Appends the transaction's end, if it had an event; `context` lies where its commit ends.
    ///
    /// # Errors
    /// None that a row could be to blame for.
    pub fn append_end(
        &self,
        settings: &EventSettings,
        context: &Context<'_>,
        batch: &mut ChangeBatch,
    ) -> Result<(), EventError> {
        if !self.has_events() {
            return Ok(());
        }
        push(settings, context, batch, |out| {
            out.extend_from_slice(b"{\"status\":\"END\",\"id\":");
            append_id(context, out);
            out.extend_from_slice(b",\"event_count\":");
            append_or_null(Some(self.total), out);
            out.extend_from_slice(b",\"data_collections\":[");
            for (at, (name, count)) in self.tables.iter().enumerate() {
                out.extend_from_slice(if at == 0 { b"{" } else { b",{" });
                out.extend_from_slice(b"\"data_collection\":");
                append_string(name.as_bytes(), out);
                out.extend_from_slice(b",\"event_count\":");
                append_or_null(Some(*count), out);
                out.push(b'}');
            }
            out.extend_from_slice(b"],\"ts_ms\":");
            append_i64(context.commit_micros.div_euclid(1000), out);
            out.push(b'}');
        })
    }
}

fn append_id(context: &Context<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    append_or_null(context.xid.map(u64::from), out);
    out.push(b':');
    append_or_null(context.lsn.map(|lsn| lsn.0), out);
    out.push(b'"');
}

fn push(
    settings: &EventSettings,
    context: &Context<'_>,
    batch: &mut ChangeBatch,
    value: impl FnOnce(&mut Vec<u8>),
) -> Result<(), EventError> {
    let (key_schema, value_schema) = schemas();
    let key_texts = Texts::new(settings.key_schemas.then_some(&key_schema));
    let value_texts = Texts::new(settings.value_schemas.then_some(&value_schema));
    let output = Output { settings, wanted: Wanted::Topic(&settings.transaction_topic) };
    output.push(
        batch,
        &Headers::default(),
        |out| {
            out.extend_from_slice(&key_texts.front);
            out.extend_from_slice(b"{\"id\":");
            append_id(context, out);
            out.push(b'}');
            out.extend_from_slice(&key_texts.back);
            Ok(true)
        },
        |out| {
            out.extend_from_slice(&value_texts.front);
            value(out);
            out.extend_from_slice(&value_texts.back);
            Ok(true)
        },
    )
}

fn structure(fields: Vec<(&str, Schema)>, name: &str) -> Schema {
    let fields = fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    Schema::new(Kind::Struct(fields)).named(name)
}

fn schemas() -> (Schema, Schema) {
    let (string, number) = (|| Schema::new(Kind::String), || Schema::new(Kind::Int64));
    let key =
        structure(vec![("id", string())], "io.debezium.connector.common.TransactionMetadataKey");
    let collection = structure(
        vec![("data_collection", string()), ("event_count", number())],
        "event.collection",
    );
    let fields = vec![
        ("status", string()),
        ("id", string()),
        ("event_count", number().optional()),
        ("data_collections", Schema::new(Kind::Array(Box::new(collection))).optional()),
        ("ts_ms", number()),
    ];
    (key, structure(fields, "io.debezium.connector.common.TransactionMetadataValue"))
}
