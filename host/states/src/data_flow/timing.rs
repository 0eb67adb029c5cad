//! How long: time limits of Tasks, and Waits.

use serde_json::Value;

use super::evaluation::{Evaluation, Purpose};
use super::output::find;
use super::{Env, EvalFailure, TaskTimes};
use crate::definition::{Limit, State, StateKind, WaitUntil};
use crate::jsonata::States;
use crate::number;
use crate::path::Path;
use crate::payload::Payload;
use crate::timestamp::Timestamp;

/// Longest delay of a Wait: Step Functions counts its seconds in 32 bits.
const DELAY_MAX_SECONDS: u64 = 2_147_483_647;

/// Returns a Task's time limits.
///
/// # Errors
/// A path or expression gives no positive integer.
pub fn task_times(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<TaskTimes, EvalFailure> {
    let StateKind::Task(task) = &state.kind else {
        return Ok(TaskTimes::default());
    };
    let evaluation = Evaluation::new(env, Purpose::Times);
    let read = |limit: &Limit, name: &str| {
        let value = positive(limit, name, effective_input, &evaluation)?;
        match value {
            Some(0) => Err(EvalFailure::runtime(format!(
                "{name} must be a positive integer."
            ))),
            value => Ok(value),
        }
    };
    Ok(TaskTimes {
        timeout_seconds: read(&task.timeout, "TimeoutSeconds")?,
        heartbeat_seconds: read(&task.heartbeat, "HeartbeatSeconds")?,
    })
}

/// Returns the instant until which a Wait waits: `env.now` for one that is over.
///
/// # Errors
/// A path or expression gives no time, or one too far off.
pub fn wait_until(
    state: &State,
    env: &Env<'_>,
    effective_input: &Payload,
) -> Result<Timestamp, EvalFailure> {
    let StateKind::Wait(wait) = &state.kind else {
        return Err(EvalFailure::runtime(format!(
            "The state '{}' is no Wait.",
            state.name
        )));
    };
    let evaluation = Evaluation::new(env, Purpose::Wait);
    match &wait.until {
        WaitUntil::Seconds(seconds) => after(env, *seconds),
        WaitUntil::SecondsPath(path) => {
            let value = find(path, effective_input, &evaluation)?;
            after(env, seconds(path, &value)?)
        }
        WaitUntil::SecondsJsonata(expression) => {
            let value = expression.evaluate(&evaluation, &States::default())?;
            let seconds = value.as_number().and_then(number::as_i64);
            match seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
                Some(seconds) => after(env, seconds),
                None => Err(expression.unexpected("non-negative integer", &value)),
            }
        }
        WaitUntil::Timestamp(timestamp) => until(env, *timestamp),
        WaitUntil::TimestampPath(path) => {
            let value = find(path, effective_input, &evaluation)?;
            match value.as_str().map(Timestamp::parse_rfc3339) {
                Some(Ok(timestamp)) => until(env, timestamp),
                _ => Err(EvalFailure::runtime(format!(
                    "The TimestampPath parameter does not reference a valid ISO-8601 extended \
                     offset date-time format string: {path} == {}",
                    shown(&value)
                ))),
            }
        }
        WaitUntil::TimestampJsonata(expression) => {
            let value = expression.evaluate(&evaluation, &States::default())?;
            match value.as_str().map(Timestamp::parse_rfc3339) {
                Some(Ok(timestamp)) => until(env, timestamp),
                _ => Err(expression.unexpected("timestamp", &value)),
            }
        }
    }
}

fn after(env: &Env<'_>, seconds: u64) -> Result<Timestamp, EvalFailure> {
    if seconds > DELAY_MAX_SECONDS {
        return Err(too_long());
    }
    Ok(env.now.plus_ms(seconds * 1000))
}

fn until(env: &Env<'_>, timestamp: Timestamp) -> Result<Timestamp, EvalFailure> {
    let latest = env.now.plus_ms(DELAY_MAX_SECONDS * 1000);
    if timestamp > latest {
        return Err(too_long());
    }
    Ok(timestamp.max(env.now))
}

fn too_long() -> EvalFailure {
    EvalFailure::runtime("Wait state delay is too long.".to_owned())
}

/// Reads the seconds that a `SecondsPath` found.
fn seconds(path: &Path, value: &Value) -> Result<u64, EvalFailure> {
    let text = shown(value);
    let Ok(seconds) = text.parse::<i64>() else {
        return Err(EvalFailure::runtime(format!(
            "The SecondsPath parameter cannot be parsed as a long value: {path} == {text}"
        )));
    };
    u64::try_from(seconds).map_err(|_problem| {
        EvalFailure::runtime(format!(
            "The SecondsPath parameter references a negative value: {path} == {text}"
        ))
    })
}

/// Writes a value as messages show it: texts without their quotes.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Takes a limit that the parser found to be a small integer.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the parser lets through integers from 0 to 100,000,000"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

/// Reads a limit that is an integer of at least 0; nothing if it is not given.
fn positive(
    limit: &Limit,
    name: &str,
    input: &Payload,
    evaluation: &Evaluation<'_>,
) -> Result<Option<u64>, EvalFailure> {
    match limit {
        Limit::None => Ok(None),
        Limit::Value(value) => Ok(Some(whole(*value))),
        Limit::Path(path) => {
            let value = find(path, input, evaluation)?;
            let integer = value.as_number().and_then(number::as_i64);
            match integer.and_then(|integer| u64::try_from(integer).ok()) {
                Some(integer) => Ok(Some(integer)),
                None => Err(EvalFailure::runtime(format!(
                    "The {name}Path parameter does not reference a positive integer: {path} == {}",
                    shown(&value)
                ))),
            }
        }
        Limit::Jsonata(expression) => {
            let value = expression.evaluate(evaluation, &States::default())?;
            let integer = value.as_number().and_then(number::as_i64);
            match integer.and_then(|integer| u64::try_from(integer).ok()) {
                Some(integer) => Ok(Some(integer)),
                None => Err(expression.unexpected("positive integer", &value)),
            }
        }
    }
}
