//! Map, distributed: its items run as child executions of a Map Run, which the host
//! drives. This state asks for the run, and goes on when it has ended.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use stepwell_states::{
    ExecutionType, Map, MapPlan, Payload, complete, effective_input, reader_arguments,
    reader_max_items, writer_arguments,
};

use crate::draft::{Draft, Left};
use crate::event::{EventKind, EventNumber, FrameId};
use crate::failure::Failure;
use crate::map_run::{MapReader, MapRunStarted, MapWriter, Percentage};
use crate::seed::{Purpose, uuid};
use crate::steps::{failed, map, successor};

pub(crate) fn start(
    draft: &mut Draft<'_>,
    frame: FrameId,
    map: &Map,
    execution_type: ExecutionType,
) -> Result<(), Left> {
    if let Some(cause) = refusal(draft, frame) {
        failed(draft, frame, &Failure::new("States.Runtime", cause));
        return Err(Left);
    }
    let plan = map::plan(draft, frame)?;
    // The Map Run reads its items itself.
    draft.execution.plans.0.remove(&frame);
    let length = u32::try_from(plan.items.len()).unwrap_or(u32::MAX);
    draft.emit(frame, EventKind::MapStateStarted { length });
    if let Some(failure) = &plan.tolerance_failure {
        return Err(draft.evaluation_failed(frame, failure));
    }
    let (reader, writer) = ends(draft, frame, map)?;
    let started = order(draft, frame, map, execution_type, &plan, reader, writer);
    draft.emit(frame, EventKind::MapRunStarted(Arc::new(started)));
    Ok(())
}

/// An express execution leaves no history that a Map Run could be part of.
fn refusal(draft: &Draft<'_>, frame: FrameId) -> Option<String> {
    let child = draft.execution.started.as_ref()?.map_child.as_ref()?;
    (child.execution_type == ExecutionType::Express).then(|| {
        format!(
            "the Map state '{}' has the mode DISTRIBUTED, which an express execution cannot run; \
             use the mode INLINE, or standard child executions",
            draft.active(frame).name
        )
    })
}

/// Evaluates where the items come from, and where the results go.
fn ends(
    draft: &mut Draft<'_>,
    frame: FrameId,
    map: &Map,
) -> Result<(Option<MapReader>, Option<MapWriter>), Left> {
    let empty = Payload::empty_object;
    let (reads, limit, writes) = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        Ok((
            reader_arguments(state, env, &input)?,
            reader_max_items(state, env, &input)?,
            writer_arguments(state, env, &input)?,
        ))
    })?;
    let reader = map.item_reader.as_ref().map(|reader| MapReader {
        resource: reader.resource.as_str().into(),
        arguments: reads.unwrap_or_else(empty),
        config: Payload::from_value(&reader.config),
        max_items: limit,
    });
    let writer = map.result_writer.as_ref().map(|writer| MapWriter {
        resource: writer.resource.as_deref().map(Arc::from),
        arguments: writes.unwrap_or_else(empty),
        config: Payload::from_value(&writer.config),
    });
    Ok((reader, writer))
}

fn order(
    draft: &Draft<'_>,
    frame: FrameId,
    map: &Map,
    execution_type: ExecutionType,
    plan: &MapPlan,
    reader: Option<MapReader>,
    writer: Option<MapWriter>,
) -> MapRunStarted {
    let started = draft
        .execution
        .started
        .as_ref()
        .expect("a started execution has its start");
    let active = draft.active(frame);
    let upcoming = EventNumber(draft.execution.version.0 + 1);
    let id = uuid(&started.seed.derive(Purpose::MapRun, upcoming));
    // The machine of a child execution has the label of its Map Run behind its name.
    let machine = started
        .state_machine_arn
        .replacen(":stateMachine:", ":mapRun:", 1);
    let machine = machine.split('/').next().unwrap_or_default();
    let label = map
        .label
        .clone()
        .unwrap_or_else(|| own_label(machine, &active.name));
    MapRunStarted {
        state: active.state,
        processor: map.processor,
        arn: format!("{machine}/{label}:{id}").into(),
        label: label.into(),
        id: id.into(),
        execution_type,
        length: reader.is_none().then_some(plan.items.len() as u64),
        max_concurrency: plan.max_concurrency,
        tolerated_failure_count: plan.tolerated_failure_count.unwrap_or(0),
        tolerated_failure_percentage: Percentage(
            plan.tolerated_failure_percentage.unwrap_or_default(),
        ),
        reader,
        writer,
    }
}

/// The label of a state that names none: the same for all of its runs.
fn own_label(machine: &str, state: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(machine);
    hash.update([0]);
    hash.update(state);
    uuid(&hash.finalize().into())
}

/// Records that Map Runs are given up, since the execution is: by somebody, or by itself.
pub(crate) fn abort_all(draft: &mut Draft<'_>, by: Option<&Arc<str>>) {
    for (run, frame) in draft.execution.map_runs.clone() {
        draft.reported_by = by.cloned();
        draft.emit(frame, EventKind::MapRunAborted { run });
    }
}

/// The Map Run that a frame waits for has ended.
pub(crate) fn finished(
    draft: &mut Draft<'_>,
    frame: FrameId,
    run: EventNumber,
    result: Result<Payload, Failure>,
) {
    match result {
        Ok(result) => {
            draft.emit(frame, EventKind::MapRunSucceeded { run });
            // How a step ends is all in the events that it recorded.
            let _ = succeeded(draft, frame, &result);
        }
        Err(failure) => {
            let kind = EventKind::MapRunFailed {
                run,
                failure: failure.clone(),
            };
            draft.emit(frame, kind);
            failed(draft, frame, &failure);
        }
    }
}

fn succeeded(draft: &mut Draft<'_>, frame: FrameId, result: &Payload) -> Result<(), Left> {
    let completion = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        complete(state, env, &input, result)
    })?;
    draft.emit(frame, EventKind::MapStateSucceeded);
    let next = successor(draft, frame);
    Err(draft.exit(frame, completion, next))
}
