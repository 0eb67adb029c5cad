//! Bulk operations: orders, previews, progress.

use serde::{Deserialize, Serialize};
use stepwell_engine::{
    BulkAction as EngineAction, BulkDescription, BulkOrder, BulkPreview as EnginePreview,
    BulkStatus as EngineStatus, PageOf,
};
use utoipa::ToSchema;

use super::{ExecutionFilter, ExecutionStatus, Time};

/// What is done to each execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BulkAction {
    /// It is stopped.
    Stop,
    /// It goes on from where it stopped.
    Redrive,
}

/// How a bulk operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BulkStatus {
    /// It goes on.
    Running,
    /// All executions have been dealt with.
    Completed,
    /// Somebody has ended it before.
    Cancelled,
}

/// Body of `POST /v1/bulk-operations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkRequest {
    /// What is done to each execution.
    pub action: BulkAction,
    /// Which are meant; of these, those that the action can change.
    #[serde(default)]
    pub filter: ExecutionFilter,
    /// Whether all of the tenant's are meant: to be said where there is no filter.
    #[serde(default)]
    pub all: bool,
    /// Only look: tell what would be changed, and change nothing.
    #[serde(default)]
    pub preview: bool,
    /// Error name that executions are stopped with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why they are stopped, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// What an order would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkPreview {
    /// As of when.
    pub at: Time,
    /// How many executions.
    pub matching: u64,
    /// How many of each state machine, in each status.
    pub counts: Vec<BulkCount>,
    /// Some of them, the newest: `MACHINE/NAME`.
    pub sample: Vec<String>,
}

/// How many executions of a state machine are in a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkCount {
    /// Name of the state machine.
    pub state_machine: String,
    /// The status.
    pub status: ExecutionStatus,
    /// How many.
    pub count: u64,
}

/// A bulk operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkOperation {
    /// Its id.
    pub id: String,
    /// What is done to each execution.
    pub action: BulkAction,
    /// Which were meant.
    pub filter: ExecutionFilter,
    /// How it stands.
    pub status: BulkStatus,
    /// When it was ordered. Executions that started later are left alone.
    pub ordered_at: Time,
    /// Who ordered it.
    pub ordered_by: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Who ended it before it was through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
    /// How many executions the filter let pass when it was ordered.
    pub matching: u64,
    /// How many were changed.
    pub done: u64,
    /// How many needed no change any more when it was their turn.
    pub skipped: u64,
    /// How many could not be changed.
    pub failed: u64,
    /// Why some were not changed: the first 100 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<BulkProblem>,
}

/// An execution that was not changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkProblem {
    /// Its ARN.
    pub execution_arn: String,
    /// Why not.
    pub reason: String,
}

/// Answer to `GET /v1/bulk-operations`: a page, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkOperationList {
    /// The operations.
    pub bulk_operations: Vec<BulkOperation>,
    /// What `pageToken` the next page has, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

impl From<BulkRequest> for BulkOrder {
    fn from(request: BulkRequest) -> Self {
        Self {
            action: match request.action {
                BulkAction::Stop => EngineAction::Stop,
                BulkAction::Redrive => EngineAction::Redrive,
            },
            query: request.filter.into(),
            all: request.all,
            error: request.error,
            cause: request.cause,
        }
    }
}

impl From<EnginePreview> for BulkPreview {
    fn from(preview: EnginePreview) -> Self {
        let counts = preview.counts.into_iter().map(|count| BulkCount {
            state_machine: count.state_machine,
            status: count.status.into(),
            count: count.count,
        });
        Self {
            at: preview.at.into(),
            matching: preview.matching,
            counts: counts.collect(),
            sample: preview.sample,
        }
    }
}

impl From<BulkDescription> for BulkOperation {
    fn from(described: BulkDescription) -> Self {
        let problems = described.problems.into_iter();
        Self {
            id: described.id,
            action: match described.action {
                EngineAction::Stop => BulkAction::Stop,
                EngineAction::Redrive => BulkAction::Redrive,
            },
            filter: described.query.into(),
            status: match described.status {
                EngineStatus::Running => BulkStatus::Running,
                EngineStatus::Completed => BulkStatus::Completed,
                EngineStatus::Cancelled => BulkStatus::Cancelled,
            },
            ordered_at: described.ordered_at.into(),
            ordered_by: described.ordered_by,
            ended_at: described.ended_at.map(Time),
            cancelled_by: described.cancelled_by,
            matching: described.matching,
            done: described.done,
            skipped: described.skipped,
            failed: described.failed,
            problems: problems
                .map(|(execution_arn, reason)| BulkProblem {
                    execution_arn,
                    reason,
                })
                .collect(),
        }
    }
}

impl From<PageOf<BulkDescription>> for BulkOperationList {
    fn from(page: PageOf<BulkDescription>) -> Self {
        Self {
            bulk_operations: page.items.into_iter().map(BulkOperation::from).collect(),
            next_page_token: page.next_page_token,
        }
    }
}
