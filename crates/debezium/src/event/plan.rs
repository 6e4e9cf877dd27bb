//! A table's plan: everything about its events that does not change from row to row.

use std::sync::Arc;

use tailwater_pg_wire::pgoutput::Cell;

use super::envelope::Envelope;
use super::flat::FlatValue;
use super::rows::EventError;
use super::settings::{EventSettings, MaskKind};
use crate::column::{ColumnSpec, CompiledColumn, precision_and_scale};
use crate::mask::Hash;
use crate::names;
use crate::record::Headers;
use crate::schema::{Kind, Schema};
use crate::transforms::append_fields;
use crate::value::{ValueWriter, append_string};

/// A captured table as the catalog or the stream describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSpec {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns in order.
    pub columns: Vec<ColumnSpec>,
    /// Places in `columns` of its key.
    pub key: Vec<usize>,
}

/// How the rows of a table become events.
#[derive(Debug)]
pub struct TablePlan {
    pub(super) settings: Arc<EventSettings>,
    pub(super) spec: TableSpec,
    pub(super) topic: String,
    /// The key's columns, none for events without a key.
    pub(super) key: Fields,
    pub(super) key_texts: Texts,
    /// Constant fields behind the key's own.
    key_fields: Vec<(String, String)>,
    pub(super) row: Fields,
    pub(super) envelope: Envelope,
    pub(super) flat: Option<FlatValue>,
    pub(super) headers: Headers,
}

/// The columns of a structure.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) columns: Vec<CompiledColumn>,
    /// `"name":` in front of each, with what parts it from the last one.
    heads: Vec<Vec<u8>>,
}

/// What stands around a structure.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    pub(super) front: Vec<u8>,
    pub(super) back: Vec<u8>,
}

impl Texts {
    /// Around a payload, with its schema or without.
    pub(super) fn new(schema: Option<&Schema>) -> Self {
        let Some(schema) = schema else {
            return Self::default();
        };
        let mut front = b"{\"schema\":".to_vec();
        schema.append(None, &mut front);
        front.extend_from_slice(b",\"payload\":");
        Self { front, back: b"}".to_vec() }
    }
}

impl Fields {
    fn new(columns: Vec<CompiledColumn>) -> Self {
        let head = |(at, column): (usize, &CompiledColumn)| {
            let mut head = if at == 0 { b"{".to_vec() } else { b",".to_vec() };
            append_string(column.name.as_bytes(), &mut head);
            head.push(b':');
            head
        };
        Self { heads: columns.iter().enumerate().map(head).collect(), columns }
    }

    pub(super) fn schema(&self) -> Kind {
        Kind::Struct(self.columns.iter().map(|c| (c.name.clone(), c.schema.clone())).collect())
    }

