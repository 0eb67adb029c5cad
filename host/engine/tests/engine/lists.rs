//! Lists of Step Functions' protocol: pages and their tokens, filters, Map Runs.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_engine::{
    ApiCall, ApiError, EventShape, HistoryEvent, ShownHistory, SimulatedClock, TimeForm,
};

use crate::harness::{Bench, START, Scripted, failed, ok};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:machine";
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// Shows little of an event: what the wire makes of it is the door's.
#[derive(Debug)]
struct Short;

impl EventShape for Short {
    fn show(&self, event: &HistoryEvent, _: Value, _: ShownHistory<'_>) -> Value {
        json!({ "id": event.id, "shownDetails": { "name": "P", "input": "{}", "parameters": "{}" } })
    }
}

async fn call(bench: &Bench, operation: &str, request: Value) -> Result<Value, ApiError> {
    let call = ApiCall {
        operation: operation.to_owned(),
        request,
        times: TimeForm::Seconds,
        repeated: false,
    };
    bench.handle.call_sfn(&bench.caller, call).await
}

async fn refused(bench: &Bench, operation: &str, request: Value) -> (&'static str, String) {
    match call(bench, operation, request).await {
        Err(ApiError::Fault(fault)) => (fault.code, fault.message),
        other => panic!("{other:?}"),
    }
}

