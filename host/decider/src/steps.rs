//! What happens at a state: one kind of state, one file; here is what they share.

pub(crate) mod approval;
pub(crate) mod choice;
pub(crate) mod fail;
pub(crate) mod map;
pub(crate) mod map_run;
pub(crate) mod operators;
pub(crate) mod parallel;
pub(crate) mod pass;
pub(crate) mod redrive;
pub(crate) mod succeed;
pub(crate) mod task;
pub(crate) mod wait;

use stepwell_states::{Payload, StateKind, StateRef, Transition, catch};

use crate::draft::{Draft, state_type};
use crate::event::{EventKind, FrameId, StateEntered, StateType};
use crate::execution::Phase;
use crate::failure::{Failure, RUNTIME};

/// Enters the state that a ready frame goes to, or takes up again the one that it is in, and
/// goes as far as it can there.
pub(crate) fn enter(draft: &mut Draft<'_>, frame: FrameId) {
    if draft.frame(frame).next.is_none() {
        return redrive::resume(draft, frame);
    }
    arrive(draft, frame);
    run(draft, frame);
}

/// Records that a ready frame enters the state that it goes to, if it goes to one.
pub(crate) fn arrive(draft: &mut Draft<'_>, frame: FrameId) {
    let held = draft.frame(frame);
    let Some(next) = held.next.clone() else {
        return;
    };
    let state_ref = next
        .state
        .unwrap_or_else(|| draft.definition.scope(held.scope).start_at);
    let state = draft.definition.state(state_ref);
    let entered = StateEntered {
        state: state_ref,
        state_type: state_type(state),
        name: state.name.clone(),
        input: next.input,
    };
    draft.emit(frame, EventKind::StateEntered(entered));
}

/// Begins the work of the state that a frame is in, for the first time or again.
pub(crate) fn run(draft: &mut Draft<'_>, frame: FrameId) {
    let definition = draft.definition;
    let state = definition.state(draft.active(frame).state);
    // How a step ends is all in the events that it recorded.
    let _ = match &state.kind {
        StateKind::Task(task) => task::schedule(draft, frame, task),
        StateKind::Pass(_) => pass::run(draft, frame),
        StateKind::Choice(_) => choice::run(draft, frame),
        StateKind::Wait(_) => wait::run(draft, frame),
        StateKind::Succeed => succeed::run(draft, frame),
        StateKind::Fail(_) => fail::run(draft, frame),
        StateKind::Parallel(parallel) => parallel::start(draft, frame, parallel),
        StateKind::Map(map) => map::start(draft, frame, map),
    };
}

/// Where the state that a frame is in leads when it succeeds.
pub(crate) fn successor(draft: &Draft<'_>, frame: FrameId) -> Option<StateRef> {
    match draft.state(frame).transition {
        Transition::Next(next) => Some(next),
        Transition::End | Transition::Terminal => None,
    }
}

/// The state that a frame is in failed: it is retried, or caught, or fails its frame.
pub(crate) fn failed(draft: &mut Draft<'_>, frame: FrameId, failure: &Failure) {
    let state = draft.state(frame);
    if plan_retry(draft, frame, failure) {
        return;
    }
    if failure.error_name() != RUNTIME {
        match draft.active(frame).state_type {
            StateType::Map => {
                draft.emit(frame, EventKind::MapStateFailed);
            }
            StateType::Parallel => {
                draft.emit(frame, EventKind::ParallelStateFailed);
            }
            _ => {}
        }
    }
    let error = failure.error_name();
    let Some(index) = state
        .catch
        .iter()
        .position(|catcher| catcher.matches(error))
    else {
        return frame_failed(draft, frame, failure);
    };
    let cause = failure.cause.as_deref().unwrap_or_default();
    let caught = draft.evaluate(frame, |state, env| catch(state, index, env, error, cause));
    match caught {
        Ok(completion) => match draft.check_variables(frame, &completion) {
            Ok(()) => {
                if let Some(trial) = draft.trial {
                    trial.caught(index, failure);
                }
                draft.exit(frame, completion, Some(state.catch[index].next));
            }
            Err(failure) => frame_failed(draft, frame, &failure),
        },
        Err(evaluation) => {
            let failure = draft.record_evaluation(frame, &evaluation);
            frame_failed(draft, frame, &failure);
        }
    }
}

