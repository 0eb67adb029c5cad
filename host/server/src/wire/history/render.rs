//! Turns an event of the history into the event that the wire shows.
//!
//! Pure: whatever an event does not say itself comes in with [`EventContext`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use stepwell_engine::{
    EventKind, EventShape, ExecutionStarted, Failure, HistoryEvent as EngineEvent, MapIteration,
    Payload, ShownHistory, StateEntered, StateExited, StateMachine, TaskFamily, TaskScheduled,
};
use stepwell_states::StateRef;

use super::extras::extras;
use super::{
    ActivityScheduledDetails, ActivityStartedDetails, DataDetails, EvaluationFailedDetails,
    ExecutionRedrivenDetails, ExecutionStartedDetails, HistoryEvent,
    LambdaFunctionScheduledDetails, MapIterationDetails, MapRunRedrivenDetails,
    MapRunStartedDetails, MapStateStartedDetails, StateEnteredDetails, StateExitedDetails,
    TaskDetails, TaskFailureDetails, TaskOutputDetails, TaskScheduledDetails,
};
use crate::wire::Time;

/// What is needed to show an event besides the event itself.
#[derive(Debug, Clone, Copy)]
pub struct EventContext<'a> {
    /// The tenant's region.
    pub region: &'a str,
    /// The definition that the execution runs.
    pub definition: &'a StateMachine,
    /// The `TaskScheduled` events that the shown events answer, by their number.
    pub tasks: &'a BTreeMap<u64, Arc<TaskScheduled>>,
}

impl EventContext<'_> {
    /// Returns the `TaskScheduled` event of that number.
    pub(super) fn task(&self, number: u64) -> Option<&TaskScheduled> {
        self.tasks.get(&number).map(AsRef::as_ref)
    }

    /// Returns the name of a state, if the definition has it.
    pub(super) fn state_name(&self, state: StateRef) -> Option<String> {
        let mut states = self.definition.states();
        states
            .find(|(found, _)| *found == state)
            .map(|(_, state)| state.name.as_ref().to_owned())
    }
}

/// Shows the engine's own operations how AWS writes events.
#[derive(Debug, Clone, Copy)]
pub struct AwsEvents;

impl EventShape for AwsEvents {
    fn show(&self, event: &EngineEvent, time: Value, context: ShownHistory<'_>) -> Value {
        let context = EventContext {
            region: context.region,
            definition: context.definition,
            tasks: context.tasks,
        };
        // Texts and numbers always have a JSON form.
        serde_json::to_value(aws_event(event, time, context)).unwrap_or_default()
    }
}

/// Returns the event as REST shows it, with [`super::Extras`].
#[must_use]
pub fn rest_event(event: &EngineEvent, context: EventContext<'_>) -> HistoryEvent {
    HistoryEvent {
        stepwell: Some(extras(event, context)),
        ..aws_event(event, Time(event.at), context)
    }
}

/// Returns the event in Step Functions' own shape, with a timestamp of the caller's kind.
#[must_use]
pub fn aws_event<T: Default>(
    event: &EngineEvent,
    timestamp: T,
    context: EventContext<'_>,
) -> HistoryEvent<T> {
    let mut shown = HistoryEvent {
        timestamp,
        id: event.id,
        previous_event_id: event.previous_id,
        ..HistoryEvent::default()
    };
    shown.event_type = match &event.kind {
        EventKind::StateEntered(entered) => {
            shown.state_entered_event_details = Some(entered.into());
            format!("{}StateEntered", entered.state_type.as_str())
        }
        EventKind::StateExited(exited) => {
            shown.state_exited_event_details = Some(exited.into());
            format!("{}StateExited", exited.state_type.as_str())
        }
        EventKind::StateAborted { state_type, .. } => {
            format!("{}StateAborted", state_type.as_str())
        }
        kind => shown.set_details(kind, context).to_owned(),
    };
    shown
}

