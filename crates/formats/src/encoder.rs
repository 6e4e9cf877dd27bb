//! What an encoder is.

use std::fmt;
use std::sync::Arc;

use tailwater_types::{DataType, Field, RowKind, RowRef, Schema};

/// Turns changes into messages, one each.
pub trait MessageEncoder: Send {
    /// Appends the message of a change.
    ///
    /// # Errors
    /// A value that the format cannot hold; what was appended must not be used.
    fn encode(
        &mut self,
        kind: RowKind,
        row: RowRef<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError>;
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// Bytes were appended, possibly none.
    Bytes,
    /// The message has no value at all.
    Null,
}

/// A value that the format cannot hold. Holds no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// What is wrong, a lowercase fragment.
    pub message: String,
}

impl EncodeError {
    /// An error.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EncodeError {}

/// Which columns of a row a message holds, in their order there.
#[derive(Clone, Debug, Default)]
pub struct EncodedColumns {
    columns: Vec<EncodedColumn>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct EncodedColumn {
    pub(crate) name: Arc<str>,
    pub(crate) data_type: DataType,
    pub(crate) place: usize,
}

impl EncodedColumns {
    /// The columns at these places of rows of the schema, under their names without `prefix`.
    pub fn new(schema: &Schema, places: &[usize], prefix: &str) -> Self {
        let column = |place: &usize| {
            let field = schema.fields().get(*place)?;
            let name = field.name.strip_prefix(prefix).unwrap_or(&field.name);
            let data_type = field.data_type.clone();
            Some(EncodedColumn { name: name.into(), data_type, place: *place })
        };
        Self { columns: places.iter().filter_map(column).collect() }
    }

    /// The columns as fields of a message.
    pub fn fields(&self) -> Vec<Field> {
        let field = |c: &EncodedColumn| Field::new(&*c.name, c.data_type.clone());
        self.columns.iter().map(field).collect()
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &EncodedColumn> {
        self.columns.iter()
    }
}
