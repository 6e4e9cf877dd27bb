//! Messages of one record each, with or without a schema's number in front.

use std::collections::HashMap;
use std::sync::Arc;

use tailwater_expr::ResolveError;
use tailwater_types::{ChangeBatch, DataType, Field, RowKind, RowRef, Schema};

use super::decode::Plan;
use super::encode::append;
use super::{SchemaSource, derive_schema};
use crate::decoder::{DecodeError, MessageDecoder};
use crate::encoder::{EncodeError, Encoded, EncodedColumns, MessageEncoder};

/// How the schema of a message is known.
#[derive(Clone)]
pub enum AvroFraming {
    /// It is the one of the table's columns.
    Table,
    /// Its number stands in front.
    Registry(Arc<dyn SchemaSource>),
}

/// Finds how a message is to be read.
pub(super) struct Plans {
    fields: Vec<Field>,
    framing: AvroFraming,
    known: HashMap<u32, Plan>,
}

impl Plans {
    pub(super) fn new(fields: Vec<Field>, framing: AvroFraming) -> Result<Self, ResolveError> {
        let mut known = HashMap::new();
        let own = derive_schema(&fields)?;
        if matches!(framing, AvroFraming::Table) {
            known.insert(0, Plan::of_rows(&own, &fields).map_err(ResolveError::new)?);
        }
        Ok(Self { fields, framing, known })
    }

    /// Appends the row of a message.
    pub(super) fn read(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let refused = |message: String| DecodeError::new(1, message);
        let (id, body) = match (&self.framing, message) {
            (AvroFraming::Table, body) => (0, body),
            (AvroFraming::Registry(_), [0, a, b, c, d, body @ ..]) => {
                (u32::from_be_bytes([*a, *b, *c, *d]), body)
            }
            (AvroFraming::Registry(_), _) => {
                return Err(refused("Unknown data format. Magic number does not match".to_owned()));
            }
        };
        if let (AvroFraming::Registry(source), None) = (&self.framing, self.known.get(&id)) {
            let schema = source.schema(id).map_err(|error| DecodeError {
                may_pass: error.may_pass,
                ..refused(format!("schema {id} is not to be had: {}", error.message))
            })?;
            let plan = Plan::of_rows(&schema, &self.fields);
            let plan = plan.map_err(|what| refused(format!("schema {id}: {what}")))?;
            self.known.insert(id, plan);
        }
        let plan = self.known.get(&id).ok_or_else(|| refused("no schema".to_owned()))?;
        plan.read_row(body, out).map_err(refused)
    }
}

/// Reads `avro` and `avro-confluent`.
pub struct AvroDecoder(Plans);

impl AvroDecoder {
    /// A decoder of these columns.
    ///
    /// # Errors
    /// A column type that Avro cannot hold.
    pub fn new(schema: &Schema, framing: AvroFraming) -> Result<Self, ResolveError> {
        Plans::new(schema.fields().to_vec(), framing).map(Self)
    }
}

impl MessageDecoder for AvroDecoder {
    fn decode_message(&mut self, message: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        out.try_push_with(RowKind::Insert, |row| self.0.read(message, row))
    }
}

/// Writes `avro` and `avro-confluent`.
pub struct AvroEncoder {
    columns: Vec<(usize, DataType)>,
    front: Vec<u8>,
}

/// What stands in front of a message whose schema has this number.
pub(super) fn front(id: Option<u32>) -> Vec<u8> {
    id.map_or_else(Vec::new, |id| [&[0][..], &id.to_be_bytes()].concat())
}

impl AvroEncoder {
    /// An encoder of these columns; `id` is the number of their schema in the registry, if there
    /// is one.
    ///
    /// # Errors
    /// A column type that Avro cannot hold.
    pub fn new(columns: &EncodedColumns, id: Option<u32>) -> Result<Self, ResolveError> {
        derive_schema(&columns.fields())?;
        let columns = columns.iter().map(|c| (c.place, c.data_type.clone())).collect();
        Ok(Self { columns, front: front(id) })
    }
}

impl MessageEncoder for AvroEncoder {
    fn encode(
        &mut self,
        _kind: RowKind,
        row: RowRef<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        out.extend_from_slice(&self.front);
        for (place, data_type) in &self.columns {
            append(out, row.get(*place, data_type.layout()), data_type)?;
        }
        Ok(Encoded::Bytes)
    }
}
