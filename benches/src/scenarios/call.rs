//! `call`: a call through the sandbox, and as the engine makes it, beside the same call in
//! wasmtime alone.
//!
//! They take turns in short rounds, and the ratio of each round counts: so what else happens
//! on the machine meets all of them alike.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use stepwell_decider::{EventNumber, ExecutionStarted, Seed, TaskFamily, TaskScheduled, Work};
use stepwell_engine::{
    Clock, Payload, SandboxRunner, StateRef, SystemClock, TaskGrant, TaskOrder, TaskResult,
    TaskRunner, Timestamp,
};
use stepwell_sandbox::{
    CancelToken, ComponentDigest, LogLine, Progress, Sandbox, SandboxConfig, TaskCall, TaskContext,
    TaskHost, TaskLimits,
};
use stepwell_store::{Store, StoreOptions};
use tokio::runtime::Runtime;

use crate::calls::{self, Calls};
use crate::inputs::{COMPONENT, INPUT};
use crate::raw_wasm::{RawWasm, Slots};
use crate::report::{Budget, Figure, Findings};
use crate::statistics::median;
use crate::surroundings::Surroundings;

/// How long each way to call has in a round.
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 20;
const RATIO: Budget = Budget::AtMost(1.5);

/// Measures one call at a time, and 64.
pub(super) fn run(surroundings: &Surroundings) -> anyhow::Result<Vec<Findings>> {
    let callers = Callers::new(&surroundings.wasm)?;
    let runtime = calls::runtime()?;
    let rounds = surroundings.amount(ROUNDS);
    [1, 64]
        .into_iter()
        .map(|at_once| {
            let measured = (0..rounds).map(|_| callers.round(&runtime, at_once));
            let measured: Vec<Round> = measured.collect::<anyhow::Result<_>>()?;
            Ok(Findings {
                scenario: format!(
                    "call: {at_once} at a time, {rounds} rounds of {} ms each, medians",
                    ROUND.as_millis()
                ),
                figures: figures(&measured),
            })
        })
        .collect()
}

fn figures(rounds: &[Round]) -> Vec<Figure> {
    let of = |value: &dyn Fn(&Round) -> f64| median(&rounds.iter().map(value).collect::<Vec<_>>());
    let ratio = |name: &str, value: f64| Figure::new(name, value, "times").within(RATIO);
    vec![
        ratio(
            "sandbox for raw, calls a second",
            of(&|r| r.raw.per_second / r.sandbox.per_second),
        ),
        ratio(
            "sandbox for raw, processor time",
            of(&|r| r.sandbox.cpu_us / r.raw.cpu_us),
        ),
        ratio(
            "engine's runner for raw, calls a second",
            of(&|r| r.raw.per_second / r.runner.per_second),
        ),
        ratio(
            "engine's runner for raw, processor time",
            of(&|r| r.runner.cpu_us / r.raw.cpu_us),
        ),
        Figure::new("raw wasmtime", of(&|r| r.raw.per_second), "/s"),
        Figure::new(
            "raw wasmtime, pool by default",
            of(&|r| r.raw_by_default.per_second),
            "/s",
        ),
        Figure::new("sandbox", of(&|r| r.sandbox.per_second), "/s"),
        Figure::new("engine's runner", of(&|r| r.runner.per_second), "/s"),
        Figure::new("raw wasmtime, processor time", of(&|r| r.raw.cpu_us), "µs"),
        Figure::new("sandbox, processor time", of(&|r| r.sandbox.cpu_us), "µs"),
        Figure::new(
            "engine's runner, processor time",
            of(&|r| r.runner.cpu_us),
            "µs",
        ),
    ]
}

/// What each way to call has shown in one round.
struct Round {
    raw: Calls,
    raw_by_default: Calls,
    sandbox: Calls,
    runner: Calls,
}

/// The ways to call.
struct Callers {
    /// With a pool set up as the sandbox's.
    raw: RawWasm,
    /// With a pool as wasmtime sets it up.
    raw_by_default: RawWasm,
    sandbox: Sandbox,
    runner: Arc<SandboxRunner>,
    digest: ComponentDigest,
    order: TaskOrder,
}

impl Callers {
    fn new(wasm: &[u8]) -> anyhow::Result<Self> {
        let sandbox = Sandbox::new(SandboxConfig::default())?;
        ensure!(sandbox.has_pool(), "the machine has no room for the pool");
        let digest = sandbox.prepare(wasm)?.digest;
        let store = Store::open(StoreOptions::memory())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let runner = SandboxRunner::new(sandbox.clone(), store, clock, TaskLimits::default());
        Ok(Self {
            raw: RawWasm::new(wasm, Slots::Overwritten)?,
            raw_by_default: RawWasm::new(wasm, Slots::Returned)?,
            sandbox,
            runner: Arc::new(runner),
            digest,
            order: order(digest)?,
        })
    }

