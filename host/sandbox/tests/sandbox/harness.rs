//! A sandbox, a host that records, and one call.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use stepwell_sandbox::{
    CallReport, CancelToken, ComponentDigest, LogLine, Outcome, Progress, Sandbox, SandboxConfig,
    TaskCall, TaskContext, TaskHost, TaskLimits,
};

use crate::guests::Guest;

/// The sandbox of all tests that need nothing special.
pub(crate) static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(SandboxConfig::default()).unwrap());

/// A host that writes down what a guest does.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) lines: Mutex<Vec<LogLine>>,
    pub(crate) heartbeats: AtomicU32,
    pub(crate) progress: Mutex<Vec<Progress>>,
    /// Moves on by 7 ms with each look.
    pub(crate) clock_ms: AtomicU64,
}

impl Recorder {
    /// Returns the messages of all lines.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .map(|line| line.message.clone())
            .collect()
    }
}

impl TaskHost for Recorder {
    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line);
    }

    /// Takes `whisper\r\nquietly` out, which cleaning changes.
    fn redact<'t>(&self, text: &'t str, _is_cut: bool) -> Cow<'t, str> {
        text.replace("whisper\r\nquietly", "[taken out]").into()
    }

    fn heartbeat(&self, progress: Option<Progress>) {
        self.heartbeats.fetch_add(1, Ordering::Relaxed);
        self.progress.lock().unwrap().extend(progress);
    }

    fn secret(&self, name: &str) -> Option<String> {
        (name == "granted").then(|| "\"hunter2\"".to_owned())
    }

    fn config(&self, name: &str) -> Option<String> {
        (name == "region").then(|| "\"eu\"".to_owned())
    }

    fn now_ms(&self) -> u64 {
        1_700_000_000_000 + self.clock_ms.fetch_add(7, Ordering::Relaxed)
    }
}

/// What a call is made with.
#[derive(Clone)]
pub(crate) struct With {
    pub(crate) input: String,
    pub(crate) limits: TaskLimits,
    pub(crate) seed: u8,
    pub(crate) host: Arc<Recorder>,
    pub(crate) cancel: CancelToken,
}

impl Default for With {
    fn default() -> Self {
        Self {
            input: "null".to_owned(),
            limits: TaskLimits::default(),
            seed: 1,
            host: Arc::default(),
            cancel: CancelToken::new(),
        }
    }
}

impl With {
    pub(crate) fn input(input: impl Into<String>) -> Self {
        Self {
            input: input.into(),
            ..Self::default()
        }
    }

    pub(crate) fn limits(limits: TaskLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(crate) fn call(&self) -> TaskCall {
        TaskCall {
            context: context(),
            input: self.input.as_str().into(),
            limits: self.limits.clone(),
            seed: [self.seed; 32],
            host: Arc::clone(&self.host) as Arc<dyn TaskHost>,
            cancel: self.cancel.clone(),
        }
    }
}

pub(crate) fn context() -> TaskContext {
    TaskContext {
        tenant: "shop".to_owned(),
        execution_id: "arn:aws:states:us-east-1:000000000000:execution:order:1".to_owned(),
        execution_name: "1".to_owned(),
        state_machine: "order".to_owned(),
        state: "charge".to_owned(),
        attempt: 3,
        idempotency_key: "key-1".to_owned(),
        execution_started_ms: 1_700_000_000_000,
        deadline_ms: 1_700_000_060_000,
        task_token: Some("token".to_owned()),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
    }
}

/// Uploads a guest to the shared sandbox.
pub(crate) fn upload(guest: &Guest) -> ComponentDigest {
    SANDBOX.prepare(&guest.build()).unwrap().digest
}

/// Calls an uploaded guest.
pub(crate) fn call(digest: &ComponentDigest, with: &With) -> CallReport {
    call_in(&SANDBOX, digest, with)
}

pub(crate) fn call_in(sandbox: &Sandbox, digest: &ComponentDigest, with: &With) -> CallReport {
    runtime().block_on(sandbox.call(digest, with.call()))
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// Uploads a guest and calls it once.
pub(crate) fn run(guest: &Guest, with: &With) -> CallReport {
    call(&upload(guest), with)
}

/// Uploads a guest, calls it once with the defaults, and returns its output.
pub(crate) fn output(guest: &Guest, with: &With) -> String {
    match run(guest, with).outcome {
        Outcome::Completed(output) => output.to_string(),
        other => panic!("{other:?}"),
    }
}
