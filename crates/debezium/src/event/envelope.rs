//! The envelope around a row: what was before and after, and where it comes from.

use tailwater_pg_wire::pgoutput::Cell;

use super::context::Context;
use super::plan::{Fields, TableSpec, Texts};
use super::rows::EventError;
use super::settings::EventSettings;
use super::transaction::Place;
use crate::schema::{Kind, Schema};
use crate::value::append_string;
use crate::value::number::append_i64;

/// What of an envelope does not change from row to row.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    texts: Texts,
    source: SourceTexts,
}

/// The same of the block `source`.
#[derive(Clone, Debug)]
pub(super) struct SourceTexts {
    front: Vec<u8>,
    database: Vec<u8>,
    names: Vec<u8>,
}

/// The rows of a change.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) before: Option<&'a [Cell<'a>]>,
    pub(super) after: Option<&'a [Cell<'a>]>,
    /// The whole old row, for values of `after` that were not sent.
    pub(super) previous: Option<&'a [Cell<'a>]>,
}

impl SourceTexts {
    pub(super) fn new(settings: &EventSettings, schema: &str, table: &str) -> Self {
        let mut front = b"{\"version\":\"".to_vec();
        front.extend_from_slice(crate::VERSION.as_bytes());
        front.extend_from_slice(b"\",\"connector\":\"postgresql\",\"name\":");
        append_string(settings.server.as_bytes(), &mut front);
        front.extend_from_slice(b",\"ts_ms\":");
        let mut database = b"\",\"db\":".to_vec();
        append_string(settings.database.as_bytes(), &mut database);
        database.extend_from_slice(b",\"sequence\":\"[");
        let mut names = b",\"schema\":".to_vec();
        append_string(schema.as_bytes(), &mut names);
        names.extend_from_slice(b",\"table\":");
        append_string(table.as_bytes(), &mut names);
        names.extend_from_slice(b",\"txId\":");
        Self { front, database, names }
    }

    /// Appends the block.
    pub(super) fn append(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.front);
        append_i64(context.commit_micros.div_euclid(1000), out);
        out.extend_from_slice(b",\"snapshot\":\"");
        out.extend_from_slice(context.mark.word().as_bytes());
        out.extend_from_slice(&self.database);
        append_quoted(context.last_commit.map(|lsn| lsn.0), out);
        out.push(b',');
        append_quoted(context.lsn.or(context.last_commit).map(|lsn| lsn.0), out);
        out.extend_from_slice(b"]\",\"ts_us\":");
        append_i64(context.commit_micros, out);
        out.extend_from_slice(b",\"ts_ns\":");
        append_i64(context.commit_micros.saturating_mul(1000), out);
        out.extend_from_slice(&self.names);
        append_or_null(context.xid.map(u64::from), out);
        out.extend_from_slice(b",\"lsn\":");
        let is_incremental = context.mark == super::Mark::Incremental;
        append_or_null(context.lsn.filter(|_| !is_incremental).map(|lsn| lsn.0), out);
        match context.origin {
            None => {
                out.extend_from_slice(b",\"xmin\":null,\"origin\":null,\"origin_lsn\":null}");
            }
            Some(origin) => {
                out.extend_from_slice(b",\"xmin\":null,\"origin\":");
                append_string(origin.name.as_bytes(), out);
                out.extend_from_slice(b",\"origin_lsn\":");
                append_or_null(Some(origin.lsn.0), out);
                out.push(b'}');
            }
        }
    }
}

/// A number in quotes within a string.
fn append_quoted(value: Option<u64>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(value) => {
            out.extend_from_slice(b"\\\"");
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            out.extend_from_slice(b"\\\"");
        }
    }
}

pub(super) fn append_or_null(value: Option<u64>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
}

impl Envelope {
    pub(super) fn new(
        settings: &EventSettings,
        spec: &TableSpec,
        row: &Schema,
        name: String,
    ) -> Self {
        let schema = settings.value_schemas.then(|| envelope_schema(row, name));
        Self {
            texts: Texts::new(schema.as_ref()),
            source: SourceTexts::new(settings, &spec.schema, &spec.name),
        }
    }

