//! The execution log: which events are written, and in which form.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_engine::{
    ApiCall, EngineError, EventKind, EventShape, HistoryEvent, LogConfig, LogQuery, Payload,
    ShownHistory, SimulatedClock, StartExecution, TimeForm,
};
use stepwell_store::StoreOptions;
use tempfile::TempDir;

use crate::harness::{Bench, START, Scripted, failed};

/// Writes events in a shape that a door might have.
#[derive(Debug)]
struct Shape;

impl EventShape for Shape {
    fn show(&self, event: &HistoryEvent, _: Value, context: ShownHistory<'_>) -> Value {
        let debug = format!("{:?}", event.kind);
        let kind = debug.split(['(', ' ', '{']).next().unwrap_or_default();
        let details = match &event.kind {
            EventKind::StateEntered(entered) => json!({
                "name": &*entered.name, "input": entered.input.as_str(),
                "inputDetails": { "truncated": false },
            }),
            EventKind::TaskFailed { scheduled, .. } => {
                json!({ "resource": &*context.tasks[&scheduled.0].resource })
            }
            _ => return json!({ "id": event.id, "type": kind }),
        };
        json!({ "id": event.id, "type": kind, "someEventDetails": details })
    }
}

struct Logged {
    bench: Bench,
    _folder: TempDir,
}

const GROUP: &str = "/aws/vendedlogs/orders";

