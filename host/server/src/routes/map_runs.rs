//! Map Runs: list, describe, update; their child executions.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use stepwell_engine::{Caller, ExecutionQuery, ListExecutions};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Query, Segment};
use crate::wire::{
    ExecutionList, ExecutionStatus, ExecutionSummary, MapRun, MapRunList, UpdateMapRunRequest,
    statuses_of,
};

/// Lines of a page, unless the query says otherwise.
const PAGE_LIMIT: u32 = 100;

/// Which Map Runs to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// ARN of an execution, or `machine/name`.
    execution: String,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
    /// Map Runs of a page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
}

/// Which child executions to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChildrenQuery {
    /// Only those with this status.
    status: Option<ExecutionStatus>,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
    /// Executions of a page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
}

/// List Map Runs
///
/// Those of an execution, newest first.
#[utoipa::path(
    get,
    path = "/v1/map-runs",
    tag = "map runs",
    params(ListQuery),
    responses((status = 200, description = "A page", body = MapRunList)),
)]
pub(crate) async fn list_map_runs(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<JsonAnswer<MapRunList>, ApiError> {
    let (token, limit) = (query.page_token, query.limit.unwrap_or(PAGE_LIMIT));
    let page = app
        .engine()
        .list_map_runs(&caller, &query.execution, token.as_deref(), limit)
        .await?;
    Ok(JsonAnswer(MapRunList {
        map_runs: page.items.into_iter().map(MapRun::from).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// Describe a Map Run
///
/// Its settings, and how many items and child executions there are in which status.
#[utoipa::path(
    get,
    path = "/v1/map-runs/{mapRun}",
    tag = "map runs",
    params(("mapRun" = String, Path, description = "ARN of the Map Run")),
    responses((status = 200, description = "The Map Run", body = MapRun)),
)]
pub(crate) async fn describe_map_run(
    State(app): State<App>,
    caller: Caller,
    Segment(map_run): Segment,
) -> Result<JsonAnswer<MapRun>, ApiError> {
    let found = app.engine().describe_map_run(&caller, &map_run).await?;
    Ok(JsonAnswer(found.into()))
}

/// Update a Map Run
///
/// Changes what may run and fail while it runs.
#[utoipa::path(
    post,
    path = "/v1/map-runs/{mapRun}/update",
    tag = "map runs",
    params(("mapRun" = String, Path, description = "ARN of the Map Run")),
    request_body = UpdateMapRunRequest,
    responses((status = 204, description = "Updated")),
)]
pub(crate) async fn update_map_run(
    State(app): State<App>,
    caller: Caller,
    Segment(map_run): Segment,
    Json(request): Json<UpdateMapRunRequest>,
) -> Result<StatusCode, ApiError> {
    app.engine()
        .update_map_run(&caller, &map_run, request.into())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the child executions of a Map Run
///
/// Newest first. Express ones leave no trace but the counts.
#[utoipa::path(
    get,
    path = "/v1/map-runs/{mapRun}/executions",
    tag = "map runs",
    params(("mapRun" = String, Path, description = "ARN of the Map Run"), ChildrenQuery),
    responses((status = 200, description = "A page", body = ExecutionList)),
)]
pub(crate) async fn list_children(
    State(app): State<App>,
    caller: Caller,
    Segment(map_run): Segment,
    Query(query): Query<ChildrenQuery>,
) -> Result<JsonAnswer<ExecutionList>, ApiError> {
    let (statuses, paused) = statuses_of(query.status.as_slice());
    let list = ListExecutions {
        query: ExecutionQuery {
            statuses,
            paused,
            ..ExecutionQuery::default()
        },
        page_token: query.page_token,
        limit: query.limit.unwrap_or(PAGE_LIMIT),
        ..ListExecutions::default()
    };
    let page = app
        .engine()
        .list_map_run_executions(&caller, &map_run, list)
        .await?;
    Ok(JsonAnswer(ExecutionList {
        executions: page.items.into_iter().map(ExecutionSummary::from).collect(),
        next_page_token: page.next_page_token,
    }))
}
