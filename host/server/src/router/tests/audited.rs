//! Each route that changes something leaves an entry in the audit log with who asked, and so
//! does each refusal. A new route without an entry fails here.

use std::collections::BTreeSet;

use axum::http::header::AUTHORIZATION;
use serde_json::{Value, json};
use stepwell_engine::audit::AuditQuery;
use stepwell_engine::{AccessOrder, Caller};

use super::*;
use crate::testing::neighbour::percent;
use crate::testing::{ASK, Answer, PASS};
use crate::{Auth, ServerConfig};

/// Routes that change nothing, though their method is none of a reader's.
const READ_ONLY: [&str; 1] = ["POST /v1/definitions/validate"];

/// Routes whose success takes a component, which this crate's engine refuses, or a Map Run,
/// or a bulk operation that takes its time. `tests/tests/blackbox/api/audit.rs` and
/// `host/engine/tests/engine/bulk.rs` look at their entries.
const ELSEWHERE: [&str; 6] = [
    "PUT /v1/components/{name}",
    "PUT /v1/bindings/{integration}",
    "DELETE /v1/bindings/{integration}",
    "POST /v1/test-state",
    "POST /v1/map-runs/{mapRun}/update",
    "POST /v1/bulk-operations/{bulkOperation}/cancel",
];

/// How often an entry is looked for that follows its answer.
const READS_MAX: usize = 50_000;

const FAILS: &str = r#"{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No"}}}"#;

/// Waits for an event, and is retried in an hour if it fails.
const RETRIED: &str = r#"{"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "End": true,
    "Resource": "stepwell:event:answer",
    "Retry": [{"ErrorEquals": ["Again"], "IntervalSeconds": 3600}]}}}"#;

const SLEEPS: &str =
    r#"{"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;

/// Asks a worker, who has to say that they live.
const WORK: &str = r#"{"StartAt": "W", "States": {"W": {"Type": "Task", "HeartbeatSeconds": 60,
    "Resource": "arn:aws:states:us-east-1:000000000000:activity:work", "End": true}}}"#;

struct Audited {
    api: TestApi,
    token: String,
    last: u64,
    seen: BTreeSet<String>,
}

