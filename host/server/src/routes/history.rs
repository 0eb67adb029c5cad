//! The history of an execution: its events, and waiting for more of them.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use stepwell_engine::{
    Caller, EngineHandle, EventKind, HistoryEvent, HistoryPart, HistoryRange, Payload, TraceContext,
};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Query, Segment};
use crate::wire::{EventContext, ExecutionStatus, History, rest_event};

/// Events of a part, unless the query says otherwise.
const PART_LIMIT: u32 = 100;
/// Events of a part, at most.
const PART_LIMIT_MAX: u32 = 1_000;
/// Events that are read at a time.
const STEP_LIMIT: u32 = 50;
/// A part ends after so many bytes of inputs and outputs, even before its limit.
const PART_MAX_BYTES: usize = 4 << 20;

/// Which part of the history to read.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// `nextAfter` of the part before; 0 or nothing for the beginning, or with `reverse`
    /// for the end.
    #[serde(default)]
    after: u64,
    /// Events to read, 1 to 1,000, hidden ones included; 100 unless given.
    limit: Option<u32>,
    /// Newest first.
    #[serde(default)]
    reverse: bool,
    /// Whether internal events (a wait's due time, a planned retry, a posted event, …),
    /// which have the id 0, are shown too.
    #[serde(default)]
    internal: bool,
    /// Seconds to wait for events after `after`, as long as the execution runs; more
    /// than the server allows (60) is taken as that.
    wait: Option<u64>,
}

/// Read a history
///
/// The events of Step Functions, with what Stepwell knows beyond them in the member
/// `stepwell`. To follow an execution, ask again with `after` set to `nextAfter` and
/// `wait`, until `more` is false and `status` is not RUNNING.
#[utoipa::path(
    get,
    path = "/v1/executions/{execution}/history",
    tag = "executions",
    params(
        ("execution" = String, Path, description = "ARN, or machine/name; percent-encoded"),
        HistoryQuery,
    ),
    responses((status = 200, description = "A part of the history", body = History)),
)]
pub(crate) async fn read_history(
    State(app): State<App>,
    caller: Caller,
    Segment(execution): Segment,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<History>, ApiError> {
    let engine = app.engine();
    // Nothing comes before the first event, so there is nothing to wait for backwards.
    let wait = query.wait.filter(|_| !query.reverse);
    if let Some(patience) = app.patience(&caller, wait)? {
        let time = patience.time();
        let moved = engine.wait_for_events(&caller, &execution, query.after, time);
        patience.wait(moved).await.transpose()?;
    }
    let range = HistoryRange {
        after: query.after,
        limit: query.limit.unwrap_or(PART_LIMIT),
        reverse: query.reverse,
    };
    let part = read_part(engine, &caller, &execution, range).await?;
    let tasks = engine
        .answered_tasks(&caller, &execution, &part.events)
        .await?;
    let context = |event: &HistoryEvent| EventContext {
        region: &caller.tenant.region,
        definition: part.definition_of(event.number),
        tasks: &tasks,
    };
    let shown = part
        .events
        .iter()
        .filter(|event| query.internal || event.id != 0);
    Ok(Json(History {
        events: shown
            .map(|event| in_trace(rest_event(event, context(event)), &part.trace))
            .collect(),
        next_after: part
            .events
            .last()
            .map_or(query.after, |event| event.number.0),
        more: part.more,
        status: ExecutionStatus::of(part.status, part.paused),
    }))
}

/// Tells which trace an event belongs to: that of its execution.
fn in_trace(
    mut event: crate::wire::HistoryEvent,
    trace: &TraceContext,
) -> crate::wire::HistoryEvent {
    if let Some(extras) = &mut event.stepwell {
        extras.traceparent = Some(trace.to_string());
    }
    event
}

/// Reads a part in steps, until it has its events, or so many bytes that the answer is
/// large enough.
async fn read_part(
    engine: &EngineHandle,
    caller: &Caller,
    execution: &str,
    range: HistoryRange,
) -> Result<HistoryPart, ApiError> {
    if !(1..=PART_LIMIT_MAX).contains(&range.limit) {
        return Err(ApiError::invalid("limit", "give 1 to 1000"));
    }
    let step = |after, left: u32| HistoryRange {
        after,
        limit: left.min(STEP_LIMIT),
        reverse: range.reverse,
    };
    let first = step(range.after, range.limit);
    let mut part = engine.read_history(caller, execution, first).await?;
    let mut left = range.limit - first.limit;
    let mut bytes: usize = part.events.iter().map(text_bytes).sum();
    while part.more && left > 0 && bytes < PART_MAX_BYTES {
        let after = part
            .events
            .last()
            .map_or(range.after, |event| event.number.0);
        let next = step(after, left);
        let read = engine.read_history(caller, execution, next).await?;
        left -= next.limit;
        bytes += read.events.iter().map(text_bytes).sum::<usize>();
        part.events.extend(read.events);
        (part.more, part.status) = (read.more, read.status);
    }
    Ok(part)
}

/// Returns about how many bytes an event's inputs and outputs have.
fn text_bytes(event: &HistoryEvent) -> usize {
    match &event.kind {
        EventKind::ExecutionStarted(started) => started.input.byte_len(),
        EventKind::StateEntered(entered) => entered.input.byte_len(),
        EventKind::StateExited(exited) => {
            let assigned = exited.assigned.iter();
            exited.output.byte_len() + assigned.map(|(_, value)| value.byte_len()).sum::<usize>()
        }
        EventKind::TaskScheduled(task) => task.parameters.byte_len(),
        EventKind::ExecutionSucceeded { output }
        | EventKind::TaskSubmitted { output, .. }
        | EventKind::TaskSucceeded { output, .. }
        | EventKind::BranchSucceeded { output }
        | EventKind::MapIterationSucceeded { output, .. } => output.byte_len(),
        EventKind::MapIterationStarted(iteration) => {
            iteration.input.as_ref().map_or(0, Payload::byte_len)
        }
        EventKind::EventReceived(received) => received.data.byte_len(),
        EventKind::ApprovalRequested(requested) => requested.content.byte_len(),
        EventKind::ApprovalDecided(decided) => decided.inputs.byte_len(),
        _ => 0,
    }
}
