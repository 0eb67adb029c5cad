//! What the routes of secrets take, and that no answer shows a value.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_engine::SystemClock;
use stepwell_vault::Vault;

use crate::testing::{Answer, TestApi, request};
use crate::{Auth, ServerConfig};

async fn put(api: &TestApi, path: &str, body: impl Into<String>) -> Answer {
    api.send(request(Method::PUT, path, None, body)).await
}

async fn delete(api: &TestApi, path: &str) -> StatusCode {
    let sent = request(Method::DELETE, path, None, "");
    api.send(sent).await.status
}

/// The secret `prod/token` with two versions.
async fn with_a_secret() -> TestApi {
    let api = TestApi::dev().await;
    for (value, version) in [("the first value", 1), ("the second value", 2)] {
        let answer = put(&api, "/v1/secrets/prod%2Ftoken", value).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        let expected = json!({ "name": "prod/token", "version": version });
        assert_eq!(answer.json(), expected);
    }
    api
}

async fn current(api: &TestApi) -> Value {
    api.get("/v1/secrets/prod%2Ftoken").await.json()["currentVersion"].clone()
}

#[tokio::test]
async fn a_secret_is_described_without_its_values() {
    let api = with_a_secret().await;
    let one = api.get("/v1/secrets/prod%2Ftoken").await;
    let list = api.get("/v1/secrets").await;
    assert_eq!(list.json()["secrets"], json!([one.json()]));
    for answer in [one, list] {
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.body.contains("value"), "{answer:?}");
    }
    let secret = api.get("/v1/secrets/prod%2Ftoken").await.json();
    assert_eq!(secret["currentVersion"], 2);
    let versions = secret["versions"].as_array().unwrap();
    let numbers: Vec<_> = versions.iter().map(|version| &version["version"]).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(versions[0]["createdBy"], "dev");
    assert_eq!(versions[0]["keyId"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn versions_are_taken_out_of_use_put_back_and_destroyed() {
    let api = with_a_secret().await;
    let second = "/v1/secrets/prod%2Ftoken/versions/2";
    let enable = async |enabled: bool| {
        let body = json!({ "enabled": enabled }).to_string();
        let sent = request(Method::PUT, second, Some("application/json"), body);
        api.send(sent).await.status
    };
    assert_eq!(enable(false).await, StatusCode::NO_CONTENT);
    assert_eq!(current(&api).await, 1);
    assert_eq!(enable(true).await, StatusCode::NO_CONTENT);
    assert_eq!(current(&api).await, 2);
    assert_eq!(delete(&api, second).await, StatusCode::NO_CONTENT);
    assert_eq!(delete(&api, second).await, StatusCode::NOT_FOUND);
    assert_eq!(enable(true).await, StatusCode::NOT_FOUND);
    assert_eq!(current(&api).await, 1);
    // A number is never given twice.
    let again = put(&api, "/v1/secrets/prod%2Ftoken", "the third value").await;
    assert_eq!(again.json()["version"], 3);
    let whole = "/v1/secrets/prod%2Ftoken";
    assert_eq!(delete(&api, whole).await, StatusCode::NO_CONTENT);
    assert_eq!(api.get(whole).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn ten_versions_are_kept() {
    let api = TestApi::dev().await;
    for number in 1..=12 {
        let value = format!("value number {number}");
        put(&api, "/v1/secrets/turned", value).await;
    }
    let secret = api.get("/v1/secrets/turned").await.json();
    let versions = secret["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 10);
    assert_eq!(versions[9]["version"], 3);
}

#[tokio::test]
async fn what_is_no_secret_is_refused_with_its_reason_and_without_the_value() {
    let api = TestApi::dev().await;
    let long = "ab".repeat(40_000);
    for (path, value, status, said) in [
        ("/v1/secrets/a", "short77", 400, "at least 8"),
        ("/v1/secrets/a", "        ", 400, "over and over"),
        ("/v1/secrets/a", &long, 413, "65536 bytes"),
        ("/v1/secrets/a%20b", "long enough", 400, "letters, digits"),
    ] {
        let refused = put(&api, path, value.to_owned()).await;
        assert_eq!(refused.status.as_u16(), status, "{refused:?}");
        assert!(refused.body.contains(said), "{refused:?}");
        assert!(!refused.body.contains(value), "{refused:?}");
    }
    let mut binary = request(Method::PUT, "/v1/secrets/a", None, "");
    *binary.body_mut() = vec![0xff; 16].into();
    let binary = api.send(binary).await;
    assert_eq!(binary.code(), "InvalidField");
    let list = api.get("/v1/secrets").await.json();
    assert_eq!(list, json!({ "secrets": [] }));
}

#[tokio::test]
async fn a_host_without_a_master_key_keeps_no_secrets() {
    let config = |caller| ServerConfig::new(Auth::Dev { caller });
    let clock = Arc::new(SystemClock);
    let api = TestApi::of(clock, Vault::without_key(), config).await;
    let refused = put(&api, "/v1/secrets/a", "long enough").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.code(), "NoMasterKey");
    assert!(refused.body.contains("--master-key-file"), "{refused:?}");
    assert_eq!(api.get("/v1/secrets").await.status, StatusCode::OK);
}
