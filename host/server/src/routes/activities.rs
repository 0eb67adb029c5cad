//! Activities: make, list, describe, delete, and hand out tasks.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use stepwell_engine::Caller;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Query, Segment};
use crate::wire::{
    Activity, ActivityList, ActivityTask, CreateActivityRequest, PollActivityRequest, PolledTask,
};

/// Lines of a page, unless the query says otherwise.
const PAGE_LIMIT: u32 = 100;

/// Which page of the list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActivitiesQuery {
    /// Lines of the page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
}

/// How long to wait.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PollQuery {
    /// Seconds to wait for a task; more than the server allows (60) is taken as that.
    wait: Option<u64>,
}

/// Make an activity
///
/// One that is there already stays as it is.
#[utoipa::path(
    post,
    path = "/v1/activities",
    tag = "activities",
    request_body = CreateActivityRequest,
    responses(
        (status = 201, description = "The activity is new", body = Activity),
        (status = 200, description = "The activity was there", body = Activity),
    ),
)]
pub(crate) async fn create_activity(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<CreateActivityRequest>,
) -> Result<(StatusCode, axum::Json<Activity>), ApiError> {
    let created = app.engine().create_activity(&caller, &request.name).await;
    let (activity, is_new) = created?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, axum::Json(activity.into())))
}

/// List activities
#[utoipa::path(
    get,
    path = "/v1/activities",
    tag = "activities",
    params(ActivitiesQuery),
    responses((status = 200, description = "A page of them, by name", body = ActivityList)),
)]
pub(crate) async fn list_activities(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ActivitiesQuery>,
) -> Result<axum::Json<ActivityList>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE_LIMIT);
    let page = app
        .engine()
        .list_activities(&caller, query.page_token, limit)
        .await?;
    Ok(axum::Json(ActivityList {
        activities: page.items.into_iter().map(Activity::from).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// Describe an activity
#[utoipa::path(
    get,
    path = "/v1/activities/{activity}",
    tag = "activities",
    params(("activity" = String, Path, description = "Name or ARN; percent-encoded")),
    responses((status = 200, description = "The activity", body = Activity)),
)]
pub(crate) async fn describe_activity(
    State(app): State<App>,
    caller: Caller,
    Segment(activity): Segment,
) -> Result<axum::Json<Activity>, ApiError> {
    let found = app.engine().describe_activity(&caller, &activity).await?;
    Ok(axum::Json(found.into()))
}

/// Delete an activity
///
/// One that is not there is deleted. Tasks that wait for a worker of it wait on.
#[utoipa::path(
    delete,
    path = "/v1/activities/{activity}",
    tag = "activities",
    params(("activity" = String, Path, description = "Name or ARN; percent-encoded")),
    responses((status = 204, description = "The activity is gone")),
)]
pub(crate) async fn delete_activity(
    State(app): State<App>,
    caller: Caller,
    Segment(activity): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_activity(&caller, &activity).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a task of an activity
///
/// Hands out the oldest task that no worker has taken, or waits for one. The task's time
/// runs from now on; report on it with its token under `/v1/tasks`.
#[utoipa::path(
    post,
    path = "/v1/activities/{activity}/poll",
    tag = "activities",
    params(
        ("activity" = String, Path, description = "Name or ARN; percent-encoded"),
        PollQuery,
    ),
    request_body = PollActivityRequest,
    responses((status = 200, description = "A task, or none", body = PolledTask)),
)]
pub(crate) async fn poll_activity(
    State(app): State<App>,
    caller: Caller,
    Segment(activity): Segment,
    Query(query): Query<PollQuery>,
    Json(request): Json<PollActivityRequest>,
) -> Result<axum::Json<PolledTask>, ApiError> {
    let worker = request.worker_name.as_deref();
    let patience = app.patience(&caller, query.wait)?;
    let time = patience
        .as_ref()
        .map_or_else(Default::default, |patience| patience.time());
    let engine = app.engine();
    let taken = engine.get_activity_task(&caller, &activity, worker, time);
    let task = match patience {
        // A server that stops hands nothing out any more.
        Some(patience) => patience.wait(taken).await.transpose()?.flatten(),
        None => taken.await?,
    };
    Ok(axum::Json(PolledTask {
        task: task.map(ActivityTask::from),
    }))
}
