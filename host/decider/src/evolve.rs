//! Applies one event. The live path and replay both come through here, and nothing
//! else changes an [`Execution`].

mod approvals;
mod children;
mod map_runs;
mod operators;
mod redrives;

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_states::{Payload, ScopeId, Timestamp};

use crate::event::{
    EventKind, EventNumber, FrameId, HistoryEvent, StateEntered, StateExited, TaskScheduled, Work,
};
use crate::execution::{
    Active, Children, End, Execution, Frame, Next, OpenTask, ParentFrame, Phase, Status,
};
use crate::failure::Failure;
pub(crate) use redrives::redefine;

const SECOND_MS: u64 = 1_000;

/// Applies one event to an execution.
///
/// # Panics
///
/// When the event does not follow the last one: a history with a gap is a broken
/// promise of the store, and going on would apply results twice.
pub fn evolve(execution: &mut Execution, event: &HistoryEvent) {
    assert_eq!(
        event.number.0,
        execution.version.0 + 1,
        "an event must follow the last one of its execution"
    );
    execution.version = event.number;
    execution.last_at = event.at;
    if event.id != 0 {
        execution.last_id = event.id;
    }
    apply(execution, event);
}

fn apply(execution: &mut Execution, event: &HistoryEvent) {
    let frame = event.frame;
    match &event.kind {
        EventKind::ExecutionStarted(started) => {
            execution.started = Some(started.clone());
            execution.started_at = event.at;
            let next = Next {
                state: None,
                input: started.input.clone(),
            };
            add_frame(execution, FrameId::ROOT, None, started.scope, 0, next);
        }
        EventKind::ExecutionSucceeded { output } => {
            end(
                execution,
                event,
                Status::Succeeded,
                Some(output.clone()),
                None,
            );
        }
        EventKind::ExecutionFailed(failure) => {
            end(
                execution,
                event,
                Status::Failed,
                None,
                Some(failure.clone()),
            );
        }
        EventKind::ExecutionTimedOut(failure) => {
            end(
                execution,
                event,
                Status::TimedOut,
                None,
                Some(failure.clone()),
            );
        }
        EventKind::ExecutionAborted { failure, .. } => {
            end(
                execution,
                event,
                Status::Aborted,
                None,
                Some(failure.clone()),
            );
        }
        EventKind::StateEntered(entered) => enter(execution, event, entered),
        EventKind::StateExited(exited) => exit(execution, event, exited),
        EventKind::WaitStarted { due } => {
            set_phase(execution, frame, Phase::Waiting);
            set_timer(execution, frame, Some(*due));
        }
        EventKind::StateAborted { .. } => {
            redrives::halt(execution, frame);
            move_cursor(execution, event);
        }
        EventKind::EvaluationFailed { .. }
        | EventKind::ParallelStateFailed
        | EventKind::MapStateFailed => {
            redrives::halt_children(execution, frame);
            move_cursor(execution, event);
        }
        _ => children::apply_to_children(execution, event),
    }
}

