//! Who may call which route: without a permission, past a token's end, and across tenants.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use serde_json::json;
use stepwell_engine::{AccessOrder, Caller, Permission, RoleOrder, SimulatedClock, Timestamp};

use super::*;
use crate::router::table::{Access, Route, routes};
use crate::testing::neighbour::{NOBODYS, Names, Neighbour, THEIRS, percent, send};
use crate::testing::{Answer, COMPONENT};
use crate::{Auth, ServerConfig};
use axum::http::Method;
use stepwell_engine::Permission::*;

/// A time, from which the clocks of these tests go.
const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// Makes a token of a role that holds just these permissions.
async fn token_of(api: &TestApi, caller: &Caller, name: &str, held: &[Permission]) -> String {
    let role = RoleOrder {
        name: name.to_owned(),
        about: None,
        permissions: held.iter().map(|each| each.name().to_owned()).collect(),
    };
    api.engine.put_role(caller, role).await.unwrap();
    let order = AccessOrder::new(name, name);
    api.engine.make_api_token(caller, order).await.unwrap()
}

/// Who lacks the one permission that a route takes is refused, whatever else they have; who
/// has it and nothing else is let in.
#[tokio::test]
async fn each_route_takes_its_permission_and_no_other() {
    let api = TestApi::tokens().await;
    for permission in Permission::ALL {
        let others = Permission::ALL
            .into_iter()
            .filter(|each| *each != permission);
        let others: Vec<Permission> = others.collect();
        let name = permission.name().replace(':', "-");
        let without = token_of(&api, &api.caller, &format!("no-{name}"), &others).await;
        let with = token_of(&api, &api.caller, &format!("only-{name}"), &[permission]).await;
        let routes = routes().into_iter();
        for route in routes.filter(|route| route.access == Access::Needs(permission)) {
            let path = route.path.replace(['{', '}'], "");
            let told = format!("{} {path}", route.method);
            let refused = send(&api, &route.method, &path, "", &without).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{told}");
            assert_eq!(refused.code(), "Forbidden", "{told}");
            assert!(refused.body.contains(permission.name()), "{refused:?}");
            let taken = send(&api, &route.method, &path, "", &with).await;
            let gates = [StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED];
            assert!(!gates.contains(&taken.status), "{told}: {taken:?}");
        }
    }
}

/// A token ends at its time, the one before a rotation at the end of the overlap, and both
/// at once when the token is deleted.
#[tokio::test]
async fn a_token_is_good_until_its_end() {
    let clock = SimulatedClock::new(NOW);
    let api = TestApi::at(Arc::new(clock.clone()), |_| ServerConfig::new(Auth::Tokens)).await;
    let order = |name: &str, after_ms| AccessOrder {
        name: name.to_owned(),
        role: "viewer".to_owned(),
        permissions: None,
        expires_at: Some(NOW.plus_ms(after_ms)),
        tenant: None,
    };
    let make = |name: &'static str, after_ms| {
        api.engine
            .make_api_token(&api.caller, order(name, after_ms))
    };
    let short = make("short", 60_000).await.unwrap();
    let before = make("turned", 600_000).await.unwrap();
    let rotate = api.engine.rotate_api_token(&api.caller, "turned", 120_000);
    let after = rotate.await.unwrap();
    for (minutes, good) in [
        (0, [true, true, true]),
        (1, [false, true, true]),
        (2, [false, false, true]),
        (10, [false, false, false]),
    ] {
        clock.advance_to(NOW.plus_ms(minutes * 60_000));
        for (token, is_good) in [&short, &before, &after].into_iter().zip(good) {
            for route in routes() {
                if route.access == Access::Open {
                    continue;
                }
                let path = route.path.replace(['{', '}'], "");
                let answer = send(&api, &route.method, &path, "", token).await;
                let refused = answer.status == StatusCode::UNAUTHORIZED;
                assert_eq!(refused, !is_good, "{minutes}: {} {path}", route.method);
            }
        }
    }
    let past = make("late", 0).await;
    assert!(past.is_err(), "a token that has ended is not made");
    clock.advance(Duration::from_secs(1));
}

