//! Bytes to changes and back: json, csv, raw, and changes as Debezium, Canal, Maxwell and Oracle
//! GoldenGate write them. Pure: no I/O, no connector.

mod avro;
mod change_json;
mod csv;
mod decoder;
mod encoder;
mod json;
mod raw;
mod text_value;
mod value_text;

pub use avro::{
    AvroDecoder, AvroEncoder, AvroFraming, DebeziumAvroDecoder, DebeziumAvroEncoder, SchemaSource,
    SchemaUnavailable, derive_schema, envelope,
};
pub use change_json::{
    ChangeJson, ChangeJsonConfig, ChangeJsonDecoder, ChangeJsonEncoder, MessageShape,
    MetadataColumn, RowBefore,
};
pub use csv::{CsvConfig, CsvDecoder, CsvEncoder};
pub use decoder::{DecodeError, Decoder, MessageDecoder};
pub use encoder::{EncodeError, Encoded, EncodedColumns, MessageEncoder};
pub use json::{JsonConfig, JsonDecoder, JsonEncoder, JsonEncoding, NullKeys, TimestampFormat};
pub use raw::{Endianness, RawDecoder, RawEncoder};