    fn round(&self, runtime: &Runtime, at_once: usize) -> anyhow::Result<Round> {
        let (sandbox, digest) = (self.sandbox.clone(), self.digest);
        let (runner, order) = (Arc::clone(&self.runner), self.order.clone());
        let host: Arc<dyn TaskHost> = Arc::new(Silent);
        Ok(Round {
            raw: repeat_raw(runtime, at_once, &self.raw)?,
            raw_by_default: repeat_raw(runtime, at_once, &self.raw_by_default)?,
            sandbox: repeat(runtime, at_once, move || {
                let sandbox = sandbox.clone();
                let call = task_call(&host);
                async move {
                    let report = sandbox.call(&digest, call).await;
                    ensure!(report.outcome.is_completed(), "{:?}", report.outcome);
                    Ok(())
                }
            })?,
            runner: repeat(runtime, at_once, move || {
                let running = runner.run(order.clone());
                async move {
                    let end = running.await;
                    let completed = matches!(end.result, TaskResult::Completed(_));
                    ensure!(completed, "{:?}", end.result);
                    Ok(())
                }
            })?,
        })
    }
}

fn repeat_raw(runtime: &Runtime, at_once: usize, raw: &RawWasm) -> anyhow::Result<Calls> {
    let raw = raw.clone();
    repeat(runtime, at_once, move || {
        let raw = raw.clone();
        async move { raw.call().await }
    })
}

fn repeat<F, C>(runtime: &Runtime, at_once: usize, call: F) -> anyhow::Result<Calls>
where
    F: Fn() -> C + Clone + Send + 'static,
    C: Future<Output = anyhow::Result<()>> + Send,
{
    calls::repeat(runtime, at_once, ROUND, call)
}

fn task_call(host: &Arc<dyn TaskHost>) -> TaskCall {
    TaskCall {
        context: TaskContext {
            tenant: "dev".to_owned(),
            execution_id: EXECUTION_ARN.to_owned(),
            execution_name: EXECUTION.to_owned(),
            state_machine: "steps".to_owned(),
            state: "Step1".to_owned(),
            attempt: 1,
            idempotency_key: KEY.to_owned(),
            execution_started_ms: 1_800_000_000_000,
            deadline_ms: 1_800_000_900_000,
            task_token: None,
            traceparent: String::new(),
        },
        input: INPUT.into(),
        limits: TaskLimits::default(),
        seed: [7; 32],
        host: Arc::clone(host),
        cancel: CancelToken::new(),
    }
}

const EXECUTION: &str = "0b2d8b1e-71cd-8f00-8d4b-0ff2b5d1f3a1";
const EXECUTION_ARN: &str =
    "arn:aws:states:us-east-1:000000000000:execution:steps:0b2d8b1e-71cd-8f00-8d4b-0ff2b5d1f3a1";
const KEY: &str = "iNDLq6BlW2Xo5vGwNdIf3A";

/// What the engine orders for the first task of an execution.
fn order(component: ComponentDigest) -> anyhow::Result<TaskOrder> {
    let input = Payload::parse(INPUT).context("the input is JSON")?;
    let execution = ExecutionStarted {
        key: 1,
        input: input.clone(),
        tenant: "dev".into(),
        execution_arn: EXECUTION_ARN.into(),
        execution_name: EXECUTION.into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:steps".into(),
        state_machine_name: "steps".into(),
        version_arn: None,
        alias_arn: None,
        role_arn: "".into(),
        region: "us-east-1".into(),
        seed: Seed([7; 32]),
        deadline: None,
        parent: None,
        traceparent: None,
        principal: None,
        payload_max_bytes: 262_144,
        history_events_max: None,
        scope: stepwell_states::ScopeId(0),
        map_child: None,
        tracestate: None,
        acting_for: None,
    };
    let task = TaskScheduled {
        state: StateRef {
            scope: stepwell_states::ScopeId(0),
            index: 0,
        },
        state_name: "Step1".into(),
        family: TaskFamily::Task,
        resource_type: "task".into(),
        resource: COMPONENT.into(),
        parameters: input.clone(),
        attempt: 1,
        timeout_seconds: None,
        heartbeat_seconds: None,
        work: Work::RunComponent {
            name: COMPONENT.into(),
            version: None,
        },
        waits_for_report: false,
        idempotency_key: KEY.into(),
    };
    Ok(TaskOrder {
        component,
        execution: Arc::new(execution),
        execution_started_at: Timestamp::from_ms(1_800_000_000_000),
        scheduled: EventNumber(3),
        task: Arc::new(task),
        input,
        timeout: Duration::from_secs(900),
        heartbeat: None,
        grant: TaskGrant::default(),
        cancel: CancelToken::new(),
    })
}

/// A host that gives nothing and keeps nothing.
struct Silent;

impl TaskHost for Silent {
    fn log(&self, _: LogLine) {}

    fn heartbeat(&self, _: Option<Progress>) {}

    fn secret(&self, _: &str) -> Option<String> {
        None
    }

    fn config(&self, _: &str) -> Option<String> {
        None
    }

    fn now_ms(&self) -> u64 {
        0
    }
}