/// Plans another attempt, if one of the state's retriers has one left for this error.
fn plan_retry(draft: &mut Draft<'_>, frame: FrameId, failure: &Failure) -> bool {
    let state = draft.state(frame);
    let matching = (0_u32..)
        .zip(&state.retry)
        .find(|(_, retrier)| retrier.matches(failure.error_name()));
    let Some((index, retrier)) = matching else {
        return false;
    };
    let used = match draft.trial {
        Some(trial) => trial.retried_with(index),
        None => *draft.active(frame).retries.get(&index).unwrap_or(&0),
    };
    if used >= retrier.max_attempts {
        return false;
    }
    let started = draft
        .execution
        .started
        .as_ref()
        .expect("a started execution has its start");
    let upcoming = crate::event::EventNumber(draft.execution.version.0 + 1);
    let delay_ms = retrier.delay_ms(used, started.seed.jitter(upcoming));
    let due = draft.now.plus_ms(delay_ms);
    draft.emit(
        frame,
        EventKind::RetryScheduled {
            retrier: index,
            due,
            failure: failure.clone(),
        },
    );
    true
}

/// A frame's state failed for good, and the frame with it.
fn frame_failed(draft: &mut Draft<'_>, frame: FrameId, failure: &Failure) {
    let held = draft.frame(frame);
    let follows = held.cursor;
    match held.parent {
        Some(parent) if failure.error_name() != RUNTIME => {
            end_children(draft, parent.frame, frame, failure);
            failed(draft, parent.frame, failure);
        }
        // Nothing around a branch takes an error of this kind, so none of it is ended
        // before the execution is.
        _ => {
            let kind = EventKind::ExecutionFailed(failure.as_shown());
            draft.emit_after(FrameId::ROOT, follows, kind);
        }
    }
}

/// Ends all branches or iterations of a frame's state, one of which is lost. All that is
/// recorded of it follows what the lost one did last.
fn end_children(draft: &mut Draft<'_>, frame: FrameId, lost: FrameId, failure: &Failure) {
    let follows = draft.frame(lost).cursor;
    let active = draft.active(lost);
    let own = (active.state_type == StateType::Task).then_some(EventKind::StateAborted {
        state: active.state,
        state_type: active.state_type,
    });
    let running = draft
        .execution
        .children_of(frame)
        .map(|children| children.running.clone())
        .unwrap_or_default();
    let mut aborted = Vec::new();
    for child in running.into_iter().filter(|child| *child != lost) {
        list_aborted(draft, child, &mut aborted);
    }
    if draft.active(frame).state_type == StateType::Map {
        map::iteration_failed(draft, lost, failure);
    } else {
        draft.emit(lost, EventKind::BranchFailed(failure.clone()));
    }
    let own = own.map(|kind| (lost, kind));
    for (child, kind) in own.into_iter().chain(aborted) {
        draft.emit_after(child, follows, kind);
    }
}

/// Lists what is recorded of a branch or iteration that is given up: itself, the state
/// that it was in, and what ran within that.
fn list_aborted(draft: &Draft<'_>, child: FrameId, events: &mut Vec<(FrameId, EventKind)>) {
    let held = draft.frame(child);
    let is_iteration = held
        .parent
        .is_some_and(|parent| draft.active(parent.frame).state_type == StateType::Map);
    if is_iteration {
        let iteration = map::iteration_of(draft, child);
        events.push((child, EventKind::MapIterationAborted(iteration)));
    }
    let Some(active) = &held.active else { return };
    if let Phase::MapRun(open) = &active.phase
        && draft.execution.map_runs.contains_key(&open.number)
    {
        events.push((child, EventKind::MapRunAborted { run: open.number }));
    }
    // The other types do their work at once: there is no event of their being aborted.
    if matches!(
        active.state_type,
        StateType::Task | StateType::Wait | StateType::Parallel | StateType::Map
    ) {
        let (state, state_type) = (active.state, active.state_type);
        events.push((child, EventKind::StateAborted { state, state_type }));
    }
    for below in draft
        .execution
        .children_of(child)
        .into_iter()
        .flat_map(|children| &children.running)
    {
        list_aborted(draft, *below, events);
    }
}

/// A frame reached its end.
pub(crate) fn ended(draft: &mut Draft<'_>, frame: FrameId, output: Payload) {
    let Some(parent) = draft.frame(frame).parent else {
        draft.emit(frame, EventKind::ExecutionSucceeded { output });
        return;
    };
    if draft.active(parent.frame).state_type == StateType::Map {
        map::iteration_succeeded(draft, frame, output);
    } else {
        parallel::branch_succeeded(draft, frame, output);
    }
}

/// Joins the outputs of branches or iterations into a list.
pub(crate) fn joined(draft: &Draft<'_>, frame: FrameId) -> Payload {
    let outputs = draft
        .execution
        .children_of(frame)
        .map_or(&[][..], |held| &held.outputs);
    let length = outputs
        .iter()
        .flatten()
        .map(|output| output.byte_len() + 1)
        .sum::<usize>();
    let mut text = String::with_capacity(length + 2);
    text.push('[');
    for (index, output) in outputs.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(output.as_ref().map_or("null", Payload::as_str));
    }
    text.push(']');
    Payload::from_trusted(text)
}
