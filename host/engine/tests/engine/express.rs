//! Express state machines: their type, and what their executions do.

use serde_json::{Value, json};
use stepwell_engine::{
    AccessOrder, ApiCall, ApiError, DeployStateMachine, DeployedStateMachine, EngineError,
    ExecutionType, Payload, Severity, SimulatedClock, StartExecution, StartedExecution, Status,
    SyncExecution, TimeForm,
};
use stepwell_store::{ExecutionKey, StoreOptions};

use crate::harness::{Bench, START, Scripted, failed, ok};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;

async fn deploy(
    bench: &Bench,
    name: &str,
    definition: &str,
    machine_type: Option<ExecutionType>,
) -> Result<DeployedStateMachine, EngineError> {
    let order = DeployStateMachine {
        name: Some(name.to_owned()),
        definition: definition.to_owned(),
        machine_type,
        ..DeployStateMachine::default()
    };
    bench
        .handle
        .deploy_state_machine(&bench.caller, order)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_type_is_fixed_when_the_machine_is_made() {
    let bench = Bench::in_memory().await;
    let made = deploy(&bench, "orders", PASS, Some(ExecutionType::Express)).await;
    assert_eq!(
        made.unwrap().state_machine.machine_type,
        ExecutionType::Express
    );
    let other = deploy(&bench, "orders", PASS, Some(ExecutionType::Standard)).await;
    assert!(
        matches!(other, Err(EngineError::Invalid { field: "type", .. })),
        "{other:?}"
    );
    // Who says nothing of it means the type that it has.
    let next = PASS
        .replace("Pass", "Succeed")
        .replace(r#","End":true"#, "");
    let revised = deploy(&bench, "orders", &next, None).await.unwrap();
    assert_eq!(revised.state_machine.revision, 2);
    assert_eq!(revised.state_machine.machine_type, ExecutionType::Express);
    let plain = deploy(&bench, "plain", PASS, None).await.unwrap();
    assert_eq!(plain.state_machine.machine_type, ExecutionType::Standard);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_machine_that_would_wait_for_somebody_is_refused() {
    let bench = Bench::in_memory().await;
    let waiting = r#"{"StartAt":"T","States":{"T":{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::states:startExecution.sync",
        "Parameters":{"StateMachineArn":"child"}}}}"#;
    let refused = deploy(&bench, "orders", waiting, Some(ExecutionType::Express)).await;
    let Err(EngineError::InvalidDefinition(problems)) = refused else {
        panic!("an express machine must not wait: {refused:?}");
    };
    let found = problems
        .iter()
        .find(|problem| problem.severity == Severity::Error)
        .unwrap();
    assert_eq!(
        found.to_string(),
        "SCHEMA_VALIDATION_FAILED: Express state machine does not support \
         '.sync' service integration at /States/T/Resource"
    );
    let standard = deploy(&bench, "orders", waiting, Some(ExecutionType::Standard)).await;
    assert!(standard.is_ok(), "{standard:?}");
}

const WORK: &str =
    r#"{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"task:work","End":true}}}"#;

fn order(name: Option<&str>, input: &str) -> StartExecution {
    StartExecution {
        state_machine: "orders".to_owned(),
        name: name.map(str::to_owned),
        input: Some(Payload::parse(input).unwrap()),
        ..StartExecution::default()
    }
}

/// A bench with an express machine `orders`.
async fn bench_of(definition: &str) -> Bench {
    let bench = Bench::in_memory().await;
    express_orders(&bench, definition).await;
    bench
}

async fn express_orders(bench: &Bench, definition: &str) {
    bench.push("work").await;
    deploy(bench, "orders", definition, Some(ExecutionType::Express))
        .await
        .unwrap();
}

async fn run(bench: &Bench, input: &str) -> Result<SyncExecution, EngineError> {
    let order = order(None, input);
    bench
        .handle
        .start_sync_execution(&bench.caller, order)
        .await
}

async fn start(bench: &Bench, name: &str) -> Result<StartedExecution, EngineError> {
    let order = order(Some(name), "{}");
    bench.handle.start_execution(&bench.caller, order).await
}

/// Looks again until it is so.
async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::task::yield_now().await;
    }
}

fn running(bench: &Bench) -> u64 {
    bench.handle.metrics().express_running
}

