//! What operators do, as `docs/operations.md` has it: through REST and through the command line.

use serde_json::{Value, json};
use stepwell_tests::{Client, Run, TestServer, command, eventually, guest, segment};

use crate::definitions::{ASK, PASS};

const SHOP: &str = "
states:
  charge: {type: task, next: ship}
  ship: {type: wait_for_event, event: shipped, end: true}
";

/// Fails when the event says so, and is tried again in an hour.
const RETRIED: &str = r#"{"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "End": true,
    "Resource": "stepwell:event:go",
    "Retry": [{"ErrorEquals": ["Again"], "IntervalSeconds": 3600}]}}}"#;

const SLEEPS: &str = "
states:
  nap: {type: wait, seconds: 3600, next: ask}
  ask: {type: wait_for_event, event: go, end: true}
";

fn stepwell(server: &TestServer, arguments: &[&str]) -> Run {
    let mut command = command(server.home());
    command.args(["--server", server.address()]).args(arguments);
    Run::of(&mut command, "")
}

fn path(execution: &str, operation: &str) -> String {
    format!("/v1/executions/{}/{operation}", segment(execution))
}

fn start(client: &Client, machine: &str, name: &str, input: &Value) -> String {
    let request = json!({ "stateMachine": machine, "name": name, "input": input });
    client.post("/v1/executions?wait=30", &request).expect(201);
    format!("{machine}/{name}")
}

/// The events so far, as the host writes them.
fn events(client: &Client, execution: &str) -> Vec<Value> {
    let query = "history?internal=true&limit=1000";
    let history = client.get(&path(execution, query)).expect(200);
    history["events"].as_array().unwrap().clone()
}

/// The same as text: nothing of it may change.
fn text(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

fn of_type<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    let found = events.iter().rev().find(|event| event["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}: {events:#?}"))
}

/// Waits until an execution waits for something in those words.
fn waits_for(client: &Client, execution: &str, what: &str) -> Value {
    eventually(what, || {
        let described = client.describe(execution);
        let active = described["active"].as_array().unwrap().clone();
        active
            .into_iter()
            .find(|state| state["waitsFor"].as_str().unwrap().contains(what))
    })
}

