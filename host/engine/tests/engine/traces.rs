//! W3C trace contexts: taken, made, handed on.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;

use serde_json::json;
use stepwell_egress::{Egress, Limits, Rule, SystemLookup};
use stepwell_engine::{
    ExecutionQuery, HistoryRange, ListExecutions, SimulatedClock, StartExecution, TraceContext,
};
use stepwell_store::StoreOptions;

use crate::harness::{Bench, START, Scripted};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn trace(traceparent: &str) -> String {
    let context = TraceContext::parse(traceparent);
    let context = context.unwrap_or_else(|| panic!("{traceparent} is no trace context"));
    context.trace_id().to_string()
}

async fn of_trace(bench: &Bench, trace_id: &str) -> Vec<String> {
    let list = ListExecutions {
        query: ExecutionQuery {
            trace_id: Some(trace_id.to_owned()),
            ..ExecutionQuery::default()
        },
        limit: 10,
        ..ListExecutions::default()
    };
    let page = bench.handle.list_executions(&bench.caller, list).await;
    page.unwrap()
        .items
        .into_iter()
        .map(|item| item.name)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_execution_has_a_trace_which_its_events_tell() {
    let bench = Bench::in_memory().await;
    bench.deploy("pass", PASS).await;
    let start = |name: &str, traceparent: Option<&str>, tracestate: Option<&str>| StartExecution {
        state_machine: "pass".to_owned(),
        name: Some(name.to_owned()),
        traceparent: traceparent.map(str::to_owned),
        tracestate: tracestate.map(str::to_owned),
        ..StartExecution::default()
    };
    let cases = [
        start("given", Some(GIVEN), Some("vendor=1")),
        start("made", None, Some("vendor=1")),
        start("malformed", Some("00-4bf9-00f0-01"), Some("vendor=1")),
    ];
    let mut traces = Vec::new();
    for order in cases {
        let name = order.name.clone().unwrap();
        let started = bench
            .handle
            .start_execution(&bench.caller, order.clone())
            .await;
        let started = started.unwrap();
        let end = bench.end(&started.arn).await;
        assert_eq!(started.traceparent.as_ref(), Some(&end.traceparent));
        let range = HistoryRange {
            after: 0,
            limit: 1,
            reverse: true,
        };
        let part = bench
            .handle
            .read_history(&bench.caller, &started.arn, range);
        assert_eq!(part.await.unwrap().trace.to_string(), end.traceparent);
        assert_eq!(of_trace(&bench, &trace(&end.traceparent)).await, [&*name]);
        // What goes with a context goes with that one alone.
        assert_eq!(end.tracestate.is_some(), name == "given");
        assert_eq!(end.traceparent == GIVEN, name == "given");
        // The same start again is told the same trace.
        let again = bench
            .handle
            .start_execution(&bench.caller, order)
            .await
            .unwrap();
        assert!(again.existed);
        assert_eq!(again.traceparent, started.traceparent);
        traces.push(end.traceparent);
    }
    assert_ne!(traces[1], traces[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_execution_starts_belongs_to_its_trace() {
    let bench = Bench::in_memory().await;
    bench.deploy("child", PASS).await;
    let parameters = json!({"StateMachineArn": "child", "Name": "nested"});
    let call = json!({"StartAt": "Call", "States": {
        "Call": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": parameters, "Next": "Again"},
        "Again": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:startExecution",
            "Parameters": {"StateMachineArn":
                "arn:aws:states:us-east-1:000000000000:stateMachine:child", "Name": "called"},
            "End": true}}});
    let parent = bench.run(&call.to_string(), "{}").await;
    assert_eq!(parent.failure, None);
    let nested = bench.end("child/nested").await;
    let called = bench.end("child/called").await;
    let trace_id = trace(&parent.traceparent);
    for child in [&nested, &called] {
        assert_eq!(trace(&child.traceparent), trace_id);
        assert_ne!(child.traceparent, parent.traceparent);
    }
    // Each task is a place of its own.
    assert_ne!(nested.traceparent, called.traceparent);
    assert_eq!(
        of_trace(&bench, &trace_id).await,
        ["called", "nested", "one"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_say_which_trace_they_belong_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            tell.send(head.collect::<Vec<_>>()).unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    let rule = Rule::parse(&address).unwrap();
    let clock = SimulatedClock::new(START);
    let bench = Bench::open(
        StoreOptions::memory(),
        clock,
        Scripted::default(),
        |config| {
            config.egress = Egress::new(vec![rule], Arc::new(SystemLookup), Limits::default());
        },
    )
    .await;
    let call = |next: Option<&str>, headers: serde_json::Value| {
        let mut state = json!({"Type": "Task", "Resource": "arn:aws:states:::http:invoke",
            "Parameters": {"ApiEndpoint": format!("{address}/"), "Method": "GET",
                "Headers": headers}});
        match next {
            Some(next) => state["Next"] = next.into(),
            None => state["End"] = true.into(),
        }
        state
    };
    let own = "00-11111111111111111111111111111111-2222222222222222-00";
    let definition = json!({"StartAt": "A", "States": {
        "A": call(Some("B"), json!({})),
        "B": call(Some("C"), json!({})),
        "C": call(None, json!({"Traceparent": own}))}});
    bench.deploy("calls", &definition.to_string()).await;
    let order = StartExecution {
        state_machine: "calls".to_owned(),
        traceparent: Some(GIVEN.to_owned()),
        tracestate: Some("vendor=1".to_owned()),
        ..StartExecution::default()
    };
    let started = bench
        .handle
        .start_execution(&bench.caller, order)
        .await
        .unwrap();
    assert_eq!(bench.end(&started.arn).await.failure, None);
    let header = |head: &[String], name: &str| {
        let mut lines = head.iter().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned())
    };
    let heads: Vec<Vec<String>> = told.iter().take(3).collect();
    let sent: Vec<String> = heads
        .iter()
        .map(|head| header(head, "traceparent").unwrap())
        .collect();
    assert_eq!(trace(&sent[0]), trace(GIVEN));
    assert_eq!(trace(&sent[1]), trace(GIVEN));
    assert!(sent[0] != sent[1] && sent[0] != GIVEN, "{sent:?}");
    assert_eq!(header(&heads[0], "tracestate").as_deref(), Some("vendor=1"));
    // Whoever says it themselves is believed.
    assert_eq!(sent[2], own);
    assert_eq!(header(&heads[2], "tracestate"), None);
}
