//! Map Runs: the Map state's frame waits, and the items run elsewhere.

use std::sync::Arc;

use crate::event::{EventKind, FrameId, HistoryEvent};
use crate::evolve::{active_mut, move_cursor, set_phase, set_timer};
use crate::execution::{Execution, OpenMapRun, Phase};

pub(super) fn apply(execution: &mut Execution, event: &HistoryEvent) {
    match &event.kind {
        EventKind::MapRunStarted(started) => {
            execution.map_runs.insert(event.number, event.frame);
            let run = OpenMapRun {
                number: event.number,
                id: event.id,
                at: event.at,
                started: Arc::clone(started),
                redrives: 0,
                ended: None,
            };
            set_phase(execution, event.frame, Phase::MapRun(run));
            set_timer(execution, event.frame, None);
        }
        EventKind::MapRunSucceeded { run } => {
            execution.map_runs.remove(run);
            with_run(execution, event.frame, |run| run.ended = Some(Ok(())));
        }
        EventKind::MapRunFailed { run, failure } => {
            execution.map_runs.remove(run);
            let failure = failure.clone();
            with_run(execution, event.frame, |run| run.ended = Some(Err(failure)));
        }
        EventKind::MapRunAborted { run } => {
            execution.map_runs.remove(run);
        }
        EventKind::MapRunRedriven(redriven) => {
            execution.map_runs.insert(redriven.run, event.frame);
            with_run(execution, event.frame, |run| {
                run.redrives = redriven.count;
                run.ended = None;
            });
        }
        _ => {}
    }
    move_cursor(execution, event);
}

fn with_run(execution: &mut Execution, frame: FrameId, change: impl FnOnce(&mut OpenMapRun)) {
    if let Some(Phase::MapRun(run)) = active_mut(execution, frame).map(|active| &mut active.phase) {
        change(run);
    }
}

/// A Map state is about to be left.
///
/// As AWS recorded it, the exit of a distributed Map follows `MapRunStarted`; that of one
/// in which the execution began follows `MapRunSucceeded`.
pub(super) fn state_succeeded(execution: &mut Execution, id: FrameId) {
    let Some(run) = execution.map_run_of(id).map(|run| run.id) else {
        return;
    };
    if let Some(frame) = execution.frames.get_mut(&id)
        && frame
            .active
            .as_ref()
            .is_some_and(|active| active.entered_previous_id != 0)
    {
        frame.cursor = run;
    }
}
