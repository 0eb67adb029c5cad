//! Versions, aliases and tags over REST.

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{Answer, PASS, TestApi, request};

#[track_caller]
fn expect(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    if answer.body.is_empty() {
        Value::Null
    } else {
        answer.json()
    }
}

#[track_caller]
fn expect_refusal(answer: &Answer, status: u16, code: &str) {
    assert_eq!(expect(answer, status)["error"]["code"], code);
}

async fn delete(api: &TestApi, path: &str) -> Answer {
    api.send(request(Method::DELETE, path, None, "")).await
}

#[tokio::test]
async fn versions_and_aliases_are_made_moved_and_deleted() {
    let api = TestApi::dev().await;
    api.deploy("m", PASS).await;
    let versions = "/v1/state-machines/m/versions";
    let aliases = "/v1/state-machines/m/aliases";
    let first = expect(&api.post(versions, r#"{"description": "one"}"#).await, 200);
    assert_eq!(first["version"], 1);
    assert_eq!(first["description"], "one");
    assert_eq!(expect(&api.post(versions, "{}").await, 200), first);
    let moved = api.post(versions, r#"{"revisionId": "another"}"#).await;
    expect_refusal(&moved, 409, "RevisionChanged");
    api.deploy("m", &PASS.replace("Done", "End")).await;
    assert_eq!(expect(&api.post(versions, "{}").await, 200)["version"], 2);
    let page = expect(&api.get(&format!("{versions}?limit=1")).await, 200);
    assert_eq!(page["versions"][0]["version"], 2);
    let token = page["nextPageToken"].as_str().unwrap();
    let rest = format!("{versions}?limit=1&pageToken={token}");
    let rest = expect(&api.get(&rest).await, 200);
    assert_eq!(rest, json!({"versions": [first]}));

    let all = json!({"name": "PROD", "routes": [{"version": 1, "weight": 100}]}).to_string();
    let made = expect(&api.post(aliases, all).await, 200);
    let routes = json!([{"version": 1, "weight": 90}, {"version": 2, "weight": 10}]);
    let update = json!({ "routes": routes }).to_string();
    let path = format!("{aliases}/PROD");
    let updated = expect(&api.post(&format!("{path}/update"), update).await, 200);
    assert_eq!(updated["routes"], routes);
    assert_eq!(updated["createdAt"], made["createdAt"]);
    assert_eq!(expect(&api.get(&path).await, 200), updated);
    assert_eq!(
        expect(&api.get(aliases).await, 200),
        json!({"aliases": [updated]})
    );
    expect_refusal(&delete(&api, &format!("{versions}/2")).await, 409, "InUse");
    let start = r#"{"stateMachine": "m:PROD", "name": "one"}"#;
    expect(&api.post("/v1/executions", start).await, 201);
    for wrong in [
        r#"{"name": "2", "routes": [{"version": 1, "weight": 100}]}"#,
        r#"{"name": "a", "routes": []}"#,
        r#"{"name": "a", "routes": [{"version": 1, "weight": 99}]}"#,
    ] {
        expect_refusal(&api.post(aliases, wrong).await, 400, "InvalidField");
    }
    expect(&delete(&api, &path).await, 204);
    expect_refusal(&delete(&api, &path).await, 404, "NotFound");
    expect(&delete(&api, &format!("{versions}/2")).await, 204);
    expect_refusal(
        &delete(&api, &format!("{versions}/x")).await,
        400,
        "InvalidField",
    );
}

#[tokio::test]
async fn tags_are_put_listed_and_taken_away() {
    let api = TestApi::dev().await;
    api.deploy("m", PASS).await;
    let path = "/v1/state-machines/m/tags";
    expect(
        &api.post(path, r#"{"tags": {"team": "a", "b/c": ""}}"#)
            .await,
        204,
    );
    expect(&api.post(path, r#"{"tags": {"team": "b"}}"#).await, 204);
    assert_eq!(
        expect(&api.get(path).await, 200),
        json!({"tags": {"b/c": "", "team": "b"}})
    );
    expect(&delete(&api, &format!("{path}/b%2Fc")).await, 204);
    assert_eq!(
        expect(&api.get(path).await, 200),
        json!({"tags": {"team": "b"}})
    );
    expect_refusal(
        &api.post(path, r#"{"tags": {"": "x"}}"#).await,
        400,
        "InvalidField",
    );
    let nowhere = api.get("/v1/state-machines/nowhere/tags").await;
    expect_refusal(&nowhere, 404, "NotFound");
}
