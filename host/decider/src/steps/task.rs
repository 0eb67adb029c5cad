//! Task: asks for work, and goes on when its end is reported.

use std::sync::Arc;

use serde_json::Value;
use stepwell_states::{
    Pattern, Payload, ResourceKind, Task, Timestamp, arguments, check_parameters, complete,
    effective_input, function_reference, task_times,
};

use crate::draft::{Draft, Left};
use crate::event::{EventKind, EventNumber, FrameId, TaskFamily, TaskScheduled, Usage, Work};
use crate::execution::{Active, Execution, OpenTask, Phase};
use crate::failure::{DATA_LIMIT, Failure, HEARTBEAT_TIMEOUT, TIMEOUT};
use crate::seed::{self, Purpose, Seed};
use crate::steps::{failed, successor};

/// Asks for the work of a state, for the first time or again.
pub(crate) fn schedule(draft: &mut Draft<'_>, frame: FrameId, task: &Task) -> Result<(), Left> {
    let (parameters, times) = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        let parameters = match &task.resource.kind {
            // What a state is given says nothing of whom it asks.
            ResourceKind::Approval if !state.flow.has_arguments() => Payload::empty_object(),
            _ => arguments(state, env, &input)?,
        };
        check_parameters(&task.resource, state.query_language, &parameters)?;
        Ok((parameters, task_times(state, env, &input)?))
    })?;
    let work = work_of(&task.resource.kind, &parameters);
    let waits_for_report = match task.resource.pattern {
        Pattern::WaitForTaskToken => true,
        // What a component does is done when it returns; an execution goes on.
        Pattern::Sync | Pattern::Sync2 => work == Work::StartExecution,
        Pattern::RequestResponse => matches!(
            work,
            Work::AwaitEvent(_) | Work::AwaitWorker(_) | Work::AskApproval
        ),
    };
    let active = draft.active(frame);
    let order = TaskScheduled {
        state: active.state,
        state_name: active.name.clone(),
        family: family_of(&task.resource.kind),
        resource_type: task.resource.resource_type().into(),
        resource: task.resource.resource_name().into(),
        parameters,
        attempt: active.attempt,
        timeout_seconds: times.timeout_seconds,
        heartbeat_seconds: times.heartbeat_seconds,
        work,
        waits_for_report,
        idempotency_key: idempotency_key(draft, active),
    };
    let scheduled = draft.emit(frame, EventKind::TaskScheduled(Arc::new(order)));
    take_posted_event(draft, frame, scheduled)
}

/// The same for all attempts of one visit of the state, and for no other: not even where
/// an execution has the name of one whose state machine was deleted. Another input is
/// another request, and has a key of its own.
fn idempotency_key(draft: &Draft<'_>, active: &Active) -> Arc<str> {
    let started = draft.execution.started.as_ref();
    let started = started.expect("a started execution has its start");
    let mut bits = started.seed.derive(Purpose::IdempotencyKey, active.entered);
    if let Some(edited_by) = active.edited_by {
        bits = Seed(bits).derive(Purpose::IdempotencyKey, edited_by);
    }
    seed::uuid(&bits).into()
}

fn family_of(kind: &ResourceKind) -> TaskFamily {
    match kind {
        ResourceKind::LambdaFunction { .. } => TaskFamily::LambdaFunction,
        ResourceKind::Activity { .. } => TaskFamily::Activity,
        _ => TaskFamily::Task,
    }
}

fn work_of(kind: &ResourceKind, parameters: &Payload) -> Work {
    match kind {
        ResourceKind::Component { name, version }
        | ResourceKind::LambdaFunction { name, version } => Work::RunComponent {
            name: name.as_str().into(),
            version: version.as_deref().map(Arc::from),
        },
        ResourceKind::LambdaInvoke => function(parameters),
        ResourceKind::Activity { arn } => Work::AwaitWorker(arn.as_str().into()),
        ResourceKind::StartExecution => Work::StartExecution,
        ResourceKind::HttpInvoke => Work::CallHttp,
        ResourceKind::Approval => Work::AskApproval,
        ResourceKind::Event { name } => Work::AwaitEvent(name.as_str().into()),
        ResourceKind::StepwellSdk { action } => Work::CallOwnApi(action.as_str().into()),
        ResourceKind::Integration { service, action } => Work::RunBound {
            service: service.as_str().into(),
            action: action.as_str().into(),
        },
    }
}