    /// Appends the structure without its closing brace.
    pub(super) fn append_open(
        &self,
        cells: &[Cell<'_>],
        previous: Option<&[Cell<'_>]>,
        out: &mut Vec<u8>,
    ) -> Result<(), EventError> {
        if self.columns.is_empty() {
            out.push(b'{');
        }
        for (column, head) in self.columns.iter().zip(&self.heads) {
            out.extend_from_slice(head);
            let mut cell = cells.get(column.place).copied().unwrap_or(Cell::Null);
            if cell == Cell::UnchangedToast
                && let Some(before) = previous.and_then(|p| p.get(column.place))
            {
                cell = *before;
            }
            column.write(cell, out).map_err(|_| EventError::new(column.place))?;
        }
        Ok(())
    }

    pub(super) fn append(
        &self,
        cells: &[Cell<'_>],
        previous: Option<&[Cell<'_>]>,
        out: &mut Vec<u8>,
    ) -> Result<(), EventError> {
        self.append_open(cells, previous, out)?;
        out.push(b'}');
        Ok(())
    }
}

impl TablePlan {
    /// Compiles the plan of a table.
    pub fn new(settings: &Arc<EventSettings>, spec: TableSpec) -> Self {
        let takes = |c: &ColumnSpec| settings.takes_column(&spec.schema, &spec.name, &c.name);
        let compiled = |(place, column): (usize, &ColumnSpec)| {
            let name = settings.field_names.field(&column.name);
            let compiled = CompiledColumn::new(place, column, name, &settings.modes)?;
            Some(finish_column(settings, &spec, column, compiled))
        };
        let columns = spec.columns.iter().enumerate().filter(|(_, column)| takes(column));
        let row = Fields::new(columns.filter_map(compiled).collect());
        let key_places = key_places(settings, &spec);
        let key =
            key_places.iter().filter_map(|place| compiled((*place, spec.columns.get(*place)?)));
        let key = Fields::new(key.collect());
        let logical = [settings.server.as_str(), &spec.schema, &spec.name];
        let logical = names::topic(&logical.join(&settings.topic_delimiter));
        let routed = settings.chain.route_table(&logical);
        let key_name = routed.key_schema.as_deref().unwrap_or(&logical);
        let value_name = routed.value_schema.as_deref().unwrap_or(&logical);
        let full = |topic: &str, suffix: &str| {
            settings.schema_names.full_name(&format!("{topic}.{suffix}"))
        };
        let mut key_kind = key.schema();
        if let Kind::Struct(fields) = &mut key_kind {
            let added = routed.key_fields.iter();
            fields.extend(added.map(|(name, _)| (name.clone(), Schema::new(Kind::String))));
        }
        let key_schema = Schema { name: Some(full(key_name, "Key")), ..Schema::new(key_kind) };
        let value_schema =
            Schema { name: Some(full(value_name, "Value")), ..Schema::new(row.schema()) };
        let value_schema = value_schema.optional();
        let envelope = full(value_name, "Envelope");
        Self {
            key_texts: Texts::new(settings.key_schemas.then_some(&key_schema)),
            envelope: Envelope::new(settings, &spec, &value_schema, envelope),
            flat: settings
                .flat
                .as_ref()
                .map(|flat| FlatValue::new(flat, settings.value_schemas, &value_schema)),
            headers: settings.headers(Vec::new(), &[]),
            settings: Arc::clone(settings),
            spec,
            topic: routed.topic,
            key_fields: routed.key_fields,
            key,
            row,
        }
    }

    /// The table that it is of.
    pub fn table(&self) -> &TableSpec {
        &self.spec
    }

    /// Whether the table is called `schema.table`.
    pub fn is_named(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&*self.spec.schema).and_then(|rest| rest.strip_prefix('.'));
        rest == Some(&*self.spec.name)
    }

    /// The options.
    pub fn settings(&self) -> &EventSettings {
        &self.settings
    }

    /// Whether every column can be read from the binary format.
    pub fn reads_binary(&self) -> bool {
        let all = self.row.columns.iter().chain(&self.key.columns);
        let mut all = all.map(|column| column.place);
        all.all(|place| self.column_reads_binary(place))
    }

    /// Whether a column, by its place in the table, can be read from the binary format.
    pub fn column_reads_binary(&self, place: usize) -> bool {
        let mut all = self.row.columns.iter().chain(&self.key.columns);
        all.all(|column| column.place != place || column.writer.reads_binary())
    }

    /// Whether a column, by its place in the table, is in events or their key.
    pub fn needs_column(&self, place: usize) -> bool {
        self.row.columns.iter().chain(&self.key.columns).any(|column| column.place == place)
    }

    /// Whether the key of a record is the table's, untouched by transforms.
    pub(super) fn keeps_its_key(&self) -> bool {
        self.key_fields.is_empty()
    }

    /// Appends the key with its schema; false if events have none.
    pub(super) fn append_key(
        &self,
        cells: &[Cell<'_>],
        previous: Option<&[Cell<'_>]>,
        out: &mut Vec<u8>,
    ) -> Result<bool, EventError> {
        if self.key.columns.is_empty() {
            return Ok(false);
        }
        out.extend_from_slice(&self.key_texts.front);
        self.key.append_open(cells, previous, out)?;
        append_fields(&self.key_fields, out);
        out.push(b'}');
        out.extend_from_slice(&self.key_texts.back);
        Ok(true)
    }
}

/// The key that the options say, else the table's.
fn key_places(settings: &EventSettings, spec: &TableSpec) -> Vec<usize> {
    let full = format!("{}.{}", spec.schema, spec.name);
    let Some((_, columns)) = settings.keys.iter().find(|(table, _)| table.is_match(&full)) else {
        return spec.key.clone();
    };
    let place = |name: &String| spec.columns.iter().position(|c| c.name == *name);
    columns.iter().filter_map(place).collect()
}

/// Masks, source types and comments.
fn finish_column(
    settings: &EventSettings,
    spec: &TableSpec,
    column: &ColumnSpec,
    mut compiled: CompiledColumn,
) -> CompiledColumn {
    let full = format!("{}.{}.{}", spec.schema, spec.name, column.name);
    let mask = settings.masks.iter().find(|m| m.columns.iter().any(|c| c.is_match(&full)));
    if let Some(mask) = mask.filter(|_| compiled.schema.kind == Kind::String) {
        let length = usize::try_from(column.pg_type.modifier.saturating_sub(4)).ok();
        let length = length.filter(|_| matches!(column.pg_type.oid, 1042 | 1043));
        let inner = Box::new(compiled.writer);
        compiled.writer = match &mask.kind {
            MaskKind::Truncate(length) => ValueWriter::Truncated(inner, *length),
            MaskKind::Asterisks(count) => {
                let constant = format!("\"{}\"", "*".repeat(*count)).into_bytes();
                compiled.null.clone_from(&constant);
                ValueWriter::Constant(constant)
            }
            MaskKind::Hash { algorithm, salt, is_plain } => {
                let hash =
                    Hash { algorithm: *algorithm, salt: salt.clone(), is_plain: *is_plain, length };
                ValueWriter::Hashed(inner, hash)
            }
        };
    }
    let types = &settings.source_types;
    let type_name = format!("{}.{}.{}", spec.schema, spec.name, column.pg_type.name);
    let is_told = types.columns.iter().any(|c| c.is_match(&full))
        || types.types.iter().any(|t| t.is_match(&type_name) || t.is_match(&column.pg_type.name));
    if is_told {
        compiled.schema = tell_source_type(compiled.schema, column);
    }
    if settings.has_comments {
        compiled.schema.doc = column.comment.clone().or(compiled.schema.doc);
    }
    compiled
}

fn tell_source_type(schema: Schema, column: &ColumnSpec) -> Schema {
    const PREFIX: &str = "__debezium.source.column.";
    let pg_type = &column.pg_type;
    let schema = schema.with(&format!("{PREFIX}type"), pg_type.name.to_uppercase());
    let told = match pg_type.oid {
        1700 => precision_and_scale(pg_type.modifier).map(|(length, scale)| (length, Some(scale))),
        1042 | 1043 if pg_type.modifier > 4 => Some((pg_type.modifier - 4, None)),
        1560 | 1562 if pg_type.modifier > 0 => Some((pg_type.modifier, None)),
        _ => None,
    };
    let schema = match told {
        Some((length, scale)) => {
            let schema = schema.with(&format!("{PREFIX}length"), length);
            match scale {
                Some(scale) => schema.with(&format!("{PREFIX}scale"), scale),
                None => schema,
            }
        }
        None => schema,
    };
    schema.with(&format!("{PREFIX}name"), &column.name)
}
