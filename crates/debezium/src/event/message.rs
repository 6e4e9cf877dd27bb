//! Events of `pg_logical_emit_message`.

use tailwater_types::ChangeBatch;

use super::context::Context;
use super::envelope::{SourceTexts, append_place, place_schema, source_schema};
use super::output::{Output, Wanted};
use super::plan::Texts;
use super::rows::EventError;
use super::settings::EventSettings;
use super::transaction::TransactionCounter;
use crate::record::Headers;
use crate::schema::{Kind, Schema};
use crate::value::append_string;
use crate::value::number::append_i64;

/// Appends the event of a message.
///
/// # Errors
/// None that a row could be to blame for.
pub fn append_message(
    settings: &EventSettings,
    (prefix, content): (&str, &[u8]),
    context: &Context<'_>,
    counter: Option<&mut TransactionCounter>,
    batch: &mut ChangeBatch,
) -> Result<(), EventError> {
    let place = match counter {
        Some(counter) => {
            counter.begin(settings, context, batch)?;
            Some(counter.next("", prefix))
        }
        None => None,
    };
    let (key_schema, value_schema) = schemas();
    let key_texts = Texts::new(settings.key_schemas.then_some(&key_schema));
    let value_texts = Texts::new(settings.value_schemas.then_some(&value_schema));
    let topic =
        crate::names::topic(&format!("{}{}message", settings.server, settings.topic_delimiter));
    let output = Output { settings, wanted: Wanted::Topic(&topic) };
    output.push(
        batch,
        &Headers::default(),
        |out| {
            out.extend_from_slice(&key_texts.front);
            out.extend_from_slice(b"{\"prefix\":");
            append_string(prefix.as_bytes(), out);
            out.push(b'}');
            out.extend_from_slice(&key_texts.back);
            Ok(true)
        },
        |out| {
            out.extend_from_slice(&value_texts.front);
            out.extend_from_slice(b"{\"op\":\"m\",\"ts_ms\":");
            append_i64(context.now_nanos / 1_000_000, out);
            out.extend_from_slice(b",\"source\":");
            SourceTexts::new(settings, "", "").append(context, out);
            out.extend_from_slice(b",\"transaction\":");
            append_place(place.as_ref(), context, out);
            out.extend_from_slice(b",\"message\":{\"prefix\":");
            append_string(prefix.as_bytes(), out);
            out.extend_from_slice(b",\"content\":");
            settings.modes.binary.append_plain(content, out);
            out.extend_from_slice(b"}}");
            out.extend_from_slice(&value_texts.back);
            Ok(true)
        },
    )
}

fn schemas() -> (Schema, Schema) {
    let named = |fields: Vec<(&str, Schema)>, name: &str| {
        let fields = fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
        Schema::new(Kind::Struct(fields)).named(&format!("io.debezium.connector.postgresql.{name}"))
    };
    let prefix = || Schema::new(Kind::String).optional();
    let key = named(vec![("prefix", prefix())], "MessageKey");
    let content = ("content", Schema::new(Kind::Bytes).optional());
    let message = named(vec![("prefix", prefix()), content], "Message");
    let fields = vec![
        ("op", Schema::new(Kind::String)),
        ("ts_ms", Schema::new(Kind::Int64).optional()),
        ("source", source_schema()),
        ("transaction", place_schema()),
        ("message", message),
    ];
    (key, named(fields, "MessageValue"))
}
