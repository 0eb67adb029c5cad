//! Activities: workers take tasks, and time runs from then on.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_engine::{
    ActivityTask, ApiCall, ApiError, EngineError, EventKind, ExecutionDescription, Payload,
    SimulatedClock, Status, TaskReport, TimeForm,
};

use crate::harness::{Bench, PATIENCE, START, Scripted, outline};

const PICK: &str = "arn:aws:states:us-east-1:000000000000:activity:pick";

fn picking(extra: &Value) -> String {
    let mut state = json!({"Type": "Task", "Resource": PICK, "End": true});
    for (field, value) in extra.as_object().unwrap() {
        state[field] = value.clone();
    }
    json!({"StartAt": "Pick", "States": {"Pick": state}}).to_string()
}

async fn take(bench: &Bench, worker: Option<&str>) -> Option<ActivityTask> {
    let taken = bench
        .handle
        .get_activity_task(&bench.caller, "pick", worker, Duration::ZERO);
    taken.await.unwrap()
}

async fn report(bench: &Bench, task: &ActivityTask, report: TaskReport) -> Result<(), EngineError> {
    let token = &task.task_token;
    bench.handle.report_task(&bench.caller, token, report).await
}

fn done(output: &str) -> TaskReport {
    TaskReport::Success(Payload::parse(output).unwrap())
}