fn apply_to_task(execution: &mut Execution, event: &HistoryEvent) {
    match &event.kind {
        EventKind::TaskScheduled(order) => {
            schedule(execution, event, order.clone());
        }
        EventKind::TaskStarted { scheduled, .. } => {
            with_task(execution, *scheduled, |task| {
                task.started = true;
                if matches!(task.order.work, Work::AwaitWorker(_)) {
                    watch_times(task, event.at);
                }
            });
            refresh_task_timer(execution, event.frame);
            move_cursor(execution, event);
        }
        EventKind::TaskSubmitted {
            scheduled, usage, ..
        } => {
            if let Some(usage) = usage {
                execution.usage.add(usage);
            }
            execution.to_run.remove(scheduled);
            with_task(execution, *scheduled, |task| task.submitted = true);
            move_cursor(execution, event);
        }
        EventKind::ChildEnded { scheduled, result } => {
            with_task(execution, *scheduled, |task| {
                task.child_end = Some(result.clone());
            });
        }
        EventKind::TaskHeartbeat { scheduled, due } => {
            with_task(execution, *scheduled, |task| task.heartbeat_due = *due);
            refresh_task_timer(execution, event.frame);
        }
        EventKind::TaskSucceeded {
            scheduled, usage, ..
        }
        | EventKind::TaskFailed {
            scheduled, usage, ..
        }
        | EventKind::TaskTimedOut {
            scheduled, usage, ..
        } => {
            if let Some(usage) = usage {
                execution.usage.add(usage);
            }
            close_task(execution, event.frame, *scheduled);
            move_cursor(execution, event);
        }
        EventKind::TaskSubmitFailed { scheduled, .. } => {
            close_task(execution, event.frame, *scheduled);
            move_cursor(execution, event);
        }
        EventKind::RetryScheduled { retrier, due, .. } => {
            plan_retry(execution, event.frame, *retrier, *due);
        }
        EventKind::EventReceived(received) => {
            if let Some(id) = &received.event_id {
                execution.seen_events.insert(id.clone());
            }
            execution.inbox.insert(event.number, received.clone());
        }
        EventKind::EventTaken { received } => {
            execution.inbox.remove(received);
        }
        EventKind::ApprovalRequested(_)
        | EventKind::ApprovalDecided(_)
        | EventKind::ApprovalEscalated { .. }
        | EventKind::ApprovalClosed { .. } => approvals::apply(execution, event),
        _ => redrives::apply(execution, event),
    }
}

fn end(
    execution: &mut Execution,
    event: &HistoryEvent,
    status: Status,
    output: Option<Payload>,
    failure: Option<Failure>,
) {
    execution.end = Some(End {
        status,
        at: event.at,
        output,
        failure,
    });
    execution.paused_at = None;
    execution.paused_by = None;
    execution.pause_reason = None;
    // What did not succeed may be redriven: its frames say where it goes on.
    redrives::halt(execution, FrameId::ROOT);
    if status == Status::Succeeded {
        execution.frames.clear();
        execution.inbox.clear();
    }
    debug_assert!(execution.timers.is_empty() && execution.tasks.is_empty());
}

fn add_frame(
    execution: &mut Execution,
    id: FrameId,
    parent: Option<ParentFrame>,
    scope: ScopeId,
    cursor: u64,
    next: Next,
) {
    execution.next_frame = execution.next_frame.max(id.0 + 1);
    execution.ready.insert(id);
    execution.frames.insert(
        id,
        Frame {
            parent,
            scope,
            cursor,
            next: Some(next),
            active: None,
            variables: BTreeMap::new(),
            due: None,
            halted: false,
        },
    );
}

fn enter(execution: &mut Execution, event: &HistoryEvent, entered: &StateEntered) {
    execution.ready.remove(&event.frame);
    if let Some(frame) = execution.frames.get_mut(&event.frame) {
        frame.next = None;
        frame.active = Some(Active {
            state: entered.state,
            state_type: entered.state_type,
            name: entered.name.clone(),
            entered: event.number,
            entered_id: event.id,
            entered_previous_id: event.previous_id,
            entered_at: event.at,
            input: entered.input.clone(),
            retries: BTreeMap::new(),
            attempt: 1,
            phase: Phase::Entered,
            edited_by: None,
        });
    }
    move_cursor(execution, event);
}

fn exit(execution: &mut Execution, event: &HistoryEvent, exited: &StateExited) {
    clear_active(execution, event.frame);
    if let Some(frame) = execution.frames.get_mut(&event.frame) {
        for (name, value) in &exited.assigned {
            let before = frame.variables.insert(name.clone(), value.clone());
            let before = before.map_or(0, |value| value.byte_len() as u64);
            let bytes = execution.variables_bytes + value.byte_len() as u64;
            execution.variables_bytes = bytes.saturating_sub(before);
        }
        if exited.next.is_some() {
            frame.next = Some(Next {
                state: exited.next,
                input: exited.output.clone(),
            });
            execution.ready.insert(event.frame);
        }
    }
    move_cursor(execution, event);
}

