//! Bytes to changes and back: json, csv, raw, debezium-json. Pure: no I/O, no connector.

mod csv;
mod debezium_json;
mod decoder;
mod encoder;
mod json;
mod raw;
mod text_value;
mod value_text;

pub use csv::{CsvConfig, CsvDecoder, CsvEncoder};
pub use debezium_json::DebeziumJsonDecoder;
pub use decoder::{DecodeError, Decoder, MessageDecoder};
pub use encoder::{EncodeError, Encoded, EncodedColumns, MessageEncoder};
pub use json::{JsonConfig, JsonDecoder, JsonEncoder, JsonEncoding, NullKeys, TimestampFormat};
pub use raw::{Endianness, RawDecoder, RawEncoder};
