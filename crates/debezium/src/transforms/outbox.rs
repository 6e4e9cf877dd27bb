//! `EventRouter`: rows of an outbox table become the messages that they hold.

use std::collections::BTreeMap;

use super::Record;
use super::tree::Tree;
use crate::event::HeaderForm;

/// Which columns are what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outbox {
    id: String,
    key: String,
    payload: String,
    route_by: String,
    replacement: String,
    /// Columns that become headers, or fields around the payload, under another name.
    headers: Vec<(String, String)>,
    envelope: Vec<(String, String)>,
    expands_json: bool,
    tombstone_on_empty: bool,
    is_text: (bool, bool),
    header_form: HeaderForm,
}

impl Outbox {
    /// Reads the options; the key that is wrong, and why.
    pub(super) fn new(
        name: &str,
        options: &BTreeMap<String, String>,
        is_text: (bool, bool),
        header_form: HeaderForm,
    ) -> Result<Self, (String, String)> {
        let at = |option: &str| format!("transforms.{name}.{option}");
        let get = |option: &str, default: &str| {
            options.get(&format!("{name}.{option}")).map_or(default, String::as_str).to_owned()
        };
        if get("route.topic.regex", "(?<routedByValue>.*)") != "(?<routedByValue>.*)" {
            let why = "only (?<routedByValue>.*) is supported".to_owned();
            return Err((at("route.topic.regex"), why));
        }
        let (mut headers, mut envelope) = (Vec::new(), Vec::new());
        let placement = get("table.fields.additional.placement", "");
        for entry in placement.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let parts: Vec<&str> = entry.split(':').collect();
            let (column, place) = match parts.as_slice() {
                [column, place] | [column, place, _] => (*column, *place),
                _ => ("", ""),
            };
            let alias = (column.to_owned(), (*parts.get(2).unwrap_or(&column)).to_owned());
            match place {
                "header" => headers.push(alias),
                "envelope" => envelope.push(alias),
                _ => {
                    let why =
                        format!("{entry} is not supported: use column:header or column:envelope");
                    return Err((at("table.fields.additional.placement"), why));
                }
            }
        }
        Ok(Self {
            id: get("table.field.event.id", "id"),
            key: get("table.field.event.key", "aggregateid"),
            payload: get("table.field.event.payload", "payload"),
            route_by: get("route.by.field", "aggregatetype"),
            replacement: get("route.topic.replacement", "outbox.event.${routedByValue}"),
            headers,
            envelope,
            expands_json: get("table.expand.json.payload", "false") == "true",
            tombstone_on_empty: get("route.tombstone.on.empty.payload", "false") == "true",
            is_text,
            header_form,
        })
    }

    /// The message that a row holds; `None` for deletes and what is no insert.
    pub(super) fn apply(&self, record: Record) -> Option<Record> {
        let value = record.value.as_deref().and_then(Tree::parse)?;
        let operation = match value.get("op") {
            Some(Tree::Text(operation)) => operation.as_str(),
            // No envelope: a heartbeat, a transaction.
            _ => return Some(record),
        };
        if !matches!(operation, "c" | "r") {
            return None;
        }
        let row = value.get("after")?;
        let field = |name: &str| row.get(name).cloned().unwrap_or(Tree::Null);
        let mut payload = field(&self.payload);
        if let (true, Tree::Text(text)) = (self.expands_json, &payload)
            && let Some(tree) = Tree::parse(text.as_bytes())
        {
            payload = tree;
        }
        let is_empty = matches!(&payload, Tree::Null) || payload == Tree::Text(String::new());
        let value = match (is_empty && self.tombstone_on_empty, self.envelope.is_empty()) {
            (true, _) => None,
            (false, true) => Some(encode(&payload, self.is_text.1)),
            (false, false) => {
                let more = self.envelope.iter().map(|(column, name)| (name.clone(), field(column)));
                let all = std::iter::once(("payload".to_owned(), payload)).chain(more).collect();
                Some(Tree::Object(all).to_json())
            }
        };
        let mut headers = record.headers;
        let named = std::iter::once((self.id.clone(), "id".to_owned()));
        for (column, name) in named.chain(self.headers.iter().cloned()) {
            headers.push((name, self.header_form.string(&field(&column).to_text())));
        }
        let route = field(&self.route_by).to_text();
        Some(Record {
            topic: self.replacement.replace("${routedByValue}", &route),
            key: Some(encode(&field(&self.key), self.is_text.0)),
            value,
            headers,
        })
    }
}

/// As JSON, or, where the converter is one of strings, as text.
fn encode(tree: &Tree, is_text: bool) -> Vec<u8> {
    if is_text { tree.to_text().into_bytes() } else { tree.to_json() }
}
