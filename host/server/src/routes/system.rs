//! About the host itself: health, metrics, the API's own description.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use stepwell_engine::Caller;
use utoipa::openapi::OpenApi;

use crate::app::App;
use crate::config::{Auth, DEVELOPMENT};
use crate::metrics;

/// Describe the API
///
/// This document.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    tag = "system",
    responses((status = 200, description = "The OpenAPI document", body = Object)),
)]
pub(crate) async fn openapi_document(_: Caller) -> Json<OpenApi> {
    Json(crate::openapi())
}

/// Read the metrics
///
/// In the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "system",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(app): State<App>, _: Caller) -> impl IntoResponse {
    let engine = app.engine();
    let quotas = engine.quota_metrics(metrics::TENANTS_MAX);
    let page = metrics::render(&engine.metrics(), &quotas, app.metrics());
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        page,
    )
}

/// Ask whether the host is alive
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "system",
    security(()),
    responses((status = 200, description = "It is", body = String, content_type = "text/plain")),
)]
pub(crate) async fn health(State(app): State<App>) -> (HeaderMap, &'static str) {
    let mut headers = HeaderMap::new();
    if matches!(app.config().auth, Auth::Dev { .. }) {
        headers.insert(DEVELOPMENT, HeaderValue::from_static("no token needed"));
    }
    (headers, "ok\n")
}

/// Ask whether the host can take work
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "system",
    security(()),
    responses(
        (status = 200, description = "It can", body = String, content_type = "text/plain"),
        (status = 503, description = "It cannot; the body says why", body = String, content_type = "text/plain"),
    ),
)]
pub(crate) async fn readiness(State(app): State<App>) -> (StatusCode, String) {
    let readiness = app.engine().readiness();
    if readiness.ready {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let reason = readiness.reason.unwrap_or_else(|| "not ready".to_owned());
    (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n"))
}
