//! Bulk operations: look what a filter lets pass, order a change to all of it, follow it.

#[cfg(test)]
mod tests;

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;
use stepwell_engine::{BulkOrder, Caller};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, NoBody, Query, Segment};
use crate::wire::{BulkOperation, BulkOperationList, BulkPreview, BulkRequest, path_segment};

/// Operations of a page, unless the query says otherwise.
const PAGE_LIMIT: u32 = 100;

/// Which bulk operations to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
    /// Operations of a page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
}

/// Stop or redrive all executions that a filter lets pass
///
/// With `preview` it is only told what would be changed. Else the order is durable before the
/// answer, and is carried out by the host, up to 1,000 executions a second, also after a crash:
/// each execution is changed once. Executions that start after the order are left alone. A
/// filter that lets nothing pass is refused, and so is none without `all`.
#[utoipa::path(
    post,
    path = "/v1/bulk-operations",
    tag = "bulk operations",
    request_body = BulkRequest,
    responses(
        (status = 202, description = "Ordered", body = BulkOperation),
        (status = 200, description = "What would be changed", body = BulkPreview),
    ),
)]
pub(crate) async fn order_bulk_operation(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<BulkRequest>,
) -> Result<Response, ApiError> {
    let preview = request.preview;
    let order = BulkOrder::from(request);
    if preview {
        let found = app.engine().preview_bulk(&caller, &order).await?;
        return Ok(JsonAnswer(BulkPreview::from(found)).into_response());
    }
    let ordered = app.engine().order_bulk(&caller, order).await?;
    let location = format!("/v1/bulk-operations/{}", path_segment(&ordered.id));
    let answer = JsonAnswer(BulkOperation::from(ordered));
    let headers = AppendHeaders([(LOCATION, location)]);
    Ok((StatusCode::ACCEPTED, headers, answer).into_response())
}

/// List bulk operations
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/v1/bulk-operations",
    tag = "bulk operations",
    params(ListQuery),
    responses((status = 200, description = "A page", body = BulkOperationList)),
)]
pub(crate) async fn list_bulk_operations(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<JsonAnswer<BulkOperationList>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE_LIMIT);
    let token = query.page_token.as_deref();
    let page = app.engine().list_bulk(&caller, token, limit).await?;
    Ok(JsonAnswer(page.into()))
}

/// Describe a bulk operation
///
/// How far it is, and why some executions were not changed.
#[utoipa::path(
    get,
    path = "/v1/bulk-operations/{bulkOperation}",
    tag = "bulk operations",
    params(("bulkOperation" = String, Path, description = "Its id")),
    responses((status = 200, description = "The operation", body = BulkOperation)),
)]
pub(crate) async fn describe_bulk_operation(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<JsonAnswer<BulkOperation>, ApiError> {
    let described = app.engine().describe_bulk(&caller, &id).await?;
    Ok(JsonAnswer(described.into()))
}

/// Cancel a bulk operation
///
/// What it has changed stays changed; the part that is under way, up to 50 executions, is
/// finished.
#[utoipa::path(
    post,
    path = "/v1/bulk-operations/{bulkOperation}/cancel",
    tag = "bulk operations",
    params(("bulkOperation" = String, Path, description = "Its id")),
    responses((status = 200, description = "It is cancelled", body = BulkOperation)),
)]
pub(crate) async fn cancel_bulk_operation(
    State(app): State<App>,
    caller: Caller,
    Segment(id): Segment,
    _: NoBody,
) -> Result<JsonAnswer<BulkOperation>, ApiError> {
    let cancelled = app.engine().cancel_bulk(&caller, &id).await?;
    Ok(JsonAnswer(cancelled.into()))
}
