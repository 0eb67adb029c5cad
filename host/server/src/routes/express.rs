//! Express executions that the caller waits for.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::HeaderMap;
use stepwell_engine::{Caller, EngineError};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::Json;
use crate::observe::TraceHeaders;
use crate::wire::{StartExecutionRequest, SyncExecution};

/// The longest that an express execution takes, in seconds.
const LASTS_MAX_SECONDS: u64 = 300;

/// Run an express execution
///
/// Starts an execution of an express state machine and answers when it has ended, after
/// five minutes at most. It runs at most once, in memory alone. One that fails is no error:
/// the status of the answer tells.
#[utoipa::path(
    post,
    path = "/v1/sync-executions",
    tag = "executions",
    params(("traceparent" = Option<String>, Header, description = "W3C trace context")),
    request_body = StartExecutionRequest,
    responses((status = 200, description = "It has ended", body = SyncExecution)),
)]
pub(crate) async fn start_sync_execution(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Json(request): Json<StartExecutionRequest>,
) -> Result<JsonAnswer<SyncExecution>, ApiError> {
    let order = request.into_order(TraceHeaders::of(&headers))?;
    let running = app.engine().start_sync_execution(&caller, order);
    let ended = match app.patience(&caller, Some(LASTS_MAX_SECONDS))? {
        Some(patience) => patience.wait(running).await,
        None => Some(running.await),
    };
    Ok(JsonAnswer(ended.ok_or(EngineError::ShuttingDown)??.into()))
}
