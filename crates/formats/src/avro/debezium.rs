//! Debezium's messages in Avro: `before`, `after` and `op`.

use std::sync::Arc;

use tailwater_expr::ResolveError;
use tailwater_types::{ChangeBatch, DataType, Field, Layout, RowKind, RowRef, Schema, TypeKind};

use super::confluent::{AvroFraming, Plans, front};
use super::derive_schema;
use super::encode::{append, append_long};
use crate::decoder::{DecodeError, MessageDecoder};
use crate::encoder::{EncodeError, Encoded, EncodedColumns, MessageEncoder};

/// The fields of a message about rows with these columns.
pub fn envelope(columns: &[Field]) -> Vec<Field> {
    let row = TypeKind::Row(Arc::from(columns)).nullable();
    vec![
        Field::new("before", row.clone()),
        Field::new("after", row),
        Field::new("op", TypeKind::STRING.nullable()),
    ]
}

/// Reads `debezium-avro-confluent`.
pub struct DebeziumAvroDecoder {
    plans: Plans,
    message: Vec<u8>,
}

impl DebeziumAvroDecoder {
    /// A decoder of these columns.
    ///
    /// # Errors
    /// A column type that Avro cannot hold.
    pub fn new(schema: &Schema, framing: AvroFraming) -> Result<Self, ResolveError> {
        let plans = Plans::new(envelope(schema.fields()), framing)?;
        Ok(Self { plans, message: Vec::new() })
    }
}

impl MessageDecoder for DebeziumAvroDecoder {
    fn decode_message(&mut self, message: &[u8], out: &mut ChangeBatch) -> Result<(), DecodeError> {
        self.message.clear();
        self.plans.read(message, &mut self.message)?;
        let message = RowRef::new(&self.message);
        let refused = |what: &str| DecodeError::new(1, what);
        let row = |place: usize| message.tail(place).map(RowRef::new);
        let after = || row(1).ok_or_else(|| refused("the row of the change is null"));
        let before = |change: &str| {
            row(0).ok_or_else(|| DecodeError {
                hint: Some(
                    "run ALTER TABLE ... REPLICA IDENTITY FULL; in the source database".to_owned(),
                ),
                ..refused(&format!(
                    "The \"before\" field of {change} message is null, if you are using Debezium \
                     Postgres Connector, please check the Postgres table has been set REPLICA \
                     IDENTITY to FULL level."
                ))
            })
        };
        match message.get(2, Layout::Str).as_str() {
            Some("c" | "r") => out.push(RowKind::Insert, after()?),
            Some("u") => {
                let (before, after) = (before("UPDATE")?, after()?);
                out.push(RowKind::UpdateBefore, before);
                out.push(RowKind::UpdateAfter, after);
            }
            Some("d") => out.push(RowKind::Delete, before("DELETE")?),
            Some(_) => return Err(refused("Unknown \"op\" value of a Debezium message")),
            None => return Err(refused("field \"op\" is missing")),
        }
        Ok(())
    }
}

/// Writes `debezium-avro-confluent`.
pub struct DebeziumAvroEncoder {
    columns: Vec<(usize, DataType)>,
    front: Vec<u8>,
}

impl DebeziumAvroEncoder {
    /// An encoder of these columns; `id` is the number of their schema in the registry.
    ///
    /// # Errors
    /// A column type that Avro cannot hold.
    pub fn new(columns: &EncodedColumns, id: u32) -> Result<Self, ResolveError> {
        derive_schema(&envelope(&columns.fields()))?;
        let columns = columns.iter().map(|c| (c.place, c.data_type.clone())).collect();
        Ok(Self { columns, front: front(Some(id)) })
    }
}

impl MessageEncoder for DebeziumAvroEncoder {
    fn encode(
        &mut self,
        kind: RowKind,
        row: RowRef<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        out.extend_from_slice(&self.front);
        let is_addition = kind.is_addition();
        if is_addition {
            append_long(out, 0);
        }
        append_long(out, 1);
        for (place, data_type) in &self.columns {
            append(out, row.get(*place, data_type.layout()), data_type)?;
        }
        if !is_addition {
            append_long(out, 0);
        }
        append_long(out, 1);
        append_long(out, 1);
        out.push(if is_addition { b'c' } else { b'd' });
        Ok(Encoded::Bytes)
    }
}
