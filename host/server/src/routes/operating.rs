//! Operators: redrive, pause and resume an execution, and do something to a state of it.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use stepwell_engine::{Caller, InterveneOrder, Intervention};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, NoBody, OptionalJson, Segment};
use crate::wire::{
    FailTaskRequest, PauseExecutionRequest, RedriveExecutionRequest, RedriveExecutionResponse,
    SkipTaskRequest, TargetRequest,
};

/// Redrive an execution
///
/// Goes on with an execution that failed, timed out or was stopped, from where it stopped:
/// states that were not left run again, results of what succeeded stay. They run with the
/// inputs that they were entered with, unless `inputs` gives them others, and by the same
/// revision of the state machine, unless `definition` names another one that has the same
/// states at the same places. It is durable before the answer. The body may be left out.
#[utoipa::path(
    post,
    path = "/v1/executions/{execution}/redrive",
    tag = "executions",
    params(("execution" = String, Path, description = "ARN, or machine/name; percent-encoded")),
    request_body = Option<RedriveExecutionRequest>,
    responses((status = 200, description = "It goes on", body = RedriveExecutionResponse)),
)]
pub(crate) async fn redrive_execution(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    OptionalJson(request): OptionalJson<RedriveExecutionRequest>,
) -> Result<JsonAnswer<RedriveExecutionResponse>, ApiError> {
    let order = request.into_order()?;
    let redriven = app
        .engine()
        .redrive_with(&caller, &execution, order)
        .await?;
    Ok(JsonAnswer(redriven.into()))
}

/// Pause an execution
///
/// Nothing new begins in it: no state is entered, no timer fires, no task is handed out.
/// What is under way may end, and is recorded. What is paused stays so. The body may be left
/// out.
#[utoipa::path(
    post,
    path = "/v1/executions/{execution}/pause",
    tag = "executions",
    params(("execution" = String, Path, description = "ARN, or machine/name; percent-encoded")),
    request_body = Option<PauseExecutionRequest>,
    responses((status = 204, description = "It is paused")),
)]
pub(crate) async fn pause_execution(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    OptionalJson(request): OptionalJson<PauseExecutionRequest>,
) -> Result<StatusCode, ApiError> {
    app.engine()
        .pause_execution(&caller, &execution, request.reason)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Resume an execution
///
/// Goes on with a paused one. Timers that came due meanwhile fire; its own time stood still.
/// What is not paused runs on.
#[utoipa::path(
    post,
    path = "/v1/executions/{execution}/resume",
    tag = "executions",
    params(("execution" = String, Path, description = "ARN, or machine/name; percent-encoded")),
    responses((status = 204, description = "It goes on")),
)]
pub(crate) async fn resume_execution(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    _: NoBody,
) -> Result<StatusCode, ApiError> {
    app.engine().resume_execution(&caller, &execution).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Retry a state now
///
/// The next attempt of a state that waits for it begins at once. The body may be left out.
#[utoipa::path(
    post,
    path = "/v1/executions/{execution}/retry-now",
    tag = "executions",
    params(("execution" = String, Path, description = "ARN, or machine/name; percent-encoded")),
    request_body = Option<TargetRequest>,
    responses((status = 204, description = "The attempt begins")),
)]
pub(crate) async fn retry_now(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    OptionalJson(request): OptionalJson<TargetRequest>,
) -> Result<StatusCode, ApiError> {
    let order = request.into_order(Intervention::RetryNow);
    intervene(&app, &caller, &execution, order).await
}

/// End a wait
///
/// A Wait state goes on at once. The body may be left out.
#[utoipa::path(
    post,
    path = "/v1/executions/{execution}/end-wait",
    tag = "executions",
    params(("execution" = String, Path, description = "ARN, or machine/name; percent-encoded")),
    request_body = Option<TargetRequest>,
    responses((status = 204, description = "The wait is over")),
)]
pub(crate) async fn end_wait(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    OptionalJson(request): OptionalJson<TargetRequest>,
) -> Result<StatusCode, ApiError> {
    let order = request.into_order(Intervention::EndWait);
    intervene(&app, &caller, &execution, order).await
}

/// Fail a task
///
/// A task that waits or runs fails with this error; its state's `Retry` and `Catch` are asked
/// as ever. The body may be left out.
#[utoipa::path(
    post,
    path = "/v1/executions/{execution}/fail-task",
    tag = "executions",
    params(("execution" = String, Path, description = "ARN, or machine/name; percent-encoded")),
    request_body = Option<FailTaskRequest>,
    responses((status = 204, description = "The task has failed")),
)]
pub(crate) async fn fail_task(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    OptionalJson(request): OptionalJson<FailTaskRequest>,
) -> Result<StatusCode, ApiError> {
    intervene(&app, &caller, &execution, request.into_order()?).await
}

/// Skip a task
///
/// A task that waits or runs is done, with this result instead of its own.
#[utoipa::path(
    post,
    path = "/v1/executions/{execution}/skip-task",
    tag = "executions",
    params(("execution" = String, Path, description = "ARN, or machine/name; percent-encoded")),
    request_body = SkipTaskRequest,
    responses((status = 204, description = "The task is done")),
)]
pub(crate) async fn skip_task(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    Json(request): Json<SkipTaskRequest>,
) -> Result<StatusCode, ApiError> {
    intervene(&app, &caller, &execution, request.into_order()?).await
}

async fn intervene(
    app: &App,
    caller: &Caller,
    execution: &str,
    order: InterveneOrder,
) -> Result<StatusCode, ApiError> {
    app.engine().intervene(caller, execution, order).await?;
    Ok(StatusCode::NO_CONTENT)
}
