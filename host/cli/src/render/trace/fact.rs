//! What an event of the history says, whatever family of event names says it.

use stepwell_server::wire::{ExecutionStatus, Extras, FailureDetails, HistoryEvent};

use super::asked::{Asked, Terms};
use super::operated::{Deed, Operated};

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact<'a> {
    /// The execution started.
    Started,
    /// The execution ended.
    Ended(ExecutionStatus, Option<FailureDetails>),
    /// A frame entered a state of that type.
    Entered { name: &'a str, state_type: &'a str },
    /// A frame left its state.
    Exited,
    /// A state, or an iteration, was given up.
    GivenUp,
    /// A task's work was asked for.
    Scheduled {
        /// Where it waits for a posted event: its name.
        waits_for_event: Option<&'a str>,
        /// Where people are to decide: who they are.
        approval: Option<Terms>,
    },
    /// A worker is to take the work.
    OfferedToWorkers,
    /// A worker took it; its name, if it gave one.
    TakenByWorker(Option<&'a str>),
    /// People are asked, or one of them decided.
    Asked(Asked<'a>),
    /// The work was handed over; its end is reported later.
    Submitted,
    /// The work is done.
    Succeeded,
    /// The work failed.
    Failed(FailureDetails),
    /// The work took too long.
    TimedOut(FailureDetails),
    /// A wait has an end.
    WaitStarted,
    /// A failed state is tried again.
    RetryScheduled(FailureDetails),
    /// Branches began.
    ParallelStarted,
    /// Iterations can begin.
    MapStarted { length: u32 },
    /// All branches or iterations are done.
    ChildrenSucceeded,
    /// A branch or an iteration failed, and the state with it.
    ChildrenFailed,
    /// An iteration began, in that frame.
    IterationStarted { index: u32, frame: u32 },
    /// A branch or an iteration reached its end.
    ChildSucceeded,
    /// A branch or an iteration failed.
    ChildFailed,
    /// An expression could not be evaluated.
    EvaluationFailed {
        failure: FailureDetails,
        location: Option<&'a str>,
    },
    /// Somebody posted an event.
    EventReceived {
        name: &'a str,
        principal: Option<&'a str>,
    },
    /// Somebody redrove, paused or resumed the execution, or did something to a state.
    Operated(Operated<'a>),
    /// A state goes on that was not left.
    TakenUp,
    /// Nothing that a trace shows.
    Other,
}

impl<'a> Fact<'a> {
    /// Reads an event. What a later version of the host says in other words is
    /// [`Fact::Other`].
    pub(super) fn of(event: &'a HistoryEvent, extras: &'a Extras) -> Self {
        let name = event.event_type.as_str();
        if let Some(state_type) = name.strip_suffix("StateEntered") {
            let name = event
                .state_entered_event_details
                .as_ref()
                .map(|state| &state.name);
            return Self::Entered {
                name: name.map_or("", String::as_str),
                state_type,
            };
        }
        if name.ends_with("StateExited") {
            return Self::Exited;
        }
        match name {
            "ExecutionStarted" => Self::Started,
            "ExecutionSucceeded" => Self::Ended(ExecutionStatus::Succeeded, None),
            "ExecutionFailed" => Self::Ended(ExecutionStatus::Failed, failure_of(event)),
            "ExecutionTimedOut" => Self::Ended(ExecutionStatus::TimedOut, failure_of(event)),
            "ExecutionAborted" => Self::Ended(ExecutionStatus::Aborted, failure_of(event)),
            "MapIterationAborted" => Self::GivenUp,
            "ParallelStateStarted" => Self::ParallelStarted,
            "MapStateStarted" => {
                let details = event.map_state_started_event_details.as_ref();
                Self::MapStarted {
                    length: details.map_or(0, |map| map.length),
                }
            }
            "ParallelStateSucceeded" | "MapStateSucceeded" => Self::ChildrenSucceeded,
            "ParallelStateFailed" | "MapStateFailed" => Self::ChildrenFailed,
            "MapIterationStarted" => Self::iteration_started(event, extras),
            "BranchSucceeded" | "MapIterationSucceeded" => Self::ChildSucceeded,
            "BranchFailed" | "MapIterationFailed" => Self::ChildFailed,
            "ExecutionRedriven" => {
                let details = event.execution_redriven_event_details.as_ref();
                let count = details.map_or(0, |redriven| redriven.redrive_count);
                Self::operated(extras, Deed::Redrive(count, extras.redrive.as_ref()))
            }
            "StateRedriven" => Self::TakenUp,
            "Intervened" => {
                let what = extras.intervention.as_deref().unwrap_or_default();
                Self::operated(extras, Deed::Intervention(what))
            }
            "ExecutionPaused" => Self::operated(extras, Deed::Pause(extras.reason.as_deref())),
            "ExecutionResumed" => Self::operated(extras, Deed::Resumption),
            "ApprovalRequested" | "ApprovalDecided" | "ApprovalEscalated" | "ApprovalClosed" => {
                extras.approval.as_ref().map_or(Self::Other, |approval| {
                    Self::Asked(Asked::of(name, approval))
                })
            }
            "WaitStarted" => Self::WaitStarted,
            "RetryScheduled" => Self::RetryScheduled(internal_failure(extras)),
            "EventReceived" => Self::EventReceived {
                name: extras.event_name.as_deref().unwrap_or_default(),
                principal: extras.principal.as_deref(),
            },
            "EvaluationFailed" => Self::EvaluationFailed {
                failure: failure_of(event).unwrap_or_default(),
                location: event
                    .evaluation_failed_event_details
                    .as_ref()
                    .and_then(|details| details.location.as_deref()),
            },
            name if name.ends_with("StateAborted") => Self::GivenUp,
            name => Self::of_task(name, event, extras),
        }
    }

    /// Reads an event of one of the three families of task events.
    fn of_task(name: &str, event: &'a HistoryEvent, extras: &'a Extras) -> Self {
        match name {
            "ActivityScheduled" => return Self::OfferedToWorkers,
            "ActivityStarted" => {
                let details = event.activity_started_event_details.as_ref();
                return Self::TakenByWorker(details.and_then(|it| it.worker_name.as_deref()));
            }
            _ => {}
        }
        let step = ["Task", "LambdaFunction", "Activity"]
            .into_iter()
            .find_map(|family| name.strip_prefix(family));
        match step {
            Some("Scheduled") => Self::Scheduled {
                waits_for_event: extras.event_name.as_deref(),
                approval: Terms::of(event),
            },
            Some("Submitted") => Self::Submitted,
            Some("Succeeded") => Self::Succeeded,
            Some("Failed" | "SubmitFailed" | "ScheduleFailed" | "StartFailed") => {
                Self::Failed(failure_of(event).unwrap_or_default())
            }
            Some("TimedOut") => Self::TimedOut(failure_of(event).unwrap_or_default()),
            _ => Self::Other,
        }
    }

    fn operated(extras: &'a Extras, deed: Deed<'a>) -> Self {
        let principal = extras.principal.as_deref();
        Self::Operated(Operated { deed, principal })
    }

    fn iteration_started(event: &HistoryEvent, extras: &Extras) -> Self {
        match (
            &event.map_iteration_started_event_details,
            extras.iteration_frame,
        ) {
            (Some(iteration), Some(frame)) => Self::IterationStarted {
                index: iteration.index,
                frame,
            },
            _ => Self::Other,
        }
    }
}

fn internal_failure(extras: &Extras) -> FailureDetails {
    extras.failure.clone().unwrap_or_default()
}

/// The failure in whichever details the event has.
fn failure_of(event: &HistoryEvent) -> Option<FailureDetails> {
    let plain = [
        &event.execution_failed_event_details,
        &event.execution_timed_out_event_details,
        &event.execution_aborted_event_details,
        &event.lambda_function_failed_event_details,
        &event.lambda_function_timed_out_event_details,
        &event.lambda_function_schedule_failed_event_details,
        &event.activity_failed_event_details,
        &event.activity_timed_out_event_details,
        &event.activity_schedule_failed_event_details,
    ];
    if let Some(failure) = plain.into_iter().flatten().next() {
        return Some(failure.clone());
    }
    let of_task = [
        &event.task_failed_event_details,
        &event.task_timed_out_event_details,
        &event.task_submit_failed_event_details,
    ];
    if let Some(failure) = of_task.into_iter().flatten().next() {
        return Some(FailureDetails {
            error: failure.error.clone(),
            cause: failure.cause.clone(),
        });
    }
    let evaluation = event.evaluation_failed_event_details.as_ref()?;
    Some(FailureDetails {
        error: evaluation.error.clone(),
        cause: evaluation.cause.clone(),
    })
}
