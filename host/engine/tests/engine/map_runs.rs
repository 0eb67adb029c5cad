//! Distributed Maps: their items run as child executions of a Map Run.

use stepwell_engine::{ExecutionType, Status};

use crate::harness::{Bench, failed, ok, outline};

/// A distributed Map with these fields over these states.
fn distributed(fields: &str, states: &str) -> String {
    format!(
        r#"{{"StartAt":"Before","States":{{
            "Before":{{"Type":"Pass","Next":"All"}},
            "All":{{"Type":"Map","End":true,{fields}"ItemProcessor":{{
                "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},
                "StartAt":"Each","States":{states}}}}}}}}}"#
    )
}

const PASS: &str = r#"{"Each":{"Type":"Pass","End":true}}"#;
const WORK: &str = r#"{"Each":{"Type":"Task","Resource":"task:work","End":true}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_distributed_map_gives_its_results_in_the_order_of_the_items() {
    let bench = Bench::in_memory().await;
    let selector = r#""ItemSelector":{"n.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index"},"#;
    let end = bench.run(&distributed(selector, PASS), "[7,8,9]").await;
    assert_eq!(
        end.output.unwrap().as_str(),
        r#"[{"n":7,"i":0},{"n":8,"i":1},{"n":9,"i":2}]"#
    );
    assert_eq!(
        outline(&bench.history(&end.summary.arn).await),
        [
            "1 0 ExecutionStarted",
            "2 0 PassEntered Before",
            "3 2 PassExited Before",
            "4 3 MapEntered All",
            "5 4 MapStateStarted",
            "6 5 MapRunStarted",
            "7 6 MapRunSucceeded",
            "8 7 MapStateSucceeded",
            "9 6 MapExited All",
            "10 9 ExecutionSucceeded",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_run_tasks_end_in_their_own_time() {
    let bench = Bench::in_memory().await;
    bench
        .tasks
        .on("Each", |order| ok(&format!("[{}]", order.input)));
    let items: Vec<u32> = (0..700).collect();
    let input = serde_json::to_string(&items).unwrap();
    let end = bench.run(&distributed("", WORK), &input).await;
    let expected: Vec<[u32; 1]> = items.into_iter().map(|item| [item]).collect();
    assert_eq!(
        end.output.unwrap().as_str(),
        serde_json::to_string(&expected).unwrap()
    );
    assert_eq!(bench.tasks.made(), 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_more_than_is_tolerated_fails_the_run_and_stops_its_children() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Each", |_| failed("Boom"));
    let end = bench.run(&distributed("", WORK), "[1,2,3]").await;
    assert_eq!(end.summary.status, Status::Failed);
    let failure = end.failure.unwrap();
    assert_eq!(
        failure.error.as_deref(),
        Some("States.ExceedToleratedFailureThreshold")
    );
    let history = outline(&bench.history(&end.summary.arn).await);
    assert_eq!(
        history[5..],
        [
            "6 5 MapRunStarted",
            "7 6 MapRunFailed",
            "8 7 MapStateFailed",
            "9 8 ExecutionFailed",
        ]
    );
}

/// The same with express children.
fn express(fields: &str, states: &str) -> String {
    distributed(fields, states).replace("STANDARD", "EXPRESS")
}

#[tokio::test(flavor = "multi_thread")]
async fn express_children_leave_counts_and_results_alone() {
    let bench = Bench::in_memory().await;
    bench
        .tasks
        .on("Each", |order| ok(&format!("[{}]", order.input)));
    let items: Vec<u32> = (0..300).collect();
    let input = serde_json::to_string(&items).unwrap();
    // Each waits before its task: timers of what is in memory alone fire, too.
    let states = r#"{"Nap":{"Type":"Wait","Seconds":1,"Next":"Each"},
        "Each":{"Type":"Task","Resource":"task:work","End":true}}"#;
    let definition = express("", states).replace(r#""StartAt":"Each""#, r#""StartAt":"Nap""#);
    bench.deploy("machine", &definition).await;
    let arn = bench.start("machine", "one", &input).await;
    let end = loop {
        let step = std::time::Duration::from_millis(5);
        let found = bench
            .handle
            .wait_for_end(&bench.caller, &arn, step)
            .await
            .unwrap();
        if found.summary.status != Status::Running {
            break found;
        }
        bench.clock.advance(std::time::Duration::from_secs(1));
    };
    let expected: Vec<[u32; 1]> = items.into_iter().map(|item| [item]).collect();
    assert_eq!(
        end.output.unwrap().as_str(),
        serde_json::to_string(&expected).unwrap()
    );
    let runs = bench
        .handle
        .list_map_runs(&bench.caller, &arn, None, 10)
        .await
        .unwrap();
    assert_eq!(runs.items[0].executions.succeeded, 300);
    let list = stepwell_engine::ListExecutions {
        limit: 10,
        ..Default::default()
    };
    let children = bench
        .handle
        .list_map_run_executions(&bench.caller, &runs.items[0].arn, list)
        .await
        .unwrap();
    assert!(children.items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_child_that_fails_is_counted_and_the_others_are_stopped() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Each", |order| match order.input.as_str() {
        "2" => failed("Odd"),
        _ => ok("0"),
    });
    let end = bench.run(&express("", WORK), "[1,2,3]").await;
    assert_eq!(
        end.failure.unwrap().error.as_deref(),
        Some("States.ExceedToleratedFailureThreshold")
    );
    let tolerant = express(r#""ToleratedFailureCount":1,"#, WORK);
    bench.deploy("tolerant", &tolerant).await;
    let arn = bench.start("tolerant", "one", "[1,2,3]").await;
    assert_eq!(bench.end(&arn).await.output.unwrap().as_str(), "[0,0]");
}

/// Its key would belong to another execution after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn an_express_child_cannot_wait_for_another_execution() {
    let bench = Bench::in_memory().await;
    let states = r#"{"Each":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2",
            "Parameters":{"StateMachineArn":"other"},"End":true}}"#;
    for (definition, is_refused) in [
        (express("", states), true),
        (distributed("", states), false),
    ] {
        let report = bench
            .handle
            .validate_definition(&bench.caller, definition, None, ExecutionType::Standard)
            .await
            .unwrap();
        assert_eq!(report.valid, !is_refused, "{:#?}", report.diagnostics);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_parent_stops_the_children_of_its_map_run() {
    let bench = Bench::in_memory().await;
    let waits = r#"{"Each":{"Type":"Wait","Seconds":1000,"End":true}}"#;
    for (machine, definition) in [
        ("standard", distributed("", waits)),
        ("express", express("", waits)),
    ] {
        bench.deploy(machine, &definition).await;
        let arn = bench.start(machine, "one", "[1,2,3]").await;
        bench
            .until(&arn, |found| {
                found.active.iter().any(|state| state.name == "All")
            })
            .await;
        bench
            .handle
            .stop_execution(&bench.caller, &arn, None, None)
            .await
            .unwrap();
        loop {
            let runs = bench
                .handle
                .list_map_runs(&bench.caller, &arn, None, 10)
                .await
                .unwrap();
            let run = &runs.items[0];
            if run.stopped_at.is_some() {
                assert_eq!((run.status, run.executions.running), (Status::Aborted, 0));
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}
