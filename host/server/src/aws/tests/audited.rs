//! Each operation that changes something leaves an entry in the caller's audit log, and so
//! does each refusal. The list of operations is the engine's own table: a new one fails here
//! until it is looked at.

use std::collections::BTreeSet;

use stepwell_engine::audit::AuditQuery;
use stepwell_states::API_OPERATIONS;

use super::*;
use crate::testing::neighbour::{ACCOUNT, Neighbour};

/// How often an entry is looked for that follows its answer.
const READS_MAX: usize = 50_000;

const FAILS: &str = r#"{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No"}}}"#;

/// Who asks by the access key `key` of the tenant `theirs`.
struct Asker {
    api: TestApi,
    them: Neighbour,
    last: u64,
    seen: BTreeSet<&'static str>,
}

impl Asker {
    async fn new() -> Self {
        let api = TestApi::tokens().await;
        let them = Neighbour::new(&api).await;
        let mut new = Self {
            api,
            them,
            last: 0,
            seen: BTreeSet::new(),
        };
        // The first call is the login.
        let key = new.them.key.clone();
        new.ask("ListActivities", &json!({}), &key).await;
        new.awaited("action", "login").await;
        new
    }

    async fn ask(&self, operation: &str, members: &Value, key: &(String, String)) -> Answer {
        let request = call(&self.api, operation, members, (&key.0, &key.1));
        self.api.send(request).await
    }

    async fn new_entries(&mut self) -> Vec<Value> {
        let query = AuditQuery {
            forward: true,
            after: Some(self.last),
            limit: 1_000,
            ..AuditQuery::default()
        };
        let page = self.api.engine.list_audit(&self.them.caller, query).await;
        let items = page.unwrap().items.into_iter();
        let entries: Vec<Value> = items.map(|item| item.entry).collect();
        if let Some(last) = entries.last() {
            self.last = last["number"].as_u64().unwrap();
        }
        entries
    }

    /// Waits for an entry that goes with no change in the database, and so follows the answer.
    async fn awaited(&mut self, member: &str, value: &str) -> Value {
        for _ in 0..READS_MAX {
            let mut latest_first = self.new_entries().await.into_iter().rev();
            if let Some(entry) = latest_first.find(|entry| entry[member] == value) {
                return entry;
            }
            tokio::task::yield_now().await;
        }
        panic!("no entry whose {member} is {value}");
    }

    /// Calls an operation, which has to succeed, and finds its entry, whose resource ends so.
    async fn call(
        &mut self,
        operation: &'static str,
        members: &Value,
        (action, resource): (&str, &str),
    ) -> Value {
        let key = self.them.key.clone();
        let answer = self.ask(operation, members, &key).await;
        assert_eq!(answer.status, StatusCode::OK, "{operation}: {answer:?}");
        let entry = if matches!(operation, "StartSyncExecution" | "TestState") {
            self.awaited("action", action).await
        } else {
            let mut entries = self.new_entries().await.into_iter().rev();
            let found = entries.find(|entry| entry["action"] == action);
            found.unwrap_or_else(|| panic!("{operation} left no {action} with its change"))
        };
        let who = json!({"auth": "sigv4", "id": "key", "kind": "key"});
        assert_eq!(entry["principal"], who, "{operation}");
        assert_eq!(entry["outcome"], "allowed", "{operation}");
        let id = answer.headers["x-amzn-requestid"].to_str().unwrap();
        assert_eq!(entry["request"], id, "{operation}");
        let told = entry["resource"].as_str().unwrap();
        assert!(told.ends_with(resource), "{operation}: {entry}");
        self.seen.insert(operation);
        answer.json()
    }
}

fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:states:us-east-1:{ACCOUNT}:{kind}:{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_that_changes_something_leaves_an_entry_with_who_asked() {
    let mut all = Asker::new().await;
    definitions(&mut all).await;
    activities(&mut all).await;
    executions(&mut all).await;
    let reads = |name: &str| {
        let only = ["GetExecutionHistory", "ValidateStateMachineDefinition"];
        name.starts_with("Describe") || name.starts_with("List") || only.contains(&name)
    };
    for operation in API_OPERATIONS.iter().map(|operation| operation.name) {
        let looked_at = all.seen.contains(operation);
        assert_ne!(reads(operation), looked_at, "{operation} is not looked at");
    }
}

async fn definitions(all: &mut Asker) {
    let machine = arn("stateMachine", "made");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/any");
    let create = json!({"name": "made", "definition": PASS, "roleArn": role});
    let deployed = ("state-machine:deploy", ":made");
    all.call("CreateStateMachine", &create, deployed).await;
    let update = json!({"stateMachineArn": machine, "definition": PASS.replace("Done", "Over")});
    all.call("UpdateStateMachine", &update, deployed).await;
    let of_machine = json!({ "stateMachineArn": machine });
    let published = ("version:publish", ":made");
    let version = all.call("PublishStateMachineVersion", &of_machine, published);
    let version = version.await["stateMachineVersionArn"].clone();
    let routes = json!([{"stateMachineVersionArn": version, "weight": 100}]);
    let alias = json!({"name": "live", "routingConfiguration": routes});
    let created = ("alias:create", ":made:live");
    let alias = all.call("CreateStateMachineAlias", &alias, created).await;
    let mut moved = json!({"stateMachineAliasArn": alias["stateMachineAliasArn"]});
    let deleting = moved.clone();
    moved["description"] = json!("for everybody");
    let updated = ("alias:update", ":made:live");
    all.call("UpdateStateMachineAlias", &moved, updated).await;
    let deleted = ("alias:delete", ":made:live");
    all.call("DeleteStateMachineAlias", &deleting, deleted)
        .await;
    let deleting = json!({ "stateMachineVersionArn": version });
    let deleted = ("version:delete", ":made:1");
    all.call("DeleteStateMachineVersion", &deleting, deleted)
        .await;
    let tags = json!({"resourceArn": machine, "tags": [{"key": "team", "value": "a"}]});
    all.call("TagResource", &tags, ("tag:put", ":made")).await;
    let keys = json!({"resourceArn": machine, "tagKeys": ["team"]});
    all.call("UntagResource", &keys, ("tag:delete", ":made"))
        .await;
    let deleted = ("state-machine:delete", ":made");
    all.call("DeleteStateMachine", &of_machine, deleted).await;
    // Only what is run leaves an entry, and not what is evaluated.
    let state = json!({"Type": "Task", "Resource": "task:alpha", "End": true});
    let tried = json!({"definition": state.to_string(), "roleArn": role});
    all.call("TestState", &tried, ("state:test", "")).await;
}

async fn executions(all: &mut Asker) {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/any");
    for (name, definition, kind) in [("fails", FAILS, "STANDARD"), ("fast", PASS, "EXPRESS")] {
        let create = json!({"name": name, "definition": definition, "roleArn": role, "type": kind});
        let deployed = ("state-machine:deploy", name);
        all.call("CreateStateMachine", &create, deployed).await;
    }
    let start = json!({"stateMachineArn": arn("stateMachine", "working"), "name": "stopped"});
    let started = ("execution:start", ":working:stopped");
    all.call("StartExecution", &start, started).await;
    let stop = json!({"executionArn": arn("execution", "working:stopped")});
    let stopped = ("execution:stop", ":working:stopped");
    all.call("StopExecution", &stop, stopped).await;
    let redriven = ("execution:redrive", ":working:stopped");
    all.call("RedriveExecution", &stop, redriven).await;
    let sync = json!({"stateMachineArn": arn("stateMachine", "fast")});
    let started = ("execution:start-sync", "");
    all.call("StartSyncExecution", &sync, started).await;
    let run = running_map_run(all).await;
    let update = json!({"mapRunArn": run, "maxConcurrency": 3});
    all.call("UpdateMapRun", &update, ("map-run:update", &run))
        .await;
}

/// A Map Run whose children wait for what nobody sends.
async fn running_map_run(all: &mut Asker) -> String {
    let definition = json!({"StartAt": "All", "States": {"All": {"Type": "Map", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Ask", "States": {"Ask": {"Type": "Task",
                "Resource": "stepwell:event:answer", "TimeoutSeconds": 600, "End": true}}}}}});
    let role = format!("arn:aws:iam::{ACCOUNT}:role/any");
    let create = json!({"name": "maps", "definition": definition.to_string(), "roleArn": role});
    let deployed = ("state-machine:deploy", ":maps");
    all.call("CreateStateMachine", &create, deployed).await;
    let machine = arn("stateMachine", "maps");
    let start = json!({"stateMachineArn": machine, "name": "one", "input": "[1]"});
    let started = ("execution:start", ":maps:one");
    all.call("StartExecution", &start, started).await;
    let list = json!({ "executionArn": arn("execution", "maps:one") });
    let key = all.them.key.clone();
    for _ in 0..READS_MAX {
        let runs = all.ask("ListMapRuns", &list, &key).await.json();
        if let Some(run) = runs["mapRuns"][0]["mapRunArn"].as_str() {
            return run.to_owned();
        }
        tokio::task::yield_now().await;
    }
    panic!("no Map Run");
}

