//! An engine with the real sandbox, names that lead where a test says, and a record of what
//! was denied.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stepwell_egress::{Egress, Limits, Lookup, Rates, Rule};
use stepwell_engine::{
    ANY_POLICY, Caller, DeniedAccess, DeployStateMachine, DeployedStateMachine, Engine,
    EngineConfig, EngineError, EngineHandle, ExecutionDescription, NewTenantOrder, Payload,
    SandboxRunner, StartExecution, TaskRunner,
};
use stepwell_sandbox::{Sandbox, SandboxConfig, TaskLimits};
use stepwell_store::{Store, StoreOptions};
use stepwell_tests::guest;
use stepwell_vault::{MasterKey, Vault};

/// The component that sends what it is told to.
pub(crate) const ATTACKER: &str = "hostile-egress";

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(120);

/// Names and their addresses; each look-up takes the next answer, the last one for ever.
#[derive(Debug, Default)]
pub(crate) struct Names {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    /// How often a name was looked up.
    pub(crate) fn asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|known| *known == name).count()
    }
}

impl Lookup for Names {
    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let Some(script) = answers.get_mut(host) else {
            return Err(io::Error::other("no such name"));
        };
        if script.len() > 1 {
            return Ok(script.remove(0));
        }
        Ok(script[0].clone())
    }
}

/// How a host is set up.
pub(crate) struct Setup {
    /// The operator's rules.
    pub(crate) operator: Vec<String>,
    /// The tenant's.
    pub(crate) policy: Vec<String>,
    /// Names, and the answers of their look-ups, one after the other.
    pub(crate) names: Vec<(&'static str, Vec<Vec<&'static str>>)>,
    pub(crate) rates: Rates,
}

impl Default for Setup {
    /// Every name below `.test`, which leads to loopback, at any port.
    fn default() -> Self {
        Self {
            operator: vec!["private http://*.test:*".to_owned()],
            policy: vec![ANY_POLICY.to_owned()],
            names: vec![("api.test", vec![vec!["127.0.0.1"]])],
            rates: Rates::default(),
        }
    }
}

pub(crate) struct Host {
    _engine: Engine,
    pub(crate) handle: EngineHandle,
    pub(crate) caller: Caller,
    pub(crate) names: Arc<Names>,
    denied: Arc<Mutex<Vec<DeniedAccess>>>,
}

impl Host {
    /// Starts a host that has the guests of that name.
    pub(crate) async fn start(setup: Setup, guests: &[&str]) -> Self {
        let names = Arc::new(Names::default());
        for (name, answers) in &setup.names {
            let parse =
                |texts: &Vec<&str>| texts.iter().map(|text| text.parse().unwrap()).collect();
            let script = answers.iter().map(parse).collect();
            names
                .answers
                .lock()
                .unwrap()
                .insert((*name).to_owned(), script);
        }
        let rules = setup.operator.iter().map(|rule| Rule::parse(rule).unwrap());
        let limits = Limits {
            connect: Duration::from_millis(500),
            ..Limits::default()
        };
        let lookup = Arc::clone(&names) as Arc<dyn Lookup>;
        let config = EngineConfig {
            shards: 1,
            guest_threads: 1,
            egress: Egress::new(rules.collect(), lookup, limits),
            egress_rates: setup.rates,
            vault: Arc::new(Vault::new(MasterKey::generate().unwrap(), [])),
            ..EngineConfig::default()
        };
        let store = Store::open(StoreOptions::memory()).unwrap();
        let sandbox = Sandbox::new(SandboxConfig::default()).unwrap();
        let clock = Arc::clone(&config.clock);
        let runner = SandboxRunner::new(sandbox, store.clone(), clock, TaskLimits::default());
        let runner = Arc::new(runner.with_vault(Arc::clone(&config.vault))) as Arc<dyn TaskRunner>;
        let engine = Engine::start(config, store, runner).unwrap();
        let handle = engine.handle();
        let tenant = NewTenantOrder {
            name: "shop".to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
        };
        handle.ensure_tenant(tenant).await.unwrap();
        handle.ensure_policy("shop", setup.policy).await.unwrap();
        let caller = handle.caller_for_tenant("shop", "test").await.unwrap();
        let denied: Arc<Mutex<Vec<DeniedAccess>>> = Arc::default();
        let record = Arc::clone(&denied);
        handle.listen_for_denials(Arc::new(move |access| {
            record.lock().unwrap().push(access.clone());
        }));
        let host = Self {
            _engine: engine,
            handle,
            caller,
            names,
            denied,
        };
        for name in guests {
            host.push(name).await;
        }
        host
    }

    pub(crate) async fn push(&self, name: &str) {
        let wasm = fs::read(guest(name).unwrap()).unwrap();
        let pushed = self.handle.push_component(&self.caller, name, wasm).await;
        pushed.unwrap();
    }

    /// Deploys a state that runs a component with these grants.
    pub(crate) async fn deploy(
        &self,
        component: &str,
        grants: Value,
    ) -> Result<DeployedStateMachine, EngineError> {
        let definition = json!({"StartAt": "Send", "States": {"Send": {"Type": "Task",
            "Resource": format!("task:{component}"), "TimeoutSeconds": 60, "Grants": grants,
            "End": true}}});
        self.deploy_definition(&definition).await
    }

    pub(crate) async fn deploy_definition(
        &self,
        definition: &Value,
    ) -> Result<DeployedStateMachine, EngineError> {
        let order = DeployStateMachine {
            name: Some("machine".to_owned()),
            definition: definition.to_string(),
            format: None,
            machine_type: None,
            role_arn: None,
            refuse_unbound: false,
        };
        self.handle.deploy_state_machine(&self.caller, order).await
    }

    /// Starts what is deployed, and waits for its end.
    pub(crate) async fn run(&self, input: &Value) -> ExecutionDescription {
        let order = StartExecution {
            state_machine: "machine".to_owned(),
            name: None,
            input: Some(Payload::from_value(input)),
            ..StartExecution::default()
        };
        let started = self.handle.start_execution(&self.caller, order).await;
        let arn = started.unwrap().arn;
        let waited = self.handle.wait_for_end(&self.caller, &arn, PATIENCE).await;
        waited.unwrap()
    }

    /// Has the attacker send something under these grants, and returns how each of its
    /// requests ended.
    pub(crate) async fn attack(&self, http: Value, attack: &Value) -> Vec<Value> {
        let deployed = self.deploy(ATTACKER, json!({"Http": http})).await;
        deployed.unwrap_or_else(|error| panic!("{error:#?}"));
        self.attack_again(attack).await
    }

    /// The same with what is deployed.
    pub(crate) async fn attack_again(&self, attack: &Value) -> Vec<Value> {
        let end = self.run(attack).await;
        let output = end.output.unwrap_or_else(|| panic!("{:?}", end.failure));
        serde_json::from_value(output.to_value()).unwrap()
    }

    /// The controls that stopped something since the last look, in order.
    pub(crate) fn controls(&self) -> Vec<&'static str> {
        self.denials().iter().map(|denied| denied.control).collect()
    }

    /// What was denied since the last look, in order.
    pub(crate) fn denials(&self) -> Vec<DeniedAccess> {
        std::mem::take(&mut *self.denied.lock().unwrap())
    }
}

/// The error of a request's end, or its status.
pub(crate) fn told(ended: &Value) -> String {
    match ended["error"].as_str() {
        Some(error) => error.to_owned(),
        None => ended["status"].to_string(),
    }
}
