//! What operators do: redrives with other inputs and revisions, interventions, pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use stepwell_engine::{
    ApiCall, DefinitionChoice, EngineConfig, EngineError, EventKind, EventNumber, HistoryEvent,
    InterveneOrder, Intervention, Payload, RedriveOrder, SimulatedClock, Status, Target, TimeForm,
};
use stepwell_store::StoreOptions;

use crate::harness::{Bench, START, Scripted, failed, ok, outline};

const ONE: &str =
    r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}}"#;

fn payload(json: &str) -> Payload {
    Payload::parse(json).unwrap()
}

fn with_input(json: &str) -> RedriveOrder {
    RedriveOrder {
        inputs: vec![(Target::default(), payload(json))],
        ..RedriveOrder::default()
    }
}

fn on(definition: DefinitionChoice) -> RedriveOrder {
    RedriveOrder {
        definition: Some(definition),
        ..RedriveOrder::default()
    }
}

async fn redrive(bench: &Bench, arn: &str, order: RedriveOrder) -> Result<u64, EngineError> {
    let redriven = bench.handle.redrive_with(&bench.caller, arn, order).await?;
    Ok(redriven.revision)
}

async fn intervene(
    bench: &Bench,
    arn: &str,
    intervention: Intervention,
) -> Result<(), EngineError> {
    let order = InterveneOrder {
        target: Target::default(),
        intervention,
    };
    bench.handle.intervene(&bench.caller, arn, order).await
}

async fn pause(bench: &Bench, arn: &str) {
    let paused = bench.handle.pause_execution(&bench.caller, arn, None).await;
    paused.unwrap();
}

async fn resume(bench: &Bench, arn: &str) {
    let resumed = bench.handle.resume_execution(&bench.caller, arn).await;
    resumed.unwrap();
}

