//! Heartbeats: proof that the connector lives, with a place to go on from.

use tailwater_types::ChangeBatch;

use super::output::{Output, Wanted};
use super::plan::Texts;
use super::rows::EventError;
use super::settings::EventSettings;
use crate::record::Headers;
use crate::schema::{Kind, Schema};
use crate::value::append_string;
use crate::value::number::append_i64;

/// Appends a heartbeat of this moment, nanoseconds since 1970.
///
/// # Errors
/// None that a row could be to blame for.
pub fn append_heartbeat(
    settings: &EventSettings,
    now_nanos: i64,
    batch: &mut ChangeBatch,
) -> Result<(), EventError> {
    let structure = |field: &str, kind: Kind, name: &str| {
        let fields = vec![(field.to_owned(), Schema::new(kind))];
        Schema::new(Kind::Struct(fields)).named(&format!("io.debezium.connector.common.{name}"))
    };
    let key_schema = structure("serverName", Kind::String, "ServerNameKey");
    let value_schema = structure("ts_ms", Kind::Int64, "Heartbeat");
    let key_texts = Texts::new(settings.key_schemas.then_some(&key_schema));
    let value_texts = Texts::new(settings.value_schemas.then_some(&value_schema));
    let output = Output { settings, wanted: Wanted::Topic(&settings.heartbeat_topic) };
    output.push(
        batch,
        &Headers::default(),
        |out| {
            out.extend_from_slice(&key_texts.front);
            out.extend_from_slice(b"{\"serverName\":");
            append_string(settings.server.as_bytes(), out);
            out.push(b'}');
            out.extend_from_slice(&key_texts.back);
            Ok(true)
        },
        |out| {
            out.extend_from_slice(&value_texts.front);
            out.extend_from_slice(b"{\"ts_ms\":");
            append_i64(now_nanos / 1_000_000, out);
            out.push(b'}');
            out.extend_from_slice(&value_texts.back);
            Ok(true)
        },
    )
}