/// The function that `lambda:invoke` is to run.
fn function(parameters: &Payload) -> Work {
    let parameters = parameters.to_value();
    let text = |field: &str| parameters.get(field).and_then(Value::as_str);
    let given = text("FunctionName").unwrap_or_default();
    let (name, version) = function_reference(given, text("Qualifier"));
    Work::InvokeFunction {
        name: name.into(),
        version: version.map(Arc::from),
    }
}

/// An event task takes the oldest posted event of its name, if one came early.
fn take_posted_event(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: EventNumber,
) -> Result<(), Left> {
    let Some(Work::AwaitEvent(name)) = draft
        .execution
        .open_task(scheduled)
        .map(|task| task.order.work.clone())
    else {
        return Ok(());
    };
    let found = draft
        .execution
        .inbox
        .iter()
        .find(|(_, posted)| posted.name == name);
    let Some((received, data)) = found.map(|(number, posted)| (*number, posted.data.clone()))
    else {
        return Ok(());
    };
    draft.emit(frame, EventKind::EventTaken { received });
    succeeded(draft, frame, scheduled, data, None);
    Err(Left)
}

/// Whether a task waits for an event of this name.
pub(crate) fn awaits_event(execution: &Execution, name: &str) -> bool {
    waiting_for_event(execution, name).is_some()
}

/// The oldest task that waits for an event of this name, and its frame.
fn waiting_for_event(execution: &Execution, name: &str) -> Option<(EventNumber, FrameId)> {
    execution.tasks.iter().find_map(|(number, frame)| {
        let task = execution.open_task(*number)?;
        matches!(&task.order.work, Work::AwaitEvent(wanted) if &**wanted == name)
            .then_some((*number, *frame))
    })
}

/// An event was posted: the oldest task that waits for its name takes it.
pub(crate) fn offer_event(draft: &mut Draft<'_>, name: &str) {
    if let Some((scheduled, frame)) = waiting_for_event(draft.execution, name) {
        // How a step ends is all in the events that it recorded.
        let _ = take_posted_event(draft, frame, scheduled);
    }
}

/// Records that the work began, where nothing has yet.
pub(crate) fn started(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: EventNumber,
    worker: Option<Arc<str>>,
    at: Timestamp,
) {
    if draft
        .execution
        .open_task(scheduled)
        .is_some_and(|task| !task.started)
    {
        // Whoever reports on a task that nobody had begun caused its beginning and its end.
        let reported_by = draft.reported_by.clone();
        draft.emit_at(frame, at, EventKind::TaskStarted { scheduled, worker });
        draft.reported_by = reported_by;
    }
}

/// Nobody can be found who would do the work.
pub(crate) fn not_scheduled(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: EventNumber,
    failure: Failure,
) {
    let kind = EventKind::TaskSubmitFailed {
        scheduled,
        failure: failure.clone(),
    };
    draft.emit(frame, kind);
    failed(draft, frame, &failure);
}

/// The work ended on this host.
pub(crate) fn finished(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: EventNumber,
    result: Result<Payload, Failure>,
    usage: Option<Usage>,
) {
    match result {
        Ok(output) if waits_for_report(draft, scheduled) => {
            draft.emit(
                frame,
                EventKind::TaskSubmitted {
                    scheduled,
                    output,
                    usage,
                },
            );
        }
        Ok(output) => succeeded(draft, frame, scheduled, output, usage),
        Err(failure) => lost(draft, frame, scheduled, failure, usage),
    }
}

fn waits_for_report(draft: &Draft<'_>, scheduled: EventNumber) -> bool {
    draft
        .execution
        .open_task(scheduled)
        .is_some_and(|task| task.order.waits_for_report)
}