impl Audited {
    async fn new() -> Self {
        let api = TestApi::with(|_| ServerConfig::new(Auth::Tokens)).await;
        let order = AccessOrder::new("auditor", "host-admin");
        let token = api.engine.make_api_token(&api.caller, order).await.unwrap();
        let mut audited = Self {
            api,
            token,
            last: 0,
            seen: BTreeSet::new(),
        };
        // The first call is the login.
        audited.send(Method::GET, "/v1/caller", "").await;
        audited.new_entries(false).await;
        audited
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        let is_value = path.starts_with("/v1/secrets/") && !path.contains("/versions/");
        let content_type = match body.is_empty() {
            true => None,
            false if path.starts_with("/v1/data/") => Some("application/octet-stream"),
            false if is_value => Some("text/plain"),
            false => Some("application/json"),
        };
        let mut request = request(method, path, content_type, body.to_owned());
        let header = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, header);
        self.api.send(request).await
    }

    async fn new_entries(&mut self, host: bool) -> Vec<Value> {
        let query = AuditQuery {
            host,
            forward: true,
            after: Some(if host { 0 } else { self.last }),
            limit: 1_000,
            ..AuditQuery::default()
        };
        let caller: &Caller = &self.api.caller;
        let page = self.api.engine.list_audit(caller, query).await.unwrap();
        let entries: Vec<Value> = page.items.into_iter().map(|item| item.entry).collect();
        if let Some(last) = entries.last().filter(|_| !host) {
            self.last = last["number"].as_u64().unwrap();
        }
        entries
    }

    /// Waits for an entry that goes with no change in the database, and so follows the answer.
    async fn awaited(&mut self, host: bool, member: &str, value: &str) -> Value {
        for _ in 0..READS_MAX {
            let entries = self.new_entries(host).await;
            let mut latest_first = entries.into_iter().rev();
            if let Some(entry) = latest_first.find(|entry| entry[member] == value) {
                return entry;
            }
            tokio::task::yield_now().await;
        }
        panic!("no entry whose {member} is {value}");
    }

    /// Calls a route, which has to succeed, and finds its entry.
    async fn call(&mut self, route: &str, action: &str, body: &Value, parts: &[&str]) -> Value {
        let (method, template) = route.split_once(' ').unwrap();
        let mut parts = parts.iter();
        let path: Vec<String> = template
            .split('/')
            .map(|part| match part.starts_with('{') {
                true => crate::wire::path_segment(parts.next().unwrap()),
                false => part.to_owned(),
            })
            .collect();
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = self.send(method, &path.join("/"), &text).await;
        assert!(answer.status.is_success(), "{route}: {answer:?}");
        let host = matches!(
            action,
            "tenant:create" | "policy:put" | "backup:create" | "quota:put"
        );
        let entry = if action == "execution:start-sync" {
            self.awaited(host, "action", action).await
        } else {
            let mut entries = self.new_entries(host).await.into_iter().rev();
            let found = entries.find(|entry| entry["action"] == action);
            found.unwrap_or_else(|| panic!("{route} left no {action} with its change"))
        };
        let who = json!({"auth": "api-token", "id": "auditor", "kind": "token"});
        assert_eq!(entry["principal"], who, "{route}");
        assert_eq!(entry["outcome"], "allowed", "{route}");
        // A backup has its name when it is whole: `backup:end` tells it.
        let is_about = entry["resource"] != "" || action == "backup:create";
        assert!(is_about, "{route}: {entry}");
        assert!(entry["request"].is_string(), "{route}");
        self.seen.insert(route.to_owned());
        serde_json::from_str(&answer.body).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_leaves_an_entry_with_who_asked() {
    let mut all = Audited::new().await;
    definitions(&mut all).await;
    executions(&mut all).await;
    operators(&mut all).await;
    work(&mut all).await;
    approvals(&mut all).await;
    access(&mut all).await;
    keeping(&mut all).await;
    let routes = routes().into_iter();
    for route in routes.filter(|route| route.method != Method::GET) {
        let name = format!("{} {}", route.method, route.path);
        let known = READ_ONLY.contains(&&*name) || ELSEWHERE.contains(&&*name);
        assert!(known || all.seen.contains(&name), "{name} is not looked at");
    }
}

async fn definitions(all: &mut Audited) {
    let none = Value::Null;
    let deploy = |name: &str, text: &str| json!({"name": name, "definition": text});
    let route = "POST /v1/state-machines";
    for (name, text) in [
        ("ask", ASK),
        ("pass", PASS),
        ("fails", FAILS),
        ("gone", PASS),
    ] {
        all.call(route, "state-machine:deploy", &deploy(name, text), &[])
            .await;
    }
    let machine = "/v1/state-machines/{stateMachine}";
    let route = |method: &str, rest: &str| format!("{method} {machine}{rest}");
    let post = |rest: &str| route("POST", rest);
    all.call(&post("/versions"), "version:publish", &json!({}), &["pass"])
        .await;
    let again = deploy("pass", &PASS.replace("Done", "Over"));
    all.call(
        "POST /v1/state-machines",
        "state-machine:deploy",
        &again,
        &[],
    )
    .await;
    all.call(&post("/versions"), "version:publish", &json!({}), &["pass"])
        .await;
    let alias = json!({"name": "live", "routes": [{"version": 1, "weight": 100}]});
    all.call(&post("/aliases"), "alias:create", &alias, &["pass"])
        .await;
    let moved = json!({"routes": [{"version": 2, "weight": 100}]});
    let path = post("/aliases/{alias}/update");
    all.call(&path, "alias:update", &moved, &["pass", "live"])
        .await;
    let path = route("DELETE", "/aliases/{alias}");
    all.call(&path, "alias:delete", &none, &["pass", "live"])
        .await;
    let path = route("DELETE", "/versions/{version}");
    all.call(&path, "version:delete", &none, &["pass", "1"])
        .await;
    let tags = json!({"tags": {"team": "a"}});
    all.call(&post("/tags"), "tag:put", &tags, &["pass"]).await;
    let path = route("DELETE", "/tags/{key}");
    all.call(&path, "tag:delete", &none, &["pass", "team"])
        .await;
    all.call(
        &route("DELETE", ""),
        "state-machine:delete",
        &none,
        &["gone"],
    )
    .await;
    all.call("PUT /v1/data/{name}", "data-set:put", &json!([1]), &["set"])
        .await;
    all.call("DELETE /v1/data/{name}", "data-set:delete", &none, &["set"])
        .await;
}

async fn executions(all: &mut Audited) {
    let start = |machine: &str| json!({"stateMachine": machine, "name": "one"});
    let route = "POST /v1/executions";
    for machine in ["ask", "fails"] {
        all.call(route, "execution:start", &start(machine), &[])
            .await;
    }
    let event = json!({"name": "other"});
    let route = "POST /v1/executions/{execution}/events";
    all.call(route, "event:post", &event, &["ask/one"]).await;
    let route = "POST /v1/executions/{execution}/stop";
    all.call(route, "execution:stop", &json!({}), &["ask/one"])
        .await;
    let wait = crate::wire::path_segment("fails/one");
    all.send(Method::GET, &format!("/v1/executions/{wait}?wait=10"), "")
        .await;
    let route = "POST /v1/executions/{execution}/redrive";
    all.call(route, "execution:redrive", &json!({}), &["fails/one"])
        .await;
    let two = json!({"stateMachine": "ask", "name": "two"});
    all.call("POST /v1/executions", "execution:start", &two, &[])
        .await;
    let bulk = json!({"action": "STOP", "filter": {"name": "two"}});
    let route = "POST /v1/bulk-operations";
    all.call(route, "bulk-operation:order", &bulk, &[]).await;
    let express = json!({"name": "fast", "definition": PASS, "type": "EXPRESS"});
    let route = "POST /v1/state-machines";
    all.call(route, "state-machine:deploy", &express, &[]).await;
    let route = "POST /v1/sync-executions";
    let sync = json!({"stateMachine": "fast"});
    all.call(route, "execution:start-sync", &sync, &[]).await;
}

async fn operators(all: &mut Audited) {
    for (name, text) in [("retried", RETRIED), ("sleeps", SLEEPS)] {
        let deploy = json!({"name": name, "definition": text});
        all.call(
            "POST /v1/state-machines",
            "state-machine:deploy",
            &deploy,
            &[],
        )
        .await;
        let start = json!({"stateMachine": name, "name": "one"});
        all.call("POST /v1/executions", "execution:start", &start, &[])
            .await;
    }
    let route = |operation: &str| format!("POST /v1/executions/{{execution}}/{operation}");
    let none = Value::Null;
    for (operation, body) in [
        ("pause", json!({"reason": "to look first"})),
        ("resume", none.clone()),
        ("fail-task", json!({"error": "Again"})),
        ("retry-now", json!({"state": "Ask"})),
        ("skip-task", json!({"output": {"by": "hand"}})),
    ] {
        let action = format!("execution:{operation}");
        all.call(&route(operation), &action, &body, &["retried/one"])
            .await;
    }
    all.call(
        &route("end-wait"),
        "execution:end-wait",
        &none,
        &["sleeps/one"],
    )
    .await;
    let execution = crate::wire::path_segment("retried/one");
    let path = format!("/v1/executions/{execution}/history?internal=true");
    let history = all.send(Method::GET, &path, "").await.json();
    let events = history["events"].as_array().unwrap();
    let by_hand = events.iter().filter(|event| {
        ["ExecutionPaused", "ExecutionResumed", "Intervened"]
            .contains(&event["type"].as_str().unwrap())
    });
    let by: Vec<&Value> = by_hand
        .map(|event| &event["stepwell"]["principal"])
        .collect();
    assert_eq!(by, ["token:auditor"; 5]);
}

async fn work(all: &mut Audited) {
    let name = json!({"name": "work"});
    all.call("POST /v1/activities", "activity:create", &name, &[])
        .await;
    let deploy = json!({"name": "works", "definition": WORK});
    all.call(
        "POST /v1/state-machines",
        "state-machine:deploy",
        &deploy,
        &[],
    )
    .await;
    for name in ["one", "two"] {
        let start = json!({"stateMachine": "works", "name": name});
        all.call("POST /v1/executions", "execution:start", &start, &[])
            .await;
        let route = "POST /v1/activities/{activity}/poll";
        let taken = all.call(route, "task:take", &json!({}), &["work"]).await;
        let token = &taken["task"]["taskToken"];
        if name == "one" {
            let beat = json!({"taskToken": token});
            all.call("POST /v1/tasks/heartbeat", "task:heartbeat", &beat, &[])
                .await;
            let done = json!({"taskToken": token, "output": {}});
            all.call("POST /v1/tasks/success", "task:succeed", &done, &[])
                .await;
            let arn = crate::wire::path_segment("works/one");
            let path = format!("/v1/executions/{arn}/history");
            let history = all.send(Method::GET, &path, "").await.json();
            let events = history["events"].as_array().unwrap();
            let by = |kind: &str| {
                let event = events.iter().find(|event| event["type"] == kind).unwrap();
                event["stepwell"]["principal"].clone()
            };
            for kind in ["ExecutionStarted", "ActivityStarted", "ActivitySucceeded"] {
                assert_eq!(by(kind), "token:auditor", "{kind}");
            }
            assert_eq!(by("TaskStateExited"), Value::Null, "it followed of itself");
        } else {
            let failed = json!({"taskToken": token, "error": "No"});
            all.call("POST /v1/tasks/failure", "task:fail", &failed, &[])
                .await;
        }
    }
    let route = "DELETE /v1/activities/{activity}";
    all.call(route, "activity:delete", &Value::Null, &["work"])
        .await;
}

async fn approvals(all: &mut Audited) {
    let state = json!({"Type": "Task", "Resource": "stepwell:approval", "End": true,
        "Parameters": {"AllowSelfApproval": true}});
    let definition = json!({"StartAt": "Ask", "States": {"Ask": state}}).to_string();
    let order = json!({"name": "approved", "definition": definition});
    let deploy = "POST /v1/state-machines";
    all.call(deploy, "state-machine:deploy", &order, &[]).await;
    for (name, verb) in [("one", "approve"), ("two", "reject")] {
        let start = json!({"stateMachine": "approved", "name": name});
        let start = all.call("POST /v1/executions", "execution:start", &start, &[]);
        let started = start.await;
        let execution = started["executionArn"].as_str().unwrap().to_owned();
        let path = format!("/v1/approvals?execution={}", percent(&execution));
        let approval = loop {
            let page = all.send(Method::GET, &path, "").await.json();
            if page["approvals"][0].is_object() {
                break page["approvals"][0].clone();
            }
            tokio::task::yield_now().await;
        };
        let decision = json!({"hash": approval["hash"]});
        let id = approval["approvalId"].as_str().unwrap();
        let route = format!("POST /v1/approvals/{{approval}}/{verb}");
        let action = format!("approval:{verb}");
        all.call(&route, &action, &decision, &[id]).await;
    }
}

/// What is kept, for how long, and copied.
async fn keeping(all: &mut Audited) {
    let none = Value::Null;
    let bound = json!({"maxCount": 100});
    for (path, parts) in [
        ("/v1/retention", &[][..]),
        ("/v1/state-machines/{stateMachine}/retention", &["pass"][..]),
    ] {
        all.call(&format!("PUT {path}"), "retention:put", &bound, parts)
            .await;
        let route = format!("DELETE {path}");
        all.call(&route, "retention:delete", &none, parts).await;
    }
    let some = json!({"first": 1, "last": 5});
    all.call("POST /v1/audit/erase", "audit:erase", &some, &[])
        .await;
    all.call("POST /v1/backups", "backup:create", &none, &[])
        .await;
}

async fn access(all: &mut Audited) {
    let none = Value::Null;
    let role = json!({"permissions": ["executions:read"]});
    all.call("PUT /v1/roles/{name}", "role:put", &role, &["looker"])
        .await;
    all.call("DELETE /v1/roles/{name}", "role:delete", &none, &["looker"])
        .await;
    let order = json!({"name": "t", "role": "viewer"});
    all.call("POST /v1/api-tokens", "api-token:create", &order, &[])
        .await;
    let route = "POST /v1/api-tokens/{name}/rotate";
    all.call(route, "api-token:rotate", &json!({}), &["t"])
        .await;
    let route = "DELETE /v1/api-tokens/{name}";
    all.call(route, "api-token:delete", &none, &["t"]).await;
    all.call("POST /v1/access-keys", "access-key:create", &order, &[])
        .await;
    let route = "DELETE /v1/access-keys/{name}";
    all.call(route, "access-key:delete", &none, &["t"]).await;
    let value = json!({"value": "a value of some length"});
    let set = json!({"value": "1"});
    all.call("PUT /v1/config/{name}", "config:set", &set, &["c"])
        .await;
    all.call("DELETE /v1/config/{name}", "config:delete", &none, &["c"])
        .await;
    let rules = json!({"http": []});
    let policy = "PUT /v1/tenants/{tenant}/policy";
    all.call(policy, "policy:put", &rules, &["dev"]).await;
    let quotas = json!({"quotas": {"components": 50}});
    let route = "PUT /v1/tenants/{tenant}/quotas";
    all.call(route, "quota:put", &quotas, &["dev"]).await;
    let secret = "/v1/secrets/{secret}";
    for _ in 0..2 {
        all.call(&format!("PUT {secret}"), "secret:set", &value, &["s"])
            .await;
    }
    let version = format!("{secret}/versions/{{version}}");
    let off = json!({"enabled": false});
    all.call(
        &format!("PUT {version}"),
        "secret:disable",
        &off,
        &["s", "1"],
    )
    .await;
    all.call(
        &format!("DELETE {version}"),
        "secret:destroy",
        &none,
        &["s", "1"],
    )
    .await;
    all.call(&format!("DELETE {secret}"), "secret:delete", &none, &["s"])
        .await;
    let told = json!({"events": ["execution.failed"], "email": {"to": ["a@example.com"]}});
    let path = "/v1/notifications/{name}";
    let route = |method: &str| format!("{method} {path}");
    all.call(&route("PUT"), "notification:put", &told, &["ops"])
        .await;
    let test = format!("POST {path}/test");
    all.call(&test, "notification:test", &json!({}), &["ops"])
        .await;
    all.call(&route("DELETE"), "notification:delete", &none, &["ops"])
        .await;
    let tenant = json!({"name": "made", "account": "333333333333"});
    all.call("POST /v1/tenants", "tenant:create", &tenant, &[])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_leaves_an_entry() {
    let mut all = Audited::new().await;
    let order = AccessOrder::new("weak", "viewer");
    let weak = all.api.engine.make_api_token(&all.api.caller, order).await;
    let strong = std::mem::replace(&mut all.token, weak.unwrap());
    let refused = all.send(Method::POST, "/v1/executions", "{}").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let entry = all.awaited(false, "outcome", "denied").await;
    assert_eq!(entry["resource"], "POST /v1/executions");
    assert_eq!(entry["principal"]["id"], "weak");
    all.token = "swt_unknown".to_owned();
    let unknown = all.send(Method::GET, "/v1/executions", "").await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    let entry = all.awaited(true, "outcome", "denied").await;
    assert_eq!(entry["action"], "login");
    assert_eq!(entry["principal"]["kind"], "unknown");
    all.token = strong;
    let missing = all.send(Method::DELETE, "/v1/roles/nobodys", "").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let entry = all.awaited(false, "outcome", "failed").await;
    assert_eq!(entry["principal"]["id"], "auditor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_by_its_code() {
    let all = Audited::new().await;
    let state = json!({"Type": "Task", "Resource": "stepwell:approval", "End": true});
    let definition = json!({"StartAt": "Ask", "States": {"Ask": state}}).to_string();
    let order = json!({"name": "mine", "definition": definition}).to_string();
    all.send(Method::POST, "/v1/state-machines", &order).await;
    let start = json!({"stateMachine": "mine", "name": "one"}).to_string();
    all.send(Method::POST, "/v1/executions", &start).await;
    let approval = loop {
        let page = all.send(Method::GET, "/v1/approvals", "").await.json();
        if page["approvals"][0].is_object() {
            break page["approvals"][0].clone();
        }
        tokio::task::yield_now().await;
    };
    let id = approval["approvalId"].as_str().unwrap();
    let decide = format!("/v1/approvals/{id}/approve");
    let decision = json!({"hash": approval["hash"]}).to_string();
    let stop = "/v1/executions/mine%2Fone/stop";
    for (path, body, status) in [
        (&*decide, &*decision, 403),
        (stop, "", 204),
        (stop, "", 409),
        ("/v1/executions", "{}", 400),
    ] {
        let answer = all.send(Method::POST, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    }
    let expected = [
        ("denied", "SelfApproval"),
        ("failed", "ExecutionEnded"),
        ("failed", "MissingField"),
    ];
    let query = || AuditQuery {
        action: Some("request".to_owned()),
        forward: true,
        limit: 10,
        ..AuditQuery::default()
    };
    for _ in 0..READS_MAX {
        let page = all.api.engine.list_audit(&all.api.caller, query()).await;
        let items = page.unwrap().items;
        if items.len() < expected.len() {
            tokio::task::yield_now().await;
            continue;
        }
        let told: Vec<(String, String)> = items
            .iter()
            .map(|item| {
                let reason = &item.details.as_ref().unwrap()["reason"];
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(&item.entry["outcome"]), text(reason))
            })
            .collect();
        let expected = expected.map(|(outcome, code)| (outcome.to_owned(), code.to_owned()));
        assert_eq!(told, expected);
        return;
    }
    panic!("the refusals were not told");
}
