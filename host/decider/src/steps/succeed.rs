//! Succeed: its input becomes the output of its frame.

use stepwell_states::{complete, effective_input};

use crate::draft::{Draft, Left};
use crate::event::FrameId;

pub(crate) fn run(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let completion = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        complete(state, env, &input, &input)
    })?;
    Err(draft.complete(frame, completion, None))
}
