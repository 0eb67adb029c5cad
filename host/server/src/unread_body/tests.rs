//! Which answers end their connection.

use axum::http::{Method, StatusCode};

use super::*;
use crate::testing::{PASS, TestApi, request};

/// Asks, and tells the status and whether the connection ends.
async fn ends(api: &TestApi, method: Method, path: &str, body: &str) -> (StatusCode, bool) {
    let content_type = (!body.is_empty()).then_some("application/json");
    let answer = api.send(request(method, path, content_type, body)).await;
    let close = answer.headers.get(CONNECTION);
    (answer.status, close.is_some_and(|value| value == "close"))
}

#[tokio::test]
async fn a_connection_ends_with_the_answer_to_a_body_that_was_not_read() {
    let api = TestApi::dev().await;
    for (method, path, body, expected) in [
        (Method::PATCH, "/v1/executions", "{}", (405, true)),
        (Method::POST, "/v1/workflows", "{}", (404, true)),
        (Method::PATCH, "/v1/executions", "", (405, false)),
        (Method::GET, "/v1/executions", "", (200, false)),
        (Method::POST, "/v1/executions", "{}", (400, false)),
        (Method::POST, "/v1/definitions/validate", PASS, (400, false)),
    ] {
        let (status, closes) = ends(&api, method.clone(), path, body).await;
        assert_eq!((status.as_u16(), closes), expected, "{method} {path}");
    }
}