async fn activities(all: &mut Asker) {
    let name = json!({ "name": "made" });
    let created = ("activity:create", ":made");
    let made = all.call("CreateActivity", &name, created).await;
    let deleted = ("activity:delete", ":made");
    all.call("DeleteActivity", &made_arn(&made), deleted).await;
    let activity = arn("activity", "alpha");
    // Whoever has to say that they live changes something by it.
    let definition = json!({"StartAt": "W", "States": {"W": {"Type": "Task",
        "Resource": activity, "HeartbeatSeconds": 60, "End": true}}});
    let role = format!("arn:aws:iam::{ACCOUNT}:role/any");
    let create = json!({"name": "works", "definition": definition.to_string(), "roleArn": role});
    let deployed = ("state-machine:deploy", ":works");
    all.call("CreateStateMachine", &create, deployed).await;
    let poll = json!({ "activityArn": activity });
    for name in ["succeeds", "fails"] {
        let start = json!({"stateMachineArn": arn("stateMachine", "works"), "name": name});
        let started = ("execution:start", name);
        all.call("StartExecution", &start, started).await;
        let taken = ("task:take", "");
        let task = all.call("GetActivityTask", &poll, taken).await;
        let token = &task["taskToken"];
        if name == "succeeds" {
            let beat = json!({ "taskToken": token });
            let told = ("task:heartbeat", "");
            all.call("SendTaskHeartbeat", &beat, told).await;
            let done = json!({"taskToken": token, "output": "{}"});
            let told = ("task:succeed", "");
            all.call("SendTaskSuccess", &done, told).await;
        } else {
            let failed = json!({"taskToken": token, "error": "No"});
            let told = ("task:fail", "");
            all.call("SendTaskFailure", &failed, told).await;
        }
    }
}

fn made_arn(made: &Value) -> Value {
    json!({ "activityArn": made["activityArn"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_leaves_an_entry() {
    let mut all = Asker::new().await;
    let order = AccessOrder::new("weak", "viewer");
    let weak = all.api.engine.make_access_key(&all.them.caller, order);
    let weak = weak.await.unwrap();
    let weak = (weak.id, weak.secret);
    let start = json!({"stateMachineArn": arn("stateMachine", "working"), "name": "no"});
    let refused = all.ask("StartExecution", &start, &weak).await;
    assert_eq!(fault(&refused).1, "AccessDeniedException");
    let entry = all.awaited("outcome", "denied").await;
    assert_eq!(entry["principal"]["id"], "weak", "{entry}");
    assert_eq!(entry["resource"], "POST / StartExecution", "{entry}");
    let missing = json!({"executionArn": arn("execution", "working:nobodys")});
    let key = all.them.key.clone();
    let refused = all.ask("StopExecution", &missing, &key).await;
    assert_eq!(fault(&refused).1, "ExecutionDoesNotExist");
    let entry = all.awaited("outcome", "failed").await;
    assert_eq!(entry["principal"]["id"], "key", "{entry}");
}
