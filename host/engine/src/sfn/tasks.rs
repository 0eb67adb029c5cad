//! Reports on tasks: `SendTaskSuccess`, `SendTaskFailure`, `SendTaskHeartbeat`.

use serde_json::{Value, json};
use stepwell_decider::{EventKind, EventNumber, Failure, TaskToken};
use stepwell_states::Payload;
use stepwell_store::ExecutionKey;

use super::fault::{ApiError, ApiFault, fault_of};
use super::request::Request;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, TaskReport};

/// Characters of a task's token, at most.
const TOKEN_MAX_CHARS: usize = 2_048;
/// Characters of an error's name, at most.
const ERROR_MAX_CHARS: usize = 256;
/// Characters of a cause, at most.
const CAUSE_MAX_CHARS: usize = 32_768;
/// Events that are read at a time in search of a task's end.
const STEP: usize = 256;

pub(super) async fn succeed(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    repeated: bool,
) -> Result<Value, ApiError> {
    let token = token_of(request)?;
    // Before the output: a text that is no token is told so, whatever comes with it.
    let read = read_token(token)?;
    let output = Payload::parse(request.text("output")).map_err(|problem| {
        let message = format!("Invalid Output: '{}'", problem.message);
        ApiFault::new("InvalidOutput", message)
    })?;
    let reported = TaskReport::Success(output.clone());
    let done = Done::Success(output);
    report(
        engine,
        caller,
        token,
        reported,
        repeated.then_some((read, done)),
    )
    .await
}

pub(super) async fn fail(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
    repeated: bool,
) -> Result<Value, ApiError> {
    let token = token_of(request)?;
    let (error, cause) = (
        request.at_most("error", ERROR_MAX_CHARS)?,
        request.at_most("cause", CAUSE_MAX_CHARS)?,
    );
    let read = read_token(token)?;
    let done = Done::Failure(Failure::from_parts(error, cause));
    let reported = TaskReport::Failure {
        error: error.map(str::to_owned),
        cause: cause.map(str::to_owned),
    };
    report(
        engine,
        caller,
        token,
        reported,
        repeated.then_some((read, done)),
    )
    .await
}

pub(super) async fn heartbeat(
    engine: &EngineHandle,
    caller: &Caller,
    request: &Request,
) -> Result<Value, ApiError> {
    let token = token_of(request)?;
    report(engine, caller, token, TaskReport::Heartbeat, None).await
}

fn token_of(request: &Request) -> Result<&str, ApiError> {
    let token = request.bounded("taskToken", TOKEN_MAX_CHARS)?;
    Ok(token.unwrap_or_default())
}

fn read_token(text: &str) -> Result<TaskToken, ApiFault> {
    text.parse().map_err(|_malformed| ApiFault::invalid_token())
}

/// How a report would have ended its task.
enum Done {
    Success(Payload),
    Failure(Failure),
}

/// Reports. With `again`, a task that has ended just as reported was ended by this very
/// call, whose answer a crash has swallowed.
async fn report(
    engine: &EngineHandle,
    caller: &Caller,
    token: &str,
    report: TaskReport,
    again: Option<(TaskToken, Done)>,
) -> Result<Value, ApiError> {
    match (engine.report_task(caller, token, report).await, again) {
        (Ok(()), _) => Ok(json!({})),
        (Err(EngineError::TaskTimedOut), Some((token, done))) => {
            if has_ended_so(engine, &token, done).await? {
                return Ok(json!({}));
            }
            Err(fault_of(EngineError::TaskTimedOut, ""))
        }
        (Err(error), _) => Err(fault_of(error, "")),
    }
}

async fn has_ended_so(
    engine: &EngineHandle,
    token: &TaskToken,
    done: Done,
) -> Result<bool, ApiError> {
    let (key, task) = (ExecutionKey(token.execution), token.scheduled);
    let found = engine.read(move |store| {
        let mut after = task;
        loop {
            let slice = store.history_page(key, Some(after), STEP, false)?;
            for event in &slice.events {
                if let Some(same) = ended_so(&event.kind, task, &done) {
                    return Ok(same);
                }
            }
            match slice.events.last() {
                Some(last) if slice.more => after = last.number,
                _ => return Ok(false),
            }
        }
    });
    found.await.map_err(ApiError::Host)
}

/// Whether an event ends the task, and if so, whether as reported.
fn ended_so(kind: &EventKind, task: EventNumber, done: &Done) -> Option<bool> {
    match (kind, done) {
        (
            EventKind::TaskSucceeded {
                scheduled, output, ..
            },
            Done::Success(reported),
        ) if *scheduled == task => Some(output == reported),
        (
            EventKind::TaskFailed {
                scheduled, failure, ..
            },
            Done::Failure(reported),
        ) if *scheduled == task => Some(failure == reported),
        _ => None,
    }
}
