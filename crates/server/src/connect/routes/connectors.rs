//! `/connectors` and what is below one, but for its offsets.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Map, Value, json};

use super::{Rest, body};
use crate::connect::connector::{Connector, Standing};
use crate::connect::error::RestError;
use crate::connect::secrets;
use crate::connect::store::Target;
use crate::connect::worker::Worker;

type Answer<T> = Result<T, RestError>;

pub(super) async fn list(State(rest): State<Rest>, RawQuery(query): RawQuery) -> Json<Value> {
    let expand = body::parameter(query.as_deref(), "expand");
    let connectors = rest.worker.all();
    if expand.is_empty() {
        return Json(connectors.iter().map(|c| c.name.as_str()).collect());
    }
    let mut all = Map::new();
    for connector in connectors {
        let mut parts = Map::new();
        if expand.contains(&"status") {
            parts.insert("status".to_owned(), status_of(&rest.worker, &connector));
        }
        if expand.contains(&"info") {
            parts.insert("info".to_owned(), info_of(&rest.worker, &connector));
        }
        all.insert(connector.name.clone(), Value::Object(parts));
    }
    Json(Value::Object(all))
}

pub(super) async fn create(State(rest): State<Rest>, bytes: Bytes) -> Answer<Response> {
    let mut request = body::object(&bytes)?;
    let Some(Value::String(name)) = request.remove("name") else {
        return Err(RestError::bad_request("the body has no \"name\"".to_owned()));
    };
    let name = checked_name(&name)?;
    let mut config = body::config(request.remove("config").unwrap_or_else(|| json!({})))?;
    body::name_in(&mut config, name)?;
    let target = match request.remove("initial_state") {
        None | Some(Value::Null) => Target::Running,
        Some(state) => serde_json::from_value(state).map_err(|_| {
            RestError::bad_request(
                "\"initial_state\" must be RUNNING, PAUSED or STOPPED".to_owned(),
            )
        })?,
    };
    let connector = rest.worker.create(name, config, target).await?;
    Ok(created(&rest.worker, &connector))
}

/// Kafka's own clients trim names, and a name has to be a part of a path.
fn checked_name(name: &str) -> Answer<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().any(char::is_control) || name.len() > 250 {
        let message = "a connector's name has 1 to 250 characters, no control characters";
        return Err(RestError::bad_request(message.to_owned()));
    }
    Ok(name)
}

fn created(worker: &Worker, connector: &Connector) -> Response {
    let location = format!("/connectors/{}", path_part(&connector.name));
    let info = Json(info_of(worker, connector));
    (StatusCode::CREATED, [(header::LOCATION, location)], info).into_response()
}

fn path_part(name: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let part = |b: u8| if is_plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    name.bytes().map(part).collect()
}

