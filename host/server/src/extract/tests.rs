//! How requests are read, and how they are refused.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use stepwell_engine::AccessOrder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::*;
use crate::observe::TraceHeaders;
use crate::testing::{ASK, PASS, TestApi, request};
use crate::wire::{DeployRequest, StartExecutionRequest};
use crate::{Auth, ServerConfig};

/// How long an answer may take that waits for nothing.
const PATIENCE: Duration = Duration::from_secs(10);

fn refusal(json: &str) -> (String, String, Option<String>) {
    let error = parse_json::<StartExecutionRequest>(json.as_bytes()).unwrap_err();
    error.into_parts()
}

#[test]
fn a_body_that_is_no_json_object_is_refused_with_its_place() {
    for (json, place) in [
        ("", "line 1 column 0"),
        ("{\n \"stateMachine\": ", "line 2 column 17"),
        ("{'a': 1}", "line 1 column 2"),
        ("{\"stateMachine\": \"m\"} x", "line 1 column 23"),
        (
            "{\"stateMachine\": \"m\", \"input\": {\"a\": 01}}",
            "line 1 column 39",
        ),
        (
            "{\"stateMachine\": \"m\", \"input\": NaN}",
            "line 1 column 32",
        ),
    ] {
        let (code, message, _) = refusal(json);
        assert_eq!(code, "InvalidJson", "{json}: {message}");
        assert!(message.contains(place), "{json}: {message}");
    }
    for json in ["[]", "[\"m\", null, 1]", "null", "1", "\"text\""] {
        let (code, message, _) = refusal(json);
        assert_eq!(code, "InvalidJson", "{json}: {message}");
        assert!(message.contains("object"), "{json}: {message}");
    }
}

