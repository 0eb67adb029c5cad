//! Runs tasks in the sandbox.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::json;
use stepwell_decider::{Failure, Purpose, TaskToken, Usage, Work};
use stepwell_sandbox::{
    CallReport, ComponentDigest, HttpExchange, HttpLimit, HttpLimits, HttpRequest, LogLevel,
    LogLine, Outcome, Progress, Sandbox, TaskCall, TaskContext, TaskHost, TaskLimits,
};
use stepwell_states::Payload;
use stepwell_store::{Digest, Store};
use stepwell_vault::Vault;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::runner::{
    CheckedComponent, RefusedComponent, RunningTask, TaskEnd, TaskOrder, TaskResult, TaskRunner,
};

/// The configuration value that tells a component which integration it stands for, as
/// `SERVICE:ACTION`.
const INTEGRATION: &str = "stepwell.integration";

/// Whoever wants to see the log lines of guests.
pub type LogListener = Arc<dyn Fn(&TaskOrder, &LogLine) + Send + Sync>;

/// Runs tasks in the sandbox, with components from the store.
pub struct SandboxRunner {
    sandbox: Sandbox,
    store: Store,
    clock: Arc<dyn Clock>,
    /// What each call may use; a state's own timeout goes before the one in here.
    limits: TaskLimits,
    listener: RwLock<Option<LogListener>>,
    /// Opens the secrets that calls are granted.
    vault: Arc<Vault>,
}

impl std::fmt::Debug for SandboxRunner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SandboxRunner(..)")
    }
}

impl SandboxRunner {
    /// Makes a runner.
    #[must_use]
    pub fn new(sandbox: Sandbox, store: Store, clock: Arc<dyn Clock>, limits: TaskLimits) -> Self {
        Self {
            sandbox,
            store,
            clock,
            limits,
            listener: RwLock::new(None),
            vault: Arc::default(),
        }
    }

    /// Opens secrets with the host's master keys; without, there are none.
    #[must_use]
    pub fn with_vault(self, vault: Arc<Vault>) -> Self {
        Self { vault, ..self }
    }

    /// Shows the log lines of all guests to `listener` too.
    pub fn listen(&self, listener: LogListener) {
        *self
            .listener
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }
}

impl TaskRunner for SandboxRunner {
    fn run(&self, order: TaskOrder) -> RunningTask {
        let sandbox = self.sandbox.clone();
        let store = self.store.clone();
        let listener = self
            .listener
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let host = Arc::new(Host {
            order: order.clone(),
            clock: Arc::clone(&self.clock),
            listener,
            alive: Notify::new(),
            beats: AtomicU64::new(0),
            http: self.limits.http,
            ends_at: Instant::now() + order.timeout,
            config: OnceLock::new(),
        });
        let vault = Arc::clone(&self.vault);
        let call = self.call(&order, &host);
        Box::pin(async move {
            let ready = match load(&sandbox, &store, &order.component).await {
                Ok(()) => host.take_up_grant(&store, vault).await,
                failed => failed,
            };
            if let Err(result) = ready {
                return TaskEnd {
                    result,
                    usage: Usage::default(),
                };
            }
            let running = sandbox.call(&order.component, call);
            let end = match order.heartbeat {
                None => end_of(running.await),
                Some(silence) => tokio::select! {
                    report = running => end_of(report),
                    () = host.fell_silent(silence) => silent_end(),
                },
            };
            host.redacted(end)
        })
    }

    fn check(&self, wasm: &[u8]) -> Result<CheckedComponent, RefusedComponent> {
        let prepared = self
            .sandbox
            .prepare(wasm)
            .map_err(|rejected| RefusedComponent {
                code: rejected.code,
                message: rejected.message,
            })?;
        Ok(CheckedComponent {
            digest: prepared.digest,
            wasm: prepared.wasm,
            imports: prepared.imports,
            description: prepared.description.map(|description| {
                let schema = |text: &str| serde_json::from_str(text).unwrap_or(json!(null));
                json!({
                    "name": description.name,
                    "version": description.version,
                    "summary": description.summary,
                    "inputSchema": schema(&description.input_schema),
                    "outputSchema": schema(&description.output_schema),
                    "errors": description.errors,
                })
            }),
        })
    }
}

