//! `StartSyncExecution`.

use serde_json::{Map, Value, json};

use super::executions::{read_input, start_fault, traceparent_of};
use super::fault::{ApiError, ApiFault};
use super::request::Request;
use super::times::TimeForm;
use crate::handle::EngineHandle;
use crate::model::{Caller, StartExecution, SyncExecution, status_word};

/// What an answer may hold, in AWS's order.
const INCLUDED_DATA: [&str; 2] = ["ALL_DATA", "METADATA_ONLY"];

pub(super) async fn start_sync(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let machine = request.arn("stateMachineArn")?;
    let name = request.optional_text("name");
    let with_data = match request.optional_text("includedData") {
        None => true,
        Some(word) if INCLUDED_DATA.contains(&word) => word == INCLUDED_DATA[0],
        Some(word) => {
            let known = INCLUDED_DATA.join(", ");
            let rule = format!("Member must satisfy enum value set: [{known}]");
            return Err(ApiFault::constraint(&format!("'{word}'"), "includedData", &rule).into());
        }
    };
    let order = StartExecution {
        state_machine: machine.to_owned(),
        name: name.map(str::to_owned),
        input: request.optional_text("input").map(read_input).transpose()?,
        traceparent: request
            .optional_text("traceHeader")
            .and_then(traceparent_of),
        ..StartExecution::default()
    };
    let ended = engine.start_sync_execution(caller, order).await;
    let ended = ended.map_err(|error| start_fault(error, &caller.tenant, machine, name))?;
    let mut shown = described(&ended, with_data, times);
    if let Some(header) = request.optional_text("traceHeader") {
        shown.insert("traceHeader".to_owned(), header.into());
    }
    Ok(Value::Object(shown))
}

fn described(ended: &SyncExecution, with_data: bool, times: TimeForm) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut put = |member: &str, value: Value| shown.insert(member.to_owned(), value);
    put("executionArn", ended.arn.as_str().into());
    put("stateMachineArn", ended.state_machine_arn.as_str().into());
    put("name", ended.name.as_str().into());
    put("startDate", times.write(ended.started_at));
    put("stopDate", times.write(ended.stopped_at));
    put("status", status_word(ended.status).into());
    if with_data {
        if let Some(failure) = &ended.failure {
            if let Some(error) = &failure.error {
                put("error", (&**error).into());
            }
            if let Some(cause) = &failure.cause {
                put("cause", (&**cause).into());
            }
        }
        put("input", ended.input.as_str().into());
        if let Some(output) = &ended.output {
            put("output", output.as_str().into());
        }
    }
    put("inputDetails", json!({ "included": with_data }));
    put("outputDetails", json!({ "included": with_data }));
    put(
        "billingDetails",
        json!({
            "billedDurationInMilliseconds": ended.billing.duration_ms,
            "billedMemoryUsedInMB": ended.billing.memory_mb,
        }),
    );
    shown
}
