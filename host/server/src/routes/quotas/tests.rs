//! Quotas over REST, and what the AWS door says of them.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_engine::{SimulatedClock, Timestamp};

use crate::config::{Auth, ServerConfig};
use crate::testing::{Answer, TestApi, request};

const START: Timestamp = Timestamp::from_ms(1_800_000_000_000);
const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":900,"End":true}}}"#;

async fn api() -> TestApi {
    let clock = Arc::new(SimulatedClock::new(START));
    TestApi::at(clock, |caller| ServerConfig::new(Auth::Dev { caller })).await
}

async fn put(api: &TestApi, tenant: &str, quotas: Value) -> Answer {
    let path = format!("/v1/tenants/{tenant}/quotas");
    let body = json!({ "quotas": quotas }).to_string();
    let request = request(Method::PUT, &path, Some("application/json"), body);
    api.send(request).await
}

fn line<'a>(list: &'a Value, name: &str) -> &'a Value {
    let quotas = list["quotas"].as_array().unwrap();
    quotas.iter().find(|line| line["name"] == name).unwrap()
}

async fn start(api: &TestApi) -> Answer {
    api.post("/v1/executions", r#"{"stateMachine":"sleep"}"#)
        .await
}

#[tokio::test]
async fn a_refusal_names_the_quota_and_when_to_come_again() {
    let api = api().await;
    api.deploy("sleep", WAIT).await;
    let set = put(&api, "dev", json!({"startsPerSecond": 4, "startsBurst": 1})).await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
    assert_eq!(start(&api).await.status, StatusCode::CREATED);
    let refused = start(&api).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.code(), "QuotaExceeded");
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(
        refused.json()["error"]["quota"],
        json!({"name": "startsPerSecond", "limit": 4, "used": 4, "retryAfterMs": 250})
    );
    put(&api, "dev", json!({"executionsRunning": 1})).await;
    let refused = start(&api).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!refused.headers.contains_key("retry-after"));
    let quota = refused.json()["error"]["quota"].clone();
    assert_eq!(
        quota,
        json!({"name": "executionsRunning", "limit": 1, "used": 1})
    );
    let shown = api.get("/v1/quotas").await.json();
    assert_eq!(
        line(&shown, "executionsRunning"),
        &json!({"name": "executionsRunning", "limit": 1, "own": true, "used": 1, "refused": 1})
    );
    // Put in place of all that were.
    assert_eq!(line(&shown, "startsPerSecond")["limit"], Value::Null);
    let metrics = api.get("/metrics").await.body;
    for wanted in [
        r#"stepwell_quota_limit{tenant="dev",quota="executionsRunning"} 1"#,
        r#"stepwell_quota_used{tenant="dev",quota="executionsRunning"} 1"#,
        r#"stepwell_quota_refusals_total{tenant="dev",quota="startsPerSecond"} 1"#,
    ] {
        assert!(
            metrics.lines().any(|line| line == wanted),
            "{wanted}\n{metrics}"
        );
    }
}

#[tokio::test]
async fn the_aws_door_throttles_rates_and_limits_executions() {
    let api = api().await;
    api.deploy("sleep", WAIT).await;
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:sleep";
    let start = || {
        let body = json!({ "stateMachineArn": machine });
        crate::aws::tests::ask(&api, "StartExecution", body)
    };
    put(&api, "dev", json!({"startsPerSecond": 1})).await;
    assert_eq!(start().await.status, StatusCode::OK);
    let throttled = start().await;
    assert_eq!(throttled.status, StatusCode::BAD_REQUEST);
    assert_eq!(throttled.json()["__type"], "ThrottlingException");
    put(&api, "dev", json!({"executionsRunning": 1})).await;
    let limited = start().await;
    assert_eq!(limited.status, StatusCode::BAD_REQUEST);
    assert_eq!(limited.json()["__type"], "ExecutionLimitExceeded");
}

#[tokio::test]
async fn what_is_no_amount_is_refused_by_its_name() {
    let api = api().await;
    for (name, amount) in [
        ("executionsRunning", json!(-1)),
        ("executionsRunning", json!(1.5)),
        ("executionsRunning", json!("many")),
        ("executionsRunning", json!(1_u64 << 53)),
        ("executionsRunning", Value::Null),
        ("tasksAtOnce", json!(0)),
        ("fuelPerDay", json!(0)),
        ("executions", json!(1)),
    ] {
        let answer = put(&api, "dev", json!({"components": 1, name: amount})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name} {amount}");
        assert_eq!(answer.json()["error"]["field"], name, "{answer:?}");
    }
    let shown = api.get("/v1/quotas").await.json();
    assert_eq!(line(&shown, "components")["own"], false);
    let nobody = put(&api, "nobody", json!({})).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let set = put(&api, "dev", json!({"fuelPerDay": "none", "tasksAtOnce": 3})).await;
    let fuel = line(&set.json(), "fuelPerDay").clone();
    assert_eq!(
        fuel,
        json!({"name": "fuelPerDay", "own": true, "used": 0, "refused": 0})
    );
}
