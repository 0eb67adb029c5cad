//! Bad input: a 4xx with a stable code that names the field, and nothing half created.

use serde_json::{Value, json};
use stepwell_tests::{Answer, Client, TestServer, guest};
use ureq::http::Method;

use crate::definitions::{ASK, PASS};

/// Bytes that an input or output may have.
const PAYLOAD_MAX_BYTES: usize = 256 << 10;

#[track_caller]
fn post_text(client: &Client, path: &str, body: &str) -> Answer {
    client.send(Method::POST, path, "application/json", body)
}

/// Expects that there is no state machine, component or execution.
#[track_caller]
fn expect_nothing(client: &Client) {
    for (path, member) in [
        ("/v1/state-machines", "stateMachines"),
        ("/v1/components", "components"),
        ("/v1/executions", "executions"),
    ] {
        assert_eq!(client.get(path).expect(200)[member], json!([]), "{path}");
    }
}

/// Expects that there are no executions, after a machine was deployed.
#[track_caller]
fn expect_no_executions(client: &Client) {
    assert_eq!(
        client.get("/v1/executions").expect(200),
        json!({ "executions": [] })
    );
}

/// A body, and the status, code and field of its refusal.
type Refused = (&'static str, u16, &'static str, Option<&'static str>);

/// Bodies that do not start an execution of the machine `pass`.
const NO_STARTS: &[Refused] = &[
    ("", 400, "InvalidJson", None),
    ("{", 400, "InvalidJson", None),
    ("[]", 400, "InvalidJson", None),
    ("\"pass\"", 400, "InvalidJson", None),
    (r#"{"stateMachine": "pass"} {}"#, 400, "InvalidJson", None),
    (
        r#"{"stateMachine": "pass", "input": {"a": }}"#,
        400,
        "InvalidJson",
        None,
    ),
    (
        r#"{"stateMachine": "pass", "inputs": {}}"#,
        400,
        "UnknownField",
        Some("inputs"),
    ),
    (
        r#"{"input": {}}"#,
        400,
        "MissingField",
        Some("stateMachine"),
    ),
    (
        r#"{"stateMachine": 7}"#,
        400,
        "InvalidField",
        Some("stateMachine"),
    ),
    (
        r#"{"name": "a", "name": "b"}"#,
        400,
        "InvalidField",
        Some("name"),
    ),
    (
        r#"{"stateMachine": "pass", "name": ""}"#,
        400,
        "InvalidField",
        Some("name"),
    ),
    (
        r#"{"stateMachine": "pass", "name": "a/b"}"#,
        400,
        "InvalidField",
        Some("name"),
    ),
    (
        r#"{"stateMachine": "pass", "input": {"a": 1, "a": 2}}"#,
        400,
        "InvalidField",
        Some("input"),
    ),
    (r#"{"stateMachine": "gone"}"#, 404, "NotFound", None),
];

/// Bodies that report on no task.
const NO_REPORTS: &[Refused] = &[
    (r#"{"taskToken": "x"}"#, 400, "MissingField", Some("output")),
    (r#"{"output": {}}"#, 400, "MissingField", Some("taskToken")),
    (
        r#"{"taskToken": "x", "output": 1}"#,
        400,
        "InvalidTaskToken",
        Some("taskToken"),
    ),
];

/// Bodies that deploy nothing.
const NO_DEPLOYMENTS: &[Refused] = &[
    (r#"{"name": "a"}"#, 400, "MissingField", Some("definition")),
    (
        r#"{"name": "a", "definition": {}}"#,
        400,
        "InvalidField",
        Some("definition"),
    ),
    (
        r#"{"definition": "{}", "format": "xml"}"#,
        400,
        "InvalidField",
        Some("format"),
    ),
    (
        r#"{"definition": "{}", "tags": []}"#,
        400,
        "UnknownField",
        Some("tags"),
    ),
];

#[test]
fn a_body_that_is_not_as_the_route_wants_it() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    for (path, bodies) in [
        ("/v1/executions", NO_STARTS),
        ("/v1/tasks/success", NO_REPORTS),
        ("/v1/state-machines", NO_DEPLOYMENTS),
    ] {
        for (body, status, code, field) in bodies {
            post_text(client, path, body).expect_refusal(*status, code, *field);
        }
    }
    expect_no_executions(client);
    let machines = client.get("/v1/state-machines").expect(200);
    assert_eq!(machines["stateMachines"].as_array().unwrap().len(), 1);
}

#[test]
fn a_query_that_the_route_does_not_know() {
    let server = TestServer::start();
    for (path, code, field) in [
        ("/v1/executions?state=RUNNING", "UnknownField", "state"),
        ("/v1/executions?status=ENDED", "InvalidField", "status"),
        ("/v1/executions?limit=0", "InvalidField", "limit"),
        ("/v1/executions?limit=1001", "InvalidField", "limit"),
        ("/v1/executions?limit=many", "InvalidField", "limit"),
        ("/v1/executions?pageToken=zz", "InvalidField", "pageToken"),
    ] {
        server
            .client()
            .get(path)
            .expect_refusal(400, code, Some(field));
    }
}

#[test]
fn a_route_method_or_content_type_that_is_not_there() {
    let server = TestServer::start();
    let client = server.client();
    client
        .get("/v1/workflows")
        .expect_refusal(404, "RouteNotFound", None);
    let wrong = client.send(Method::PATCH, "/v1/executions", "application/json", "{}");
    wrong.expect_refusal(405, "MethodNotAllowed", None);
    assert!(wrong.header("allow").contains("POST"), "{wrong:?}");
    for (method, path) in [
        (Method::POST, "/v1/executions"),
        (Method::POST, "/v1/state-machines"),
        (Method::PUT, "/v1/components/a"),
    ] {
        let answer = client.send(method, path, "text/plain", "{}");
        answer.expect_refusal(415, "UnsupportedMediaType", None);
    }
    expect_nothing(client);
}

#[test]
fn a_definition_with_problems_is_refused_with_all_of_them() {
    let server = TestServer::start();
    let client = server.client();
    let broken = "\
workflow:
  name: broken
  start_at: first
  states:
    first:
      type: task
      resource: task:nowhere
      next: gone
    second:
      type: wait
      end: true
";
    let request = json!({ "definition": broken, "format": "yaml" });
    let error = client.post("/v1/state-machines", &request).expect_refusal(
        422,
        "InvalidDefinition",
        Some("definition"),
    );
    let found = error["diagnostics"].as_array().unwrap();
    assert!(found.len() >= 2, "{error}");
    for problem in found {
        for member in ["severity", "code", "message", "pointer"] {
            assert!(problem[member].is_string(), "{problem}");
        }
        assert!(problem["line"].as_u64() > Some(0), "{problem}");
        assert!(problem["column"].as_u64() > Some(0), "{problem}");
    }
    let lines: Vec<_> = found
        .iter()
        .filter_map(|found| found["line"].as_u64())
        .collect();
    assert!(lines.contains(&8), "the line of `next: gone`: {error}");

    let report = client
        .post("/v1/definitions/validate", &request)
        .expect(200);
    assert_eq!(report["valid"], false);
    assert_eq!(report["diagnostics"], error["diagnostics"]);
    expect_nothing(client);
}

#[test]
fn a_definition_that_cannot_be_parsed() {
    let server = TestServer::start();
    let client = server.client();
    for (path, content_type, text, line) in [
        (
            "?raw=true&name=a",
            "application/json",
            "{\n\"StartAt\": ,\n}",
            2,
        ),
        (
            "?name=a",
            "application/yaml",
            "workflow:\n  name: a\n bad",
            3,
        ),
        ("?name=a", "application/yaml", "", 1),
    ] {
        let path = format!("/v1/state-machines{path}");
        let answer = client.send(Method::POST, &path, content_type, text);
        let error = answer.expect_refusal(422, "InvalidDefinition", Some("definition"));
        assert_eq!(error["diagnostics"][0]["line"], line, "{error}");
    }
    expect_nothing(client);
}

#[test]
fn a_definition_whose_component_is_missing() {
    let server = TestServer::start();
    let client = server.client();
    let text = "workflow: {name: lonely, states: {validate-order: {type: task, end: true}}}";
    let request = json!({ "definition": text });
    let error = client.post("/v1/state-machines", &request).expect_refusal(
        422,
        "InvalidDefinition",
        Some("definition"),
    );
    let problem = &error["diagnostics"][0];
    assert_eq!(problem["code"], "COMPONENT_MISSING");
    assert_eq!(problem["pointer"], "/workflow/states/validate-order");
    let said = format!("{} {}", problem["message"], problem["hint"]);
    assert!(said.contains("validate-order"), "{said}");
    assert!(said.contains("component push"), "{said}");
    expect_nothing(client);
}

#[test]
fn a_component_that_is_none_or_of_another_world() {
    let server = TestServer::start();
    let client = server.client();
    let wasm = |name| std::fs::read(guest(name).unwrap()).unwrap();
    let mut cut = wasm("echo");
    cut.truncate(cut.len() / 2);
    for (bytes, code, said) in [
        (b"#!/bin/sh\n".to_vec(), "NotWasm", "\\0asm"),
        (Vec::new(), "NotWasm", "\\0asm"),
        (b"\0asm\x01\0\0\0".to_vec(), "NotAComponent", "wit-bindgen"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "MissingExport", "run"),
        (cut, "Malformed", ""),
        (wasm("wrong-world"), "WrongExport", "run"),
        (
            wasm("forbidden-import"),
            "ForbiddenImport",
            "acme:backdoor/shell@1.0.0",
        ),
    ] {
        let error = client.put_wasm("a", bytes).expect_refusal(422, code, None);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(said), "{code}: {message}");
    }
    client
        .put_wasm("a/b", wasm("echo"))
        .expect_refusal(400, "InvalidField", Some("name"));
    client
        .get("/v1/components/a")
        .expect_refusal(404, "NotFound", None);
    expect_nothing(client);
}

#[test]
fn what_is_too_large() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    client.deploy("ask", ASK);
    let text = |bytes: usize| "x".repeat(bytes - "\"\"".len());

    let whole = json!({ "stateMachine": "pass", "input": text(PAYLOAD_MAX_BYTES) });
    client.post("/v1/executions", &whole).expect(201);
    let over = text(PAYLOAD_MAX_BYTES + 1);
    let start = json!({ "stateMachine": "ask", "name": "large", "input": over });
    client
        .post("/v1/executions", &start)
        .expect_refusal(413, "PayloadTooLarge", Some("input"));
    client
        .get("/v1/executions/ask%2Flarge")
        .expect_refusal(404, "NotFound", None);

    let arn = client.start("ask", &Value::Null);
    let event = json!({ "name": "answer", "data": over });
    let path = format!("/v1/executions/{}/events", stepwell_tests::segment(&arn));
    client
        .post(&path, &event)
        .expect_refusal(413, "PayloadTooLarge", Some("data"));
    assert_eq!(client.describe(&arn)["status"], "RUNNING");

    let spaces = " ".repeat((4 << 20) + 1);
    post_text(client, "/v1/executions", &spaces).expect_refusal(413, "BodyTooLarge", None);
    let definition = json!({ "name": "large", "definition": " ".repeat((1 << 20) + 1) });
    client
        .post("/v1/state-machines", &definition)
        .expect_refusal(413, "PayloadTooLarge", Some("definition"));
    client
        .put_wasm("large", vec![0; (32 << 20) + 1])
        .expect_refusal(422, "TooLarge", None);
    client
        .put_wasm("large", vec![0; 40 << 20])
        .expect_refusal(413, "BodyTooLarge", None);
    assert_eq!(
        client.get("/v1/components").expect(200)["components"],
        json!([])
    );
}

#[test]
fn an_input_that_nests_too_deep() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    let start = |depth: usize| {
        let input = "[".repeat(depth) + &"]".repeat(depth);
        let body = format!(r#"{{"stateMachine": "pass", "input": {input}}}"#);
        post_text(client, "/v1/executions", &body)
    };
    start(50).expect(201);
    start(5_000).expect_refusal(400, "InvalidField", Some("input"));
}

#[test]
fn what_does_not_exist() {
    let server = TestServer::start();
    let client = server.client();
    let foreign = "arn:aws:states:us-east-1:111111111111:execution:pass:one";
    for path in [
        "/v1/executions/pass%2Fone".to_owned(),
        "/v1/executions/one".to_owned(),
        format!("/v1/executions/{}", stepwell_tests::segment(foreign)),
        "/v1/executions/pass%2Fone/history".to_owned(),
        "/v1/state-machines/pass".to_owned(),
        "/v1/components/echo".to_owned(),
        "/v1/executions?stateMachine=pass".to_owned(),
    ] {
        client.get(&path).expect_refusal(404, "NotFound", None);
    }
    let stop = client.post("/v1/executions/pass%2Fone/stop", &json!({}));
    stop.expect_refusal(404, "NotFound", None);
    let event = client.post("/v1/executions/pass%2Fone/events", &json!({ "name": "a" }));
    event.expect_refusal(404, "NotFound", None);
    client
        .delete("/v1/state-machines/pass")
        .expect_refusal(404, "NotFound", None);
}

#[test]
fn a_name_is_one_start() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    let start = |input: Value| {
        let request = json!({ "stateMachine": "ask", "name": "one", "input": input });
        client.post("/v1/executions", &request)
    };
    let first = start(json!({ "n": 1 })).expect(201);
    let again = start(json!({ "n": 1 })).expect(200);
    assert_eq!(again["executionArn"], first["executionArn"]);
    assert_eq!(again["existed"], true);
    start(json!({ "n": 2 })).expect_refusal(409, "NameTaken", Some("name"));
    let one = client.describe("ask/one");
    assert_eq!(one["input"], json!({ "n": 1 }));
    assert_eq!(one["status"], "RUNNING");
}

#[test]
fn an_execution_that_has_ended_takes_nothing_more() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("pass", PASS);
    let arn = client.start("pass", &Value::Null);
    client.wait_for_end(&arn);
    let before = client.history(&arn).events().len();
    let path = |rest| format!("/v1/executions/{}/{rest}", stepwell_tests::segment(&arn));
    client
        .post(&path("stop"), &json!({}))
        .expect_refusal(409, "ExecutionEnded", None);
    client
        .post(&path("events"), &json!({ "name": "late" }))
        .expect_refusal(409, "ExecutionEnded", None);
    assert_eq!(client.history(&arn).events().len(), before);
}
