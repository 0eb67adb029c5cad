//! State machines as AWS's tools make and change them.

use serde_json::{Value, json};
use stepwell_engine::{ApiCall, ApiError, ApiFault, NewBinding, TimeForm};

use crate::harness::Bench;

const ROLE: &str = "arn:aws:iam::000000000000:role/states";

pub(crate) fn arn(end: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:stateMachine:{end}")
}

pub(crate) fn definition(comment: &str) -> String {
    json!({"Comment": comment, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}})
        .to_string()
}

pub(crate) async fn try_call(
    bench: &Bench,
    operation: &str,
    request: Value,
) -> Result<Value, ApiFault> {
    let call = ApiCall {
        operation: operation.to_owned(),
        request,
        times: TimeForm::Text,
        repeated: false,
    };
    match bench.handle.call_sfn(&bench.caller, call).await {
        Ok(answer) => Ok(answer),
        Err(ApiError::Fault(fault)) => Err(fault),
        Err(other) => panic!("{operation}: {other:?}"),
    }
}

pub(crate) async fn call(bench: &Bench, operation: &str, request: Value) -> Value {
    match try_call(bench, operation, request).await {
        Ok(answer) => answer,
        Err(fault) => panic!("{operation}: {fault}"),
    }
}

/// Expects a refusal; returns its code and text.
pub(crate) async fn refused(bench: &Bench, operation: &str, request: Value) -> String {
    match try_call(bench, operation, request).await {
        Ok(answer) => panic!("{operation} is answered: {answer}"),
        Err(fault) => fault.to_string(),
    }
}

pub(crate) async fn create(bench: &Bench, name: &str, comment: &str) -> Value {
    let request = json!({"name": name, "definition": definition(comment), "roleArn": ROLE});
    call(bench, "CreateStateMachine", request).await
}

