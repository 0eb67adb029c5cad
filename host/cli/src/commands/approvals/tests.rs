//! Approvals on the command line, against a host of this process whose time is simulated.

use std::time::Duration;

use clap::Parser as _;
use serde_json::{Value, json};
use stepwell_engine::{
    AccessOrder, Caller, CheckedComponent, ComponentDigest, Engine, EngineConfig, EngineHandle,
    Failure, NewTenantOrder, RefusedComponent, RunningTask, SimulatedClock, TaskEnd, TaskOrder,
    TaskResult, TaskRunner, Timestamp, Usage,
};
use stepwell_server::wire::ExecutionStatus;
use stepwell_server::{Auth, ServerConfig};
use stepwell_store::{Store, StoreOptions};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::*;
use crate::args::Cli;
use crate::client::Client;
use crate::commands::dispatch;
use crate::console::Console;

/// Runs no task, and takes any bytes for a component.
struct NoTasks;

impl TaskRunner for NoTasks {
    fn run(&self, _: TaskOrder) -> RunningTask {
        Box::pin(async {
            TaskEnd {
                result: TaskResult::Failed(Failure::named("NoTasks")),
                usage: Usage::default(),
            }
        })
    }

    fn check(&self, wasm: &[u8]) -> Result<CheckedComponent, RefusedComponent> {
        Ok(CheckedComponent {
            digest: ComponentDigest::of(wasm),
            wasm: wasm.to_vec(),
            imports: Vec::new(),
            description: None,
        })
    }
}

/// A host, and people with tokens.
struct Host {
    runtime: Runtime,
    engine: Option<Engine>,
    handle: EngineHandle,
    caller: Caller,
    clock: SimulatedClock,
    address: String,
    stop: Option<oneshot::Sender<()>>,
}

impl Host {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let clock = SimulatedClock::new(Timestamp::from_ms(1_800_000_000_000));
        let config = EngineConfig {
            shards: 1,
            guest_threads: 1,
            clock: std::sync::Arc::new(clock.clone()),
            ..EngineConfig::default()
        };
        let store = Store::open(StoreOptions::memory()).unwrap();
        let engine = Engine::start(config, store, std::sync::Arc::new(NoTasks)).unwrap();
        let handle = engine.handle();
        let (caller, address, stop) = runtime.block_on(async {
            let tenant = NewTenantOrder {
                name: "dev".to_owned(),
                account: "000000000000".to_owned(),
                region: "us-east-1".to_owned(),
            };
            handle.ensure_tenant(tenant).await.unwrap();
            let caller = handle.caller_for_tenant("dev", "dev").await.unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let (stop, stopped) = oneshot::channel::<()>();
            let config = ServerConfig::new(Auth::Tokens);
            let serving = stepwell_server::serve(listener, handle.clone(), config, async {
                drop(stopped.await);
            });
            tokio::spawn(serving);
            (caller, address, stop)
        });
        Self {
            runtime,
            engine: Some(engine),
            handle,
            caller,
            clock,
            address,
            stop: Some(stop),
        }
    }

    /// Makes a token.
    fn person(&self, name: &str, role: &str) -> String {
        let order = AccessOrder::new(name, role);
        let made = self.handle.make_api_token(&self.caller, order);
        self.runtime.block_on(made).unwrap()
    }

    fn client(&self, token: &str) -> Client {
        let (app, _) = self.parse(token, &["approvals", "list"]);
        app.client().unwrap()
    }

    fn parse(&self, token: &str, words: &[&str]) -> (App, Cli) {
        let head = [
            "stepwell",
            "--json",
            "--server",
            &self.address,
            "--token",
            token,
        ];
        let line = head.iter().chain(words);
        let cli = Cli::try_parse_from(line).unwrap();
        let again = Cli::try_parse_from(head.iter().chain(words)).unwrap();
        let console = Console::new(true, again.global.color);
        let app = App {
            console,
            global: again.global,
        };
        (app, cli)
    }

    /// Runs a command in somebody's name.
    fn run(&self, token: &str, words: &[&str]) -> Result<Exit, CliError> {
        let (app, cli) = self.parse(token, words);
        dispatch(cli.command, &app)
    }

    /// Expects that the host refuses, with this code.
    #[track_caller]
    fn refuses(&self, token: &str, words: &[&str], code: &str) {
        let error = self.run(token, words).expect_err(code);
        assert_eq!(error.exit(), Exit::Refused, "{error:?}");
        assert_eq!(error.to_json()["error"]["code"], code, "{error:?}");
    }

    fn deploy(&self, token: &str, definition: &Value) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("release.json");
        std::fs::write(&file, definition.to_string()).unwrap();
        let file = file.display().to_string();
        self.run(token, &["deploy", &file, "--name", "release"])
            .unwrap();
    }

    fn start(&self, token: &str, name: &str) {
        self.run(token, &["start", "release", "--name", name])
            .unwrap();
    }

    /// Waits until so many approvals of an execution are pending: ids and hashes, oldest first.
    fn asked(&self, token: &str, name: &str, count: usize) -> Vec<(String, String)> {
        let client = self.client(token);
        let execution = format!("release/{name}");
        loop {
            let query = ApprovalsQuery {
                status: Some("PENDING"),
                execution: Some(&execution),
                limit: 10,
                ..ApprovalsQuery::default()
            };
            let page = client.list_approvals(query).unwrap().value;
            if page.approvals.len() == count {
                let found = page.approvals.into_iter().rev();
                return found.map(|asked| (asked.approval_id, asked.hash)).collect();
            }
            std::thread::yield_now();
        }
    }

    fn one(&self, token: &str, name: &str) -> (String, String) {
        self.asked(token, name, 1).remove(0)
    }

    /// Waits for the end; returns the output.
    fn output(&self, token: &str, name: &str) -> Value {
        let client = self.client(token);
        let execution = format!("release/{name}");
        let ended = loop {
            let found = client.describe_execution(&execution).unwrap().value;
            if found.status != ExecutionStatus::Running {
                break found;
            }
            std::thread::yield_now();
        };
        assert_eq!(ended.status, ExecutionStatus::Succeeded);
        serde_json::from_str(ended.output.unwrap().as_str()).unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(engine) = self.engine.take() {
            engine.shut_down();
        }
    }
}

