//! `StartExecution`, `StopExecution`, `DescribeExecution`.

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
    Caller, ExecutionDescription, ExecutionSummary, StartExecution, Tenant, status_word,
};
use crate::names;

/// How much of an execution a description may tell.
const INCLUDED_DATA: [&str; 2] = ["ALL_DATA", METADATA_ONLY];
const METADATA_ONLY: &str = "METADATA_ONLY";
/// The most characters of an error that a caller may stop an execution with.
const ERROR_MAX_CHARS: usize = 256;
/// The most characters of a cause.
const CAUSE_MAX_CHARS: usize = 32_768;

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
        traceparent: request
            .optional_text("traceHeader")
            .and_then(traceparent_of),
        ..StartExecution::default()
    };
    let started = engine.start_execution(caller, order).await;
    let started = started.map_err(|error| start_fault(error, &caller.tenant, machine, name))?;
    Ok(json!({
        "executionArn": started.arn,
        "startDate": times.write(started.started_at),
    }))
}

/// The trace context that an X-Ray header says, in W3C's form: `Root=1-5759e988-bd86…;Parent=…`.
/// None where it names no trace and no parent; then it is told again, and nothing else.
pub(super) fn traceparent_of(header: &str) -> Option<String> {
    let field = |name: &str| {
        let mut fields = header.split(';').filter_map(|field| field.split_once('='));
        fields
            .find(|(known, _)| known.trim() == name)
            .map(|(_, value)| value.trim())
    };
    let (time, rest) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
    let parent = field("Parent")?;
    let flags = if field("Sampled") == Some("1") {
        "01"
    } else {
        "00"
    };
    Some(format!("00-{time}{rest}-{parent}-{flags}"))
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
    within(request, "error", ERROR_MAX_CHARS)?;
    within(request, "cause", CAUSE_MAX_CHARS)?;
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

/// Refuses a text of more than `max` characters; its own words stay out of the answer.
fn within(request: &Request, member: &str, max: usize) -> Result<(), ApiFault> {
    let given = request.optional_text(member).unwrap_or_default();
    if given.chars().count() <= max {
        return Ok(());
    }
    let rule = format!("Member must have length less than or equal to {max}");
    Err(ApiFault::constraint("'...'", member, &rule))
}

pub(super) async fn describe(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let execution = request.execution_arn()?;
    let included = request.word("includedData", &INCLUDED_DATA)?;
    let described = engine.describe_execution(caller, execution).await;
    let described = described.map_err(|error| fault_of(error, execution))?;
    let with_data = included != Some(METADATA_ONLY);
    Ok(description(&described, with_data, times))
}

fn description(described: &ExecutionDescription, with_data: bool, times: TimeForm) -> Value {
    let mut shown = line(&described.summary, times);
    let mut put = |member: &str, text: &str| shown.insert(member.to_owned(), text.into());
    if with_data {
        put("input", described.input.as_str());
        if let Some(output) = &described.output {
            put("output", output.as_str());
        }
        // That its time was up is all in the status.
        let failure = described.failure.as_ref();
        let failure = failure.filter(|_| described.summary.status != Status::TimedOut);
        if let Some(error) = failure.and_then(|failure| failure.error.as_deref()) {
            put("error", error);
        }
        if let Some(cause) = failure.and_then(|failure| failure.cause.as_deref()) {
            put("cause", cause);
        }
    }
    let details = json!({ "included": with_data });
    if described.output.is_some() {
        shown.insert("outputDetails".to_owned(), details.clone());
    }
    shown.insert("inputDetails".to_owned(), details);
    redrives::add_status(&mut shown, &described.redrivable);
    if let Some(run) = &described.map_run_arn {
        shown.insert("mapRunArn".to_owned(), run.as_str().into());
    }
    Value::Object(shown)
}

pub(super) fn line(summary: &ExecutionSummary, times: TimeForm) -> Map<String, Value> {
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
