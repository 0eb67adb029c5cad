//! Map: its processor runs once for each item, each iteration in a frame of its own.

use std::sync::Arc;

use stepwell_states::{
    Map, MapMode, MapPlan, Payload, ScopeId, StateKind, complete, effective_input, map_item_input,
};

use crate::context::Item;
use crate::draft::{Draft, Left};
use crate::evaluation::evaluate_plan;
use crate::event::{EventKind, FrameId, MapIteration};
use crate::execution::Children;
use crate::failure::Failure;
use crate::steps::{failed, joined, map_run, successor};

/// Iterations that run at a time where the definition sets no limit. More would only
/// make the first commit larger: the sandbox runs fewer calls at once.
const DEFAULT_CONCURRENCY: u32 = 256;

pub(crate) fn start(draft: &mut Draft<'_>, frame: FrameId, map: &Map) -> Result<(), Left> {
    if let MapMode::Distributed { execution_type } = map.mode {
        return map_run::start(draft, frame, map, execution_type);
    }
    if begin(draft, frame)? == 0 {
        return join(draft, frame);
    }
    let after = draft.frame(frame).cursor;
    start_iterations(draft, frame, after)
}

/// Finds the items of a Map whose iterations run within the execution, and records how
/// many there are.
pub(crate) fn begin(draft: &mut Draft<'_>, frame: FrameId) -> Result<u32, Left> {
    let plan = plan(draft, frame)?;
    let length = u32::try_from(plan.items.len()).unwrap_or(u32::MAX);
    draft.emit(frame, EventKind::MapStateStarted { length });
    Ok(length)
}

/// Starts as many iterations as may run now; the first event follows `after`.
fn start_iterations(draft: &mut Draft<'_>, frame: FrameId, after: u64) -> Result<(), Left> {
    let plan = plan(draft, frame)?;
    let limit = match plan.max_concurrency {
        0 => DEFAULT_CONCURRENCY,
        limit => limit,
    };
    loop {
        let Some(children) = draft.execution.children_of(frame) else {
            return Err(Left);
        };
        let (begun, running) = (children.begun, children.running.len());
        if begun as usize >= plan.items.len() || running >= limit as usize {
            return Ok(());
        }
        start_iteration(draft, frame, &plan, begun, after)?;
    }
}

fn start_iteration(
    draft: &mut Draft<'_>,
    frame: FrameId,
    plan: &MapPlan,
    index: u32,
    after: u64,
) -> Result<(), Left> {
    let input = iteration_input(draft, frame, plan, index)?;
    let iteration = MapIteration {
        name: draft.active(frame).name.clone(),
        index,
        frame: FrameId(draft.execution.next_frame),
        scope: processor(draft, frame),
        input: Some(input),
    };
    draft.emit_after(frame, after, EventKind::MapIterationStarted(iteration));
    Ok(())
}

/// What an iteration is given.
pub(crate) fn iteration_input(
    draft: &mut Draft<'_>,
    frame: FrameId,
    plan: &MapPlan,
    index: u32,
) -> Result<Payload, Left> {
    let item = &plan.items[index as usize];
    let place = Item {
        index: u64::from(index),
        item,
        source: None,
    };
    let selected = draft.evaluate_for(frame, Some(place), |state, env| {
        let input = effective_input(state, env)?;
        map_item_input(state, env, &input, item)
    });
    selected.map_err(|failure| draft.evaluation_failed(frame, &failure))
}

/// The items of a running Map. After a replay the cache is empty, and the same items
/// are evaluated again from the same input.
pub(crate) fn plan(draft: &mut Draft<'_>, frame: FrameId) -> Result<Arc<MapPlan>, Left> {
    if let Some(plan) = draft.execution.plans.0.get(&frame) {
        return Ok(Arc::clone(plan));
    }
    let plan = match evaluate_plan(draft.definition, draft.execution, frame, draft.trial) {
        Ok(plan) => Arc::new(plan),
        Err(failure) => return Err(draft.evaluation_failed(frame, &failure)),
    };
    draft.execution.plans.0.insert(frame, Arc::clone(&plan));
    Ok(plan)
}

fn processor(draft: &Draft<'_>, frame: FrameId) -> ScopeId {
    match &draft.state(frame).kind {
        StateKind::Map(map) => map.processor,
        _ => draft.definition.root(),
    }
}

/// The iteration that a frame is, as its events show it.
pub(crate) fn iteration_of(draft: &Draft<'_>, frame: FrameId) -> MapIteration {
    let held = draft.frame(frame);
    let parent = held.parent.expect("an iteration has a parent");
    MapIteration {
        name: draft.active(parent.frame).name.clone(),
        index: parent.index,
        frame,
        scope: held.scope,
        input: None,
    }
}

pub(crate) fn iteration_succeeded(draft: &mut Draft<'_>, frame: FrameId, output: Payload) {
    let iteration = iteration_of(draft, frame);
    let held = draft.frame(frame);
    let cursor = held.cursor;
    let parent = held.parent.expect("an iteration has a parent").frame;
    draft.emit(
        frame,
        EventKind::MapIterationSucceeded { iteration, output },
    );
    // How a step ends is all in the events that it recorded.
    let _ = start_or_join(draft, parent, cursor);
}

/// Goes on with the iterations that there are, after a redrive.
pub(crate) fn go_on(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let after = draft.frame(frame).cursor;
    start_or_join(draft, frame, after)
}

fn start_or_join(draft: &mut Draft<'_>, frame: FrameId, after: u64) -> Result<(), Left> {
    let children = draft.execution.children_of(frame);
    if children.is_some_and(Children::all_succeeded) {
        join(draft, frame)
    } else {
        start_iterations(draft, frame, after)
    }
}

pub(crate) fn iteration_failed(draft: &mut Draft<'_>, frame: FrameId, failure: &Failure) {
    let iteration = iteration_of(draft, frame);
    let failure = failure.clone();
    draft.emit(frame, EventKind::MapIterationFailed { iteration, failure });
}

fn join(draft: &mut Draft<'_>, frame: FrameId) -> Result<(), Left> {
    let result = joined(draft, frame);
    finish(draft, frame, &result)
}

/// All iterations are done, and this is what they gave.
pub(crate) fn finish(draft: &mut Draft<'_>, frame: FrameId, result: &Payload) -> Result<(), Left> {
    let completion = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        complete(state, env, &input, result)
    })?;
    if let Err(failure) = draft.check_variables(frame, &completion) {
        failed(draft, frame, &failure);
        return Err(Left);
    }
    draft.emit(frame, EventKind::MapStateSucceeded);
    let next = successor(draft, frame);
    Err(draft.exit(frame, completion, next))
}