/// Nobody gives, or takes from another, what they do not have themselves.
#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    let api = TestApi::tokens().await;
    let held = [WriteAccess, ReadAccess];
    let token = token_of(&api, &api.caller, "keeper", &held).await;
    let post = |path: &str, body: Value| {
        let mut request = request(
            Method::POST,
            path,
            Some("application/json"),
            body.to_string(),
        );
        let header = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert(AUTHORIZATION, header);
        api.send(request)
    };
    for (path, body) in [
        (
            "/v1/api-tokens",
            json!({ "name": "more", "role": "viewer" }),
        ),
        (
            "/v1/api-tokens",
            json!({ "name": "more", "role": "host-admin" }),
        ),
        (
            "/v1/access-keys",
            json!({ "name": "more", "role": "admin" }),
        ),
        ("/v1/api-tokens/strong/rotate", json!({})),
    ] {
        if path.contains("strong") {
            let strong = [ReadData];
            token_of(&api, &api.caller, "strong", &strong).await;
        }
        let answer = post(path, body.clone()).await;
        assert_eq!(answer.code(), "Forbidden", "{path} {body}: {answer:?}");
    }
    let same = post(
        "/v1/api-tokens",
        json!({ "name": "peer", "role": "admin", "permissions": ["access:read"] }),
    );
    assert_eq!(same.await.status, StatusCode::CREATED);
    let elsewhere = json!({ "name": "peer", "role": "keeper", "tenant": "theirs" });
    assert_eq!(post("/v1/api-tokens", elsewhere).await.code(), "NotFound");
}

/// Bodies of the routes that take one, past their checks.
fn body_of(route: &Route, subject: &str) -> String {
    let body = match (route.method.as_str(), route.path) {
        ("POST", "/v1/executions") => json!({ "stateMachine": subject }),
        ("POST", "/v1/executions/{execution}/events") => json!({ "name": "go" }),
        ("POST", "/v1/executions/{execution}/skip-task") => json!({ "output": {} }),
        ("POST", "/v1/state-machines/{stateMachine}/aliases") => {
            json!({ "name": "beta", "routes": [{ "version": 1, "weight": 100 }] })
        }
        ("POST", "/v1/state-machines/{stateMachine}/tags") => json!({ "tags": { "a": "b" } }),
        ("POST", "/v1/map-runs/{mapRun}/update") => json!({ "maxConcurrency": 2 }),
        ("PUT", "/v1/config/{name}") => json!({ "value": "our own" }),
        ("PUT", "/v1/notifications/{name}") => {
            json!({ "events": ["execution.failed"], "email": { "to": ["a@example.com"] } })
        }
        ("PUT", "/v1/tenants/{tenant}/policy") => json!({ "http": [] }),
        ("PUT", "/v1/bindings/{integration}") => {
            json!({ "component": subject.split(':').next() })
        }
        ("PUT", "/v1/roles/{name}") => json!({ "permissions": ["data:read"] }),
        ("PUT", "/v1/tenants/{tenant}/quotas") => json!({ "quotas": { "components": 50 } }),
        ("PUT", "/v1/state-machines/{stateMachine}/retention") => json!({ "forever": true }),
        ("PUT", "/v1/secrets/{secret}") => return "our own value".to_owned(),
        ("PUT", "/v1/secrets/{secret}/versions/{version}") => json!({ "enabled": false }),
        ("POST", "/v1/sync-executions") => json!({ "stateMachine": subject }),
        ("POST", "/v1/approvals/{approval}/approve" | "/v1/approvals/{approval}/reject") => {
            json!({ "hash": format!("sha256:{}", "0".repeat(64)) })
        }
        ("POST", "/v1/api-tokens") => {
            json!({ "name": "new", "role": "viewer", "tenant": subject })
        }
        ("POST", "/v1/tasks/success") => json!({ "taskToken": subject, "output": {} }),
        ("POST", "/v1/tasks/failure" | "/v1/tasks/heartbeat") => json!({ "taskToken": subject }),
        ("PUT", "/v1/data/{name}") => return "[1]".to_owned(),
        ("PUT", "/v1/components/{name}") => return COMPONENT.to_owned(),
        ("POST" | "PUT", _) => json!({}),
        _ => return String::new(),
    };
    body.to_string()
}

async fn admin_token(api: &TestApi, caller: &Caller, name: &str) -> String {
    let order = AccessOrder::new(name, "admin");
    api.engine.make_api_token(caller, order).await.unwrap()
}

/// Parameters of a path.
fn parameters(path: &str) -> Vec<&str> {
    path.split(['{', '}']).skip(1).step_by(2).collect()
}

/// Fills the parameters of a path: the first with a name, the others with the first names
/// of their kinds. A new kind of parameter needs a thing of its kind at the neighbour's.
fn filled(route: &Route, names: &Names, first: &str) -> String {
    let mut path = route.path.to_owned();
    for (place, parameter) in parameters(route.path).into_iter().enumerate() {
        let name = if place == 0 {
            first
        } else {
            &of_kind(names, parameter)[0]
        };
        path = path.replace(&format!("{{{parameter}}}"), &percent(name));
    }
    path
}

