//! The paths.

mod admin;
mod body;
mod connectors;
mod offsets;
mod plugins;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post, put};
use serde_json::{Value, json};

use super::error::RestError;
use super::levels::LogLevels;
use super::worker::Worker;

/// What every path works with.
#[derive(Clone)]
pub(crate) struct Rest {
    worker: Arc<Worker>,
    levels: Arc<LogLevels>,
}

/// The REST API of a worker.
pub fn router(worker: Arc<Worker>, levels: Arc<LogLevels>) -> Router {
    let all = get(connectors::list).post(connectors::create);
    Router::new()
        .route("/", get(root))
        .route("/health", get(health))
        .route("/connectors", all.clone())
        .route("/connectors/", all)
        .route("/connectors/{name}", get(connectors::info).delete(connectors::delete))
        .route(
            "/connectors/{name}/config",
            get(connectors::config).put(connectors::put_config).patch(connectors::patch_config),
        )
        .route("/connectors/{name}/status", get(connectors::status))
        .route("/connectors/{name}/restart", post(connectors::restart))
        .route("/connectors/{name}/pause", put(connectors::pause))
        .route("/connectors/{name}/resume", put(connectors::resume))
        .route("/connectors/{name}/stop", put(connectors::stop))
        .route("/connectors/{name}/tasks", get(connectors::tasks))
        .route("/connectors/{name}/tasks/{task}/status", get(connectors::task_status))
        .route("/connectors/{name}/tasks/{task}/restart", post(connectors::restart_task))
        .route("/connectors/{name}/tasks-config", get(connectors::task_configs))
        .route("/connectors/{name}/topics", get(connectors::topics))
        .route("/connectors/{name}/topics/reset", put(connectors::reset_topics))
        .route(
            "/connectors/{name}/offsets",
            get(offsets::get).patch(offsets::alter).delete(offsets::reset),
        )
        .route("/connector-plugins", get(plugins::list))
        .route("/connector-plugins/", get(plugins::list))
        .route("/connector-plugins/{class}/config", get(plugins::config))
        .route("/connector-plugins/{class}/config/validate", put(plugins::validate))
        .route("/admin/loggers", get(admin::list))
        .route("/admin/loggers/{logger}", get(admin::get).put(admin::set))
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "Not Found") })
        .method_not_allowed_fallback(|| async {
            refused(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
        .with_state(Rest { worker, levels })
}

fn refused(status: StatusCode, reason: &str) -> RestError {
    RestError::new(status, format!("HTTP {} {reason}", status.as_u16()))
}

async fn root(State(rest): State<Rest>) -> Json<Value> {
    Json(json!({
        "version": CONNECT_VERSION,
        "commit": concat!("tailwater-", env!("CARGO_PKG_VERSION")),
        "kafka_cluster_id": rest.worker.engine().cluster_id().await,
    }))
}

/// The version of Kafka Connect whose REST API this is.
const CONNECT_VERSION: &str = "4.3.0";

async fn health() -> Json<Value> {
    Json(json!({
        "status": "healthy",
        "message": "Worker has completed startup and is ready to handle requests.",
    }))
}