async fn describe(bench: &Bench, end: &str) -> Value {
    call(
        bench,
        "DescribeStateMachine",
        json!({"stateMachineArn": arn(end)}),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_made_once_and_is_what_was_given() {
    let bench = Bench::in_memory().await;
    // Spaces and the order of fields are the author's.
    let text = r#"{ "StartAt":"A", "States":{"A":{"End":true,"Type":"Pass"}} }"#;
    let request = json!({"name": "m", "definition": text, "roleArn": ROLE, "type": "EXPRESS"});
    let made = call(&bench, "CreateStateMachine", request.clone()).await;
    assert_eq!(
        made,
        json!({"stateMachineArn": arn("m"), "creationDate": "2027-01-15T08:00:00.000Z"})
    );
    // The same order again, with what does not matter changed.
    bench.clock.advance(std::time::Duration::from_secs(5));
    let mut again = request.clone();
    again["roleArn"] = format!("{ROLE}-2").into();
    again["tags"] = json!([{"key": "a", "value": "b"}]);
    assert_eq!(call(&bench, "CreateStateMachine", again).await, made);
    assert_eq!(
        describe(&bench, "m").await,
        json!({
            "stateMachineArn": arn("m"), "name": "m", "status": "ACTIVE", "roleArn": ROLE,
            "type": "EXPRESS", "creationDate": "2027-01-15T08:00:00.000Z", "definition": text,
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": false},
            "tracingConfiguration": {"enabled": false},
        })
    );
    for (member, value) in [
        ("definition", Value::from(text.replace("{ ", "{"))),
        ("type", "STANDARD".into()),
        ("publish", true.into()),
        ("tracingConfiguration", json!({"enabled": true})),
        (
            "encryptionConfiguration",
            json!({"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key"}),
        ),
    ] {
        let mut other = request.clone();
        other[member] = value;
        assert_eq!(
            refused(&bench, "CreateStateMachine", other).await,
            format!(
                "StateMachineAlreadyExists: State Machine Already Exists: '{}'",
                arn("m")
            ),
            "{member}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_has_a_revision_and_what_says_the_same_has_none() {
    let bench = Bench::in_memory().await;
    create(&bench, "m", "one").await;
    assert_eq!(describe(&bench, "m").await.get("revisionId"), None);
    let update = |members: Value| {
        let mut request = members;
        request["stateMachineArn"] = arn("m").into();
        request
    };
    let same = update(json!({"definition": definition("one")}));
    let answer = call(&bench, "UpdateStateMachine", same).await;
    assert_eq!(answer.get("revisionId"), None);

    let second = update(json!({"definition": definition("two")}));
    let second = call(&bench, "UpdateStateMachine", second).await["revisionId"].clone();
    let third = update(json!({"loggingConfiguration": {}, "tracingConfiguration":
        {"enabled": true}, "roleArn": "arn:aws:iam::000000000000:role/other"}));
    let third = call(&bench, "UpdateStateMachine", third).await["revisionId"].clone();
    assert_ne!(second, third);
    let found = describe(&bench, "m").await;
    assert_eq!(found["revisionId"], third);
    assert_eq!(found["roleArn"], "arn:aws:iam::000000000000:role/other");
    assert_eq!(found["definition"], definition("two"));
    assert_eq!(found["tracingConfiguration"], json!({"enabled": true}));

    assert_eq!(
        refused(&bench, "UpdateStateMachine", update(json!({}))).await,
        "MissingRequiredParameter: Either the definition, the role ARN, the \
         LoggingConfiguration, or the TracingConfiguration must be specified"
    );
    let missing = json!({"stateMachineArn": arn("none"), "roleArn": ROLE});
    assert_eq!(
        refused(&bench, "UpdateStateMachine", missing).await,
        format!(
            "StateMachineDoesNotExist: State Machine Does Not Exist: '{}'",
            arn("none")
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_is_refused_in_the_words_of_aws() {
    let bench = Bench::in_memory().await;
    let with = |definition: &str| json!({"name": "m", "definition": definition, "roleArn": ROLE});
    assert_eq!(
        refused(
            &bench,
            "CreateStateMachine",
            with(r#"{"Comment":"c","StartAt":"A"}"#)
        )
        .await,
        "InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These \
         fields are required: [States] at /'"
    );
    // An integration that AWS does not have is known once something is bound to it.
    let unknown = json!({"StartAt": "A", "States": {"A": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::acme:order"}}})
    .to_string();
    let told = refused(&bench, "CreateStateMachine", with(&unknown)).await;
    assert!(
        told.contains("arn:aws:states:::acme:order is not recognized"),
        "{told}"
    );
    bench.push("work").await;
    let binding = NewBinding {
        integration: "acme:*".to_owned(),
        component: "work".to_owned(),
        version: None,
    };
    bench.handle.bind(&bench.caller, binding).await.unwrap();
    call(&bench, "CreateStateMachine", with(&unknown)).await;
    // Nothing was half made, and a component may come later than its definition.
    let later = json!({"StartAt": "A", "States": {"A": {"Type": "Task", "End": true,
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:later"}}});
    let request = json!({"name": "later", "definition": later.to_string(), "roleArn": ROLE});
    call(&bench, "CreateStateMachine", request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_checked_filled_in_and_kept() {
    let bench = Bench::in_memory().await;
    let with = |name: &str, member: &str, value: Value| {
        let mut request = json!({"name": name, "definition": definition(""), "roleArn": ROLE});
        request[member] = value;
        request
    };
    let group = |name: &str| {
        json!({"cloudWatchLogsLogGroup":
            {"logGroupArn": format!("arn:aws:logs:us-east-1:000000000000:log-group:{name}")}})
    };
    let log = "loggingConfiguration";
    for (number, (given, kept)) in [
        (
            json!({}),
            json!({"level": "OFF", "includeExecutionData": false}),
        ),
        (
            json!({"destinations": []}),
            json!({"level": "OFF", "includeExecutionData": false, "destinations": []}),
        ),
        (
            json!({"level": "ALL", "destinations": [group("a:*")]}),
            json!({"level": "ALL", "includeExecutionData": false,
                "destinations": [group("a:*")]}),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("m{number}");
        call(&bench, "CreateStateMachine", with(&name, log, given)).await;
        assert_eq!(describe(&bench, &name).await[log], kept);
    }
    for given in [
        json!({"level": "ALL"}),
        json!({"level": "ERROR", "destinations": []}),
        json!({"destinations": [group("a:*"), group("b:*")]}),
    ] {
        assert_eq!(
            refused(&bench, "CreateStateMachine", with("m", log, given)).await,
            "InvalidLoggingConfiguration: Invalid Logging Configuration: Must specify exactly \
             one Log Destination."
        );
    }
    let level = refused(
        &bench,
        "CreateStateMachine",
        with("m", log, json!({"level": "SOME"})),
    );
    assert!(level.await.starts_with("ValidationException: "));
    let encryption = "encryptionConfiguration";
    for given in [
        json!({"type": "CUSTOMER_MANAGED_KMS_KEY"}),
        json!({"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k",
            "kmsDataKeyReusePeriodSeconds": 59}),
    ] {
        let told = refused(&bench, "CreateStateMachine", with("m", encryption, given)).await;
        assert!(
            told.starts_with("InvalidEncryptionConfiguration: "),
            "{told}"
        );
    }
    // What somebody chose is told, also where it is what they would have had anyway.
    let owned = json!({"type": "AWS_OWNED_KEY"});
    call(
        &bench,
        "CreateStateMachine",
        with("chosen", encryption, owned.clone()),
    )
    .await;
    assert_eq!(describe(&bench, "chosen").await[encryption], owned);
}