async fn call(bench: &Bench, operation: &str, request: serde_json::Value) -> serde_json::Value {
    let call = ApiCall {
        operation: operation.to_owned(),
        request,
        times: TimeForm::Seconds,
        repeated: false,
    };
    bench.handle.call_sfn(&bench.caller, call).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_with_another_input_leaves_what_was_as_it_was() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("A", |order| match order.input.as_str() {
        r#"{"n":2}"# => ok(r#""fine""#),
        _ => failed("Boom"),
    });
    let end = bench.run(ONE, r#"{"n":1}"#).await;
    let arn = end.summary.arn;
    let before = bench.history(&arn).await;
    redrive(&bench, &arn, with_input(r#"{"n":2}"#))
        .await
        .unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), r#""fine""#);
    assert_eq!(end.input.as_str(), r#"{"n":1}"#, "what it was started with");
    let after = bench.history(&arn).await;
    assert_eq!(after[..before.len()], before);
    let redriven = &after[before.len()];
    assert_eq!(redriven.principal().map(|by| &**by), Some("test"));
    let EventKind::ExecutionRedriven(redriven) = &redriven.kind else {
        panic!("{redriven:?}");
    };
    assert_eq!(redriven.inputs[0].input.as_str(), r#"{"n":2}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_cannot_be_changes_nothing() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("A", |_| failed("Boom"));
    let arn = bench.run(ONE, "{}").await.summary.arn;
    let before = bench.history(&arn).await;
    let large = format!("\"{}\"", "x".repeat(262_144));
    let refused = redrive(&bench, &arn, with_input(&large)).await;
    assert!(
        matches!(
            refused,
            Err(EngineError::TooLarge {
                field: "inputs",
                ..
            })
        ),
        "{refused:?}"
    );
    let mut wrong = with_input("1");
    wrong.inputs[0].0.event = Some(99);
    let refused = redrive(&bench, &arn, wrong).await;
    let Err(EngineError::Invalid { field, reason }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(field, "inputs");
    assert!(
        reason.contains("event 99") && reason.contains("A (event 2)"),
        "{reason}"
    );
    assert_eq!(bench.history(&arn).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_component_comes_with_a_newer_revision() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::new(START);
    let tasks = Scripted::default();
    tasks.on("A", |order| match order.component.to_string() {
        digest if digest == component("new") => ok(r#""new""#),
        _ => failed("Boom"),
    });
    let home = folder.path().to_owned();
    let bench = Bench::in_folder(home.clone(), clock.clone(), tasks.clone()).await;
    let arn = bench.run(ONE, "{}").await.summary.arn;
    let before = bench.history(&arn).await;
    let pushed = bench
        .handle
        .push_component(&bench.caller, "a", b"new".to_vec());
    pushed.await.unwrap();
    // Without a newer revision there is no newer component.
    assert_eq!(
        redrive(&bench, &arn, on(DefinitionChoice::Latest))
            .await
            .unwrap(),
        1
    );
    assert_eq!(bench.end(&arn).await.summary.status, Status::Failed);
    let order = stepwell_engine::DeployStateMachine {
        name: Some("machine".to_owned()),
        definition: ONE.to_owned(),
        ..stepwell_engine::DeployStateMachine::default()
    };
    bench
        .handle
        .deploy_state_machine(&bench.caller, order)
        .await
        .unwrap();
    assert_eq!(
        redrive(&bench, &arn, RedriveOrder::default())
            .await
            .unwrap(),
        1
    );
    assert_eq!(bench.end(&arn).await.summary.status, Status::Failed);
    let none = redrive(&bench, &arn, on(DefinitionChoice::Revision(9))).await;
    assert!(
        matches!(
            none,
            Err(EngineError::NotFound {
                kind: "revision",
                ..
            })
        ),
        "{none:?}"
    );
    let gate = tasks.close_gate();
    assert_eq!(
        redrive(&bench, &arn, on(DefinitionChoice::Latest))
            .await
            .unwrap(),
        2
    );
    bench.close().await;

    // The next host goes on with that revision, too.
    gate.add_permits(100);
    let bench = Bench::in_folder(home, clock, tasks).await;
    let end = bench.end(&arn).await;
    assert_eq!(
        (end.output.unwrap().as_str(), end.revision),
        (r#""new""#, 2)
    );
    let after = bench.history(&arn).await;
    assert_eq!(after[..before.len()], before);
    told_of_the_component(&after);
}

fn told_of_the_component(after: &[HistoryEvent]) {
    let redefined = after.iter().rev().find_map(|event| match &event.kind {
        EventKind::ExecutionRedriven(redriven) => redriven.definition.clone(),
        _ => None,
    });
    let redefined = redefined.unwrap();
    assert_eq!((redefined.from, redefined.to), (1, 2));
    let changed = &redefined.components[0];
    assert_eq!(&*changed.name, "a");
    assert_eq!(changed.before.as_deref(), Some(&*component("a")));
    assert_eq!(changed.after.as_deref(), Some(&*component("new")));
}

fn component(bytes: &str) -> String {
    stepwell_engine::ComponentDigest::of(bytes.as_bytes()).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_revision_has_to_have_the_states() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("A", |_| failed("Boom"));
    let arn = bench.run(ONE, "{}").await.summary.arn;
    let other = r#"{"StartAt":"B","States":{"B":{"Type":"Pass","Next":"C"},
        "C":{"Type":"Task","Resource":"task:c","End":true}}}"#;
    bench.deploy("machine", other).await;
    let before = bench.history(&arn).await;
    let refused = redrive(&bench, &arn, on(DefinitionChoice::Latest)).await;
    let Err(EngineError::Invalid { field, reason }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(field, "definition");
    assert!(
        reason.contains("revision 2") && reason.contains("\"A\""),
        "{reason}"
    );
    assert_eq!(bench.history(&arn).await, before);
    assert_eq!(bench.end(&arn).await.revision, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_before_a_redrive_are_told_by_the_definition_of_then() {
    let bench = Bench::in_memory().await;
    let old = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}}"#;
    bench.tasks.on("A", |_| failed("Boom"));
    let arn = bench.run(old, "{}").await.summary.arn;
    let new = r#"{"StartAt":"Z","States":{"Z":{"Type":"Pass","Next":"A"},
        "A":{"Type":"Task","Resource":"task:a","Next":"N"},"N":{"Type":"Pass","End":true}}}"#;
    bench.deploy("machine", new).await;
    bench.tasks.on("A", |_| ok("1"));
    redrive(&bench, &arn, on(DefinitionChoice::Revision(2)))
        .await
        .unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(end.summary.status, Status::Succeeded);
    let range = stepwell_engine::HistoryRange {
        after: 0,
        limit: 1_000,
        reverse: false,
    };
    let part = bench
        .handle
        .read_history(&bench.caller, &arn, range)
        .await
        .unwrap();
    let redriven = part
        .events
        .iter()
        .find(|event| matches!(event.kind, EventKind::ExecutionRedriven(_)));
    let redriven = redriven.unwrap().number;
    let states = |number: u64| part.definition_of(EventNumber(number)).states().count();
    assert_eq!(states(redriven.0 - 1), 1);
    assert_eq!(states(redriven.0), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_begins_in_a_pause_and_all_of_it_afterwards() {
    let options = StoreOptions::memory();
    let clock = SimulatedClock::new(START);
    let one_at_a_time = |config: &mut EngineConfig| config.tasks_at_once = 1;
    let bench = Bench::open(options, clock, Scripted::default(), one_at_a_time).await;
    let gate = bench.tasks.close_gate();
    let map = r#"{"StartAt":"All","States":{"All":{"Type":"Map","End":true,"ItemProcessor":{
        "StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}}}}}"#;
    bench.deploy("machine", map).await;
    let arn = bench.start("machine", "one", "[1,2,3,4]").await;
    // One runs, the others wait for their turn.
    while bench.tasks.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    pause(&bench, &arn).await;
    pause(&bench, &arn).await;
    gate.add_permits(100);
    let done = bench
        .until(&arn, |found| {
            found
                .active
                .iter()
                .any(|active| active.waits_for == "1 of 4 done")
        })
        .await;
    assert!(done.summary.paused_at.is_some());
    assert_eq!(
        done.summary.status,
        Status::Running,
        "as AWS's door tells it"
    );
    let described = call(&bench, "DescribeExecution", json!({ "executionArn": arn })).await;
    assert_eq!(described["status"], "RUNNING");
    assert_eq!(bench.tasks.calls().len(), 1);
    resume(&bench, &arn).await;
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), "[1,2,3,4]");
    assert_eq!(bench.tasks.calls().len(), 4, "each ran once");
    let again = bench
        .handle
        .pause_execution(&bench.caller, &arn, None)
        .await;
    assert!(
        matches!(again, Err(EngineError::ExecutionEnded)),
        "{again:?}"
    );
    let pauses = bench.history(&arn).await;
    let pauses = pauses
        .iter()
        .filter(|event| matches!(event.kind, EventKind::ExecutionPaused { .. }));
    assert_eq!(pauses.count(), 1, "what is paused stays so");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_outlives_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::new(START);
    let tasks = Scripted::default();
    let home = folder.path().to_owned();
    let bench = Bench::in_folder(home.clone(), clock.clone(), tasks.clone()).await;
    let flow = r#"{"StartAt":"Nap","States":{"Nap":{"Type":"Wait","Seconds":60,"Next":"A"},
        "A":{"Type":"Task","Resource":"task:a","End":true}}}"#;
    bench.deploy("machine", flow).await;
    let arn = bench.start("machine", "one", "{}").await;
    pause(&bench, &arn).await;
    bench.close().await;
    clock.advance_to(START.plus_ms(3_600_000));
    let bench = Bench::in_folder(home, clock, tasks.clone()).await;
    // Another one's timer, of the same time, fires.
    let other = bench.start("machine", "two", "{}").await;
    bench.clock.advance_to(START.plus_ms(7_200_000));
    bench.end(&other).await;
    let found = bench.handle.describe_execution(&bench.caller, &arn).await;
    assert_eq!(found.unwrap().summary.paused_at, Some(START));
    assert_eq!(tasks.calls().len(), 1);
    resume(&bench, &arn).await;
    assert_eq!(bench.end(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_execution_may_be_stopped() {
    let bench = Bench::in_memory().await;
    let ask = r#"{"StartAt":"Ask","States":{"Ask":{"Type":"Task",
        "Resource":"stepwell:event:go","End":true}}}"#;
    bench.deploy("machine", ask).await;
    let arn = bench.start("machine", "one", "{}").await;
    pause(&bench, &arn).await;
    let stop = bench
        .handle
        .stop_execution(&bench.caller, &arn, None, None)
        .await;
    stop.unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(
        (end.summary.status, end.summary.paused_at),
        (Status::Aborted, None)
    );
    let list = stepwell_engine::ListExecutions {
        limit: 10,
        query: stepwell_engine::ExecutionQuery {
            statuses: vec![Status::Running],
            paused: Some(true),
            ..Default::default()
        },
        ..stepwell_engine::ListExecutions::default()
    };
    let listed = bench.handle.list_executions(&bench.caller, list).await;
    assert_eq!(listed.unwrap().items, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_given_nothing_in_a_pause() {
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
    let task = || async {
        let wait = std::time::Duration::ZERO;
        let taken = bench
            .handle
            .get_activity_task(&bench.caller, "a", None, wait);
        taken.await.unwrap()
    };
    pause(&bench, &arn).await;
    assert!(task().await.is_none());
    resume(&bench, &arn).await;
    let task = task().await.unwrap();
    assert_eq!(task.input.as_str(), r#"{"n":1}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_run_starts_no_children_in_a_pause() {
    let bench = Bench::in_memory().await;
    let gate = bench.tasks.close_gate();
    let map = r#"{"StartAt":"All","States":{"All":{"Type":"Map","End":true,"MaxConcurrency":1,
        "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
            "StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}}}}}"#;
    bench.deploy("machine", map).await;
    let arn = bench.start("machine", "one", "[1,2,3]").await;
    while bench.tasks.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    pause(&bench, &arn).await;
    gate.add_permits(100);
    let runs = call(&bench, "ListMapRuns", json!({ "executionArn": arn })).await;
    let run = json!({ "mapRunArn": runs["mapRuns"][0]["mapRunArn"] });
    while call(&bench, "DescribeMapRun", run.clone()).await["executionCounts"]["succeeded"] != 1 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.tasks.calls().len(), 1);
    resume(&bench, &arn).await;
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), "[1,2,3]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_run_that_goes_on_keeps_its_definition() {
    let bench = Bench::in_memory().await;
    let works = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&works);
    bench
        .tasks
        .on("A", move |order| match asked.load(Ordering::SeqCst) {
            true => ok(order.input.as_str()),
            false => failed("Boom"),
        });
    let map = |more: &str| {
        format!(
            r#"{{"StartAt":"All","States":{{"All":{{"Type":"Map","End":true{more},"ItemProcessor":{{
                "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},
                "StartAt":"A","States":{{"A":{{"Type":"Task","Resource":"task:a","End":true}}}}}}}}}}}}"#
        )
    };
    let arn = bench.run(&map(""), "[1]").await.summary.arn;
    bench
        .deploy("machine", &map(r#","MaxConcurrency":2"#))
        .await;
    let refused = redrive(&bench, &arn, on(DefinitionChoice::Latest)).await;
    assert!(
        matches!(
            refused,
            Err(EngineError::Invalid {
                field: "definition",
                ..
            })
        ),
        "{refused:?}"
    );
    let child = call(&bench, "ListMapRuns", json!({ "executionArn": arn })).await;
    let run = json!({ "mapRunArn": child["mapRuns"][0]["mapRunArn"] });
    let children = call(&bench, "ListExecutions", run).await;
    let child = children["executions"][0]["executionArn"].as_str().unwrap();
    let refused = redrive(&bench, child, with_input("2")).await;
    assert!(
        matches!(refused, Err(EngineError::NotRedrivable { .. })),
        "{refused:?}"
    );
    works.store(true, Ordering::SeqCst);
    redrive(&bench, &arn, RedriveOrder::default())
        .await
        .unwrap();
    assert_eq!(bench.end(&arn).await.output.unwrap().as_str(), "[1]");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_a_skipped_task_is_cancelled_and_its_execution_stopped() {
    let bench = Bench::in_memory().await;
    let ask = r#"{"StartAt":"Ask","States":{"Ask":{"Type":"Task",
        "Resource":"stepwell:event:go","End":true}}}"#;
    bench.deploy("child", ask).await;
    let parent = r#"{"StartAt":"Child","States":{"Child":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::states:startExecution.sync:2",
        "Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:child",
            "Name":"of-one","Input":{}}}}}"#;
    bench.deploy("machine", parent).await;
    let arn = bench.start("machine", "one", "{}").await;
    bench
        .until(&arn, |found| {
            found
                .active
                .iter()
                .any(|active| active.waits_for == "another execution")
        })
        .await;
    let skip = Intervention::SkipTask(payload(r#"{"by":"hand"}"#));
    intervene(&bench, &arn, skip.clone()).await.unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(end.output.unwrap().as_str(), r#"{"by":"hand"}"#);
    assert_eq!(
        bench.end("child/of-one").await.summary.status,
        Status::Aborted
    );
    let late = intervene(&bench, &arn, skip).await;
    assert!(matches!(late, Err(EngineError::ExecutionEnded)), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_begins_at_once() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("A", |order| match order.task.attempt {
        1 => failed("Busy"),
        _ => ok("1"),
    });
    let retried = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true,
        "Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":3600}]}}}"#;
    bench.deploy("machine", retried).await;
    let arn = bench.start("machine", "one", "{}").await;
    bench
        .until(&arn, |found| {
            found.active.iter().any(|active| active.due.is_some())
        })
        .await;
    intervene(&bench, &arn, Intervention::RetryNow)
        .await
        .unwrap();
    let end = bench.end(&arn).await;
    assert_eq!(end.summary.status, Status::Succeeded);
    assert_eq!(end.summary.stopped_at, Some(START), "no time has passed");
    let shown = outline(&bench.history(&arn).await).join("\n");
    assert!(
        !shown.contains("Intervened"),
        "AWS has no such event: {shown}"
    );
}
