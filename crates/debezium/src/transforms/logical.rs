//! `ByLogicalTableRouter`: several tables go to one topic, and their keys say which row is whose.

use super::Record;
use super::route::Route;
use crate::value::append_string;

/// Where the records of tables go, and what their keys get.
#[derive(Clone, Debug)]
pub(crate) struct LogicalRoute {
    pub(crate) route: Route,
    pub(crate) key_field: Option<KeyField>,
    /// The value still has its envelope, whose schema is named after the topic.
    pub(crate) has_envelope: bool,
}

/// A field that is added to keys.
#[derive(Clone, Debug)]
pub(crate) struct KeyField {
    pub(crate) name: String,
    /// What is made of the old topic; without it, it is the value.
    pub(crate) derived: Option<Route>,
}

/// What a table's topic makes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Routed {
    pub(crate) topic: String,
    /// Fields behind those of the key, with their values.
    pub(crate) key_fields: Vec<(String, String)>,
    /// After which topics the schemas of key and value are named, if not after the table's own.
    pub(crate) key_schema: Option<String>,
    pub(crate) value_schema: Option<String>,
}

impl KeyField {
    fn value(&self, topic: &str) -> String {
        self.derived.as_ref().map_or_else(|| topic.to_owned(), |derived| derived.apply(topic))
    }
}

impl LogicalRoute {
    /// Decides for all records of a table.
    pub(super) fn decide(&self, routed: &mut Routed) {
        if !self.route.expression.is_match(&routed.topic) {
            return;
        }
        let old = std::mem::take(&mut routed.topic);
        routed.topic = self.route.apply(&old);
        if let Some(field) = &self.key_field {
            routed.key_fields.push((field.name.clone(), field.value(&old)));
        }
        routed.key_schema = Some(routed.topic.clone());
        if self.has_envelope {
            routed.value_schema = Some(routed.topic.clone());
        }
    }

    /// The same for one record without schemas.
    pub(super) fn apply(&self, record: &mut Record) {
        let mut routed = Routed { topic: record.topic.clone(), ..Routed::default() };
        self.decide(&mut routed);
        record.topic = routed.topic;
        if let Some(key) = record.key.as_mut().filter(|key| key.ends_with(b"}")) {
            key.pop();
            append_fields(&routed.key_fields, key);
            key.push(b'}');
        }
    }
}

/// Appends fields behind those that a structure has.
pub(crate) fn append_fields(fields: &[(String, String)], out: &mut Vec<u8>) {
    for (name, value) in fields {
        out.push(b',');
        append_string(name.as_bytes(), out);
        out.push(b':');
        append_string(value.as_bytes(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_which_table_a_row_is_of() {
        let route = |derived: Option<Route>| LogicalRoute {
            route: Route::new("srv\\.(.*)_shard\\d+", "srv.$1").unwrap(),
            key_field: Some(KeyField { name: "table".to_owned(), derived }),
            has_envelope: true,
        };
        let record = |topic: &str, key: Option<&str>| Record {
            topic: topic.to_owned(),
            key: key.map(|key| key.as_bytes().to_vec()),
            value: None,
            headers: Vec::new(),
        };
        let routed = |logical: &LogicalRoute, topic: &str, key| {
            let mut record = record(topic, key);
            logical.apply(&mut record);
            let key = record.key.map(|key| String::from_utf8(key).unwrap());
            (record.topic, key.unwrap_or_default())
        };
        let whole = route(None);
        let told = routed(&whole, "srv.orders_shard1", Some(r#"{"id":1}"#));
        let key = r#"{"id":1,"table":"srv.orders_shard1"}"#;
        assert_eq!(told, ("srv.orders".to_owned(), key.to_owned()));
        let told = routed(&whole, "srv.users", Some(r#"{"id":1}"#));
        assert_eq!(told, ("srv.users".to_owned(), r#"{"id":1}"#.to_owned()));
        assert_eq!(routed(&whole, "srv.orders_shard1", None).1, "");
        let short = route(Some(Route::new(".*_(shard\\d+)", "$1").unwrap()));
        let told = routed(&short, "srv.orders_shard12", Some(r#"{"id":1}"#));
        assert_eq!(told.1, r#"{"id":1,"table":"shard12"}"#);
    }
}
