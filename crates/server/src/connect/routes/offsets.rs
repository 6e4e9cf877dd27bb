//! `/connectors/{name}/offsets`

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Json;
use serde_json::{Value, json};
use tailwater_pipeline::connect::ConnectorOffset;

use super::{Rest, body};
use crate::connect::error::RestError;

pub(super) async fn get(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Result<Json<Value>, RestError> {
    let connector = rest.worker.get(&name)?;
    Ok(Json(json!({"offsets": rest.worker.offsets(&connector)?})))
}

pub(super) async fn alter(
    State(rest): State<Rest>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, RestError> {
    let connector = rest.worker.get(&name)?;
    let offsets = body::object(&bytes)?.remove("offsets").unwrap_or_default();
    let offsets: Vec<ConnectorOffset> = serde_json::from_value(offsets).map_err(|error| {
        RestError::bad_request(format!("\"offsets\" must list partitions and offsets: {error}"))
    })?;
    if offsets.is_empty() {
        let message = "Partitions / offsets need to be provided for an alter offsets request";
        return Err(RestError::bad_request(message.to_owned()));
    }
    rest.worker.alter_offsets(&connector, &offsets).await?;
    Ok(done("altered"))
}

pub(super) async fn reset(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Result<Json<Value>, RestError> {
    let connector = rest.worker.get(&name)?;
    rest.worker.alter_offsets(&connector, &[]).await?;
    Ok(done("reset"))
}

fn done(what: &str) -> Json<Value> {
    Json(json!({"message": format!(
        "The Connect framework-managed offsets for this connector have been {what} successfully. \
         However, if this connector manages offsets externally, they will need to be manually \
         {what} in the system that the connector uses."
    )}))
}