fn asking(parameters: Value) -> Value {
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "Not"}]);
    json!({"StartAt": "Ask", "States": {
        "Ask": {"Type": "Task", "Resource": "stepwell:approval", "Parameters": parameters,
            "Catch": catch, "Next": "Yes"},
        "Yes": {"Type": "Pass", "End": true},
        "Not": {"Type": "Pass", "End": true},
    }})
}

fn approve(asked: &(String, String)) -> Vec<&str> {
    vec!["approvals", "approve", &asked.0, "--hash", &asked.1]
}

fn reject(asked: &(String, String)) -> Vec<&str> {
    vec!["approvals", "reject", &asked.0, "--hash", &asked.1]
}

#[test]
fn others_approve_and_once() {
    let host = Host::new();
    let (dev, ann, bob) = (
        host.person("dev", "admin"),
        host.person("ann", "approver"),
        host.person("bob", "operator"),
    );
    host.deploy(
        &dev,
        &asking(json!({"Groups": ["approver"], "MinimumCount": 2})),
    );
    host.start(&dev, "one");
    let asked = host.one(&dev, "one");
    host.refuses(&dev, &approve(&asked), "SelfApproval");
    host.refuses(&bob, &approve(&asked), "Forbidden");
    let eve = host.person("eve", "admin");
    host.refuses(&eve, &approve(&asked), "NotApprover");
    host.run(&ann, &["approvals", "list", "--mine"]).unwrap();
    host.run(&ann, &["approvals", "show", &asked.0]).unwrap();
    // A script that has not looked decides nothing.
    let blind = host
        .run(&ann, &["approvals", "approve", &asked.0])
        .unwrap_err();
    assert_eq!(blind.exit(), Exit::Usage);
    for _ in 0..2 {
        host.run(&ann, &approve(&asked)).unwrap();
    }
    host.refuses(&ann, &reject(&asked), "AlreadyDecided");
    let cid = host.person("cid", "approver");
    host.run(&cid, &approve(&asked)).unwrap();
    assert_eq!(host.output(&dev, "one")["Principal"], "token:cid");
    host.refuses(&cid, &reject(&asked), "ApprovalClosed");
    let missing = host.run(&ann, &["approvals", "show", "none"]).unwrap_err();
    assert_eq!(missing.exit(), Exit::NotFound);
}

