//! `/connector-plugins`

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::Json;
use serde_json::{Value, json};
use tailwater_pipeline::connect::{ConfigKey, Plugin, PluginKind, Validation};

use super::{Rest, body};
use crate::connect::error::RestError;

pub(super) async fn list(State(rest): State<Rest>, RawQuery(query): RawQuery) -> Json<Vec<Plugin>> {
    let shows_all = body::parameter(query.as_deref(), "connectorsOnly").contains(&"false");
    let mut plugins = rest.worker.engine().plugins();
    plugins.retain(|plugin| shows_all || plugin.kind == PluginKind::Source);
    Json(plugins)
}

pub(super) async fn config(
    State(rest): State<Rest>,
    Path(class): Path<String>,
) -> Result<Json<Vec<ConfigKey>>, RestError> {
    let keys = rest.worker.engine().config_keys(&class);
    keys.map(Json).ok_or_else(|| RestError::not_found(format!("Unknown plugin {class}.")))
}

pub(super) async fn validate(
    State(rest): State<Rest>,
    Path(class): Path<String>,
    bytes: Bytes,
) -> Result<Json<Validation>, RestError> {
    let config = body::config(Value::Object(body::object(&bytes)?))?;
    let named = config.get("connector.class").unwrap_or(&class);
    let simple = |name: &str| name.rsplit('.').next().map(|last| json!(last));
    if simple(named) != simple(&class) {
        return Err(RestError::bad_request(format!(
            "Included connector type {named} does not match request type {class}"
        )));
    }
    rest.worker.validate(&class, &config).await.map(Json)
}
