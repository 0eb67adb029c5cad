//! How much an event holds.

use std::mem::size_of;

use stepwell_states::Payload;

use super::{EventKind, HistoryEvent};
use crate::intervention::Intervention;

impl HistoryEvent {
    /// Returns about how many bytes of memory an event and its payloads take, of which
    /// other events may share some.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + payload_bytes(&self.kind)
    }
}

fn payload_bytes(kind: &EventKind) -> usize {
    let of = Payload::byte_len;
    match kind {
        EventKind::ExecutionStarted(started) => of(&started.input),
        EventKind::StateEntered(entered) => of(&entered.input),
        EventKind::StateExited(exited) => {
            let assigned = exited.assigned.iter();
            of(&exited.output) + assigned.map(|(_, value)| of(value)).sum::<usize>()
        }
        EventKind::TaskScheduled(task) => of(&task.parameters),
        EventKind::ExecutionSucceeded { output }
        | EventKind::TaskSubmitted { output, .. }
        | EventKind::TaskSucceeded { output, .. }
        | EventKind::BranchSucceeded { output }
        | EventKind::MapIterationSucceeded { output, .. }
        | EventKind::ChildEnded {
            result: Ok(output), ..
        } => of(output),
        EventKind::ApprovalRequested(requested) => of(&requested.content),
        EventKind::ApprovalDecided(decided) => {
            of(&decided.inputs) + decided.comment.as_deref().map_or(0, str::len)
        }
        EventKind::ParallelStateStarted { input, .. } => of(input),
        EventKind::MapIterationStarted(iteration) => iteration.input.as_ref().map_or(0, of),
        EventKind::EventReceived(received) => of(&received.data),
        EventKind::ExecutionFailed(failure)
        | EventKind::ExecutionTimedOut(failure)
        | EventKind::ExecutionAborted { failure, .. }
        | EventKind::TaskFailed { failure, .. }
        | EventKind::TaskSubmitFailed { failure, .. }
        | EventKind::TaskTimedOut { failure, .. }
        | EventKind::RetryScheduled { failure, .. }
        | EventKind::BranchFailed(failure)
        | EventKind::MapIterationFailed { failure, .. }
        | EventKind::EvaluationFailed { failure, .. }
        | EventKind::MapRunFailed { failure, .. }
        | EventKind::ChildEnded {
            result: Err(failure),
            ..
        } => failure.cause.as_deref().map_or(0, str::len),
        EventKind::Intervened(intervened) => match &intervened.intervention {
            Intervention::SkipTask(output) => of(output),
            Intervention::FailTask(failure) => failure.cause.as_deref().map_or(0, str::len),
            Intervention::RetryNow | Intervention::EndWait => 0,
        },
        EventKind::ExecutionPaused { reason } => reason.as_deref().map_or(0, str::len),
        EventKind::ExecutionRedriven(redriven) => {
            let edited = redriven.inputs.iter();
            edited.map(|edited| of(&edited.input)).sum()
        }
        EventKind::MapRunStarted(_)
        | EventKind::WaitStarted { .. }
        | EventKind::StateAborted { .. }
        | EventKind::TaskStarted { .. }
        | EventKind::TaskHeartbeat { .. }
        | EventKind::ParallelStateSucceeded
        | EventKind::ParallelStateFailed
        | EventKind::MapStateStarted { .. }
        | EventKind::MapStateSucceeded
        | EventKind::MapStateFailed
        | EventKind::MapIterationAborted(_)
        | EventKind::EventTaken { .. }
        | EventKind::MapRunSucceeded { .. }
        | EventKind::MapRunRedriven(_)
        | EventKind::MapRunAborted { .. }
        | EventKind::ExecutionResumed { .. }
        | EventKind::StateRedriven { .. }
        | EventKind::ApprovalEscalated { .. }
        | EventKind::ApprovalClosed { .. } => 0,
    }
}
