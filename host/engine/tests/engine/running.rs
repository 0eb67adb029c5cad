//! Executions that run to their end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use stepwell_engine::{
    Clock, DeployStateMachine, EngineError, ListExecutions, Payload, SimulatedClock,
    StartExecution, Status, Timestamp,
};
use stepwell_store::StoreOptions;

use crate::harness::{Bench, START, Scripted, failed, ok, outline};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_gets_the_input_and_gives_the_output() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Work", |order| {
        assert_eq!(order.input.as_str(), r#"{"n":1}"#);
        ok(r#"{"n":2}"#)
    });
    let end = bench
        .run(
            r#"{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"task:work","End":true}}}"#,
            r#"{"n":1}"#,
        )
        .await;
    assert_eq!(end.summary.status, Status::Succeeded);
    assert_eq!(end.output.unwrap().as_str(), r#"{"n":2}"#);
    assert_eq!((end.usage.calls, end.usage.fuel), (1, 1_000));
    let history = bench.history(&end.summary.arn).await;
    assert_eq!(
        outline(&history),
        [
            "1 0 ExecutionStarted",
            "2 0 TaskEntered Work",
            "3 2 TaskScheduled",
            "4 3 TaskStarted",
            "5 4 TaskSucceeded",
            "6 5 TaskExited Work",
            "7 6 ExecutionSucceeded",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caught_error_goes_where_the_catcher_says() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Work", |_| failed("OutOfStock"));
    let end = bench
        .run(
            r#"{"StartAt":"Work","States":{
                "Work":{"Type":"Task","Resource":"task:work","Next":"Done",
                    "Catch":[{"ErrorEquals":["OutOfStock"],"ResultPath":"$.error","Next":"Sorry"}]},
                "Sorry":{"Type":"Pass","End":true},
                "Done":{"Type":"Succeed"}}}"#,
            r#"{"sku":"x"}"#,
        )
        .await;
    assert_eq!(
        end.output.unwrap().as_str(),
        r#"{"sku":"x","error":{"Error":"OutOfStock","Cause":"OutOfStock was asked for"}}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uncaught_error_fails_the_execution() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Work", |_| failed("Boom"));
    let end = bench
        .run(
            r#"{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"task:work","End":true}}}"#,
            "{}",
        )
        .await;
    assert_eq!(end.summary.status, Status::Failed);
    assert_eq!(end.failure.unwrap().error.as_deref(), Some("Boom"));
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_run_side_by_side_and_join_in_order() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("A", |_| ok("1"));
    bench.tasks.on("B", |_| ok("2"));
    let end = bench
        .run(
            r#"{"StartAt":"Both","States":{"Both":{"Type":"Parallel","End":true,"Branches":[
                {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"task:a","End":true}}},
                {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"task:b","End":true}}},
                {"StartAt":"C","States":{"C":{"Type":"Pass","Result":3,"End":true}}}]}}}"#,
            "{}",
        )
        .await;
    assert_eq!(end.output.unwrap().as_str(), "[1,2,3]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_runs_each_item_once() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Each", |order| {
        let n: u64 = order.input.as_str().parse().unwrap();
        ok(&(n * 2).to_string())
    });
    let items: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let doubled: Vec<String> = (0..500).map(|n| (n * 2).to_string()).collect();
    let end = bench
        .run(
            r#"{"StartAt":"All","States":{"All":{"Type":"Map","MaxConcurrency":7,"End":true,
                "ItemProcessor":{"StartAt":"Each","States":{
                    "Each":{"Type":"Task","Resource":"task:work","End":true}}}}}}"#,
            &format!("[{}]", items.join(",")),
        )
        .await;
    assert_eq!(
        end.output.unwrap().as_str(),
        format!("[{}]", doubled.join(","))
    );
    assert_eq!(bench.tasks.made(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_branch_gives_its_siblings_up() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Bad", |_| failed("Boom"));
    let end = bench
        .run(
            r#"{"StartAt":"Both","States":{"Both":{"Type":"Parallel","End":true,"Branches":[
                {"StartAt":"Bad","States":{"Bad":{"Type":"Task","Resource":"task:a","End":true}}},
                {"StartAt":"Nap","States":{"Nap":{"Type":"Wait","Seconds":3600,"End":true}}}],
                "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Over"}]},
                "Over":{"Type":"Pass","Result":"caught","End":true}}}"#,
            "{}",
        )
        .await;
    assert_eq!(end.output.unwrap().as_str(), r#""caught""#);
    let history = outline(&bench.history(&end.summary.arn).await);
    assert!(
        history.iter().any(|line| line.ends_with("StateAborted")),
        "{history:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_start_twice_is_one_execution() {
    let bench = Bench::in_memory().await;
    let definition = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
    bench.deploy("machine", definition).await;
    let order = |input: &str| StartExecution {
        state_machine: "machine".to_owned(),
        name: Some("one".to_owned()),
        input: Some(Payload::parse(input).unwrap()),
        ..StartExecution::default()
    };
    let first = bench
        .handle
        .start_execution(&bench.caller, order("{}"))
        .await
        .unwrap();
    let again = bench
        .handle
        .start_execution(&bench.caller, order("{}"))
        .await
        .unwrap();
    assert!(!first.existed && again.existed);
    assert_eq!(
        (&first.arn, first.started_at),
        (&again.arn, again.started_at)
    );
    let other = bench
        .handle
        .start_execution(&bench.caller, order("[]"))
        .await;
    assert!(
        matches!(other, Err(EngineError::NameTaken { .. })),
        "{other:?}"
    );
    let list = ListExecutions {
        limit: 10,
        ..ListExecutions::default()
    };
    assert_eq!(
        bench
            .handle
            .list_executions(&bench.caller, list)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_without_a_wait_leaves_room_for_others() {
    let bench = Bench::in_memory().await;
    let endless = r#"{"StartAt":"A","States":{
        "A":{"Type":"Pass","Next":"B"},
        "B":{"Type":"Choice","Default":"A","Choices":[
            {"Variable":"$.over","IsPresent":true,"Next":"Over"}]},
        "Over":{"Type":"Succeed"}}}"#;
    bench.deploy("endless", endless).await;
    let mut looping = Vec::new();
    for n in 0..4 {
        looping.push(bench.start("endless", &format!("loop-{n}"), "{}").await);
    }
    let end = bench
        .run(
            r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
            "{}",
        )
        .await;
    assert_eq!(end.summary.status, Status::Succeeded);
    for arn in looping {
        bench
            .handle
            .stop_execution(&bench.caller, &arn, None, None)
            .await
            .unwrap();
        assert_eq!(bench.end(&arn).await.summary.status, Status::Aborted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_execution_gives_its_output_to_its_parent() {
    let bench = Bench::in_memory().await;
    let child =
        r#"{"StartAt":"P","States":{"P":{"Type":"Pass","Result":{"done":true},"End":true}}}"#;
    bench.deploy("child", child).await;
    let end = bench
        .run(
            r#"{"StartAt":"Sub","States":{"Sub":{"Type":"Task","End":true,
                "Resource":"arn:aws:states:::states:startExecution.sync:2",
                "Parameters":{"StateMachineArn":"child","Input":{"x":1}},
                "ResultSelector":{"out.$":"$.Output","in.$":"$.Input","status.$":"$.Status"}}}}"#,
            "{}",
        )
        .await;
    assert_eq!(
        end.output.unwrap().as_str(),
        r#"{"out":{"done":true},"in":{"x":1},"status":"SUCCEEDED"}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_child_fails_its_parents_task() {
    let bench = Bench::in_memory().await;
    let child = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Mine","Cause":"c"}}}"#;
    bench.deploy("child", child).await;
    let end = bench
        .run(
            r#"{"StartAt":"Sub","States":{"Sub":{"Type":"Task","End":true,
                "Resource":"arn:aws:states:::states:startExecution.sync",
                "Parameters":{"StateMachineArn":"child"}}}}"#,
            "{}",
        )
        .await;
    let failure = end.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("States.TaskFailed"));
    assert!(failure.cause.unwrap().contains(r#""Error":"Mine""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_component_refuses_the_deployment() {
    let bench = Bench::in_memory().await;
    let order = DeployStateMachine {
        name: Some("machine".to_owned()),
        definition:
            r#"{"StartAt":"X","States":{"X":{"Type":"Task","Resource":"task:nowhere","End":true}}}"#
                .to_owned(),
        format: None,
        machine_type: None,
        role_arn: None,
        refuse_unbound: false,
    };
    let Err(EngineError::InvalidDefinition(problems)) = bench
        .handle
        .deploy_state_machine(&bench.caller, order)
        .await
    else {
        panic!("a missing component must refuse the deployment");
    };
    let found = problems
        .iter()
        .find(|problem| problem.code == "COMPONENT_MISSING")
        .unwrap();
    assert_eq!(found.pointer, "/States/X");
    assert!(found.message.contains("nowhere"));
}

/// A clock that never shows the same time twice.
#[derive(Debug)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn real_time_until(&self, _at: Timestamp) -> Option<Duration> {
        None
    }

    fn on_jump(&self, _listener: Box<dyn Fn() + Send + Sync>) {}
}

/// However long the start takes: who asks again gets the same date.
#[tokio::test(flavor = "multi_thread")]
async fn the_start_date_of_the_answer_is_that_of_the_execution() {
    let (clock, tasks) = (SimulatedClock::new(START), Scripted::default());
    let bench = Bench::open(StoreOptions::memory(), clock, tasks, |config| {
        config.clock = Arc::new(Ticking(AtomicI64::new(START.as_ms())));
    })
    .await;
    let wait = r#"{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9, "End": true}}}"#;
    bench.deploy("wait", wait).await;
    let start = || async {
        let order = StartExecution {
            state_machine: "wait".to_owned(),
            name: Some("one".to_owned()),
            ..StartExecution::default()
        };
        bench.handle.start_execution(&bench.caller, order).await
    };
    let (first, again) = (start().await.unwrap(), start().await.unwrap());
    assert!(again.existed);
    assert_eq!(first.started_at, again.started_at);
    let described = bench.handle.describe_execution(&bench.caller, &first.arn);
    assert_eq!(
        described.await.unwrap().summary.started_at,
        first.started_at
    );
}
