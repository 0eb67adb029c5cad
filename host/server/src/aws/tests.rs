//! The door: envelope, callers, and requests that wait.

mod access;
mod audited;

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use stepwell_engine::AccessOrder;

use super::signature::tests::{headers, signed_with};
use crate::testing::{Answer, PASS, TestApi};
use crate::{Auth, ServerConfig};

/// Makes a request as AWS's tools do, signed with this key now.
fn call(api: &TestApi, operation: &str, members: &Value, key: (&str, &str)) -> Request<Body> {
    let at: String = api
        .engine
        .now()
        .to_string()
        .split('.')
        .next()
        .unwrap()
        .replace(['-', ':'], "");
    let unsigned = headers(&[
        ("host", "sync-localhost:8080"),
        ("x-amz-date", &format!("{}Z", at.trim_end_matches('Z'))),
        ("x-amz-target", &format!("AWSStepFunctions.{operation}")),
    ]);
    let body = members.to_string();
    let signed: HeaderMap = signed_with(key.0, key.1, unsigned, body.as_bytes());
    let mut request = Request::builder().method("POST").uri("/");
    for (name, value) in &signed {
        request = request.header(name, value);
    }
    request.body(Body::from(body)).unwrap()
}

pub(crate) async fn ask(api: &TestApi, operation: &str, members: Value) -> Answer {
    api.send(call(api, operation, &members, ("test", "test")))
        .await
}

fn fault(answer: &Answer) -> (StatusCode, String) {
    let code = answer.json()["__type"].as_str().unwrap().to_owned();
    (answer.status, code)
}

/// Each answer has the protocol's type, and an id by which the host's log knows it.
#[tokio::test]
async fn an_operation_is_answered_in_the_protocol() {
    let api = TestApi::dev().await;
    api.deploy("pass", PASS).await;
    let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:pass";
    let started = ask(&api, "StartExecution", json!({ "stateMachineArn": arn })).await;
    assert_eq!(started.status, StatusCode::OK, "{started:?}");
    assert!(started.json()["startDate"].is_number(), "{started:?}");
    assert_eq!(
        started.headers["content-type"],
        "application/x-amz-json-1.0"
    );
    let id = &started.headers["x-amzn-requestid"];
    assert_eq!(Some(id), started.headers.get("x-request-id"));
}

/// Outside development nobody has the well-known key.
#[tokio::test]
async fn the_key_of_development_is_unknown_elsewhere() {
    let api = TestApi::tokens().await;
    let refused = ask(&api, "ListActivities", json!({})).await;
    let unknown = "UnrecognizedClientException".to_owned();
    assert_eq!(fault(&refused), (StatusCode::BAD_REQUEST, unknown));
}

/// A key works from the moment it is made until it is deleted, for its tenant alone.
#[tokio::test]
async fn a_key_works_until_it_is_deleted() {
    let api = TestApi::tokens().await;
    let order = AccessOrder::new("build", "viewer");
    let made = api.engine.make_access_key(&api.caller, order).await;
    let key = made.unwrap();
    let pair = (key.id.as_str(), key.secret.as_str());
    let ask = || api.send(call(&api, "ListActivities", &json!({}), pair));
    assert_eq!(ask().await.status, StatusCode::OK);
    api.engine
        .delete_access_key(&api.caller, "build")
        .await
        .unwrap();
    let unknown = "UnrecognizedClientException".to_owned();
    assert_eq!(fault(&ask().await), (StatusCode::BAD_REQUEST, unknown));
}

/// Workers that poll take places of their own, and find them taken at some number.
#[tokio::test]
async fn polls_leave_places_to_others() {
    let api = TestApi::with(|caller| ServerConfig {
        waits_max: 0,
        ..ServerConfig::new(Auth::Dev { caller })
    })
    .await;
    let activity = ask(&api, "CreateActivity", json!({ "name": "work" })).await;
    let arn = activity.json()["activityArn"].clone();
    let polled = ask(&api, "GetActivityTask", json!({ "activityArn": arn })).await;
    let throttled = "ThrottlingException".to_owned();
    assert_eq!(fault(&polled), (StatusCode::BAD_REQUEST, throttled));
    let described = ask(&api, "DescribeActivity", json!({ "activityArn": arn })).await;
    assert_eq!(described.status, StatusCode::OK);
}

/// A server that stops does not wait for the minute of a worker's poll.
#[tokio::test]
async fn a_poll_ends_with_the_server() {
    let api = TestApi::dev().await;
    let activity = ask(&api, "CreateActivity", json!({ "name": "work" })).await;
    let arn = activity.json()["activityArn"].clone();
    api.drain();
    let poll = ask(&api, "GetActivityTask", json!({ "activityArn": arn }));
    let polled = tokio::time::timeout(Duration::from_secs(30), poll).await;
    let stopping = "ServiceUnavailable".to_owned();
    let refused = fault(&polled.expect("the poll ends"));
    assert_eq!(refused, (StatusCode::SERVICE_UNAVAILABLE, stopping));
}
