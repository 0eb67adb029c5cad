//! Tokens, and pages that may not call.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use stepwell_engine::{AccessOrder, NewTenantOrder, SimulatedClock};
use stepwell_states::Timestamp;

use super::*;
use crate::ServerConfig;
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

/// Who calls, with this header.
async fn asked_by(api: &TestApi, header: &str) -> crate::testing::Answer {
    let mut request = request(Method::GET, "/v1/caller", None, "");
    let header = header.parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, header);
    api.send(request).await
}

#[tokio::test]
async fn in_development_mode_a_token_is_its_holder_until_it_ends() {
    let clock = SimulatedClock::new(Timestamp::from_ms(1_790_000_000_000));
    let dev = |caller| ServerConfig::new(Auth::Dev { caller });
    let api = TestApi::at(Arc::new(clock.clone()), dev).await;
    let order = AccessOrder {
        expires_at: Some(api.engine.now().plus_ms(1_000)),
        ..AccessOrder::new("bob", "viewer")
    };
    let bob = api.engine.make_api_token(&api.caller, order).await.unwrap();
    let bob = format!("Bearer {bob}");
    assert_eq!(asked_by(&api, &bob).await.json()["principal"], "token:bob");

    let order = NewTenantOrder {
        name: "shop".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
    };
    api.engine.ensure_tenant(order).await.unwrap();
    let shop = api.engine.caller_for_tenant("shop", "dev").await.unwrap();
    let order = AccessOrder::new("eve", "viewer");
    let eve = api.engine.make_api_token(&shop, order).await.unwrap();
    let of_shop = asked_by(&api, &format!("Bearer {eve}")).await.json();
    assert_eq!(of_shop["principal"], "token:eve");
    assert_eq!(of_shop["tenant"], "shop");

    clock.advance(Duration::from_secs(2));
    for header in [
        &*bob,
        "Bearer nobody's",
        "Bearer",
        "Bearer ",
        "Basic dGVzdDp0ZXN0",
        "",
    ] {
        let answer = asked_by(&api, header).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{header:?}");
        assert!(answer.body.contains("--dev needs none"), "{answer:?}");
    }
    // Who shows nothing is anybody on this machine.
    let nobody = api.send(request(Method::GET, "/v1/caller", None, "")).await;
    assert_eq!(nobody.json()["principal"], "dev");
}

#[tokio::test]
async fn health_tells_whether_a_token_is_needed() {
    for (api, expected) in [
        (TestApi::dev().await, true),
        (TestApi::tokens().await, false),
    ] {
        let health = api.send(request(Method::GET, "/healthz", None, "")).await;
        assert_eq!(health.headers.contains_key(crate::DEVELOPMENT), expected);
    }
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
