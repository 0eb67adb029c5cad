//! How long executions and details of audit entries are kept.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::Caller;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Segment};
use crate::wire::{RetentionList, RetentionRequest, RetentionRule};

/// List the rules of how long executions are kept
#[utoipa::path(
    get,
    path = "/v1/retention",
    tag = "retention",
    responses((status = 200, description = "The rules", body = RetentionList)),
)]
pub(crate) async fn list_retention(
    State(app): State<App>,
    caller: Caller,
) -> Result<JsonAnswer<RetentionList>, ApiError> {
    let rules = app.engine().list_retention(&caller).await?;
    Ok(JsonAnswer(rules.into()))
}

/// Set how long executions are kept
///
/// Those of all the tenant's state machines that have no rule of their own. What is past its
/// time is removed from now on, and cannot be brought back.
#[utoipa::path(
    put,
    path = "/v1/retention",
    tag = "retention",
    request_body = RetentionRequest,
    responses((status = 200, description = "It is set", body = RetentionRule)),
)]
pub(crate) async fn put_retention(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<RetentionRequest>,
) -> Result<JsonAnswer<RetentionRule>, ApiError> {
    let set = app.engine().put_retention(&caller, None, request.into());
    Ok(JsonAnswer(set.await?.into()))
}

/// Take the tenant's rule away: the host's holds then
#[utoipa::path(
    delete,
    path = "/v1/retention",
    tag = "retention",
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_retention(
    State(app): State<App>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_retention(&caller, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set how long executions of a state machine are kept
///
/// In place of the tenant's rule, as a whole. It stays when the state machine is deleted, for
/// the executions that stay.
#[utoipa::path(
    put,
    path = "/v1/state-machines/{stateMachine}/retention",
    tag = "retention",
    params(("stateMachine" = String, Path, description = "Name or ARN; percent-encoded")),
    request_body = RetentionRequest,
    responses((status = 200, description = "It is set", body = RetentionRule)),
)]
pub(crate) async fn put_machine_retention(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    Json(request): Json<RetentionRequest>,
) -> Result<JsonAnswer<RetentionRule>, ApiError> {
    let set = app
        .engine()
        .put_retention(&caller, Some(&name), request.into());
    Ok(JsonAnswer(set.await?.into()))
}

/// Take a state machine's rule away: the tenant's holds then
#[utoipa::path(
    delete,
    path = "/v1/state-machines/{stateMachine}/retention",
    tag = "retention",
    params(("stateMachine" = String, Path, description = "Name or ARN; percent-encoded")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_machine_retention(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_retention(&caller, Some(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
