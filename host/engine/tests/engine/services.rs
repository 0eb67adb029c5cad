//! Tasks whose work the host does itself, and functions that are components.

use serde_json::{Value, json};
use stepwell_engine::{
    ApiCall, ApiError, EngineError, ExecutionDescription, Failure, Status, TaskReport, TaskResult,
    TimeForm,
};

use crate::harness::{Bench, failed, ok, outline};

/// A definition with one task, whose parameters are the execution's input.
fn calling(resource: &str) -> String {
    json!({"StartAt": "Call", "States": {"Call": {
        "Type": "Task", "Resource": resource, "End": true}}})
    .to_string()
}

fn calling_with(resource: &str, parameters: &Value) -> String {
    json!({"StartAt": "Call", "States": {"Call": {
        "Type": "Task", "Resource": resource, "Parameters": parameters, "End": true}}})
    .to_string()
}

fn sfn(action: &str, parameters: &Value) -> String {
    calling_with(
        &format!("arn:aws:states:::aws-sdk:sfn:{action}"),
        parameters,
    )
}

fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:{kind}:{name}")
}

fn output(end: &ExecutionDescription) -> Value {
    match &end.output {
        Some(output) => output.to_value(),
        None => panic!("no output: {:?}", end.failure),
    }
}

fn failure(end: &ExecutionDescription) -> (String, String) {
    let Some(Failure { error, cause }) = &end.failure else {
        panic!("no failure: {end:#?}");
    };
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or_default().to_owned();
    (text(error), text(cause))
}

/// A cause without the id of the call.
fn without_id(cause: &str) -> String {
    let Some((before, rest)) = cause.split_once("Request ID: ") else {
        return cause.to_owned();
    };
    let after = rest.trim_start_matches(|letter: char| letter.is_ascii_hexdigit() || letter == '-');
    assert_eq!(rest.len() - after.len(), 36, "{cause}");
    format!("{before}Request ID: ID{after}")
}

