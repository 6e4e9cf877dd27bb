//! Reading what is posted, as leniently as Connect does: numbers and booleans are text.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde_json::Value;
use tailwater_pipeline::connect::ConnectorConfig;

use crate::connect::error::RestError;

/// A JSON object.
pub(super) fn object(bytes: &Bytes) -> Result<serde_json::Map<String, Value>, RestError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(RestError::bad_request("the body must be a JSON object".to_owned())),
        // The reader tells the place, not the text: there may be a password in it.
        Err(error) => Err(RestError::bad_request(format!("the body is not JSON: {error}"))),
    }
}

/// A configuration: a flat object.
pub(super) fn config(value: Value) -> Result<ConnectorConfig, RestError> {
    let mut config = ConnectorConfig::new();
    for (option, value) in changes(value)? {
        if let Some(value) = value {
            config.insert(option, value);
        }
    }
    Ok(config)
}

/// A configuration in which NULL takes an option away.
pub(super) fn changes(value: Value) -> Result<BTreeMap<String, Option<String>>, RestError> {
    let Value::Object(object) = value else {
        let message = "the configuration must be a JSON object of options".to_owned();
        return Err(RestError::bad_request(message));
    };
    let mut changes = BTreeMap::new();
    for (option, value) in object {
        let value = match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::Array(_) | Value::Object(_) => {
                let message =
                    format!("the value of '{option}' must be text, a number or a boolean");
                return Err(RestError::bad_request(message));
            }
        };
        changes.insert(option, value);
    }
    Ok(changes)
}

/// The connector's name in its configuration: it must be `name`, and is put in where it is missing.
pub(super) fn name_in(config: &mut ConnectorConfig, name: &str) -> Result<(), RestError> {
    match config.get("name") {
        Some(other) if other != name => Err(RestError::bad_request(format!(
            "Connector name configuration ({other}) doesn't match connector name in the URL ({name})"
        ))),
        Some(_) => Ok(()),
        None => {
            config.insert("name".to_owned(), name.to_owned());
            Ok(())
        }
    }
}

/// The values of a parameter in a query string such as `expand=status&expand=info`.
pub(super) fn parameter<'q>(query: Option<&'q str>, name: &str) -> Vec<&'q str> {
    let pairs = query.unwrap_or_default().split('&');
    let named = pairs.filter_map(|pair| match pair.split_once('=') {
        Some((n, value)) => (n == name).then_some(value),
        None => (pair == name).then_some(""),
    });
    named.collect()
}

/// Whether a parameter is there and true.
pub(super) fn is_set(query: Option<&str>, name: &str) -> bool {
    parameter(query, name).iter().any(|value| value.eq_ignore_ascii_case("true"))
}
