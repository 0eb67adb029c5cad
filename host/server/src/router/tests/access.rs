//! Who may call which route: without a permission, past a token's end, and across tenants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use serde_json::json;
use stepwell_engine::{
    AccessOrder, Caller, NewTenantOrder, Permission, RoleOrder, SecretValue, SimulatedClock,
    StartExecution, Timestamp,
};

use super::*;
use crate::router::table::{Access, Route, routes};
use crate::testing::{Answer, PASS};
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

async fn send(api: &TestApi, route: &Route, path: &str, body: &str, token: &str) -> Answer {
    let content_type = (!body.is_empty()).then_some("application/json");
    let mut request = request(route.method.clone(), path, content_type, body);
    let header = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, header);
    api.send(request).await
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
            let refused = send(&api, &route, &path, "", &without).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{told}");
            assert_eq!(refused.code(), "Forbidden", "{told}");
            assert!(refused.body.contains(permission.name()), "{refused:?}");
            let taken = send(&api, &route, &path, "", &with).await;
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
                let answer = send(&api, &route, &path, "", token).await;
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

/// What the other tenant has, by the names that the route table gives to its parameters, and
/// what nobody has.
struct Things {
    theirs: BTreeMap<&'static str, Vec<String>>,
    nobodys: BTreeMap<&'static str, Vec<String>>,
}

/// Gives another tenant one of everything, all of it named `alpha`, and names what nobody
/// has by `omega`.
async fn their_things(api: &TestApi) -> Things {
    let tenant = NewTenantOrder {
        name: "theirs".to_owned(),
        account: "222222222222".to_owned(),
        region: "us-east-1".to_owned(),
    };
    api.engine.ensure_tenant(tenant).await.unwrap();
    let them = api
        .engine
        .caller_for_tenant("theirs", "them")
        .await
        .unwrap();
    let mapped = PASS.replace(
        r#""Type": "Pass""#,
        r#""Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED",
            "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": {"Type": "Pass",
            "End": true}}}"#,
    );
    let order = stepwell_engine::DeployStateMachine {
        name: Some("alpha".to_owned()),
        definition: mapped,
        ..stepwell_engine::DeployStateMachine::default()
    };
    api.engine.deploy_state_machine(&them, order).await.unwrap();
    let start = StartExecution {
        state_machine: "alpha".to_owned(),
        name: Some("alpha".to_owned()),
        input: Some(stepwell_engine::Payload::parse("[1]").unwrap()),
        traceparent: None,
    };
    let started = api.engine.start_execution(&them, start).await.unwrap();
    let activity = api.engine.create_activity(&them, "alpha").await.unwrap();
    token_of(api, &them, "alpha", &[ReadData]).await;
    let value = SecretValue::from_bytes(b"their value".to_vec()).unwrap();
    api.engine.set_secret(&them, "alpha", value).await.unwrap();
    version_their_machine(api, &them).await;
    let runs = loop {
        let page = api
            .engine
            .list_map_runs(&them, &started.arn, None, 10)
            .await;
        let runs = page.unwrap().items;
        if !runs.is_empty() {
            break runs;
        }
        tokio::task::yield_now().await;
    };
    named(started.arn, activity.0.arn, runs[0].arn.clone())
}

/// Their names and ARNs, and such as nobody has.
fn named(execution: String, activity: String, map_run: String) -> Things {
    let theirs = BTreeMap::from([
        ("name", vec!["alpha".to_owned()]),
        ("tenant", vec!["theirs".to_owned()]),
        (
            "stateMachine",
            vec!["alpha".to_owned(), machine_arn("alpha")],
        ),
        ("execution", vec!["alpha/alpha".to_owned(), execution]),
        ("activity", vec!["alpha".to_owned(), activity]),
        ("mapRun", vec![map_run]),
        ("integration", vec!["alpha:alpha".to_owned()]),
        ("logGroup", vec!["alpha".to_owned()]),
        ("version", vec!["1".to_owned()]),
        ("alias", vec!["alpha".to_owned()]),
        ("key", vec!["alpha".to_owned()]),
        ("secret", vec!["alpha".to_owned()]),
    ]);
    let nobodys = theirs.iter().map(|(parameter, names)| {
        let other = |name: &String| match *parameter {
            "tenant" => "nobodys".to_owned(),
            "version" => "7".to_owned(),
            "mapRun" => name.replace(|c: char| c.is_ascii_digit(), "3"),
            _ => name.replace("alpha", "omega"),
        };
        (*parameter, names.iter().map(other).collect())
    });
    Things {
        nobodys: nobodys.collect(),
        theirs,
    }
}

fn machine_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:222222222222:stateMachine:{name}")
}

