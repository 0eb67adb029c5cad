//! Executions: what is asked of them, and what is told.

use serde::{Deserialize, Serialize};
use stepwell_decider::{Failure, StateType, Status, TotalUsage};
use stepwell_states::{Payload, Timestamp};

use super::Tag;

/// An order to start an execution.
#[derive(Debug, Clone, Default)]
pub struct StartExecution {
    /// Name or ARN of the state machine.
    pub state_machine: String,
    /// Name of the execution; without one, a UUID.
    pub name: Option<String>,
    /// Input; without one, `{}`.
    pub input: Option<Payload>,
    /// W3C trace context of the caller; one that is malformed is taken as none. Without one, that
    /// of the request, or one that is made.
    pub traceparent: Option<String>,
    /// What the trace context says beside; handed on with it.
    pub tracestate: Option<String>,
    /// What is hung on it: searched by, and told of.
    pub tags: Vec<Tag>,
}

/// A started execution, durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedExecution {
    /// ARN of the execution.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// When it started.
    pub started_at: Timestamp,
    /// Whether it existed: a start with the same name and input is the same start.
    pub existed: bool,
    /// W3C trace context that it was started with; none where that was by an earlier version.
    pub traceparent: Option<String>,
}

/// All that is known about an execution.
#[derive(Debug, Clone)]
pub struct ExecutionDescription {
    /// Its line in lists.
    pub summary: ExecutionSummary,
    /// Its input.
    pub input: Payload,
    /// Its output, if it succeeded.
    pub output: Option<Payload>,
    /// Its error and cause, if it ended otherwise.
    pub failure: Option<Failure>,
    /// Whether it may be redriven.
    pub redrivable: Redrivable,
    /// ARN of the Map Run whose child it is.
    pub map_run_arn: Option<String>,
    /// Revision of the state machine that it runs.
    pub revision: u64,
    /// W3C trace context that it was started with: the caller's, or one that was made.
    pub traceparent: String,
    /// What the caller's said beside.
    pub tracestate: Option<String>,
    /// What was hung on it at its start, by key.
    pub tags: Vec<Tag>,
    /// Who started it.
    pub started_by: Option<String>,
    /// Who paused it, if it is paused.
    pub paused_by: Option<String>,
    /// Why, in their words.
    pub pause_reason: Option<String>,
    /// ARN of the execution that started it, if one did.
    pub parent_arn: Option<String>,
    /// Where it is.
    pub active: Vec<ActiveStateDescription>,
    /// What its tasks used so far.
    pub usage: TotalUsage,
}

/// An execution's line in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionSummary {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// ARN of its state machine.
    pub state_machine_arn: String,
    /// Name of its state machine.
    pub state_machine: String,
    /// ARN of the version that it was started with, if with one.
    pub version_arn: Option<String>,
    /// ARN of the alias that led to that version.
    pub alias_arn: Option<String>,
    /// Its status.
    pub status: Status,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When that was last.
    pub redriven_at: Option<Timestamp>,
    /// Since when it is paused, if it is.
    pub paused_at: Option<Timestamp>,
    /// How many items it was given, where it is listed as the child of a Map Run.
    pub item_count: Option<u32>,
}

/// Whether an execution may be redriven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redrivable {
    /// It may.
    Yes,
    /// With the Map Run whose child it is.
    ByMapRun,
    /// It may not, for this reason, in AWS's words.
    No(String),
}

/// A state that an execution is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveStateDescription {
    /// Its name.
    pub name: String,
    /// Its type.
    pub state_type: StateType,
    /// Since when.
    pub entered_at: Timestamp,
    /// Number of the attempt, counted from 1.
    pub attempt: u32,
    /// Id of the event that entered it, as histories show it.
    pub event: u64,
    /// What it waits for, in a few words.
    pub waits_for: String,
    /// When something happens by itself.
    pub due: Option<Timestamp>,
    /// Token of its task, where the task waits for one.
    pub task_token: Option<String>,
}

/// What executions are asked for by. All that is given has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExecutionQuery {
    /// Name or ARN of a state machine, or of a version or an alias of one; without one, all of
    /// the tenant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_machine: Option<String>,
    /// Only those in one of these statuses; in any, if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<Status>,
    /// Only those that were redriven, or only those that were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redriven: Option<bool>,
    /// Of those that run, only those that are paused, or only those that are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Only those of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only those whose names begin so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<String>,
    /// Only those that started then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_from: Option<Timestamp>,
    /// Only those that started earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_before: Option<Timestamp>,
    /// Only those that ended then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_from: Option<Timestamp>,
    /// Only those that ended earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_before: Option<Timestamp>,
    /// Only those that ended with the error of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Only those with all of these tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Only those whose state machine has all of these tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub machine_tags: Vec<Tag>,
    /// Only those that belong to this trace: its id, or a whole `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl ExecutionQuery {
    /// Whether it lets everything pass.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// Which executions to list.
#[derive(Debug, Clone, Default)]
pub struct ListExecutions {
    /// What they are asked for by.
    pub query: ExecutionQuery,
    /// Of a Map Run's children, only those that wait to be redriven.
    pub pending_redrive: bool,
    /// Where the last page ended.
    pub page_token: Option<String>,
    /// Lines a page; 1 to 1,000.
    pub limit: u32,
}
