//! One state, tried: what is shown at each level, what mocks it takes, what it refuses.

use serde_json::{Value, json};
use stepwell_engine::{ApiCall, ApiError, ApiFault, TimeForm};

use crate::harness::{Bench, failed, ok};

async fn call(bench: &Bench, request: Value) -> Result<Value, ApiFault> {
    let call = ApiCall {
        operation: "TestState".to_owned(),
        request,
        times: TimeForm::Seconds,
        repeated: false,
    };
    match bench.handle.call_sfn(&bench.caller, call).await {
        Ok(answer) => Ok(answer),
        Err(ApiError::Fault(fault)) => Err(fault),
        Err(error) => panic!("{error}"),
    }
}

/// Tries a state, and shows texts of JSON as JSON.
async fn shown(bench: &Bench, request: Value) -> Value {
    opened(&call(bench, request).await.unwrap())
}

fn opened(value: &Value) -> Value {
    match value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(held @ (Value::Object(_) | Value::Array(_))) => held,
            _ => value.clone(),
        },
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), opened(member)))
            .collect(),
        other => other.clone(),
    }
}

fn request(definition: &Value, input: &Value) -> Value {
    json!({"definition": definition.to_string(), "input": input.to_string()})
}

fn with(mut request: Value, members: Value) -> Value {
    for (name, member) in members.as_object().into_iter().flatten() {
        request[name] = member.clone();
    }
    request
}

const ROLE: &str = "arn:aws:iam::000000000000:role/r";

