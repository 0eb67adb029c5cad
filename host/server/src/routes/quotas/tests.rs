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

const ROLE: &str = "arn:aws:iam::000000000000:role/r";

/// What is stored, by the list of quotas.
async fn stored(api: &TestApi) -> u64 {
    let shown = api.get("/v1/quotas").await.json();
    line(&shown, "storedBytes")["used"].as_u64().unwrap()
}

/// Lets so many bytes more be stored.
async fn leave(api: &TestApi, bytes: u64) -> u64 {
    let limit = stored(api).await + bytes;
    put(api, "dev", json!({ "storedBytes": limit })).await;
    limit
}

async fn deploy(api: &TestApi, name: &str, definition: &str) -> Answer {
    let path = format!("/v1/state-machines?raw=true&name={name}");
    api.post(&path, definition).await
}

async fn config(api: &TestApi, name: &str, value: &str) -> Answer {
    let body = json!({ "value": value }).to_string();
    let path = format!("/v1/config/{name}");
    let request = request(Method::PUT, &path, Some("application/json"), body);
    api.send(request).await
}

#[tokio::test]
async fn definitions_and_settings_are_stored_bytes() {
    let api = api().await;
    api.deploy("sleep", WAIT).await;
    let before = stored(&api).await;
    assert!(before > 2 * WAIT.len() as u64, "{before}");
    let limit = leave(&api, 200).await;
    let other = WAIT.replace("900", "901");
    let used = stored(&api).await;
    let expected = json!({"name": "storedBytes", "limit": limit, "used": used});
    leave(&api, 2 * WAIT.len() as u64 - 1).await;
    // Neither another revision nor another state machine, and nothing of either.
    for name in ["sleep", "other"] {
        let refused = deploy(&api, name, &other).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
        assert_eq!(refused.code(), "QuotaExceeded");
        assert_eq!(refused.json()["error"]["quota"]["name"], "storedBytes");
    }
    let none = api.get("/v1/state-machines/other").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let described = api.get("/v1/state-machines/sleep").await.json();
    assert_eq!(described["revision"], 1);
    put(&api, "dev", json!({ "storedBytes": limit })).await;
    let refused = config(&api, "text", &"x".repeat(201)).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    assert_eq!(refused.json()["error"]["quota"], expected);
    let none = api.get("/v1/config").await.json();
    assert_eq!(none["values"], json!([]), "{none}");

    assert_eq!(config(&api, "text", &"x".repeat(200)).await.status, 200);
    assert_eq!(stored(&api).await, limit);
    // What is there already needs no room.
    assert_eq!(deploy(&api, "sleep", WAIT).await.status, StatusCode::OK);
    assert_eq!(config(&api, "text", &"y".repeat(200)).await.status, 200);
    let tags = json!({"tags": {"team": "a"}}).to_string();
    let refused = api.post("/v1/state-machines/sleep/tags", tags).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    let gone = api.delete("/v1/config/text").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(stored(&api).await, used);

    let shown = api.get("/v1/quotas").await.json();
    assert_eq!(line(&shown, "storedBytes")["refused"], 4, "{shown}");
    let metrics = api.get("/metrics").await.body;
    let wanted = format!(r#"stepwell_quota_used{{tenant="dev",quota="storedBytes"}} {used}"#);
    assert!(metrics.lines().any(|line| line == wanted), "{metrics}");
}

/// What the AWS door has made: a state machine of two revisions, the first of them published,
/// and an alias.
struct Made {
    machine: Value,
    alias: Value,
    routing: Value,
}

async fn ask(api: &TestApi, operation: &str, members: Value) -> Answer {
    crate::aws::tests::ask(api, operation, members).await
}

fn creation(name: &str) -> Value {
    json!({"name": name, "definition": WAIT, "roleArn": ROLE})
}

fn alias(name: &str, routing: &Value) -> Value {
    json!({"name": name, "description": "a", "routingConfiguration": routing})
}

async fn make(api: &TestApi) -> Made {
    let made = ask(api, "CreateStateMachine", creation("sleep")).await;
    let machine = made.json()["stateMachineArn"].clone();
    let order = json!({"stateMachineArn": machine, "description": "one"});
    let published = ask(api, "PublishStateMachineVersion", order).await;
    let version = published.json()["stateMachineVersionArn"].clone();
    let routing = json!([{"stateMachineVersionArn": version, "weight": 100}]);
    let live = ask(api, "CreateStateMachineAlias", alias("live", &routing)).await;
    let changed = WAIT.replace("900", "901");
    let update = json!({"stateMachineArn": machine, "definition": changed});
    let updated = ask(api, "UpdateStateMachine", update).await;
    assert_eq!(updated.status, StatusCode::OK, "{updated:?}");
    Made {
        machine,
        alias: live.json()["stateMachineAliasArn"].clone(),
        routing,
    }
}

#[tokio::test]
async fn the_aws_door_refuses_what_is_stored_with_each_operations_own_error() {
    let api = api().await;
    let Made {
        machine,
        alias: live,
        routing,
    } = make(&api).await;
    leave(&api, 0).await;

    let changed = WAIT.replace("900", "902");
    let tags = json!([{"key": "k", "value": "v"}]);
    for (operation, members, code) in [
        (
            "CreateStateMachine",
            creation("other"),
            "StateMachineLimitExceeded",
        ),
        (
            "UpdateStateMachine",
            json!({"stateMachineArn": machine, "definition": changed}),
            "ServiceQuotaExceededException",
        ),
        (
            "PublishStateMachineVersion",
            json!({"stateMachineArn": machine, "description": "two"}),
            "ServiceQuotaExceededException",
        ),
        (
            "CreateStateMachineAlias",
            alias("next", &routing),
            "ServiceQuotaExceededException",
        ),
        (
            "UpdateStateMachineAlias",
            json!({"stateMachineAliasArn": live, "description": "longer"}),
            "ValidationException",
        ),
        (
            "TagResource",
            json!({"resourceArn": machine, "tags": tags}),
            "TooManyTags",
        ),
        (
            "CreateActivity",
            json!({"name": "work", "tags": tags}),
            "ActivityLimitExceeded",
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": machine}),
            "ExecutionLimitExceeded",
        ),
    ] {
        let refused = ask(&api, operation, members).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{operation} {refused:?}"
        );
        assert_eq!(refused.json()["__type"], code, "{operation} {refused:?}");
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("storedBytes"), "{message}");
    }
    // What is there already is found.
    let update = json!({"stateMachineArn": machine, "definition": WAIT.replace("900", "901")});
    assert_eq!(
        ask(&api, "UpdateStateMachine", update).await.status,
        StatusCode::OK
    );
    let again = ask(&api, "CreateStateMachineAlias", alias("live", &routing)).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
}
