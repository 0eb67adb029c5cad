//! What is busy delays nobody else.

use serde_json::{Value, json};
use stepwell_tests::{Setup, TestServer, eventually, segment};

use crate::definitions::{ECHO, PASS, hostile};

/// More guests than the machine has cores are busy with nothing, each for seconds. All
/// that the API is asked meanwhile is answered before the first of them comes to its end,
/// and another task runs from its start to its end.
#[test]
fn busy_guests_delay_neither_the_api_nor_other_tasks() {
    let server = TestServer::with_guests_and(Setup {
        arguments: vec![format!("--task-fuel={}", i64::MAX)],
        ..Setup::default()
    });
    let client = server.client();
    client.deploy("pass", PASS);
    client.deploy("echo", ECHO);
    client.deploy("busy", &hostile(600));
    // Loads the guests, so that what follows is about running them.
    client.run("echo", &Value::Null);
    client.run("busy", &json!({ "mode": "work", "rounds": 1 }));

    let busy: Vec<String> = (0..16)
        .map(|_| client.start("busy", &json!({ "mode": "spin" })))
        .collect();
    eventually("the guests that are busy", || {
        let metrics = client.get("/metrics");
        let running = metrics
            .text
            .lines()
            .find(|line| line.starts_with("stepwell_tasks_running "));
        (running? == "stepwell_tasks_running 16").then_some(())
    });
    for n in 0..20 {
        client.get("/healthz").expect_text(200);
        client.describe(&busy[n % busy.len()]);
        let passed = client.run("pass", &json!(n));
        assert_eq!(passed["output"], n);
    }
    let echoed = client.run("echo", &json!({ "n": 1 }));
    assert_eq!(echoed["output"], json!({ "n": 1 }));
    for arn in &busy {
        assert_eq!(
            client.describe(arn)["status"],
            "RUNNING",
            "a guest was done before the API"
        );
    }

    // A stop ends a guest that would go on.
    for arn in &busy {
        let path = format!("/v1/executions/{}/stop", segment(arn));
        client.post(&path, &json!({})).expect(204);
    }
    eventually("the end of the stopped guests", || {
        let metrics = client.get("/metrics");
        metrics
            .text
            .lines()
            .any(|line| line == "stepwell_tasks_running 0")
            .then_some(())
    });
}

/// Executions that turn in a loop without ever waiting, more than the host has shards.
#[test]
fn loops_without_a_wait_delay_neither_the_api_nor_other_executions() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    let definition = "
states:
  turn: {type: choice, when: {end: done}, default: on}
  on: {type: pass, next: turn}
  done: {type: succeed}
";
    client.deploy("loop", definition);
    let looping: Vec<String> = (0..9).map(|_| client.start("loop", &json!({}))).collect();
    for n in 0..20 {
        assert_eq!(client.run("pass", &json!(n))["output"], n);
    }
    for arn in &looping {
        let path = format!("/v1/executions/{}/stop", segment(arn));
        client.post(&path, &json!({})).expect(204);
        assert_eq!(client.describe(arn)["status"], "ABORTED");
    }
}
