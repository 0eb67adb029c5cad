//! An engine for one case: in memory, with a clock that jumps, and with no components.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use stepwell_engine::{
    Caller, CheckedComponent, DeployStateMachine, Engine, EngineConfig, EngineError, EngineHandle,
    EventKind, ExecutionDescription, Failure, HistoryPart, HistoryRange, ListExecutions,
    NewTenantOrder, Payload, RefusedComponent, RunningTask, SimulatedClock, StartExecution, Status,
    TaskEnd, TaskOrder, TaskResult, TaskRunner, TaskScheduled, Timestamp, Usage,
};
use stepwell_server::wire::{EventContext, aws_event};
use stepwell_store::{Store, StoreOptions};

/// Where the clock of every case begins: on the day on which what the cases send was
/// observed, 2026-11-21, since some of it counts from there.
const START: Timestamp = Timestamp::from_ms(1_795_262_400_000);
/// Jumps of the clock and decisions of an execution, before it is given up.
const TURNS_MAX: usize = 2_000;

pub(crate) const REGION: &str = "recorded-region-1";
pub(crate) const ACCOUNT: &str = "111111111111";

/// Knows no component.
struct NoComponents;

impl TaskRunner for NoComponents {
    fn run(&self, _order: TaskOrder) -> RunningTask {
        Box::pin(async {
            TaskEnd {
                result: TaskResult::Failed(Failure::new("NoComponent", "none runs here")),
                usage: Usage::default(),
            }
        })
    }

    fn check(&self, _wasm: &[u8]) -> Result<CheckedComponent, RefusedComponent> {
        Err(RefusedComponent {
            code: "NoComponent",
            message: "none runs here".to_owned(),
        })
    }
}

/// A running engine.
pub(crate) struct Host {
    engine: Option<Engine>,
    handle: EngineHandle,
    caller: Caller,
    clock: SimulatedClock,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let clock = SimulatedClock::new(START);
        let config = EngineConfig {
            shards: 1,
            guest_threads: 1,
            shutdown_grace: Duration::ZERO,
            clock: Arc::new(clock.clone()),
            ..EngineConfig::default()
        };
        let store = Store::open(StoreOptions::memory()).unwrap();
        let engine = Engine::start(config, store, Arc::new(NoComponents)).unwrap();
        let handle = engine.handle();
        let tenant = NewTenantOrder {
            name: "recorded".to_owned(),
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
        };
        handle.ensure_tenant(tenant).await.unwrap();
        let caller = handle.caller_for_tenant("recorded", "test").await.unwrap();
        Self {
            engine: Some(engine),
            handle,
            caller,
            clock,
        }
    }

    pub(crate) async fn deploy(
        &self,
        name: &str,
        definition: String,
        role_arn: &str,
    ) -> Result<(), EngineError> {
        let order = DeployStateMachine {
            name: Some(name.to_owned()),
            definition,
            format: None,
            machine_type: None,
            role_arn: Some(role_arn.to_owned()),
            refuse_unbound: false,
        };
        let deployed = self.handle.deploy_state_machine(&self.caller, order).await;
        deployed.map(|_| ())
    }

    /// Starts an execution and returns its ARN.
    pub(crate) async fn execute(
        &self,
        machine: &str,
        name: &str,
        input: Option<Payload>,
    ) -> String {
        let order = StartExecution {
            state_machine: machine.to_owned(),
            name: Some(name.to_owned()),
            input,
            traceparent: None,
        };
        let started = self.handle.start_execution(&self.caller, order).await;
        started.unwrap().arn
    }

    /// Goes on to the end of an execution; whatever only waits for its time need not.
    pub(crate) async fn finish(&self, execution: &str) -> Option<ExecutionDescription> {
        for _ in 0..TURNS_MAX {
            // Read before looked at: what happens between the two is not waited for.
            let seen = self.newest_event(execution).await;
            let found = self.describe(execution).await;
            if found.summary.status != Status::Running {
                return Some(found);
            }
            match self.next_due().await {
                Some(due) => self.clock.advance_to(due),
                None => self.wait_for_more(execution, seen).await,
            }
        }
        None
    }

    async fn describe(&self, execution: &str) -> ExecutionDescription {
        let described = self.handle.describe_execution(&self.caller, execution);
        described.await.unwrap()
    }

    async fn newest_event(&self, execution: &str) -> u64 {
        let newest = HistoryRange {
            after: 0,
            limit: 1,
            reverse: true,
        };
        let part = self.read(execution, newest).await;
        part.events.first().map_or(0, |event| event.number.0)
    }

    async fn wait_for_more(&self, execution: &str, after: u64) {
        // Short, since what it waits for may be in another execution.
        let patience = Duration::from_millis(20);
        let waited = self
            .handle
            .wait_for_events(&self.caller, execution, after, patience);
        waited.await.unwrap();
    }

    /// The earliest time that anything waits for, if there is nothing else to be done.
    async fn next_due(&self) -> Option<Timestamp> {
        let running = ListExecutions {
            status: Some(Status::Running),
            limit: 1_000,
            ..ListExecutions::default()
        };
        let page = self.handle.list_executions(&self.caller, running).await;
        let mut earliest = None;
        for line in page.unwrap().items {
            for state in self.describe(&line.arn).await.active {
                if matches!(&*state.waits_for, "its turn" | "the running task") {
                    return None;
                }
                earliest = [earliest, state.due].into_iter().flatten().min();
            }
        }
        earliest
    }

    async fn read(&self, execution: &str, range: HistoryRange) -> HistoryPart {
        let read = self.handle.read_history(&self.caller, execution, range);
        read.await.unwrap()
    }

    /// The whole history, as Step Functions shows it.
    pub(crate) async fn history(&self, execution: &str) -> Vec<Value> {
        let mut after = 0;
        let mut shown = Vec::new();
        let mut tasks: BTreeMap<u64, Arc<TaskScheduled>> = BTreeMap::new();
        loop {
            let range = HistoryRange {
                after,
                limit: 1_000,
                reverse: false,
            };
            let part = self.read(execution, range).await;
            for event in &part.events {
                after = event.number.0;
                if let EventKind::TaskScheduled(task) = &event.kind {
                    tasks.insert(event.number.0, Arc::clone(task));
                }
                let context = EventContext {
                    region: REGION,
                    definition: &part.definition,
                    tasks: &tasks,
                };
                if event.id != 0 {
                    let event = aws_event(event, event.at.to_string(), context);
                    shown.push(serde_json::to_value(event).unwrap());
                }
            }
            if !part.more {
                return shown;
            }
        }
    }

    pub(crate) async fn stop(mut self) {
        let engine = self.engine.take().unwrap();
        tokio::task::spawn_blocking(move || engine.shut_down())
            .await
            .unwrap();
    }
}