pub(super) async fn info(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<Json<Value>> {
    let connector = rest.worker.get(&name)?;
    Ok(Json(info_of(&rest.worker, &connector)))
}

pub(super) async fn delete(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    rest.worker.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn config(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<Json<Value>> {
    let connector = rest.worker.get(&name)?;
    Ok(Json(json!(secrets::hidden(rest.worker.engine(), &connector.config()))))
}

pub(super) async fn put_config(
    State(rest): State<Rest>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer<Response> {
    let name = checked_name(&name)?;
    let mut config = body::config(Value::Object(body::object(&bytes)?))?;
    body::name_in(&mut config, name)?;
    let Some(connector) = rest.worker.find(name) else {
        let connector = rest.worker.create(name, config, Target::Running).await?;
        return Ok(created(&rest.worker, &connector));
    };
    rest.worker.reconfigure(&connector, config).await?;
    Ok(Json(info_of(&rest.worker, &connector)).into_response())
}

pub(super) async fn patch_config(
    State(rest): State<Rest>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer<Json<Value>> {
    let connector = rest.worker.get(&name)?;
    let mut config = connector.config();
    for (option, value) in body::changes(Value::Object(body::object(&bytes)?))? {
        match value {
            Some(value) if value == secrets::HIDDEN && config.contains_key(&option) => {}
            Some(value) => {
                config.insert(option, value);
            }
            None => {
                config.remove(&option);
            }
        }
    }
    body::name_in(&mut config, &name)?;
    rest.worker.reconfigure(&connector, config).await?;
    Ok(Json(info_of(&rest.worker, &connector)))
}

pub(super) async fn status(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<Json<Value>> {
    let Some(connector) = rest.worker.find(&name) else {
        return Err(RestError::not_found(format!("No status found for connector {name}")));
    };
    Ok(Json(status_of(&rest.worker, &connector)))
}

pub(super) async fn restart(
    State(rest): State<Rest>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer<Response> {
    let connector = rest.worker.get(&name)?;
    let query = query.as_deref();
    rest.worker.restart(&connector, body::is_set(query, "onlyFailed")).await;
    if body::is_set(query, "includeTasks") || body::is_set(query, "onlyFailed") {
        let status = Json(status_of(&rest.worker, &connector));
        return Ok((StatusCode::ACCEPTED, status).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn pause(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    tell(&rest, &name, Target::Paused).await?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn resume(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    tell(&rest, &name, Target::Running).await?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn stop(State(rest): State<Rest>, Path(name): Path<String>) -> Answer<StatusCode> {
    tell(&rest, &name, Target::Stopped).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tell(rest: &Rest, name: &str, target: Target) -> Answer<()> {
    let connector = rest.worker.get(name)?;
    rest.worker.tell(&connector, target).await
}

pub(super) async fn tasks(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<Json<Value>> {
    let connector = rest.worker.get(&name)?;
    let task =
        |_: Standing| json!({"id": task_id(&name), "config": task_config(&rest, &connector)});
    Ok(Json(connector.task().map(task).into_iter().collect()))
}

pub(super) async fn task_configs(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<Json<Value>> {
    let connector = rest.worker.get(&name)?;
    let mut configs = Map::new();
    if connector.task().is_some() {
        configs.insert(format!("{name}-0"), task_config(&rest, &connector));
    }
    Ok(Json(Value::Object(configs)))
}

fn task_id(connector: &str) -> Value {
    json!({"connector": connector, "task": 0})
}

fn task_config(rest: &Rest, connector: &Connector) -> Value {
    let mut config = secrets::hidden(rest.worker.engine(), &connector.config());
    if let Some(class) = config.get("connector.class") {
        config.insert("task.class".to_owned(), format!("{class}Task"));
    }
    json!(config)
}

pub(super) async fn task_status(
    State(rest): State<Rest>,
    Path((name, task)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    let connector = rest.worker.find(&name).filter(|_| task == "0");
    let found = connector.and_then(|connector| Some((connector.task()?, connector)));
    let Some((standing, connector)) = found else {
        return Err(RestError::not_found(format!("No status found for task {name}-{task}")));
    };
    let version = version(&rest.worker, &connector);
    Ok(Json(task_status_of(&rest.worker, &standing, &version)))
}

pub(super) async fn restart_task(
    State(rest): State<Rest>,
    Path((name, task)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let connector = rest.worker.get(&name)?;
    if task != "0" || connector.task().is_none() {
        return Err(RestError::not_found(format!("Unknown task: {name}-{task}")));
    }
    rest.worker.restart(&connector, false).await;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn topics(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<Json<Value>> {
    let connector = rest.worker.get(&name)?;
    Ok(Json(json!({name: {"topics": connector.topics().names()}})))
}

pub(super) async fn reset_topics(
    State(rest): State<Rest>,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    let connector = rest.worker.get(&name)?;
    connector.topics().clear();
    rest.worker.keep(&connector)?;
    Ok(StatusCode::ACCEPTED)
}

fn info_of(worker: &Worker, connector: &Connector) -> Value {
    let tasks: Vec<Value> =
        connector.task().map(|_| task_id(&connector.name)).into_iter().collect();
    json!({
        "name": connector.name,
        "config": secrets::hidden(worker.engine(), &connector.config()),
        "tasks": tasks,
        "type": "source",
    })
}

fn status_of(worker: &Worker, connector: &Connector) -> Value {
    let version = version(worker, connector);
    let tasks: Vec<Value> =
        connector.task().iter().map(|task| task_status_of(worker, task, &version)).collect();
    json!({
        "name": connector.name,
        "connector": {"state": connector.state(), "worker_id": worker.id, "version": version},
        "tasks": tasks,
        "type": "source",
    })
}

fn task_status_of(worker: &Worker, standing: &Standing, version: &str) -> Value {
    let mut status = json!({
        "id": 0,
        "state": standing.state,
        "worker_id": worker.id,
        "version": version,
    });
    if let (Some(trace), Value::Object(status)) = (&standing.trace, &mut status) {
        status.insert("trace".to_owned(), json!(trace));
    }
    status
}

/// The version that the list of plugins has for the connector's class.
fn version(worker: &Worker, connector: &Connector) -> String {
    let config = connector.config();
    let class = config.get("connector.class").map(String::as_str).unwrap_or_default();
    let plugins = worker.engine().plugins().into_iter();
    let mut named =
        plugins.filter(|p| p.class == class || p.class.rsplit('.').next() == Some(class));
    named.next().map(|plugin| plugin.version).unwrap_or_default()
}