/// Waits for a task's token.
async fn token(bench: &Bench, execution: &str) -> String {
    let found = bench
        .until(execution, |found| {
            found
                .active
                .iter()
                .any(|active| active.task_token.is_some())
        })
        .await;
    found.active[0].task_token.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_fails_the_task_as_on_aws() {
    for (action, parameters) in [
        (
            "sendTaskSuccess",
            json!({"TaskToken": "NoSuchTaskToken", "Output": "no json"}),
        ),
        ("sendTaskFailure", json!({"TaskToken": "NoSuchTaskToken"})),
        ("sendTaskHeartbeat", json!({"TaskToken": "NoSuchTaskToken"})),
    ] {
        let bench = Bench::in_memory().await;
        let end = bench.run(&sfn(action, &parameters), "{}").await;
        let (error, cause) = failure(&end);
        assert_eq!(error, "Sfn.InvalidTokenException", "{action}");
        assert_eq!(
            without_id(&cause),
            "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ID) \
             (SDK Attempt Count: 1)"
        );
        assert_eq!(
            outline(&bench.history(&end.summary.arn).await),
            [
                "1 0 ExecutionStarted",
                "2 0 TaskEntered Call",
                "3 2 TaskScheduled",
                "4 3 TaskStarted",
                "5 4 TaskFailed",
                "6 5 ExecutionFailed",
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_execution_reports_on_the_task_of_another() {
    let bench = Bench::in_memory().await;
    let waiting = calling_with(
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        &json!({"FunctionName": "work", "Payload": {"token.$": "$$.Task.Token"}}),
    );
    bench.deploy("waiting", &waiting).await;
    let first = bench.start("waiting", "first", "{}").await;
    let second = bench.start("waiting", "second", "{}").await;
    let tokens = (token(&bench, &first).await, token(&bench, &second).await);

    bench
        .deploy(
            "succeed",
            &calling("arn:aws:states:::aws-sdk:sfn:sendTaskSuccess"),
        )
        .await;
    let input = json!({"TaskToken": tokens.0, "Output": {"paid": true}}).to_string();
    let told = bench.start("succeed", "one", &input).await;
    assert_eq!(output(&bench.end(&told).await), json!({}));
    assert_eq!(output(&bench.end(&first).await), json!({"paid": true}));

    bench
        .deploy(
            "fail",
            &calling("arn:aws:states:::aws-sdk:sfn:sendTaskFailure"),
        )
        .await;
    let input = json!({"TaskToken": tokens.1, "Error": "Denied", "Cause": "c"}).to_string();
    let told = bench.start("fail", "one", &input).await;
    assert_eq!(bench.end(&told).await.summary.status, Status::Succeeded);
    let denied = ("Denied".to_owned(), "c".to_owned());
    assert_eq!(failure(&bench.end(&second).await), denied);

    // The task is over: who reports again is told so.
    let again = bench.start("fail", "two", &input).await;
    let (error, _) = failure(&bench.end(&again).await);
    assert_eq!(error, "Sfn.TaskTimedOutException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_a_crash_left_unanswered_may_be_made_again() {
    let bench = Bench::in_memory().await;
    let waiting = calling_with(
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        &json!({"FunctionName": "work"}),
    );
    bench.deploy("waiting", &waiting).await;
    let execution = bench.start("waiting", "one", "{}").await;
    let token = token(&bench, &execution).await;
    let report = |output: &str, repeated: bool| ApiCall {
        operation: "SendTaskSuccess".to_owned(),
        request: json!({"taskToken": token, "output": output}),
        times: TimeForm::Text,
        repeated,
    };
    let call = |call| bench.handle.call_sfn(&bench.caller, call);
    assert_eq!(call(report("1", false)).await.unwrap(), json!({}));
    assert_eq!(call(report("1", true)).await.unwrap(), json!({}));
    for refused in [report("1", false), report("2", true)] {
        let Err(ApiError::Fault(fault)) = call(refused).await else {
            panic!("a report on an ended task must be refused");
        };
        assert_eq!(fault.code, "TaskTimedOut");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_answer_with_the_members_of_aws_in_capitals() {
    let bench = Bench::in_memory().await;
    let child = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}"#;
    bench.deploy("child", child).await;
    let (machine, execution) = (arn("stateMachine", "child"), arn("execution", "child:c"));
    let definition = json!({"StartAt": "Start", "States": {
        "Start": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:startExecution",
            "Parameters": {"StateMachineArn": machine, "Name": "c", "Input": {"a": 1}},
            "ResultPath": "$.started", "Next": "Stop"},
        "Stop": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:stopExecution",
            "Parameters": {"ExecutionArn.$": "$.started.ExecutionArn", "Error": "Enough"},
            "ResultPath": "$.stopped", "Next": "Describe"},
        "Describe": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
            "Parameters": {"ExecutionArn.$": "$.started.ExecutionArn"},
            "ResultPath": "$.described", "Next": "List"},
        "List": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:listExecutions",
            "Parameters": {"StateMachineArn": machine, "StatusFilter": "ABORTED"},
            "ResultPath": "$.listed", "Next": "Machine"},
        "Machine": {"Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:describeStateMachine",
            "Parameters": {"StateMachineArn": machine},
            "ResultPath": "$.machine", "End": true}}});
    let end = bench.run(&definition.to_string(), "{}").await;
    let at = "2027-01-15T08:00:00.000Z";
    let found = output(&end);
    assert_eq!(
        found["started"],
        json!({"ExecutionArn": execution, "StartDate": at})
    );
    assert_eq!(found["stopped"], json!({"StopDate": at}));
    let line = json!({"ExecutionArn": execution, "StateMachineArn": machine, "Name": "c",
        "Status": "ABORTED", "StartDate": at, "StopDate": at, "RedriveCount": 0});
    assert_eq!(found["listed"], json!({"Executions": [line]}));
    let mut described = line;
    described["Input"] = json!("{\"a\":1}");
    described["InputDetails"] = json!({"Included": true});
    described["Error"] = json!("Enough");
    described["RedriveStatus"] = json!("REDRIVABLE");
    assert_eq!(found["described"], described);
    assert_eq!(found["machine"]["Status"], "ACTIVE");
    assert_eq!(found["machine"]["CreationDate"], at);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_operations_have_the_names_and_texts_of_aws() {
    let machine = arn("stateMachine", "nowhere");
    for (action, parameters, error, text) in [
        (
            "describeExecution",
            json!({"ExecutionArn": "invalid_execution_arn"}),
            "Sfn.ExecutionDoesNotExistException",
            "Execution Does Not Exist: 'invalid_execution_arn'",
        ),
        (
            "startExecution",
            json!({"StateMachineArn": machine}),
            "Sfn.StateMachineDoesNotExistException",
            "State Machine Does Not Exist: 'arn:aws:states:us-east-1:000000000000:stateMachine:\
             nowhere'",
        ),
        (
            "startExecution",
            json!({"StateMachineArn": machine, "Input": ""}),
            "Sfn.InvalidExecutionInputException",
            "Invalid State Machine Execution Input: 'Invalid execution input.'",
        ),
        (
            "listExecutions",
            json!({"StateMachineArn": machine, "MaxResults": 1001}),
            "Sfn.ValidationException",
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy \
             constraint: Member must have value less than or equal to 1000",
        ),
        (
            "describeStateMachine",
            json!({"StateMachineArn": "nowhere"}),
            "Sfn.StateMachineDoesNotExistException",
            "State Machine Does Not Exist: 'nowhere'",
        ),
    ] {
        let bench = Bench::in_memory().await;
        let end = bench.run(&sfn(action, &parameters), "{}").await;
        let (name, cause) = failure(&end);
        assert_eq!(name, error, "{action}: {cause}");
        assert!(cause.starts_with(text), "{action}: {cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_no_call_takes_fail_the_state_before_it_is_scheduled() {
    let bench = Bench::in_memory().await;
    let end = bench
        .run(&sfn("sendTaskSuccess", &json!({"TaskToken": "t"})), "{}")
        .await;
    let (error, cause) = failure(&end);
    assert_eq!(error, "States.Runtime");
    assert_eq!(
        cause,
        "An error occurred while executing the state 'Call' (entered at the event id #2). The \
         Parameters '{\"TaskToken\":\"t\"}' could not be used to start the Task: [The field \
         'Output' is required but was missing]"
    );
    assert_eq!(
        outline(&bench.history(&end.summary.arn).await),
        [
            "1 0 ExecutionStarted",
            "2 0 TaskEntered Call",
            "3 2 ExecutionFailed"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_started_execution_is_told_of_as_by_aws() {
    let bench = Bench::in_memory().await;
    let child = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
    bench.deploy("child", child).await;
    let parameters = json!({"StateMachineArn": arn("stateMachine", "child"), "Name": "c",
        "Input": {"a": 1}});
    let start = calling_with("arn:aws:states:::states:startExecution", &parameters);
    let found = output(&bench.run(&start, "{}").await);
    assert_eq!(found["ExecutionArn"], json!(arn("execution", "child:c")));
    assert_eq!(found["StartDate"], json!(1_800_000_000_000_u64));
    let headers = &found["SdkHttpMetadata"]["HttpHeaders"];
    assert_eq!(headers["Date"], "Fri, 15 Jan 2027 08:00:00 GMT");
    assert_eq!(headers["Content-Type"], "application/x-amz-json-1.0");
    assert_eq!(
        headers["x-amzn-RequestId"],
        found["SdkResponseMetadata"]["RequestId"]
    );

    // The same name with other input is taken; the same start is the same execution.
    let again = bench.start("machine", "again", "{}").await;
    assert_eq!(bench.end(&again).await.summary.status, Status::Succeeded);
    let mut other = parameters;
    other["Input"] = json!({"a": 2});
    bench
        .deploy(
            "other",
            &calling_with("arn:aws:states:::states:startExecution", &other),
        )
        .await;
    let taken = bench.start("other", "one", "{}").await;
    let (error, cause) = failure(&bench.end(&taken).await);
    assert_eq!(error, "StepFunctions.ExecutionAlreadyExistsException");
    assert_eq!(
        without_id(&cause),
        "Execution Already Exists: 'arn:aws:states:us-east-1:000000000000:execution:child:c' \
         (Service: AWSStepFunctions; Status Code: 400; Error Code: ExecutionAlreadyExists; \
         Request ID: ID; Proxy: null)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_the_parent_stops_the_child_it_waits_for() {
    let bench = Bench::in_memory().await;
    let child = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}"#;
    bench.deploy("child", child).await;
    for (suffix, status) in [("", Status::Running), (".sync:2", Status::Aborted)] {
        let name = if suffix.is_empty() { "free" } else { "held" };
        let parameters = json!({"StateMachineArn": "child", "Name": name});
        let resource = format!("arn:aws:states:::states:startExecution{suffix}");
        let then = json!({"StartAt": "Call", "States": {
            "Call": {"Type": "Task", "Resource": resource, "Parameters": parameters,
                "Next": "W"},
            "W": {"Type": "Wait", "Seconds": 600, "End": true}}});
        bench.deploy("parent", &then.to_string()).await;
        let parent = bench.start("parent", name, "{}").await;
        let waits = |found: &ExecutionDescription| {
            found
                .active
                .iter()
                .any(|active| active.name == "W" || active.waits_for == "another execution")
        };
        bench.until(&parent, waits).await;
        let stopped = bench
            .handle
            .stop_execution(&bench.caller, &parent, None, None);
        stopped.await.unwrap();
        let child = format!("child/{name}");
        if status == Status::Running {
            let found = bench.handle.describe_execution(&bench.caller, &child).await;
            assert_eq!(found.unwrap().summary.status, status);
        } else {
            let end = bench.end(&child).await;
            assert_eq!(end.summary.status, status);
            assert!(failure(&end).1.contains("given it up"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_holds_a_token_does_not_end_the_task_with_its_own_end() {
    let bench = Bench::in_memory().await;
    let child = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
    bench.deploy("child", child).await;
    let parameters = json!({"StateMachineArn": "child", "Name": "c",
        "Input": {"token.$": "$$.Task.Token"}});
    let resource = "arn:aws:states:::states:startExecution.waitForTaskToken";
    bench
        .deploy("parent", &calling_with(resource, &parameters))
        .await;
    let parent = bench.start("parent", "one", "{}").await;
    let ended = bench
        .until(&parent, |found| {
            found
                .active
                .iter()
                .any(|active| active.waits_for == "its task token")
        })
        .await;
    assert_eq!(ended.summary.status, Status::Running);
    let child = bench.end("child/c").await;
    let token = output(&child)["token"].as_str().unwrap().to_owned();
    let report = TaskReport::Success(stepwell_engine::Payload::parse("7").unwrap());
    bench
        .handle
        .report_task(&bench.caller, &token, report)
        .await
        .unwrap();
    assert_eq!(output(&bench.end(&parent).await), json!(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoked_function_is_answered_for_as_by_lambda() {
    let bench = Bench::in_memory().await;
    bench.tasks.on("Call", |order| {
        assert_eq!(order.input.as_str(), r#"{"n":1}"#);
        ok(r#"{"doubled":2}"#)
    });
    let parameters = json!({"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:work",
        "Payload": {"n": 1}});
    let invoke = calling_with("arn:aws:states:::lambda:invoke", &parameters);
    let found = output(&bench.run(&invoke, "{}").await);
    assert_eq!(found["ExecutedVersion"], "$LATEST");
    assert_eq!(found["Payload"], json!({"doubled": 2}));
    assert_eq!(found["StatusCode"], 200);
    assert_eq!(found["SdkHttpMetadata"]["HttpStatusCode"], 200);
    assert_eq!(
        found["SdkHttpMetadata"]["HttpHeaders"]["X-Amz-Executed-Version"],
        "$LATEST"
    );
    let fields: Vec<&String> = found.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "ExecutedVersion",
            "Payload",
            "SdkHttpMetadata",
            "SdkResponseMetadata",
            "StatusCode"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_own_error_has_its_story_as_json_and_the_hosts_has_not() {
    let lambda = "arn:aws:lambda:us-east-1:000000000000:function:work";
    let invoke = "arn:aws:states:::lambda:invoke";
    for (resource, parameters) in [
        (lambda, json!({})),
        (invoke, json!({"FunctionName": "work"})),
    ] {
        let bench = Bench::in_memory().await;
        bench.tasks.on("Call", |_| failed("OutOfStock"));
        let end = bench.run(&calling_with(resource, &parameters), "{}").await;
        let (error, cause) = failure(&end);
        assert_eq!(error, "OutOfStock");
        let story: Value = serde_json::from_str(&cause).unwrap();
        assert_eq!(story["errorType"], "OutOfStock");
        assert_eq!(story["errorMessage"], "OutOfStock was asked for");

        let bench = Bench::in_memory().await;
        bench.tasks.on("Call", |_| {
            TaskResult::Failed(Failure::new("Stepwell.OutOfFuel", "too much work"))
        });
        let end = bench.run(&calling_with(resource, &parameters), "{}").await;
        let expected = ("Stepwell.OutOfFuel".to_owned(), "too much work".to_owned());
        assert_eq!(failure(&end), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_function_is_not_found() {
    let bench = Bench::in_memory().await;
    bench
        .deploy("machine", &calling("arn:aws:states:::lambda:invoke"))
        .await;
    let execution = bench
        .start("machine", "one", r#"{"FunctionName":"nowhere:7"}"#)
        .await;
    let (error, cause) = failure(&bench.end(&execution).await);
    assert_eq!(error, "Lambda.ResourceNotFoundException");
    assert_eq!(
        without_id(&cause),
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nowhere:7 (Service: \
         AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: ID; \
         Proxy: null)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_qualifier_that_is_a_number_is_a_version() {
    let bench = Bench::in_memory().await;
    for bytes in ["one", "two"] {
        let pushed = bench
            .handle
            .push_component(&bench.caller, "work", bytes.into());
        pushed.await.unwrap();
    }
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&seen);
    bench.tasks.on("Call", move |order| {
        log.lock().unwrap().push(order.component);
        ok("1")
    });
    let resource = "arn:aws:states:::lambda:invoke";
    let parameters = json!({"FunctionName": "work", "Qualifier": "1"});
    let order = stepwell_engine::DeployStateMachine {
        name: Some("machine".to_owned()),
        definition: calling_with(resource, &parameters),
        format: None,
        machine_type: None,
        role_arn: None,
        refuse_unbound: false,
    };
    let deployed = bench
        .handle
        .deploy_state_machine(&bench.caller, order)
        .await;
    let pinned = deployed.unwrap().state_machine.components;
    assert_eq!(
        pinned[0].0, "work@1",
        "a constant name is pinned: {pinned:?}"
    );
    let execution = bench.start("machine", "one", "{}").await;
    assert_eq!(output(&bench.end(&execution).await)["ExecutedVersion"], "1");
    let first = stepwell_sandbox::ComponentDigest::of(b"one");
    assert_eq!(*seen.lock().unwrap(), [first]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_of_another_tenant_is_not_to_be_seen() {
    let bench = Bench::in_memory().await;
    bench
        .deploy(
            "machine",
            r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
        )
        .await;
    let execution = bench.start("machine", "one", "{}").await;
    let tenant = stepwell_engine::NewTenantOrder {
        name: "other".to_owned(),
        account: "000000000009".to_owned(),
        region: "us-east-1".to_owned(),
    };
    bench.handle.ensure_tenant(tenant).await.unwrap();
    let other = bench
        .handle
        .caller_for_tenant("other", "test")
        .await
        .unwrap();
    let call = ApiCall {
        operation: "DescribeExecution".to_owned(),
        request: json!({"executionArn": execution}),
        times: TimeForm::Text,
        repeated: false,
    };
    let refused = bench.handle.call_sfn(&other, call).await;
    let Err(ApiError::Fault(fault)) = refused else {
        panic!("another tenant's execution must not be shown");
    };
    assert_eq!(fault.code, "AccessDeniedException");
    let foreign = bench.handle.describe_execution(&other, &execution).await;
    assert!(matches!(foreign, Err(EngineError::NotFound { .. })));
}
