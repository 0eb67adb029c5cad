//! One call, start to end: a fresh store and instance, `run` under limits, the report.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use wasmtime::{CallHook, Store};

use crate::bindings::{Context, Failure, describe};
use crate::judge;
use crate::loaded::Loaded;
use crate::outcome::{CallReport, Outcome};
use crate::task::{CancelToken, TaskCall, TaskContext};
use crate::task_state::TaskState;

/// A guest yields after so much fuel at the latest, some 5 ms. Its fuel is counted up to its
/// last such yield where it is then stopped: at a yield for the epoch it is still in a register.
const FUEL_BETWEEN_YIELDS: u64 = 10_000_000;
/// Room for error name and cause in what `run` returns, beside the output limit.
const FAILURE_MAX_BYTES: usize = 256 << 10;

/// Calls `run` in a fresh store.
pub(crate) async fn run(loaded: &Loaded, call: &TaskCall, started: Instant) -> CallReport {
    let mut store = match new_store(loaded, call) {
        Ok(store) => store,
        Err(error) => {
            let reason = format!("no store for the call: {error:#}");
            return CallReport::without_guest(Outcome::Unavailable { reason }, started);
        }
    };
    let ended = bounded(
        &call.cancel,
        call.limits.timeout,
        enter_run(&mut store, loaded, call),
    );
    let outcome = match ended.await {
        Ok(Ok(Ok(output))) => judge::output(output, call.limits.output_max_bytes),
        Ok(Ok(Err(failure))) => judge::failure(
            &call.host.redact(&failure.error, false),
            call.host.redact(&failure.cause, false).into_owned(),
        ),
        Ok(Err(error)) => judge::error(&error, store.data()),
        Err(outcome) => outcome,
    };
    CallReport {
        outcome,
        fuel_used: call
            .limits
            .fuel
            .saturating_sub(store.get_fuel().unwrap_or_default()),
        memory_peak_bytes: store.data().memory.peak_bytes(),
        log_truncated: store.data().log.finish(),
        duration: started.elapsed(),
    }
}

type RunParams<'a> = (Context<'a>, &'a str);
/// Not the type of `bindgen!`, whose strings would have to be copied once more.
type RunResults = (Result<Arc<str>, Failure>,);

async fn enter_run(
    store: &mut Store<TaskState>,
    loaded: &Loaded,
    call: &TaskCall,
) -> wasmtime::Result<Result<Arc<str>, Failure>> {
    let instance = loaded.instance.instantiate_async(&mut *store).await?;
    let run = instance.get_typed_func::<RunParams<'_>, RunResults>(&mut *store, &loaded.run)?;
    store.data_mut().export_entered = true;
    let (result,) = run
        .call_async(store, (context(&call.context), &call.input))
        .await?;
    Ok(result)
}

/// Calls `describe` in a fresh store; in a component without it, only makes an instance.
///
/// # Errors
///
/// Returns how the guest ended otherwise.
pub(crate) async fn describe(
    loaded: &Loaded,
    call: &TaskCall,
) -> Result<Option<describe::Description>, Outcome> {
    let mut store = new_store(loaded, call).map_err(|error| Outcome::Unavailable {
        reason: format!("no store for the call: {error:#}"),
    })?;
    let ended = bounded(
        &call.cancel,
        call.limits.timeout,
        enter_describe(&mut store, loaded),
    );
    ended
        .await?
        .map_err(|error| judge::error(&error, store.data()))
}

async fn enter_describe(
    store: &mut Store<TaskState>,
    loaded: &Loaded,
) -> wasmtime::Result<Option<describe::Description>> {
    let instance = loaded.instance.instantiate_async(&mut *store).await?;
    let Some(index) = &loaded.describe else {
        return Ok(None);
    };
    let describe = instance.get_typed_func::<(), (describe::Description,)>(&mut *store, index)?;
    store.data_mut().export_entered = true;
    let (description,) = describe.call_async(store, ()).await?;
    Ok(Some(description))
}

fn new_store(loaded: &Loaded, call: &TaskCall) -> wasmtime::Result<Store<TaskState>> {
    let limits = &call.limits;
    let mut store = Store::try_new(loaded.instance.engine(), TaskState::new(call))?;
    store.limiter(|state| &mut state.memory);
    store.set_fuel(limits.fuel)?;
    store.fuel_async_yield_interval(Some(FUEL_BETWEEN_YIELDS))?;
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    // One budget for host calls and for what `run` returns; the output is measured again.
    let returned_max_bytes = limits.output_max_bytes.saturating_add(FAILURE_MAX_BYTES);
    store.set_hostcall_fuel(limits.host_call_max_bytes.max(returned_max_bytes));
    store.call_hook(|store, hook| {
        if matches!(hook, CallHook::ReturningFromHost) {
            store.data().check_host_calls()?;
        }
        Ok(())
    });
    Ok(store)
}

/// Runs a guest's future until it is done, the time is over, or the call is cancelled. Then
/// the guest stops where it last yielded, for good: nobody polls it again.
async fn bounded<T>(
    cancel: &CancelToken,
    timeout: Duration,
    guest: impl Future<Output = T>,
) -> Result<T, Outcome> {
    if cancel.is_cancelled() {
        return Err(Outcome::Cancelled);
    }
    // The guest goes first: one that is done at its first poll never costs a timer.
    tokio::select! {
        biased;
        ended = without_panic(guest) => ended,
        () = cancel.cancelled() => Err(Outcome::Cancelled),
        () = tokio::time::sleep(timeout) => Err(Outcome::TimedOut),
    }
}

/// Keeps a panic of a host function, or of wasmtime, to the one call. It is our mistake, but
/// one that the guest brings about each time, so that it counts as its trap.
async fn without_panic<T>(guest: impl Future<Output = T>) -> Result<T, Outcome> {
    let mut guest = pin!(guest);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| guest.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => {
                let text = panic_text(&*panic);
                tracing::error!(panic = text, "a host function panicked during a task call");
                let message = "the host failed while it served the task".to_owned();
                Poll::Ready(Err(Outcome::Trapped { message }))
            }
        },
    )
    .await
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

fn context(context: &TaskContext) -> Context<'_> {
    Context {
        tenant: &context.tenant,
        execution_id: &context.execution_id,
        execution_name: &context.execution_name,
        state_machine: &context.state_machine,
        state: &context.state,
        attempt: context.attempt,
        idempotency_key: &context.idempotency_key,
        execution_started_ms: context.execution_started_ms,
        deadline_ms: context.deadline_ms,
        task_token: context.task_token.as_deref(),
        traceparent: &context.traceparent,
    }
}