async fn is_offered(bench: &Bench, execution: &str) {
    let waits = |found: &ExecutionDescription| {
        let mut active = found.active.iter();
        active.any(|active| active.waits_for.starts_with("a worker of"))
    };
    bench.until(execution, waits).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_the_oldest_task_and_reports_on_it() {
    let bench = Bench::in_memory().await;
    let (_, is_new) = bench
        .handle
        .create_activity(&bench.caller, "pick")
        .await
        .unwrap();
    assert!(is_new);
    bench.deploy("machine", &picking(&json!({}))).await;
    let first = bench.start("machine", "first", r#"{"n":1}"#).await;
    is_offered(&bench, &first).await;
    let second = bench.start("machine", "second", r#"{"n":2}"#).await;
    is_offered(&bench, &second).await;

    let task = take(&bench, Some("ann")).await.unwrap();
    assert_eq!(task.input.as_str(), r#"{"n":1}"#);
    report(&bench, &task, done("7")).await.unwrap();
    let end = bench.end(&first).await;
    assert_eq!(end.output.unwrap().as_str(), "7");
    let events = bench.history(&first).await;
    assert_eq!(
        outline(&events),
        [
            "1 0 ExecutionStarted",
            "2 0 TaskEntered Pick",
            "3 2 TaskScheduled",
            "4 3 TaskStarted",
            "5 4 TaskSucceeded",
            "6 5 TaskExited Pick",
            "7 6 ExecutionSucceeded",
        ]
    );
    let worker = events.iter().find_map(|event| match &event.kind {
        EventKind::TaskStarted { worker, .. } => worker.clone(),
        _ => None,
    });
    assert_eq!(worker.as_deref(), Some("ann"));

    let task = take(&bench, None).await.unwrap();
    assert_eq!(task.input.as_str(), r#"{"n":2}"#);
    assert_eq!(take(&bench, None).await, None, "a task is handed out once");
    let failed = TaskReport::Failure {
        error: Some("Empty".to_owned()),
        cause: None,
    };
    report(&bench, &task, failed).await.unwrap();
    let end = bench.end(&second).await;
    assert_eq!(end.failure.unwrap().error.as_deref(), Some("Empty"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_task_is_given_it_when_it_comes() {
    let bench = Bench::in_memory().await;
    bench
        .handle
        .create_activity(&bench.caller, "pick")
        .await
        .unwrap();
    bench.deploy("machine", &picking(&json!({}))).await;
    let (handle, caller) = (bench.handle.clone(), bench.caller.clone());
    let polls = (0..3).map(|_| {
        let (handle, caller) = (handle.clone(), caller.clone());
        tokio::spawn(async move {
            handle
                .get_activity_task(&caller, PICK, None, PATIENCE)
                .await
        })
    });
    let polls: Vec<_> = polls.collect();
    for name in ["a", "b", "c"] {
        bench
            .start("machine", name, &json!({ "name": name }).to_string())
            .await;
    }
    let mut inputs = Vec::new();
    for poll in polls {
        inputs.push(poll.await.unwrap().unwrap().unwrap().input.to_string());
    }
    inputs.sort();
    assert_eq!(
        inputs,
        [r#"{"name":"a"}"#, r#"{"name":"b"}"#, r#"{"name":"c"}"#]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn time_runs_from_when_a_worker_takes_the_task() {
    let bench = Bench::in_memory().await;
    bench
        .handle
        .create_activity(&bench.caller, "pick")
        .await
        .unwrap();
    bench
        .deploy(
            "machine",
            &picking(&json!({"TimeoutSeconds": 50, "HeartbeatSeconds": 10})),
        )
        .await;
    let execution = bench.start("machine", "one", "{}").await;
    is_offered(&bench, &execution).await;
    bench.clock.advance(Duration::from_secs(3_600));
    let task = take(&bench, None).await.unwrap();
    for _ in 0..3 {
        bench.clock.advance(Duration::from_secs(9));
        report(&bench, &task, TaskReport::Heartbeat).await.unwrap();
    }
    bench.clock.advance(Duration::from_secs(10));
    let end = bench.end(&execution).await;
    assert_eq!(
        end.failure.unwrap().error.as_deref(),
        Some("States.Timeout")
    );
    let late = report(&bench, &task, done("1")).await;
    assert!(matches!(late, Err(EngineError::TaskTimedOut)), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_waits_and_one_that_was_taken_outlive_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::new(START);
    let open = || Bench::in_folder(folder.path().to_owned(), clock.clone(), Scripted::default());
    let bench = open().await;
    bench
        .handle
        .create_activity(&bench.caller, "pick")
        .await
        .unwrap();
    let retried = json!({"TimeoutSeconds": 30,
        "Retry": [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1}]});
    bench.deploy("machine", &picking(&retried)).await;
    let taken = bench.start("machine", "taken", r#""taken""#).await;
    is_offered(&bench, &taken).await;
    let lost = take(&bench, None).await.unwrap();
    let waiting = bench.start("machine", "waiting", r#""waiting""#).await;
    is_offered(&bench, &waiting).await;
    bench.close().await;

    let bench = open().await;
    let task = take(&bench, None).await.unwrap();
    assert_eq!(task.input.as_str(), r#""waiting""#);
    report(&bench, &task, done("1")).await.unwrap();
    assert_eq!(bench.end(&waiting).await.summary.status, Status::Succeeded);
    // Its worker is never heard of: the timeout ends the attempt, and the next one is
    // offered again.
    assert_eq!(lost.input.as_str(), r#""taken""#);
    clock.advance(Duration::from_secs(30));
    let due = |found: &ExecutionDescription| found.active.iter().any(|a| a.attempt == 2);
    bench.until(&taken, due).await;
    clock.advance(Duration::from_secs(1));
    let again = bench
        .handle
        .get_activity_task(&bench.caller, "pick", None, PATIENCE);
    let again = again.await.unwrap().unwrap();
    assert_eq!(again.input.as_str(), r#""taken""#);
    report(&bench, &again, done("2")).await.unwrap();
    assert_eq!(bench.end(&taken).await.summary.status, Status::Succeeded);
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_nobody_waits_for_are_not_handed_out() {
    let bench = Bench::in_memory().await;
    bench
        .handle
        .create_activity(&bench.caller, "pick")
        .await
        .unwrap();
    let branches = json!({"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "End": true,
        "Branches": [
            {"StartAt": "Pick", "States": {"Pick": {"Type": "Task", "Resource": PICK, "End": true}}},
            {"StartAt": "Wait", "States": {
                "Wait": {"Type": "Task", "Resource": "stepwell:event", "Next": "No"},
                "No": {"Type": "Fail", "Error": "No"}}}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}]},
        "After": {"Type": "Task", "Resource": "stepwell:event", "End": true}}});
    bench.deploy("machine", &branches.to_string()).await;
    let given_up = bench.start("machine", "given-up", "{}").await;
    is_offered(&bench, &given_up).await;
    let event = stepwell_engine::PostEvent {
        name: "Wait".to_owned(),
        event_id: None,
        data: None,
    };
    bench
        .handle
        .post_event(&bench.caller, &given_up, event)
        .await
        .unwrap();
    let after = |found: &ExecutionDescription| found.active.iter().any(|a| a.name == "After");
    bench.until(&given_up, after).await;
    let stopped = bench.start("machine", "stopped", "{}").await;
    is_offered(&bench, &stopped).await;
    bench
        .handle
        .stop_execution(&bench.caller, &stopped, None, None)
        .await
        .unwrap();
    assert_eq!(take(&bench, None).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_an_activity_that_does_not_exist_fails() {
    let bench = Bench::in_memory().await;
    let caught = json!({"Catch": [{"ErrorEquals": ["ActivityDoesNotExist"], "Next": "Caught"}]});
    let mut definition: Value = serde_json::from_str(&picking(&caught)).unwrap();
    definition["States"]["Caught"] = json!({"Type": "Pass", "End": true});
    let end = bench.run(&definition.to_string(), "{}").await;
    let output = end.output.unwrap().to_value();
    assert_eq!(
        output["Cause"],
        format!("Activity Does Not Exist: '{PICK}'")
    );
    let events = outline(&bench.history(&end.summary.arn).await);
    assert_eq!(events[2..4], ["3 2 TaskScheduled", "4 3 TaskSubmitFailed"]);
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

#[tokio::test(flavor = "multi_thread")]
async fn operations_on_activities_are_those_of_aws() {
    let bench = Bench::in_memory().await;
    let call = |operation: &'static str, request: Value| call(&bench, operation, request);
    let made = json!({"activityArn": PICK, "creationDate": json!(1_800_000_000.0)});
    for _ in 0..2 {
        let created = call("CreateActivity", json!({"name": "pick"}))
            .await
            .unwrap();
        assert_eq!(created["activityArn"], made["activityArn"]);
        assert_eq!(created["creationDate"].to_string(), "1800000000.000");
    }
    let described = call("DescribeActivity", json!({"activityArn": PICK}))
        .await
        .unwrap();
    assert_eq!(described["name"], "pick");
    assert_eq!(
        described["encryptionConfiguration"],
        json!({"type": "AWS_OWNED_KEY"})
    );
    for name in ["a", "z"] {
        call("CreateActivity", json!({ "name": name }))
            .await
            .unwrap();
    }
    let page = call("ListActivities", json!({"maxResults": 2}))
        .await
        .unwrap();
    assert_eq!(page["activities"][1]["name"], "pick");
    let rest = call("ListActivities", json!({"nextToken": page["nextToken"]}))
        .await
        .unwrap();
    assert_eq!(rest["activities"].as_array().unwrap().len(), 1);
    for _ in 0..2 {
        let deleted = call("DeleteActivity", json!({"activityArn": PICK}))
            .await
            .unwrap();
        assert_eq!(deleted, json!({}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_the_rules_of_activities_is_refused_in_awss_words() {
    let bench = Bench::in_memory().await;
    for (operation, request, code, message) in [
        (
            "GetActivityTask",
            json!({"activityArn": PICK}),
            "ActivityDoesNotExist",
            format!("Activity Does Not Exist: '{PICK}'"),
        ),
        (
            "GetActivityTask",
            json!({"activityArn": "no_an_activity_arn"}),
            "InvalidArn",
            "Invalid Arn: 'Invalid ARN prefix: no_an_activity_arn'".to_owned(),
        ),
        (
            "GetActivityTask",
            json!({"activityArn": PICK, "workerName": "w".repeat(81)}),
            "ValidationException",
            format!(
                "1 validation error detected: Value '{}' at 'workerName' failed to satisfy \
                 constraint: Member must have length less than or equal to 80",
                "w".repeat(81)
            ),
        ),
        (
            "SendTaskHeartbeat",
            json!({"taskToken": ""}),
            "ValidationException",
            "1 validation error detected: Value '' at 'taskToken' failed to satisfy constraint: \
             Member must have length greater than or equal to 1"
                .to_owned(),
        ),
        (
            "SendTaskFailure",
            json!({"taskToken": "t", "error": "e".repeat(257)}),
            "ValidationException",
            format!(
                "1 validation error detected: Value '{}' at 'error' failed to satisfy \
                 constraint: Member must have length less than or equal to 256",
                "e".repeat(257)
            ),
        ),
        (
            "CreateActivity",
            json!({"name": "activity~name"}),
            "InvalidName",
            "Invalid Name: 'activity~name'".to_owned(),
        ),
    ] {
        let Err(ApiError::Fault(fault)) = call(&bench, operation, request).await else {
            panic!("{operation} must be refused");
        };
        assert_eq!((fault.code, fault.message), (code, message));
    }
}
