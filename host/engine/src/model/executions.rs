//! Executions: what is asked of them, and what is told.

use stepwell_decider::{Failure, StateType, Status, TotalUsage};
use stepwell_states::{Payload, Timestamp};

/// An order to start an execution.
#[derive(Debug, Clone)]
pub struct StartExecution {
    /// Name or ARN of the state machine.
    pub state_machine: String,
    /// Name of the execution; without one, a UUID.
    pub name: Option<String>,
    /// Input; without one, `{}`.
    pub input: Option<Payload>,
    /// W3C trace context of the caller.
    pub traceparent: Option<String>,
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
    /// W3C trace context that it was started with.
    pub traceparent: Option<String>,
    /// Who started it.
    pub started_by: Option<String>,
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

/// Which executions to list.
#[derive(Debug, Clone, Default)]
pub struct ListExecutions {
    /// Name or ARN of a state machine; without one, all of the tenant's.
    pub state_machine: Option<String>,
    /// Only those with this status.
    pub status: Option<Status>,
    /// Of a Map Run's children, only those that wait to be redriven.
    pub pending_redrive: bool,
    /// Only those that were redriven, or only those that were not.
    pub redriven: Option<bool>,
    /// Only those that are paused, or only those that are not.
    pub paused: Option<bool>,
    /// Where the last page ended.
    pub page_token: Option<String>,
    /// Lines a page; 1 to 1,000.
    pub limit: u32,
}
