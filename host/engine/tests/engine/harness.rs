//! An engine on a store of its own, with scripted tasks and a clock that stands still.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stepwell_engine::{
    ANY_POLICY, Caller, CheckedComponent, DeployStateMachine, Engine, EngineConfig, EngineHandle,
    ExecutionDescription, Failure, HistoryEvent, HistoryRange, NewTenantOrder, Payload,
    RefusedComponent, RunningTask, SimulatedClock, StartExecution, Status, TaskEnd, TaskOrder,
    TaskResult, TaskRunner, Timestamp, Usage,
};
use stepwell_sandbox::ComponentDigest;
use stepwell_store::{
    AuditChain, AuditEntry, AuditExport, AuditFacts, AuditOutcome, AuditPrincipal, AuditSource,
    AuditVerifier, FaultPlan, Location, Store, StoreOptions, TenantId,
};
use tokio::sync::Semaphore;

pub(crate) const START: Timestamp = Timestamp::from_ms(1_800_000_000_000);
/// Longer than anything here takes, however busy the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

type Script = Arc<dyn Fn(&TaskOrder) -> TaskResult + Send + Sync>;

/// Runs tasks as a test says.
#[derive(Clone, Default)]
pub(crate) struct Scripted(Arc<ScriptedState>);

#[derive(Default)]
struct ScriptedState {
    scripts: Mutex<BTreeMap<String, Script>>,
    calls: Mutex<Vec<(String, u32)>>,
    /// Where there is one, a call takes a permit before it ends.
    gate: Mutex<Option<Arc<Semaphore>>>,
    made: AtomicU64,
}

impl Scripted {
    /// Scripts a state's task.
    pub(crate) fn on(
        &self,
        state: &str,
        script: impl Fn(&TaskOrder) -> TaskResult + Send + Sync + 'static,
    ) {
        self.0
            .scripts
            .lock()
            .unwrap()
            .insert(state.to_owned(), Arc::new(script));
    }

    /// Every call made, by state and attempt.
    pub(crate) fn calls(&self) -> Vec<(String, u32)> {
        self.0.calls.lock().unwrap().clone()
    }

    pub(crate) fn made(&self) -> u64 {
        self.0.made.load(Ordering::SeqCst)
    }

    /// From now on no call ends without a permit.
    pub(crate) fn close_gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }
}

impl TaskRunner for Scripted {
    fn run(&self, order: TaskOrder) -> RunningTask {
        let state = self.0.clone();
        Box::pin(async move {
            let name = order.task.state_name.to_string();
            state
                .calls
                .lock()
                .unwrap()
                .push((name.clone(), order.task.attempt));
            let gate = state.gate.lock().unwrap().clone();
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            let script = state.scripts.lock().unwrap().get(&name).cloned();
            let result = match script {
                Some(script) => script(&order),
                None => TaskResult::Completed(order.input.clone()),
            };
            state.made.fetch_add(1, Ordering::SeqCst);
            let usage = Usage {
                fuel: 1_000,
                memory_peak_bytes: 65_536,
                duration_us: 50,
            };
            TaskEnd { result, usage }
        })
    }

    fn check(&self, wasm: &[u8]) -> Result<CheckedComponent, RefusedComponent> {
        if wasm.is_empty() {
            return Err(RefusedComponent {
                code: "NotWasm",
                message: "no bytes".to_owned(),
            });
        }
        Ok(CheckedComponent {
            digest: ComponentDigest::of(wasm),
            wasm: wasm.to_vec(),
            imports: Vec::new(),
            description: None,
        })
    }
}

pub(crate) fn ok(json: &str) -> TaskResult {
    TaskResult::Completed(Payload::parse(json).unwrap())
}

pub(crate) fn failed(error: &str) -> TaskResult {
    TaskResult::Failed(Failure::new(error, format!("{error} was asked for")))
}

/// An engine under test.
pub(crate) struct Bench {
    pub(crate) engine: Option<Engine>,
    pub(crate) handle: EngineHandle,
    pub(crate) caller: Caller,
    pub(crate) clock: SimulatedClock,
    pub(crate) tasks: Scripted,
    pub(crate) store: Store,
}

impl Bench {
    pub(crate) async fn in_memory() -> Self {
        let clock = SimulatedClock::new(START);
        Self::open(StoreOptions::memory(), clock, Scripted::default(), |_| {}).await
    }

    pub(crate) async fn in_folder(folder: PathBuf, clock: SimulatedClock, tasks: Scripted) -> Self {
        Self::open(StoreOptions::folder(folder), clock, tasks, |_| {}).await
    }

    pub(crate) async fn with_faults(
        folder: PathBuf,
        clock: SimulatedClock,
        tasks: Scripted,
        faults: Arc<dyn FaultPlan>,
    ) -> Self {
        let mut options = StoreOptions::folder(folder);
        options.faults = Some(faults);
        Self::open(options, clock, tasks, |_| {}).await
    }

    pub(crate) async fn open(
        options: StoreOptions,
        clock: SimulatedClock,
        tasks: Scripted,
        adjust: impl FnOnce(&mut EngineConfig),
    ) -> Self {
        let mut config = EngineConfig {
            shards: 2,
            guest_threads: 1,
            retry_delay: Duration::from_millis(5),
            shutdown_grace: Duration::from_millis(50),
            clock: Arc::new(clock.clone()),
            ..EngineConfig::default()
        };
        adjust(&mut config);
        assert!(matches!(
            options.location,
            Location::Memory | Location::Folder(_)
        ));
        let store = Store::open(options).unwrap();
        let engine = Engine::start(config, store.clone(), Arc::new(tasks.clone())).unwrap();
        let handle = engine.handle();
        let tenant = NewTenantOrder {
            name: "dev".to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
        };
        handle.ensure_tenant(tenant).await.unwrap();
        let any = vec![ANY_POLICY.to_owned()];
        handle.ensure_policy("dev", any).await.unwrap();
        let caller = handle.caller_for_tenant("dev", "test").await.unwrap();
        Self {
            engine: Some(engine),
            handle,
            caller,
            clock,
            tasks,
            store,
        }
    }