impl<T> HistoryEvent<T> {
    /// Fills in the details of an event and returns its type.
    fn set_details(&mut self, kind: &EventKind, context: EventContext<'_>) -> &'static str {
        match kind {
            EventKind::ExecutionStarted(_)
            | EventKind::ExecutionSucceeded { .. }
            | EventKind::ExecutionFailed(_)
            | EventKind::ExecutionTimedOut(_)
            | EventKind::ExecutionAborted { .. }
            | EventKind::ExecutionRedriven(_) => self.set_execution_details(kind),
            EventKind::TaskScheduled(task) => self.set_scheduled(task, context.region),
            EventKind::MapStateStarted { .. }
            | EventKind::MapIterationStarted(_)
            | EventKind::MapIterationSucceeded { .. }
            | EventKind::MapIterationFailed { .. }
            | EventKind::MapIterationAborted(_)
            | EventKind::MapRunStarted(_)
            | EventKind::MapRunFailed { .. }
            | EventKind::MapRunRedriven(_) => self.set_map_details(kind),
            EventKind::EvaluationFailed {
                failure,
                location,
                state,
            } => {
                self.evaluation_failed_event_details = Some(EvaluationFailedDetails {
                    error: owned(failure.error.as_ref()),
                    cause: owned(failure.cause.as_ref()),
                    location: owned(location.as_ref()),
                    state: context.state_name(*state).unwrap_or_default(),
                });
                "EvaluationFailed"
            }
            _ => match TaskStep::of(kind) {
                Some((scheduled, step)) => self.set_task_step(context.task(scheduled), step),
                None => plain_type(kind),
            },
        }
    }

    fn set_execution_details(&mut self, kind: &EventKind) -> &'static str {
        match kind {
            EventKind::ExecutionStarted(started) => {
                self.execution_started_event_details = Some(started.as_ref().into());
                "ExecutionStarted"
            }
            EventKind::ExecutionSucceeded { output } => {
                self.execution_succeeded_event_details = Some(output.into());
                "ExecutionSucceeded"
            }
            EventKind::ExecutionFailed(failure) => {
                self.execution_failed_event_details = Some(failure.into());
                "ExecutionFailed"
            }
            EventKind::ExecutionTimedOut(failure) => {
                self.execution_timed_out_event_details = Some(failure.into());
                "ExecutionTimedOut"
            }
            EventKind::ExecutionAborted { failure, .. } => {
                self.execution_aborted_event_details = Some(failure.into());
                "ExecutionAborted"
            }
            EventKind::ExecutionRedriven(redriven) => {
                self.execution_redriven_event_details = Some(ExecutionRedrivenDetails {
                    redrive_count: redriven.count,
                });
                "ExecutionRedriven"
            }
            other => plain_type(other),
        }
    }

