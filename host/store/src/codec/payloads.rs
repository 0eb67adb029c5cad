//! Where the payloads of an event are.

use std::sync::Arc;

use stepwell_decider::{EventKind, MapRunStarted};
use stepwell_states::Payload;

/// Shows every payload of an event, in a fixed order, to be replaced.
///
/// Both directions of the codec go through here, so a payload that is left out is merely
/// stored in place. The match has no wildcard: a new kind of event has to be thought about.
pub(super) fn visit(kind: &mut EventKind, see: &mut impl FnMut(&mut Payload)) {
    match kind {
        EventKind::ExecutionStarted(started) => see(&mut Arc::make_mut(started).input),
        EventKind::TaskScheduled(task) => see(&mut Arc::make_mut(task).parameters),
        EventKind::StateEntered(entered) => see(&mut entered.input),
        EventKind::ParallelStateStarted { input, .. } => see(input),
        EventKind::StateExited(exited) => {
            see(&mut exited.output);
            exited.assigned.iter_mut().for_each(|(_, value)| see(value));
        }
        EventKind::MapIterationStarted(iteration) | EventKind::MapIterationAborted(iteration) => {
            iteration.input.iter_mut().for_each(see);
        }
        EventKind::MapIterationSucceeded { iteration, output } => {
            iteration.input.iter_mut().for_each(&mut *see);
            see(output);
        }
        EventKind::MapIterationFailed { iteration, .. } => {
            iteration.input.iter_mut().for_each(see);
        }
        EventKind::ExecutionSucceeded { output }
        | EventKind::TaskSubmitted { output, .. }
        | EventKind::TaskSucceeded { output, .. }
        | EventKind::BranchSucceeded { output } => see(output),
        EventKind::EventReceived(received) => see(&mut received.data),
        EventKind::ChildEnded { result, .. } => result.iter_mut().for_each(see),
        EventKind::ApprovalRequested(requested) => see(&mut Arc::make_mut(requested).content),
        EventKind::ApprovalDecided(decided) => see(&mut Arc::make_mut(decided).inputs),
        EventKind::MapRunStarted(run) => visit_map_run(Arc::make_mut(run), see),
        EventKind::ExecutionRedriven(redriven) => redriven.inputs_mut().for_each(see),
        EventKind::Intervened(intervened) => {
            let given = Arc::make_mut(intervened).intervention.output_mut();
            given.into_iter().for_each(see);
        }
        EventKind::ExecutionFailed(_)
        | EventKind::ExecutionTimedOut(_)
        | EventKind::ExecutionAborted { .. }
        | EventKind::StateAborted { .. }
        | EventKind::WaitStarted { .. }
        | EventKind::TaskStarted { .. }
        | EventKind::TaskFailed { .. }
        | EventKind::TaskSubmitFailed { .. }
        | EventKind::TaskTimedOut { .. }
        | EventKind::TaskHeartbeat { .. }
        | EventKind::RetryScheduled { .. }
        | EventKind::ParallelStateSucceeded
        | EventKind::ParallelStateFailed
        | EventKind::BranchFailed(_)
        | EventKind::MapStateStarted { .. }
        | EventKind::MapStateSucceeded
        | EventKind::MapStateFailed
        | EventKind::EvaluationFailed { .. }
        | EventKind::EventTaken { .. }
        | EventKind::MapRunSucceeded { .. }
        | EventKind::MapRunFailed { .. }
        | EventKind::MapRunRedriven(_)
        | EventKind::MapRunAborted { .. }
        | EventKind::ExecutionPaused { .. }
        | EventKind::ExecutionResumed { .. }
        | EventKind::StateRedriven { .. }
        | EventKind::ApprovalEscalated { .. }
        | EventKind::ApprovalClosed { .. } => {}
    }
}

fn visit_map_run(run: &mut MapRunStarted, see: &mut impl FnMut(&mut Payload)) {
    if let Some(reader) = &mut run.reader {
        see(&mut reader.arguments);
        see(&mut reader.config);
    }
    if let Some(writer) = &mut run.writer {
        see(&mut writer.arguments);
        see(&mut writer.config);
    }
}