#[test]
fn a_failed_execution_goes_on_with_a_newer_component_and_another_input() {
    let server = TestServer::start();
    let client = server.client();
    client.push("charge", &guest("validate_order").unwrap());
    client.deploy("shop", SHOP);
    let one = start(client, "shop", "one", &json!({"amount": 1}));
    let before = events(client, &one);
    assert_eq!(client.describe(&one)["status"], "FAILED");
    client.push("charge", &guest("echo").unwrap());
    client.deploy("shop", SHOP);
    let redriven = stepwell(
        &server,
        &[
            "redrive",
            &one,
            "--definition",
            "latest",
            "--input",
            r#"{"amount":2}"#,
        ],
    )
    .expect(0);
    assert!(
        redriven
            .stderr
            .contains("redriven shop/one with another input, on revision 2"),
        "{}",
        redriven.stderr
    );
    waits_for(client, &one, "event shipped");
    assert_eq!(client.describe(&one)["revision"], 2);
    stepwell(
        &server,
        &["task", "skip", &one, "--output", r#"{"by":"hand"}"#],
    )
    .expect(0);
    let end = client.wait_for_end(&one);
    assert_eq!(end["output"], json!({"amount": 2, "by": "hand"}));
    assert_eq!(
        end["input"],
        json!({"amount": 1}),
        "what it was started with"
    );

    told_of_all(client, &one, &before);
    let trace = stepwell(&server, &["history", &one]).expect(0).stdout;
    for line in [
        "goes on where it stopped, by dev",
        "on revision 2 instead of 1",
        "component charge: ",
        r#"charge (event 2) with another input: {"amount":2}"#,
        "task skipped, by dev",
    ] {
        assert!(trace.contains(line), "no {line} in {trace}");
    }
}

/// The history goes on after what it was, and says what the redrive changed.
fn told_of_all(client: &Client, one: &str, before: &[Value]) {
    let after = events(client, one);
    assert_eq!(
        text(&after[..before.len()]),
        text(before),
        "nothing was rewritten"
    );
    let told = &of_type(&after, "ExecutionRedriven")["stepwell"];
    assert_eq!(told["principal"], "dev");
    let changes = &told["redrive"];
    assert_eq!(
        (&changes["fromRevision"], &changes["toRevision"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(changes["components"][0]["name"], "charge");
    assert_ne!(
        changes["components"][0]["before"],
        changes["components"][0]["after"]
    );
    let edited = &changes["inputs"][0];
    assert_eq!(
        (&edited["state"], &edited["event"]),
        (&json!("charge"), &json!(2))
    );
    assert_eq!(edited["input"], json!({"amount": 2}));
    assert_ne!(edited["beforeSha256"], edited["afterSha256"]);
}

#[test]
fn of_branches_and_iterations_those_are_given_inputs_that_are_named() {
    let server = TestServer::start();
    let client = server.client();
    client.push("check", &guest("validate_order").unwrap());
    let flow = r#"{"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "Left", "States": {"Left": {"Type": "Task", "Resource": "task:check", "End": true}}},
        {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemsPath": "$.items", "End": true,
            "ItemProcessor": {"StartAt": "Right", "States": {
                "Right": {"Type": "Task", "Resource": "task:check", "End": true}}}}}}]}}}"#;
    client.deploy("both", flow);
    let one = start(client, "both", "one", &json!({"items": [1, 2]}));
    let before = events(client, &one);
    let redrive = |body: Value| client.post(&path(&one, "redrive"), &body);
    let good = json!({"orderId": "o-1", "customer": "c-1", "amount": 10, "currency": "EUR",
        "items": [{"sku": "s", "quantity": 1}], "email": "a@example.org"});
    let refused = redrive(json!({"inputs": [{"input": good}]}));
    let refused = refused.expect_refusal(400, "InvalidField", Some("inputs"));
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("Left (event"), "{message}");
    let refused = redrive(json!({"inputs": [{"state": "Each", "input": 1}]}));
    refused.expect_refusal(400, "InvalidField", Some("inputs"));
    assert_eq!(
        text(&events(client, &one)),
        text(&before),
        "nothing half done"
    );

    client.push("check", &guest("echo").unwrap());
    client.deploy("both", flow);
    let entered: Vec<&Value> = before
        .iter()
        .filter(|event| event["stateEnteredEventDetails"]["name"] == "Right")
        .collect();
    let event = &entered[0]["id"];
    let order = json!({"definition": "2", "inputs": [
        {"state": "Left", "input": "left"}, {"event": event, "input": "right"}]});
    let answer = redrive(order).expect(200);
    assert_eq!(answer["revision"], 2);
    let end = client.wait_for_end(&one);
    assert_eq!(end["output"], json!(["left", ["right", 2]]), "{end}");
    let after = events(client, &one);
    assert_eq!(text(&after[..before.len()]), text(&before));
}