    fn set_map_details(&mut self, kind: &EventKind) -> &'static str {
        match kind {
            EventKind::MapStateStarted { length } => {
                self.map_state_started_event_details =
                    Some(MapStateStartedDetails { length: *length });
                "MapStateStarted"
            }
            EventKind::MapIterationStarted(iteration) => {
                self.map_iteration_started_event_details = Some(iteration.into());
                "MapIterationStarted"
            }
            EventKind::MapIterationSucceeded { iteration, .. } => {
                self.map_iteration_succeeded_event_details = Some(iteration.into());
                "MapIterationSucceeded"
            }
            EventKind::MapIterationFailed { iteration, .. } => {
                self.map_iteration_failed_event_details = Some(iteration.into());
                "MapIterationFailed"
            }
            EventKind::MapIterationAborted(iteration) => {
                self.map_iteration_aborted_event_details = Some(iteration.into());
                "MapIterationAborted"
            }
            EventKind::MapRunStarted(run) => {
                self.map_run_started_event_details = Some(MapRunStartedDetails {
                    map_run_arn: run.arn.as_ref().to_owned(),
                });
                "MapRunStarted"
            }
            EventKind::MapRunFailed { failure, .. } => {
                self.map_run_failed_event_details = Some(failure.into());
                "MapRunFailed"
            }
            EventKind::MapRunRedriven(redriven) => {
                self.map_run_redriven_event_details = Some(MapRunRedrivenDetails {
                    map_run_arn: redriven.arn.as_ref().to_owned(),
                    redrive_count: redriven.count,
                });
                "MapRunRedriven"
            }
            other => plain_type(other),
        }
    }

    fn set_scheduled(&mut self, task: &TaskScheduled, region: &str) -> &'static str {
        let resource = task.resource.as_ref().to_owned();
        let input = task.parameters.as_str().to_owned();
        match task.family {
            TaskFamily::Task => {
                self.task_scheduled_event_details = Some(TaskScheduledDetails {
                    resource_type: task.resource_type.as_ref().to_owned(),
                    resource,
                    region: region.to_owned(),
                    parameters: input,
                    timeout_in_seconds: task.timeout_seconds,
                    heartbeat_in_seconds: task.heartbeat_seconds,
                });
                "TaskScheduled"
            }
            TaskFamily::LambdaFunction => {
                self.lambda_function_scheduled_event_details =
                    Some(LambdaFunctionScheduledDetails {
                        resource,
                        input,
                        input_details: DataDetails::default(),
                        timeout_in_seconds: task.timeout_seconds,
                    });
                "LambdaFunctionScheduled"
            }
            TaskFamily::Activity => {
                self.activity_scheduled_event_details = Some(ActivityScheduledDetails {
                    resource,
                    input,
                    input_details: DataDetails::default(),
                    timeout_in_seconds: task.timeout_seconds,
                    heartbeat_in_seconds: task.heartbeat_seconds,
                });
                "ActivityScheduled"
            }
        }
    }

    fn set_task_step(&mut self, task: Option<&TaskScheduled>, step: TaskStep<'_>) -> &'static str {
        match task.map_or(TaskFamily::Task, |task| task.family) {
            TaskFamily::Task => self.set_integration_step(&TaskDetails::of(task), step),
            TaskFamily::LambdaFunction => self.set_function_step(step),
            TaskFamily::Activity => self.set_activity_step(step),
        }
    }

    fn set_integration_step(&mut self, called: &TaskDetails, step: TaskStep<'_>) -> &'static str {
        match step {
            TaskStep::Started(_) => {
                self.task_started_event_details = Some(called.clone());
                "TaskStarted"
            }
            TaskStep::Submitted(output) => {
                self.task_submitted_event_details = Some(called.with_output(output));
                "TaskSubmitted"
            }
            TaskStep::Succeeded(output) => {
                self.task_succeeded_event_details = Some(called.with_output(output));
                "TaskSucceeded"
            }
            TaskStep::SubmitFailed(failure) => {
                self.task_submit_failed_event_details = Some(called.with_failure(failure));
                "TaskSubmitFailed"
            }
            TaskStep::Failed(failure) => {
                self.task_failed_event_details = Some(called.with_failure(failure));
                "TaskFailed"
            }
            TaskStep::TimedOut(failure) => {
                self.task_timed_out_event_details = Some(called.with_failure(failure));
                "TaskTimedOut"
            }
        }
    }

    fn set_function_step(&mut self, step: TaskStep<'_>) -> &'static str {
        match step {
            TaskStep::Started(_) => "LambdaFunctionStarted",
            // A function answers; Step Functions has no word for one that reports later.
            TaskStep::Submitted(_) => "TaskSubmitted",
            TaskStep::Succeeded(output) => {
                self.lambda_function_succeeded_event_details = Some(output.into());
                "LambdaFunctionSucceeded"
            }
            TaskStep::SubmitFailed(failure) => {
                self.lambda_function_schedule_failed_event_details = Some(failure.into());
                "LambdaFunctionScheduleFailed"
            }
            TaskStep::Failed(failure) => {
                self.lambda_function_failed_event_details = Some(failure.into());
                "LambdaFunctionFailed"
            }
            TaskStep::TimedOut(failure) => {
                self.lambda_function_timed_out_event_details = Some(failure.into());
                "LambdaFunctionTimedOut"
            }
        }
    }

    fn set_activity_step(&mut self, step: TaskStep<'_>) -> &'static str {
        match step {
            TaskStep::Started(worker) => {
                self.activity_started_event_details = Some(ActivityStartedDetails {
                    worker_name: worker.map(str::to_owned),
                });
                "ActivityStarted"
            }
            TaskStep::Submitted(_) => "TaskSubmitted",
            TaskStep::Succeeded(output) => {
                self.activity_succeeded_event_details = Some(output.into());
                "ActivitySucceeded"
            }
            TaskStep::SubmitFailed(failure) => {
                self.activity_schedule_failed_event_details = Some(failure.into());
                "ActivityScheduleFailed"
            }
            TaskStep::Failed(failure) => {
                self.activity_failed_event_details = Some(failure.into());
                "ActivityFailed"
            }
            TaskStep::TimedOut(failure) => {
                self.activity_timed_out_event_details = Some(failure.into());
                "ActivityTimedOut"
            }
        }
    }
}

/// What happened to a scheduled task.
enum TaskStep<'a> {
    Started(Option<&'a str>),
    Submitted(&'a Payload),
    Succeeded(&'a Payload),
    SubmitFailed(&'a Failure),
    Failed(&'a Failure),
    TimedOut(&'a Failure),
}

impl<'a> TaskStep<'a> {
    /// Returns the number of the `TaskScheduled` event and what happened to the task, if
    /// the event tells of a task.
    fn of(kind: &'a EventKind) -> Option<(u64, Self)> {
        Some(match kind {
            EventKind::TaskStarted { scheduled, worker } => {
                (scheduled.0, Self::Started(worker.as_deref()))
            }
            EventKind::TaskSubmitted {
                scheduled, output, ..
            } => (scheduled.0, Self::Submitted(output)),
            EventKind::TaskSucceeded {
                scheduled, output, ..
            } => (scheduled.0, Self::Succeeded(output)),
            EventKind::TaskFailed {
                scheduled, failure, ..
            } => (scheduled.0, Self::Failed(failure)),
            EventKind::TaskSubmitFailed { scheduled, failure } => {
                (scheduled.0, Self::SubmitFailed(failure))
            }
            EventKind::TaskTimedOut {
                scheduled, failure, ..
            } => (scheduled.0, Self::TimedOut(failure)),
            _ => return None,
        })
    }
}

/// Returns the type of an event that has no details of Step Functions' own.
fn plain_type(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::ParallelStateStarted { .. } => "ParallelStateStarted",
        EventKind::ParallelStateSucceeded => "ParallelStateSucceeded",
        EventKind::ParallelStateFailed => "ParallelStateFailed",
        EventKind::MapStateSucceeded => "MapStateSucceeded",
        EventKind::MapStateFailed => "MapStateFailed",
        EventKind::MapRunSucceeded { .. } => "MapRunSucceeded",
        EventKind::MapRunAborted { .. } => "MapRunAborted",
        EventKind::StateRedriven { .. } => "StateRedriven",
        EventKind::Intervened(_) => "Intervened",
        EventKind::ExecutionPaused { .. } => "ExecutionPaused",
        EventKind::ExecutionResumed { .. } => "ExecutionResumed",
        EventKind::WaitStarted { .. } => "WaitStarted",
        EventKind::TaskHeartbeat { .. } => "TaskHeartbeat",
        EventKind::ChildEnded { .. } => "ChildEnded",
        EventKind::RetryScheduled { .. } => "RetryScheduled",
        EventKind::BranchSucceeded { .. } => "BranchSucceeded",
        EventKind::BranchFailed(_) => "BranchFailed",
        EventKind::EventReceived(_) => "EventReceived",
        EventKind::EventTaken { .. } => "EventTaken",
        EventKind::ApprovalRequested(_) => "ApprovalRequested",
        EventKind::ApprovalDecided(_) => "ApprovalDecided",
        EventKind::ApprovalEscalated { .. } => "ApprovalEscalated",
        EventKind::ApprovalClosed { .. } => "ApprovalClosed",
        // Every other event has details and got its type with them.
        _ => "Unknown",
    }
}

impl TaskDetails {
    /// Tells what a task calls. A task that cannot be looked up is shown without.
    fn of(task: Option<&TaskScheduled>) -> Self {
        let text = |text: Option<&Arc<str>>| owned(text).unwrap_or_default();
        Self {
            resource_type: text(task.map(|task| &task.resource_type)),
            resource: text(task.map(|task| &task.resource)),
        }
    }

    fn with_output(&self, output: &Payload) -> TaskOutputDetails {
        TaskOutputDetails {
            resource_type: self.resource_type.clone(),
            resource: self.resource.clone(),
            output: output.as_str().to_owned(),
            output_details: DataDetails::default(),
        }
    }

    fn with_failure(&self, failure: &Failure) -> TaskFailureDetails {
        TaskFailureDetails {
            resource_type: self.resource_type.clone(),
            resource: self.resource.clone(),
            error: owned(failure.error.as_ref()),
            cause: owned(failure.cause.as_ref()),
        }
    }
}

impl From<&ExecutionStarted> for ExecutionStartedDetails {
    fn from(started: &ExecutionStarted) -> Self {
        Self {
            input: started.input.as_str().to_owned(),
            input_details: DataDetails::default(),
            role_arn: started.role_arn.as_ref().to_owned(),
            state_machine_alias_arn: owned(started.alias_arn.as_ref()),
            state_machine_version_arn: owned(started.version_arn.as_ref()),
        }
    }
}

impl From<&StateEntered> for StateEnteredDetails {
    fn from(entered: &StateEntered) -> Self {
        Self {
            name: entered.name.as_ref().to_owned(),
            input: entered.input.as_str().to_owned(),
            input_details: DataDetails::default(),
        }
    }
}

impl From<&StateExited> for StateExitedDetails {
    fn from(exited: &StateExited) -> Self {
        let assigned: BTreeMap<String, String> = exited
            .assigned
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().to_owned()))
            .collect();
        let has_assigned = !assigned.is_empty();
        Self {
            name: exited.name.as_ref().to_owned(),
            output: exited.output.as_str().to_owned(),
            output_details: DataDetails::default(),
            assigned_variables: has_assigned.then_some(assigned),
            assigned_variables_details: has_assigned.then(DataDetails::default),
        }
    }
}

impl From<&MapIteration> for MapIterationDetails {
    fn from(iteration: &MapIteration) -> Self {
        Self {
            name: iteration.name.as_ref().to_owned(),
            index: iteration.index,
        }
    }
}

/// Returns an own copy of a text, if there is one.
pub(super) fn owned(text: Option<&Arc<str>>) -> Option<String> {
    text.map(|text| text.as_ref().to_owned())
}
