//! Who may not call: every operation without credentials, with wrong ones, and with what
//! belongs to somebody else. The operations are those of the table that the door dispatches
//! by, so that a new one is asked here from its first day.

use std::time::Duration;

use serde_json::{Map, Value, json};
use stepwell_engine::Clock as _;
use stepwell_states::{API_OPERATIONS, ApiMember, ApiOperation, MemberKind};
use stepwell_tests::{Signer, Unsigned};

use crate::host::{ACCOUNT, Answer, Headers, Host, NEIGHBOUR, REGION, on_host};

/// How far the clocks of caller and host may lie apart.
const SKEW_MAX: Duration = Duration::from_secs(300);

/// A request that has all that the operation must have, with things of an account.
fn request(operation: &ApiOperation, account: &str) -> Value {
    let required = operation.members.iter();
    // An operation without a required ARN may name things all the same.
    let named = |member: &&ApiMember| member.required || member.name.ends_with("Arn");
    let members: Map<String, Value> = required
        .filter(named)
        .map(|member| (member.name.to_owned(), value(member, account)))
        .collect();
    Value::Object(members)
}

fn value(member: &ApiMember, account: &str) -> Value {
    let arn = |rest: &str| format!("arn:aws:states:{REGION}:{account}:{rest}");
    match (member.name, member.kind) {
        ("roleArn", _) => format!("arn:aws:iam::{account}:role/x").into(),
        ("activityArn", _) => arn("activity:x").into(),
        ("executionArn", _) => arn("execution:x:y").into(),
        ("mapRunArn", _) => arn("mapRun:x/y:z").into(),
        ("stateMachineAliasArn", _) => arn("stateMachine:x:live").into(),
        ("stateMachineVersionArn", _) => arn("stateMachine:x:1").into(),
        ("routingConfiguration", _) => {
            json!([{ "stateMachineVersionArn": arn("stateMachine:x:1"), "weight": 100 }])
        }
        ("tags", _) => json!([{ "key": "k", "value": "v" }]),
        ("tagKeys", _) => json!(["k"]),
        (name, _) if name.ends_with("Arn") => arn("stateMachine:x").into(),
        (_, MemberKind::Json) => "{}".into(),
        (_, MemberKind::Number) => 1.into(),
        (_, MemberKind::Flag) => true.into(),
        (_, MemberKind::Text | MemberKind::Other) => "x".into(),
    }
}

fn code(answer: &Answer) -> &str {
    answer.body["__type"].as_str().unwrap_or_default()
}

#[track_caller]
fn expect(operation: &ApiOperation, answer: &Answer, wanted: &str) {
    assert_eq!(code(answer), wanted, "{}: {answer:?}", operation.name);
    assert!(
        (400..500).contains(&answer.status),
        "{}: {answer:?}",
        operation.name
    );
}

/// Sends every operation with headers that `change` makes of the signed ones.
async fn send_all(
    host: &Host,
    signer: &Signer,
    change: impl Fn(&mut Headers, &mut Vec<u8>),
    wanted: &str,
) {
    for operation in API_OPERATIONS {
        let mut body = request(operation, ACCOUNT).to_string().into_bytes();
        let mut headers = host.sign(signer, operation.name, &body);
        change(&mut headers, &mut body);
        expect(operation, &host.send(headers, body).await, wanted);
    }
}

fn set(headers: &mut Headers, name: &'static str, change: impl Fn(&str) -> String) {
    let header = headers.iter_mut().find(|(found, _)| *found == name);
    let value = &mut header.unwrap().1;
    *value = change(value);
}

#[test]
fn every_operation_of_the_table_is_there() {
    on_host(async |host| {
        for operation in API_OPERATIONS {
            let answer = host
                .call(operation.name, &request(operation, ACCOUNT))
                .await;
            let is_there = code(&answer) != "UnknownOperationException";
            assert!(is_there, "{}: {answer:?}", operation.name);
        }
    });
}

#[test]
fn no_operation_is_answered_without_a_signature() {
    on_host(async |host| {
        let without = |headers: &mut Headers, _: &mut Vec<u8>| {
            headers.retain(|(name, _)| *name != "authorization");
        };
        let wanted = "MissingAuthenticationTokenException";
        send_all(host, &Signer::dev(REGION), without, wanted).await;
    });
}

#[test]
fn no_operation_is_answered_to_an_unknown_key() {
    on_host(async |host| {
        let mut stranger = Signer::dev(REGION);
        stranger.key_id = "AKIAIOSFODNN7EXAMPLE".to_owned();
        send_all(host, &stranger, |_, _| (), "UnrecognizedClientException").await;
    });
}