/// Gives the other tenant's machine a version, an alias and a tag.
async fn version_their_machine(api: &TestApi, them: &Caller) {
    let token = admin_token(api, them, "maker").await;
    for (part, body) in [
        ("versions", json!({})),
        (
            "aliases",
            json!({ "name": "alpha", "routes": [{ "version": 1, "weight": 100 }] }),
        ),
        ("tags", json!({ "tags": { "alpha": "alpha" } })),
    ] {
        let path = format!("/v1/state-machines/alpha/{part}");
        let is_it = |route: &Route| route.method == Method::POST && route.path.ends_with(part);
        let route = routes().into_iter().find(is_it).unwrap();
        let answer = send(api, &route, &path, &body.to_string(), &token).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
    }
}

/// Bodies of the routes that take one, past their checks.
fn body_of(route: &Route, subject: &str) -> String {
    let body = match (route.method.as_str(), route.path) {
        ("POST", "/v1/executions") => json!({ "stateMachine": subject }),
        ("POST", "/v1/executions/{execution}/events") => json!({ "name": "go" }),
        ("POST", "/v1/state-machines/{stateMachine}/aliases") => {
            json!({ "name": "beta", "routes": [{ "version": 1, "weight": 100 }] })
        }
        ("POST", "/v1/state-machines/{stateMachine}/tags") => json!({ "tags": { "a": "b" } }),
        ("POST", "/v1/map-runs/{mapRun}/update") => json!({ "maxConcurrency": 2 }),
        ("PUT", "/v1/bindings/{integration}") => json!({ "component": subject }),
        ("PUT", "/v1/roles/{name}") => json!({ "permissions": ["data:read"] }),
        ("PUT", "/v1/data/{name}" | "/v1/components/{name}") => return "[1]".to_owned(),
        ("PUT", "/v1/secrets/{secret}") => return "our own value".to_owned(),
        ("PUT", "/v1/secrets/{secret}/versions/{version}") => json!({ "enabled": false }),
        ("POST" | "PUT", _) => json!({}),
        _ => return String::new(),
    };
    body.to_string()
}

async fn admin_token(api: &TestApi, caller: &Caller, name: &str) -> String {
    let order = AccessOrder::new(name, "admin");
    api.engine.make_api_token(caller, order).await.unwrap()
}

/// What another tenant has answers as what nobody has: by name and by ARN, on each route
/// that names something. And none of it is touched.
#[tokio::test]
async fn what_another_tenant_has_answers_as_what_nobody_has() {
    let api = TestApi::tokens().await;
    let things = their_things(&api).await;
    let them = api
        .engine
        .caller_for_tenant("theirs", "them")
        .await
        .unwrap();
    let looking = admin_token(&api, &them, "looking").await;
    let before = everything(&api, &looking).await;
    let token = admin_token(&api, &api.caller, "other").await;
    let named = routes()
        .into_iter()
        .filter(|route| route.path.contains('{'));
    let mut compared = 0;
    for route in named {
        let parameters: Vec<&str> = route.path.split(['{', '}']).skip(1).step_by(2).collect();
        let (first, second) = (parameters[0], parameters.get(1));
        let path_of = |things: &BTreeMap<&str, Vec<String>>, name: &str| {
            let path = route.path.replace(&format!("{{{first}}}"), &percent(name));
            match second {
                Some(it) => path.replace(&format!("{{{it}}}"), &percent(&things[it][0])),
                None => path,
            }
        };
        let (theirs, nobodys) = (&things.theirs, &things.nobodys);
        for (their, nobodys_name) in theirs[first].iter().zip(&nobodys[first]) {
            let ask = async |things: &BTreeMap<&str, Vec<String>>, name: &str| {
                let path = path_of(things, name);
                let answer = send(&api, &route, &path, &body_of(&route, name), &token).await;
                let mut body = answer.body.replace(name, "IT");
                if let Some(second) = second {
                    body = body.replace(&things[second][0], "PART");
                }
                (answer.status, body)
            };
            let told = format!("{} {} {their}", route.method, route.path);
            let (theirs, nobodys) = (ask(theirs, their).await, ask(nobodys, nobodys_name).await);
            assert_eq!(without_times(theirs), without_times(nobodys), "{told}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
    assert_eq!(everything(&api, &looking).await, before);
}

/// All that lists show the bearer of a token.
async fn everything(api: &TestApi, token: &str) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    for route in routes() {
        let is_list = route.method == Method::GET && !route.path.contains('{');
        if is_list && route.path.starts_with("/v1/") && route.path != "/v1/openapi.json" {
            let answer = send(api, &route, route.path, "", token).await;
            seen.push((route.path.to_owned(), answer.body));
        }
    }
    seen
}

fn percent(name: &str) -> String {
    name.replace(':', "%3A").replace('/', "%2F")
}

/// Leaves out when something was made: it is another moment each time.
fn without_times((status, body): (StatusCode, String)) -> (StatusCode, Value) {
    let mut body: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
    if let Some(members) = body.as_object_mut() {
        members.retain(|name, _| !name.ends_with("At"));
    }
    (status, body)
}
