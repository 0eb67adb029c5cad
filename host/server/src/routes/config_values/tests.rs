//! Configuration values and policies over REST.

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{Answer, TestApi, request};

async fn put(api: &TestApi, path: &str, body: Value) -> Answer {
    let json = Some("application/json");
    api.send(request(Method::PUT, path, json, body.to_string()))
        .await
}

fn refused(answer: &Answer) -> (u16, String, Option<String>) {
    let body = answer.json();
    let text = |member: &str| body["error"][member].as_str().map(str::to_owned);
    let code = text("code").unwrap_or_default();
    (answer.status.as_u16(), code, text("field"))
}

#[tokio::test]
async fn a_value_is_set_listed_replaced_and_deleted() {
    let api = TestApi::dev().await;
    let set = put(&api, "/v1/config/shop%2Fregion", json!({"value": "eu"})).await;
    assert_eq!(set.status.as_u16(), 200, "{set:?}");
    assert_eq!(set.json()["name"], "shop/region");
    put(&api, "/v1/config/a", json!({"value": "1"})).await;
    put(&api, "/v1/config/shop%2Fregion", json!({"value": "us"})).await;
    let listed = api.get("/v1/config").await.json();
    let shown: Vec<_> = listed["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| {
            (
                value["name"].as_str().unwrap(),
                value["value"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(shown, [("a", "1"), ("shop/region", "us")]);
    assert_eq!(api.delete("/v1/config/a").await.status.as_u16(), 204);
    let again = api.delete("/v1/config/a").await;
    assert_eq!(refused(&again), (404, "NotFound".to_owned(), None));
}

#[tokio::test]
async fn a_value_that_cannot_be_is_refused_with_its_field() {
    let api = TestApi::dev().await;
    for (name, body, status, field) in [
        ("a%20b", json!({"value": "1"}), 400, Some("name")),
        (
            "stepwell.integration",
            json!({"value": "1"}),
            400,
            Some("name"),
        ),
        (
            "a",
            json!({"value": "x".repeat((16 << 10) + 1)}),
            413,
            Some("value"),
        ),
        ("a", json!({"value": 1}), 400, Some("value")),
        ("a", json!({"value": "1", "more": 1}), 400, None),
    ] {
        let answer = put(&api, &format!("/v1/config/{name}"), body).await;
        let (found, code, found_field) = refused(&answer);
        assert_eq!(found, status, "{name}: {answer:?}");
        assert!(!code.is_empty());
        if field.is_some() {
            assert_eq!(found_field.as_deref(), field, "{name}: {answer:?}");
        }
    }
    assert_eq!(api.get("/v1/config").await.json(), json!({"values": []}));
}

#[tokio::test]
async fn a_policy_is_set_and_shown_and_a_tenant_has_none_at_first() {
    let api = TestApi::dev().await;
    let path = "/v1/tenants/dev/policy";
    assert_eq!(
        api.get(path).await.json(),
        json!({"tenant": "dev", "http": []})
    );
    let rules = json!({"http": ["GET,POST https://api.example.com/v1/*", "https://*.example.org"]});
    let set = put(&api, path, rules.clone()).await;
    assert_eq!(set.status.as_u16(), 200, "{set:?}");
    let shown = api.get(path).await.json();
    assert_eq!(shown["http"], rules["http"]);
    assert_eq!(shown["changedBy"], "dev");
    let wrong = put(
        &api,
        path,
        json!({"http": ["https://a.example.com", "example.com"]}),
    )
    .await;
    assert_eq!(
        refused(&wrong),
        (400, "InvalidField".to_owned(), Some("http".to_owned()))
    );
    assert!(wrong.body.contains("rule 2"), "{wrong:?}");
    assert_eq!(api.get(path).await.json()["http"], rules["http"]);
    let nobody = put(&api, "/v1/tenants/nobody/policy", json!({"http": []})).await;
    assert_eq!(refused(&nobody).0, 404);
}
