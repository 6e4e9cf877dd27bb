//! Avro's binary encoding, and what stands in front of it where a schema registry keeps the schemas:
//! a zero and the schema's number. Values are read and written straight from and to packed rows.

mod confluent;
mod debezium;
mod decode;
mod derive;
mod encode;
mod schema;

use std::sync::Arc;

pub use confluent::{AvroDecoder, AvroEncoder, AvroFraming};
pub use debezium::{DebeziumAvroDecoder, DebeziumAvroEncoder, envelope};
pub use derive::derive_schema;

/// Where the schema of a number is to be had.
pub trait SchemaSource: Send + Sync {
    /// The text of a schema.
    ///
    /// # Errors
    /// Why it is not to be had.
    fn schema(&self, id: u32) -> Result<Arc<str>, SchemaUnavailable>;
}

/// A schema is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaUnavailable {
    /// What is wrong, a lowercase fragment.
    pub message: String,
    /// It may be later.
    pub may_pass: bool,
}
