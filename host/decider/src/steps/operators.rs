//! What operators do to an execution that runs: retry now, end a wait, fail or skip a task,
//! pause and resume.

use std::sync::Arc;

use stepwell_states::{complete, effective_input};

use crate::approval::check_result;
use crate::decide::DecideError;
use crate::draft::Draft;
use crate::event::{EventKind, EventNumber, FrameId, StateType, Work};
use crate::execution::{Active, Phase};
use crate::intervention::{Intervene, Intervened, Intervention, NotIntervened};
use crate::steps::{failed, run, successor, task, wait};

/// Does something to a state.
pub(crate) fn intervene(draft: &mut Draft<'_>, order: Intervene) -> Result<(), DecideError> {
    if draft.execution.end.is_some() {
        return Err(DecideError::Ended);
    }
    let Intervene {
        target,
        intervention,
        principal,
        approved,
    } = order;
    let frame = match &intervention {
        Intervention::RetryNow => target.find(
            draft.execution,
            "waits for its next attempt",
            |_, active| matches!(active.phase, Phase::Retrying),
        ),
        Intervention::EndWait => target.find(draft.execution, "is in a Wait", |_, active| {
            matches!(active.phase, Phase::Waiting)
        }),
        Intervention::FailTask(_) | Intervention::SkipTask(_) => {
            target.find(draft.execution, "has an open task", |_, active| {
                has_task(active)
            })
        }
    }?;
    let scheduled = open_task(draft, frame, &intervention)?;
    if intervention == Intervention::RetryNow && draft.execution.paused_at.is_some() {
        return Err(NotIntervened::Paused.into());
    }
    if let Intervention::SkipTask(_) = &intervention {
        let of = (frame, draft.active(frame).state);
        check_result(draft.definition, draft.execution, &approved, of)?;
    }
    let active = draft.active(frame);
    let intervened = Intervened {
        state: active.state,
        state_name: Arc::clone(&active.name),
        intervention: intervention.clone(),
        scheduled,
        due: draft.frame(frame).due,
    };
    draft.reported_by = principal;
    draft.emit(frame, EventKind::Intervened(Arc::new(intervened)));
    go_on(draft, frame, scheduled, intervention);
    Ok(())
}

/// Whether a state has asked for work that is not done, or is about to ask again.
fn has_task(active: &Active) -> bool {
    match active.phase {
        Phase::Task(_) => true,
        Phase::Retrying => active.state_type == StateType::Task,
        Phase::Entered | Phase::Waiting | Phase::Children(_) | Phase::MapRun(_) => false,
    }
}

/// The task that a state has open, unless the intervention is not for such a task.
fn open_task(
    draft: &Draft<'_>,
    frame: FrameId,
    intervention: &Intervention,
) -> Result<Option<EventNumber>, DecideError> {
    let Phase::Task(task) = &draft.active(frame).phase else {
        return Ok(None);
    };
    let skips = matches!(intervention, Intervention::SkipTask(_));
    if skips && task.order.work == Work::AskApproval {
        return Err(NotIntervened::Approval.into());
    }
    Ok(Some(task.number))
}

/// What follows from an intervention: the same as if it had come about by itself.
fn go_on(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: Option<EventNumber>,
    intervention: Intervention,
) {
    match (intervention, scheduled) {
        (Intervention::RetryNow, _) => run(draft, frame),
        (Intervention::EndWait, _) => {
            // How a step ends is all in the events that it recorded.
            let _ = wait::finish(draft, frame);
        }
        (Intervention::FailTask(failure), Some(scheduled)) => {
            task::started(draft, frame, scheduled, None, draft.now);
            task::lost(draft, frame, scheduled, failure, None);
        }
        // The attempt before has ended, and the next one has not begun.
        (Intervention::FailTask(failure), None) => failed(draft, frame, &failure),
        (Intervention::SkipTask(output), Some(scheduled)) => {
            task::succeeded(draft, frame, scheduled, output, None);
        }
        (Intervention::SkipTask(output), None) => {
            let completion = draft.evaluate_or_fail(frame, |state, env| {
                let input = effective_input(state, env)?;
                complete(state, env, &input, &output)
            });
            if let Ok(completion) = completion {
                let next = successor(draft, frame);
                draft.complete(frame, completion, next);
            }
        }
    }
}

/// Lets nothing new begin; what is paused stays so.
pub(crate) fn pause(draft: &mut Draft<'_>, reason: Option<Arc<str>>, principal: Option<Arc<str>>) {
    if draft.execution.paused_at.is_some() {
        return;
    }
    draft.reported_by = principal;
    draft.emit_after(FrameId::ROOT, 0, EventKind::ExecutionPaused { reason });
}

/// Goes on; what is not paused runs on. The execution's own time stood still: its deadline
/// moves by as long as it was paused.
pub(crate) fn resume(draft: &mut Draft<'_>, principal: Option<Arc<str>>) {
    let Some(paused_at) = draft.execution.paused_at else {
        return;
    };
    let now = draft.now.max(draft.execution.last_at);
    let paused_ms = now.as_ms().abs_diff(paused_at.as_ms());
    let deadline = draft.execution.deadline();
    let deadline = deadline.map(|deadline| deadline.plus_ms(paused_ms));
    draft.reported_by = principal;
    draft.emit_after(FrameId::ROOT, 0, EventKind::ExecutionResumed { deadline });
}
