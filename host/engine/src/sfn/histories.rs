//! `GetExecutionHistory`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_decider::{EventNumber, HistoryEvent, TaskScheduled};
use stepwell_states::StateMachine;

use super::fault::{ApiError, ApiFault, fault_of};
use super::pages::List;
use super::request::Request;
use super::times::TimeForm;
use crate::handle::EngineHandle;
use crate::handle::histories::definitions_of;
use crate::model::Caller;

/// Members of an event's details that are data of the execution.
const EXECUTION_DATA: [&str; 7] = [
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "parameters",
    "assignedVariables",
    "assignedVariablesDetails",
];

/// What an event is shown with besides what it says itself.
#[derive(Debug, Clone, Copy)]
pub struct ShownHistory<'a> {
    /// The tenant's region.
    pub region: &'a str,
    /// The definition that the execution runs.
    pub definition: &'a StateMachine,
    /// The `TaskScheduled` events that the shown events answer, by their number.
    pub tasks: &'a BTreeMap<u64, Arc<TaskScheduled>>,
}

/// Writes events in AWS's shape. A door brings that: what goes over the wire is a door's.
pub trait EventShape: Send + Sync + fmt::Debug + 'static {
    /// Writes one event that the wire shows; `time` is its timestamp, written already.
    fn show(&self, event: &HistoryEvent, time: Value, context: ShownHistory<'_>) -> Value;
}

impl EngineHandle {
    /// Says how `GetExecutionHistory` writes events; the first one to say so is heard.
    pub fn show_events_as(&self, shape: Arc<dyn EventShape>) {
        // A second door has the same shapes.
        drop(self.0.event_shape.set(shape));
    }
}

pub(super) async fn read(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let Some(shape) = engine.0.event_shape.get() else {
        return Err(ApiError::NotSupported("GetExecutionHistory".to_owned()));
    };
    let named = request.execution_arn()?;
    let of = |error| fault_of(error, named);
    let limit = request.page_size()? as usize;
    let reverse = request.flag("reverseOrder").unwrap_or_default();
    // In which order it is read is part of the list; how much of each event is shown is not.
    let order = reverse.then_some("reverse");
    let list = List::of(engine, caller, "GetExecutionHistory", &[Some(named), order]).await?;
    let after = match list.open(request)?.map(|position| position.parse()) {
        None => None,
        Some(Ok(after)) => Some(EventNumber(after)),
        Some(Err(_)) => return Err(ApiFault::invalid_token().into()),
    };
    let row = engine.find(caller, named).await.map_err(of)?;
    let definitions = Arc::clone(&engine.0.definitions);
    let (slice, definitions) = engine
        .read(move |store| {
            Ok((
                store.history_page(row.key, after, limit, reverse)?,
                definitions_of(store, &definitions, &row)?,
            ))
        })
        .await
        .map_err(of)?;
    let tasks = engine.answered_tasks(caller, named, &slice.events).await;
    let tasks = tasks.map_err(of)?;
    let (revision, earlier) = definitions;
    let context = |event: &HistoryEvent| {
        let mut earlier = earlier.iter();
        let before = earlier.find(|(before, _)| event.number < *before);
        ShownHistory {
            region: &caller.tenant.region,
            definition: before.map_or(&revision.definition, |(_, definition)| definition),
            tasks: &tasks,
        }
    };
    let shown = slice.events.iter();
    let mut shown: Vec<Value> = shown
        .map(|event| shape.show(event, times.write(event.at), context(event)))
        .collect();
    if request.flag("includeExecutionData") == Some(false) {
        shown.iter_mut().for_each(leave_data_out);
    }
    let mut answer = json!({ "events": shown });
    if let Some(last) = slice.events.last().filter(|_| slice.more) {
        answer["nextToken"] = list.seal(&last.number.to_string()).into();
    }
    Ok(answer)
}

/// Takes out of an event what the execution was given and gave.
fn leave_data_out(event: &mut Value) {
    for (member, details) in event.as_object_mut().into_iter().flatten() {
        if let Some(details) = details
            .as_object_mut()
            .filter(|_| member.ends_with("Details"))
        {
            details.retain(|name, _| !EXECUTION_DATA.contains(&name.as_str()));
        }
    }
}
