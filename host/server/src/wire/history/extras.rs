//! What Stepwell knows of an event beyond Step Functions.

use stepwell_engine::{
    ApprovalOutcome, EventKind, HistoryEvent as EngineEvent, Intervened, Intervention, Payload,
    TaskScheduled, Usage as EngineUsage, Work,
};

use super::render::{EventContext, owned};
use super::{ApprovalExtras, Extras, Usage};
use crate::wire::{JsonText, RedriveChanges, Time};

/// Returns what Stepwell knows of an event beyond Step Functions.
pub(super) fn extras(event: &EngineEvent, context: EventContext<'_>) -> Extras {
    let mut extras = Extras {
        number: event.number.0,
        frame: event.frame.0,
        principal: owned(event.principal()),
        ..Extras::default()
    };
    match &event.kind {
        EventKind::ExecutionStarted(started) => {
            extras.due = started.deadline.map(Time);
        }
        EventKind::ExecutionRedriven(_)
        | EventKind::ExecutionPaused { .. }
        | EventKind::ExecutionResumed { .. }
        | EventKind::Intervened(_) => extras.set_operated(&event.kind),
        EventKind::StateEntered(entered) => extras.state = owned(Some(&entered.name)),
        EventKind::StateExited(exited) => extras.state = owned(Some(&exited.name)),
        EventKind::StateAborted { state, .. }
        | EventKind::EvaluationFailed { state, .. }
        | EventKind::StateRedriven { state } => {
            extras.state = context.state_name(*state);
        }
        EventKind::WaitStarted { due } => extras.due = Some(Time(*due)),
        EventKind::TaskScheduled(task) => extras.set_task(task),
        EventKind::RetryScheduled { due, failure, .. } => {
            extras.due = Some(Time(*due));
            extras.failure = Some(failure.into());
        }
        EventKind::BranchSucceeded { output } => extras.set_data(output),
        EventKind::BranchFailed(failure) => extras.failure = Some(failure.into()),
        EventKind::MapIterationSucceeded { iteration, output } => {
            extras.iteration_frame = Some(iteration.frame.0);
            extras.set_data(output);
        }
        EventKind::MapIterationFailed { iteration, failure } => {
            extras.iteration_frame = Some(iteration.frame.0);
            extras.failure = Some(failure.into());
        }
        EventKind::MapIterationStarted(iteration) | EventKind::MapIterationAborted(iteration) => {
            extras.iteration_frame = Some(iteration.frame.0);
            extras.data = iteration.input.as_ref().map(JsonText::from);
        }
        EventKind::EventReceived(received) => {
            extras.event_name = owned(Some(&received.name));
            extras.event_id = owned(received.event_id.as_ref());
            extras.set_data(&received.data);
        }
        EventKind::EventTaken { received } => extras.refers_to = Some(received.0),
        EventKind::ApprovalRequested(_)
        | EventKind::ApprovalDecided(_)
        | EventKind::ApprovalEscalated { .. }
        | EventKind::ApprovalClosed { .. } => extras.set_approval(&event.kind, context),
        other => {
            if let Some((scheduled, usage)) = task_part(other) {
                extras.refers_to = Some(scheduled);
                extras.usage = usage.map(Usage::from);
                if let Some(task) = context.task(scheduled) {
                    extras.set_task(task);
                }
                match other {
                    EventKind::TaskHeartbeat { due, .. } => extras.due = due.map(Time),
                    EventKind::ChildEnded { result, .. } => match result {
                        Ok(described) => extras.set_data(described),
                        Err(failure) => extras.failure = Some(failure.into()),
                    },
                    _ => {}
                }
            }
        }
    }
    extras
}

impl Extras {
    /// Tells which attempt of which task it is.
    fn set_task(&mut self, task: &TaskScheduled) {
        self.state = owned(Some(&task.state_name));
        self.attempt = Some(task.attempt);
        self.idempotency_key = owned(Some(&task.idempotency_key));
        if let Work::AwaitEvent(name) = &task.work {
            self.event_name = owned(Some(name));
        }
    }

