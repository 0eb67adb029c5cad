//! One state, tried without an execution.

use axum::Json as JsonAnswer;
use axum::extract::State;
use stepwell_engine::Caller;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::Json;
use crate::wire::{TestStateRequest, TestStateResponse};

/// Try one state
///
/// Does with an input what an execution would do in that state, and stores nothing. With a
/// mock, the state's work is not done; without one, a Task does it for real.
#[utoipa::path(
    post,
    path = "/v1/test-state",
    tag = "definitions",
    request_body = TestStateRequest,
    responses((status = 200, description = "How the state ended", body = TestStateResponse)),
)]
pub(crate) async fn test_state(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<TestStateRequest>,
) -> Result<JsonAnswer<TestStateResponse>, ApiError> {
    let level = request.inspection_level;
    let tested = app.engine().test_state(&caller, request.into()).await?;
    Ok(JsonAnswer(TestStateResponse::of(tested, level)))
}