impl Logged {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = LogConfig {
            folder: folder.path().join("logs"),
            group_max_bytes: 1 << 20,
            shape: Arc::new(Shape),
        };
        let bench = Bench::open(
            StoreOptions::memory(),
            SimulatedClock::new(START),
            Scripted::default(),
            |config| config.log = Some(log),
        )
        .await;
        bench.push("work").await;
        bench.tasks.on("Work", |_| failed("Broken"));
        Self {
            bench,
            _folder: folder,
        }
    }

    /// Makes a machine whose task fails, which it catches.
    async fn machine(&self, name: &str, machine_type: &str, level: &str, with_data: bool) {
        let definition = r#"{"StartAt":"Work","States":{
            "Work":{"Type":"Task","Resource":"task:work","End":true,
                "Catch":[{"ErrorEquals":["Broken"],"Next":"Done"}]},
            "Done":{"Type":"Succeed"}}}"#;
        let arn = format!("arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*");
        let call = ApiCall {
            operation: "CreateStateMachine".to_owned(),
            request: json!({
                "name": name, "definition": definition, "type": machine_type,
                "roleArn": "arn:aws:iam::000000000000:role/any",
                "loggingConfiguration": {
                    "level": level, "includeExecutionData": with_data,
                    "destinations": [{ "cloudWatchLogsLogGroup": { "logGroupArn": arn } }],
                },
            }),
            times: TimeForm::Seconds,
            repeated: false,
        };
        let made = self.bench.handle.call_sfn(&self.bench.caller, call).await;
        made.unwrap();
    }

    /// Runs an execution and returns its ARN.
    async fn run(&self, machine: &str, is_express: bool) -> String {
        let order = StartExecution {
            state_machine: machine.to_owned(),
            name: Some("one".to_owned()),
            input: Some(Payload::parse(r#"{"order":1}"#).unwrap()),
            ..StartExecution::default()
        };
        let (handle, caller) = (&self.bench.handle, &self.bench.caller);
        if is_express {
            let ended = handle.start_sync_execution(caller, order).await;
            return ended.unwrap().arn;
        }
        let arn = handle.start_execution(caller, order).await.unwrap().arn;
        self.bench.end(&arn).await;
        arn
    }

    async fn page(&self, execution: Option<&str>, after: Option<&str>, limit: u32) -> Vec<Value> {
        let query = LogQuery {
            log_group: GROUP.to_owned(),
            execution: execution.map(str::to_owned),
            page_token: after.map(str::to_owned),
            limit,
        };
        let page = self.bench.handle.read_log(&self.bench.caller, query).await;
        let page = page.unwrap();
        page.entries.iter().map(Payload::to_value).collect()
    }

    /// The entries of an execution, once there are so many.
    async fn entries(&self, execution: &str, count: usize) -> Vec<Value> {
        loop {
            let found = self.page(Some(execution), None, 1_000).await;
            if found.len() >= count {
                return found;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn types(entries: &[Value]) -> Vec<&str> {
    let types = entries.iter().map(|entry| entry["type"].as_str().unwrap());
    types.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_have_the_form_of_step_functions() {
    let logged = Logged::new().await;
    logged.machine("orders", "STANDARD", "ALL", true).await;
    let arn = logged.run("orders", false).await;
    let entries = logged.entries(&arn, 9).await;
    assert_eq!(
        entries[1],
        json!({
            "id": "2", "type": "StateEntered", "previous_event_id": "0",
            "details": { "name": "Work", "input": "{\"order\":1}",
                         "inputDetails": { "truncated": false } },
            "event_timestamp": START.as_ms().to_string(), "execution_arn": arn,
            "redrive_count": "0",
        })
    );
    let ids: Vec<&str> = entries
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(types(&entries)[8], "ExecutionSucceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_types_are_logged_as_the_level_says_and_without_data_if_so() {
    let logged = Logged::new().await;
    for (machine, machine_type) in [("standard", "STANDARD"), ("express", "EXPRESS")] {
        logged.machine(machine, machine_type, "ERROR", false).await;
        let arn = logged.run(machine, machine_type == "EXPRESS").await;
        let entries = logged.entries(&arn, 1).await;
        assert_eq!(types(&entries), ["TaskFailed"], "{machine}");
        // What an event answers is known, whatever of it is logged.
        assert_eq!(entries[0]["details"], json!({ "resource": "work" }));
    }
    logged.machine("quiet", "EXPRESS", "ALL", false).await;
    let arn = logged.run("quiet", true).await;
    let entries = logged.entries(&arn, 9).await;
    assert_eq!(entries[1]["details"], json!({ "name": "Work" }));
    // Nothing of it is fatal.
    logged.machine("fatal", "EXPRESS", "FATAL", true).await;
    let fatal = logged.run("fatal", true).await;
    let arn = logged.run("quiet", true).await;
    logged.entries(&arn, 9).await;
    assert_eq!(logged.page(Some(&fatal), None, 10).await, [Value::Null; 0]);
    assert_eq!(logged.bench.handle.metrics().log_entries[1], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_in_pages_by_its_tenant_alone() {
    let logged = Logged::new().await;
    logged.machine("orders", "EXPRESS", "ALL", false).await;
    let arn = logged.run("orders", true).await;
    logged.entries(&arn, 9).await;
    let query = |token: Option<String>| LogQuery {
        log_group: GROUP.to_owned(),
        execution: None,
        page_token: token,
        limit: 4,
    };
    let (handle, caller) = (&logged.bench.handle, &logged.bench.caller);
    let mut token = None;
    let mut counts = Vec::new();
    loop {
        let page = handle.read_log(caller, query(token)).await.unwrap();
        counts.push(page.entries.len());
        token = Some(page.next_page_token);
        if !page.more {
            break;
        }
    }
    assert_eq!(counts, [4, 4, 1]);
    // What comes later is behind the last page.
    let again = logged.run("orders", true).await;
    logged.entries(&again, 9).await;
    let page = handle.read_log(caller, query(token)).await.unwrap();
    assert_eq!(page.entries[0].to_value()["execution_arn"], again);

    let other = stepwell_engine::NewTenantOrder {
        name: "other".to_owned(),
        account: "000000000001".to_owned(),
        region: "us-east-1".to_owned(),
    };
    handle.ensure_tenant(other).await.unwrap();
    let stranger = handle.caller_for_tenant("other", "test").await.unwrap();
    let theirs = handle.read_log(&stranger, query(None)).await;
    assert!(
        matches!(
            theirs,
            Err(EngineError::NotFound {
                kind: "log group",
                ..
            })
        ),
        "{theirs:?}"
    );
    assert!(
        handle
            .read_log(caller, query(Some("x".to_owned())))
            .await
            .is_err()
    );
}

/// A group that a state machine names is there before anything is logged to it, and one that
/// no machine names is a mistake of whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_group_is_known_by_the_machine_that_names_it() {
    let logged = Logged::new().await;
    let (handle, caller) = (&logged.bench.handle, &logged.bench.caller);
    let query = || LogQuery {
        log_group: GROUP.to_owned(),
        execution: None,
        page_token: None,
        limit: 4,
    };
    let unknown = handle.read_log(caller, query()).await;
    let told = unknown.unwrap_err().to_string();
    assert_eq!(told, format!("log group {GROUP:?} does not exist"));
    logged.machine("orders", "EXPRESS", "ALL", false).await;
    let page = handle.read_log(caller, query()).await.unwrap();
    assert!(page.entries.is_empty() && !page.more);
}
