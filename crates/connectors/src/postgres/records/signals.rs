//! Rows of the signal table, and what they ask for.

use regex::RegexBuilder;
use serde::{Deserialize, Serialize};
use tailwater_pg_wire::pgoutput::Cell;

/// A row of the signal table: its second and third column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signal {
    kind: String,
    data: String,
}

/// What a signal asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Execute(SnapshotRequest),
    Stop(SnapshotRequest),
    Pause,
    Resume,
    /// A word for the log.
    Log(String),
}

/// Which tables a signal is about.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct SnapshotRequest {
    pub(super) data_collections: Vec<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) additional_conditions: Vec<Condition>,
    pub(super) surrogate_key: Option<String>,
}

/// Which rows of a table.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Condition {
    data_collection: String,
    filter: String,
}

impl Signal {
    /// Reads the row; one without text in its place says nothing.
    pub(super) fn read(cells: &[Cell<'_>]) -> Option<Self> {
        let text = |place: usize| match cells.get(place) {
            Some(Cell::Text(bytes) | Cell::Binary(bytes)) => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => None,
        };
        Some(Self { kind: text(1)?, data: text(2).unwrap_or_default() })
    }

    /// Its type, as it was written.
    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// What it asks for, or why nothing can be done about it.
    pub(super) fn request(&self) -> Result<Request, String> {
        let wanted = || {
            let data = if self.data.trim().is_empty() { "{}" } else { &self.data };
            let wanted: SnapshotRequest = serde_json::from_str(data)
                .map_err(|error| format!("its data cannot be read: {error}"))?;
            wanted.judged()
        };
        match self.kind.as_str() {
            "execute-snapshot" => {
                let wanted = wanted()?;
                let is_blocking =
                    wanted.kind.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case("blocking"));
                if is_blocking && !wanted.additional_conditions.is_empty() {
                    return Err("a blocking snapshot takes no additional-conditions".to_owned());
                }
                if wanted.surrogate_key.is_some() {
                    tracing::info!(
                        "surrogate-key is not needed: tables without a key are read by pages"
                    );
                }
                Ok(Request::Execute(wanted))
            }
            "stop-snapshot" => wanted().map(Request::Stop),
            "pause-snapshot" => Ok(Request::Pause),
            "resume-snapshot" => Ok(Request::Resume),
            "log" => {
                let data: serde_json::Value = serde_json::from_str(&self.data).unwrap_or_default();
                let message = data.get("message").and_then(|m| m.as_str()).unwrap_or_default();
                Ok(Request::Log(message.to_owned()))
            }
            kind => Err(format!("\"{kind}\" is no known type")),
        }
    }
}

impl SnapshotRequest {
    fn judged(self) -> Result<Self, String> {
        let kind = self.kind.as_deref().unwrap_or("incremental");
        if !["incremental", "blocking"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
            return Err(format!("\"{kind}\" is no known type of snapshot"));
        }
        Ok(self)
    }

    /// Whether it names a table, given as `schema.table`.
    pub(super) fn names(&self, table: &str) -> bool {
        self.data_collections.iter().any(|pattern| matches(pattern, table))
    }

    /// The condition for rows of a table, the last one that is about it.
    pub(super) fn filter(&self, table: &str) -> Option<&str> {
        let mut conditions = self.additional_conditions.iter();
        let condition = conditions.rfind(|c| matches(&c.data_collection, table));
        condition.map(|condition| condition.filter.as_str())
    }
}

/// Whether a whole name matches; what is no expression is taken by the letter.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let whole = format!("^(?:{pattern})$");
    let expression = RegexBuilder::new(&whole).case_insensitive(true).build();
    expression.map_or(pattern == name, |expression| expression.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(kind: &str, data: &str) -> Signal {
        Signal { kind: kind.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn a_signal_is_read_from_its_row() {
        let cells = [Cell::Text(b"id"), Cell::Binary(b"log"), Cell::Null];
        assert_eq!(Signal::read(&cells), Some(signal("log", "")));
        assert_eq!(Signal::read(&cells[..1]), None);
    }

    #[test]
    fn what_a_snapshot_wants_is_read_as_debezium_writes_it() {
        let text = r#"{"data-collections": ["public.t1", "public.b_.*"], "type": "INCREMENTAL",
            "additional-conditions": [{"data-collection": "public.t1", "filter": "color = 'blue'"}]}"#;
        let Ok(Request::Execute(wanted)) = signal("execute-snapshot", text).request() else {
            panic!("a request");
        };
        assert_eq!(wanted.filter("public.t1"), Some("color = 'blue'"));
        assert_eq!(wanted.filter("public.b_2"), None);
        assert!(wanted.names("public.B_2"));
        assert!(!wanted.names("public.t12"));
        assert!(matches("public.(", "public.("));
    }

    #[test]
    fn each_type_of_signal_has_its_request_and_the_others_a_reason() {
        for (kind, data, expected) in [
            ("stop-snapshot", "", Request::Stop(SnapshotRequest::default())),
            ("pause-snapshot", r#"{"type": "incremental"}"#, Request::Pause),
            ("resume-snapshot", "", Request::Resume),
            ("log", r#"{"message": "at {}"}"#, Request::Log("at {}".to_owned())),
        ] {
            assert_eq!(signal(kind, data).request(), Ok(expected), "{kind}");
        }
        for (kind, data, reason) in [
            ("execute-snapshot", "no JSON", "its data cannot be read"),
            ("execute-snapshot", r#"{"type": "x"}"#, "\"x\" is no known type of snapshot"),
            (
                "execute-snapshot",
                r#"{"type": "blocking", "additional-conditions": [
                    {"data-collection": "a.b", "filter": "SELECT 1"}]}"#,
                "takes no additional-conditions",
            ),
            ("drop-everything", "", "\"drop-everything\" is no known type"),
        ] {
            let error = signal(kind, data).request().unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
