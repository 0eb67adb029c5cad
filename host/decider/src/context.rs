//! The context object: what `$$` and `$states.context` show.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_states::{MapItem, Pattern, StateKind, StateMachine};

use crate::evaluation::evaluate_plan;
use crate::event::{EventNumber, FrameId, StateType};
use crate::execution::{Execution, Phase};
use crate::token::TaskToken;

/// The item that a Map's fields are evaluated for.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) index: u64,
    pub(crate) item: &'a MapItem,
    /// Where a distributed Map has it from.
    pub(crate) source: Option<&'a str>,
}

/// Builds the context object of the state that a frame is in. Of redrives it shows those
/// before `as_of`: what is evaluated again after a replay must come out the same.
pub(crate) fn build(
    definition: &StateMachine,
    execution: &Execution,
    frame: FrameId,
    as_of: EventNumber,
    item: Option<Item<'_>>,
) -> Value {
    let Some(started) = &execution.started else {
        return json!({});
    };
    let redrives = execution.redrives_before(as_of);
    let mut context = json!({
        "Execution": {
            "Id": &*started.execution_arn,
            "Input": started.input.to_value(),
            "StartTime": execution.started_at.to_string(),
            "Name": &*started.execution_name,
            "RoleArn": &*started.role_arn,
            "RedriveCount": redrives.len(),
        },
        "StateMachine": {
            "Id": &*started.state_machine_arn,
            "Name": &*started.state_machine_name,
        },
    });
    if let Some(redriven) = redrives.last() {
        context["Execution"]["RedriveTime"] = Value::from(redriven.at.to_string());
    }
    let Some(active) = execution
        .frames
        .get(&frame)
        .and_then(|held| held.active.as_ref())
    else {
        return context;
    };
    context["State"] = json!({
        "Name": &*active.name,
        "EnteredTime": active.entered_at.to_string(),
    });
    // Only states that can be retried have a count of it.
    if matches!(
        active.state_type,
        StateType::Task | StateType::Parallel | StateType::Map
    ) {
        context["State"]["RetryCount"] = Value::from(active.retry_count());
    }
    if let StateKind::Task(task) = &definition.state(active.state).kind
        && task.resource.pattern == Pattern::WaitForTaskToken
    {
        // The token of the task that is about to be scheduled, or of the one that is.
        let scheduled = match &active.phase {
            Phase::Task(task) => task.number,
            _ => EventNumber(execution.version.0 + 1),
        };
        let token = TaskToken::new(&started.seed, started.key, scheduled);
        context["Task"] = json!({ "Token": token.to_string() });
    }
    let found = item.map(map_item);
    if let Some(item) = found.or_else(|| enclosing_item(definition, execution, frame)) {
        context["Map"] = json!({ "Item": item });
    }
    context
}

/// What `$$.Map.Item` shows.
pub(crate) fn map_item(item: Item<'_>) -> Value {
    let mut shown = json!({ "Index": item.index });
    if let Some(key) = &item.item.key {
        shown["Key"] = Value::String(key.clone());
    }
    shown["Value"] = item.item.value.to_value();
    if let Some(source) = item.source {
        shown["Source"] = Value::from(source);
    }
    shown
}

/// The item of the innermost iteration that a frame is part of.
fn enclosing_item(
    definition: &StateMachine,
    execution: &Execution,
    frame: FrameId,
) -> Option<Value> {
    let mut at = execution.frames.get(&frame);
    while let Some(parent) = at.and_then(|held| held.parent) {
        at = execution.frames.get(&parent.frame);
        if at?.active.as_ref()?.state_type != StateType::Map {
            continue;
        }
        let plan = match execution.plans.0.get(&parent.frame) {
            Some(plan) => Arc::clone(plan),
            None => Arc::new(evaluate_plan(definition, execution, parent.frame, None).ok()?),
        };
        return Some(map_item(Item {
            index: u64::from(parent.index),
            item: plan.items.get(parent.index as usize)?,
            source: None,
        }));
    }
    None
}
