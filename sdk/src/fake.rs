//! A context and a host for native unit tests.
//!
//! What a task asks of the host is answered from what the test has set, and what
//! it tells the host is kept for the test to look at.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::context::{Context, Details};
use crate::failure::TaskFailure;
#[cfg(feature = "http")]
use crate::http::{HttpError, Request, Response};
use crate::logging::{self, Level};
use crate::task::{self, Task};

thread_local! {
    /// The hosts of the fakes that are alive on this thread, the newest last:
    /// that one gets the lines of the `tracing` and `log` macros, which know of
    /// no context.
    static ALIVE: RefCell<Vec<Weak<Recorded>>> = const { RefCell::new(Vec::new()) };
}

/// One log line that a task wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// Where it was written; a module path, unless the author says otherwise.
    pub target: String,
    /// The text.
    pub message: String,
    /// Names and values, in the order in which they were written.
    pub fields: Vec<(String, String)>,
}

/// One progress report of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressReport {
    /// How far the task is, from 0 to 1.
    pub fraction: f64,
    /// A word on it.
    pub message: String,
}

impl Context {
    /// Starts a context for a unit test; exists natively only.
    ///
    /// ```
    /// use stepwell_sdk::prelude::*;
    ///
    /// fn greet(ctx: &Context, name: &str) -> String {
    ///     info!(name, "greeting");
    ///     format!("{} {name}", ctx.config("greeting").unwrap_or_default())
    /// }
    ///
    /// let fake = Context::fake().config("greeting", "Welcome").build();
    /// assert_eq!(greet(&fake, "Ada"), "Welcome Ada");
    /// assert_eq!(fake.logs()[0].fields, [("name".to_owned(), "Ada".to_owned())]);
    /// ```
    pub fn fake() -> FakeBuilder {
        FakeBuilder::default()
    }
}

/// Sets up a [`FakeContext`]. What is not set has a plausible value, the same in
/// every run.
#[derive(Debug, Clone)]
#[must_use]
pub struct FakeBuilder {
    details: Details,
    secrets: Vec<(String, String)>,
    config: Vec<(String, String)>,
    now_ms: u64,
    seed: u64,
    #[cfg(feature = "http")]
    http: Answers,
}

/// What answers a fake's requests.
#[cfg(feature = "http")]
type Answer = dyn Fn(&Request) -> Result<Response, HttpError>;

/// The closure that answers requests, if there is one.
#[cfg(feature = "http")]
#[derive(Clone, Default)]
struct Answers(Option<Rc<Answer>>);

#[cfg(feature = "http")]
impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Answers").field(&self.0.is_some()).finish()
    }
}

/// 2026-01-01T00:00:00Z, when a fake execution starts.
const STARTED_MS: u64 = 1_767_225_600_000;

impl Default for FakeBuilder {
    fn default() -> Self {
        Self {
            details: Details {
                tenant: "dev".to_owned(),
                execution_id:
                    "arn:aws:states:us-east-1:000000000000:execution:test-machine:test-execution"
                        .to_owned(),
                execution_name: "test-execution".to_owned(),
                state_machine: "test-machine".to_owned(),
                state: "test-state".to_owned(),
                attempt: 1,
                idempotency_key: "test-execution/1".to_owned(),
                execution_started_ms: STARTED_MS,
                deadline_ms: STARTED_MS + 60_000,
                task_token: None,
                traceparent: "00-11111111111111111111111111111111-2222222222222222-01".to_owned(),
            },
            secrets: Vec::new(),
            config: Vec::new(),
            now_ms: STARTED_MS,
            seed: 0,
            #[cfg(feature = "http")]
            http: Answers::default(),
        }
    }
}

impl FakeBuilder {
    /// Sets the tenant.
    pub fn tenant(mut self, name: &str) -> Self {
        name.clone_into(&mut self.details.tenant);
        self
    }

    /// Sets the ARN of the execution.
    pub fn execution_id(mut self, arn: &str) -> Self {
        arn.clone_into(&mut self.details.execution_id);
        self
    }

    /// Sets the name of the execution.
    pub fn execution_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.details.execution_name);
        self
    }

    /// Sets the name of the state machine.
    pub fn state_machine(mut self, name: &str) -> Self {
        name.clone_into(&mut self.details.state_machine);
        self
    }

    /// Sets the name of the Task state.
    pub fn state(mut self, name: &str) -> Self {
        name.clone_into(&mut self.details.state);
        self
    }

    /// Sets the number of the attempt, counted from 1.
    pub fn attempt(mut self, number: u32) -> Self {
        self.details.attempt = number;
        self
    }

    /// Sets the idempotency key.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.details.idempotency_key);
        self
    }

    /// Sets when the execution started, in milliseconds since the Unix epoch.
    pub fn execution_started_ms(mut self, milliseconds: u64) -> Self {
        self.details.execution_started_ms = milliseconds;
        self
    }

    /// Sets when the attempt is stopped, in milliseconds since the Unix epoch.
    pub fn deadline_ms(mut self, milliseconds: u64) -> Self {
        self.details.deadline_ms = milliseconds;
        self
    }

    /// Gives the task a token, as in a state that waits for one.
    pub fn task_token(mut self, token: &str) -> Self {
        self.details.task_token = Some(token.to_owned());
        self
    }

    /// Sets the W3C trace context.
    pub fn traceparent(mut self, header: &str) -> Self {
        header.clone_into(&mut self.details.traceparent);
        self
    }

    /// Grants a secret.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Grants a configuration value.
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.config.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers HTTP requests. Without it, all are denied.
    #[cfg(feature = "http")]
    pub fn http(
        mut self,
        answer: impl Fn(&Request) -> Result<Response, HttpError> + 'static,
    ) -> Self {
        self.http = Answers(Some(Rc::new(answer)));
        self
    }

    /// Sets the clock, in milliseconds since the Unix epoch. It stands still
    /// until [`FakeContext::advance`].
    pub fn now_ms(mut self, milliseconds: u64) -> Self {
        self.now_ms = milliseconds;
        self
    }

    /// Sets what the random numbers are derived from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Makes the context. From here on, until it is dropped, lines of the
    /// `tracing` and `log` macros on this thread land in it.
    #[must_use]
    pub fn build(self) -> FakeContext {
        let recorded = Rc::new(Recorded {
            secrets: self.secrets,
            config: self.config,
            now_ms: Cell::new(self.now_ms),
            random_state: Cell::new(self.seed),
            logs: RefCell::default(),
            heartbeats: Cell::new(0),
            progress: RefCell::default(),
            #[cfg(feature = "http")]
            http: self.http,
        });
        logging::send_macros_to_host();
        ALIVE.with_borrow_mut(|alive| {
            alive.retain(|host| host.strong_count() > 0);
            alive.push(Rc::downgrade(&recorded));
        });
        FakeContext {
            context: Context {
                details: self.details,
                host: FakeHost(recorded),
            },
        }
    }
}

