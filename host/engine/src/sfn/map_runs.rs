//! `DescribeMapRun`, `ListMapRuns`, `UpdateMapRun`.

use serde_json::{Map, Value, json};

use super::fault::{ApiError, ApiFault, fault_of};
use super::pages::List;
use super::request::Request;
use super::times::TimeForm;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, MapRunCounts, MapRunDescription, UpdateMapRun, status_word};

/// The greatest tolerated percentage.
const PERCENTAGE_MAX: f64 = 100.0;

pub(super) async fn describe(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let named = request.arn("mapRunArn")?;
    let found = engine.describe_map_run(caller, named).await;
    let found = found.map_err(|error| fault_of(error, named))?;
    let mut shown = line(&found, times);
    // Of the machine the list alone tells.
    shown.remove("stateMachineArn");
    let mut put = |member: &str, value: Value| shown.insert(member.to_owned(), value);
    put("status", status_word(found.status).into());
    put("maxConcurrency", found.settings.max_concurrency.into());
    put(
        "toleratedFailureCount",
        found.settings.tolerated_failure_count.into(),
    );
    put(
        "toleratedFailurePercentage",
        found.settings.tolerated_failure_percentage.into(),
    );
    put("itemCounts", counts(&found.items));
    put("executionCounts", counts(&found.executions));
    put("redriveCount", found.redrive_count.into());
    if let Some(at) = found.redriven_at {
        put("redriveDate", times.write(at));
    }
    Ok(Value::Object(shown))
}

pub(super) async fn list(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    request.arn("executionArn")?;
    let named = request.execution_arn()?;
    let limit = request.page_size()?;
    let list = List::of(engine, caller, "ListMapRuns", &[Some(named)]).await?;
    let token = list.open(request)?;
    let page = engine
        .list_map_runs(caller, named, token.as_deref(), limit)
        .await;
    let page = page.map_err(|error| fault_of(error, named))?;
    let lines = page.items.iter().map(|run| line(run, times));
    let mut answer = json!({ "mapRuns": lines.collect::<Vec<_>>() });
    if let Some(position) = page.next_page_token {
        answer["nextToken"] = list.seal(&position).into();
    }
    Ok(answer)
}

pub(super) async fn update(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let named = request.arn("mapRunArn")?;
    let concurrency = request.number("maxConcurrency", u64::from(i32::MAX.unsigned_abs()))?;
    let update = UpdateMapRun {
        max_concurrency: concurrency.map(|number| u32::try_from(number).unwrap_or(u32::MAX)),
        tolerated_failure_count: request
            .number("toleratedFailureCount", i64::MAX.unsigned_abs())?,
        tolerated_failure_percentage: percentage(request)?,
    };
    match engine.update_map_run(caller, named, update).await {
        Ok(()) => Ok(json!({})),
        Err(EngineError::MapRunEnded) => {
            let message = format!("Map Run is not in a RUNNING state: '{named}'");
            Err(ApiFault::new("ValidationException", message).into())
        }
        Err(error) => Err(fault_of(error, named)),
    }
}

fn percentage(request: &Request) -> Result<Option<f64>, ApiFault> {
    const MEMBER: &str = "toleratedFailurePercentage";
    let Some(given) = request.get(MEMBER) else {
        return Ok(None);
    };
    let rule = match given.as_f64() {
        Some(number) if (0.0..=PERCENTAGE_MAX).contains(&number) => return Ok(Some(number)),
        Some(number) if number < 0.0 => "Member must have value greater than or equal to 0",
        _ => "Member must have value less than or equal to 100",
    };
    Err(ApiFault::constraint(&format!("'{given}'"), MEMBER, rule))
}

fn line(run: &MapRunDescription, times: TimeForm) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut put = |member: &str, value: Value| shown.insert(member.to_owned(), value);
    put("executionArn", run.execution_arn.as_str().into());
    put("mapRunArn", run.arn.as_str().into());
    put("stateMachineArn", run.state_machine_arn.as_str().into());
    put("startDate", times.write(run.started_at));
    if let Some(stopped_at) = run.stopped_at {
        put("stopDate", times.write(stopped_at));
    }
    shown
}

fn counts(counts: &MapRunCounts) -> Value {
    json!({
        "pending": counts.pending,
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "timedOut": counts.timed_out,
        "aborted": counts.aborted,
        "total": counts.total,
        "resultsWritten": counts.results_written,
        "failuresNotRedrivable": counts.failures_not_redrivable,
        "pendingRedrive": counts.pending_redrive,
    })
}
