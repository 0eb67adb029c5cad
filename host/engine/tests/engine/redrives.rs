//! Redrives: what an execution that did not succeed is, and what goes on of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use stepwell_engine::{ApiCall, ApiError, EngineError, Redrivable, Status, TimeForm};

use crate::harness::{Bench, failed, ok, outline};

const ONE: &str =
    r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}}"#;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A task that fails until it is told to work.
fn broken(bench: &Bench, state: &str) -> Arc<AtomicBool> {
    let works = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&works);
    bench.tasks.on(state, move |order| {
        if asked.load(Ordering::SeqCst) {
            return ok(order.input.as_str());
        }
        failed("Boom")
    });
    works
}

async fn call(
    bench: &Bench,
    operation: &str,
    request: serde_json::Value,
) -> Result<serde_json::Value, ApiError> {
    let call = ApiCall {
        operation: operation.to_owned(),
        request,
        times: TimeForm::Seconds,
        repeated: false,
    };
    bench.handle.call_sfn(&bench.caller, call).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_execution_goes_on_once_its_task_works() {
    let bench = Bench::in_memory().await;
    let works = broken(&bench, "A");
    let end = bench.run(ONE, r#"{"n":1}"#).await;
    let arn = end.summary.arn.clone();
    assert_eq!(
        (end.summary.status, end.redrivable),
        (Status::Failed, Redrivable::Yes)
    );
    works.store(true, Ordering::SeqCst);
    bench.clock.advance_to(bench.handle.now().plus_ms(5_000));
    let redriven_at = bench
        .handle
        .redrive_execution(&bench.caller, &arn, None)
        .await;
    let end = bench.end(&arn).await;
    assert_eq!(end.summary.status, Status::Succeeded);
    assert_eq!(end.summary.redrive_count, 1);
    assert_eq!(end.summary.redriven_at, redriven_at.ok());
    assert_eq!(
        outline(&bench.history(&arn).await)[4..],
        [
            "5 4 TaskFailed",
            "6 5 ExecutionFailed",
            "7 6 ExecutionRedriven",
            "8 7 TaskScheduled",
            "9 8 TaskStarted",
            "10 9 TaskSucceeded",
            "11 10 TaskExited A",
            "12 11 ExecutionSucceeded",
        ]
    );
    let again = bench
        .handle
        .redrive_execution(&bench.caller, &arn, None)
        .await;
    assert!(
        matches!(again, Err(EngineError::NotRedrivable { .. })),
        "{again:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_words_of_step_functions() {
    let bench = Bench::in_memory().await;
    broken(&bench, "A");
    let end = bench.run(ONE, "{}").await;
    let refused = |arn: String, token: Option<&'static str>| {
        let bench = &bench;
        async move {
            let mut request = json!({ "executionArn": arn });
            if let Some(token) = token {
                request["clientToken"] = token.into();
            }
            match call(bench, "RedriveExecution", request).await {
                Err(ApiError::Fault(fault)) => (fault.code, fault.message),
                other => panic!("{other:?}"),
            }
        }
    };
    let arn = end.summary.arn;
    let none = arn.replace(":one", ":two");
    let text = format!("Execution Does Not Exist: '{none}'");
    assert_eq!(refused(none, None).await, ("ExecutionDoesNotExist", text));
    let invalid = refused("one".to_owned(), None).await;
    assert_eq!(invalid.0, "InvalidArn");
    assert_eq!(
        refused(arn.clone(), Some("a b")).await.0,
        "ValidationException"
    );
    bench
        .clock
        .advance_to(bench.handle.now().plus_ms(14 * DAY_MS + 1));
    assert_eq!(
        refused(arn.clone(), None).await,
        (
            "ExecutionNotRedrivable",
            "Execution Not Redrivable: 'Execution redrivable period exceeded'".to_owned()
        )
    );
    let described = call(&bench, "DescribeExecution", json!({ "executionArn": arn })).await;
    let described = described.unwrap();
    assert_eq!(described["redriveStatus"], "NOT_REDRIVABLE");
    assert_eq!(
        described["redriveStatusReason"],
        "Execution redrivable period exceeded"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_order_is_carried_out_once() {
    let bench = Bench::in_memory().await;
    broken(&bench, "A");
    let arn = bench.run(ONE, "{}").await.summary.arn;
    let request = json!({ "executionArn": arn, "clientToken": "mine" });
    let first = call(&bench, "RedriveExecution", request.clone())
        .await
        .unwrap();
    bench.end(&arn).await;
    bench.clock.advance_to(bench.handle.now().plus_ms(60_000));
    let again = call(&bench, "RedriveExecution", request).await.unwrap();
    assert_eq!(first, again);
    let end = bench.end(&arn).await;
    assert_eq!(end.summary.redrive_count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_redrive_executions() {
    let bench = Bench::in_memory().await;
    let works = broken(&bench, "A");
    let arn = bench.run(ONE, r#"{"n":1}"#).await.summary.arn;
    works.store(true, Ordering::SeqCst);
    let operator = format!(
        r#"{{"StartAt":"Again","States":{{"Again":{{"Type":"Task","End":true,
            "Resource":"arn:aws:states:::aws-sdk:sfn:redriveExecution",
            "Parameters":{{"ExecutionArn":"{arn}"}}}}}}}}"#
    );
    bench.deploy("operator", &operator).await;
    let done = bench.end(&bench.start("operator", "one", "{}").await).await;
    assert_eq!(done.summary.status, Status::Succeeded, "{done:#?}");
    assert!(done.output.unwrap().as_str().contains("RedriveDate"));
    let end = bench.end(&arn).await;
    assert_eq!(
        (end.summary.status, end.summary.redrive_count),
        (Status::Succeeded, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_redriven_by_itself_runs_on_its_own() {
    let bench = Bench::in_memory().await;
    let works = broken(&bench, "A");
    bench.deploy("child", ONE).await;
    let parent = r#"{"StartAt":"Child","States":{"Child":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::states:startExecution.sync:2",
        "Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:child",
            "Name":"of-one","Input":{"n":1}}}}}"#;
    let end = bench.run(parent, "{}").await;
    assert_eq!(end.summary.status, Status::Failed);
    let child = "child/of-one";
    works.store(true, Ordering::SeqCst);
    let redriven = bench
        .handle
        .redrive_execution(&bench.caller, child, None)
        .await;
    redriven.unwrap();
    assert_eq!(bench.end(child).await.summary.status, Status::Succeeded);
    // It ended when it failed; what became of it later is nothing to its parent.
    let parent = bench.end(&end.summary.arn).await;
    assert_eq!(parent.summary.status, Status::Failed);
    assert_eq!(parent.summary.redrive_count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_tasks_are_offered_again() {
    let bench = Bench::in_memory().await;
    let (activity, _) = bench
        .handle
        .create_activity(&bench.caller, "a")
        .await
        .unwrap();
    let definition = format!(
        r#"{{"StartAt":"Ask","States":{{"Ask":{{"Type":"Task","Resource":"{}","End":true}}}}}}"#,
        activity.arn
    );
    bench.deploy("machine", &definition).await;
    let arn = bench.start("machine", "one", r#"{"n":1}"#).await;
    let stop = bench
        .handle
        .stop_execution(&bench.caller, &arn, None, None)
        .await;
    stop.unwrap();
    bench
        .handle
        .redrive_execution(&bench.caller, &arn, None)
        .await
        .unwrap();
    let request = json!({ "activityArn": activity.arn });
    let task = call(&bench, "GetActivityTask", request).await.unwrap();
    assert_eq!(task["input"], r#"{"n":1}"#, "{task}");
    let request = json!({ "taskToken": task["taskToken"], "output": "{}" });
    call(&bench, "SendTaskSuccess", request).await.unwrap();
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
}

const MAP: &str = r#"{"StartAt":"All","States":{"All":{"Type":"Map","End":true,"MaxConcurrency":1,
    "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
        "StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}}}}}"#;

/// Fails for one item until it is told to work.
fn broken_for(bench: &Bench, item: &'static str) -> Arc<AtomicBool> {
    let works = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&works);
    bench
        .tasks
        .on("A", move |order| match order.input.as_str() {
            input if input == item && !asked.load(Ordering::SeqCst) => failed("Boom"),
            input => ok(input),
        });
    works
}

async fn map_run_of(bench: &Bench, arn: &str) -> serde_json::Value {
    let runs = call(bench, "ListMapRuns", json!({ "executionArn": arn })).await;
    let runs = runs.unwrap();
    assert_eq!(runs["mapRuns"].as_array().unwrap().len(), 1, "{runs}");
    let run = json!({ "mapRunArn": runs["mapRuns"][0]["mapRunArn"] });
    call(bench, "DescribeMapRun", run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_run_goes_on_with_what_failed_and_what_was_not_started() {
    let bench = Bench::in_memory().await;
    let works = broken_for(&bench, "2");
    let end = bench.run(MAP, "[1,2,3,4]").await;
    let arn = end.summary.arn;
    let run = map_run_of(&bench, &arn).await;
    assert_eq!(run["status"], "FAILED");
    let counts = |run: &serde_json::Value| {
        let counts = &run["itemCounts"];
        ["succeeded", "failed", "aborted"].map(|name| counts[name].as_u64().unwrap())
    };
    assert_eq!(counts(&run), [1, 1, 2]);
    works.store(true, Ordering::SeqCst);
    bench
        .handle
        .redrive_execution(&bench.caller, &arn, None)
        .await
        .unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), "[1,2,3,4]");
    let run = map_run_of(&bench, &arn).await;
    assert_eq!(
        (&run["status"], &run["redriveCount"]),
        (&json!("SUCCEEDED"), &json!(1))
    );
    assert_eq!(counts(&run), [4, 0, 0]);
    assert_eq!(run["itemCounts"]["pendingRedrive"], 0);
    let children = json!({ "mapRunArn": run["mapRunArn"], "redriveFilter": "REDRIVEN" });
    let children = call(&bench, "ListExecutions", children).await.unwrap();
    assert_eq!(
        children["executions"].as_array().unwrap().len(),
        1,
        "{children}"
    );
    let calls = bench.tasks.calls();
    assert_eq!(
        calls.len(),
        5,
        "1 ran once, 2 twice, 3 and 4 once: {calls:?}"
    );
    let shown = outline(&bench.history(&arn).await);
    assert_eq!(
        shown[shown.len() - 6..],
        [
            "8 7 ExecutionRedriven",
            "9 8 MapRunRedriven",
            "10 9 MapRunSucceeded",
            "11 10 MapStateSucceeded",
            "12 10 MapExited All",
            "13 12 ExecutionSucceeded",
        ],
        "{shown:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_run_of_a_stopped_execution_goes_on_once_its_children_have_ended() {
    let bench = Bench::in_memory().await;
    let gate = bench.tasks.close_gate();
    bench.deploy("machine", MAP).await;
    let arn = bench.start("machine", "one", "[1,2,3]").await;
    while bench.tasks.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    let stop = bench
        .handle
        .stop_execution(&bench.caller, &arn, None, None)
        .await;
    stop.unwrap();
    bench
        .handle
        .redrive_execution(&bench.caller, &arn, None)
        .await
        .unwrap();
    gate.add_permits(100);
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), "[1,2,3]");
    let run = map_run_of(&bench, &arn).await;
    assert_eq!(run["executionCounts"]["succeeded"], 3, "{run}");
    assert_eq!(run["executionCounts"]["aborted"], 0, "{run}");
    let shown = outline(&bench.history(&arn).await).join("\n");
    assert!(shown.contains("MapRunAborted"), "{shown}");
}