/// The work is done, and this is its result.
pub(crate) fn succeeded(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: EventNumber,
    output: Payload,
    usage: Option<Usage>,
) {
    started(draft, frame, scheduled, None, draft.now);
    if output.byte_len() > draft.payload_max_bytes() {
        let name = &draft.active(frame).name;
        let cause = format!(
            "The state/task '{name}' returned a result with a size exceeding the maximum number \
             of bytes service limit."
        );
        return lost(
            draft,
            frame,
            scheduled,
            Failure::new(DATA_LIMIT, cause),
            usage,
        );
    }
    draft.emit(
        frame,
        EventKind::TaskSucceeded {
            scheduled,
            output: output.clone(),
            usage,
        },
    );
    let completion = draft.evaluate_or_fail(frame, |state, env| {
        let input = effective_input(state, env)?;
        complete(state, env, &input, &output)
    });
    if let Ok(completion) = completion {
        let next = successor(draft, frame);
        draft.complete(frame, completion, next);
    }
}

/// The work failed.
pub(crate) fn lost(
    draft: &mut Draft<'_>,
    frame: FrameId,
    scheduled: EventNumber,
    failure: Failure,
    usage: Option<Usage>,
) {
    let kind = match failure.error_name() {
        TIMEOUT | HEARTBEAT_TIMEOUT => EventKind::TaskTimedOut {
            scheduled,
            failure: failure.as_shown(),
            usage,
        },
        _ => EventKind::TaskFailed {
            scheduled,
            failure: failure.clone(),
            usage,
        },
    };
    draft.emit(frame, kind);
    failed(draft, frame, &failure);
}

/// A waiting task's timer is due.
pub(crate) fn timed_out(draft: &mut Draft<'_>, frame: FrameId) {
    let Phase::Task(task) = &draft.active(frame).phase else {
        return;
    };
    let scheduled = task.number;
    let error = match task.heartbeat_due {
        Some(due) if due <= draft.now && !is_due(task.times_out_at, draft.now) => HEARTBEAT_TIMEOUT,
        _ => TIMEOUT,
    };
    started_if_submitted(draft, frame, scheduled);
    lost(draft, frame, scheduled, Failure::named(error), None);
}

fn is_due(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_some_and(|at| at <= now)
}

/// A task of this host that has not begun has no start to show; one that a worker
/// or a token completes began when it was handed over.
fn started_if_submitted(draft: &mut Draft<'_>, frame: FrameId, scheduled: EventNumber) {
    if draft
        .execution
        .open_task(scheduled)
        .is_some_and(|task| task.submitted)
    {
        started(draft, frame, scheduled, None, draft.now);
    }
}

/// A waiting task gave a sign of life.
pub(crate) fn heartbeat(draft: &mut Draft<'_>, frame: FrameId, scheduled: EventNumber) {
    let now = draft.now;
    let next = |task: &OpenTask| {
        let seconds = task.order.heartbeat_seconds?;
        Some(now.plus_ms(seconds.saturating_mul(1_000)))
    };
    if let Some(due) = draft.execution.open_task(scheduled).and_then(next) {
        draft.emit(
            frame,
            EventKind::TaskHeartbeat {
                scheduled,
                due: Some(due),
            },
        );
    }
}

/// What a task is told of the execution that it waited for. With `.sync`, its input and
/// output are texts; with `.sync:2` they are JSON.
pub(crate) fn child_result(
    draft: &Draft<'_>,
    scheduled: EventNumber,
    result: Result<Payload, Failure>,
) -> Result<Payload, Failure> {
    let as_texts = draft
        .execution
        .open_task(scheduled)
        .is_some_and(|task| task.order.resource.ends_with(Pattern::Sync.suffix()));
    if !as_texts {
        return result;
    }
    match result {
        Ok(described) => Ok(with_texts(&described)),
        Err(failure) => match failure.cause.as_deref().map(Payload::parse) {
            Some(Ok(described)) => Err(Failure::new(
                failure.error_name(),
                with_texts(&described).as_str(),
            )),
            _ => Err(failure),
        },
    }
}

fn with_texts(described: &Payload) -> Payload {
    let mut described = described.to_value();
    for field in ["Input", "Output"] {
        if let Some(value) = described.get_mut(field) {
            *value = Value::String(value.to_string());
        }
    }
    Payload::from_value(&described)
}
