//! `ListExecutions`.

use serde_json::{Value, json};
use stepwell_decider::Status;

use super::executions::line;
use super::fault::{ApiError, ApiFault, fault_of};
use super::pages::List;
use super::request::Request;
use super::times::TimeForm;
use crate::handle::EngineHandle;
use crate::model::{Caller, ExecutionQuery, ListExecutions};

/// The status of children of a Map Run that wait to be redriven.
const PENDING_REDRIVE: &str = "PENDING_REDRIVE";
/// The statuses that a list may be filtered by, in AWS's order.
const STATUSES: [(&str, Option<Status>); 6] = [
    ("SUCCEEDED", Some(Status::Succeeded)),
    ("TIMED_OUT", Some(Status::TimedOut)),
    (PENDING_REDRIVE, None),
    ("ABORTED", Some(Status::Aborted)),
    ("FAILED", Some(Status::Failed)),
    ("RUNNING", Some(Status::Running)),
];
/// What a list may be filtered by, in the order of the service model.
const REDRIVE_FILTERS: [&str; 2] = ["REDRIVEN", "NOT_REDRIVEN"];

pub(super) async fn list(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    times: TimeForm,
) -> Result<Value, ApiError> {
    let limit = request.page_size()?;
    let status = request.word("statusFilter", &STATUSES.map(|(word, _)| word))?;
    let redriven = request.word("redriveFilter", &REDRIVE_FILTERS)?;
    let (machine, map_run) = whose(request)?;
    if map_run.is_none() && status == Some(PENDING_REDRIVE) {
        let message = "PENDING_REDRIVE is only supported with mapRunArn";
        return Err(ApiFault::new("ValidationException", message).into());
    }
    let named = machine.or(map_run).unwrap_or_default();
    let list = List::of(
        engine,
        caller,
        "ListExecutions",
        &[machine, map_run, status, redriven],
    )
    .await?;
    let wanted = STATUSES.iter().filter(|(word, _)| Some(*word) == status);
    let wanted = wanted.filter_map(|(_, status)| *status);
    let order = ListExecutions {
        query: ExecutionQuery {
            state_machine: machine.map(str::to_owned),
            statuses: wanted.collect(),
            redriven: redriven.map(|word| word == REDRIVE_FILTERS[0]),
            ..ExecutionQuery::default()
        },
        pending_redrive: status == Some(PENDING_REDRIVE),
        page_token: list.open(request)?,
        limit,
    };
    let page = match map_run {
        Some(run) => engine.map_run_executions_page(caller, run, order).await,
        None => {
            let position = order.page_token.clone();
            engine
                .executions_page(caller, order, position.as_deref())
                .await
        }
    };
    let page = page.map_err(|error| fault_of(error, named))?;
    let lines = page.items.iter().map(|summary| {
        let mut shown = line(summary, times);
        if let (Some(run), Some(items)) = (map_run, summary.item_count) {
            shown.insert("mapRunArn".to_owned(), run.into());
            shown.insert("itemCount".to_owned(), items.into());
        }
        shown
    });
    let mut answer = json!({ "executions": lines.collect::<Vec<_>>() });
    if let Some(position) = page.next_page_token {
        answer["nextToken"] = list.seal(&position).into();
    }
    Ok(answer)
}

/// The state machine or the Map Run whose executions are asked for: one of the two.
fn whose(request: &Request) -> Result<(Option<&str>, Option<&str>), ApiError> {
    match (request.has("stateMachineArn"), request.has("mapRunArn")) {
        (true, false) => Ok((Some(request.arn("stateMachineArn")?), None)),
        (false, true) => Ok((None, Some(request.arn("mapRunArn")?))),
        _ => {
            let message = "Must specify exactly one of stateMachineArn or mapRunArn";
            Err(ApiFault::new("ValidationException", message).into())
        }
    }
}
