//! State machines: describe, list, delete, validate.

use serde_json::{Value, json};
use stepwell_states::{ExecutionType, Severity};

use super::fault::{ApiError, ApiFault, fault_of};
use super::request::Request;
use super::times::TimeForm;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, HistoryRange, StateMachineDescription};

pub(super) async fn describe(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.arn("stateMachineArn")?;
    let found = engine.describe_state_machine(caller, named).await;
    let found = found.map_err(|error| fault_of(error, named))?;
    Ok(json!({
        "stateMachineArn": found.arn,
        "name": found.name,
        "status": "ACTIVE",
        "definition": found.asl,
        "roleArn": found.role_arn,
        "type": found.machine_type.as_str(),
        "creationDate": times.write(found.created_at),
        "loggingConfiguration": { "level": "OFF", "includeExecutionData": false },
        "tracingConfiguration": { "enabled": false },
    }))
}

/// What an execution runs: the revision that it was started with, whatever the state
/// machine has become since.
pub(super) async fn describe_for_execution(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.text("executionArn");
    let of = |error: EngineError| fault_of(error, named);
    let range = HistoryRange {
        after: 0,
        limit: 1,
        reverse: false,
    };
    let part = engine
        .read_history(caller, named, range)
        .await
        .map_err(of)?;
    let summary = engine.describe_execution(caller, named).await.map_err(of)?;
    let started = summary.summary;
    let role_arn = part.events.first().and_then(|event| match &event.kind {
        stepwell_decider::EventKind::ExecutionStarted(started) => {
            Some(started.role_arn.to_string())
        }
        _ => None,
    });
    Ok(json!({
        "stateMachineArn": started.state_machine_arn,
        "name": started.state_machine,
        "definition": part.definition.to_asl().to_string(),
        "roleArn": role_arn.unwrap_or_default(),
        // No later than that: what an execution runs is the revision of its start.
        "updateDate": times.write(started.started_at),
        "loggingConfiguration": { "level": "OFF", "includeExecutionData": false },
        "tracingConfiguration": { "enabled": false },
    }))
}

pub(super) async fn list(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let limit = request.page_size()?;
    let found = engine.list_state_machines(caller).await;
    let mut found = found.map_err(|error| fault_of(error, ""))?;
    // The list goes by name, and so does the token: the last name of the page before.
    if let Some(after) = request.optional_text("nextToken") {
        found.retain(|machine| machine.name.as_str() > after);
    }
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let line = |machine: &StateMachineDescription| {
        json!({
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "type": machine.machine_type.as_str(),
            "creationDate": times.write(machine.created_at),
        })
    };
    let mut answer = json!({ "stateMachines": found.iter().map(line).collect::<Vec<_>>() });
    if let Some(last) = found.last().filter(|_| more) {
        answer["nextToken"] = last.name.as_str().into();
    }
    Ok(answer)
}

pub(super) async fn delete(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let named = request.arn("stateMachineArn")?;
    match engine.delete_state_machine(caller, named).await {
        // What is not there is deleted.
        Ok(()) | Err(EngineError::NotFound { .. }) => Ok(json!({})),
        Err(error) => Err(fault_of(error, named)),
    }
}

pub(super) async fn validate(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let definition = request.text("definition").to_owned();
    let machine_type = match request.optional_text("type") {
        None => ExecutionType::default(),
        Some(word) => ExecutionType::from_word(word).ok_or_else(|| {
            let rule = "Member must satisfy enum value set: [STANDARD, EXPRESS]";
            ApiFault::constraint(&format!("'{word}'"), "type", rule)
        })?,
    };
    let report = engine
        .validate_definition(caller, definition, None, machine_type)
        .await;
    let report = report.map_err(|error| fault_of(error, ""))?;
    let diagnostics = report.diagnostics.iter().map(|found| {
        json!({
            "severity": match found.severity {
                Severity::Error => "ERROR",
                Severity::Warning => "WARNING",
            },
            "code": found.code,
            "message": found.message,
            "location": found.location,
        })
    });
    Ok(json!({
        "result": if report.valid { "OK" } else { "FAIL" },
        "diagnostics": diagnostics.collect::<Vec<_>>(),
        "truncated": false,
    }))
}
