//! Executions: starting, describing, listing, stopping them, and posting events to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_engine::{
    ActiveStateDescription, ExecutionDescription, ExecutionSummary as EngineSummary, PageOf,
    PostEvent, Redrivable, StartExecution, StartedExecution, StateType, Status,
    TotalUsage as EngineUsage,
};
use utoipa::ToSchema;

use super::json::present;
use super::{JsonText, Time, list_of, map_of};
use crate::error::ApiError;
use crate::observe::TraceHeaders;

/// Where an execution is between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionStatus {
    /// Not at its end.
    Running,
    /// Not at its end, and nothing new begins until it is resumed.
    Paused,
    /// Ended well.
    Succeeded,
    /// Ended with an error that nothing caught.
    Failed,
    /// Ended because its own time was up.
    TimedOut,
    /// Stopped by somebody.
    Aborted,
}

impl ExecutionStatus {
    /// Returns the status as it is written on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }

    /// Returns whether the execution is at its end.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Running | Self::Paused)
    }

    /// Returns the status of an execution that may be paused.
    pub(crate) fn of(status: Status, is_paused: bool) -> Self {
        match Self::from(status) {
            Self::Running if is_paused => Self::Paused,
            status => status,
        }
    }
}

/// Whether an execution may be redriven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RedriveStatus {
    /// It may.
    Redrivable,
    /// It may not.
    NotRedrivable,
    /// With the Map Run whose child it is.
    RedrivableByMapRun,
}

/// Body of `POST /v1/executions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartExecutionRequest {
    /// Name or ARN of the state machine.
    pub state_machine: String,
    /// Name of the execution, 1 to 80 characters; without one, a UUID. The same name
    /// with the same input is the same start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The input: any JSON value; without one, `{}`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = JsonText, required = false)]
    pub input: Option<JsonText>,
    /// Tags: values by their keys, 50 at most, by which it is found. A key has 1 to 128
    /// characters and no `=`, a value 256 at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Answer to `POST /v1/executions`: the start is durable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartExecutionResponse {
    /// ARN of the execution.
    pub execution_arn: String,
    /// Its name.
    pub name: String,
    /// When it started.
    pub started_at: Time,
    /// Whether it existed: a start with the same name and input is the same start.
    pub existed: bool,
    /// W3C trace context that it was started with: the caller's, or one that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// How it stands after `wait`, if that was asked for. Its status says whether it
    /// has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<Execution>,
}

/// All that is known about an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Its ARN.
    pub execution_arn: String,
    /// Its name.
    pub name: String,
    /// ARN of its state machine.
    pub state_machine_arn: String,
    /// Name of its state machine.
    pub state_machine: String,
    /// Revision of the state machine that it runs.
    pub revision: u64,
    /// Its status.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Time>,
    /// Since when it is paused, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<Time>,
    /// Who paused it, if it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<String>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_reason: Option<String>,
    /// Its input.
    pub input: JsonText,
    /// Its output, if it succeeded.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = JsonText, required = false)]
    pub output: Option<JsonText>,
    /// Its error's name, if it ended otherwise and the error has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its error's cause, if it ended otherwise and the error has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// W3C trace context that it was started with: the caller's, or one that was made.
    #[serde(default)]
    pub traceparent: String,
    /// What the caller's said beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// Tags that it was started with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Who started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    /// ARN of the execution that started it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_arn: Option<String>,
    /// ARN of the Map Run whose child it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_run_arn: Option<String>,
    /// How often it was redriven.
    #[serde(default)]
    pub redrive_count: u32,
    /// When it was last redriven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_at: Option<Time>,
    /// Whether it may be redriven.
    pub redrive_status: RedriveStatus,
    /// Why it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_status_reason: Option<String>,
    /// Where it is, since when, and what it waits for.
    pub active: Vec<ActiveState>,
    /// What its tasks used so far.
    pub usage: TotalUsage,
}

/// A state that an execution is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveState {
    /// Its name.
    pub name: String,
    /// Its type, as definitions write it.
    #[serde(rename = "type")]
    pub state_type: String,
    /// Since when.
    pub entered_at: Time,
    /// Number of the attempt, counted from 1.
    pub attempt: u32,
    /// Id of the event that entered it: what operations on it are told to name it.
    #[serde(default)]
    pub event: u64,
    /// What it waits for, in a few words.
    pub waits_for: String,
    /// When something happens by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// Token of its task, where the task waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_token: Option<String>,
}

/// What the tasks of an execution used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TotalUsage {
    /// Calls in the sandbox.
    pub calls: u64,
    /// Fuel of all calls.
    pub fuel: u64,
    /// Wall time of all calls, in microseconds.
    pub duration_us: u64,
    /// The highest memory peak of a call, in bytes.
    pub memory_peak_bytes: u64,
}

/// An execution's line in lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionSummary {
    /// Its ARN.
    pub execution_arn: String,
    /// Its name.
    pub name: String,
    /// ARN of its state machine.
    pub state_machine_arn: String,
    /// Name of its state machine.
    pub state_machine: String,
    /// Its status.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Time>,
    /// How often it was redriven.
    #[serde(default)]
    pub redrive_count: u32,
    /// When it was last redriven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_at: Option<Time>,
}

/// Answer to `GET /v1/executions`: a page, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionList {
    /// The lines.
    pub executions: Vec<ExecutionSummary>,
    /// What `pageToken` the next page has, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Body of `POST /v1/executions/{execution}/stop`; may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopExecutionRequest {
    /// Error name that the execution ends with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why it is stopped, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Body of `POST /v1/executions/{execution}/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostEventRequest {
    /// Name of the event: what the waiting state names.
    pub name: String,
    /// The sender's id; an event with an id that was seen is taken once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its data: any JSON value; without any, `{}`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = JsonText, required = false)]
    pub data: Option<JsonText>,
}

