//! Searching executions over REST: each filter, pages, what is refused, what others have.

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{ASK, Answer, TestApi, request};
use crate::wire::path_segment;
use crate::{Auth, ServerConfig};

const FAIL: &str = r#"{"StartAt": "Fail", "States": {
    "Fail": {"Type": "Fail", "ErrorPath": "$.error", "Cause": "so it is"}}}"#;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
    let page = answer.json();
    let lines = page["executions"].as_array().unwrap().iter();
    lines
        .map(|line| line["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Four executions: two that wait, and two that have failed.
async fn furnished() -> TestApi {
    let api = TestApi::dev().await;
    api.deploy("ask", ASK).await;
    api.deploy("fail", FAIL).await;
    let tags = json!({"tags": {"team": "money"}}).to_string();
    let tagged = api.post("/v1/state-machines/fail/tags", tags).await;
    assert_eq!(tagged.status.as_u16(), 204, "{tagged:?}");
    for (machine, name, error, tags) in [
        ("ask", "order-1", "", json!({"customer": "4711"})),
        ("ask", "order-2", "", json!({})),
        (
            "fail",
            "order-3",
            "Card.Declined",
            json!({"customer": "4711", "note": "a,b = c&d"}),
        ),
        ("fail", "refund-4", "Bank.Closed", json!({})),
    ] {
        let body = json!({"stateMachine": machine, "name": name, "tags": tags,
            "input": {"error": error}});
        let wait = if machine == "fail" { "?wait=60" } else { "" };
        let path = format!("/v1/executions{wait}");
        let mut start = request(
            Method::POST,
            &path,
            Some("application/json"),
            body.to_string(),
        );
        if name == "order-2" || name == "order-3" {
            let header = format!("00-{TRACE}-00f067aa0ba902b7-01").parse().unwrap();
            start.headers_mut().insert("traceparent", header);
        }
        let answer = api.send(start).await;
        assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    }
    api
}

#[tokio::test]
async fn executions_are_found_by_each_filter_and_by_several() {
    let api = furnished().await;
    let (all, none) = (["refund-4", "order-3", "order-2", "order-1"], [""; 0]);
    let note = path_segment("note=a,b = c&d");
    let cases: [(&str, &[&str]); 20] = [
        ("", &all),
        ("status=RUNNING", &["order-2", "order-1"]),
        ("status=RUNNING&status=FAILED", &all),
        ("status=TIMED_OUT", &none),
        ("stateMachine=fail", &["refund-4", "order-3"]),
        ("name=order-2", &["order-2"]),
        ("name=order-", &none),
        ("namePrefix=order-", &["order-3", "order-2", "order-1"]),
        ("error=Card.Declined", &["order-3"]),
        ("tag=customer%3D4711", &["order-3", "order-1"]),
        (&format!("tag=customer%3D4711&tag={note}"), &["order-3"]),
        ("tag=customer%3D4712", &none),
        ("machineTag=team%3Dmoney", &["refund-4", "order-3"]),
        (&format!("traceId={TRACE}"), &["order-3", "order-2"]),
        (
            &format!("traceId=00-{TRACE}-1111111111111111-00"),
            &["order-3", "order-2"],
        ),
        ("startedFrom=2026-01-01T00:00:00Z", &all),
        ("startedBefore=2026-01-01T00:00:00Z", &none),
        ("stoppedFrom=2026-01-01T00:00:00Z", &["refund-4", "order-3"]),
        ("stoppedBefore=2026-01-01T00:00:00Z", &none),
        (
            "status=FAILED&namePrefix=order&tag=customer%3D4711&stateMachine=fail",
            &["order-3"],
        ),
    ];
    for (query, expected) in cases {
        let found = api.get(&format!("/v1/executions?{query}")).await;
        assert_eq!(names(&found), *expected, "{query}");
    }
    let described = api.get("/v1/executions/fail%2Forder-3").await.json();
    assert_eq!(
        described["tags"],
        json!({"customer": "4711", "note": "a,b = c&d"})
    );
    let history = api
        .get("/v1/executions/fail%2Forder-3/history")
        .await
        .json();
    for event in history["events"].as_array().unwrap() {
        assert_eq!(event["stepwell"]["traceparent"], described["traceparent"]);
    }
}

#[tokio::test]
async fn pages_of_a_search_have_no_gaps_and_tokens_are_for_one_search() {
    let api = furnished().await;
    let mut path = "/v1/executions?namePrefix=order&limit=1".to_owned();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let page = api.get(&path).await;
        seen.extend(names(&page));
        let Some(token) = page.json()["nextPageToken"].as_str().map(path_segment) else {
            break;
        };
        let other = format!("/v1/executions?namePrefix=refund&limit=1&pageToken={token}");
        let refused = api.get(&other).await;
        assert_eq!(refused.json()["error"]["field"], "pageToken", "{refused:?}");
        path = format!("/v1/executions?namePrefix=order&limit=1&pageToken={token}");
    }
    assert_eq!(seen, ["order-3", "order-2", "order-1"]);
}

#[tokio::test]
async fn a_search_that_cannot_be_is_refused_with_its_field() {
    let api = furnished().await;
    let long = "x".repeat(257);
    for (query, field) in [
        ("status=DONE", "status"),
        ("status=RUNNING&status=DONE", "status"),
        ("startedFrom=yesterday", "startedFrom"),
        ("stoppedBefore=2026-13-01T00:00:00Z", "stoppedBefore"),
        (
            "startedFrom=2026-02-01T00:00:00Z&startedBefore=2026-01-01T00:00:00Z",
            "startedBefore",
        ),
        ("tag=customer", "tag"),
        ("tag=%3Dvalue", "tags"),
        ("traceId=4711", "traceId"),
        ("name=", "name"),
        (&format!("error={long}"), "error"),
        ("name=a&namePrefix=b", "namePrefix"),
        ("name=a&name=b", "name"),
        ("pageToken=1", "pageToken"),
    ] {
        let answer = api.get(&format!("/v1/executions?{query}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{query}: {answer:?}");
        assert_eq!(
            answer.json()["error"]["field"],
            field,
            "{query}: {answer:?}"
        );
    }
    let many: serde_json::Map<String, Value> = (0..51)
        .map(|number| (number.to_string(), json!("")))
        .collect();
    for tags in [
        json!({"": "1"}),
        json!({"a=b": "1"}),
        json!({"a": long}),
        json!(many),
    ] {
        let body = json!({"stateMachine": "ask", "name": "bad", "tags": tags});
        let answer = api.post("/v1/executions", body.to_string()).await;
        assert_eq!(answer.status.as_u16(), 400, "{answer:?}");
        assert_eq!(answer.json()["error"]["field"], "tags", "{answer:?}");
    }
    assert_eq!(names(&api.get("/v1/executions?name=bad").await), [""; 0]);
}

#[tokio::test]
async fn what_others_have_is_never_found() {
    let api = TestApi::with(|_| ServerConfig::new(Auth::Tokens)).await;
    let theirs = crate::testing::neighbour::Neighbour::new(&api).await;
    let order = stepwell_engine::AccessOrder::new("mine", "admin");
    let mine = api.engine.make_api_token(&api.caller, order).await.unwrap();
    let send = async |path: &str, token: &str| {
        crate::testing::neighbour::send(&api, &Method::GET, path, "", token).await
    };
    let found = send("/v1/executions", &theirs.token).await;
    let described = found.json()["executions"][0]["executionArn"].clone();
    let path = format!(
        "/v1/executions/{}",
        path_segment(described.as_str().unwrap())
    );
    let execution = send(&path, &theirs.token).await.json();
    let name = path_segment(execution["name"].as_str().unwrap());
    let traceparent = execution["traceparent"].as_str().unwrap();
    for query in [
        String::new(),
        format!("name={name}"),
        format!("namePrefix={name}"),
        format!("traceId={traceparent}"),
        "startedFrom=2000-01-01T00:00:00Z".to_owned(),
    ] {
        let path = format!("/v1/executions?{query}");
        assert_ne!(names(&send(&path, &theirs.token).await), [""; 0], "{query}");
        assert_eq!(names(&send(&path, &mine).await), [""; 0], "{query}");
    }
}
