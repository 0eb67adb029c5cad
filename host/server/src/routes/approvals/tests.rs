//! How approvals are decided through the API, on an engine in memory whose time is simulated.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use stepwell_engine::{AccessOrder, SimulatedClock, Timestamp};

use crate::testing::neighbour::{percent, send};
use crate::testing::{Answer, COMPONENT, TestApi};
use crate::{Auth, ServerConfig};

const START: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// The API, and people with tokens.
struct People {
    api: TestApi,
    clock: SimulatedClock,
    /// Deploys and starts.
    dev: String,
    ann: String,
    bob: String,
}

impl People {
    async fn new() -> Self {
        let clock = SimulatedClock::new(START);
        let api = TestApi::at(Arc::new(clock.clone()), |_| ServerConfig::new(Auth::Tokens)).await;
        let token = async |name: &str, role: &str| {
            let order = AccessOrder::new(name, role);
            api.engine.make_api_token(&api.caller, order).await.unwrap()
        };
        let (dev, ann, bob) = (
            token("dev", "admin").await,
            token("ann", "approver").await,
            token("bob", "approver").await,
        );
        Self {
            api,
            clock,
            dev,
            ann,
            bob,
        }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = send(&self.api, &Method::GET, path, "", &self.dev).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}: {answer:?}");
        answer.json()
    }

    async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        send(&self.api, &Method::POST, path, &body.to_string(), token).await
    }

    async fn deploy(&self, definition: &Value) {
        let body = json!({"name": "release", "definition": definition.to_string()});
        let answer = self.post(&self.dev, "/v1/state-machines", &body).await;
        assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    }

    async fn start(&self, name: &str) {
        let body = json!({"stateMachine": "release", "name": name});
        let answer = self.post(&self.dev, "/v1/executions", &body).await;
        assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    }

    /// Waits until so many approvals of an execution stand so; oldest first.
    async fn asked(&self, name: &str, count: usize) -> Vec<Value> {
        let execution = percent(&format!("release/{name}"));
        let path = format!("/v1/approvals?status=PENDING&execution={execution}");
        loop {
            let page = self.get(&path).await;
            let found = page["approvals"].as_array().unwrap();
            if found.len() == count {
                return found.iter().rev().cloned().collect();
            }
            tokio::task::yield_now().await;
        }
    }

    async fn one(&self, name: &str) -> Value {
        self.asked(name, 1).await.remove(0)
    }

    async fn decide(&self, token: &str, verb: &str, approval: &Value, more: Value) -> Answer {
        let mut body = json!({"hash": approval["hash"]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let path = format!("/v1/approvals/{}/{verb}", id(approval));
        self.post(token, &path, &body).await
    }

    async fn approve(&self, token: &str, approval: &Value) -> Answer {
        self.decide(token, "approve", approval, json!({})).await
    }

    /// The events of an execution's approvals, oldest first.
    async fn approval_events(&self, name: &str) -> Vec<String> {
        let path = format!("/v1/executions/release%2F{name}/history?internal=true");
        let history = self.get(&path).await;
        let events = history["events"].as_array().unwrap().iter();
        events
            .filter(|event| event["stepwell"]["approval"].is_object())
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits for the end of an execution.
    async fn end(&self, name: &str) -> Value {
        let path = format!(
            "/v1/executions/{}?wait=60",
            percent(&format!("release/{name}"))
        );
        let ended = self.get(&path).await;
        assert_ne!(ended["status"], "RUNNING", "{ended}");
        ended
    }
}

fn id(approval: &Value) -> &str {
    approval["approvalId"].as_str().unwrap()
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

#[track_caller]
fn expect(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    answer.json()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> String {
    let body = expect(answer, status);
    assert_eq!(body["error"]["code"], code, "{body}");
    body["error"]["message"].as_str().unwrap().to_owned()
}

/// What the Catch of [`asking`] passes on of a failure.
fn caught(ended: &Value) -> (Value, Value) {
    let output = &ended["output"];
    let cause = output["Cause"].as_str().unwrap_or_default();
    (
        output["Error"].clone(),
        serde_json::from_str(cause).unwrap_or_default(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_what_they_started_or_are_not_asked_about() {
    let people = People::new().await;
    people
        .deploy(&asking(json!({"Groups": ["approver"]})))
        .await;
    people.start("one").await;
    let asked = people.one("one").await;
    refused(
        &people.approve(&people.dev, &asked).await,
        403,
        "SelfApproval",
    );
    let order = AccessOrder::new("eve", "admin");
    let eve = people
        .api
        .engine
        .make_api_token(&people.api.caller, order)
        .await
        .unwrap();
    let others = refused(&people.approve(&eve, &asked).await, 403, "NotApprover");
    assert_eq!(others, "this approval is for others: group approver");
    let order = AccessOrder::new("vic", "viewer");
    let vic = people
        .api
        .engine
        .make_api_token(&people.api.caller, order)
        .await
        .unwrap();
    refused(&people.approve(&vic, &asked).await, 403, "Forbidden");
    for (token, count) in [(&people.dev, 0), (&eve, 0), (&vic, 0), (&people.ann, 1)] {
        let mine = send(
            &people.api,
            &Method::GET,
            "/v1/approvals?mine=true",
            "",
            token,
        )
        .await;
        assert_eq!(mine.json()["approvals"].as_array().unwrap().len(), count);
    }
    let approved = expect(&people.approve(&people.ann, &asked).await, 200);
    assert_eq!(approved["summary"]["status"], "APPROVED");
    assert_eq!(approved["decisions"][0]["principal"], "token:ann");
    assert_eq!(people.end("one").await["output"]["Principal"], "token:ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_once_and_in_time() {
    let people = People::new().await;
    people.deploy(&asking(json!({"MinimumCount": 2}))).await;
    people.start("one").await;
    let asked = people.one("one").await;
    for _ in 0..2 {
        let first = expect(&people.approve(&people.ann, &asked).await, 200);
        assert_eq!(first["summary"]["approvedBy"], json!(["token:ann"]));
        assert_eq!(first["summary"]["status"], "PENDING");
    }
    let other = people
        .decide(&people.ann, "reject", &asked, json!({}))
        .await;
    refused(&other, 409, "AlreadyDecided");
    let other = json!({"comment": "now with words"});
    let other = people.decide(&people.ann, "approve", &asked, other).await;
    refused(&other, 409, "AlreadyDecided");
    expect(&people.approve(&people.bob, &asked).await, 200);
    people.end("one").await;
    // The same is answered the same; all else is late.
    expect(&people.approve(&people.bob, &asked).await, 200);
    let late = people
        .decide(&people.bob, "reject", &asked, json!({}))
        .await;
    assert_eq!(
        refused(&late, 409, "ApprovalClosed"),
        "the approval is APPROVED: it is too late for a decision"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_changes_nothing() {
    let people = People::new().await;
    let inputs = json!([{"Name": "ticket", "Pattern": "OPS-[0-9]+", "Required": true}]);
    let asking = asking(json!({"Inputs": inputs, "CommentRequired": "Always"}));
    people.deploy(&asking).await;
    people.start("one").await;
    let asked = people.one("one").await;
    let before = people.get(&format!("/v1/approvals/{}", id(&asked))).await;
    let good = json!({"ticket": "OPS-7"});
    for (more, field, said) in [
        (
            json!({"inputs": good}),
            "comment",
            "comment: is missing: this decision needs one",
        ),
        (
            json!({"comment": " \n", "inputs": good}),
            "comment",
            "comment: is missing",
        ),
        (
            json!({"comment": "c"}),
            "inputs",
            "inputs: ticket is missing: give a string",
        ),
        (
            json!({"comment": "c", "inputs": {"ticket": "OPS"}}),
            "inputs",
            "does not match the pattern",
        ),
        (
            json!({"comment": "c", "inputs": "OPS-7"}),
            "inputs",
            "inputs: is no object",
        ),
        (
            json!({"comment": "c".repeat(1 << 20), "inputs": good}),
            "comment",
            "comment: has 1048576 characters; the limit is 4096",
        ),
    ] {
        let answer = people.decide(&people.ann, "approve", &asked, more).await;
        let message = refused(&answer, 400, "InvalidField");
        assert!(message.contains(said), "{message}");
        assert_eq!(answer.json()["error"]["field"], field);
    }
    let nothing = json!({"hash": "x"});
    let unknown = people.post(&people.ann, "/v1/approvals/none/approve", &nothing);
    refused(&unknown.await, 404, "NotFound");
    let path = format!("/v1/approvals/{}", id(&asked));
    assert_eq!(people.get(&path).await, before);
    let stop = "/v1/executions/release%2Fone/stop";
    let stopped = people.post(&people.dev, stop, &json!({})).await;
    assert_eq!(stopped.status.as_u16(), 204, "{stopped:?}");
    let late = json!({"comment": "c", "inputs": good});
    let late = people.decide(&people.ann, "approve", &asked, late).await;
    let late = refused(&late, 409, "ApprovalClosed");
    assert_eq!(
        late,
        "the approval is WITHDRAWN: it is too late for a decision"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_is_what_is_decided() {
    let people = People::new().await;
    let mut definition = asking(json!({}));
    definition["States"]["Yes"] = json!({"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "late"}});
    people.deploy(&definition).await;
    people.start("one").await;
    let asked = people.one("one").await;
    let push = "/v1/components/late";
    let pushed = send(&people.api, &Method::PUT, push, COMPONENT, &people.dev).await;
    assert_eq!(pushed.status.as_u16(), 201, "{pushed:?}");
    let message = refused(
        &people.approve(&people.ann, &asked).await,
        409,
        "ApprovalChanged",
    );
    let now = people.one("one").await;
    assert!(message.contains(now["hash"].as_str().unwrap()), "{message}");
    assert_ne!(now["hash"], asked["hash"]);
    let shown = people.get(&format!("/v1/approvals/{}", id(&now))).await;
    assert!(
        shown["content"]["work"][0]["component"].is_string(),
        "{shown}"
    );
    expect(&people.approve(&people.ann, &now).await, 200);
    people.end("one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_brings_others_and_the_end() {
    let people = People::new().await;
    let asking = asking(json!({
        "People": ["token:ann"],
        "DeadlineSeconds": 600,
        "Escalation": {"AfterSeconds": 60, "People": ["token:bob"]},
    }));
    people.deploy(&asking).await;
    people.start("one").await;
    people.start("two").await;
    let (first, second) = (people.one("one").await, people.one("two").await);
    refused(
        &people.approve(&people.bob, &first).await,
        403,
        "NotApprover",
    );
    people.clock.advance(Duration::from_secs(60));
    expect(&people.approve(&people.bob, &first).await, 200);
    // One that is late for both only expires.
    while people.approval_events("two").await.len() < 2 {
        tokio::task::yield_now().await;
    }
    people.clock.advance(Duration::from_secs(540));
    let (error, cause) = caught(&people.end("two").await);
    assert_eq!(
        (error, &cause["Reason"]),
        (json!("Approval.Expired"), &json!("expired"))
    );
    let late = refused(
        &people.approve(&people.ann, &second).await,
        409,
        "ApprovalClosed",
    );
    assert!(late.contains("EXPIRED"), "{late}");
    let kinds = people.approval_events("two").await;
    assert_eq!(
        kinds,
        ["ApprovalRequested", "ApprovalEscalated", "ApprovalClosed"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_execution_makes_an_older_ones_void() {
    let people = People::new().await;
    people.deploy(&asking(json!({"Supersede": true}))).await;
    people.start("one").await;
    let old = people.one("one").await;
    people.start("two").await;
    let new = people.one("two").await;
    let (error, cause) = caught(&people.end("one").await);
    assert_eq!(
        (error, &cause["Reason"]),
        (json!("Approval.Rejected"), &json!("superseded"))
    );
    assert_eq!(cause["By"], new["executionArn"]);
    let late = refused(
        &people.approve(&people.ann, &old).await,
        409,
        "ApprovalClosed",
    );
    assert!(late.contains("SUPERSEDED"), "{late}");
    expect(&people.approve(&people.ann, &new).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_side_by_side_are_decided_in_either_order() {
    let people = People::new().await;
    let branch = |name: &str| {
        json!({"StartAt": name, "States": {
            name: {"Type": "Task", "Resource": "stepwell:approval", "End": true}}})
    };
    let both = json!({"StartAt": "Both", "States": {"Both": {
        "Type": "Parallel", "Branches": [branch("Left"), branch("Right")], "End": true}}});
    people.deploy(&both).await;
    for (name, order) in [("one", [0, 1]), ("two", [1, 0])] {
        people.start(name).await;
        let asked = people.asked(name, 2).await;
        for index in order {
            expect(&people.approve(&people.ann, &asked[index]).await, 200);
        }
        let ended = people.end(name).await;
        for (index, approval) in asked.iter().enumerate() {
            assert_eq!(ended["output"][index]["ApprovalId"], approval["approvalId"]);
        }
    }
    let page = people.get("/v1/approvals?limit=3").await;
    assert_eq!(page["approvals"].as_array().unwrap().len(), 3);
    let token = page["nextPageToken"].as_str().unwrap();
    let rest = people
        .get(&format!("/v1/approvals?limit=3&pageToken={token}"))
        .await;
    assert_eq!(rest["approvals"].as_array().unwrap().len(), 1);
    assert!(rest["nextPageToken"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_approval_forbids_leaves_one_entry() {
    let people = People::new().await;
    let machine = json!({"StartAt": "Ask", "States": {
        "Ask": {"Type": "Task", "Resource": "stepwell:approval", "ResultPath": null,
            "Parameters": {"Groups": ["approver"]}, "Next": "Pay"},
        "Pay": {"Type": "Task", "Resource": "stepwell:event:paid", "TimeoutSeconds": 60, "End": true},
    }});
    people.deploy(&machine).await;
    people.start("one").await;
    let asked = people.one("one").await;
    expect(&people.approve(&people.ann, &asked).await, 200);
    let path = "/v1/executions/release%2Fone";
    while people.get(path).await["active"][0]["name"] != "Pay" {
        tokio::task::yield_now().await;
    }
    people.clock.advance(Duration::from_secs(61));
    assert_eq!(people.end("one").await["status"], "FAILED");
    let edited = json!({"inputs": [{"input": {"amount": 9_999}}]});
    let path = "/v1/executions/release%2Fone/redrive";
    let answer = people.post(&people.dev, path, &edited).await;
    refused(&answer, 409, "ApprovalBound");

    // Such entries follow the answer in their order, so the door's own would be before that of
    // a later refusal.
    let answer = people.post(&people.dev, path, &json!({"inputs": 7})).await;
    refused(&answer, 400, "InvalidField");
    let told = loop {
        let page = people.get("/v1/audit?outcome=denied&limit=100").await;
        let failed = people.get("/v1/audit?outcome=failed&limit=100").await;
        let all = [page, failed].map(|page| page["entries"].as_array().unwrap().clone());
        if all.iter().all(|some| !some.is_empty()) {
            break all.concat();
        }
        tokio::task::yield_now().await;
    };
    let told: Vec<(&Value, &Value, &Value)> = told
        .iter()
        .map(|one| {
            (
                &one["entry"]["action"],
                &one["entry"]["outcome"],
                &one["details"]["reason"],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                &json!("execution:redrive"),
                &json!("denied"),
                &json!("ApprovalBound")
            ),
            (&json!("request"), &json!("failed"), &json!("InvalidField")),
        ]
    );
}
