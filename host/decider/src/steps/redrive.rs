//! Takes up again what an execution was doing when it ended.

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use stepwell_states::{Payload, StateKind};

use crate::approval::{check_definition, check_input};
use crate::decide::DecideError;
use crate::draft::Draft;
use crate::event::{EventKind, FrameId, StateEntered};
use crate::execution::{Active, Execution, OpenMapRun, Phase};
use crate::failure::{Failure, RUNTIME};
use crate::redefine::fit;
use crate::redrive::{
    EditedInput, ExecutionRedriven, MapRunRedriven, NewInput, NotRedrivable, Redrive,
};
use crate::steps::{failed, map, parallel, run};

/// How often a Map Run may be redriven, as at AWS.
const MAP_RUN_REDRIVES_MAX: u32 = 1_000;

/// Goes on with an execution that did not succeed; changes nothing where the same order was
/// carried out already.
pub(crate) fn take(draft: &mut Draft<'_>, order: Redrive) -> Result<(), DecideError> {
    let execution = &*draft.execution;
    let token = order.client_token.as_deref();
    if token.is_some_and(|token| execution.redriven_as(token, draft.now).is_some()) {
        return Ok(());
    }
    execution.check_redrivable(draft.now)?;
    let started = execution.started.as_ref().ok_or(DecideError::NotStarted)?;
    if started.map_child.is_some() && !order.by_map_run {
        return Err(NotRedrivable::ByMapRun.into());
    }
    let inputs = edited(execution, order.inputs)?;
    let approved = &order.approved;
    for edited in &inputs {
        if let Some(active) = active_in(execution, edited.frame) {
            let of = (edited.frame, active.state);
            check_input(draft.definition, execution, approved, of)?;
        }
    }
    if let Some(new) = &order.definition {
        check_definition(draft.definition, execution, &new.machine, approved)?;
    }
    let definition = match &order.definition {
        Some(new) => Some(fit(draft.definition, execution, new)?),
        None => None,
    };
    let now = draft.now.max(execution.last_at);
    let allowed_ms = match (&order.definition, execution.redrives.last()) {
        (Some(new), _) => seconds_ms(new.machine.timeout_seconds),
        (None, Some(last)) => last
            .deadline
            .map(|deadline| deadline.as_ms() - last.at.as_ms()),
        (None, None) => started
            .deadline
            .map(|deadline| deadline.as_ms() - execution.started_at.as_ms()),
    };
    let redriven = ExecutionRedriven {
        count: execution.redrive_count().saturating_add(1),
        deadline: allowed_ms.map(|ms| now.plus_ms(ms.unsigned_abs())),
        client_token: order.client_token,
        principal: order.principal,
        inputs,
        definition,
        acting_for: order.acting_for,
    };
    let follows = execution.last_id;
    let kind = EventKind::ExecutionRedriven(Box::new(redriven));
    draft.emit_after(FrameId::ROOT, follows, kind);
    if let (Some(_), Some(new)) = (&order.definition, draft.replacing) {
        draft.definition = new;
    }
    Ok(())
}

fn seconds_ms(seconds: Option<u64>) -> Option<i64> {
    let ms = seconds?.saturating_mul(1_000);
    Some(i64::try_from(ms).unwrap_or(i64::MAX))
}

impl Execution {
    /// Finds the states that are to run again with other inputs.
    ///
    /// # Errors
    /// Nobody can tell which state an input is for.
    pub fn edited(&self, inputs: Vec<NewInput>) -> Result<Vec<EditedInput>, DecideError> {
        edited(self, inputs)
    }
}

fn edited(execution: &Execution, inputs: Vec<NewInput>) -> Result<Vec<EditedInput>, DecideError> {
    let was_too_large = execution.was_too_large();
    let mut edited: Vec<EditedInput> = Vec::with_capacity(inputs.len());
    for NewInput { target, input } in inputs {
        let runs_again = |_, active: &Active| active.starts_over(was_too_large);
        let frame = target
            .find(execution, "runs again from its beginning", runs_again)
            .map_err(DecideError::Edited)?;
        let active = active_in(execution, frame);
        let active = active.expect("a state was found in that frame");
        if edited.iter().any(|other| other.frame == frame) {
            return Err(DecideError::EditedTwice {
                state: Arc::clone(&active.name),
                event: active.entered_id,
            });
        }
        edited.push(EditedInput {
            frame,
            state: Arc::clone(&active.name),
            event: active.entered_id,
            before: digest(&active.input),
            after: digest(&input),
            input,
        });
    }
    Ok(edited)
}

fn active_in(execution: &Execution, frame: FrameId) -> Option<&Active> {
    execution.frames.get(&frame)?.active.as_ref()
}

/// SHA-256 of a payload's text, in hexadecimal digits.
fn digest(payload: &Payload) -> Arc<str> {
    let bytes = Sha256::digest(payload.as_str());
    let mut text = String::with_capacity(64);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

/// Runs the state again that a frame had not left. It is the same visit of the state: with
/// the input that it was entered with, unless the redrive gave it another one, and of its
/// attempts the first.
pub(crate) fn resume(draft: &mut Draft<'_>, frame: FrameId) {
    let active = draft.active(frame);
    let state = active.state;
    // There is nothing but its entry that a Fail state could show.
    if let StateKind::Fail(_) = draft.state(frame).kind {
        let entered = StateEntered {
            state,
            state_type: active.state_type,
            name: active.name.clone(),
            input: active.input.clone(),
        };
        draft.emit(frame, EventKind::StateEntered(entered));
        return run(draft, frame);
    }
    draft.emit(frame, EventKind::StateRedriven { state });
    // How a step ends is all in the events that it recorded.
    match &draft.active(frame).phase {
        Phase::Children(_) => match &draft.state(frame).kind {
            StateKind::Map(_) => drop(map::go_on(draft, frame)),
            _ => drop(parallel::go_on(draft, frame)),
        },
        Phase::MapRun(open) => {
            let redriven = redriven(open);
            resume_map_run(draft, frame, redriven);
        }
        _ => run(draft, frame),
    }
}

fn redriven(open: &OpenMapRun) -> MapRunRedriven {
    MapRunRedriven {
        run: open.number,
        arn: open.started.arn.clone(),
        count: open.redrives.saturating_add(1),
    }
}

fn resume_map_run(draft: &mut Draft<'_>, frame: FrameId, redriven: MapRunRedriven) {
    if redriven.count > MAP_RUN_REDRIVES_MAX {
        let cause = format!(
            "The Map Run '{}' has been redriven {MAP_RUN_REDRIVES_MAX} times, the most that it may be.",
            redriven.arn
        );
        return failed(draft, frame, &Failure::new(RUNTIME, cause));
    }
    draft.emit(frame, EventKind::MapRunRedriven(redriven));
}
