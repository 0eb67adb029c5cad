//! The history of an execution: its events, and waiting for more of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use stepwell_engine::{Caller, EngineError, EventKind, HistoryPart, HistoryRange, TaskScheduled};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Query, Segment};
use crate::wire::{EventContext, History, answered_task, rest_event};

/// Events of a part, unless the query says otherwise.
const PART_LIMIT: u32 = 100;

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
        ("execution" = String, Path, description = "ARN, or machine/name, or the name where that is the tenant's only one; percent-encoded"),
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
    if let Some(patience) = app.patience(wait)? {
        let time = patience.time();
        let moved = engine.wait_for_events(&caller, &execution, query.after, time);
        patience.wait(moved).await.transpose()?;
    }
    let range = HistoryRange {
        after: query.after,
        limit: query.limit.unwrap_or(PART_LIMIT),
        reverse: query.reverse,
    };
    let part = engine.read_history(&caller, &execution, range).await?;
    let tasks = answered_tasks(&app, &caller, &execution, &part).await?;
    let context = EventContext {
        region: &caller.tenant.region,
        definition: &part.definition,
        tasks: &tasks,
    };
    let shown = part
        .events
        .iter()
        .filter(|event| query.internal || event.id != 0);
    Ok(Json(History {
        events: shown.map(|event| rest_event(event, context)).collect(),
        next_after: part
            .events
            .last()
            .map_or(query.after, |event| event.number.0),
        more: part.more,
        status: part.status.into(),
    }))
}

/// Finds the `TaskScheduled` events that the part's events answer: in the part itself, or
/// where it began before the part, by reading that one event.
async fn answered_tasks(
    app: &App,
    caller: &Caller,
    execution: &str,
    part: &HistoryPart,
) -> Result<BTreeMap<u64, Arc<TaskScheduled>>, EngineError> {
    let mut tasks = BTreeMap::new();
    for event in &part.events {
        if let EventKind::TaskScheduled(task) = &event.kind {
            tasks.insert(event.number.0, Arc::clone(task));
        }
    }
    for number in part.events.iter().filter_map(answered_task) {
        if tasks.contains_key(&number) {
            continue;
        }
        let range = HistoryRange {
            after: number.saturating_sub(1),
            limit: 1,
            reverse: false,
        };
        let read = app.engine().read_history(caller, execution, range).await?;
        if let Some(EventKind::TaskScheduled(task)) = read.events.first().map(|event| &event.kind) {
            tasks.insert(number, Arc::clone(task));
        }
    }
    Ok(tasks)
}
