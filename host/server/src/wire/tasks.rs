//! Reports on tasks that wait for their token.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JsonText;

/// Body of `POST /v1/tasks/success`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSuccessRequest {
    /// The token that the task was given.
    pub task_token: String,
    /// The task's output: any JSON value.
    pub output: JsonText,
}

/// Body of `POST /v1/tasks/failure`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskFailureRequest {
    /// The token that the task was given.
    pub task_token: String,
    /// Error name, as in `ErrorEquals`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Body of `POST /v1/tasks/heartbeat`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskHeartbeatRequest {
    /// The token that the task was given.
    pub task_token: String,
}
