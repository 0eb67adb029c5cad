//! `StartExecution`, `StopExecution`, `DescribeExecution`, `ListExecutions`.

use serde_json::{Map, Value, json};
use stepwell_decider::Status;
use stepwell_states::Payload;
use stepwell_states::aws::syntax_problem;

use super::fault::{ApiError, ApiFault, fault_of};
use super::redrives;
use super::request::Request;
use super::times::TimeForm;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{
    Caller, ExecutionDescription, ExecutionSummary, ListExecutions, StartExecution, Tenant,
    status_word,
};
use crate::names;

/// The statuses that a list may be filtered by, in AWS's order.
const STATUSES: [(&str, Option<Status>); 6] = [
    ("SUCCEEDED", Some(Status::Succeeded)),
    ("TIMED_OUT", Some(Status::TimedOut)),
    // No execution here is ever in it.
    ("PENDING_REDRIVE", None),
    ("ABORTED", Some(Status::Aborted)),
    ("FAILED", Some(Status::Failed)),
    ("RUNNING", Some(Status::Running)),
];

pub(super) async fn start(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let machine = request.arn("stateMachineArn")?;
    let name = request.optional_text("name");
    let order = StartExecution {
        state_machine: machine.to_owned(),
        name: name.map(str::to_owned),
        input: request.optional_text("input").map(read_input).transpose()?,
        traceparent: None,
    };
    let started = engine.start_execution(caller, order).await;
    let started = started.map_err(|error| start_fault(error, &caller.tenant, machine, name))?;
    Ok(json!({
        "executionArn": started.arn,
        "startDate": times.write(started.started_at),
    }))
}

/// Reads an execution's input.
///
/// # Errors
/// It is no JSON.
pub(crate) fn read_input(text: &str) -> Result<Payload, ApiFault> {
    if text.trim().is_empty() {
        return Err(ApiFault::invalid_input("Invalid execution input."));
    }
    Payload::parse(text).map_err(|problem| {
        let told = syntax_problem(text).unwrap_or(problem.message);
        ApiFault::invalid_input(&told)
    })
}

/// What a refused start is told as: each refusal names another part of the request.
pub(crate) fn start_fault(
    error: EngineError,
    tenant: &Tenant,
    machine: &str,
    name: Option<&str>,
) -> ApiError {
    match &error {
        EngineError::NameTaken { name } => {
            let machine = names::machine_name(tenant, machine).unwrap_or(machine);
            let arn = names::execution_arn(tenant, machine, name);
            fault_of(error, &arn)
        }
        EngineError::Invalid { field: "name", .. } => fault_of(error, name.unwrap_or_default()),
        _ => fault_of(error, machine),
    }
}

pub(super) async fn stop(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let execution = request.execution_arn()?;
    let owned = |member| request.optional_text(member).map(str::to_owned);
    let stopped = engine
        .stop_execution(caller, execution, owned("error"), owned("cause"))
        .await;
    match stopped {
        // Who asks to stop what has ended is told when it ended.
        Ok(()) | Err(EngineError::ExecutionEnded) => {}
        Err(error) => return Err(fault_of(error, execution)),
    }
    let described = engine.describe_execution(caller, execution).await;
    let described = described.map_err(|error| fault_of(error, execution))?;
    let stopped_at = described.summary.stopped_at;
    Ok(json!({ "stopDate": stopped_at.map(|at| times.write(at)) }))
}

pub(super) async fn describe(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let execution = request.execution_arn()?;
    let described = engine.describe_execution(caller, execution).await;
    let described = described.map_err(|error| fault_of(error, execution))?;
    Ok(description(&described, times))
}

fn description(described: &ExecutionDescription, times: TimeForm) -> Value {
    let mut shown = line(&described.summary, times);
    shown.insert("input".to_owned(), described.input.as_str().into());
    shown.insert("inputDetails".to_owned(), json!({ "included": true }));
    if let Some(output) = &described.output {
        shown.insert("output".to_owned(), output.as_str().into());
        shown.insert("outputDetails".to_owned(), json!({ "included": true }));
    }
    if let Some(failure) = &described.failure {
        if let Some(error) = &failure.error {
            shown.insert("error".to_owned(), (&**error).into());
        }
        if let Some(cause) = &failure.cause {
            shown.insert("cause".to_owned(), (&**cause).into());
        }
    }
    redrives::add_status(&mut shown, &described.redrivable);
    if let Some(run) = &described.map_run_arn {
        shown.insert("mapRunArn".to_owned(), run.as_str().into());
    }
    Value::Object(shown)
}

fn line(summary: &ExecutionSummary, times: TimeForm) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut put = |member: &str, value: Value| shown.insert(member.to_owned(), value);
    put("executionArn", summary.arn.as_str().into());
    put("stateMachineArn", summary.state_machine_arn.as_str().into());
    if let Some(version) = &summary.version_arn {
        put("stateMachineVersionArn", version.as_str().into());
    }
    if let Some(alias) = &summary.alias_arn {
        put("stateMachineAliasArn", alias.as_str().into());
    }
    put("name", summary.name.as_str().into());
    put("status", status_word(summary.status).into());
    put("startDate", times.write(summary.started_at));
    if let Some(stopped_at) = summary.stopped_at {
        put("stopDate", times.write(stopped_at));
    }
    redrives::add_count(&mut shown, summary, times);
    shown
}

pub(super) async fn list(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let limit = request.page_size()?;
    let status = match request.optional_text("statusFilter") {
        None => None,
        Some(word) => match STATUSES.iter().find(|(known, _)| *known == word) {
            Some((_, None)) => return Ok(json!({ "executions": [] })),
            Some((_, known)) => *known,
            None => return Err(unknown_status(word).into()),
        },
    };
    if request.optional_text("stateMachineArn").is_none() {
        let message = "the request must have the member stateMachineArn";
        return Err(ApiFault::new("ValidationException", message).into());
    }
    let machine = request.arn("stateMachineArn")?;
    let list = ListExecutions {
        state_machine: Some(machine.to_owned()),
        status,
        page_token: request.optional_text("nextToken").map(str::to_owned),
        limit,
    };
    let page = engine.list_executions(caller, list).await;
    let page = page.map_err(|error| fault_of(error, machine))?;
    let lines = page.items.iter().map(|summary| line(summary, times));
    let mut answer = json!({ "executions": lines.collect::<Vec<_>>() });
    if let Some(token) = page.next_page_token {
        answer["nextToken"] = token.into();
    }
    Ok(answer)
}

fn unknown_status(word: &str) -> ApiFault {
    let known = STATUSES.map(|(known, _)| known).join(", ");
    let rule = format!("Member must satisfy enum value set: [{known}]");
    ApiFault::constraint(&format!("'{word}'"), "statusFilter", &rule)
}
