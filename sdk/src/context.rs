//! Who is calling a task, for what and until when, and what it may ask of the
//! host meanwhile.

use std::time::{Duration, SystemTime};

use crate::failure::{TaskError, TaskFailure};
use crate::host::Host;
use crate::logging::Level;

/// The attempt that is running, and the way to the host.
///
/// A task that needs it takes `&Context` before its input. In a native test it
/// comes from [`Context::fake`].
pub struct Context {
    pub(crate) details: Details,
    pub(crate) host: Host,
}

/// The plain facts of an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Details {
    pub(crate) tenant: String,
    pub(crate) execution_id: String,
    pub(crate) execution_name: String,
    pub(crate) state_machine: String,
    pub(crate) state: String,
    pub(crate) attempt: u32,
    pub(crate) idempotency_key: String,
    pub(crate) execution_started_ms: u64,
    pub(crate) deadline_ms: u64,
    pub(crate) task_token: Option<String>,
    pub(crate) traceparent: String,
}

/// The facts of the attempt.
impl Context {
    /// Returns the name of the tenant that owns the execution.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.details.tenant
    }

    /// Returns the ARN of the execution.
    #[must_use]
    pub fn execution_id(&self) -> &str {
        &self.details.execution_id
    }

    /// Returns the name of the execution, unique within its state machine.
    #[must_use]
    pub fn execution_name(&self) -> &str {
        &self.details.execution_name
    }

    /// Returns the name of the state machine.
    #[must_use]
    pub fn state_machine(&self) -> &str {
        &self.details.state_machine
    }

    /// Returns the name of the Task state.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.details.state
    }

    /// Returns the number of this attempt, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.details.attempt
    }

    /// Returns the key that stays the same over all attempts of one task: hand
    /// it to other systems so that they do the work once.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.details.idempotency_key
    }

    /// Returns when the execution started.
    #[must_use]
    pub fn execution_started(&self) -> SystemTime {
        since_epoch(self.details.execution_started_ms)
    }

    /// Returns when the execution started, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn execution_started_ms(&self) -> u64 {
        self.details.execution_started_ms
    }

    /// Returns when this attempt is stopped.
    #[must_use]
    pub fn deadline(&self) -> SystemTime {
        since_epoch(self.details.deadline_ms)
    }

    /// Returns when this attempt is stopped, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn deadline_ms(&self) -> u64 {
        self.details.deadline_ms
    }

    /// Returns how long this attempt may still run; zero once that is over.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        Duration::from_millis(self.details.deadline_ms.saturating_sub(self.now_ms()))
    }

    /// Returns the token that completes the task from outside, where the state
    /// waits for one (`.waitForTaskToken`).
    #[must_use]
    pub fn task_token(&self) -> Option<&str> {
        self.details.task_token.as_deref()
    }

    /// Returns the W3C trace context of this attempt, for the `traceparent`
    /// header of requests to other systems.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.details.traceparent
    }
}

/// What the host does for a task.
impl Context {
    /// Returns the wall time, from the host, in milliseconds.
    ///
    /// Ask here rather than `SystemTime::now`, which does not exist on
    /// `wasm32-unknown-unknown` and cannot be replayed.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.host.now_ms()
    }

    /// Returns the wall time, from the host, as coarse as 1 ms.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        since_epoch(self.now_ms())
    }

    /// Tells the host that the task is alive: its `HeartbeatSeconds` start anew.
    pub fn heartbeat(&self) {
        self.host.heartbeat();
    }

    /// Tells people how far the task is. Counts as a heartbeat.
    ///
    /// `fraction` goes from 0 to 1 and is brought there if it is outside; what
    /// is no number counts as 0.
    pub fn progress(&self, fraction: f64, message: &str) {
        let fraction = if fraction.is_nan() {
            0.0
        } else {
            fraction.clamp(0.0, 1.0)
        };
        self.host.report(fraction, message);
    }

    /// Returns a secret that the state grants to its task, as it was when the call began.
    ///
    /// Where the grant does not reveal it, that is a placeholder: put it into the header or
    /// the query where the value belongs, and the host replaces it when the request leaves
    /// for a host whose grant lists the secret.
    ///
    /// # Errors
    ///
    /// [`SecretDenied`] where the state does not grant the name, or no such
    /// secret exists: a task cannot tell the two apart.
    pub fn secret(&self, name: &str) -> Result<Secret, SecretDenied> {
        match self.host.secret(name) {
            Some(value) => Ok(Secret(value)),
            None => Err(SecretDenied {
                name: name.to_owned(),
            }),
        }
    }

    /// Returns a configuration value that the state grants to its task, or
    /// nothing where it is not set or not granted.
    #[must_use]
    pub fn config(&self, name: &str) -> Option<String> {
        self.host.config(name)
    }

    /// Returns that many random bytes, derived from the attempt so that it can
    /// be replayed. Not for keys that must stay unknown to the host.
    #[must_use]
    pub fn random_bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let missing = u32::try_from(len - bytes.len()).unwrap_or(u32::MAX);
            bytes.extend(self.host.random_bytes(missing.min(RANDOM_BYTES_MAX)));
        }
        bytes
    }

    /// Returns a random number, evenly over all of `u64`.
    #[must_use]
    pub fn random_u64(&self) -> u64 {
        self.host.random_number()
    }

    /// Returns a random number from 0 (included) to `end` (excluded), evenly;
    /// 0 where `end` is 0.
    #[must_use]
    pub fn random_below(&self, end: u64) -> u64 {
        // The high half of the product spreads the 64 bits over the range; with
        // ranges far below 2^64, as here in practice, the bias cannot be seen.
        ((u128::from(self.random_u64()) * u128::from(end)) >> 64) as u64
    }

    /// Returns a random number from 0 (included) to 1 (excluded), evenly.
    #[must_use]
    pub fn random_f64(&self) -> f64 {
        // 53 bits are what the mantissa of an f64 can hold.
        (self.random_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Writes one line to the log of the execution, with fields.
    ///
    /// `tracing` and `log` macros end up in the same place; this is for a task
    /// that wants neither.
    pub fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let fields = fields
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        self.host.log(level, "task", message, fields.collect());
    }
}

/// The most that the host hands out in one call.
const RANDOM_BYTES_MAX: u32 = 4096;

/// A secret: its value, or the placeholder for it.
///
/// It has no `Debug` and no `Display`, so that it cannot get into a log or an
/// output by accident.
pub struct Secret(String);

impl Secret {
    /// Returns the value or placeholder itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A secret that the host does not hand out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret {name:?} does not exist or is not granted: grant it in the state")]
pub struct SecretDenied {
    /// Name of the secret that was asked for.
    pub name: String,
}

impl TaskError for SecretDenied {
    const NAMES: &'static [&'static str] = &["Stepwell.SecretDenied"];

    fn name(&self) -> &str {
        "Stepwell.SecretDenied"
    }
}

impl From<SecretDenied> for TaskFailure {
    fn from(denied: SecretDenied) -> Self {
        denied.to_failure()
    }
}

fn since_epoch(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}