    /// Tells what happened to an approval.
    fn set_approval(&mut self, kind: &EventKind, context: EventContext<'_>) {
        let mut approval = ApprovalExtras::default();
        let scheduled = match kind {
            EventKind::ApprovalRequested(requested) => {
                approval.id = owned(Some(&requested.id));
                approval.hash = owned(Some(&requested.hash));
                self.due = requested.deadline.map(Time);
                self.set_data(&requested.content);
                requested.scheduled
            }
            EventKind::ApprovalDecided(decided) => {
                approval.hash = owned(Some(&decided.hash));
                approval.decision = Some(decided.verdict.as_str().to_owned());
                approval.comment = owned(decided.comment.as_ref());
                self.set_data(&decided.inputs);
                decided.scheduled
            }
            EventKind::ApprovalEscalated {
                scheduled,
                escalation,
            } => {
                approval.escalation = Some(*escalation);
                *scheduled
            }
            EventKind::ApprovalClosed { scheduled, outcome } => {
                let (word, by) = match outcome {
                    ApprovalOutcome::Approved => ("APPROVED", None),
                    ApprovalOutcome::Rejected => ("REJECTED", None),
                    ApprovalOutcome::Expired => ("EXPIRED", None),
                    ApprovalOutcome::Superseded { by } => ("SUPERSEDED", Some(by)),
                };
                approval.outcome = Some(word.to_owned());
                approval.superseded_by = owned(by);
                *scheduled
            }
            _ => return,
        };
        self.refers_to = Some(scheduled.0);
        if let Some(task) = context.task(scheduled.0) {
            self.set_task(task);
        }
        self.approval = Some(approval);
    }

    /// Tells what somebody did to the execution.
    fn set_operated(&mut self, kind: &EventKind) {
        match kind {
            EventKind::ExecutionRedriven(redriven) => {
                self.due = redriven.deadline.map(Time);
                self.redrive = RedriveChanges::of(kind);
            }
            EventKind::ExecutionPaused { reason } => self.reason = owned(reason.as_ref()),
            EventKind::ExecutionResumed { deadline } => self.due = deadline.map(Time),
            EventKind::Intervened(intervened) => self.set_intervention(intervened),
            _ => {}
        }
    }

    /// Tells what an operator did to a state.
    fn set_intervention(&mut self, intervened: &Intervened) {
        self.state = owned(Some(&intervened.state_name));
        self.intervention = Some(intervened.intervention.as_str().to_owned());
        self.refers_to = intervened.scheduled.map(|scheduled| scheduled.0);
        self.due = intervened.due.map(Time);
        match &intervened.intervention {
            Intervention::FailTask(failure) => self.failure = Some(failure.into()),
            Intervention::SkipTask(output) => self.set_data(output),
            Intervention::RetryNow | Intervention::EndWait => {}
        }
    }

    fn set_data(&mut self, data: &Payload) {
        self.data = Some(data.into());
    }
}

/// Returns the number of the `TaskScheduled` event that an event answers, and what the
/// task's call used.
fn task_part(kind: &EventKind) -> Option<(u64, Option<EngineUsage>)> {
    match kind {
        EventKind::TaskStarted { scheduled, .. }
        | EventKind::TaskSubmitFailed { scheduled, .. }
        | EventKind::TaskHeartbeat { scheduled, .. }
        | EventKind::ChildEnded { scheduled, .. } => Some((scheduled.0, None)),
        EventKind::TaskSubmitted {
            scheduled, usage, ..
        }
        | EventKind::TaskSucceeded {
            scheduled, usage, ..
        }
        | EventKind::TaskFailed {
            scheduled, usage, ..
        }
        | EventKind::TaskTimedOut {
            scheduled, usage, ..
        } => Some((scheduled.0, *usage)),
        _ => None,
    }
}

impl From<EngineUsage> for Usage {
    fn from(usage: EngineUsage) -> Self {
        Self {
            fuel: usage.fuel,
            memory_peak_bytes: usage.memory_peak_bytes,
            duration_us: usage.duration_us,
        }
    }
}
