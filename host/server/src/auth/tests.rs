//! Tokens, and pages that may not call.

use axum::http::{Method, StatusCode};

use super::*;
use crate::testing::{TestApi, request};

fn with(name: &str, value: &str) -> Request {
    let mut request = request(Method::GET, "/v1/executions", None, "");
    let name = HeaderName::try_from(name).unwrap();
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[tokio::test]
async fn only_a_valid_token_is_let_in() {
    let api = TestApi::tokens().await;
    let token = api
        .engine
        .make_host_token(&api.caller, "admin")
        .await
        .unwrap();
    for header in [format!("Bearer {token}"), format!("bearer  {token} ")] {
        let answer = api.send(with("authorization", &header)).await;
        assert_eq!(answer.status, StatusCode::OK, "{header}");
    }
    for header in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer nobody's".to_owned(),
        format!("Basic {token}"),
        token.clone(),
        format!("Bearer {}", token.to_uppercase()),
    ] {
        let answer = api.send(with("authorization", &header)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{header}");
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
        assert!(!answer.body.contains(&token));
    }
    let mut twice = with("authorization", &format!("Bearer {token}"));
    twice
        .headers_mut()
        .append("authorization", "Bearer x".parse().unwrap());
    assert_eq!(api.send(twice).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn development_mode_answers_to_loopback_names_only() {
    let api = TestApi::dev().await;
    for host in [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1:8080",
        "[::1]",
        "[::1]:8080",
        "127.0.0.2",
        "sync-localhost:8080",
        "sync-127.0.0.1:8080",
        "states.localhost",
    ] {
        assert_eq!(
            api.send(with("host", host)).await.status,
            StatusCode::OK,
            "{host}"
        );
    }
    for host in [
        "example.com",
        "localhost.example.com:8080",
        "127.0.0.1.example.com",
        "sync-example.com",
        "notlocalhost",
        "sync-sync-localhost",
        "user@localhost",
        "localhost@example.com",
        "0.0.0.0",
        "[::]",
        "local host",
        "",
    ] {
        let answer = api.send(with("host", host)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{host}");
        assert_eq!(answer.code(), "ForbiddenHost");
    }
    let mut none = with("x-other", "1");
    none.headers_mut().remove("host");
    assert_eq!(api.send(none).await.status, StatusCode::FORBIDDEN);
    let mut twice = with("host", "localhost");
    twice
        .headers_mut()
        .append("host", "example.com".parse().unwrap());
    assert_eq!(api.send(twice).await.status, StatusCode::FORBIDDEN);
    let mut in_line = with("host", "localhost");
    *in_line.uri_mut() = "http://example.com/v1/executions".parse().unwrap();
    assert_eq!(api.send(in_line).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn development_mode_takes_requests_of_local_pages_only() {
    let api = TestApi::dev().await;
    for origin in [
        "http://localhost:3000",
        "http://127.0.0.1",
        "https://[::1]:8443",
    ] {
        assert_eq!(
            api.send(with("origin", origin)).await.status,
            StatusCode::OK,
            "{origin}"
        );
    }
    for origin in [
        "https://example.com",
        "null",
        "http://localhost.example.com",
        "file://",
        "",
    ] {
        let answer = api.send(with("origin", origin)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        assert_eq!(answer.code(), "ForbiddenOrigin");
    }
}

#[tokio::test]
async fn with_tokens_any_name_of_the_host_will_do() {
    let api = TestApi::tokens().await;
    let token = api
        .engine
        .make_host_token(&api.caller, "admin")
        .await
        .unwrap();
    let mut request = with("host", "stepwell.example.com");
    let header = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, header);
    assert_eq!(api.send(request).await.status, StatusCode::OK);
}