#[test]
fn a_paused_execution_stays_so_over_a_crash_and_goes_on() {
    let mut server = TestServer::start();
    let client = server.client().clone();
    client.deploy("sleeps", SLEEPS);
    let one = start_only(&client, "sleeps", "one");
    waits_for(&client, &one, "its time");
    for _ in 0..2 {
        stepwell(&server, &["pause", &one, "--reason", "to look first"]).expect(0);
    }
    let listed = stepwell(&server, &["list", "--status", "paused"])
        .expect(0)
        .stdout;
    assert!(
        listed.contains("sleeps/one") && listed.contains("PAUSED"),
        "{listed}"
    );
    let running = client.get("/v1/executions?status=RUNNING").expect(200);
    assert_eq!(running["executions"], json!([]));
    // A wait that is over: what follows waits for the resumption.
    stepwell(&server, &["end-wait", &one]).expect(0);
    server.kill();
    server.start_again();
    let client = server.client().clone();
    let described = client.describe(&one);
    assert_eq!(described["status"], "PAUSED");
    assert!(described["pausedAt"].is_string());
    assert_eq!(
        described["active"],
        json!([]),
        "nothing is entered: {described}"
    );
    client.post(&path(&one, "resume"), &json!({})).expect(204);
    waits_for(&client, &one, "event go");
    client.post(&path(&one, "resume"), &json!({})).expect(204);
    client.post_event(&one, &json!({"name": "go", "data": 1}));
    assert_eq!(client.wait_for_end(&one)["status"], "SUCCEEDED");
    let events = events(&client, &one);
    let pauses = events
        .iter()
        .filter(|event| event["type"] == "ExecutionPaused");
    assert_eq!(pauses.count(), 1, "what is paused stays so");
    let paused = &of_type(&events, "ExecutionPaused")["stepwell"];
    assert_eq!(
        (&paused["reason"], &paused["principal"]),
        (&json!("to look first"), &json!("dev"))
    );
    let trace = stepwell(&server, &["history", &one]).expect(0).stdout;
    assert!(trace.contains("nothing new begins, by dev"), "{trace}");
    assert!(trace.contains("wait ended, by dev"), "{trace}");

    let two = start_only(&client, "sleeps", "two");
    client.post(&path(&two, "pause"), &json!({})).expect(204);
    client.post(&path(&two, "stop"), &json!({})).expect(204);
    assert_eq!(client.describe(&two)["status"], "ABORTED");
}

fn start_only(client: &Client, machine: &str, name: &str) -> String {
    let request = json!({ "stateMachine": machine, "name": name, "input": {} });
    client.post("/v1/executions", &request).expect(201);
    format!("{machine}/{name}")
}

#[test]
fn a_task_is_failed_retried_at_once_and_skipped() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("retried", RETRIED);
    let one = start_only(client, "retried", "one");
    let scheduled = waits_for(client, &one, "event go");
    assert_eq!(scheduled["event"], 2);
    stepwell(
        &server,
        &["task", "fail", &one, "--event", "3", "--error", "Again"],
    )
    .expect(0);
    waits_for(client, &one, "the next attempt");
    stepwell(&server, &["pause", &one]).expect(0);
    let paused = stepwell(&server, &["retry-now", &one]).expect(4);
    assert!(
        paused.stderr.contains("resume it first"),
        "{}",
        paused.stderr
    );
    stepwell(&server, &["resume", &one]).expect(0);
    stepwell(&server, &["retry-now", &one, "--state", "Ask"]).expect(0);
    waits_for(client, &one, "event go");
    let skip = json!({"state": "Ask", "output": {"by": "hand"}});
    client.post(&path(&one, "skip-task"), &skip).expect(204);
    assert_eq!(client.wait_for_end(&one)["output"], json!({"by": "hand"}));
    let events = events(client, &one);
    let done: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "Intervened")
        .map(|event| &event["stepwell"]["intervention"])
        .collect();
    assert_eq!(done, ["FAIL_TASK", "RETRY_NOW", "SKIP_TASK"]);
    // AWS's door tells what followed, in its own words.
    let shown = events.iter().filter(|event| event["id"] != 0);
    let shown: Vec<&str> = shown.map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskFailed",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn what_cannot_be_done_says_why_and_changes_nothing() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    client.deploy("pass", PASS);
    let runs = start_only(client, "ask", "one");
    waits_for(client, &runs, "event answer");
    let ended = start(client, "pass", "one", &json!({}));
    let before = (text(&events(client, &runs)), text(&events(client, &ended)));

    let skip = json!({"output": {}});
    for (operation, body) in [
        ("pause", json!({})),
        ("resume", json!({})),
        ("retry-now", json!({})),
        ("end-wait", json!({})),
        ("fail-task", json!({})),
        ("skip-task", skip.clone()),
    ] {
        client
            .post(&path(&ended, operation), &body)
            .expect_refusal(409, "ExecutionEnded", None);
        client
            .post(&path("ask/none", operation), &body)
            .expect_refusal(404, "NotFound", None);
        let express = "arn:aws:states:us-east-1:000000000000:express:a:b:c";
        client
            .post(&path(express, operation), &body)
            .expect_refusal(400, "InvalidField", Some("execution"));
    }
    for operation in ["retry-now", "end-wait"] {
        client
            .post(&path(&runs, operation), &json!({}))
            .expect_refusal(409, "NotNow", None);
    }
    refused_while_it_runs(client, &runs);
    let after = (text(&events(client, &runs)), text(&events(client, &ended)));
    assert_eq!(after, before, "nothing half done");
}

