//! The execution log.

use axum::Json as JsonAnswer;
use axum::extract::State;
use serde::Deserialize;
use stepwell_engine::{Caller, LogQuery as EngineQuery};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Query, Segment};
use crate::wire::LogPage;

/// Entries of a page, unless the query says otherwise.
const PAGE_LIMIT: u32 = 1_000;

/// Which entries to read.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Only those of the execution with this ARN.
    execution: Option<String>,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
    /// Entries of a page, 1 to 10,000; 1,000 unless given.
    limit: Option<u32>,
}

/// Read a log group
///
/// What executions did whose state machine has a logging configuration, oldest first. A
/// group that a state machine names and that nothing was logged to has no entries; one that
/// no state machine names is not found.
#[utoipa::path(
    get,
    path = "/v1/logs/{logGroup}",
    tag = "executions",
    params(("logGroup" = String, Path, description = "Name of the group; percent-encoded"), LogQuery),
    responses((status = 200, description = "A page", body = LogPage)),
)]
pub(crate) async fn read_log(
    State(app): State<App>,
    caller: Caller,
    Segment(log_group): Segment,
    Query(query): Query<LogQuery>,
) -> Result<JsonAnswer<LogPage>, ApiError> {
    let query = EngineQuery {
        log_group,
        execution: query.execution,
        page_token: query.page_token,
        limit: query.limit.unwrap_or(PAGE_LIMIT),
    };
    let page = app.engine().read_log(&caller, query).await?;
    Ok(JsonAnswer(page.into()))
}