fn schedule(execution: &mut Execution, event: &HistoryEvent, order: Arc<TaskScheduled>) {
    execution.tasks.insert(event.number, event.frame);
    if !matches!(order.work, Work::AwaitEvent(_) | Work::AwaitWorker(_)) {
        execution.to_run.insert(event.number);
    }
    // The time of a task that runs on this host is watched where it runs: it counts from
    // the start of the run, so a host that was down costs no task its time. The time of an
    // activity's task counts from when a worker takes it.
    let watched = order.waits_for_report && !matches!(order.work, Work::AwaitWorker(_));
    let mut task = OpenTask {
        number: event.number,
        order,
        started: false,
        submitted: false,
        times_out_at: None,
        heartbeat_due: None,
        child_end: None,
        approval: None,
        id: event.id,
    };
    if watched {
        watch_times(&mut task, event.at);
    }
    let due = task.due();
    set_phase(execution, event.frame, Phase::Task(task));
    set_timer(execution, event.frame, due);
    move_cursor(execution, event);
}

fn watch_times(task: &mut OpenTask, from: Timestamp) {
    let after = |seconds: u64| from.plus_ms(seconds.saturating_mul(SECOND_MS));
    task.times_out_at = task.order.timeout_seconds.map(after);
    task.heartbeat_due = task.order.heartbeat_seconds.map(after);
}

fn close_task(execution: &mut Execution, frame: FrameId, scheduled: EventNumber) {
    execution.tasks.remove(&scheduled);
    execution.approvals.remove(&scheduled);
    execution.to_run.remove(&scheduled);
    set_phase(execution, frame, Phase::Entered);
    set_timer(execution, frame, None);
}

fn plan_retry(execution: &mut Execution, frame: FrameId, retrier: u32, due: Timestamp) {
    redrives::drop_children(execution, frame);
    if let Some(active) = active_mut(execution, frame) {
        *active.retries.entry(retrier).or_insert(0) += 1;
        active.attempt += 1;
        active.phase = Phase::Retrying;
    }
    set_timer(execution, frame, Some(due));
}

/// Takes a frame out of its state, with all that the state holds.
fn clear_active(execution: &mut Execution, frame: FrameId) {
    redrives::drop_children(execution, frame);
    set_timer(execution, frame, None);
    let Some(held) = execution.frames.get_mut(&frame) else {
        return;
    };
    match held.active.take().map(|active| active.phase) {
        Some(Phase::Task(task)) => {
            execution.tasks.remove(&task.number);
            execution.approvals.remove(&task.number);
            execution.to_run.remove(&task.number);
        }
        Some(Phase::MapRun(run)) => {
            execution.map_runs.remove(&run.number);
        }
        _ => {}
    }
}

fn move_cursor(execution: &mut Execution, event: &HistoryEvent) {
    if let Some(frame) = execution
        .frames
        .get_mut(&event.frame)
        .filter(|_| event.id != 0)
    {
        frame.cursor = event.id;
    }
}

fn set_timer(execution: &mut Execution, id: FrameId, due: Option<Timestamp>) {
    let Some(frame) = execution.frames.get_mut(&id) else {
        return;
    };
    if let Some(before) = frame.due.take() {
        execution.timers.remove(&(before, id));
    }
    frame.due = due;
    if let Some(due) = due {
        execution.timers.insert((due, id));
    }
}

fn refresh_task_timer(execution: &mut Execution, frame: FrameId) {
    let due = match active_mut(execution, frame) {
        Some(Active {
            phase: Phase::Task(task),
            ..
        }) => task.due(),
        _ => return,
    };
    set_timer(execution, frame, due);
}

fn set_phase(execution: &mut Execution, frame: FrameId, phase: Phase) {
    if let Some(active) = active_mut(execution, frame) {
        active.phase = phase;
    }
}

fn active_mut(execution: &mut Execution, frame: FrameId) -> Option<&mut Active> {
    execution.frames.get_mut(&frame)?.active.as_mut()
}

fn children_mut(execution: &mut Execution, frame: FrameId) -> Option<&mut Children> {
    match &mut active_mut(execution, frame)?.phase {
        Phase::Children(children) => Some(children),
        _ => None,
    }
}

fn with_task(execution: &mut Execution, number: EventNumber, change: impl FnOnce(&mut OpenTask)) {
    let Some(frame) = execution.tasks.get(&number).copied() else {
        return;
    };
    if let Some(Active {
        phase: Phase::Task(task),
        ..
    }) = active_mut(execution, frame)
    {
        change(task);
    }
}