/// A [`Context`] whose host is the test. Hand `&fake` to the task.
pub struct FakeContext {
    context: Context,
}

impl Deref for FakeContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl FakeContext {
    /// Runs a task from JSON text to JSON text, as the host does: what the
    /// input's type does not take, and names and causes of errors, are tested
    /// this way.
    ///
    /// # Errors
    ///
    /// What the host would see: the task's own errors, and
    /// [`INVALID_INPUT`](crate::INVALID_INPUT) or
    /// [`INVALID_OUTPUT`](crate::INVALID_OUTPUT).
    pub fn run_json<T: Task>(&self, input: &str) -> Result<String, TaskFailure> {
        task::run_json::<T>(&self.context, input.to_owned())
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let milliseconds = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let now_ms = &self.recorded().now_ms;
        now_ms.set(now_ms.get().saturating_add(milliseconds));
    }

    /// Returns the log lines so far.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        self.recorded().logs.borrow().clone()
    }

    /// Returns how often the task gave a sign of life, by a heartbeat or a
    /// progress report.
    #[must_use]
    pub fn heartbeats(&self) -> u64 {
        self.recorded().heartbeats.get()
    }

    /// Returns the progress reports so far.
    #[must_use]
    pub fn progress_reports(&self) -> Vec<ProgressReport> {
        self.recorded().progress.borrow().clone()
    }

    fn recorded(&self) -> &Recorded {
        &self.context.host.0
    }
}

/// What the test has set, and what the task has told.
struct Recorded {
    secrets: Vec<(String, String)>,
    config: Vec<(String, String)>,
    now_ms: Cell<u64>,
    random_state: Cell<u64>,
    logs: RefCell<Vec<LogLine>>,
    heartbeats: Cell<u64>,
    progress: RefCell<Vec<ProgressReport>>,
    #[cfg(feature = "http")]
    http: Answers,
}

/// The host of a fake context: the native stand-in of the guest's imports.
pub(crate) struct FakeHost(Rc<Recorded>);

impl FakeHost {
    pub(crate) fn log(
        &self,
        level: Level,
        target: &str,
        message: &str,
        fields: Vec<(String, String)>,
    ) {
        self.0.log(level, target, message, fields);
    }

    pub(crate) fn heartbeat(&self) {
        self.0.heartbeats.set(self.0.heartbeats.get() + 1);
    }

    pub(crate) fn report(&self, fraction: f64, message: &str) {
        self.heartbeat();
        self.0.progress.borrow_mut().push(ProgressReport {
            fraction,
            message: message.to_owned(),
        });
    }

    pub(crate) fn secret(&self, name: &str) -> Option<String> {
        look_up(&self.0.secrets, name)
    }

    pub(crate) fn config(&self, name: &str) -> Option<String> {
        look_up(&self.0.config, name)
    }

    #[cfg(feature = "http")]
    pub(crate) fn http(&self, request: Request) -> Result<Response, HttpError> {
        match &self.0.http.0 {
            Some(answer) => answer(&request),
            None => Err(HttpError::HttpDenied),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.0.now_ms.get()
    }

    pub(crate) fn random_bytes(&self, len: u32) -> Vec<u8> {
        assert!(
            len <= 4096,
            "the host traps a guest that asks for {len} bytes at once"
        );
        (0..len)
            .map(|_| self.random_number().to_be_bytes()[0])
            .collect()
    }

    /// The next number of a `SplitMix64` sequence.
    pub(crate) fn random_number(&self) -> u64 {
        let state = self
            .0
            .random_state
            .get()
            .wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.random_state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Recorded {
    fn log(&self, level: Level, target: &str, message: &str, fields: Vec<(String, String)>) {
        let (target, message) = (target.to_owned(), message.to_owned());
        self.logs.borrow_mut().push(LogLine {
            level,
            target,
            message,
            fields,
        });
    }
}

/// Hands a line to the newest fake that is alive on this thread. Without one it
/// is lost, as it is in any program without a logger.
#[cfg(any(feature = "log", feature = "tracing"))]
pub(crate) fn log_to_newest(
    level: Level,
    target: &str,
    message: &str,
    fields: Vec<(String, String)>,
) {
    let newest = ALIVE.with_borrow(|alive| alive.iter().rev().find_map(Weak::upgrade));
    if let Some(host) = newest {
        host.log(level, target, message, fields);
    }
}

/// The value that was set last.
fn look_up(values: &[(String, String)], name: &str) -> Option<String> {
    let found = values.iter().rev().find(|(key, _)| key == name);
    found.map(|(_, value)| value.clone())
}
