//! What a task is told, and what it cannot reach.

use serde_json::{Value, json};
use stepwell_tests::{TestServer, guest};

use crate::definitions::hostile;

#[test]
fn a_task_knows_its_context() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("report", &hostile(60));
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", traceparent),
    ];
    let body = r#"{"stateMachine": "report", "name": "one", "input": {"mode": "reportContext"}}"#;
    client
        .try_send(ureq::http::Method::POST, "/v1/executions", &headers, body)
        .unwrap()
        .expect(201);
    let ended = client.wait_for_end("report/one");
    let context = &ended["output"];
    for (fact, expected) in [
        ("tenant", json!("dev")),
        ("executionId", ended["executionArn"].clone()),
        ("executionName", json!("one")),
        ("stateMachine", json!("report")),
        ("state", json!("misbehave")),
        ("attempt", json!(1)),
        ("taskToken", Value::Null),
    ] {
        assert_eq!(context[fact], expected, "{fact}: {context}");
    }
    // The trace is the caller's, the place in it the task's own.
    let told = context["traceparent"].as_str().unwrap();
    assert_eq!(told[..36], traceparent[..36]);
    assert_ne!(told, traceparent);
    let key = context["idempotencyKey"].as_str().unwrap();
    assert!(!key.is_empty());
    let (started, deadline) = (&context["executionStartedMs"], &context["deadlineMs"]);
    let left = deadline.as_u64().unwrap() - started.as_u64().unwrap();
    assert!((60_000..120_000).contains(&left), "{context}");
}

#[test]
fn a_call_tells_what_it_used() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("work", &hostile(60));
    let fuel_of = |rounds: u64| {
        let arn = client.start("work", &json!({ "mode": "work", "rounds": rounds }));
        let usage = client.wait_for_end(&arn)["usage"].clone();
        let history = client.history(&arn);
        let succeeded = history.of_type("TaskSucceeded").next().unwrap();
        let call = &succeeded["stepwell"]["usage"];
        assert_eq!(usage["calls"], 1);
        assert_eq!(usage["fuel"], call["fuel"]);
        assert!(call["memoryPeakBytes"].as_u64() > Some(65_535), "{call}");
        assert!(call["durationUs"].as_u64() > Some(0), "{call}");
        call["fuel"].as_u64().unwrap()
    };
    let (few, many) = (fuel_of(1_000), fuel_of(1_001_000));
    // The loop has some instructions a round.
    assert!(
        (2_000_000..30_000_000).contains(&(many - few)),
        "{few}, {many}"
    );
}

/// The component imports sockets, as all that use the standard library's network do. They
/// are linked, and nothing is granted.
#[test]
fn a_task_reaches_no_network() {
    let server = TestServer::start();
    let client = server.client();
    client.push("reach-out", &guest("forbidden-sockets").unwrap());
    client.deploy("reach-out", "states: {reach-out: {type: task, end: true}}");
    let ended = client.run("reach-out", &Value::Null);
    assert_eq!(ended["status"], "FAILED", "{ended}");
    assert_eq!(ended["error"], "NotConnected", "{ended}");
}