#[tokio::test(flavor = "multi_thread")]
async fn each_level_shows_more() {
    let bench = Bench::in_memory().await;
    // The example of AWS's guide.
    let state = json!({"Type": "Pass", "InputPath": "$.payload", "Parameters": {"data": 1},
        "ResultPath": "$.result", "OutputPath": "$.result.data", "Next": "Another State"});
    let tried = request(&state, &json!({"payload": {"foo": "bar"}}));
    let answer = json!({"output": "1", "nextState": "Another State", "status": "SUCCEEDED"});
    assert_eq!(call(&bench, tried.clone()).await.unwrap(), answer);
    for level in ["DEBUG", "TRACE"] {
        let found = call(
            &bench,
            with(tried.clone(), json!({"inspectionLevel": level})),
        )
        .await;
        let mut answer = answer.clone();
        answer["inspectionData"] = json!({
            "input": "{\"payload\":{\"foo\":\"bar\"}}",
            "afterInputPath": "{\"foo\":\"bar\"}",
            "afterParameters": "{\"data\":1}",
            "afterResultSelector": "{\"data\":1}",
            "afterResultPath": "{\"payload\":{\"foo\":\"bar\"},\"result\":{\"data\":1}}",
        });
        assert_eq!(found.unwrap(), answer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_shows_its_data_up_to_where_it_failed() {
    let bench = Bench::in_memory().await;
    let state = json!({"Type": "Task", "Resource": "task:work", "InputPath": "$.a",
        "Parameters": {"b.$": "$.b"}, "ResultSelector": {"c.$": "$.c"}, "ResultPath": "$.d",
        "End": true});
    let debug = json!({"inspectionLevel": "DEBUG", "mock": {"result": "{\"c\": 2}"}});
    let input = json!({"a": {"b": 1}});
    let found = shown(&bench, with(request(&state, &input), debug.clone())).await;
    assert_eq!(
        found,
        json!({"status": "SUCCEEDED", "output": {"a": {"b": 1}, "d": {"c": 2}},
            "inspectionData": {"input": input, "afterInputPath": {"b": 1},
                "afterParameters": {"b": 1}, "result": {"c": 2},
                "afterResultSelector": {"c": 2},
                "afterResultPath": {"a": {"b": 1}, "d": {"c": 2}}}})
    );
    let found = shown(&bench, with(request(&state, &json!({"a": {}})), debug)).await;
    assert_eq!(found["status"], "FAILED");
    assert_eq!(found["error"], "States.Runtime");
    assert_eq!(
        found["inspectionData"],
        json!({"input": {"a": {}}, "afterInputPath": {}})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_there_and_are_shown() {
    let bench = Bench::in_memory().await;
    let state = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $given + 1 %}",
        "Assign": {"more": "{% $given + 2 %}"}, "End": true});
    let members = json!({"variables": "{\"given\": 4}", "inspectionLevel": "DEBUG"});
    let found = shown(&bench, with(request(&state, &json!({})), members)).await;
    assert_eq!(found["output"], "5");
    assert_eq!(
        found["inspectionData"],
        json!({"input": {}, "variables": {"given": 4, "more": 6}})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_retried_then_caught() {
    let bench = Bench::in_memory().await;
    let state = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f"},
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["Other"], "Next": "A"},
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "B"}],
        "Next": "C"});
    let mocked = |count: u32| {
        json!({"inspectionLevel": "DEBUG", "stateConfiguration": {"retrierRetryCount": count},
            "mock": {"errorOutput": {"error": "Busy", "cause": "try again"}}})
    };
    let tried = request(&state, &json!({"n": 1}));
    let found = shown(&bench, with(tried.clone(), mocked(1))).await;
    assert_eq!(found["status"], "RETRIABLE");
    assert_eq!(
        found["inspectionData"]["errorDetails"],
        json!({"retryIndex": 0, "retryBackoffIntervalSeconds": 4})
    );
    assert!(found.get("output").is_none() && found.get("nextState").is_none());
    let found = shown(&bench, with(tried, mocked(2))).await;
    assert_eq!(found["status"], "CAUGHT_ERROR");
    assert_eq!(found["nextState"], "B");
    assert_eq!(
        found["output"],
        json!({"n": 1, "error": {"Error": "Busy", "Cause": "try again"}})
    );
    assert_eq!(
        found["inspectionData"]["errorDetails"],
        json!({"retryIndex": 0, "catchIndex": 1})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_shows_what_each_iteration_would_be_given() {
    let bench = Bench::in_memory().await;
    let mut state = json!({"Type": "Map", "InputPath": "$.in", "ItemsPath": "$.items",
        "ItemSelector": {"n.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"},
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}},
        "ToleratedFailurePercentage": 40, "MaxConcurrency": 2, "ResultPath": "$.out",
        "End": true});
    let input = json!({"in": {"items": ["a", "b", "c"]}});
    let mocked = json!({"inspectionLevel": "DEBUG", "mock": {"result": "[1,2,3]"}});
    let selected = json!([{"n": 0, "v": "a"}, {"n": 1, "v": "b"}, {"n": 2, "v": "c"}]);
    state["ItemProcessor"]["ProcessorConfig"] =
        json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    let found = shown(&bench, with(request(&state, &input), mocked.clone())).await;
    let output = json!({"in": {"items": ["a", "b", "c"]}, "out": [1, 2, 3]});
    assert_eq!(
        found["inspectionData"],
        json!({"input": input, "afterInputPath": {"items": ["a", "b", "c"]},
            "afterItemsPath": ["a", "b", "c"], "afterItemSelector": selected,
            "afterResultSelector": [1, 2, 3], "afterResultPath": output,
            "maxConcurrency": 2, "toleratedFailurePercentage": 40.0})
    );
    assert_eq!(found["output"], output);

    state["ItemBatcher"] = json!({"MaxItemsPerBatch": 2, "BatchInput": {"x": 1}});
    let mocked_batches = json!({"inspectionLevel": "DEBUG", "mock": {"result": "[1,2]"}});
    let found = shown(&bench, with(request(&state, &input), mocked_batches)).await;
    assert_eq!(
        found["inspectionData"]["afterItemBatcher"],
        json!([{"BatchInput": {"x": 1}, "Items": [selected[0], selected[1]]},
            {"BatchInput": {"x": 1}, "Items": [selected[2]]}])
    );

    // Within the execution, items are the same; batches and tolerances are not for it.
    let inline = json!({"Type": "Map", "ItemsPath": "$.in.items",
        "ItemSelector": state["ItemSelector"], "ResultPath": "$.out", "End": true,
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}});
    let found = shown(&bench, with(request(&inline, &input), mocked)).await;
    assert_eq!(found["inspectionData"]["afterItemSelector"], selected);
    assert_eq!(found["output"], output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_fails_when_more_fail_than_it_tolerates() {
    let bench = Bench::in_memory().await;
    let state = json!({"Type": "Map", "ItemsPath": "$",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}},
        "ToleratedFailureCount": 2,
        "Catch": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Many"}],
        "End": true});
    let input = json!([1, 2, 3, 4]);
    for (count, status) in [(0, "SUCCEEDED"), (2, "SUCCEEDED"), (3, "CAUGHT_ERROR")] {
        let mocked = json!({"stateConfiguration": {"mapIterationFailureCount": count},
            "mock": {"result": "[1,2,3,4]"}});
        let found = shown(&bench, with(request(&state, &input), mocked)).await;
        assert_eq!(found["status"], status, "{count}");
    }
    let mocked = json!({"stateConfiguration": {"mapIterationFailureCount": 5},
        "mock": {"result": "[1,2,3,4]"}});
    let fault = call(&bench, with(request(&state, &input), mocked)).await;
    assert_eq!(fault.unwrap_err().code, "ValidationException");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_reads_is_given_as_its_source_holds_it() {
    let bench = Bench::in_memory().await;
    let reader = |config: Value| {
        json!({"Type": "Map", "End": true,
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
                "Parameters": {"Bucket": "b", "Key": "k"}},
            "ItemSelector": {"v.$": "$$.Map.Item.Value", "from.$": "$$.Map.Item.Source"},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}})
    };
    let from = "S3://b/k";
    for (config, data, expected) in [
        (json!({"InputType": "JSON"}), "[7, 8]", json!([7, 8])),
        (json!({"InputType": "JSONL"}), "7\n8\n", json!([7, 8])),
        (
            json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}),
            "x,y\n1,2\n3,4\n",
            json!([{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]),
        ),
        (
            json!({"InputType": "JSON", "ItemsPointer": "/a/b"}),
            "{\"a\": {\"b\": [7, 8]}}",
            json!([7, 8]),
        ),
        (
            json!({"InputType": "JSON", "MaxItems": 2}),
            "[7, 8, 9]",
            json!([7, 8]),
        ),
    ] {
        let mocked = json!({"inspectionLevel": "DEBUG", "mock": {"result": "[1,2]"},
            "stateConfiguration": {"mapItemReaderData": data}});
        let pointed = config.get("ItemsPointer").is_some();
        let found = shown(&bench, with(request(&reader(config), &json!({})), mocked)).await;
        let selected: Vec<Value> = expected
            .as_array()
            .into_iter()
            .flatten()
            .map(|value| json!({"v": value, "from": from}))
            .collect();
        let data = &found["inspectionData"];
        assert_eq!(data["afterItemSelector"], Value::from(selected), "{found}");
        assert_eq!(data.get("afterItemsPointer").is_some(), pointed);
        assert_eq!(found["output"], json!([1, 2]));
    }
    let mocked = json!({"mock": {"result": "[]"}});
    let tried = request(&reader(json!({"InputType": "JSON"})), &json!({}));
    let fault = call(&bench, with(tried.clone(), mocked)).await.unwrap_err();
    assert!(fault.message.contains("ItemReader data must be specified"));
    let mocked = json!({"mock": {"result": "[]"},
        "stateConfiguration": {"mapItemReaderData": "no json"}});
    let found = shown(&bench, with(tried, mocked)).await;
    assert_eq!(found["error"], "States.ItemReaderFailed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_found_wherever_it_is_and_finds_what_is_around_it() {
    let bench = Bench::in_memory().await;
    let definition = json!({"StartAt": "M", "States": {
        "M": {"Type": "Map", "End": true,
            "Retry": [{"ErrorEquals": ["Busy"]}],
            "Catch": [{"ErrorEquals": ["Boom"], "Next": "Saved"}],
            "ItemProcessor": {"StartAt": "First", "States": {
                "First": {"Type": "Pass", "Next": "Inner"},
                "Inner": {"Type": "Task", "Resource": "task:work", "End": true,
                    "Parameters": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"},
                    "ResultPath": null}}}},
        "Saved": {"Type": "Succeed"}}});
    let tried = with(
        request(&definition, &json!({"x": 1})),
        json!({"stateName": "Inner", "inspectionLevel": "DEBUG"}),
    );
    let mocked = json!({"mock": {"result": "null"}});
    let found = shown(&bench, with(tried.clone(), mocked)).await;
    assert_eq!(
        found["inspectionData"]["afterParameters"],
        json!({"i": 0, "v": {"x": 1}})
    );
    assert!(found.get("nextState").is_none());
    for (error, status, next) in [
        ("Boom", "CAUGHT_ERROR", json!("Saved")),
        ("Busy", "RETRIABLE", Value::Null),
        ("Other", "FAILED", Value::Null),
    ] {
        let mocked = json!({"mock": {"errorOutput": {"error": error}}});
        let found = shown(&bench, with(tried.clone(), mocked)).await;
        assert_eq!(found["status"], status, "{error}");
        assert_eq!(found["error"], error);
        assert_eq!(found["nextState"], next);
    }
    let fault = call(&bench, with(tried, json!({"stateName": "None"}))).await;
    assert_eq!(fault.unwrap_err().message, "State not found in definition");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_a_mock_does_its_work() {
    let bench = Bench::in_memory().await;
    bench.push("work").await;
    bench.tasks.on("StateName", |order| {
        match order.input.to_value()["do"].as_str() {
            Some("fail") => failed("Boom"),
            _ => ok("{\"done\":true}"),
        }
    });
    let state = json!({"Type": "Task", "Resource": "task:work",
        "Catch": [{"ErrorEquals": ["Boom"], "Next": "Saved"}], "Next": "After"});
    let tried = |what: &str| {
        with(
            request(&state, &json!({"do": what})),
            json!({"roleArn": ROLE}),
        )
    };
    let found = shown(&bench, tried("work")).await;
    assert_eq!(
        found,
        json!({"output": {"done": true}, "nextState": "After", "status": "SUCCEEDED"})
    );
    let found = shown(&bench, tried("fail")).await;
    assert_eq!(
        found,
        json!({"output": {"Error": "Boom", "Cause": "Boom was asked for"}, "error": "Boom",
            "cause": "Boom was asked for", "nextState": "Saved", "status": "CAUGHT_ERROR"})
    );
    assert_eq!(bench.tasks.made(), 2);

    let unknown = json!({"Type": "Task", "Resource": "task:unknown", "End": true});
    let unknown = with(request(&unknown, &json!({})), json!({"roleArn": ROLE}));
    let found = shown(&bench, unknown).await;
    assert_eq!(found["error"], "Stepwell.ComponentNotFound");

    let invoke = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "work", "Payload": {"do": "it"}},
        "OutputPath": "$.Payload", "End": true});
    let invoke = with(request(&invoke, &json!({})), json!({"roleArn": ROLE}));
    assert_eq!(shown(&bench, invoke).await["output"], json!({"done": true}));

    let own = json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:createActivity",
        "Parameters": {"Name": "made"}, "ResultPath": null, "End": true});
    let own = with(request(&own, &json!({})), json!({"roleArn": ROLE}));
    assert_eq!(shown(&bench, own).await["status"], "SUCCEEDED");
    assert!(
        bench
            .handle
            .describe_activity(&bench.caller, "made")
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_tries_a_state() {
    let bench = Bench::in_memory().await;
    let tried = json!({"Type": "Pass", "Result": {"a": 1}, "Next": "B"});
    let definition = json!({"StartAt": "Try", "States": {"Try": {"Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:testState", "End": true,
        "Parameters": {"Definition": tried, "Input": {"x": 1}}}}});
    let end = bench.run(&definition.to_string(), "{}").await;
    assert_eq!(
        end.output.unwrap().to_value(),
        json!({"Output": "{\"a\":1}", "NextState": "B", "Status": "SUCCEEDED"})
    );
}

/// Checks that each request is refused, with AWS's code and text; an empty text is any.
async fn all_refused(cases: &[(&Value, Value, &str, &str)]) {
    let bench = Bench::in_memory().await;
    for (state, members, code, message) in cases {
        let tried = with(request(state, &json!({})), members.clone());
        let fault = call(&bench, tried).await.unwrap_err();
        assert_eq!(fault.code, *code, "{}", fault.message);
        if !message.is_empty() {
            assert_eq!(fault.message, *message);
        }
    }
}

const INVALID: &str = "ValidationException";

#[tokio::test(flavor = "multi_thread")]
async fn states_that_need_a_mock_or_a_role_are_refused_without() {
    let task = json!({"Type": "Task", "Resource": "task:work", "End": true});
    let sync = json!({"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": "m"}});
    let parallel = json!({"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}]});
    let activity = json!({"Type": "Task", "End": true,
        "Resource": "arn:aws:states:us-east-1:000000000000:activity:a"});
    let role = json!({"roleArn": ROLE});
    all_refused(&[
        (
            &task,
            json!({}),
            INVALID,
            "RoleArn must be specified when testing a Task state",
        ),
        (
            &parallel,
            role.clone(),
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states. Supported state types \
             include: [Task, Wait, Pass, Succeed, Fail, Choice]",
        ),
        (
            &sync,
            role.clone(),
            "InvalidDefinition",
            "TestState API does not support '.sync' or '.waitForTaskToken' integration patterns.",
        ),
        (&activity, role, "InvalidDefinition", ""),
        (
            &task,
            json!({"context": "{}", "roleArn": ROLE}),
            INVALID,
            "",
        ),
        (
            &task,
            json!({"stateConfiguration": {"retrierRetryCount": 1}, "roleArn": ROLE}),
            INVALID,
            "",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mocks_that_cannot_be_are_refused_as_on_aws() {
    let task = json!({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem",
        "Parameters": {}, "End": true});
    let sync = json!({"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": "m"}});
    let mocked = |members: Value| with(json!({"mock": {"result": "{}"}}), members);
    all_refused(&[
        (
            &sync,
            json!({"mock": {"result": "{\"ExecutionArn\": \"e\"}"}}),
            INVALID,
            "Mock result schema validation error: Required field 'StateMachineArn' is missing",
        ),
        (
            &task,
            json!({"mock": {"result": "{}", "errorOutput": {"error": "E"}}}),
            INVALID,
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ),
        (&task, json!({"mock": {}}), INVALID, ""),
        (&task, json!({"mock": {"errorOutput": {}}}), INVALID, ""),
        (
            &task,
            mocked(json!({"revealSecrets": true})),
            INVALID,
            "TestState does not support RevealSecrets when a mock is specified.",
        ),
        (
            &task,
            mocked(json!({"context": "{\"Task\": {\"Token\": \"t\"}}"})),
            INVALID,
            "Context object contains 'Task' when state is not a Task state with a '.sync' or \
             '.waitForTaskToken' service integration pattern",
        ),
        (
            &task,
            mocked(json!({"context": "{\"State\": {\"RetryCount\": \"1\"}}"})),
            INVALID,
            "Invalid Context object provided: State.RetryCount must be an integer",
        ),
        (
            &task,
            mocked(json!({"stateConfiguration": {"mapIterationFailureCount": 1}})),
            INVALID,
            "",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_break_the_service_model_are_refused_as_on_aws() {
    let pass = json!({"Type": "Pass", "End": true});
    all_refused(&[
        (
            &pass,
            json!({"inspectionLevel": "ALL", "stateName": ""}),
            INVALID,
            "2 validation errors detected: Value at 'stateName' failed to satisfy constraint: \
             Member must have length greater than or equal to 1; Value 'ALL' at \
             'inspectionLevel' failed to satisfy constraint: Member must satisfy enum value \
             set: [INFO, DEBUG, TRACE]",
        ),
        (
            &pass,
            json!({"mock": {"result": 1}}),
            "SerializationException",
            "",
        ),
        (&pass, json!({"input": "{"}), "InvalidExecutionInput", ""),
        (&pass, json!({"variables": "[]"}), INVALID, ""),
        (
            &pass,
            json!({"roleArn": "r"}),
            "InvalidArn",
            "Invalid Arn: 'Invalid ARN prefix: r'",
        ),
        (
            &json!({"Type": "Pass"}),
            json!({}),
            "InvalidDefinition",
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: This object should \
             have only one of the following fields: [Next, End] at /States/StateName'",
        ),
        (&pass, json!({"stateName": "S"}), "InvalidDefinition", ""),
        (&pass, json!({"definition": "{"}), "InvalidDefinition", ""),
    ])
    .await;
}
