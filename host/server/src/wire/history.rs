//! The history on the wire: the events of Step Functions, with their names and shapes.
//!
//! Inputs and outputs of events are JSON *texts*, as Step Functions has them.
//! What Stepwell knows beyond that stands in the member `stepwell`. The conversion is
//! in [`render`]; the AWS door uses the same one with another kind of timestamp.

mod details;
mod extras;
mod render;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use details::{
    ActivityScheduledDetails, ActivityStartedDetails, DataDetails, EvaluationFailedDetails,
    ExecutionRedrivenDetails, ExecutionStartedDetails, FailureDetails,
    LambdaFunctionScheduledDetails, MapIterationDetails, MapRunRedrivenDetails,
    MapRunStartedDetails, MapStateStartedDetails, OutputDetails, StateEnteredDetails,
    StateExitedDetails, TaskDetails, TaskFailureDetails, TaskOutputDetails, TaskScheduledDetails,
};
pub use render::{AwsEvents, EventContext, aws_event, rest_event};

use super::{ExecutionStatus, JsonText, RedriveChanges, Time};

/// Answer to `GET /v1/executions/{execution}/history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The events. Fewer than `limit` may be shown though there are more, since some
    /// are hidden.
    pub events: Vec<HistoryEvent>,
    /// What `after` the next part has. It counts hidden events too, so it is not the
    /// `id` of an event.
    pub next_after: u64,
    /// Whether there are more events in this direction now.
    pub more: bool,
    /// Status of the execution when the events were read.
    pub status: ExecutionStatus,
}

/// One event: the envelope, at most one of the members named `…EventDetails`, and
/// Stepwell's own knowledge.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEvent<T = Time> {
    /// When it happened.
    pub timestamp: T,
    /// What happened: `TaskStateEntered`, `TaskScheduled`, ….
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its id, without gaps from 1; 0 for an internal event.
    pub id: u64,
    /// Id of the event that led to this one; 0 for none.
    pub previous_event_id: u64,
    /// Of `ExecutionStarted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_started_event_details: Option<ExecutionStartedDetails>,
    /// Of `ExecutionSucceeded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_succeeded_event_details: Option<OutputDetails>,
    /// Of `ExecutionFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_failed_event_details: Option<FailureDetails>,
    /// Of `ExecutionTimedOut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_timed_out_event_details: Option<FailureDetails>,
    /// Of `ExecutionAborted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_aborted_event_details: Option<FailureDetails>,
    /// Of `…StateEntered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_entered_event_details: Option<StateEnteredDetails>,
    /// Of `…StateExited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_exited_event_details: Option<StateExitedDetails>,
    /// Of `TaskScheduled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_scheduled_event_details: Option<TaskScheduledDetails>,
    /// Of `TaskStarted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_started_event_details: Option<TaskDetails>,
    /// Of `TaskSubmitted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_submitted_event_details: Option<TaskOutputDetails>,
    /// Of `TaskSubmitFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_submit_failed_event_details: Option<TaskFailureDetails>,
    /// Of `TaskSucceeded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_succeeded_event_details: Option<TaskOutputDetails>,
    /// Of `TaskFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_failed_event_details: Option<TaskFailureDetails>,
    /// Of `TaskTimedOut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_timed_out_event_details: Option<TaskFailureDetails>,
    /// Of `LambdaFunctionScheduled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda_function_scheduled_event_details: Option<LambdaFunctionScheduledDetails>,
    /// Of `LambdaFunctionScheduleFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda_function_schedule_failed_event_details: Option<FailureDetails>,
    /// Of `LambdaFunctionSucceeded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda_function_succeeded_event_details: Option<OutputDetails>,
    /// Of `LambdaFunctionFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda_function_failed_event_details: Option<FailureDetails>,
    /// Of `LambdaFunctionTimedOut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda_function_timed_out_event_details: Option<FailureDetails>,
    /// Of `ActivityScheduled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_scheduled_event_details: Option<ActivityScheduledDetails>,
    /// Of `ActivityScheduleFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_schedule_failed_event_details: Option<FailureDetails>,
    /// Of `ActivityStarted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_started_event_details: Option<ActivityStartedDetails>,
    /// Of `ActivitySucceeded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_succeeded_event_details: Option<OutputDetails>,
    /// Of `ActivityFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_failed_event_details: Option<FailureDetails>,
    /// Of `ActivityTimedOut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_timed_out_event_details: Option<FailureDetails>,
    /// Of `MapStateStarted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_state_started_event_details: Option<MapStateStartedDetails>,
    /// Of `MapIterationStarted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_iteration_started_event_details: Option<MapIterationDetails>,
    /// Of `MapIterationSucceeded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_iteration_succeeded_event_details: Option<MapIterationDetails>,
    /// Of `MapIterationFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_iteration_failed_event_details: Option<MapIterationDetails>,
    /// Of `MapIterationAborted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_iteration_aborted_event_details: Option<MapIterationDetails>,
    /// Of `MapRunStarted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_run_started_event_details: Option<MapRunStartedDetails>,
    /// Of `MapRunFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_run_failed_event_details: Option<FailureDetails>,
    /// Of `MapRunRedriven`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_run_redriven_event_details: Option<MapRunRedrivenDetails>,
    /// Of `ExecutionRedriven`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_redriven_event_details: Option<ExecutionRedrivenDetails>,
    /// Of `EvaluationFailed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation_failed_event_details: Option<EvaluationFailedDetails>,
    /// What Stepwell knows beyond Step Functions; REST always gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stepwell: Option<Extras>,
}

/// What Stepwell knows of an event beyond Step Functions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Extras {
    /// Position in the history from 1, internal events included.
    pub number: u64,
    /// W3C trace context that the execution was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The line of execution within the execution: 0 for the root; each Parallel
    /// branch and each Map iteration has its own.
    pub frame: u32,
    /// The line of execution that a Map iteration has, where the event is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration_frame: Option<u32>,
    /// The state that it happened in, where the event alone says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Number of the task's attempt, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What the task's call in the sandbox used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The key that stays the same over all attempts of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Number of the event that this one answers: the task's `TaskScheduled`, or the
    /// `EventReceived` that a state took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<u64>,
    /// When what was begun is due: a wait, a retry, the next heartbeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Name of a posted event, or of the event that a task waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    /// The sender's id of a posted event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// What an internal event carries: the data of a posted event, the output of a
    /// branch or iteration.
    #[serde(
        default,
        deserialize_with = "super::json::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = JsonText, required = false)]
    pub data: Option<JsonText>,
    /// The failure that an internal event carries: what is retried, what ended a
    /// branch or iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureDetails>,
    /// What happened to an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalExtras>,
    /// What an operator did: `RETRY_NOW`, `END_WAIT`, `FAIL_TASK` or `SKIP_TASK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervention: Option<String>,
    /// Why the execution was paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a redrive changed, if it did not go on as things were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive: Option<RedriveChanges>,
}

/// What happened to an approval.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalExtras {
    /// Its id, where people are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The hash of what it shows, or of what the decider saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// What somebody decided: `approve`, `reject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// How many escalations there have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<u32>,
    /// How it ended: `APPROVED`, `REJECTED`, `EXPIRED`, `SUPERSEDED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// ARN of the execution that superseded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
}

/// What one call in the sandbox used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Fuel, in wasmtime's units.
    pub fuel: u64,
    /// Peak of all linear memories, in bytes.
    pub memory_peak_bytes: u64,
    /// Wall time, in microseconds.
    pub duration_us: u64,
}
