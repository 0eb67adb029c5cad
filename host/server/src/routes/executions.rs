//! Executions: start, list, describe, stop; events to them.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use serde::Deserialize;
use stepwell_engine::{Caller, EngineError, ExecutionDescription, ListExecutions, Status};

use crate::app::{App, Patience};
use crate::error::ApiError;
use crate::extract::{Json, OptionalJson, Query, Segment};
use crate::observe::traceparent;
use crate::wire::{
    Execution, ExecutionList, ExecutionStatus, PostEventRequest, StartExecutionRequest,
    StartExecutionResponse, StopExecutionRequest, path_segment,
};

/// Lines of a page, unless the query says otherwise.
const PAGE_LIMIT: u32 = 100;

/// Whether to wait for the end.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitQuery {
    /// Seconds to wait for the execution's end; more than the server allows (60) is
    /// taken as that.
    wait: Option<u64>,
}

/// Which executions to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Name or ARN of a state machine; without one, those of all.
    state_machine: Option<String>,
    /// Only those with this status.
    status: Option<ExecutionStatus>,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
    /// Executions of a page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
}

/// Start an execution
///
/// The start is durable before the answer. The same name with the same input is the same
/// start, with the status 200; with another input it is refused. With `wait`, the answer
/// comes when the execution has ended or the time is over, and tells how it stands. The
/// header `traceparent` is handed on to the tasks.
#[utoipa::path(
    post,
    path = "/v1/executions",
    tag = "executions",
    params(WaitQuery, ("traceparent" = Option<String>, Header, description = "W3C trace context")),
    request_body = StartExecutionRequest,
    responses(
        (status = 201, description = "Started", body = StartExecutionResponse),
        (status = 200, description = "Was started before", body = StartExecutionResponse),
    ),
)]
pub(crate) async fn start_execution(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<WaitQuery>,
    Json(request): Json<StartExecutionRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let order = request.into_order(traceparent(&headers).map(str::to_owned))?;
    // Taken before the start: whoever cannot be waited for is not started either.
    let patience = app.patience(&caller, query.wait)?;
    let started = app.engine().start_execution(&caller, order).await?;
    let execution = match patience {
        Some(patience) => {
            let end = end_of(&app, &caller, &started.arn, patience).await;
            // The start is durable: trouble while waiting is no trouble of the start.
            let warn = |error: &EngineError| tracing::warn!(%error, "cannot wait for the end");
            end.inspect_err(warn).ok()
        }
        None => None,
    };
    let status = if started.existed {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let location = format!("/v1/executions/{}", path_segment(&started.arn));
    let answer = StartExecutionResponse::new(started, execution);
    Ok((
        status,
        AppendHeaders([(LOCATION, location)]),
        JsonAnswer(answer),
    ))
}

/// List executions
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/v1/executions",
    tag = "executions",
    params(ListQuery),
    responses((status = 200, description = "A page", body = ExecutionList)),
)]
pub(crate) async fn list_executions(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<JsonAnswer<ExecutionList>, ApiError> {
    let list = ListExecutions {
        state_machine: query.state_machine,
        status: query.status.map(Status::from),
        paused: query.status.and_then(ExecutionStatus::paused),
        page_token: query.page_token,
        limit: query.limit.unwrap_or(PAGE_LIMIT),
        ..ListExecutions::default()
    };
    let page = app.engine().list_executions(&caller, list).await?;
    Ok(JsonAnswer(page.into()))
}

/// Describe an execution
///
/// Where it is, since when, what it waits for, what it used; its output or failure. With
/// `wait`, the answer comes when it has ended or the time is over.
#[utoipa::path(
    get,
    path = "/v1/executions/{execution}",
    tag = "executions",
    params(
        ("execution" = String, Path, description = "ARN, or machine/name; percent-encoded"),
        WaitQuery,
    ),
    responses((status = 200, description = "The execution", body = Execution)),
)]
pub(crate) async fn describe_execution(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    Query(query): Query<WaitQuery>,
) -> Result<JsonAnswer<Execution>, ApiError> {
    let described = match app.patience(&caller, query.wait)? {
        Some(patience) => end_of(&app, &caller, &execution, patience).await?,
        None => app.engine().describe_execution(&caller, &execution).await?,
    };
    Ok(JsonAnswer(described.into()))
}

/// Waits for an execution's end, and tells how it stands then or when the patience is
/// over.
async fn end_of(
    app: &App,
    caller: &Caller,
    execution: &str,
    patience: Patience<'_>,
) -> Result<ExecutionDescription, EngineError> {
    let end = app
        .engine()
        .wait_for_end(caller, execution, patience.time());
    match patience.wait(end).await {
        Some(described) => described,
        None => app.engine().describe_execution(caller, execution).await,
    }
}

/// Stop an execution
///
/// Ends it with the status ABORTED. The body may be left out.
#[utoipa::path(
    post,
    path = "/v1/executions/{execution}/stop",
    tag = "executions",
    params(("execution" = String, Path, description = "ARN, or machine/name; percent-encoded")),
    request_body = Option<StopExecutionRequest>,
    responses((status = 204, description = "It is stopped")),
)]
pub(crate) async fn stop_execution(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    OptionalJson(request): OptionalJson<StopExecutionRequest>,
) -> Result<StatusCode, ApiError> {
    let StopExecutionRequest { error, cause } = request;
    app.engine()
        .stop_execution(&caller, &execution, error, cause)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Post an event to an execution
///
/// A state that waits for it takes it at once; one that comes to wait for it takes it
/// then. It is durable before the answer. An event with an id that was seen is taken
/// once.
#[utoipa::path(
    post,
    path = "/v1/executions/{execution}/events",
    tag = "executions",
    params(("execution" = String, Path, description = "ARN, or machine/name; percent-encoded")),
    request_body = PostEventRequest,
    responses((status = 204, description = "The event is taken or kept")),
)]
pub(crate) async fn post_event(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    Json(request): Json<PostEventRequest>,
) -> Result<StatusCode, ApiError> {
    let event = request.into_event()?;
    app.engine().post_event(&caller, &execution, event).await?;
    Ok(StatusCode::NO_CONTENT)
}
