//! What an execution keeps of its frames once they are given up, and how a redrive takes
//! them up again.
//!
//! A frame that failed, or was given up because another one failed, is *halted*: nothing of
//! it happens any more. It goes for good once its state is retried or left; if the execution
//! ends instead, it is what a redrive goes on with.

use std::collections::BTreeMap;

use stepwell_states::Payload;

use crate::event::{EventKind, FrameId, HistoryEvent};
use crate::evolve::{active_mut, children_mut, operators, set_timer};
use crate::execution::{Execution, Phase};
use crate::redefine::Redefined;
use crate::redrive::{ExecutionRedriven, Redriven};

/// Halts a frame and everything below it.
pub(super) fn halt(execution: &mut Execution, root: FrameId) {
    for frame in execution.subtree(root) {
        halt_one(execution, frame);
    }
}

/// Halts everything below a frame.
pub(super) fn halt_children(execution: &mut Execution, frame: FrameId) {
    for below in execution.subtree(frame).into_iter().skip(1) {
        halt_one(execution, below);
    }
    execution.plans.0.remove(&frame);
    if let Some(children) = children_mut(execution, frame) {
        children.lost.append(&mut children.running);
    }
}

fn halt_one(execution: &mut Execution, id: FrameId) {
    set_timer(execution, id, None);
    execution.ready.remove(&id);
    execution.plans.0.remove(&id);
    let Some(frame) = execution.frames.get_mut(&id) else {
        return;
    };
    if !std::mem::replace(&mut frame.halted, true) {
        let held: usize = frame.variables.values().map(Payload::byte_len).sum();
        execution.variables_bytes = execution.variables_bytes.saturating_sub(held as u64);
    }
    match frame.active.as_mut().map(|active| &mut active.phase) {
        Some(Phase::Task(task)) => {
            execution.tasks.remove(&task.number);
            execution.approvals.remove(&task.number);
            execution.to_run.remove(&task.number);
        }
        Some(Phase::MapRun(run)) => {
            execution.map_runs.remove(&run.number);
            return;
        }
        Some(Phase::Children(children)) => {
            children.lost.append(&mut children.running);
            return;
        }
        Some(Phase::Entered | Phase::Waiting | Phase::Retrying) | None => {}
    }
    if let Some(active) = &mut frame.active {
        active.phase = Phase::Entered;
    }
}

/// Removes everything below a frame for good.
pub(super) fn drop_children(execution: &mut Execution, frame: FrameId) {
    for below in execution.subtree(frame).into_iter().skip(1).rev() {
        drop_frame(execution, below);
    }
    execution.plans.0.remove(&frame);
    let phase = execution
        .frames
        .get_mut(&frame)
        .and_then(|frame| frame.active.as_mut())
        .map(|active| &mut active.phase);
    if let Some(phase @ Phase::Children(_)) = phase {
        *phase = Phase::Entered;
    }
}

/// Removes a frame for good.
pub(super) fn drop_frame(execution: &mut Execution, frame: FrameId) {
    halt_one(execution, frame);
    execution.frames.remove(&frame);
}

pub(super) fn apply(execution: &mut Execution, event: &HistoryEvent) {
    match &event.kind {
        EventKind::ExecutionRedriven(redriven) => take_up(execution, event, redriven),
        EventKind::StateRedriven { .. } => {
            execution.ready.remove(&event.frame);
        }
        _ => operators::apply(execution, event),
    }
}

/// All frames go on, after this event: those that were in a state are to run it again.
fn take_up(execution: &mut Execution, event: &HistoryEvent, redriven: &ExecutionRedriven) {
    let too_large = execution.was_too_large();
    execution.end = None;
    execution.moved_deadline = None;
    if let Some(redefined) = &redriven.definition {
        execution.revisions_before.insert(redefined.from);
        redefine(execution, redefined);
    }
    execution.redrives.push(Redriven {
        number: event.number,
        at: event.at,
        deadline: redriven.deadline,
        client_token: redriven.client_token.clone(),
        principal: redriven.principal.clone(),
        acting_for: redriven.acting_for.clone(),
    });
    let mut bytes = 0;
    for (id, frame) in &mut execution.frames {
        frame.halted = false;
        frame.cursor = event.id;
        bytes += frame
            .variables
            .values()
            .map(Payload::byte_len)
            .sum::<usize>();
        if frame.next.is_some() || frame.active.is_some() {
            execution.ready.insert(*id);
        }
        let Some(active) = &mut frame.active else {
            continue;
        };
        active.retries.clear();
        active.attempt = 1;
        if active.starts_over(too_large) {
            active.phase = Phase::Entered;
        } else if let Phase::Children(children) = &mut active.phase {
            children.running.append(&mut children.lost);
        }
    }
    execution.variables_bytes = bytes as u64;
    for edited in &redriven.inputs {
        if let Some(active) = active_mut(execution, edited.frame) {
            active.input = edited.input.clone();
            active.edited_by = Some(event.number);
        }
    }
}

/// The execution stands in the states of another definition from now on.
pub(crate) fn redefine(execution: &mut Execution, redefined: &Redefined) {
    let scopes: BTreeMap<_, _> = redefined.scopes.iter().copied().collect();
    let states: BTreeMap<_, _> = redefined.states.iter().copied().collect();
    // Items are evaluated by the definition.
    execution.plans.0.clear();
    for frame in execution.frames.values_mut() {
        if let Some(scope) = scopes.get(&frame.scope) {
            frame.scope = *scope;
        }
        let next = frame.next.as_mut().and_then(|next| next.state.as_mut());
        let active = frame.active.as_mut().map(|active| &mut active.state);
        for state in next.into_iter().chain(active) {
            if let Some(there) = states.get(state) {
                *state = *there;
            }
        }
    }
}
