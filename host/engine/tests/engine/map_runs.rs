//! Distributed Maps: their items run as child executions of a Map Run.

use stepwell_engine::Status;

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
