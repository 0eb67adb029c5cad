//! What holds for every route, taken from the route table.

mod access;
mod audited;
mod documented;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::testing::{TestApi, request};

/// Method and path of all routes.
fn table() -> BTreeSet<(String, String)> {
    routes()
        .into_iter()
        .map(|route| (route.method.to_string(), route.path.to_owned()))
        .collect()
}

fn document() -> Value {
    serde_json::to_value(crate::openapi()).unwrap()
}

/// Every operation of the document: path, method, operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((path.clone(), method.to_uppercase(), operation.clone()));
        }
    }
    all
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let documented: BTreeSet<_> = operations(&document())
        .into_iter()
        .map(|(path, method, _)| (method, path))
        .collect();
    assert_eq!(documented, table());
}

#[test]
fn the_document_marks_the_open_routes_and_no_other() {
    for (path, method, operation) in operations(&document()) {
        let open = operation["security"] == serde_json::json!([{}]);
        let route = routes()
            .into_iter()
            .find(|route| route.path == path && route.method == method.as_str());
        assert_eq!(
            open,
            route.unwrap().access == Access::Open,
            "{method} {path}"
        );
    }
}

#[test]
fn every_operation_is_described_and_tells_how_it_is_refused() {
    let document = document();
    for (path, method, operation) in operations(&document) {
        assert!(operation["summary"].is_string(), "{method} {path}");
        for status in ["4XX", "5XX"] {
            let refusal = &operation["responses"][status]["content"]["application/json"];
            assert_eq!(
                refusal["schema"]["$ref"], "#/components/schemas/ApiErrorBody",
                "{method} {path}"
            );
        }
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let name = part.trim_end_matches('}');
            assert!(
                parameters
                    .iter()
                    .any(|found| found["name"] == name && found["in"] == "path"),
                "{method} {path} does not describe {name}"
            );
        }
    }
}

#[test]
fn every_shape_that_the_document_refers_to_is_in_it() {
    let document = document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let referred: BTreeSet<&str> = text
        .split("\"#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(referred.len() > 20, "{referred:?}");
    for name in referred {
        assert!(schemas.contains_key(name), "{name} is missing");
    }
}

/// An `Option` is shown as "this or null", which two alternatives both are for a value
/// that may be anything: a strict reader would refuse the null that is a value.
#[test]
fn a_null_fits_one_shape_of_a_field_that_takes_any_json() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    for (schema, field) in [
        ("StartExecutionRequest", "input"),
        ("PostEventRequest", "data"),
        ("Execution", "output"),
        ("Extras", "data"),
    ] {
        let shape = &schemas[schema]["properties"][field];
        assert_eq!(
            shape["$ref"], "#/components/schemas/JsonText",
            "{schema}.{field}: {shape}"
        );
        let required = schemas[schema]["required"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        assert!(!required.contains(&field.into()), "{schema}.{field}");
    }
}

#[tokio::test]
async fn every_route_needs_a_token_but_the_open_ones() {
    let api = TestApi::tokens().await;
    for route in routes() {
        let path = route.path.replace(['{', '}'], "");
        let answer = api
            .send(request(route.method.clone(), &path, None, ""))
            .await;
        if route.access == Access::Open {
            assert_eq!(answer.status, StatusCode::OK, "{} {path}", route.method);
        } else {
            assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{} {path}",
                route.method
            );
            assert_eq!(answer.code(), "Unauthenticated");
        }
    }
    let open: Vec<_> = routes()
        .into_iter()
        .filter(|route| route.access == Access::Open)
        .collect();
    let open: Vec<_> = open.iter().map(|route| route.path).collect();
    assert_eq!(open, ["/healthz", "/readyz"]);
}

#[tokio::test]
async fn every_route_refuses_foreign_pages_in_development_mode() {
    let api = TestApi::dev().await;
    for route in routes() {
        let path = route.path.replace(['{', '}'], "");
        let mut request = request(route.method.clone(), &path, None, "");
        let foreign = "https://example.com".parse().unwrap();
        request.headers_mut().insert("origin", foreign);
        let answer = api.send(request).await;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "{} {path}",
            route.method
        );
        assert_eq!(answer.code(), "ForbiddenOrigin");
    }
}

#[tokio::test]
async fn what_is_no_route_is_refused_in_the_same_shape() {
    let api = TestApi::dev().await;
    let answer = api.get("/v1/nothing").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::NOT_FOUND, "RouteNotFound")
    );
    let answer = api.delete("/v1/executions").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.code(), "MethodNotAllowed");
    let allowed = answer.headers["allow"].to_str().unwrap();
    assert!(
        allowed.contains("GET") && allowed.contains("POST"),
        "{allowed}"
    );
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_not_kept_by_caches() {
    let api = TestApi::dev().await;
    for path in ["/v1/nothing", "/v1/executions", "/healthz"] {
        let answer = api.get(path).await;
        assert!(!answer.headers["x-request-id"].is_empty(), "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(
            answer.headers["x-content-type-options"], "nosniff",
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_answer() {
    async fn panics() -> &'static str {
        panic!("on purpose")
    }
    let router = Router::new()
        .route("/", axum::routing::get(panics))
        .layer(CatchPanicLayer::custom(after_panic));
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_and_told_to_come_back() {
    let api = TestApi::with(|caller| ServerConfig {
        requests_max: 0,
        ..ServerConfig::new(crate::Auth::Dev { caller })
    })
    .await;
    let answer = api.get("/v1/executions").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "Overloaded");
    assert_eq!(answer.headers["retry-after"], "1");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(api.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_not_by_path() {
    let api = TestApi::dev().await;
    api.get("/v1/executions/one").await;
    api.get("/v1/executions/two").await;
    api.send(request(Method::PATCH, "/v1/one-that-is-none", None, ""))
        .await;
    let page = api.get("/metrics").await.body;
    for series in [
        r#"{method="GET",route="/v1/executions/{execution}",status="404"} 2"#,
        r#"{method="OTHER",route="unmatched",status="404"} 1"#,
    ] {
        assert!(page.contains(series), "{page}");
    }
}
