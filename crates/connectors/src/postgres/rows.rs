//! From cells to packed rows in the order of the declaration.

use std::sync::Arc;

use tailwater_connector_api::{ConnectorError, ErrorKind};
use tailwater_pg_wire::WireError;
use tailwater_pg_wire::copy_binary;
use tailwater_pg_wire::pgoutput::{Cell, CellSlot, Relation, Tuple};
use tailwater_types::{ChangeBatch, DataType, Layout, RowKind, RowWriter};

use super::client::quote;
use super::column::{ColumnDecoder, Unfit, unfit_error};
use super::metadata::{Metadata, Names};
use super::snapshot::ChunkKey;

/// What every row of a declared table is made of.
#[derive(Clone, Debug)]
pub(crate) struct RowPlan {
    pub(crate) columns: Vec<PlannedColumn>,
    pub(crate) names: Names,
    /// Places in `columns` of the declared primary key.
    pub(crate) key: Vec<usize>,
    /// Whether the server can send every column of the table in the binary format.
    pub(crate) sends_binary: bool,
}

/// One declared column.
#[derive(Clone, Debug)]
pub(crate) struct PlannedColumn {
    pub(crate) name: String,
    pub(crate) declared: DataType,
    pub(crate) content: Content,
}

/// Where a declared column comes from.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Physical { decoder: ColumnDecoder, type_oid: u32, type_name: String },
    Metadata(Metadata, Layout),
}

impl RowPlan {
    /// The table for messages.
    pub(crate) fn table(&self) -> String {
        self.names.shown()
    }

    fn unfit(&self, at: usize, unfit: Unfit) -> ConnectorError {
        let column = &self.columns[at];
        unfit_error(&self.table(), &column.name, &column.declared, unfit)
    }

    /// The columns that a copy has, as SQL.
    pub(crate) fn copied_columns(&self) -> Vec<String> {
        let columns = self.columns.iter().filter_map(|column| match &column.content {
            Content::Physical { decoder, .. } => {
                let name = quote(&column.name);
                // Not a cast, which prints some types otherwise than the stream does: an inet
                // with the mask of a single host.
                Some(if decoder.needs_text() {
                    format!("CASE WHEN num_nulls({name}) = 0 THEN format('%s', {name}) END")
                } else {
                    name
                })
            }
            Content::Metadata(..) => None,
        });
        columns.collect()
    }

    /// Whether the stream can be asked for the binary format.
    pub(crate) fn reads_binary(&self) -> bool {
        let is_binary = |column: &PlannedColumn| match &column.content {
            Content::Physical { decoder, .. } => !decoder.needs_text_stream(),
            Content::Metadata(..) => true,
        };
        self.sends_binary && self.columns.iter().all(is_binary)
    }

    /// Appends a row of a binary copy whose first fields are the physical columns in order, and
    /// gives what is left of it.
    pub(crate) fn push_copied<'a>(
        &self,
        mut row: copy_binary::CopyRow<'a>,
        batch: &mut ChangeBatch,
    ) -> Result<copy_binary::CopyRow<'a>, ConnectorError> {
        let mut failed_at = 0;
        let mut wire: Option<WireError> = None;
        let pushed = batch.try_push_with(RowKind::Insert, |out| {
            let mut writer = RowWriter::new(out, self.columns.len());
            for (at, column) in self.columns.iter().enumerate() {
                failed_at = at;
                match &column.content {
                    Content::Metadata(metadata, layout) => {
                        writer.push(metadata.datum(&self.names, RowKind::Insert, 0), *layout);
                    }
                    Content::Physical { decoder, .. } => {
                        let field = match row.next() {
                            Some(Ok(field)) => field,
                            Some(Err(error)) => {
                                wire = Some(error);
                                return Err(Unfit::Value);
                            }
                            None => None,
                        };
                        let cell = match field {
                            None => Cell::Null,
                            Some(bytes) if decoder.needs_text() => Cell::Text(bytes),
                            Some(bytes) => Cell::Binary(bytes),
                        };
                        decoder.write(cell, &mut writer)?;
                    }
                }
            }
            Ok(())
        });
        match (pushed, wire) {
            (_, Some(error)) => Err(wire_error(error)),
            (Err(unfit), None) => Err(self.unfit(failed_at, unfit)),
            (Ok(()), None) => Ok(row),
        }
    }
}

/// The same for rows of the stream, once the stream has told its columns.
pub(crate) struct StreamedRows {
    plan: Arc<RowPlan>,
    /// For each declared column its place among the relation's.
    places: Vec<usize>,
    /// The same for each column of the key that cuts the table.
    key_places: Vec<usize>,
    new: Vec<CellSlot>,
    old: Vec<CellSlot>,
}

/// A row of the stream: where its cells are, and the old row that fills what was not sent.
#[derive(Clone, Copy)]
pub(crate) struct StreamedRow<'a> {
    /// What happened, for the metadata.
    pub(crate) change: RowKind,
    pub(crate) tuple: Tuple<'a>,
    pub(crate) previous: Option<Tuple<'a>>,
    /// Whether a value that was not sent, because it did not change, may stay open: the job knows
    /// the old row.
    pub(crate) may_be_open: bool,
}

