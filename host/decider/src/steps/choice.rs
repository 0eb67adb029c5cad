//! Choice: the first rule that holds says where to go.

use stepwell_states::{choose, effective_input};

use crate::draft::{Draft, Left};
use crate::event::FrameId;
use crate::failure::{Failure, RUNTIME};
use crate::steps::failed;

pub(crate) fn run(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let chosen = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        choose(state, env, &input)
    })?;
    if chosen.next.is_some() {
        return Err(draft.complete(frame, chosen.completion, chosen.next));
    }
    let active = draft.active(frame);
    let cause = format!(
        "An error occurred while executing the state '{}' (entered at the event id #{}). \
         Failed to transition out of the state. The state does not point to a next state.",
        active.name, active.entered_id
    );
    failed(draft, frame, &Failure::new(RUNTIME, cause));
    Err(Left)
}
