//! The last step: a record goes into the batch, through the transforms if there are some.

use tailwater_types::ChangeBatch;

use super::plan::TablePlan;
use super::rows::EventError;
use super::settings::EventSettings;
use crate::record::{self, Headers};

/// Where a record goes.
pub(crate) struct Output<'a> {
    pub(crate) settings: &'a EventSettings,
    pub(crate) wanted: Wanted<'a>,
}

/// Whose record it is.
pub(crate) enum Wanted<'a> {
    /// Of a table: its topic is decided.
    Table(&'a TablePlan),
    /// Of this topic, which the transforms may change.
    Topic(&'a str),
}

impl Output<'_> {
    /// Appends a record unless a transform drops it.
    pub(crate) fn push(
        &self,
        batch: &mut ChangeBatch,
        headers: &Headers,
        key: impl FnOnce(&mut Vec<u8>) -> Result<bool, EventError>,
        value: impl FnOnce(&mut Vec<u8>) -> Result<bool, EventError>,
    ) -> Result<(), EventError> {
        let chain = &self.settings.chain;
        let topic = match &self.wanted {
            Wanted::Table(plan) => plan.topic.as_str(),
            Wanted::Topic(topic) if !chain.changes_records() => {
                let routed = chain.route(topic);
                return record::push(batch, &routed, headers, key, value);
            }
            Wanted::Topic(topic) => topic,
        };
        if !chain.changes_records() {
            return record::push(batch, topic, headers, key, value);
        }
        let (mut key_bytes, mut value_bytes) = (Vec::new(), Vec::new());
        let key = key(&mut key_bytes)?.then_some(key_bytes);
        let value = value(&mut value_bytes)?.then_some(value_bytes);
        let Some(changed) = chain.apply(topic, key, value, headers) else {
            return Ok(());
        };
        let write = |bytes: Option<Vec<u8>>| {
            move |out: &mut Vec<u8>| {
                out.extend_from_slice(bytes.as_deref().unwrap_or_default());
                Ok(bytes.is_some())
            }
        };
        let headers = Headers::new(&changed.headers);
        record::push(batch, &changed.topic, &headers, write(changed.key), write(changed.value))
    }
}
