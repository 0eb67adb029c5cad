//! One task call as the caller describes it, and what a running guest may ask of the host.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::http::{HttpExchange, HttpFailure, HttpLimit, HttpRequest};
use crate::limits::TaskLimits;

/// Who is calling, for what, and until when: the WIT record `context`, field by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskContext {
    /// Name of the tenant that owns the execution.
    pub tenant: String,
    /// ARN of the execution.
    pub execution_id: String,
    /// Name of the execution, unique within its state machine.
    pub execution_name: String,
    /// Name of the state machine.
    pub state_machine: String,
    /// Name of the Task state.
    pub state: String,
    /// Number of this attempt, counted from 1.
    pub attempt: u32,
    /// Stays the same over all attempts of one task.
    pub idempotency_key: String,
    /// When the execution started, in milliseconds since the Unix epoch.
    pub execution_started_ms: u64,
    /// When this attempt is stopped, in milliseconds since the Unix epoch. Told to the guest;
    /// what stops the call is [`TaskLimits::timeout`].
    pub deadline_ms: u64,
    /// The token that completes the task from outside, where the state waits for one.
    pub task_token: Option<String>,
    /// W3C trace context of this attempt.
    pub traceparent: String,
}

/// One call of a component's `run`.
pub struct TaskCall {
    /// What the guest is told about the call.
    pub context: TaskContext,
    /// The input, a JSON text. The caller has checked its size and its grammar.
    pub input: Arc<str>,
    /// What the call may use.
    pub limits: TaskLimits,
    /// Every random number of the call derives from this: the same seed gives the same numbers.
    pub seed: [u8; 32],
    /// Answers what the guest asks. Shared, so that it may outlive an abandoned call.
    pub host: Arc<dyn TaskHost>,
    /// Ends the call from outside.
    pub cancel: CancelToken,
}

/// What a running guest may ask of the host.
///
/// The methods run on the thread that runs the guest, in the middle of the call: they must
/// not block and should take microseconds. A panic ends the one call as trapped.
pub trait TaskHost: Send + Sync {
    /// Takes a line of the guest's log, in order. Lines are already cleaned and cut to the
    /// limits of the call.
    fn log(&self, line: LogLine);

    /// Takes out of a text of the guest's what nobody may be told, before it is cleaned and
    /// cut to a limit. A text that `is_cut` has lost its end already.
    fn redact<'t>(&self, text: &'t str, _is_cut: bool) -> Cow<'t, str> {
        Cow::Borrowed(text)
    }

    /// Takes a sign of life; `progress` where the guest told how far it is.
    fn heartbeat(&self, progress: Option<Progress>);

    /// Returns a secret, or nothing where the state does not grant it or it does not exist:
    /// the guest cannot tell the two apart.
    fn secret(&self, name: &str) -> Option<String>;

    /// Returns a configuration value, or nothing where it is not set or not granted.
    fn config(&self, name: &str) -> Option<String>;

    /// Sends an HTTP request, or says why it is not sent: only what the state grants, to where
    /// the host looked and found it allowed. The future is dropped with the call. A host
    /// without a way out denies all.
    fn http(&self, _request: HttpRequest) -> HttpExchange {
        Box::pin(std::future::ready(Err(HttpFailure::Denied)))
    }

    /// Takes note of a request that went over a limit of the call, and was not sent:
    /// `target` is its method and URI.
    fn http_limited(&self, _target: &str, _limit: HttpLimit) {}

    /// Returns the wall time in milliseconds since the Unix epoch. The guest sees no other
    /// clock, so a host that answers from a record replays the call.
    fn now_ms(&self) -> u64;
}

/// How bad a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// The finest.
    Trace,
    /// For the author of the task.
    Debug,
    /// For people who watch executions.
    Info,
    /// Something is odd, the task goes on.
    Warn,
    /// Something failed.
    Error,
}

impl LogLevel {
    /// Returns the level in lower-case letters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One line of a guest's log, free of control characters and escape sequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How bad it is.
    pub level: LogLevel,
    /// Where in the guest it comes from; `stdout` and `stderr` for text written there.
    pub target: String,
    /// The text. May hold line breaks.
    pub message: String,
    /// Structured values, in the guest's order.
    pub fields: Vec<(String, String)>,
}

/// How far a task is, by its own account.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// From 0 to 1; a guest's value outside is clamped, and no number counts as 0.
    pub fraction: f64,
    /// A word on it, for people, at most 1,024 characters.
    pub message: String,
}

/// Ends a call from outside: a stopped execution, a lost lease.
///
/// A clone ends the same call. A token belongs to one call; cancelling before the call
/// starts keeps the guest from running at all.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<CancelState>);

#[derive(Default)]
struct CancelState {
    cancelled: AtomicBool,
    wake: Notify,
}

impl CancelToken {
    /// Returns a token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the end of the call. The call reports `Outcome::Cancelled` once the guest has
    /// reached its next yield, at most an epoch tick later.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        // Leaves a permit where the call does not wait yet, so the wake-up cannot get lost.
        self.0.wake.notify_one();
    }

    /// Tells whether somebody asked for the end.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Resolves when somebody asks for the end. For the one call that owns the token.
    pub async fn cancelled(&self) {
        while !self.is_cancelled() {
            self.0.wake.notified().await;
        }
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelToken")
            .field(&self.is_cancelled())
            .finish()
    }
}
