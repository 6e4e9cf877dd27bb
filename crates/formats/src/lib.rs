//! Bytes to changes: json, csv, debezium-json. Pure: no I/O, no connector.

mod csv;
mod debezium_json;
mod decoder;
mod json;
mod text_value;

pub use csv::{CsvConfig, CsvDecoder};
pub use debezium_json::DebeziumJsonDecoder;
pub use decoder::{DecodeError, Decoder};
pub use json::{JsonConfig, JsonDecoder, TimestampFormat};
