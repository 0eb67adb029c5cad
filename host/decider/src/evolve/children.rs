//! Branches and iterations: frames of their own, below the state that runs them.

use std::collections::BTreeSet;

use stepwell_states::{Payload, ScopeId};

use crate::event::{EventKind, FrameId, HistoryEvent, MapIteration};
use crate::evolve::{
    add_frame, apply_to_task, children_mut, map_runs, move_cursor, redrives, set_phase, set_timer,
};
use crate::execution::{Children, Execution, Next, ParentFrame, Phase};

pub(super) fn apply_to_children(execution: &mut Execution, event: &HistoryEvent) {
    match &event.kind {
        EventKind::ParallelStateStarted { branches, input } => {
            start_branches(execution, event, branches, input);
        }
        EventKind::MapStateStarted { length } => start_iterations(execution, event, *length),
        EventKind::MapIterationStarted(iteration) => start_iteration(execution, event, iteration),
        // These two end their state's work but do not move its cursor: AWS lets the
        // `…StateExited` event follow the last branch or iteration instead.
        EventKind::ParallelStateSucceeded => {}
        EventKind::MapStateSucceeded => map_runs::state_succeeded(execution, event.frame),
        EventKind::MapRunStarted(_)
        | EventKind::MapRunSucceeded { .. }
        | EventKind::MapRunFailed { .. }
        | EventKind::MapRunRedriven(_)
        | EventKind::MapRunAborted { .. } => map_runs::apply(execution, event),
        EventKind::BranchSucceeded { output } | EventKind::MapIterationSucceeded { output, .. } => {
            child_succeeded(execution, event, output);
        }
        EventKind::BranchFailed(_)
        | EventKind::MapIterationFailed { .. }
        | EventKind::MapIterationAborted(_) => child_lost(execution, event),
        _ => apply_to_task(execution, event),
    }
}

fn start_branches(
    execution: &mut Execution,
    event: &HistoryEvent,
    branches: &[ScopeId],
    input: &Payload,
) {
    let mut running = BTreeSet::new();
    for (index, scope) in (0_u32..).zip(branches) {
        let id = FrameId(execution.next_frame);
        let parent = ParentFrame {
            frame: event.frame,
            index,
        };
        let next = Next {
            state: None,
            input: input.clone(),
        };
        add_frame(execution, id, Some(parent), *scope, event.id, next);
        running.insert(id);
    }
    let children = Children {
        outputs: vec![None; branches.len()],
        succeeded: 0,
        begun: u32::try_from(branches.len()).unwrap_or(u32::MAX),
        running,
        lost: BTreeSet::new(),
    };
    set_phase(execution, event.frame, Phase::Children(children));
    set_timer(execution, event.frame, None);
    move_cursor(execution, event);
}

fn start_iterations(execution: &mut Execution, event: &HistoryEvent, length: u32) {
    let children = Children {
        outputs: vec![None; length as usize],
        succeeded: 0,
        begun: 0,
        running: BTreeSet::new(),
        lost: BTreeSet::new(),
    };
    set_phase(execution, event.frame, Phase::Children(children));
    set_timer(execution, event.frame, None);
    move_cursor(execution, event);
}

/// `event.frame` is the Map state's frame; the iteration runs in a new one.
fn start_iteration(execution: &mut Execution, event: &HistoryEvent, iteration: &MapIteration) {
    let parent = ParentFrame {
        frame: event.frame,
        index: iteration.index,
    };
    let next = Next {
        state: None,
        input: iteration
            .input
            .clone()
            .unwrap_or_else(Payload::empty_object),
    };
    add_frame(
        execution,
        iteration.frame,
        Some(parent),
        iteration.scope,
        event.id,
        next,
    );
    if let Some(children) = children_mut(execution, event.frame) {
        children.begun += 1;
        children.running.insert(iteration.frame);
    }
}

/// `event.frame` is the child's.
fn child_succeeded(execution: &mut Execution, event: &HistoryEvent, output: &Payload) {
    let Some(parent) = execution
        .frames
        .get(&event.frame)
        .and_then(|frame| frame.parent)
    else {
        return;
    };
    // The parent goes on after the event that its last child left off at: the
    // iteration's own, or the last one of the branch, whose success is hidden.
    let cursor = if event.id == 0 {
        execution
            .frames
            .get(&event.frame)
            .map_or(0, |frame| frame.cursor)
    } else {
        event.id
    };
    redrives::drop_frame(execution, event.frame);
    if let Some(frame) = execution.frames.get_mut(&parent.frame) {
        frame.cursor = cursor;
    }
    if let Some(children) = children_mut(execution, parent.frame) {
        children.running.remove(&event.frame);
        children.succeeded += 1;
        if let Some(slot) = children.outputs.get_mut(parent.index as usize) {
            *slot = Some(output.clone());
        }
    }
}

/// `event.frame` is the child's.
fn child_lost(execution: &mut Execution, event: &HistoryEvent) {
    let Some(frame) = execution.frames.get(&event.frame) else {
        return;
    };
    let (parent, cursor) = (frame.parent, frame.cursor);
    redrives::halt(execution, event.frame);
    let Some(parent) = parent else { return };
    let failed = !matches!(event.kind, EventKind::MapIterationAborted(_));
    if let Some(frame) = execution.frames.get_mut(&parent.frame).filter(|_| failed) {
        frame.cursor = cursor;
    }
    if let Some(children) = children_mut(execution, parent.frame) {
        children.running.remove(&event.frame);
        children.lost.insert(event.frame);
    }
}
