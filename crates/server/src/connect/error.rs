//! Refusals in the shape that Connect's clients read.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A request that is refused.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RestError {
    status: StatusCode,
    message: String,
}

impl RestError {
    /// A refusal with this status.
    pub fn new(status: StatusCode, message: String) -> Self {
        Self { status, message }
    }

    /// There is nothing of that name.
    pub(crate) fn not_found(message: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// The request is wrong.
    pub(crate) fn bad_request(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// It cannot be done now.
    pub(crate) fn conflict(message: String) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// Something is wrong on our side.
    pub(crate) fn internal(message: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let body = json!({"error_code": self.status.as_u16(), "message": self.message});
        (self.status, Json(body)).into_response()
    }
}
