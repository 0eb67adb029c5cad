//! The first instance of an upload: does it start, and what does it say of itself?

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::description::Description;
use crate::error::RejectedComponent;
use crate::invoke;
use crate::limits::TaskLimits;
use crate::loaded::Loaded;
use crate::outcome::Outcome;
use crate::task::{CancelToken, LogLine, Progress, TaskCall, TaskContext, TaskHost};

/// Longest time to start and to describe.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most fuel: some seconds' worth, which start-up code of language runtimes stays far below.
const FUEL: u64 = 2_000_000_000;
/// Most host calls.
const HOST_CALLS_MAX: u64 = 10_000;

/// Makes an instance, and describes it where it can.
///
/// # Errors
///
/// Returns [`RejectedComponent::DOES_NOT_START`], [`RejectedComponent::WRONG_EXPORT`], or
/// [`RejectedComponent::HOST_BUSY`].
pub(crate) fn try_out(loaded: &Loaded) -> Result<Option<Description>, RejectedComponent> {
    // On a thread of its own: the caller's may belong to a runtime that forbids blocking.
    let tried = thread::scope(|scope| scope.spawn(|| block_on(describe(loaded))).join());
    match tried {
        Ok(Ok(Ok(description))) => Ok(description),
        Ok(Ok(Err(outcome))) => Err(not_started(&outcome)),
        Ok(Err(error)) => Err(does_not_start(&format!("the host has no runtime: {error}"))),
        Err(_) => Err(does_not_start("the host failed")),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    Ok(runtime.block_on(future))
}

fn not_started(outcome: &Outcome) -> RejectedComponent {
    match (outcome, outcome.failure()) {
        (Outcome::BadOutput { reason }, _) => RejectedComponent::new(
            RejectedComponent::WRONG_EXPORT,
            format!("the component describes itself wrongly: {reason}"),
        ),
        (Outcome::Unavailable { reason }, _) => RejectedComponent::new(
            RejectedComponent::HOST_BUSY,
            format!("the component cannot be tried out now, upload it again later: {reason}"),
        ),
        (_, Some((error, cause))) => does_not_start(&format!("{error}: {cause}")),
        (_, None) => does_not_start("its first instance was given up"),
    }
}

fn does_not_start(reason: &str) -> RejectedComponent {
    RejectedComponent::new(
        RejectedComponent::DOES_NOT_START,
        format!("the component fails before its task is called: {reason}"),
    )
}

/// Makes an instance, and describes it where it can.
///
/// # Errors
///
/// Returns how the guest ended; [`Outcome::BadOutput`] where its schemas are no JSON.
pub(crate) async fn describe(loaded: &Loaded) -> Result<Option<Description>, Outcome> {
    let call = TaskCall {
        context: TaskContext::default(),
        input: "null".into(),
        limits: TaskLimits {
            fuel: FUEL,
            timeout: TIMEOUT,
            host_calls_max: HOST_CALLS_MAX,
            ..TaskLimits::default()
        },
        seed: [0; 32],
        host: Arc::new(NoHost),
        cancel: CancelToken::new(),
    };
    let answer = invoke::describe(loaded, &call).await?;
    answer
        .map(Description::from_guest)
        .transpose()
        .map_err(|reason| Outcome::BadOutput { reason })
}

/// Answers a guest that is only tried out: the same to everything, every time.
struct NoHost;

impl TaskHost for NoHost {
    fn log(&self, _line: LogLine) {}

    fn heartbeat(&self, _progress: Option<Progress>) {}

    fn secret(&self, _name: &str) -> Option<String> {
        None
    }

    fn config(&self, _name: &str) -> Option<String> {
        None
    }

    fn now_ms(&self) -> u64 {
        0
    }
}