/// Names of a kind.
fn of_kind<'a>(names: &'a Names, kind: &str) -> &'a [String] {
    let found = names.get(kind);
    found.unwrap_or_else(|| panic!("give the neighbour something for the parameter {kind}"))
}

/// An answer without what is the request's own: the names in it, and the moment.
fn bare(answer: &Answer, names: &[&String]) -> (StatusCode, Vec<String>, Value) {
    let mut text = answer.body.clone();
    for name in names {
        text = text.replace(name.as_str(), "IT");
    }
    // Bodies name more than what the path does.
    let text = text.replace(THEIRS, "IT").replace(NOBODYS, "IT");
    let mut body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    drop_times(&mut body);
    let mut headers = answer.headers.clone();
    for of_its_own in ["x-request-id", "date", "content-length"] {
        headers.remove(of_its_own);
    }
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value:?}"));
    (answer.status, headers.collect(), body)
}

/// Leaves out when something was made: it is another moment each time.
fn drop_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !name.ends_with("At"));
            members.values_mut().for_each(drop_times);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_times),
        _ => {}
    }
}

/// Every way in which a request names a thing: by a path, by a query, by a body.
fn namings(route: &Route, names: &Names, document: &Value) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    if let Some(first) = parameters(route.path).first() {
        for name in of_kind(names, first) {
            all.push((
                filled(route, names, name),
                body_of(route, name),
                name.clone(),
            ));
        }
    }
    for (parameter, names_of_kind) in names {
        if !takes_in_query(route, parameter, document) {
            continue;
        }
        for name in names_of_kind {
            let first = parameters(route.path)
                .first()
                .map(|kind| &of_kind(names, kind)[0]);
            let path = filled(route, names, first.map_or("", String::as_str));
            let path = format!("{path}?{parameter}={}", percent(name));
            all.push((path, body_of(route, name), name.clone()));
        }
    }
    for kind in subjects(route) {
        for name in of_kind(names, kind) {
            all.push((route.path.to_owned(), body_of(route, name), name.clone()));
        }
    }
    all
}

/// Whether a route has a parameter of its query that names things.
fn takes_in_query(route: &Route, parameter: &str, document: &Value) -> bool {
    let method = route.method.as_str().to_lowercase();
    let parameters = &document["paths"][route.path][method]["parameters"];
    let mut parameters = parameters.as_array().into_iter().flatten();
    // What is deployed under a name is the caller's own.
    let is_new = route.path == "/v1/state-machines";
    !is_new && parameters.any(|each| each["in"] == "query" && each["name"] == parameter)
}

/// What the bodies of routes without parameters name.
fn subjects(route: &Route) -> &'static [&'static str] {
    match (route.method.as_str(), route.path) {
        ("POST", "/v1/executions" | "/v1/sync-executions") => &["stateMachine"],
        ("POST", "/v1/tasks/success" | "/v1/tasks/failure" | "/v1/tasks/heartbeat") => {
            &["taskToken"]
        }
        ("POST", "/v1/api-tokens") => &["tenant"],
        _ => &[],
    }
}

