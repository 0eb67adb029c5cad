//! The modes that show what a task can see and do.

use serde_json::json;
use stepwell_sdk::prelude::*;

/// Fails in the attempts up to that one.
pub(crate) fn fail_until(ctx: &Context, attempt: u32) -> Result<RawJson, TaskFailure> {
    if ctx.attempt() <= attempt {
        let cause = format!("attempt {} of {attempt} that fail", ctx.attempt());
        return Err(TaskFailure::new("Transient", cause));
    }
    RawJson::from_value(&json!({ "attempt": ctx.attempt() }))
}

/// Returns every fact of the context.
pub(crate) fn report_context(ctx: &Context) -> Result<RawJson, TaskFailure> {
    RawJson::from_value(&json!({
        "tenant": ctx.tenant(),
        "executionId": ctx.execution_id(),
        "executionName": ctx.execution_name(),
        "stateMachine": ctx.state_machine(),
        "state": ctx.state(),
        "attempt": ctx.attempt(),
        "idempotencyKey": ctx.idempotency_key(),
        "executionStartedMs": ctx.execution_started_ms(),
        "deadlineMs": ctx.deadline_ms(),
        "taskToken": ctx.task_token(),
        "traceparent": ctx.traceparent(),
    }))
}

/// Gives signs of life, of both kinds in turn.
pub(crate) fn heartbeat(ctx: &Context, count: u64) -> Result<RawJson, TaskFailure> {
    for done in 1..=count {
        ctx.heartbeat();
        ctx.progress(done as f64 / count as f64, &format!("{done} of {count}"));
    }
    RawJson::from_value(&json!({ "heartbeats": count, "progressReports": count }))
}

/// Returns what two attempts with the same recording must agree on.
pub(crate) fn clock_and_random(ctx: &Context) -> Result<RawJson, TaskFailure> {
    RawJson::from_value(&json!({
        "nowMs": ctx.now_ms(),
        // As text: most readers of JSON round numbers of 64 bits.
        "number": ctx.random_u64().to_string(),
        "bytes": ctx.random_bytes(16),
    }))
}

/// Computes a xorshift sequence: the same result and fuel for the same rounds.
pub(crate) fn work(rounds: u64) -> Result<RawJson, TaskFailure> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..rounds {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    RawJson::from_value(&json!({ "result": format!("{state:016x}") }))
}

/// Is busy until the host's clock has gone on by that much.
pub(crate) fn busy_for(
    ctx: &Context,
    milliseconds: u64,
    heartbeat: bool,
) -> Result<RawJson, TaskFailure> {
    let end_ms = ctx.now_ms().saturating_add(milliseconds);
    while ctx.now_ms() < end_ms {
        // Some thousand rounds between two calls, so that host calls don't run out.
        work(10_000)?;
        if heartbeat {
            ctx.heartbeat();
        }
    }
    RawJson::from_value(&json!({ "busyMs": milliseconds }))
}
