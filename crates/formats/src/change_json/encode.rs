//! Changes to messages: as in Flink, an update is the deletion of a row and the insertion of
//! another.

use tailwater_expr::ResolveError;
use tailwater_types::{RowKind, RowRef};

use super::ChangeJson;
use crate::encoder::{EncodeError, Encoded, EncodedColumns, MessageEncoder};
use crate::json::{JsonEncoder, JsonEncoding};

/// Writes the changes of a [flavour](ChangeJson).
pub struct ChangeJsonEncoder {
    rows: JsonEncoder,
    added: Frame,
    removed: Frame,
}

/// What stands around the row.
struct Frame {
    front: &'static str,
    back: &'static str,
}

impl ChangeJsonEncoder {
    /// An encoder of these columns.
    ///
    /// # Errors
    /// A column type that json cannot hold.
    pub fn new(
        flavour: ChangeJson,
        columns: &EncodedColumns,
        encoding: JsonEncoding,
    ) -> Result<Self, ResolveError> {
        let omits_nulls = encoding.omits_nulls;
        let (added, removed) = frames(flavour, omits_nulls);
        Ok(Self { rows: JsonEncoder::new(columns, encoding)?, added, removed })
    }
}

fn frames(flavour: ChangeJson, omits_nulls: bool) -> (Frame, Frame) {
    let frame = |front, back| Frame { front, back };
    match (flavour, omits_nulls) {
        (ChangeJson::Debezium, false) => (
            frame(r#"{"before":null,"after":"#, r#","op":"c"}"#),
            frame(r#"{"before":"#, r#","after":null,"op":"d"}"#),
        ),
        (ChangeJson::Debezium, true) => {
            (frame(r#"{"after":"#, r#","op":"c"}"#), frame(r#"{"before":"#, r#","op":"d"}"#))
        }
        (ChangeJson::Ogg, false) => (
            frame(r#"{"before":null,"after":"#, r#","op_type":"I"}"#),
            frame(r#"{"before":"#, r#","after":null,"op_type":"D"}"#),
        ),
        (ChangeJson::Ogg, true) => (
            frame(r#"{"after":"#, r#","op_type":"I"}"#),
            frame(r#"{"before":"#, r#","op_type":"D"}"#),
        ),
        (ChangeJson::Canal, _) => (
            frame(r#"{"data":["#, r#"],"type":"INSERT"}"#),
            frame(r#"{"data":["#, r#"],"type":"DELETE"}"#),
        ),
        (ChangeJson::Maxwell, _) => (
            frame(r#"{"data":"#, r#","type":"insert"}"#),
            frame(r#"{"data":"#, r#","type":"delete"}"#),
        ),
    }
}

impl MessageEncoder for ChangeJsonEncoder {
    fn encode(
        &mut self,
        kind: RowKind,
        row: RowRef<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let frame = if kind.is_addition() { &self.added } else { &self.removed };
        out.extend_from_slice(frame.front.as_bytes());
        self.rows.encode(kind, row, out)?;
        out.extend_from_slice(frame.back.as_bytes());
        Ok(Encoded::Bytes)
    }
}