#[test]
fn no_operation_is_answered_with_a_wrong_secret() {
    on_host(async |host| {
        let mut guess = Signer::dev(REGION);
        guess.secret = "guessed".to_owned();
        send_all(host, &guess, |_, _| (), "InvalidSignatureException").await;
    });
}

#[test]
fn no_operation_is_answered_if_what_was_signed_is_changed() {
    type Change = fn(&mut Headers, &mut Vec<u8>);
    let changes: [Change; 4] = [
        // Another body.
        |_, body| *body = br#"{"name":"another"}"#.to_vec(),
        // Another operation.
        |headers, _| {
            set(headers, "x-amz-target", |target| {
                let other = match target {
                    "AWSStepFunctions.ListActivities" => "ListStateMachines",
                    _ => "ListActivities",
                };
                format!("AWSStepFunctions.{other}")
            });
        },
        // Another host.
        |headers, _| set(headers, "host", |_| "elsewhere.localhost".to_owned()),
        // A signature of one letter more or less.
        |headers, _| {
            set(headers, "authorization", |value| {
                let (rest, last) = value.split_at(value.len() - 1);
                format!("{rest}{}", if last == "0" { "1" } else { "0" })
            });
        },
    ];
    on_host(async |host| {
        for change in changes {
            let wanted = "InvalidSignatureException";
            send_all(host, &Signer::dev(REGION), change, wanted).await;
        }
    });
}

#[test]
fn no_operation_is_answered_if_it_was_signed_too_long_ago_or_ahead() {
    on_host(async |host| {
        let now = host.clock().now();
        let skew = i64::try_from(SKEW_MAX.as_millis()).unwrap() + 1_000;
        for at in [now.as_ms() - skew, now.as_ms() + skew] {
            let at = stepwell_engine::Timestamp::from_ms(at).to_string();
            for operation in API_OPERATIONS {
                let body = request(operation, ACCOUNT).to_string().into_bytes();
                let headers = Signer::dev(REGION).headers(Unsigned {
                    host: "localhost",
                    operation: operation.name,
                    body: &body,
                    at: &at,
                });
                let answer = host.send(headers, body).await;
                expect(operation, &answer, "InvalidSignatureException");
            }
        }
    });
}

#[test]
fn what_is_another_tenants_is_refused_by_every_operation_that_names_something() {
    on_host(async |host| {
        host.neighbour().await;
        let mut named = 0;
        for operation in API_OPERATIONS {
            let request = request(operation, NEIGHBOUR);
            if !request.to_string().contains("arn:aws:states") {
                continue;
            }
            named += 1;
            let answer = host.call(operation.name, &request).await;
            expect(operation, &answer, "AccessDeniedException");
            let told = answer.body["message"].as_str().unwrap();
            assert!(
                told.contains(&format!("states:{}", operation.name)),
                "{told}"
            );
        }
        assert!(named > 25, "{named} operations name something");
    });
}

#[test]
fn a_task_token_is_good_for_its_tenant_alone() {
    on_host(async |host| {
        let neighbour = host.neighbour().await;
        let activity = host.call("CreateActivity", &json!({ "name": "a" })).await;
        let activity = activity.body["activityArn"].clone();
        let definition = json!({
            "StartAt": "Ask",
            "States": { "Ask": { "Type": "Task", "Resource": activity, "End": true } },
        });
        let machine = json!({
            "name": "m",
            "definition": definition.to_string(),
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/x"),
        });
        let machine = host.call("CreateStateMachine", &machine).await;
        let start = json!({ "stateMachineArn": machine.body["stateMachineArn"] });
        let started = host.call("StartExecution", &start).await;
        assert_eq!(started.status, 200, "{started:?}");
        let ask = json!({ "activityArn": activity });
        let task = host.call("GetActivityTask", &ask).await;
        let token = task.body["taskToken"].clone();
        for (operation, request) in [
            ("SendTaskHeartbeat", json!({ "taskToken": token })),
            ("SendTaskFailure", json!({ "taskToken": token })),
            (
                "SendTaskSuccess",
                json!({ "taskToken": token, "output": "1" }),
            ),
        ] {
            let body = request.to_string().into_bytes();
            let headers = host.sign(&neighbour, operation, &body);
            let refused = host.send(headers, body).await;
            assert_eq!(refused.status, 400, "{operation}: {refused:?}");
            let answered = host.call(operation, &request).await;
            match operation {
                "SendTaskSuccess" => assert_eq!(code(&answered), "TaskTimedOut", "{answered:?}"),
                _ => assert_eq!(answered.status, 200, "{operation}: {answered:?}"),
            }
        }
    });
}
