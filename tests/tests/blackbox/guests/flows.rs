//! States that hold others, or other executions, with guests in them.

use serde_json::{Value, json};
use stepwell_tests::TestServer;

use crate::definitions::ECHO;

#[test]
fn a_map_runs_its_task_for_each_item() {
    let server = TestServer::with_guests();
    let client = server.client();
    let definition = "
states:
  all:
    type: map
    items: $.items
    concurrency: 7
    each: {states: {echo: {type: task, end: true}}}
    end: true
";
    client.deploy("map", definition);
    let items: Vec<u32> = (0..100).collect();
    let arn = client.start("map", &json!({ "items": items }));
    let ended = client.wait_for_end(&arn);
    assert_eq!(ended["output"], json!(items), "{ended}");
    let history = client.history(&arn);
    assert_eq!(history.of_type("TaskSucceeded").count(), 100);
    assert_eq!(history.of_type("MapIterationSucceeded").count(), 100);
    assert_eq!(history.complaints(), [""; 0]);
}

#[test]
fn branches_run_side_by_side_and_keep_their_order() {
    let server = TestServer::with_guests();
    let client = server.client();
    let definition = "
states:
  both:
    type: parallel
    branches:
      - {states: {pause: {type: wait, seconds: 1, next: echo}, echo: {type: task, end: true}}}
      - {states: {mark: {type: pass, result: second, end: true}}}
    end: true
";
    client.deploy("both", definition);
    let ended = client.run("both", &json!("first"));
    assert_eq!(ended["output"], json!(["first", "second"]), "{ended}");
}

/// `.sync:2` waits for the child and gives its output as JSON; without it only the start
/// is waited for. A failing child fails the task.
#[test]
fn an_execution_starts_others() {
    let server = TestServer::with_guests();
    let client = server.client();
    client.deploy("echo", ECHO);
    client.deploy(
        "fail",
        "states: {fail: {type: fail, error: Broken, cause: by design}}",
    );
    let parent = |suffix: &str| {
        let definition = json!({ "StartAt": "child", "States": { "child": {
            "Type": "Task",
            "Resource": format!("arn:aws:states:::states:startExecution{suffix}"),
            "Parameters": { "StateMachineArn.$": "$.machine", "Input.$": "$" },
            "End": true,
        }}});
        definition.to_string()
    };
    client.deploy("waits", &parent(".sync:2"));
    client.deploy("goes-on", &parent(""));
    let arn = |name: &str| format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}");

    let input = json!({ "machine": arn("echo"), "n": 7 });
    let waited = client.run("waits", &input);
    assert_eq!(waited["status"], "SUCCEEDED", "{waited}");
    assert_eq!(waited["output"]["Output"], input, "{waited}");
    let child = client.describe(waited["output"]["ExecutionArn"].as_str().unwrap());
    assert_eq!(child["parentArn"], waited["executionArn"]);

    let went_on = client.run("goes-on", &input);
    let child = went_on["output"]["ExecutionArn"].as_str().unwrap();
    assert_eq!(client.wait_for_end(child)["output"], input);

    let failed = client.run("waits", &json!({ "machine": arn("fail") }));
    assert_eq!(failed["status"], "FAILED", "{failed}");
    assert!(
        failed["cause"].as_str().unwrap().contains("by design"),
        "{failed}"
    );
}

#[test]
fn an_execution_that_takes_too_long_times_out() {
    let server = TestServer::start();
    let client = server.client();
    let definition = "timeout: 1s\nstates: {pause: {type: wait, for: 1h, end: true}}";
    client.deploy("slow", definition);
    let arn = client.start("slow", &Value::Null);
    let ended = client.wait_for_end(&arn);
    assert_eq!(ended["status"], "TIMED_OUT", "{ended}");
    let history = client.history(&arn);
    assert_eq!(
        history.events().last().unwrap()["type"],
        "ExecutionTimedOut"
    );
    assert_eq!(history.complaints(), [""; 0]);
}