    pub(super) fn append(
        &self,
        fields: &Fields,
        rows: Rows<'_>,
        operation: char,
        context: &Context<'_>,
        place: Option<&Place>,
        out: &mut Vec<u8>,
    ) -> Result<(), EventError> {
        out.extend_from_slice(&self.texts.front);
        out.extend_from_slice(b"{\"before\":");
        match rows.before {
            Some(cells) => fields.append(cells, None, out)?,
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"after\":");
        match rows.after {
            Some(cells) => fields.append(cells, rows.previous, out)?,
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"source\":");
        self.source.append(context, out);
        out.extend_from_slice(b",\"transaction\":");
        append_place(place, context, out);
        out.extend_from_slice(b",\"op\":\"");
        out.push(operation as u8);
        out.extend_from_slice(b"\",\"ts_ms\":");
        append_i64(context.now_nanos / 1_000_000, out);
        out.extend_from_slice(b",\"ts_us\":");
        append_i64(context.now_nanos / 1000, out);
        out.extend_from_slice(b",\"ts_ns\":");
        append_i64(context.now_nanos, out);
        out.push(b'}');
        out.extend_from_slice(&self.texts.back);
        Ok(())
    }
}

/// The block `transaction`.
pub(super) fn append_place(place: Option<&Place>, context: &Context<'_>, out: &mut Vec<u8>) {
    let Some(place) = place else {
        return out.extend_from_slice(b"null");
    };
    out.extend_from_slice(b"{\"id\":\"");
    append_or_null(context.xid.map(u64::from), out);
    out.push(b':');
    append_or_null(context.lsn.map(|lsn| lsn.0), out);
    out.extend_from_slice(b"\",\"total_order\":");
    append_or_null(Some(place.total), out);
    out.extend_from_slice(b",\"data_collection_order\":");
    append_or_null(Some(place.of_table), out);
    out.push(b'}');
}

fn named(fields: Vec<(&str, Schema)>, name: &str, version: u32) -> Schema {
    let fields = fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    Schema {
        name: Some(name.to_owned()),
        version: Some(version),
        ..Schema::new(Kind::Struct(fields))
    }
}

/// The schema of the block `source`.
pub(super) fn source_schema() -> Schema {
    let schema = Schema::new;
    let snapshot = schema(Kind::String).optional().named("io.debezium.data.Enum").with(
        "allowed",
        "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental",
    );
    let snapshot = Schema { default: Some(b"\"false\"".to_vec()), ..snapshot };
    let fields = vec![
        ("version", schema(Kind::String)),
        ("connector", schema(Kind::String)),
        ("name", schema(Kind::String)),
        ("ts_ms", schema(Kind::Int64)),
        ("snapshot", snapshot),
        ("db", schema(Kind::String)),
        ("sequence", schema(Kind::String).optional()),
        ("ts_us", schema(Kind::Int64).optional()),
        ("ts_ns", schema(Kind::Int64).optional()),
        ("schema", schema(Kind::String)),
        ("table", schema(Kind::String)),
        ("txId", schema(Kind::Int64).optional()),
        ("lsn", schema(Kind::Int64).optional()),
        ("xmin", schema(Kind::Int64).optional()),
        ("origin", schema(Kind::String).optional()),
        ("origin_lsn", schema(Kind::Int64).optional()),
    ];
    named(fields, "io.debezium.connector.postgresql.Source", 1)
}

/// The schema of the block `transaction`.
pub(super) fn place_schema() -> Schema {
    let fields = vec![
        ("id", Schema::new(Kind::String)),
        ("total_order", Schema::new(Kind::Int64)),
        ("data_collection_order", Schema::new(Kind::Int64)),
    ];
    named(fields, "event.block", 1).optional()
}

fn envelope_schema(row: &Schema, name: String) -> Schema {
    let time = || Schema::new(Kind::Int64).optional();
    let fields = vec![
        ("before", row.clone()),
        ("after", row.clone()),
        ("source", source_schema()),
        ("transaction", place_schema()),
        ("op", Schema::new(Kind::String)),
        ("ts_ms", time()),
        ("ts_us", time()),
        ("ts_ns", time()),
    ];
    named(fields, &name, 2)
}
