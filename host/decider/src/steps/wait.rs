//! Wait: goes on at its time, and costs nothing until then.

use stepwell_states::{complete, effective_input, wait_until};

use crate::draft::{Draft, Left};
use crate::event::{EventKind, FrameId};
use crate::steps::successor;

pub(crate) fn run(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let due = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        wait_until(state, env, &input)
    })?;
    if due <= draft.now {
        return finish(draft, frame);
    }
    draft.emit(frame, EventKind::WaitStarted { due });
    Ok(())
}

/// The time has come.
pub(crate) fn finish(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let completion = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        complete(state, env, &input, &input)
    })?;
    let next = successor(draft, frame);
    Err(draft.complete(frame, completion, next))
}
