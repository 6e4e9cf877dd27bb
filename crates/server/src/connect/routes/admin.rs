//! `/admin/loggers`

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::Value;

use super::{Rest, body};
use crate::connect::error::RestError;
use crate::connect::levels::LoggerLevel;

pub(super) async fn list(State(rest): State<Rest>) -> Json<BTreeMap<String, LoggerLevel>> {
    Json(rest.levels.all())
}

pub(super) async fn get(
    State(rest): State<Rest>,
    Path(logger): Path<String>,
) -> Result<Json<LoggerLevel>, RestError> {
    let level = rest.levels.get(&logger);
    level.map(Json).ok_or_else(|| RestError::not_found(format!("Logger {logger} not found.")))
}

pub(super) async fn set(
    State(rest): State<Rest>,
    Path(logger): Path<String>,
    RawQuery(query): RawQuery,
    bytes: Bytes,
) -> Result<Response, RestError> {
    let Some(Value::String(level)) = body::object(&bytes)?.remove("level") else {
        let message = "Desired 'level' parameter was not specified in request.";
        return Err(RestError::bad_request(message.to_owned()));
    };
    let changed = rest.levels.set(&logger, &level);
    let changed = changed.map_err(|error| RestError::not_found(error.to_string()))?;
    // One worker is the whole cluster.
    if body::parameter(query.as_deref(), "scope").contains(&"cluster") {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Json(changed).into_response())
}