/// What the execution is not in, and what is no order.
fn refused_while_it_runs(client: &Client, runs: &str) {
    let large = json!({"output": "x".repeat(262_144)});
    for (operation, body, status, code, field) in [
        ("redrive", json!({}), 409, "ExecutionNotRedrivable", None),
        (
            "skip-task",
            json!({"event": 99, "output": 1}),
            400,
            "InvalidField",
            Some("event"),
        ),
        (
            "skip-task",
            json!({"state": "no", "output": 1}),
            400,
            "InvalidField",
            Some("state"),
        ),
        (
            "fail-task",
            json!({"event": 99}),
            400,
            "InvalidField",
            Some("event"),
        ),
        (
            "fail-task",
            json!({"evnt": 1}),
            400,
            "UnknownField",
            Some("evnt"),
        ),
        ("skip-task", json!({}), 400, "MissingField", Some("output")),
        ("skip-task", large, 413, "PayloadTooLarge", Some("output")),
        (
            "pause",
            json!({"reason": "x".repeat(1_025)}),
            400,
            "InvalidField",
            Some("reason"),
        ),
        (
            "redrive",
            json!({"definition": "newest"}),
            400,
            "InvalidField",
            Some("definition"),
        ),
    ] {
        client
            .post(&path(runs, operation), &body)
            .expect_refusal(status, code, field);
    }
    let not_json = client
        .send(
            ureq::http::Method::POST,
            &path(runs, "skip-task"),
            "application/json",
            r#"{"output": }"#,
        )
        .expect_refusal(400, "InvalidJson", None);
    assert!(not_json["message"].is_string());
}

#[test]
fn a_redrive_that_cannot_be_changes_nothing() {
    let server = TestServer::start();
    let client = server.client();
    let failing = r#"{"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "No"}}}"#;
    client.deploy("fails", failing);
    let failed = start(client, "fails", "one", &json!({}));
    let before = text(&events(client, &failed));
    let large = json!({"inputs": [{"input": "x".repeat(262_144)}]});
    for (body, status, code, field) in [
        (large, 413, "PayloadTooLarge", "inputs"),
        (
            json!({"inputs": [{"event": 99, "input": 1}]}),
            400,
            "InvalidField",
            "inputs",
        ),
        (
            json!({"inputs": [{"state": "No"}]}),
            400,
            "MissingField",
            "input",
        ),
    ] {
        client
            .post(&path(&failed, "redrive"), &body)
            .expect_refusal(status, code, Some(field));
    }
    client
        .post(&path(&failed, "redrive"), &json!({"definition": "9"}))
        .expect_refusal(404, "NotFound", None);
    client.deploy("fails", PASS);
    let misfit = client.post(&path(&failed, "redrive"), &json!({"definition": "latest"}));
    let misfit = misfit.expect_refusal(400, "InvalidField", Some("definition"));
    let message = misfit["message"].as_str().unwrap();
    assert!(message.contains("\"No\" is not in it"), "{message}");
    assert_eq!(text(&events(client, &failed)), before, "nothing half done");
    let pairs = [
        "redrive", &failed, "--input", "1", "--input", "2", "--state", "No",
    ];
    let unpaired = stepwell(&server, &pairs).expect(2);
    assert!(
        unpaired.stderr.contains("give one for each"),
        "{}",
        unpaired.stderr
    );
}
