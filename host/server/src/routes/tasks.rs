//! Reports on tasks by their token.

use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::{Caller, TaskReport};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::Json;
use crate::wire::{TaskFailureRequest, TaskHeartbeatRequest, TaskSuccessRequest};

/// Report that a task is done
#[utoipa::path(
    post,
    path = "/v1/tasks/success",
    tag = "tasks",
    request_body = TaskSuccessRequest,
    responses((status = 204, description = "The report is durable")),
)]
pub(crate) async fn report_success(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<TaskSuccessRequest>,
) -> Result<StatusCode, ApiError> {
    let report = TaskReport::Success(request.output.to_payload("output")?);
    app.engine()
        .report_task(&caller, &request.task_token, report)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Report that a task failed
#[utoipa::path(
    post,
    path = "/v1/tasks/failure",
    tag = "tasks",
    request_body = TaskFailureRequest,
    responses((status = 204, description = "The report is durable")),
)]
pub(crate) async fn report_failure(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<TaskFailureRequest>,
) -> Result<StatusCode, ApiError> {
    let TaskFailureRequest {
        task_token,
        error,
        cause,
    } = request;
    let report = TaskReport::Failure { error, cause };
    app.engine()
        .report_task(&caller, &task_token, report)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Report that a task is alive
#[utoipa::path(
    post,
    path = "/v1/tasks/heartbeat",
    tag = "tasks",
    request_body = TaskHeartbeatRequest,
    responses((status = 204, description = "The report is durable")),
)]
pub(crate) async fn report_heartbeat(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<TaskHeartbeatRequest>,
) -> Result<StatusCode, ApiError> {
    app.engine()
        .report_task(&caller, &request.task_token, TaskReport::Heartbeat)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