/// What another tenant has answers as what nobody has: by name and by ARN, in paths, queries
/// and bodies, on each route that names something, byte for byte but for the name. And none
/// of it is touched.
#[tokio::test]
async fn what_another_tenant_has_answers_as_what_nobody_has() {
    let api = TestApi::tokens().await;
    let them = Neighbour::new(&api).await;
    let before = everything(&api, &them.token).await;
    let token = admin_token(&api, &api.caller, "other").await;
    let document = document();
    let mut compared = 0;
    for route in routes() {
        let theirs = namings(&route, &them.theirs, &document);
        let nobodys = namings(&route, &them.nobodys, &document);
        assert_eq!(theirs.len(), nobodys.len());
        for (their, nobodys) in theirs.iter().zip(&nobodys) {
            let ask = async |(path, body, name): &(String, String, String), names: &Names| {
                let answer = send(&api, &route.method, path, body, &token).await;
                let mut all: Vec<&String> = vec![name];
                all.extend(
                    parameters(route.path)
                        .iter()
                        .skip(1)
                        .map(|kind| &of_kind(names, kind)[0]),
                );
                bare(&answer, &all)
            };
            let told = format!("{} {}", route.method, their.0);
            let theirs = ask(their, &them.theirs).await;
            assert_eq!(theirs, ask(nobodys, &them.nobodys).await, "{told}");
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
    assert_eq!(everything(&api, &them.token).await, before);
}

/// That the test above compares things with nothing: whoever has them finds them by each of
/// those requests.
#[tokio::test]
async fn what_a_tenant_has_it_finds() {
    let api = TestApi::tokens().await;
    let them = Neighbour::new(&api).await;
    let document = document();
    let mut all: Vec<Route> = routes();
    // First what looks, then what changes, then what takes away: parts before wholes.
    all.sort_by_key(|route| {
        let order = ["GET", "PUT", "POST", "DELETE"];
        let depth = route.path.matches('/').count();
        let place = order.iter().position(|each| route.method == *each);
        (place, usize::MAX - depth, route.path.contains("version"))
    });
    for route in all {
        // By its first name: of the others one request would leave nothing.
        let Some((path, body, _)) = namings(&route, &them.theirs, &document).into_iter().next()
        else {
            continue;
        };
        let answer = send(&api, &route.method, &path, &body, &them.token).await;
        let told = format!("{} {path}: {answer:?}", route.method);
        assert_ne!(answer.status, StatusCode::NOT_FOUND, "{told}");
        assert!(answer.status != StatusCode::BAD_REQUEST, "{told}");
    }
}

/// A token that has ended, one that was deleted and one that nobody ever had are told alike,
/// on each route.
#[tokio::test]
async fn a_token_that_was_good_answers_as_one_that_never_was() {
    let clock = SimulatedClock::new(NOW);
    let api = TestApi::at(Arc::new(clock.clone()), |_| ServerConfig::new(Auth::Tokens)).await;
    let ended = AccessOrder {
        expires_at: Some(NOW.plus_ms(1_000)),
        ..AccessOrder::new("ended", "admin")
    };
    let ended = api.engine.make_api_token(&api.caller, ended).await.unwrap();
    let deleted = admin_token(&api, &api.caller, "deleted").await;
    let deleting = api.engine.delete_api_token(&api.caller, "deleted");
    deleting.await.unwrap();
    clock.advance(Duration::from_secs(1));
    let nobodys = format!("swt_{}", "0".repeat(64));
    for route in routes() {
        if route.access == Access::Open {
            continue;
        }
        let path = route.path.replace(['{', '}'], "");
        let ask = async |token: &str| {
            let answer = send(&api, &route.method, &path, "", token).await;
            bare(&answer, &[])
        };
        let never = ask(&nobodys).await;
        assert_eq!(never.0, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(ask(&ended).await, never, "{} {path}", route.method);
        assert_eq!(ask(&deleted).await, never, "{} {path}", route.method);
    }
}

/// Who may not do a thing is told so before anything is looked up: what is there and what is
/// not are refused alike.
#[tokio::test]
async fn a_refusal_does_not_tell_what_is_there() {
    let api = TestApi::tokens().await;
    let them = Neighbour::new(&api).await;
    let nothing = token_of(&api, &them.caller, "nothing", &[]).await;
    let document = document();
    for route in routes() {
        if !matches!(route.access, Access::Needs(_)) {
            continue;
        }
        let theirs = namings(&route, &them.theirs, &document);
        let nobodys = namings(&route, &them.nobodys, &document);
        for (there, not_there) in theirs.iter().zip(&nobodys) {
            let ask = async |(path, body, _): &(String, String, String)| {
                let answer = send(&api, &route.method, path, body, &nothing).await;
                bare(&answer, &[])
            };
            let refused = ask(there).await;
            assert_eq!(refused.0, StatusCode::FORBIDDEN, "{}", there.0);
            assert_eq!(refused, ask(not_there).await, "{}", there.0);
        }
    }
}

/// All that lists show the bearer of an admin's token. What is refused to them shows nothing,
/// and leaves an entry in the audit log.
async fn everything(api: &TestApi, token: &str) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let admin = stepwell_engine::built_in_role("admin").unwrap().permissions;
    for route in routes() {
        let may = match route.access {
            Access::Needs(permission) => admin.allow(permission),
            Access::Open | Access::Known => true,
        };
        let is_list = may && route.method == Method::GET && !route.path.contains('{');
        if is_list && route.path.starts_with("/v1/") && route.path != "/v1/openapi.json" {
            let answer = send(api, &route.method, route.path, "", token).await;
            seen.push((route.path.to_owned(), answer.body));
        }
    }
    seen
}
