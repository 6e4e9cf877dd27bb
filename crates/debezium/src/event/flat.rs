//! `ExtractNewRecordState`: the row instead of its envelope, compiled into the table's plan.

use super::context::Context;
use super::envelope::{Rows, append_or_null};
use super::plan::{TablePlan, Texts};
use super::rows::EventError;
use super::transaction::Place;
use crate::schema::{Kind, Schema};
use crate::value::append_string;
use crate::value::number::append_i64;

/// How envelopes are taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlatSettings {
    pub(crate) deletes: DeleteHandling,
    pub(crate) fields: Vec<AddedField>,
    pub(crate) headers: Vec<AddedField>,
}

/// `delete.tombstone.handling.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeleteHandling {
    Drop,
    Tombstone,
    Rewrite,
    RewriteWithTombstone,
    DeleteToTombstone,
}

/// A field of the envelope that is added to the row or the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddedField {
    /// Its new name.
    pub(crate) name: String,
    pub(crate) origin: FieldOrigin,
}

/// Which field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldOrigin {
    Op,
    TsMs,
    TsUs,
    TsNs,
    Connector,
    Version,
    Server,
    SourceTsMs,
    SourceTsUs,
    SourceTsNs,
    Snapshot,
    Database,
    Schema,
    Table,
    TxId,
    Lsn,
    TransactionId,
    TotalOrder,
    TableOrder,
}

impl FieldOrigin {
    /// Finds a field by its name in the envelope, or `source.name`, `transaction.name`. A name alone is
    /// looked for in the envelope first.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "op" => Self::Op,
            "ts_ms" => Self::TsMs,
            "ts_us" => Self::TsUs,
            "ts_ns" => Self::TsNs,
            "transaction.id" => Self::TransactionId,
            "transaction.total_order" => Self::TotalOrder,
            "transaction.data_collection_order" => Self::TableOrder,
            _ => match name.strip_prefix("source.").unwrap_or(name) {
                "connector" => Self::Connector,
                "version" => Self::Version,
                "name" => Self::Server,
                "ts_ms" => Self::SourceTsMs,
                "ts_us" => Self::SourceTsUs,
                "ts_ns" => Self::SourceTsNs,
                "snapshot" => Self::Snapshot,
                "db" => Self::Database,
                "schema" => Self::Schema,
                "table" => Self::Table,
                "txId" => Self::TxId,
                "lsn" => Self::Lsn,
                _ => return None,
            },
        })
    }

    fn schema(self) -> Schema {
        let kind = match self {
            Self::Op
            | Self::Connector
            | Self::Version
            | Self::Server
            | Self::Snapshot
            | Self::Database
            | Self::Schema
            | Self::Table
            | Self::TransactionId => Kind::String,
            _ => Kind::Int64,
        };
        Schema::new(kind).optional()
    }

    fn append(
        self,
        plan: &TablePlan,
        operation: char,
        context: &Context<'_>,
        place: Option<&Place>,
        out: &mut Vec<u8>,
    ) {
        let settings = plan.settings();
        let text = |text: &str, out: &mut Vec<u8>| append_string(text.as_bytes(), out);
        match self {
            Self::Op => text(operation.encode_utf8(&mut [0; 4]), out),
            Self::TsMs => append_i64(context.now_nanos / 1_000_000, out),
            Self::TsUs => append_i64(context.now_nanos / 1000, out),
            Self::TsNs => append_i64(context.now_nanos, out),
            Self::Connector => text("postgresql", out),
            Self::Version => text(crate::VERSION, out),
            Self::Server => text(&settings.server, out),
            Self::SourceTsMs => append_i64(context.commit_micros.div_euclid(1000), out),
            Self::SourceTsUs => append_i64(context.commit_micros, out),
            Self::SourceTsNs => append_i64(context.commit_micros.saturating_mul(1000), out),
            Self::Snapshot => text(context.mark.word(), out),
            Self::Database => text(&settings.database, out),
            Self::Schema => text(&plan.spec.schema, out),
            Self::Table => text(&plan.spec.name, out),
            Self::TxId => append_or_null(context.xid.map(u64::from), out),
            Self::Lsn => append_or_null(context.lsn.map(|lsn| lsn.0), out),
            Self::TransactionId => match place.and(context.xid).zip(context.lsn) {
                Some((xid, lsn)) => text(&format!("{xid}:{}", lsn.0), out),
                None => out.extend_from_slice(b"null"),
            },
            Self::TotalOrder => append_or_null(place.map(|p| p.total), out),
            Self::TableOrder => append_or_null(place.map(|p| p.of_table), out),
        }
    }
}

/// The value without an envelope of one table.
#[derive(Clone, Debug)]
pub(super) struct FlatValue {
    pub(super) deletes: DeleteHandling,
    texts: Texts,
    fields: Vec<AddedField>,
    headers: Vec<AddedField>,
}

impl FlatValue {
    pub(super) fn new(settings: &FlatSettings, has_schema: bool, row: &Schema) -> Self {
        let mut schema = row.clone();
        if let Kind::Struct(fields) = &mut schema.kind {
            if rewrites(settings.deletes) {
                fields.push(("__deleted".to_owned(), Schema::new(Kind::String).optional()));
            }
            let added = settings.fields.iter();
            fields.extend(added.map(|field| (field.name.clone(), field.origin.schema())));
        }
        let is_changed = rewrites(settings.deletes) || !settings.fields.is_empty();
        schema.is_optional = !is_changed;
        Self {
            deletes: settings.deletes,
            texts: Texts::new(has_schema.then_some(&schema)),
            fields: settings.fields.clone(),
            headers: settings.headers.clone(),
        }
    }

    pub(super) fn append(
        &self,
        plan: &TablePlan,
        rows: Rows<'_>,
        operation: char,
        context: &Context<'_>,
        place: Option<&Place>,
        out: &mut Vec<u8>,
    ) -> Result<(), EventError> {
        out.extend_from_slice(&self.texts.front);
        let cells = rows.after.or(rows.before).unwrap_or_default();
        plan.row.append_open(cells, rows.previous, out)?;
        let mut is_first = plan.row.columns.is_empty();
        let mut head = |name: &str, out: &mut Vec<u8>| {
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            append_string(name.as_bytes(), out);
            out.push(b':');
        };
        if rewrites(self.deletes) {
            head("__deleted", out);
            let is_deleted: &[u8] = if operation == 'd' { b"\"true\"" } else { b"\"false\"" };
            out.extend_from_slice(is_deleted);
        }
        for field in &self.fields {
            head(&field.name, out);
            field.origin.append(plan, operation, context, place, out);
        }
        out.push(b'}');
        out.extend_from_slice(&self.texts.back);
        Ok(())
    }

    /// The headers that are added to a record.
    pub(super) fn headers(
        &self,
        plan: &TablePlan,
        operation: char,
        context: &Context<'_>,
        place: Option<&Place>,
    ) -> Vec<(String, Vec<u8>)> {
        let value = |field: &AddedField| {
            let mut json = Vec::new();
            field.origin.append(plan, operation, context, place, &mut json);
            // A string's quotes are those of JSON.
            let value = match json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
                Some(plain) => {
                    let text = String::from_utf8_lossy(plain);
                    plan.settings().header_form.string(&text)
                }
                None => json,
            };
            (field.name.clone(), value)
        };
        self.headers.iter().map(value).collect()
    }
}

fn rewrites(deletes: DeleteHandling) -> bool {
    matches!(deletes, DeleteHandling::Rewrite | DeleteHandling::RewriteWithTombstone)
}