impl SandboxRunner {
    fn call(&self, order: &TaskOrder, host: &Arc<Host>) -> TaskCall {
        let execution = &order.execution;
        let now = self.clock.now();
        let timeout_ms = u64::try_from(order.timeout.as_millis()).unwrap_or(u64::MAX);
        let waits_for_token = order.task.resource.ends_with(".waitForTaskToken");
        let token = TaskToken::new(&execution.seed, execution.key, order.scheduled);
        let limits = TaskLimits {
            timeout: order.timeout,
            output_max_bytes: order.output_max_bytes(),
            ..self.limits.clone()
        };
        TaskCall {
            context: TaskContext {
                tenant: execution.tenant.to_string(),
                execution_id: execution.execution_arn.to_string(),
                execution_name: execution.execution_name.to_string(),
                state_machine: execution.state_machine_name.to_string(),
                state: order.task.state_name.to_string(),
                attempt: order.task.attempt,
                idempotency_key: order.task.idempotency_key.to_string(),
                execution_started_ms: u64::try_from(order.execution_started_at.as_ms())
                    .unwrap_or(0),
                deadline_ms: u64::try_from(now.plus_ms(timeout_ms).as_ms()).unwrap_or(0),
                task_token: waits_for_token.then(|| token.to_string()),
                traceparent: execution.trace_of_task(order.scheduled).to_string(),
            },
            input: order.input.shared_text(),
            limits,
            seed: execution.seed.derive(Purpose::Guest, order.scheduled),
            host: Arc::clone(host) as Arc<dyn TaskHost>,
            cancel: order.cancel.clone(),
        }
    }
}

/// Makes sure that the component can be called; may compile it, off the guests' threads.
async fn load(
    sandbox: &Sandbox,
    store: &Store,
    component: &ComponentDigest,
) -> Result<(), TaskResult> {
    if sandbox.is_loaded(component) {
        return Ok(());
    }
    let (sandbox, store, component) = (sandbox.clone(), store.clone(), *component);
    let loading = tokio::task::spawn_blocking(move || {
        let mut trouble = None;
        let loaded = sandbox.load(&component, || {
            match store.load_component_blob(Digest(*component.as_bytes())) {
                Ok(wasm) => wasm.map(|wasm| wasm.to_vec()),
                Err(error) => {
                    trouble = Some(error);
                    None
                }
            }
        });
        match (loaded, trouble) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(error)) => Err(TaskResult::Unavailable(error.to_string())),
            (Err(error), None) => Err(TaskResult::Failed(Failure::new(
                "Stepwell.ComponentNotFound",
                error.to_string(),
            ))),
        }
    });
    loading
        .await
        .unwrap_or_else(|error| Err(TaskResult::Unavailable(error.to_string())))
}

fn end_of(report: CallReport) -> TaskEnd {
    let usage = Usage {
        fuel: report.fuel_used,
        memory_peak_bytes: report.memory_peak_bytes,
        duration_us: u64::try_from(report.duration.as_micros()).unwrap_or(u64::MAX),
    };
    let result = match &report.outcome {
        Outcome::Completed(output) => {
            TaskResult::Completed(Payload::from_trusted(Arc::clone(output)))
        }
        Outcome::Cancelled => TaskResult::Cancelled,
        Outcome::Unavailable { reason } => TaskResult::Unavailable(reason.clone()),
        failed => match failed.failure() {
            Some((error, cause)) => TaskResult::Failed(Failure::new(error, cause)),
            None => TaskResult::Unavailable("the call ended without a word".to_owned()),
        },
    };
    TaskEnd { result, usage }
}

fn silent_end() -> TaskEnd {
    let cause = "the task sent no heartbeat in time";
    let failure = Failure::new("States.HeartbeatTimeout", cause);
    TaskEnd {
        result: TaskResult::Failed(failure),
        usage: Usage::default(),
    }
}

/// What a running guest may ask, for one call.
struct Host {
    order: TaskOrder,
    clock: Arc<dyn Clock>,
    listener: Option<LogListener>,
    alive: Notify,
    beats: AtomicU64,
    http: HttpLimits,
    /// When the call is over at the latest.
    ends_at: Instant,
    /// Configuration values that are granted, once they were read.
    config: OnceLock<Vec<(String, String)>>,
}