impl StreamedRows {
    /// Finds the declared columns among those of the stream; those that were `absent` are NULL.
    pub(crate) fn new(
        plan: Arc<RowPlan>,
        (relation, absent): (&Relation, &[usize]),
        key: Option<&ChunkKey>,
    ) -> Result<Self, ConnectorError> {
        let place_of = |name: &str| relation.columns.iter().position(|c| c.name == name);
        let key_columns = key.iter().flat_map(|key| &key.columns);
        let key_places = key_columns.map(|c| place_of(&c.name).unwrap_or(usize::MAX)).collect();
        let mut places = Vec::with_capacity(plan.columns.len());
        for (at, column) in plan.columns.iter().enumerate() {
            let Content::Physical { type_oid, type_name, .. } = &column.content else {
                places.push(usize::MAX);
                continue;
            };
            if absent.contains(&at) {
                places.push(usize::MAX);
                continue;
            }
            let place = place_of(&column.name);
            let changed = match place {
                None => "is no longer in the table or not in the publication",
                Some(place) if relation.columns[place].type_oid != *type_oid => {
                    "has got another type in the database"
                }
                Some(place) => {
                    places.push(place);
                    continue;
                }
            };
            let message = format!("column \"{}\" of table {} {changed}", column.name, plan.table());
            return Err(ConnectorError::new(ErrorKind::SchemaMismatch, message)
                .with_hint(format!("it was {type_name}; declare the table as it is now")));
        }
        Ok(Self { plan, places, key_places, new: Vec::new(), old: Vec::new() })
    }

    /// Appends one row.
    pub(crate) fn push(
        &mut self,
        kind: RowKind,
        row: StreamedRow<'_>,
        commit_micros: i64,
        batch: &mut ChangeBatch,
    ) -> Result<(), ConnectorError> {
        row.tuple.index_into(&mut self.new);
        if let Some(previous) = row.previous {
            previous.index_into(&mut self.old);
        }
        let (plan, places, new, old) = (&self.plan, &self.places, &self.new, &self.old);
        let mut failed: Option<(usize, bool)> = None;
        let pushed = batch.try_push_with(kind, |out| {
            let mut writer = RowWriter::new(out, plan.columns.len());
            for (at, column) in plan.columns.iter().enumerate() {
                let decoder = match &column.content {
                    Content::Metadata(metadata, layout) => {
                        writer
                            .push(metadata.datum(&plan.names, row.change, commit_micros), *layout);
                        continue;
                    }
                    Content::Physical { decoder, .. } => decoder,
                };
                let mut cell = cell_at(row.tuple, new, places[at]);
                if cell == Cell::UnchangedToast {
                    let before = row.previous.map(|p| cell_at(p, old, places[at]));
                    match before {
                        Some(before) if before != Cell::UnchangedToast => cell = before,
                        _ if row.may_be_open => {
                            writer.push_unchanged();
                            continue;
                        }
                        _ => {
                            failed = Some((at, true));
                            return Err(Unfit::Value);
                        }
                    }
                }
                decoder.write(cell, &mut writer).inspect_err(|_| failed = Some((at, false)))?;
            }
            Ok(())
        });
        match (pushed, failed) {
            (Err(_), Some((at, true))) => Err(self.toast_error(at)),
            (Err(unfit), at) => Err(plan.unfit(at.map_or(0, |(at, _)| at), unfit)),
            (Ok(()), _) => Ok(()),
        }
    }

    /// The key that cuts the table, encoded; what a row does not carry is in `previous`.
    pub(crate) fn key(
        &mut self,
        key: &ChunkKey,
        tuple: Tuple<'_>,
        previous: Option<Tuple<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectorError> {
        tuple.index_into(&mut self.new);
        if let Some(previous) = previous {
            previous.index_into(&mut self.old);
        }
        let cells = self.key_places.iter().map(|place| {
            match (cell_at(tuple, &self.new, *place), previous) {
                (Cell::UnchangedToast, Some(previous)) => cell_at(previous, &self.old, *place),
                (cell, _) => cell,
            }
        });
        key.encode(cells, out).ok_or_else(|| key_unreadable(&self.plan.names))
    }

    /// Whether the two rows have the same declared key.
    pub(crate) fn same_key(&mut self, a: Tuple<'_>, b: Tuple<'_>) -> bool {
        a.index_into(&mut self.new);
        b.index_into(&mut self.old);
        self.plan.key.iter().all(|at| {
            let place = self.places[*at];
            let after = cell_at(a, &self.new, place);
            after == Cell::UnchangedToast || after == cell_at(b, &self.old, place)
        })
    }

    fn toast_error(&self, at: usize) -> ConnectorError {
        let Names { schema, table, .. } = &self.plan.names;
        let message = format!(
            "an update of table {} does not carry column \"{}\": its value is stored out of line \
             and did not change",
            self.plan.table(),
            self.plan.columns[at].name
        );
        ConnectorError::new(ErrorKind::BadData, message).with_hint(identity_full(schema, table))
    }
}

/// A key column held what its type does not have.
pub(crate) fn key_unreadable(names: &Names) -> ConnectorError {
    let message = format!("the key of a row of table {} cannot be read", names.shown());
    ConnectorError::new(ErrorKind::Internal, message)
}

/// The statement that makes the stream carry whole old rows.
pub(crate) fn identity_full(schema: &str, table: &str) -> String {
    let name = super::client::qualified(schema, table);
    format!("ALTER TABLE {name} REPLICA IDENTITY FULL;")
}

fn cell_at<'a>(tuple: Tuple<'a>, slots: &[CellSlot], place: usize) -> Cell<'a> {
    slots.get(place).map_or(Cell::Null, |slot| tuple.cell(*slot))
}

/// The server sent what we cannot read.
pub(crate) fn wire_error(error: WireError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Internal, "the server sent what cannot be read")
        .with_source(error)
}
