//! The engine alone, in this process: what is left when HTTP and the program are taken away.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use stepwell_engine::{
    Caller, DeployStateMachine, Engine, EngineConfig, EngineError, EngineHandle, NewTenantOrder,
    Payload, SandboxRunner, StartExecution, Status, TaskRunner,
};
use stepwell_sandbox::{Sandbox, SandboxConfig, TaskLimits};
use stepwell_store::{Store, StoreOptions};
use tokio::runtime::Runtime;

use crate::inputs::Machine;

/// Longer than any execution takes that is not lost.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running engine; stopped when dropped.
pub(crate) struct InProcess {
    engine: Option<Engine>,
    runtime: Runtime,
    caller: Caller,
}

/// A way into it for one thread.
#[derive(Clone)]
pub(crate) struct EngineSession {
    engine: EngineHandle,
    runtime: tokio::runtime::Handle,
    caller: Caller,
}

impl InProcess {
    /// Starts an engine on a data folder, wired as the program wires it.
    ///
    /// # Errors
    ///
    /// The folder or the machine cannot be used.
    pub(crate) fn start(data: &Path) -> anyhow::Result<Self> {
        let config = EngineConfig::default();
        let store = Store::open(StoreOptions::folder(data))?;
        let sandbox = Sandbox::new(sandbox_config(&config))?;
        let clock = Arc::clone(&config.clock);
        let runner = SandboxRunner::new(sandbox, store.clone(), clock, TaskLimits::default());
        let runner: Arc<dyn TaskRunner> = Arc::new(runner);
        let engine = Engine::start(config, store, runner)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("api")
            .build()?;
        let handle = engine.handle();
        let caller = runtime.block_on(caller_of(&handle, "dev", "000000000000"))?;
        Ok(Self {
            engine: Some(engine),
            runtime,
            caller,
        })
    }

    /// Returns a way in.
    ///
    /// # Errors
    ///
    /// It is stopping.
    pub(crate) fn session(&self) -> anyhow::Result<EngineSession> {
        let engine = self.engine.as_ref().context("the engine has stopped")?;
        Ok(EngineSession {
            engine: engine.handle(),
            runtime: self.runtime.handle().clone(),
            caller: self.caller.clone(),
        })
    }

    /// Returns a way in for a tenant of its own, which is made.
    ///
    /// # Errors
    ///
    /// It is stopping.
    pub(crate) fn session_of(&self, name: &str, account: &str) -> anyhow::Result<EngineSession> {
        let session = self.session()?;
        let caller = caller_of(&session.engine, name, account);
        let caller = self.runtime.block_on(caller)?;
        Ok(EngineSession { caller, ..session })
    }
}

async fn caller_of(
    engine: &EngineHandle,
    name: &str,
    account: &str,
) -> Result<Caller, EngineError> {
    let tenant = NewTenantOrder {
        name: name.to_owned(),
        account: account.to_owned(),
        region: "us-east-1".to_owned(),
    };
    engine.ensure_tenant(tenant).await?;
    engine.caller_for_tenant(name, "bench").await
}

impl Drop for InProcess {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.shut_down();
        }
    }
}

impl EngineSession {
    /// The engine.
    pub(crate) fn engine(&self) -> &EngineHandle {
        &self.engine
    }

    /// Uploads a component.
    ///
    /// # Errors
    ///
    /// The engine refuses it.
    pub(crate) fn push(&self, name: &str, wasm: &[u8]) -> anyhow::Result<()> {
        let pushed = self
            .engine
            .push_component(&self.caller, name, wasm.to_vec());
        self.runtime.block_on(pushed)?;
        Ok(())
    }

    /// Deploys a machine.
    ///
    /// # Errors
    ///
    /// The engine refuses it.
    pub(crate) fn deploy(&self, machine: &Machine) -> anyhow::Result<()> {
        let order = DeployStateMachine {
            name: Some(machine.name.to_owned()),
            definition: machine.definition.clone(),
            format: None,
            machine_type: None,
            role_arn: None,
            refuse_unbound: false,
        };
        let deployed = self.engine.deploy_state_machine(&self.caller, order);
        self.runtime.block_on(deployed)?;
        Ok(())
    }

    /// Starts an execution; returns its ARN once the start is durable.
    ///
    /// # Errors
    ///
    /// The engine refuses it.
    pub(crate) fn start(&self, machine: &str, input: &str) -> anyhow::Result<String> {
        let order = StartExecution {
            state_machine: machine.to_owned(),
            name: None,
            input: Some(Payload::parse(input)?),
            ..StartExecution::default()
        };
        let started = self.engine.start_execution(&self.caller, order);
        Ok(self.runtime.block_on(started)?.arn)
    }

    /// Starts an execution and waits until it has succeeded.
    ///
    /// # Errors
    ///
    /// It ends otherwise.
    pub(crate) fn run(&self, machine: &str, input: &str) -> anyhow::Result<()> {
        let arn = self.start(machine, input)?;
        let end = self.engine.wait_for_end(&self.caller, &arn, PATIENCE);
        let end = self.runtime.block_on(end)?;
        ensure!(end.summary.status == Status::Succeeded, "{end:?}");
        Ok(())
    }
}

fn sandbox_config(engine: &EngineConfig) -> SandboxConfig {
    SandboxConfig {
        max_concurrent_calls: u32::try_from(engine.tasks_at_once).unwrap_or(u32::MAX),
        ..SandboxConfig::default()
    }
}
