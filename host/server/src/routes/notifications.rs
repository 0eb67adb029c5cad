//! Notifications: put, list, test, delete; and what became of their deliveries.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use stepwell_engine::{Caller, DeliveriesQuery};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, NoBody, Query, Segment};
use crate::wire::{
    DeliveryList, Notification, NotificationList, NotificationRequest, NotificationTest,
};

/// Deliveries of a page, unless the query says otherwise.
const PAGE_LIMIT: u32 = 100;

/// Put a notification
///
/// In place of one that has the name, whose deliveries stay. It tells of what happens from
/// now on.
#[utoipa::path(
    put,
    path = "/v1/notifications/{name}",
    tag = "notifications",
    params(("name" = String, Path, description = "Name of the notification")),
    request_body = NotificationRequest,
    responses((status = 200, description = "It is there", body = Notification)),
)]
pub(crate) async fn put_notification(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    Json(request): Json<NotificationRequest>,
) -> Result<JsonAnswer<Notification>, ApiError> {
    let order = request
        .into_order()
        .ok_or_else(|| ApiError::invalid("webhook", "give either 'webhook' or 'email'"))?;
    let put = app.engine().put_notification(&caller, &name, order).await?;
    Ok(JsonAnswer(put.into()))
}

/// List notifications
#[utoipa::path(
    get,
    path = "/v1/notifications",
    tag = "notifications",
    responses((status = 200, description = "All of them, by name", body = NotificationList)),
)]
pub(crate) async fn list_notifications(
    State(app): State<App>,
    caller: Caller,
) -> Result<JsonAnswer<NotificationList>, ApiError> {
    let all = app.engine().list_notifications(&caller).await?;
    let notifications = all.into_iter().map(Into::into).collect();
    Ok(JsonAnswer(NotificationList { notifications }))
}

/// Describe a notification
#[utoipa::path(
    get,
    path = "/v1/notifications/{name}",
    tag = "notifications",
    params(("name" = String, Path, description = "Name of the notification")),
    responses((status = 200, description = "It", body = Notification)),
)]
pub(crate) async fn describe_notification(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<JsonAnswer<Notification>, ApiError> {
    let described = app.engine().describe_notification(&caller, &name).await?;
    Ok(JsonAnswer(described.into()))
}

/// Delete a notification
///
/// Its deliveries go with it: what is not over is not sent.
#[utoipa::path(
    delete,
    path = "/v1/notifications/{name}",
    tag = "notifications",
    params(("name" = String, Path, description = "Name of the notification")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_notification(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
) -> Result<StatusCode, ApiError> {
    app.engine().delete_notification(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Test a notification
///
/// Sends a message of no event, to see whether it arrives.
#[utoipa::path(
    post,
    path = "/v1/notifications/{name}/test",
    tag = "notifications",
    params(("name" = String, Path, description = "Name of the notification")),
    responses((status = 202, description = "It is on its way", body = NotificationTest)),
)]
pub(crate) async fn test_notification(
    State(app): State<App>,
    caller: Caller,
    Segment(name): Segment,
    _: NoBody,
) -> Result<(StatusCode, JsonAnswer<NotificationTest>), ApiError> {
    let delivery = app.engine().test_notification(&caller, &name).await?;
    Ok((
        StatusCode::ACCEPTED,
        JsonAnswer(NotificationTest { delivery }),
    ))
}

/// Which deliveries to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuery {
    /// Only those that stand so: `pending`, `delivered` or `dead`.
    status: Option<String>,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
    /// Deliveries of a page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
}

/// List deliveries of a notification
///
/// Newest first. Those that are over are kept for 30 days.
#[utoipa::path(
    get,
    path = "/v1/notifications/{name}/deliveries",
    tag = "notifications",
    params(("name" = String, Path, description = "Name of the notification"), DeliveryQuery),
    responses((status = 200, description = "A page", body = DeliveryList)),
)]
pub(crate) async fn list_deliveries(
    State(app): State<App>,
    caller: Caller,
    Segment(notification): Segment,
    Query(query): Query<DeliveryQuery>,
) -> Result<JsonAnswer<DeliveryList>, ApiError> {
    let query = DeliveriesQuery {
        notification,
        state: query.status,
        limit: query.limit.unwrap_or(PAGE_LIMIT),
        page_token: query.page_token,
    };
    let page = app.engine().list_deliveries(&caller, query).await?;
    Ok(JsonAnswer(page.into()))
}
