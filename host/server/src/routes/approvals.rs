//! Approvals: list, describe, approve, reject.

#[cfg(test)]
mod tests;

use axum::extract::State;
use serde::Deserialize;
use stepwell_engine::{Caller, DecideApproval, ListApprovals, Verdict};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Json, Query, Segment};
use crate::wire::{
    Approval, ApprovalList, ApprovalStatus, ApprovalSummary, ApproveRequest, JsonText,
    RejectRequest,
};

/// Lines of a page, unless the query says otherwise.
const PAGE_LIMIT: u32 = 100;

/// Which approvals.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApprovalsQuery {
    /// Only those that stand so.
    status: Option<ApprovalStatus>,
    /// Only pending ones that you may decide, and have not decided.
    #[serde(default)]
    mine: bool,
    /// ARN of an execution, or machine/name: only its approvals, and those of the children of its
    /// Map Runs.
    execution: Option<String>,
    /// Lines of the page, 1 to 1,000; 100 unless given.
    limit: Option<u32>,
    /// `nextPageToken` of the page before.
    page_token: Option<String>,
}

/// List approvals
#[utoipa::path(
    get,
    path = "/v1/approvals",
    tag = "approvals",
    params(ApprovalsQuery),
    responses((status = 200, description = "A page of them, newest first", body = ApprovalList)),
)]
pub(crate) async fn list_approvals(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ApprovalsQuery>,
) -> Result<axum::Json<ApprovalList>, ApiError> {
    let list = ListApprovals {
        status: query.status.map(Into::into),
        mine: query.mine,
        execution: query.execution,
        page_token: query.page_token,
        limit: query.limit.unwrap_or(PAGE_LIMIT),
    };
    let page = app.engine().list_approvals(&caller, list).await?;
    Ok(axum::Json(ApprovalList {
        approvals: page.items.into_iter().map(ApprovalSummary::from).collect(),
        next_page_token: page.next_page_token,
    }))
}

/// Describe an approval
///
/// With all that it shows: what a decision is about, and bound to by its hash.
#[utoipa::path(
    get,
    path = "/v1/approvals/{approval}",
    tag = "approvals",
    params(("approval" = String, Path, description = "The approval's id")),
    responses((status = 200, description = "The approval", body = Approval)),
)]
pub(crate) async fn describe_approval(
    State(app): State<App>,
    caller: Caller,
    Segment(approval): Segment,
) -> Result<axum::Json<Approval>, ApiError> {
    let found = app.engine().describe_approval(&caller, &approval).await?;
    Ok(axum::Json(found.into()))
}

/// Approve
///
/// Counts for the hash that it names: if the approval shows something else by now, the answer
/// is `ApprovalChanged`. The same decision once more is no error and changes nothing.
#[utoipa::path(
    post,
    path = "/v1/approvals/{approval}/approve",
    tag = "approvals",
    params(("approval" = String, Path, description = "The approval's id")),
    request_body = ApproveRequest,
    responses((status = 200, description = "How it stands now; the decision is durable", body = Approval)),
)]
pub(crate) async fn approve(
    State(app): State<App>,
    caller: Caller,
    Segment(approval): Segment,
    Json(request): Json<ApproveRequest>,
) -> Result<axum::Json<Approval>, ApiError> {
    let inputs = request
        .inputs
        .as_ref()
        .map(|inputs: &JsonText| inputs.to_payload("inputs"));
    let decision = DecideApproval {
        verdict: Verdict::Approve,
        hash: request.hash,
        comment: request.comment,
        inputs: inputs.transpose()?,
    };
    decide(&app, &caller, &approval, decision).await
}

/// Reject
///
/// One rejection is enough. The task fails with `Approval.Rejected`.
#[utoipa::path(
    post,
    path = "/v1/approvals/{approval}/reject",
    tag = "approvals",
    params(("approval" = String, Path, description = "The approval's id")),
    request_body = RejectRequest,
    responses((status = 200, description = "How it stands now; the decision is durable", body = Approval)),
)]
pub(crate) async fn reject(
    State(app): State<App>,
    caller: Caller,
    Segment(approval): Segment,
    Json(request): Json<RejectRequest>,
) -> Result<axum::Json<Approval>, ApiError> {
    let decision = DecideApproval {
        verdict: Verdict::Reject,
        hash: request.hash,
        comment: request.comment,
        inputs: None,
    };
    decide(&app, &caller, &approval, decision).await
}

async fn decide(
    app: &App,
    caller: &Caller,
    approval: &str,
    decision: DecideApproval,
) -> Result<axum::Json<Approval>, ApiError> {
    let engine = app.engine();
    let decided = engine.decide_approval(caller, approval, decision).await?;
    Ok(axum::Json(decided.into()))
}
