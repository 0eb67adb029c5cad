//! Activities, and the tasks that workers take.

use serde::{Deserialize, Serialize};
use stepwell_engine::{Activity as EngineActivity, ActivityTask as EngineTask};
use utoipa::ToSchema;

use super::{JsonText, Time};

/// Body of `POST /v1/activities`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateActivityRequest {
    /// Name of the activity.
    pub name: String,
}

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Its ARN: what a Task's `Resource` names.
    pub activity_arn: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
}

/// Answer to `GET /v1/activities`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityList {
    /// A page of the tenant's activities, by name.
    pub activities: Vec<Activity>,
    /// What asks for the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Body of `POST /v1/activities/{activity}/poll`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PollActivityRequest {
    /// The worker's name, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_name: Option<String>,
}

/// Answer to `POST /v1/activities/{activity}/poll`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolledTask {
    /// The task, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<ActivityTask>,
}

/// A task that a worker has taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityTask {
    /// What reports on the task: `POST /v1/tasks/success`, `failure`, `heartbeat`.
    pub task_token: String,
    /// The task's input.
    pub input: JsonText,
    /// The task's time limit, in seconds, counted from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// The longest time between two heartbeats, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_seconds: Option<u64>,
    /// Stays the same over all attempts of the task: hand it to other systems.
    #[serde(default)]
    pub idempotency_key: String,
}

impl From<EngineActivity> for Activity {
    fn from(activity: EngineActivity) -> Self {
        Self {
            activity_arn: activity.arn,
            name: activity.name,
            created_at: activity.created_at.into(),
        }
    }
}

impl From<EngineTask> for ActivityTask {
    fn from(task: EngineTask) -> Self {
        Self {
            task_token: task.task_token,
            input: (&task.input).into(),
            timeout_seconds: task.timeout_seconds,
            heartbeat_seconds: task.heartbeat_seconds,
            idempotency_key: task.idempotency_key.to_string(),
        }
    }
}