fn starts(bench: &Bench) -> usize {
    let found = bench.store.express_starts(ExecutionKey(i64::MIN), 100);
    found.unwrap().len()
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
async fn who_waits_for_an_express_execution_is_told_of_its_end_and_nothing_is_kept() {
    let bench = bench_of(WORK).await;
    bench.tasks.on("Work", |_| ok(r#"{"paid":true}"#));
    let ended = run(&bench, r#"{"order":1}"#).await.unwrap();
    assert_eq!(ended.status, Status::Succeeded);
    assert_eq!(ended.output.unwrap().as_str(), r#"{"paid":true}"#);
    let prefix = "arn:aws:states:us-east-1:000000000000:express:orders:";
    let parts: Vec<&str> = ended.arn.strip_prefix(prefix).unwrap().split(':').collect();
    assert_eq!((parts.len(), parts[0]), (2, ended.name.as_str()));
    assert_ne!(parts[0], parts[1]);
    assert_eq!(
        (ended.billing.duration_ms, ended.billing.memory_mb),
        (100, 64)
    );
    assert_eq!(bench.store.max_execution_key().unwrap(), None);
    assert_eq!(running(&bench), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_execution_that_fails_is_no_error_of_the_call() {
    let bench = bench_of(WORK).await;
    bench.tasks.on("Work", |_| failed("Broken"));
    let ended = run(&bench, "{}").await.unwrap();
    assert_eq!(ended.status, Status::Failed);
    assert_eq!(ended.failure.unwrap().error.as_deref(), Some("Broken"));
    assert_eq!(ended.output, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_execution_lasts_five_minutes_at_most() {
    let bench = bench_of(&WORK.replace("\"States\"", "\"TimeoutSeconds\":9999,\"States\"")).await;
    let _gate = bench.tasks.close_gate();
    let ended = async { run(&bench, "{}").await.unwrap() };
    let passes = async {
        until(|| bench.tasks.calls().len() == 1).await;
        bench.clock.advance_to(START.plus_ms(300_000));
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! { ended = ended => ended, () = passes => unreachable!() };
    assert_eq!(ended.status, Status::TimedOut);
    let failure = ended.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("States.Timeout"));
    assert_eq!(ended.billing.duration_ms, 300_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_one_type_is_refused_for_the_other() {
    let bench = bench_of(PASS).await;
    deploy(&bench, "standard", PASS, None).await.unwrap();
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:";
    let express = "arn:aws:states:us-east-1:000000000000:express:orders:a:b";
    let type_refused = "StateMachineTypeNotSupported: This operation is not supported by this \
                        type of state machine";
    let arn_refused = "InvalidArn: Invalid Arn: 'Resource type not valid in this context: express'";
    for (operation, request, refusal) in [
        (
            "StartSyncExecution",
            json!({ "stateMachineArn": format!("{machine}standard") }),
            type_refused,
        ),
        (
            "ListExecutions",
            json!({ "stateMachineArn": format!("{machine}orders") }),
            type_refused,
        ),
        (
            "DescribeExecution",
            json!({ "executionArn": express }),
            arn_refused,
        ),
        (
            "StopExecution",
            json!({ "executionArn": express }),
            arn_refused,
        ),
        (
            "DescribeStateMachineForExecution",
            json!({ "executionArn": express }),
            arn_refused,
        ),
    ] {
        let refused = call(&bench, operation, request).await;
        let refused = refused.map_err(|error| error.to_string());
        assert_eq!(refused, Err(refusal.to_owned()), "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_start_sync_execution_is_that_of_aws() {
    let bench = bench_of(PASS).await;
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:orders";
    let request = |included: &str| {
        json!({ "stateMachineArn": machine, "name": "n", "input": "{\"a\": 1}",
                "includedData": included })
    };
    let mut full = call(&bench, "StartSyncExecution", request("ALL_DATA"))
        .await
        .unwrap();
    let arn = full["executionArn"].take();
    assert!(
        arn.as_str().unwrap().contains(":express:orders:n:"),
        "{arn}"
    );
    let expected = json!({
        "executionArn": null, "stateMachineArn": machine, "name": "n",
        "startDate": 1_800_000_000, "stopDate": 1_800_000_000, "status": "SUCCEEDED",
        "input": "{\"a\": 1}", "output": "{\"a\": 1}",
        "inputDetails": { "included": true }, "outputDetails": { "included": true },
        "billingDetails": { "billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64 },
    });
    full["startDate"] = 1_800_000_000.into();
    full["stopDate"] = 1_800_000_000.into();
    assert_eq!(full, expected);
    let metadata = call(&bench, "StartSyncExecution", request("METADATA_ONLY"))
        .await
        .unwrap();
    assert_eq!(metadata["outputDetails"], json!({ "included": false }));
    assert!(metadata.get("output").is_none() && metadata.get("input").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_run_at_once_are_refused_and_none_is_stuck() {
    let bench = Bench::open(
        StoreOptions::memory(),
        SimulatedClock::new(START),
        Scripted::default(),
        |config| config.express_executions_max = 2,
    )
    .await;
    express_orders(&bench, WORK).await;
    let gate = bench.tasks.close_gate();
    start(&bench, "same").await.unwrap();
    // The name need not be its own.
    start(&bench, "same").await.unwrap();
    for refused in [
        start(&bench, "third").await.err(),
        run(&bench, "{}").await.err(),
    ] {
        assert!(
            matches!(refused, Some(EngineError::Throttled)),
            "{refused:?}"
        );
    }
    gate.add_permits(100);
    until(|| running(&bench) == 0).await;
    assert_eq!(run(&bench, "{}").await.unwrap().status, Status::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_records_more_than_its_share_of_memory_fails() {
    let bench = Bench::open(
        StoreOptions::memory(),
        SimulatedClock::new(START),
        Scripted::default(),
        |config| config.express_memory_max_bytes = 4 << 20,
    )
    .await;
    // Forever, without this.
    let endless = r#"{"StartAt":"A","States":{
        "A":{"Type":"Choice","Choices":[{"Variable":"$.end","IsPresent":true,"Next":"E"}],
            "Default":"B"},
        "B":{"Type":"Pass","Next":"A"},"E":{"Type":"Succeed"}}}"#;
    express_orders(&bench, endless).await;
    let ended = run(&bench, "{}").await.unwrap();
    assert_eq!(ended.status, Status::Failed);
    let failure = ended.failure.unwrap();
    assert_eq!(
        failure.error.as_deref(),
        Some("Stepwell.ExpressLimitExceeded")
    );
    assert_eq!(running(&bench), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_nothing_behind() {
    let bench = bench_of(WORK).await;
    let gate = bench.tasks.close_gate();
    {
        let waiting = run(&bench, "{}");
        let begun = until(|| bench.tasks.calls().len() == 1);
        tokio::select! { _ = waiting => panic!("it cannot end"), () = begun => {} }
    }
    assert_eq!(running(&bench), 1);
    gate.add_permits(1);
    until(|| running(&bench) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_start_runs_again_after_a_crash_while_it_is_young() {
    let folder = tempfile::tempdir().unwrap();
    for (minutes, again) in [(4, true), (5, false)] {
        let (clock, tasks) = (SimulatedClock::new(START), Scripted::default());
        let path = folder.path().join(minutes.to_string());
        let first = Bench::in_folder(path.clone(), clock.clone(), tasks.clone()).await;
        express_orders(&first, WORK).await;
        let gate = tasks.close_gate();
        let started = start(&first, "one").await.unwrap();
        assert!(
            started.arn.contains(":express:orders:one:"),
            "{}",
            started.arn
        );
        until(|| tasks.calls().len() == 1).await;
        first.close().await;

        clock.advance_to(START.plus_ms(minutes * 60_000));
        gate.add_permits(10);
        let second = Bench::in_folder(path, clock, tasks.clone()).await;
        until(|| starts(&second) == 0).await;
        let calls = if again { 2 } else { 1 };
        assert_eq!(tasks.calls().len(), calls, "after {minutes} minutes");
        // Once it has ended it does not run again.
        assert_eq!(running(&second), 0);
        second.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_start_express_executions_and_wait_for_them_by_the_operation_for_that() {
    let bench = bench_of(WORK).await;
    bench
        .tasks
        .on("Work", |order| ok(&format!("[{}]", order.input)));
    let calling = |resource: &str| {
        format!(
            r#"{{"StartAt":"C","States":{{"C":{{"Type":"Task","End":true,
                "Resource":"arn:aws:states:::{resource}","Parameters":{{"Input":"7",
                "StateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:orders"}}}}}}}}"#
        )
    };
    bench
        .deploy("starts", &calling("states:startExecution"))
        .await;
    let arn = bench.start("starts", "one", "{}").await;
    let output = bench.end(&arn).await.output.unwrap();
    assert!(output.as_str().contains(":express:orders:"), "{output}");

    bench
        .deploy("waits", &calling("aws-sdk:sfn:startSyncExecution"))
        .await;
    let arn = bench.start("waits", "one", "{}").await;
    let output = bench.end(&arn).await.output.unwrap().to_value();
    assert_eq!(
        (&output["Status"], &output["Output"]),
        (&json!("SUCCEEDED"), &json!("[7]"))
    );

    bench
        .deploy("syncs", &calling("states:startExecution.sync"))
        .await;
    let arn = bench.start("syncs", "one", "{}").await;
    let failure = bench.end(&arn).await.failure.unwrap();
    let expected = "StepFunctions.StateMachineTypeNotSupportedException";
    assert_eq!(failure.error.as_deref(), Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_machines_and_keys_is_given_up_when_they_change() {
    let bench = bench_of(PASS).await;
    let result = |value: u32| {
        format!(
            r#"{{"StartAt":"P","States":{{"P":{{"Type":"Pass","Result":{value},"End":true}}}}}}"#
        )
    };
    for value in 1..4 {
        deploy(&bench, "orders", &result(value), None)
            .await
            .unwrap();
        for _ in 0..2 {
            let output = run(&bench, "{}").await.unwrap().output.unwrap();
            assert_eq!(output.as_str(), value.to_string());
        }
    }
    let key = bench
        .handle
        .make_access_key(&bench.caller, AccessOrder::new("ci", "admin"))
        .await;
    let key = key.unwrap();
    for _ in 0..2 {
        let found = bench.handle.find_access_key(&key.id).await.unwrap();
        assert_eq!(found.unwrap().1, key.secret);
    }
    bench
        .handle
        .delete_access_key(&bench.caller, "ci")
        .await
        .unwrap();
    assert_eq!(bench.handle.find_access_key(&key.id).await.unwrap(), None);
}
