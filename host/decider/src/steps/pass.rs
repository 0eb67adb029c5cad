//! Pass: its input, or a fixed result, becomes its output.

use stepwell_states::{complete, effective_input, pass_result};

use crate::draft::{Draft, Left};
use crate::event::FrameId;
use crate::steps::successor;

pub(crate) fn run(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let completion = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        let result = pass_result(state, env, &input)?;
        complete(state, env, &input, &result)
    })?;
    let next = successor(draft, frame);
    Err(draft.complete(frame, completion, next))
}