#[test]
fn inputs_and_comments_are_given_or_asked_for() {
    let host = Host::new();
    let (dev, ann) = (host.person("dev", "admin"), host.person("ann", "approver"));
    let inputs = json!([
        {"Name": "ticket", "Pattern": "OPS-[0-9]+", "Required": true},
        {"Name": "share", "Type": "number"},
    ]);
    host.deploy(
        &dev,
        &asking(json!({"Inputs": inputs, "CommentRequired": "Always"})),
    );
    host.start(&dev, "one");
    let asked = host.one(&dev, "one");
    let with = |more: &[&'static str]| -> Vec<String> {
        let words = approve(&asked).into_iter().chain(more.iter().copied());
        words.map(str::to_owned).collect()
    };
    let run = |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        host.run(&ann, &words)
    };
    for wrong in [
        &["--input", "ticket=OPS-7"][..],
        &["--comment", "c"],
        &["--comment", "c", "--input", "ticket=7"],
    ] {
        let error = run(with(wrong)).unwrap_err();
        assert_eq!(
            error.to_json()["error"]["code"],
            "InvalidField",
            "{wrong:?}"
        );
    }
    let long = "c".repeat(1 << 20);
    let mut words = approve(&asked);
    words.extend(["--input", "ticket=OPS-7", "--comment", &long]);
    host.refuses(&ann, &words, "InvalidField");
    let good = [
        "--comment",
        "c",
        "--input",
        "ticket=OPS-7",
        "--input",
        "share=10",
    ];
    run(with(&good)).unwrap();
    let inputs = host.output(&dev, "one")["Inputs"].clone();
    assert_eq!(inputs, json!({"ticket": "OPS-7", "share": 10}));
}

#[test]
fn time_brings_others_and_the_end() {
    let host = Host::new();
    let (dev, ann, bob) = (
        host.person("dev", "admin"),
        host.person("ann", "approver"),
        host.person("bob", "approver"),
    );
    host.deploy(
        &dev,
        &asking(json!({
            "People": ["token:ann"],
            "DeadlineSeconds": 600,
            "Escalation": {"AfterSeconds": 60, "People": ["token:bob"]},
        })),
    );
    host.start(&dev, "one");
    host.start(&dev, "two");
    let (first, second) = (host.one(&dev, "one"), host.one(&dev, "two"));
    host.refuses(&bob, &approve(&first), "NotApprover");
    host.clock.advance(Duration::from_secs(60));
    host.run(&bob, &approve(&first)).unwrap();
    host.clock.advance(Duration::from_secs(540));
    assert_eq!(host.output(&dev, "two")["Error"], "Approval.Expired");
    host.refuses(&ann, &approve(&second), "ApprovalClosed");
}

#[test]
fn what_has_changed_or_is_void_is_not_decided() {
    let host = Host::new();
    let (dev, ann) = (host.person("dev", "admin"), host.person("ann", "approver"));
    let mut definition = asking(json!({"Supersede": true}));
    definition["States"]["Not"] = json!({"Type": "Pass", "Result": "void", "End": true});
    definition["States"]["Yes"] = json!({"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "late"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Not"}]});
    host.deploy(&dev, &definition);
    host.start(&dev, "one");
    let old = host.one(&dev, "one");
    host.start(&dev, "two");
    let asked = host.one(&dev, "two");
    assert_eq!(host.output(&dev, "one"), "void");
    host.refuses(&ann, &approve(&old), "ApprovalClosed");
    let push = host
        .handle
        .push_component(&host.caller, "late", b"late".to_vec());
    host.runtime.block_on(push).unwrap();
    host.refuses(&ann, &approve(&asked), "ApprovalChanged");
    let now = host.one(&dev, "two");
    assert_ne!(now.1, asked.1);
    host.run(&ann, &approve(&now)).unwrap();
}

#[test]
fn two_side_by_side_are_decided_in_either_order() {
    let host = Host::new();
    let (dev, ann) = (host.person("dev", "admin"), host.person("ann", "approver"));
    let branch = |name: &str| {
        json!({"StartAt": name, "States": {
            name: {"Type": "Task", "Resource": "stepwell:approval", "End": true}}})
    };
    host.deploy(
        &dev,
        &json!({"StartAt": "Both", "States": {"Both": {
        "Type": "Parallel", "Branches": [branch("Left"), branch("Right")], "End": true}}}),
    );
    for (name, order) in [("one", [0, 1]), ("two", [1, 0])] {
        host.start(&dev, name);
        let asked = host.asked(&dev, name, 2);
        for index in order {
            host.run(&ann, &approve(&asked[index])).unwrap();
        }
        let output = host.output(&dev, name);
        for (index, approval) in asked.iter().enumerate() {
            assert_eq!(output[index]["ApprovalId"], approval.0.as_str());
        }
    }
}

#[test]
fn inputs_are_numbers_truths_and_texts() {
    let given = ["a=1", "b=true", "c=OPS-7", "d=\"1\"", "e=x=y", "f={"];
    let given: Vec<String> = given.iter().map(ToString::to_string).collect();
    let object = filled_in(&given).unwrap().unwrap();
    let expected = r#"{"a":1,"b":true,"c":"OPS-7","d":"1","e":"x=y","f":"{"}"#;
    assert_eq!(object.as_str(), expected);
    assert!(filled_in(&["a".to_owned()]).is_err());
    assert!(filled_in(&["a=1".to_owned(), "a=2".to_owned()]).is_err());
    assert_eq!(filled_in(&[]).unwrap(), None);
}
