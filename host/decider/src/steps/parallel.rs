//! Parallel: branches run side by side, each in a frame of its own.

use stepwell_states::{Parallel, Payload, arguments, complete, effective_input};

use crate::draft::{Draft, Left};
use crate::event::{EventKind, FrameId};
use crate::execution::Children;
use crate::steps::{failed, joined, successor};

pub(crate) fn start(
    draft: &mut Draft<'_>,
    frame: FrameId,
    parallel: &Parallel,
) -> Result<(), Left> {
    let input = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        arguments(state, env, &input)
    })?;
    let branches = parallel.branches.clone();
    draft.emit(frame, EventKind::ParallelStateStarted { branches, input });
    if parallel.branches.is_empty() {
        return join(draft, frame);
    }
    Ok(())
}

pub(crate) fn branch_succeeded(draft: &mut Draft<'_>, branch: FrameId, output: Payload) {
    let parent = draft.frame(branch).parent.expect("a branch has a parent");
    draft.emit(branch, EventKind::BranchSucceeded { output });
    // How a step ends is all in the events that it recorded.
    let _ = go_on(draft, parent.frame);
}

/// Leaves the state if all branches have succeeded.
pub(crate) fn go_on(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let children = draft.execution.children_of(frame);
    if children.is_some_and(Children::all_succeeded) {
        return join(draft, frame);
    }
    Ok(())
}

fn join(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let result = joined(draft, frame);
    finish(draft, frame, &result)
}

/// All branches are done, and this is what they gave.
pub(crate) fn finish(draft: &mut Draft<'_>, frame: FrameId, result: &Payload) -> Result<(), Left> {
    let completion = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        complete(state, env, &input, result)
    })?;
    if let Err(failure) = draft.check_variables(frame, &completion) {
        failed(draft, frame, &failure);
        return Err(Left);
    }
    draft.emit(frame, EventKind::ParallelStateSucceeded);
    let next = successor(draft, frame);
    Err(draft.exit(frame, completion, next))
}