fn names(answer: &Value) -> Vec<&str> {
    let executions = answer["executions"].as_array().unwrap();
    executions
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_on_the_next_host_and_for_its_own_list_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::new(START);
    let bench = Bench::in_folder(folder.path().into(), clock.clone(), Scripted::default()).await;
    bench.deploy("machine", PASS).await;
    for name in ["a", "b", "c", "d", "e"] {
        bench.end(&bench.start("machine", name, "{}").await).await;
    }
    let list = json!({ "stateMachineArn": MACHINE, "maxResults": 2 });
    let first = call(&bench, "ListExecutions", list.clone()).await.unwrap();
    assert_eq!(names(&first), ["e", "d"]);
    bench.close().await;

    let bench = Bench::in_folder(folder.path().into(), clock, Scripted::default()).await;
    let with = |token: &Value, extra: Value| {
        let mut request = list.clone();
        request["nextToken"] = token.clone();
        for (name, value) in extra.as_object().into_iter().flatten() {
            request[name.as_str()] = value.clone();
        }
        request
    };
    let token = &first["nextToken"];
    let second = call(
        &bench,
        "ListExecutions",
        with(token, json!({ "maxResults": 3 })),
    )
    .await;
    let second = second.unwrap();
    assert_eq!(names(&second), ["c", "b", "a"]);
    assert!(second.get("nextToken").is_none(), "{second}");
    let invalid = ("InvalidToken", "Invalid Token: 'Invalid token'".to_owned());
    for other in [
        with(&json!("4"), json!({})),
        with(token, json!({ "statusFilter": "SUCCEEDED" })),
        with(token, json!({ "redriveFilter": "NOT_REDRIVEN" })),
    ] {
        assert_eq!(refused(&bench, "ListExecutions", other).await, invalid);
    }
    bench.handle.show_events_as(Arc::new(Short));
    let arn = first["executions"][0]["executionArn"].clone();
    let history = json!({ "executionArn": arn, "nextToken": token });
    assert_eq!(
        refused(&bench, "GetExecutionHistory", history).await,
        invalid
    );
    bench
        .clock
        .advance_to(bench.handle.now().plus_ms(25 * HOUR_MS));
    assert_eq!(
        refused(&bench, "ListExecutions", with(token, json!({}))).await,
        invalid
    );
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_read_in_pages_both_ways_and_without_its_data() {
    let bench = Bench::in_memory().await;
    bench.handle.show_events_as(Arc::new(Short));
    let arn = bench.run(PASS, r#"{"n":1}"#).await.summary.arn;
    for reverse in [false, true] {
        let mut ids = Vec::new();
        let mut request = json!({ "executionArn": arn, "maxResults": 3, "reverseOrder": reverse });
        loop {
            let page = call(&bench, "GetExecutionHistory", request.clone())
                .await
                .unwrap();
            let events = page["events"].as_array().unwrap().clone();
            ids.extend(events.iter().map(|event| event["id"].as_u64().unwrap()));
            match page.get("nextToken") {
                Some(token) => request["nextToken"] = token.clone(),
                None => break,
            }
        }
        let expected = if reverse { [4, 3, 2, 1] } else { [1, 2, 3, 4] };
        assert_eq!(ids, expected);
    }
    let request = json!({ "executionArn": arn, "includeExecutionData": false });
    let page = call(&bench, "GetExecutionHistory", request).await.unwrap();
    let details = &page["events"][0]["shownDetails"];
    assert_eq!(details, &json!({ "name": "P" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_are_listed_by_whether_they_were_redriven() {
    let bench = Bench::in_memory().await;
    let one = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}}"#;
    bench.tasks.on("A", |order| match order.input.as_str() {
        "1" => ok("1"),
        _ => failed("Boom"),
    });
    bench.deploy("machine", one).await;
    bench.end(&bench.start("machine", "well", "1").await).await;
    bench.end(&bench.start("machine", "badly", "2").await).await;
    let again = bench.start("machine", "again", "3").await;
    bench.end(&again).await;
    bench
        .handle
        .redrive_execution(&bench.caller, &again, None)
        .await
        .unwrap();
    bench.end(&again).await;
    let listed = |filter: Value| {
        let mut request = json!({ "stateMachineArn": MACHINE });
        for (name, value) in filter.as_object().into_iter().flatten() {
            request[name.as_str()] = value.clone();
        }
        let bench = &bench;
        async move { call(bench, "ListExecutions", request).await.unwrap() }
    };
    let redriven = listed(json!({ "redriveFilter": "REDRIVEN" })).await;
    assert_eq!(names(&redriven), ["again"]);
    assert_eq!(redriven["executions"][0]["redriveCount"], 1);
    assert!(redriven["executions"][0]["redriveDate"].is_number());
    let others = listed(json!({ "redriveFilter": "NOT_REDRIVEN", "statusFilter": "FAILED" })).await;
    assert_eq!(names(&others), ["badly"]);
    for (member, value, code) in [
        ("redriveFilter", "redriven", "ValidationException"),
        ("statusFilter", "PENDING_REDRIVE", "ValidationException"),
        (
            "mapRunArn",
            "arn:aws:states:us-east-1:000000000000:mapRun:m/l:u",
            "ValidationException",
        ),
    ] {
        let request = json!({ "stateMachineArn": MACHINE, member: value });
        assert_eq!(
            refused(&bench, "ListExecutions", request).await.0,
            code,
            "{member}"
        );
    }
    assert_eq!(
        refused(&bench, "ListExecutions", json!({})).await.0,
        "ValidationException"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn map_runs_are_described_listed_and_updated() {
    let bench = Bench::in_memory().await;
    let map = r#"{"StartAt":"All","States":{"All":{"Type":"Map","End":true,"ToleratedFailureCount":1,
        "Label":"L","ItemProcessor":{
            "ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
            "StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}}}}}"#;
    bench.tasks.on("A", |order| match order.input.as_str() {
        "2" => failed("Boom"),
        other => ok(other),
    });
    let arn = bench.run(map, "[1,2,3]").await.summary.arn;
    let page = call(&bench, "ListMapRuns", json!({ "executionArn": arn }))
        .await
        .unwrap();
    let line = &page["mapRuns"][0];
    assert_eq!(line["executionArn"], arn);
    let run = line["mapRunArn"].as_str().unwrap();
    assert!(run.contains(":mapRun:machine/L:"), "{run}");
    let described = call(&bench, "DescribeMapRun", json!({ "mapRunArn": run }))
        .await
        .unwrap();
    assert_eq!(described["status"], "SUCCEEDED");
    assert_eq!(described["redriveCount"], 0);
    assert_eq!(
        described["itemCounts"],
        json!({ "pending": 0, "running": 0, "succeeded": 2, "failed": 1, "timedOut": 0,
            "aborted": 0, "total": 3, "resultsWritten": 0, "failuresNotRedrivable": 0,
            "pendingRedrive": 0 })
    );
    let children = json!({ "mapRunArn": run, "statusFilter": "FAILED" });
    let children = call(&bench, "ListExecutions", children).await.unwrap();
    let child = &children["executions"][0];
    assert_eq!(
        (&child["mapRunArn"], &child["itemCount"]),
        (&json!(run), &json!(1))
    );
    let request = json!({ "executionArn": child["executionArn"] });
    let told = call(&bench, "DescribeExecution", request).await.unwrap();
    assert_eq!(
        (&told["mapRunArn"], &told["redriveStatus"]),
        (&json!(run), &json!("REDRIVABLE_BY_MAP_RUN"))
    );

    let update = json!({ "mapRunArn": run, "maxConcurrency": 3 });
    assert_eq!(
        refused(&bench, "UpdateMapRun", update).await.0,
        "ValidationException"
    );
    let update = json!({ "mapRunArn": run, "toleratedFailurePercentage": 101 });
    let (code, text) = refused(&bench, "UpdateMapRun", update).await;
    assert_eq!(code, "ValidationException");
    assert!(
        text.contains("'toleratedFailurePercentage' failed to satisfy"),
        "{text}"
    );
    let none = run.replace(&run[run.len() - 4..], "0000");
    let (code, _) = refused(&bench, "DescribeMapRun", json!({ "mapRunArn": none })).await;
    assert_eq!(code, "ResourceNotFound");
    let (code, _) = refused(&bench, "DescribeMapRun", json!({ "mapRunArn": "run" })).await;
    assert_eq!(code, "InvalidArn");
}