impl Host {
    /// Reads what the call's grant names, off the guests' threads.
    async fn take_up_grant(&self, store: &Store, vault: Arc<Vault>) -> Result<(), TaskResult> {
        let grants = self.order.grant.grants();
        if grants.config.is_empty() && grants.secrets.is_empty() {
            return Ok(());
        }
        let (store, grant) = (store.clone(), self.order.grant.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let secrets = grant.secrets(&store, &vault)?;
            let config = grant.config_values(&store);
            let config = config.map_err(|error| TaskResult::Unavailable(error.to_string()))?;
            Ok((config, secrets))
        });
        let read = reading
            .await
            .unwrap_or_else(|error| Err(TaskResult::Unavailable(error.to_string())));
        let (config, secrets) = read?;
        self.config.get_or_init(|| config);
        if let Some(secrets) = secrets {
            self.order.grant.held().get_or_init(|| secrets);
        }
        Ok(())
    }

    /// The end of a call without the values that it was given: what is stored, shown and
    /// sent from here on holds none.
    fn redacted(&self, end: TaskEnd) -> TaskEnd {
        let Some(secrets) = self.order.grant.held().get() else {
            return end;
        };
        let redactor = secrets.outputs();
        let result = match end.result {
            TaskResult::Completed(output) => match redactor.redact_json(output.as_str()) {
                Cow::Borrowed(_) => TaskResult::Completed(output),
                // A mark may be longer than what it stands for.
                Cow::Owned(text) if text.len() > self.order.output_max_bytes() => {
                    let cause = "the output of the task is larger than its limit";
                    TaskResult::Failed(Failure::new("States.DataLimitExceeded", cause))
                }
                Cow::Owned(text) => TaskResult::Completed(Payload::from_trusted(text)),
            },
            TaskResult::Failed(failure) => {
                let error = redactor.redact(failure.error_name()).into_owned();
                let cause = failure.cause.as_deref().unwrap_or_default();
                TaskResult::Failed(Failure::new(error, redactor.redact(cause)))
            }
            other @ (TaskResult::Cancelled | TaskResult::Unavailable(_)) => other,
        };
        TaskEnd { result, ..end }
    }

    /// Resolves when the guest was silent for that long.
    async fn fell_silent(&self, silence: Duration) {
        let mut seen = self.beats.load(Ordering::Acquire);
        loop {
            let woken = tokio::time::timeout(silence, self.alive.notified())
                .await
                .is_ok();
            let beats = self.beats.load(Ordering::Acquire);
            if !woken && beats == seen {
                return;
            }
            seen = beats;
        }
    }
}

impl TaskHost for Host {
    fn log(&self, mut line: LogLine) {
        // Each text was redacted before it was cleaned. Now that control characters are gone
        // which may have stood within a value, it is looked at once more.
        if self.order.grant.held().get().is_some() {
            let again = |text: &mut String| {
                if let Cow::Owned(redacted) = self.redact(text, false) {
                    *text = redacted;
                }
            };
            again(&mut line.target);
            again(&mut line.message);
            for (name, value) in &mut line.fields {
                again(name);
                again(value);
            }
        }
        let execution = &*self.order.execution.execution_arn;
        let state = &*self.order.task.state_name;
        let trace_id = self.order.execution.trace().trace_id();
        let LogLine {
            level,
            target,
            message,
            ..
        } = &line;
        // What a guest says must not look like a line of the host's.
        let message = message.replace('\n', "\n    | ");
        match level {
            LogLevel::Error => {
                tracing::error!(target: "guest", execution, %trace_id, state, %target, "{message}");
            }
            LogLevel::Warn => {
                tracing::warn!(target: "guest", execution, %trace_id, state, %target, "{message}");
            }
            LogLevel::Info => {
                tracing::info!(target: "guest", execution, %trace_id, state, %target, "{message}");
            }
            LogLevel::Debug => {
                tracing::debug!(target: "guest", execution, %trace_id, state, %target, "{message}");
            }
            LogLevel::Trace => {
                tracing::trace!(target: "guest", execution, %trace_id, state, %target, "{message}");
            }
        }
        if let Some(listener) = &self.listener {
            listener(&self.order, &line);
        }
    }

    fn heartbeat(&self, _progress: Option<Progress>) {
        self.beats.fetch_add(1, Ordering::AcqRel);
        self.alive.notify_one();
    }

    fn redact<'t>(&self, text: &'t str, is_cut: bool) -> Cow<'t, str> {
        match self.order.grant.held().get() {
            None => Cow::Borrowed(text),
            Some(secrets) if is_cut => secrets.outputs().redact_cut(text),
            Some(secrets) => secrets.outputs().redact(text),
        }
    }

    fn secret(&self, name: &str) -> Option<String> {
        let answer = self.order.grant.held().get()?.answer(name)?;
        Some(answer.to_owned())
    }

    fn config(&self, name: &str) -> Option<String> {
        match &self.order.task.work {
            Work::RunBound { service, action } if name == INTEGRATION => {
                Some(format!("{service}:{action}"))
            }
            _ => {
                let granted = self.config.get().into_iter().flatten();
                let mut named = granted.filter(|(known, _)| known == name);
                named.next().map(|(_, value)| value.clone())
            }
        }
    }

    fn http(&self, request: HttpRequest) -> HttpExchange {
        self.order.grant.send(request, self.http, self.ends_at)
    }

    fn http_limited(&self, target: &str, limit: HttpLimit) {
        self.order.grant.note_limit(target, limit);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().as_ms()).unwrap_or(0)
    }
}
