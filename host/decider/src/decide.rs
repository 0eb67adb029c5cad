//! The one match over what the decider may be told.

use std::cell::Cell;
use std::sync::Arc;

use stepwell_states::{Payload, StateKind, StateMachine, Timestamp};

use crate::approval::{ApprovalBound, ApprovalInput, ApprovalRefusal};
use crate::draft::Draft;
use crate::event::{EventKind, EventNumber, FrameId, HistoryEvent, ReceivedEvent};
use crate::evolve::evolve;
use crate::execution::{Execution, Phase};
use crate::failure::{Failure, RUNTIME, TIMEOUT};
use crate::input::{Input, TokenReport};
use crate::intervention::NotIntervened;
use crate::redefine::Misfit;
use crate::redrive::NotRedrivable;
use crate::steps;
use crate::steps::{operators, task};
use crate::target::TargetError;
use crate::token::TaskToken;

/// Events after which a decision stops before the next state, to be gone on with by
/// [`Input::Continue`]: a loop without a wait must not keep a shard to itself.
const EVENTS_MAX: usize = 512;

/// What happens next.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Facts to record, in order; none where the input changes nothing.
    pub events: Vec<HistoryEvent>,
}

/// The input cannot be taken. The execution is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// A start of what has started.
    #[error("the execution has started already")]
    AlreadyStarted,
    /// Anything else before the start.
    #[error("the execution has not started")]
    NotStarted,
    /// The execution is at its end.
    #[error("the execution has ended")]
    Ended,
    /// The token was not made by this execution.
    #[error("the task token is not one of this execution")]
    ForeignToken,
    /// The task has ended, or was given up.
    #[error("the task is not waiting any more")]
    TaskClosed,
    /// A worker took the task already.
    #[error("another worker took the task")]
    TaskTaken,
    /// No state waits for the posted event, and the execution keeps as many as it may.
    #[error("the execution keeps as many untaken events as it may")]
    InboxFull,
    /// The execution cannot be redriven.
    #[error(transparent)]
    NotRedrivable(#[from] NotRedrivable),
    /// The decision on an approval is not taken.
    #[error(transparent)]
    Approval(#[from] ApprovalRefusal),
    /// Nobody can tell which state is meant.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Nobody can tell which state a redrive gives another input.
    #[error("{0}")]
    Edited(TargetError),
    /// A redrive gives a state two inputs.
    #[error("state {state:?} (event {event}) is given two inputs")]
    EditedTwice {
        /// The state.
        state: Arc<str>,
        /// Id of the event that entered it.
        event: u64,
    },
    /// The execution cannot go on with that definition.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// It would change what an approval was given on.
    #[error(transparent)]
    ApprovalBound(#[from] ApprovalBound),
    /// The intervention is not made.
    #[error(transparent)]
    NotIntervened(#[from] NotIntervened),
}

/// Posted events that an execution keeps until a state takes them, at most.
pub const EVENTS_KEPT_MAX: usize = 1_000;
/// Bytes of their data, at most: 16 MiB.
pub const EVENTS_KEPT_MAX_BYTES: usize = 16 << 20;

/// Decides what happens next, and applies it to `execution` through
/// [`evolve`](crate::evolve()).
///
/// A function of its arguments: the same execution, input and time give the same
/// events. Who needs the execution as it was keeps a copy.
///
/// # Errors
///
/// The input cannot be taken; nothing was changed. Reports on a task of this host
/// that is not waiting any more are no error but change nothing: such a report is
/// late, and the task's end is recorded.
pub fn decide(
    definition: &StateMachine,
    execution: &mut Execution,
    input: Input,
    now: Timestamp,
) -> Result<Decision, DecideError> {
    decide_within(definition, execution, input, now, u32::MAX)
}

/// Decides as [`decide`] does, and enters no further state once fields in JSONata have been
/// evaluated `evaluated_max` times: what is left goes on with [`Input::Continue`], so that
/// expressions that take long do not keep others waiting. Where a decision ends has no
/// part in what the history says.
///
/// # Errors
///
/// Those of [`decide`].
pub fn decide_within(
    definition: &StateMachine,
    execution: &mut Execution,
    input: Input,
    now: Timestamp,
    evaluated_max: u32,
) -> Result<Decision, DecideError> {
    match (&input, execution.started().is_some()) {
        (Input::Start(_), true) => return Err(DecideError::AlreadyStarted),
        (Input::Start(_), false) | (_, true) => {}
        (_, false) => return Err(DecideError::NotStarted),
    }
    let limited = match &input {
        Input::Start(started) => started.history_events_max,
        _ => execution
            .started()
            .and_then(|started| started.history_events_max),
    };
    let replacing = match &input {
        Input::Redrive(order) => order.definition.as_ref(),
        _ => None,
    };
    let replacing = replacing.map(|new| Arc::clone(&new.machine));
    // Where a history may only be so long, a decision may have to be cut.
    let limited = limited.map(|max| (max, execution.clone()));
    let mut draft = Draft {
        definition,
        execution,
        now,
        events: Vec::new(),
        evaluated: Cell::new(0),
        reported_by: None,
        replacing: replacing.as_deref(),
        trial: None,
    };
    take(&mut draft, input)?;
    draft.reported_by = None;
    go_on(&mut draft, evaluated_max);
    if let Some((events_max, before)) = limited {
        cut(&mut draft, events_max, before);
    }
    Ok(Decision {
        events: draft.events,
    })
}

/// Fails an execution whose history would grow past its limit: the failure is the last
/// event that there is room for, as Step Functions has it.
fn cut(draft: &mut Draft<'_>, events_max: u64, before: Execution) {
    let past = |event: &HistoryEvent| {
        event.id > events_max || event.id == events_max && !event.kind.is_end()
    };
    let Some(room) = draft.events.iter().position(past) else {
        return;
    };
    draft.events.truncate(room);
    *draft.execution = before;
    for event in &draft.events {
        evolve(draft.execution, event);
    }
    let cause =
        format!("The execution reached the maximum number of history events ({events_max}).");
    let failure = Failure::new(RUNTIME, cause);
    let follows = draft.execution.last_id;
    draft.emit_after(FrameId::ROOT, follows, EventKind::ExecutionFailed(failure));
}

/// Enters states until every frame waits for something outside, or a limit is reached; while
/// the execution is paused, none.
fn go_on(draft: &mut Draft<'_>, evaluated_max: u32) {
    if draft.execution.paused_at.is_some() {
        return;
    }
    while let Some(frame) = draft.execution.ready.first().copied() {
        if draft.events.len() >= EVENTS_MAX || draft.evaluated.get() >= evaluated_max {
            return;
        }
        steps::enter(draft, frame);
    }
}

fn take(draft: &mut Draft<'_>, input: Input) -> Result<(), DecideError> {
    match input {
        Input::Start(started) => {
            draft.emit(FrameId::ROOT, EventKind::ExecutionStarted(started));
        }
        Input::Continue => {}
        Input::TimersDue => fire_timers(draft),
        Input::TaskFinished {
            scheduled,
            started_at,
            result,
            usage,
        } => {
            if let Some(frame) = frame_of(draft, scheduled) {
                task::started(draft, frame, scheduled, None, started_at);
                task::finished(draft, frame, scheduled, result, usage);
            }
        }
        Input::TaskNotScheduled { scheduled, failure } => {
            if let Some(frame) = frame_of(draft, scheduled) {
                task::not_scheduled(draft, frame, scheduled, failure);
            }
        }
        Input::TaskSubmitted {
            scheduled,
            started_at,
            output,
        } => {
            submitted(draft, scheduled, started_at, output);
        }
        Input::ChildFinished { scheduled, result } => child_finished(draft, scheduled, result),
        Input::TaskTaken {
            scheduled,
            worker,
            principal,
        } => {
            draft.reported_by = principal;
            take_task(draft, scheduled, worker)?;
        }
        Input::MapRunFinished { run, result } => {
            if let Some(frame) = draft.execution.map_runs.get(&run).copied() {
                steps::map_run::finished(draft, frame, run, result);
            }
        }
        Input::TokenReported {
            token,
            report: reported,
            principal,
        } => {
            draft.reported_by = principal;
            take_token_report(draft, &token, reported)?;
        }
        Input::EventPosted(posted) => take_event(draft, posted)?,
        Input::GiveUp(failure) => {
            if draft.execution.end.is_none() {
                let follows = draft.execution.last_id;
                draft.emit_after(FrameId::ROOT, follows, EventKind::ExecutionFailed(failure));
            }
        }
        order @ (Input::Stop { .. }
        | Input::Approval(_)
        | Input::Redrive(_)
        | Input::Intervene(_)
        | Input::Pause { .. }
        | Input::Resume { .. }) => asked(draft, order)?,
    }
    Ok(())
}

/// Somebody asks for something that concerns the execution as a whole, or a state of it.
fn asked(draft: &mut Draft<'_>, input: Input) -> Result<(), DecideError> {
    match input {
        Input::Stop { failure, principal } => {
            require_running(draft)?;
            steps::map_run::abort_all(draft, principal.as_ref());
            let kind = EventKind::ExecutionAborted { failure, principal };
            draft.emit_after(FrameId::ROOT, 0, kind);
        }
        Input::Approval(input) => take_approval_input(draft, input)?,
        Input::Redrive(order) => steps::redrive::take(draft, *order)?,
        Input::Intervene(order) => operators::intervene(draft, order)?,
        Input::Pause { reason, principal } => {
            require_running(draft)?;
            operators::pause(draft, reason, principal);
        }
        Input::Resume { principal } => {
            require_running(draft)?;
            operators::resume(draft, principal);
        }
        // All others are taken before.
        _ => {}
    }
    Ok(())
}

fn take_approval_input(draft: &mut Draft<'_>, input: ApprovalInput) -> Result<(), ApprovalRefusal> {
    match input {
        ApprovalInput::Asked { scheduled, facts } => {
            if let Some(frame) = frame_of(draft, scheduled) {
                steps::approval::ask(draft, frame, scheduled, &facts);
            }
        }
        ApprovalInput::Decided(decision) => {
            let frame = frame_of(draft, decision.scheduled).ok_or(ApprovalRefusal::Closed)?;
            steps::approval::decide(draft, frame, *decision)?;
        }
        ApprovalInput::Superseded { scheduled, by } => {
            if let Some(frame) = frame_of(draft, scheduled) {
                steps::approval::supersede(draft, frame, scheduled, by);
            }
        }
    }
    Ok(())
}

/// A task's work was handed over to somebody who reports later.
fn submitted(
    draft: &mut Draft<'_>,
    scheduled: EventNumber,
    started_at: Timestamp,
    output: Payload,
) {
    let Some(frame) = frame_of(draft, scheduled) else {
        return;
    };
    task::started(draft, frame, scheduled, None, started_at);
    let kind = EventKind::TaskSubmitted {
        scheduled,
        output,
        usage: None,
    };
    draft.emit(frame, kind);
    let ended = draft.execution.open_task(scheduled);
    if let Some(result) = ended.and_then(|task| task.child_end.clone()) {
        child_finished(draft, scheduled, result);
    }
}

/// An execution that a task waits for has ended. A short one may end before its start
/// is recorded: then its end is kept, and follows the start.
fn child_finished(draft: &mut Draft<'_>, scheduled: EventNumber, result: Result<Payload, Failure>) {
    let Some(frame) = frame_of(draft, scheduled) else {
        return;
    };
    match draft.execution.open_task(scheduled) {
        Some(task) if task.submitted => {
            let result = task::child_result(draft, scheduled, result);
            report(draft, frame, scheduled, result);
        }
        Some(task) if task.child_end.is_none() => {
            draft.emit(frame, EventKind::ChildEnded { scheduled, result });
        }
        _ => {}
    }
}

/// A worker takes a task, unless another one was faster, or nothing is to begin.
fn take_task(
    draft: &mut Draft<'_>,
    scheduled: EventNumber,
    worker: Option<Arc<str>>,
) -> Result<(), DecideError> {
    let frame = frame_of(draft, scheduled).ok_or(DecideError::TaskClosed)?;
    if draft.execution.paused_at.is_some() {
        return Err(DecideError::TaskClosed);
    }
    let open = draft.execution.open_task(scheduled);
    if open.is_some_and(|task| task.started) {
        return Err(DecideError::TaskTaken);
    }
    task::started(draft, frame, scheduled, worker, draft.now);
    Ok(())
}

fn take_token_report(
    draft: &mut Draft<'_>,
    token: &TaskToken,
    reported: TokenReport,
) -> Result<(), DecideError> {
    let started = draft
        .execution
        .started
        .as_ref()
        .ok_or(DecideError::NotStarted)?;
    if !token.is_genuine(&started.seed) {
        return Err(DecideError::ForeignToken);
    }
    let scheduled = token.scheduled;
    let frame = frame_of(draft, scheduled).ok_or(DecideError::TaskClosed)?;
    match reported {
        TokenReport::Success(output) => report(draft, frame, scheduled, Ok(output)),
        TokenReport::Failure(failure) => report(draft, frame, scheduled, Err(failure)),
        TokenReport::Heartbeat => task::heartbeat(draft, frame, scheduled),
    }
    Ok(())
}

fn take_event(draft: &mut Draft<'_>, posted: ReceivedEvent) -> Result<(), DecideError> {
    require_running(draft)?;
    let seen = &draft.execution.seen_events;
    if posted.event_id.as_ref().is_some_and(|id| seen.contains(id)) {
        return Ok(());
    }
    if !task::awaits_event(draft.execution, &posted.name) && !has_room(draft, &posted) {
        return Err(DecideError::InboxFull);
    }
    let name = posted.name.clone();
    draft.emit(FrameId::ROOT, EventKind::EventReceived(posted));
    task::offer_event(draft, &name);
    Ok(())
}

/// Whether an event may be kept until a state takes it.
fn has_room(draft: &Draft<'_>, posted: &ReceivedEvent) -> bool {
    let kept = &draft.execution.inbox;
    let bytes: usize = kept.values().map(|event| event.data.byte_len()).sum();
    kept.len() < EVENTS_KEPT_MAX && bytes + posted.data.byte_len() <= EVENTS_KEPT_MAX_BYTES
}

fn require_running(draft: &Draft<'_>) -> Result<(), DecideError> {
    match draft.execution.end {
        Some(_) => Err(DecideError::Ended),
        None => Ok(()),
    }
}

/// The frame that waits for a task, unless the task has ended or was given up.
fn frame_of(draft: &Draft<'_>, scheduled: EventNumber) -> Option<FrameId> {
    draft.execution.open_task(scheduled)?;
    draft.execution.tasks.get(&scheduled).copied()
}

/// Somebody outside reported the end of a task.
fn report(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: EventNumber,
    result: Result<Payload, Failure>,
) {
    task::started(draft, frame, scheduled, None, draft.now);
    match result {
        Ok(output) => task::succeeded(draft, frame, scheduled, output, None),
        Err(failure) => task::lost(draft, frame, scheduled, failure, None),
    }
}

fn fire_timers(draft: &mut Draft<'_>) {
    if draft.execution.paused_at.is_some() {
        return;
    }
    let deadline = draft.execution.deadline();
    if draft.execution.end.is_none() && deadline.is_some_and(|deadline| deadline <= draft.now) {
        steps::map_run::abort_all(draft, None);
        let failure = Failure::named(TIMEOUT);
        draft.emit_after(FrameId::ROOT, 0, EventKind::ExecutionTimedOut(failure));
        return;
    }
    while let Some((due, frame)) = draft.execution.timers.first().copied() {
        if due > draft.now {
            return;
        }
        fire_timer(draft, frame);
    }
}

fn fire_timer(draft: &mut Draft<'_>, frame: FrameId) {
    match &draft.active(frame).phase {
        Phase::Waiting => {
            // How a step ends is all in the events that it recorded.
            let _ = steps::wait::finish(draft, frame);
        }
        Phase::Task(_) => {
            if !steps::approval::timer_fired(draft, frame) {
                task::timed_out(draft, frame);
            }
        }
        Phase::Retrying => {
            let definition = draft.definition;
            if matches!(
                definition.state(draft.active(frame).state).kind,
                StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_)
            ) {
                steps::run(draft, frame);
            }
        }
        Phase::Entered | Phase::Children(_) | Phase::MapRun(_) => {
            unreachable!("only waiting states, retries and tasks have a timer")
        }
    }
}
