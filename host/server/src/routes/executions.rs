//! Executions: start, list, describe, stop; events to them.

#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use serde::Deserialize;
use stepwell_engine::{
    Caller, EndWatch, EngineError, ExecutionDescription, ExecutionQuery, ListExecutions,
};

use crate::app::{App, Patience};
use crate::error::ApiError;
use crate::extract::{Json, OptionalJson, Query, RepeatingQuery, Repeats, Segment};
use crate::observe::{self, TraceHeaders};
use crate::wire::{
    Execution, ExecutionList, ExecutionStatus, Many, PostEventRequest, StartExecutionRequest,
    StartExecutionResponse, StopExecutionRequest, TagText, Time, path_segment, statuses_of,
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
    /// Name or ARN of a state machine, or of a version or an alias of one; without one, those
    /// of all.
    state_machine: Option<String>,
    /// In this status; given several times, in one of them.
    #[serde(default)]
    #[param(value_type = Vec<ExecutionStatus>)]
    status: Many<ExecutionStatus>,
    /// Of this name.
    name: Option<String>,
    /// With a name that begins so.
    name_prefix: Option<String>,
    /// Started then or later.
    started_from: Option<Time>,
    /// Started before.
    started_before: Option<Time>,
    /// Ended then or later.
    stopped_from: Option<Time>,
    /// Ended before.
    stopped_before: Option<Time>,
    /// Ended with the error of this name.
    error: Option<String>,
    /// With this tag, `key=value`; given several times, with all of them.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    tag: Many<TagText>,
    /// Of a state machine with this tag; given several times, with all of them.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    machine_tag: Many<TagText>,
    /// Of this trace: its id, or a whole `traceparent`.
    trace_id: Option<String>,
    /// Redriven at least once, or never.
    redriven: Option<bool>,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
    /// Executions of a page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
}

impl Repeats for ListQuery {
    const REPEATED: &[&str] = &["status", "tag", "machineTag"];
}

impl From<ListQuery> for ListExecutions {
    fn from(query: ListQuery) -> Self {
        let tags = |tags: Many<TagText>| tags.0.into_iter().map(|TagText(tag)| tag).collect();
        let (statuses, paused) = statuses_of(&query.status.0);
        Self {
            query: ExecutionQuery {
                state_machine: query.state_machine,
                statuses,
                paused,
                redriven: query.redriven,
                name: query.name,
                name_prefix: query.name_prefix,
                started_from: query.started_from.map(|at| at.0),
                started_before: query.started_before.map(|at| at.0),
                stopped_from: query.stopped_from.map(|at| at.0),
                stopped_before: query.stopped_before.map(|at| at.0),
                error: query.error,
                tags: tags(query.tag),
                machine_tags: tags(query.machine_tag),
                trace_id: query.trace_id,
            },
            page_token: query.page_token,
            limit: query.limit.unwrap_or(PAGE_LIMIT),
            pending_redrive: false,
        }
    }
}

/// Start an execution
///
/// The start is durable before the answer. The same name with the same input is the same
/// start, with the status 200; with another input it is refused. With `wait`, the answer
/// comes when the execution has ended or the time is over, and tells how it stands. It belongs
/// to the trace of the header `traceparent`, or to one that is made; the answer's header
/// `traceparent` says which.
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
    let order = request.into_order(TraceHeaders::of(&headers))?;
    // Taken before the start: whoever cannot be waited for is not started either.
    let patience = app.patience(&caller, query.wait)?;
    let (started, watch) = match &patience {
        Some(_) => app.engine().start_and_watch(&caller, order).await?,
        None => (app.engine().start_execution(&caller, order).await?, None),
    };
    let execution = match patience {
        Some(patience) => {
            let end = match watch {
                Some(watch) => end_of_begun(&app, &caller, watch, patience).await,
                None => end_of(&app, &caller, &started.arn, patience).await,
            };
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
    let mut traced = HeaderMap::new();
    observe::put_traceparent(&mut traced, started.traceparent.as_deref());
    let location = format!("/v1/executions/{}", path_segment(&started.arn));
    let answer = StartExecutionResponse::new(started, execution);
    Ok((
        status,
        AppendHeaders([(LOCATION, location)]),
        traced,
        JsonAnswer(answer),
    ))
}

/// List executions
///
/// Newest first: those for which all that is given holds. A page's token is good for a day, and
/// for the same question.
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
    RepeatingQuery(query): RepeatingQuery<ListQuery>,
) -> Result<JsonAnswer<ExecutionList>, ApiError> {
    let page = app.engine().list_executions(&caller, query.into()).await?;
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

/// The same as [`end_of`], of an execution that was started with a watch.
async fn end_of_begun(
    app: &App,
    caller: &Caller,
    watch: EndWatch,
    patience: Patience<'_>,
) -> Result<ExecutionDescription, EngineError> {
    let waiting = app
        .engine()
        .wait_for_end_of(caller, &watch, patience.time());
    match patience.wait(waiting).await {
        Some(described) => described,
        // The server is to end: as it stands.
        None => {
            app.engine()
                .wait_for_end_of(caller, &watch, Duration::ZERO)
                .await
        }
    }
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