impl StartExecutionRequest {
    /// Turns the request into the engine's order.
    ///
    /// # Errors
    /// The input nests too deep or names a key twice.
    pub(crate) fn into_order(self, trace: TraceHeaders) -> Result<StartExecution, ApiError> {
        let input = self.input.map(|text| text.to_payload("input"));
        Ok(StartExecution {
            state_machine: self.state_machine,
            name: self.name,
            input: input.transpose()?,
            traceparent: trace.parent,
            tracestate: trace.state,
            tags: list_of(self.tags),
        })
    }
}

impl PostEventRequest {
    /// Turns the request into the engine's order.
    ///
    /// # Errors
    /// The data nests too deep or names a key twice.
    pub(crate) fn into_event(self) -> Result<PostEvent, ApiError> {
        let data = self.data.map(|text| text.to_payload("data"));
        Ok(PostEvent {
            name: self.name,
            event_id: self.id,
            data: data.transpose()?,
        })
    }
}

impl StartExecutionResponse {
    /// Tells of a start, and of the execution if the caller waited for it.
    pub(crate) fn new(started: StartedExecution, execution: Option<ExecutionDescription>) -> Self {
        Self {
            execution_arn: started.arn,
            name: started.name,
            started_at: started.started_at.into(),
            existed: started.existed,
            traceparent: started.traceparent,
            execution: execution.map(Execution::from),
        }
    }
}

impl From<ExecutionDescription> for Execution {
    fn from(execution: ExecutionDescription) -> Self {
        let summary = execution.summary;
        let failure = execution.failure.unwrap_or_default();
        let (redrive_status, redrive_status_reason) = match execution.redrivable {
            Redrivable::Yes => (RedriveStatus::Redrivable, None),
            Redrivable::ByMapRun => (RedriveStatus::RedrivableByMapRun, None),
            Redrivable::No(reason) => (RedriveStatus::NotRedrivable, Some(reason)),
        };
        Self {
            execution_arn: summary.arn,
            name: summary.name,
            state_machine_arn: summary.state_machine_arn,
            state_machine: summary.state_machine,
            revision: execution.revision,
            status: ExecutionStatus::of(summary.status, summary.paused_at.is_some()),
            started_at: summary.started_at.into(),
            stopped_at: summary.stopped_at.map(Time),
            paused_at: summary.paused_at.map(Time),
            paused_by: execution.paused_by,
            pause_reason: execution.pause_reason,
            input: JsonText::from(&execution.input),
            output: execution.output.as_ref().map(JsonText::from),
            error: failure.error.as_deref().map(str::to_owned),
            cause: failure.cause.as_deref().map(str::to_owned),
            traceparent: execution.traceparent,
            tracestate: execution.tracestate,
            tags: map_of(execution.tags),
            started_by: execution.started_by,
            parent_arn: execution.parent_arn,
            map_run_arn: execution.map_run_arn,
            redrive_count: summary.redrive_count,
            redriven_at: summary.redriven_at.map(Time),
            redrive_status,
            redrive_status_reason,
            active: execution
                .active
                .into_iter()
                .map(ActiveState::from)
                .collect(),
            usage: execution.usage.into(),
        }
    }
}

impl From<ActiveStateDescription> for ActiveState {
    fn from(state: ActiveStateDescription) -> Self {
        Self {
            name: state.name,
            state_type: StateType::as_str(state.state_type).to_owned(),
            entered_at: state.entered_at.into(),
            attempt: state.attempt,
            event: state.event,
            waits_for: state.waits_for,
            due: state.due.map(Time),
            task_token: state.task_token,
        }
    }
}

impl From<EngineUsage> for TotalUsage {
    fn from(usage: EngineUsage) -> Self {
        Self {
            calls: usage.calls,
            fuel: usage.fuel,
            duration_us: usage.duration_us,
            memory_peak_bytes: usage.memory_peak_bytes,
        }
    }
}

impl From<EngineSummary> for ExecutionSummary {
    fn from(summary: EngineSummary) -> Self {
        Self {
            execution_arn: summary.arn,
            name: summary.name,
            state_machine_arn: summary.state_machine_arn,
            state_machine: summary.state_machine,
            status: ExecutionStatus::of(summary.status, summary.paused_at.is_some()),
            started_at: summary.started_at.into(),
            stopped_at: summary.stopped_at.map(Time),
            redrive_count: summary.redrive_count,
            redriven_at: summary.redriven_at.map(Time),
        }
    }
}

impl From<PageOf<EngineSummary>> for ExecutionList {
    fn from(page: PageOf<EngineSummary>) -> Self {
        Self {
            executions: page.items.into_iter().map(ExecutionSummary::from).collect(),
            next_page_token: page.next_page_token,
        }
    }
}

impl From<Status> for ExecutionStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Running => Self::Running,
            Status::Succeeded => Self::Succeeded,
            Status::Failed => Self::Failed,
            Status::TimedOut => Self::TimedOut,
            Status::Aborted => Self::Aborted,
        }
    }
}

impl From<ExecutionStatus> for Status {
    fn from(status: ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::Running | ExecutionStatus::Paused => Self::Running,
            ExecutionStatus::Succeeded => Self::Succeeded,
            ExecutionStatus::Failed => Self::Failed,
            ExecutionStatus::TimedOut => Self::TimedOut,
            ExecutionStatus::Aborted => Self::Aborted,
        }
    }
}