#[test]
fn a_wrong_field_is_named() {
    for (json, code, field) in [
        (
            r#"{"stateMachine": "m", "inputs": {}}"#,
            "UnknownField",
            "inputs",
        ),
        (r#"{"name": "m"}"#, "MissingField", "stateMachine"),
        (r#"{"stateMachine": 1}"#, "InvalidField", "stateMachine"),
        (
            r#"{"stateMachine": "m", "name": ["x"]}"#,
            "InvalidField",
            "name",
        ),
        (
            r#"{"stateMachine": "m", "stateMachine": "n"}"#,
            "InvalidField",
            "stateMachine",
        ),
    ] {
        let (found, message, about) = refusal(json);
        assert_eq!(found, code, "{json}: {message}");
        assert_eq!(about.as_deref(), Some(field), "{json}: {message}");
    }
}

#[test]
fn an_input_keeps_every_byte() {
    let input = "{ \"b\": 12345678901234567890.10, \"a\":[1 ,2],\n\"e\": \"\\u00e9\" }";
    let json = format!("{{\"input\": {input} , \"stateMachine\": \"m\"}}");
    let request: StartExecutionRequest = parse_json(json.as_bytes()).unwrap();
    assert_eq!(request.input.unwrap().as_str(), input);
    let none: StartExecutionRequest = parse_json(br#"{"stateMachine": "m"}"#).unwrap();
    assert_eq!(none.input, None);
    let null: StartExecutionRequest =
        parse_json(br#"{"stateMachine": "m", "input": null}"#).unwrap();
    assert_eq!(null.input.unwrap().as_str(), "null");
}

#[test]
fn an_input_that_nests_too_deep_or_names_a_key_twice_is_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (input, word) in [(deep.as_str(), "deep"), (r#"{"a": 1, "a": 2}"#, "'a'")] {
        let json = format!("{{\"stateMachine\": \"m\", \"input\": {input}}}");
        let request: StartExecutionRequest = parse_json(json.as_bytes()).unwrap();
        let (code, message, field) = request
            .into_order(TraceHeaders::default())
            .unwrap_err()
            .into_parts();
        assert_eq!(code, "InvalidField");
        assert_eq!(field.as_deref(), Some("input"));
        assert!(
            message.contains(word) && message.contains("line 1"),
            "{message}"
        );
    }
}

#[test]
fn a_query_is_refused_by_field_too() {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only reading is tested")]
        page_limit: Option<u32>,
    }
    for (query, code, field) in [
        ("pageLimit=many", "InvalidField", "pageLimit"),
        ("page=1", "UnknownField", "page"),
        ("pageLimit=1&pageLimit=2", "InvalidField", "pageLimit"),
    ] {
        let uri = format!("/x?{query}").parse().unwrap();
        let error = parse_query::<Example>(&uri).unwrap_err();
        let (found, message, about) = error.into_parts();
        assert_eq!(found, code, "{query}: {message}");
        assert_eq!(about.as_deref(), Some(field), "{query}: {message}");
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let api = TestApi::dev().await;
    for (method, path) in [
        (Method::POST, "/v1/executions"),
        (Method::POST, "/v1/state-machines"),
        (Method::POST, "/v1/tasks/success"),
        (Method::PUT, "/v1/components/x"),
    ] {
        for content_type in [
            None,
            Some("text/html"),
            Some("application/x-www-form-urlencoded"),
        ] {
            let answer = api
                .send(request(method.clone(), path, content_type, "{}"))
                .await;
            assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}");
            assert_eq!(answer.code(), "UnsupportedMediaType");
        }
    }
    let with_charset = Some("Application/JSON; charset=utf-8");
    let sent = request(Method::POST, "/v1/executions", with_charset, "{}");
    assert_eq!(api.send(sent).await.code(), "MissingField");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_announced_or_not() {
    let api = TestApi::with(|caller| ServerConfig {
        body_max_bytes: 100,
        ..ServerConfig::new(Auth::Dev { caller })
    })
    .await;
    let fits = format!(
        "{{\"stateMachine\": \"m\", \"input\": \"{}\"}}",
        "x".repeat(66)
    );
    assert_eq!(fits.len(), 100);
    assert_eq!(
        api.post("/v1/executions", fits.clone()).await.code(),
        "NotFound"
    );
    let over = format!("{fits} ");
    let announced = api.post("/v1/executions", over.clone()).await;
    assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(announced.code(), "BodyTooLarge");
    let mut streamed = request(Method::POST, "/v1/executions", Some("application/json"), "");
    let (head, tail) = over.split_at(50);
    let frames = [head, tail].map(|part| Bytes::copy_from_slice(part.as_bytes()));
    *streamed.body_mut() = streamed_body(frames.to_vec());
    assert_eq!(api.send(streamed).await.code(), "BodyTooLarge");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let api = TestApi::with(|caller| ServerConfig {
        body_timeout: Duration::from_millis(1),
        ..ServerConfig::new(Auth::Dev { caller })
    })
    .await;
    let mut slow = request(Method::POST, "/v1/executions", Some("application/json"), "");
    *slow.body_mut() = Body::new(Never);
    let answer = api.send(slow).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.code(), "BodyTimeout");
}

#[tokio::test]
async fn slow_bodies_of_a_caller_keep_no_colleagues_out() {
    const LENGTH: usize = 10 << 10;
    let api = TestApi::with(|_| ServerConfig {
        bodies_max_bytes: 10 * LENGTH,
        ..ServerConfig::new(Auth::Tokens)
    })
    .await;
    let ann = bearer(&api, "ann", "viewer").await;
    let bob = bearer(&api, "bob", "developer").await;
    let begun = Arc::new(Semaphore::new(0));
    let mut slow = JoinSet::new();
    for _ in 0..12 {
        let begins = Begins(Arc::clone(&begun));
        let request = validation(&ann, LENGTH, Body::new(begins));
        slow.spawn(api.router.clone().oneshot(request));
    }
    // So many of them have room, and all the others have come by when their caller is answered.
    begun.acquire_many(6).await.unwrap().forget();
    for _ in 0..12 {
        let mut asks = request(Method::GET, "/v1/caller", None, "");
        asks.headers_mut().insert(AUTHORIZATION, ann.clone());
        assert_eq!(api.send(asks).await.status, StatusCode::OK);
    }
    let body = serde_json::json!({"definition": PASS}).to_string();
    let validated = api.send(validation(&bob, body.len(), Body::from(body)));
    let validated = timeout(PATIENCE, validated).await.expect("there is room");
    assert_eq!(validated.status, StatusCode::OK, "{validated:?}");
    assert_eq!(begun.available_permits(), 0);
}

/// Makes a token, as the header that shows it.
async fn bearer(api: &TestApi, name: &str, role: &str) -> HeaderValue {
    let order = AccessOrder::new(name, role);
    let token = api.engine.make_api_token(&api.caller, order).await.unwrap();
    format!("Bearer {token}").parse().unwrap()
}

fn validation(token: &HeaderValue, length: usize, body: Body) -> Request {
    let json = Some("application/json");
    let mut request = request(Method::POST, "/v1/definitions/validate", json, "");
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, token.clone());
    headers.insert(CONTENT_LENGTH, length.into());
    *request.body_mut() = body;
    request
}

#[test]
fn a_definition_is_read_wrapped_or_as_it_is() {
    let body = |format, bytes: &str| DefinitionBody {
        format,
        bytes: Bytes::copy_from_slice(bytes.as_bytes()),
    };
    let json = DefinitionFormat::Json;
    let yaml = DefinitionFormat::Yaml;
    let text = |text: &str, format| Definition::<DeployRequest>::Text(text.to_owned(), format);
    assert_eq!(body(yaml, "a: 1").read(false).unwrap(), text("a: 1", yaml));
    assert_eq!(body(json, PASS).read(true).unwrap(), text(PASS, json));
    let wrapped = serde_json::json!({"definition": ASK}).to_string();
    let Definition::Wrapped(request) = body(json, &wrapped).read::<DeployRequest>(false).unwrap()
    else {
        panic!("it is wrapped");
    };
    assert_eq!(request.definition, ASK);
    // An unwrapped definition where a wrapped one is due is told what it lacks.
    let (code, message, _) = body(json, PASS)
        .read::<DeployRequest>(false)
        .unwrap_err()
        .into_parts();
    assert_eq!(code, "UnknownField", "{message}");
    let bytes = Bytes::from_static(b"\xff\xfe");
    let error = DefinitionBody {
        format: yaml,
        bytes,
    }
    .read::<DeployRequest>(false);
    assert_eq!(error.unwrap_err().into_parts().0, "InvalidField");
}

/// A body of several frames whose length nobody knows.
fn streamed_body(frames: Vec<Bytes>) -> Body {
    Body::new(Frames(frames.into()))
}

struct Frames(std::collections::VecDeque<Bytes>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        let frame = self.0.pop_front();
        std::task::Poll::Ready(frame.map(|bytes| Ok(hyper::body::Frame::data(bytes))))
    }
}

/// A body that never comes, and tells that it was waited for.
struct Begins(Arc<Semaphore>);

impl hyper::body::Body for Begins {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        // Nobody wakes it, so it is asked once.
        self.0.add_permits(1);
        std::task::Poll::Pending
    }
}

/// A body that never comes.
struct Never;

impl hyper::body::Body for Never {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}