    /// Verifies the tenant's chain in the audit log, which tells of so many starts.
    pub(crate) fn chain_is_whole(&self, starts: usize) {
        let chain = AuditChain::Tenant {
            id: TenantId(self.caller.tenant.id),
            name: Arc::clone(&self.caller.tenant.name),
        };
        let source = AuditSource::Store(self.store.clone());
        let mut export = AuditExport::begin(source, chain, 0).unwrap();
        let mut lines = String::new();
        while let Some(part) = export.next_part().unwrap() {
            lines.push_str(&part);
        }
        let verified = AuditVerifier::default().read(lines.as_bytes()).unwrap();
        verified.expect("the chain must be whole");
        let told = lines.matches("\"action\":\"execution:start").count();
        assert_eq!(told, starts, "{lines}");
    }

    /// Pushes a component of that name.
    pub(crate) async fn push(&self, name: &str) {
        let wasm = name.as_bytes().to_vec();
        self.handle
            .push_component(&self.caller, name, wasm)
            .await
            .unwrap();
    }

    /// Deploys a definition, and pushes what components it lacks first.
    pub(crate) async fn deploy(&self, name: &str, definition: &str) {
        for component in ["work", "other", "a", "b", "c"] {
            self.push(component).await;
        }
        let order = DeployStateMachine {
            name: Some(name.to_owned()),
            definition: definition.to_owned(),
            format: None,
            machine_type: None,
            role_arn: None,
            refuse_unbound: false,
        };
        if let Err(error) = self.handle.deploy_state_machine(&self.caller, order).await {
            panic!("{error:#?}");
        }
    }

    pub(crate) async fn start(&self, machine: &str, name: &str, input: &str) -> String {
        let order = StartExecution {
            state_machine: machine.to_owned(),
            name: Some(name.to_owned()),
            input: Some(Payload::parse(input).unwrap()),
            ..StartExecution::default()
        };
        self.handle
            .start_execution(&self.caller, order)
            .await
            .unwrap()
            .arn
    }

    /// Waits for an execution's end.
    pub(crate) async fn end(&self, execution: &str) -> ExecutionDescription {
        let end = self
            .handle
            .wait_for_end(&self.caller, execution, PATIENCE)
            .await
            .unwrap();
        assert_ne!(end.summary.status, Status::Running, "{end:#?}");
        end
    }

    /// Deploys, starts, waits.
    pub(crate) async fn run(&self, definition: &str, input: &str) -> ExecutionDescription {
        self.deploy("machine", definition).await;
        let arn = self.start("machine", "one", input).await;
        self.end(&arn).await
    }

    pub(crate) async fn history(&self, execution: &str) -> Vec<HistoryEvent> {
        let range = HistoryRange {
            after: 0,
            limit: 1_000,
            reverse: false,
        };
        self.handle
            .read_history(&self.caller, execution, range)
            .await
            .unwrap()
            .events
    }

    /// Waits until an execution has an active state for which `wanted` holds.
    pub(crate) async fn until(
        &self,
        execution: &str,
        wanted: impl Fn(&ExecutionDescription) -> bool,
    ) -> ExecutionDescription {
        loop {
            // Read before looked at: what happens between the two is not waited for.
            let events = self.history(execution).await;
            let after = events.last().map_or(0, |event| event.number.0);
            let found = self
                .handle
                .describe_execution(&self.caller, execution)
                .await
                .unwrap();
            if wanted(&found) {
                return found;
            }
            self.handle
                .wait_for_events(&self.caller, execution, after, PATIENCE)
                .await
                .unwrap();
        }
    }

    /// Ends the engine in order, and frees its folder.
    pub(crate) async fn close(mut self) {
        let engine = self.engine.take().unwrap();
        tokio::task::spawn_blocking(move || engine.shut_down())
            .await
            .unwrap();
    }
}

/// A history in short: wire names of events with their ids and predecessors.
pub(crate) fn outline(events: &[HistoryEvent]) -> Vec<String> {
    use stepwell_engine::EventKind as Kind;
    events
        .iter()
        .filter(|event| event.id != 0)
        .map(|event| {
            let name = match &event.kind {
                Kind::StateEntered(entered) => {
                    format!("{}Entered {}", entered.state_type.as_str(), entered.name)
                }
                Kind::StateExited(exited) => {
                    format!("{}Exited {}", exited.state_type.as_str(), exited.name)
                }
                other => {
                    let debug = format!("{other:?}");
                    debug
                        .split([' ', '(', '{'])
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                }
            };
            format!("{} {} {name}", event.id, event.previous_id)
        })
        .collect()
}

/// What somebody has done, for changes that a test makes in the store itself.
pub(crate) fn somebody() -> AuditEntry {
    let facts = AuditFacts {
        chain: AuditChain::Host,
        at: Timestamp::from_ms(0),
        principal: AuditPrincipal {
            kind: "host".into(),
            id: "test".into(),
            auth: "none".into(),
        },
        acting_for: Vec::new(),
        action: "test:change",
        resource: "a thing".to_owned(),
        outcome: AuditOutcome::Allowed,
        request: None,
        source: None,
        correlation: None,
        details: None,
    };
    AuditEntry::new(&facts, [0; 16])
}
