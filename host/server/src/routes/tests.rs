//! What each route takes and gives, on an engine in memory.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::testing::{ASK, Answer, PASS, TestApi, request};
use crate::wire::{self, path_segment};
use crate::{Auth, ServerConfig};

#[track_caller]
fn expect(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    if answer.body.is_empty() {
        Value::Null
    } else {
        answer.json()
    }
}

#[track_caller]
fn expect_refusal(answer: &Answer, status: u16, code: &str, field: Option<&str>) {
    let body = expect(answer, status);
    assert_eq!(body["error"]["code"], code, "{body}");
    assert_eq!(body["error"]["field"].as_str(), field, "{body}");
}

/// Starts an execution of ASK, named `one`.
async fn with_one_that_asks() -> TestApi {
    let api = TestApi::dev().await;
    api.deploy("ask", ASK).await;
    let start = r#"{"stateMachine": "ask", "name": "one", "input": {"n": 1}}"#;
    expect(&api.post("/v1/executions", start).await, 201);
    api
}

#[tokio::test]
async fn a_definition_is_deployed_in_three_ways() {
    let api = TestApi::dev().await;
    let wrapped = json!({"name": "a", "definition": PASS, "format": "json"}).to_string();
    let deployed = expect(&api.post("/v1/state-machines", wrapped.clone()).await, 201);
    let machine = &deployed["stateMachine"];
    assert_eq!(
        machine["stateMachineArn"],
        "arn:aws:states:us-east-1:000000000000:stateMachine:a"
    );
    assert_eq!(
        (&machine["name"], &machine["revision"]),
        (&json!("a"), &json!(1))
    );
    assert_eq!(machine["definition"], PASS);
    assert_eq!(machine["asl"]["StartAt"], "Done");
    assert_eq!(deployed["changed"], true);
    let again = expect(&api.post("/v1/state-machines", wrapped).await, 200);
    assert_eq!(
        (&again["changed"], &again["stateMachine"]["revision"]),
        (&json!(false), &json!(1))
    );

    let raw = api.post(
        "/v1/state-machines?raw=true&name=b&roleArn=arn:aws:iam::1:role/r",
        PASS,
    );
    assert_eq!(
        expect(&raw.await, 201)["stateMachine"]["roleArn"],
        "arn:aws:iam::1:role/r"
    );

    let yaml = "StartAt: Done\nStates:\n  Done: {Type: Pass, End: true}\n";
    for (name, content_type) in [("c", "application/yaml"), ("d", "text/yaml; charset=utf-8")] {
        let path = format!("/v1/state-machines?name={name}");
        let sent = request(Method::POST, &path, Some(content_type), yaml);
        assert_eq!(
            expect(&api.send(sent).await, 201)["stateMachine"]["definition"],
            yaml
        );
    }

    let list = expect(&api.get("/v1/state-machines").await, 200);
    let names: Vec<_> = list["stateMachines"].as_array().unwrap().iter().collect();
    let names: Vec<_> = names
        .iter()
        .map(|machine| machine["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_name_in_the_query_is_for_a_definition_as_it_is() {
    let api = TestApi::dev().await;
    let wrapped = json!({"name": "a", "definition": PASS}).to_string();
    for field in ["name", "roleArn"] {
        let path = format!("/v1/state-machines?{field}=x");
        let answer = api.post(&path, wrapped.clone()).await;
        expect_refusal(&answer, 400, "InvalidField", Some(field));
    }
}

#[tokio::test]
async fn a_definition_with_problems_is_refused_with_all_of_them() {
    let api = TestApi::dev().await;
    let broken = r#"{"StartAt": "Gone", "States": {
        "A": {"Type": "Pass", "Next": "Nowhere"},
        "B": {"Type": "Nothing"}
    }}"#;
    let answer = api.post("/v1/state-machines?raw=true&name=a", broken).await;
    expect_refusal(&answer, 422, "InvalidDefinition", Some("definition"));
    let found = answer.json()["error"]["diagnostics"]
        .as_array()
        .unwrap()
        .len();
    assert!(found >= 3, "{answer:?}");
    expect_refusal(
        &api.get("/v1/state-machines/a").await,
        404,
        "NotFound",
        None,
    );

    let report = expect(
        &api.post("/v1/definitions/validate?raw=true", broken).await,
        200,
    );
    assert_eq!(report["valid"], false);
    assert_eq!(report["diagnostics"].as_array().unwrap().len(), found);
    let wrapped = json!({"definition": PASS}).to_string();
    let report = expect(&api.post("/v1/definitions/validate", wrapped).await, 200);
    assert_eq!(report, json!({"valid": true, "diagnostics": []}));
}

#[tokio::test]
async fn a_state_machine_is_drawn() {
    let api = TestApi::dev().await;
    let hostile = r#"{"StartAt": "<script>x</script>", "States": {
        "<script>x</script>": {"Type": "Pass", "End": true}}}"#;
    api.deploy("pass", hostile).await;
    let picture = api.get("/v1/state-machines/pass/graph").await;
    assert_eq!(picture.status, 200, "{picture:?}");
    assert_eq!(picture.headers["content-type"], "image/svg+xml");
    assert_eq!(picture.headers["x-content-type-options"], "nosniff");
    let policy = picture.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("sandbox"),
        "{policy}"
    );
    let text = &picture.body;
    assert!(
        text.starts_with("<svg") && !text.contains("<script"),
        "{text}"
    );

    let chart = api
        .get("/v1/state-machines/pass/graph?format=mermaid")
        .await;
    assert!(chart.body.starts_with("flowchart TD"), "{chart:?}");
    let other = api.get("/v1/state-machines/pass/graph?format=png").await;
    assert_eq!(other.status, 400, "{other:?}");
    expect_refusal(
        &api.get("/v1/state-machines/gone/graph").await,
        404,
        "NotFound",
        None,
    );
}

#[tokio::test]
async fn a_state_machine_is_found_by_name_and_arn_and_deleted() {
    let api = TestApi::dev().await;
    api.deploy("pass", PASS).await;
    let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:pass";
    for name in ["pass", arn, &path_segment(arn)] {
        let found = expect(&api.get(&format!("/v1/state-machines/{name}")).await, 200);
        assert_eq!(found["stateMachineArn"], arn);
    }
    expect(&api.delete("/v1/state-machines/pass").await, 204);
    expect_refusal(
        &api.get("/v1/state-machines/pass").await,
        404,
        "NotFound",
        None,
    );
    expect_refusal(
        &api.delete("/v1/state-machines/pass").await,
        404,
        "NotFound",
        None,
    );
}

#[tokio::test]
async fn a_start_is_idempotent_by_name_and_input() {
    let api = TestApi::dev().await;
    api.deploy("pass", PASS).await;
    let start = r#"{"stateMachine": "pass", "name": "one", "input": {"n": 1}}"#;
    let first = api.post("/v1/executions", start).await;
    let started = expect(&first, 201);
    assert_eq!(started["existed"], false);
    assert!(started.get("execution").is_none());
    let location = first.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(
        expect(&api.get(&location).await, 200)["executionArn"],
        started["executionArn"]
    );
    let again = expect(&api.post("/v1/executions", start).await, 200);
    assert_eq!(
        (&again["existed"], &again["executionArn"]),
        (&json!(true), &started["executionArn"])
    );
    let other = start.replace('1', "2");
    expect_refusal(
        &api.post("/v1/executions", other).await,
        409,
        "NameTaken",
        Some("name"),
    );
    let unknown = start.replace("pass", "gone");
    expect_refusal(
        &api.post("/v1/executions", unknown).await,
        404,
        "NotFound",
        None,
    );
}

#[tokio::test]
async fn an_input_comes_back_byte_for_byte() {
    let api = TestApi::dev().await;
    api.deploy("pass", PASS).await;
    let input = r#"{ "z": 1.10, "a": [12345678901234567890 ,2], "u": "\u00e9ä" }"#;
    for (name, input) in [("one", input), ("two", "null"), ("three", "[]")] {
        let start = format!(r#"{{"stateMachine": "pass", "name": "{name}", "input": {input}}}"#);
        expect(&api.post("/v1/executions?wait=30", start).await, 201);
        let found = api.get(&format!("/v1/executions/pass%2F{name}")).await;
        expect(&found, 200);
        let read: wire::Execution = serde_json::from_str(&found.body).unwrap();
        assert_eq!(read.input.as_str(), input);
        assert!(read.output.is_some());
    }
}

#[tokio::test]
async fn a_start_may_wait_for_the_end() {
    let api = TestApi::dev().await;
    api.deploy("pass", PASS).await;
    let answer = api
        .post("/v1/executions?wait=60", r#"{"stateMachine": "pass"}"#)
        .await;
    let started: wire::StartExecutionResponse = serde_json::from_str(&answer.body).unwrap();
    let execution = started.execution.unwrap();
    assert_eq!(execution.status, wire::ExecutionStatus::Succeeded);
    assert_eq!(execution.output.unwrap().as_str(), "{}");
    assert_eq!(execution.name, started.name);
    assert!(execution.stopped_at.unwrap() >= execution.started_at);
}

#[tokio::test]
async fn a_trace_context_is_kept_if_it_is_one() {
    let api = TestApi::dev().await;
    api.deploy("pass", PASS).await;
    let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (header, is_kept) in [(valid, true), ("nonsense", false)] {
        let body = r#"{"stateMachine": "pass"}"#;
        let path = "/v1/executions?wait=60";
        let mut start = request(Method::POST, path, Some("application/json"), body);
        start
            .headers_mut()
            .insert("traceparent", header.parse().unwrap());
        let answer = api.send(start).await;
        let started = expect(&answer, 201);
        let told = started["traceparent"].as_str().unwrap();
        assert_eq!(started["execution"]["traceparent"], told);
        assert_eq!(answer.headers["traceparent"], told);
        assert_eq!(told == valid, is_kept);
        assert_eq!(told.len(), valid.len());
    }
}

#[tokio::test]
async fn who_cannot_be_waited_for_is_not_started() {
    let api = TestApi::with(|caller| ServerConfig {
        waits_max: 0,
        ..ServerConfig::new(Auth::Dev { caller })
    })
    .await;
    api.deploy("pass", PASS).await;
    let start = r#"{"stateMachine": "pass", "name": "one"}"#;
    let answer = api.post("/v1/executions?wait=1", start).await;
    expect_refusal(&answer, 503, "Overloaded", None);
    expect_refusal(
        &api.get("/v1/executions/pass%2Fone").await,
        404,
        "NotFound",
        None,
    );
    expect(&api.post("/v1/executions?wait=0", start).await, 201);
}

#[tokio::test]
async fn an_execution_is_found_in_all_its_forms() {
    let api = with_one_that_asks().await;
    let arn = "arn:aws:states:us-east-1:000000000000:execution:ask:one";
    for form in ["ask%2Fone", arn, &path_segment(arn)] {
        let found = expect(&api.get(&format!("/v1/executions/{form}")).await, 200);
        assert_eq!(found["executionArn"], arn);
    }
    for form in [
        "ask%2Ftwo",
        "two",
        "arn:aws:states:us-east-1:000000000000:execution:ask:two",
    ] {
        let answer = api.get(&format!("/v1/executions/{form}")).await;
        expect_refusal(&answer, 404, "NotFound", None);
    }
    let answer = api.get("/v1/executions/%ff").await;
    expect_refusal(&answer, 400, "InvalidField", Some("path"));
}

#[tokio::test]
async fn an_execution_tells_where_it_is() {
    let api = with_one_that_asks().await;
    let found = expect(&api.get("/v1/executions/ask%2Fone").await, 200);
    assert_eq!(found["status"], "RUNNING");
    assert_eq!(found["startedBy"], "dev");
    let active = &found["active"][0];
    assert_eq!(
        (&active["name"], &active["type"]),
        (&json!("Ask"), &json!("Task"))
    );
    assert_eq!(active["attempt"], 1);
    assert!(
        active["waitsFor"].as_str().unwrap().contains("answer"),
        "{active}"
    );
}

#[tokio::test]
async fn lists_have_pages_and_filters() {
    let api = TestApi::dev().await;
    api.deploy("pass", PASS).await;
    api.deploy("ask", ASK).await;
    for (machine, name) in [
        ("pass", "p1"),
        ("pass", "p2"),
        ("pass", "p3"),
        ("ask", "a1"),
    ] {
        let start = json!({"stateMachine": machine, "name": name}).to_string();
        let wait = if machine == "pass" { "?wait=60" } else { "" };
        expect(
            &api.post(&format!("/v1/executions{wait}"), start).await,
            201,
        );
    }
    let names = |page: &Value| -> Vec<String> {
        let lines = page["executions"].as_array().unwrap();
        lines
            .iter()
            .map(|line| line["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = expect(&api.get("/v1/executions").await, 200);
    assert_eq!(names(&all), ["a1", "p3", "p2", "p1"]);
    let running = expect(&api.get("/v1/executions?status=RUNNING").await, 200);
    assert_eq!(names(&running), ["a1"]);
    let first = expect(
        &api.get("/v1/executions?stateMachine=pass&limit=2").await,
        200,
    );
    assert_eq!(names(&first), ["p3", "p2"]);
    let token = path_segment(first["nextPageToken"].as_str().unwrap());
    let path = format!("/v1/executions?stateMachine=pass&limit=2&pageToken={token}");
    let second = expect(&api.get(&path).await, 200);
    assert_eq!(names(&second), ["p1"]);
    assert!(second.get("nextPageToken").is_none());
    for (query, field) in [
        ("status=DONE", "status"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
    ] {
        let answer = api.get(&format!("/v1/executions?{query}")).await;
        expect_refusal(&answer, 400, "InvalidField", Some(field));
    }
}

#[tokio::test]
async fn an_event_moves_the_execution_on() {
    let api = with_one_that_asks().await;
    let event = r#"{"name": "answer", "id": "e1", "data": {"approved": true}}"#;
    expect(
        &api.post("/v1/executions/ask%2Fone/events", event).await,
        204,
    );
    let ended = expect(&api.get("/v1/executions/ask%2Fone?wait=60").await, 200);
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let late = api
        .post("/v1/executions/ask%2Fone/events", r#"{"name": "answer"}"#)
        .await;
    expect_refusal(&late, 409, "ExecutionEnded", None);
    let unknown = api.post("/v1/executions/ask%2Ftwo/events", event).await;
    expect_refusal(&unknown, 404, "NotFound", None);
}

#[tokio::test]
async fn an_execution_is_stopped_with_and_without_a_reason() {
    let api = with_one_that_asks().await;
    let reason = r#"{"error": "Cancelled", "cause": "the customer called"}"#;
    expect(
        &api.post("/v1/executions/ask%2Fone/stop", reason).await,
        204,
    );
    let stopped = expect(&api.get("/v1/executions/ask%2Fone").await, 200);
    assert_eq!(stopped["status"], "ABORTED");
    assert_eq!(stopped["error"], "Cancelled");
    assert_eq!(stopped["cause"], "the customer called");

    let start = r#"{"stateMachine": "ask", "name": "two"}"#;
    expect(&api.post("/v1/executions", start).await, 201);
    let sent = request(Method::POST, "/v1/executions/ask%2Ftwo/stop", None, "");
    expect(&api.send(sent).await, 204);
    let stopped = expect(&api.get("/v1/executions/ask%2Ftwo").await, 200);
    assert_eq!(stopped["status"], "ABORTED");
    assert!(stopped.get("error").is_none());
    let sent = request(Method::POST, "/v1/executions/ask%2Ftwo/stop", None, reason);
    expect_refusal(&api.send(sent).await, 415, "UnsupportedMediaType", None);
}

/// Reads the whole history in parts of that size; returns the events.
#[tokio::test]
async fn nothing_that_was_sent_is_cut_or_ignored() {
    let api = with_one_that_asks().await;
    let long = |field: &str, chars: usize| json!({ field: "ä".repeat(chars) }).to_string();
    for verb in ["stop", "fail-task"] {
        let path = format!("/v1/executions/ask%2Fone/{verb}");
        for (field, chars) in [("error", 257), ("cause", 32_769)] {
            let refused = api.post(&path, long(field, chars)).await;
            expect_refusal(&refused, 400, "InvalidField", Some(field));
        }
    }
    // Where there is nothing to say, nothing is taken for something that was said.
    for path in [
        "/v1/backups",
        "/v1/executions/ask%2Fone/resume",
        "/v1/bulk-operations/x/cancel",
        "/v1/notifications/x/test",
    ] {
        let refused = api.post(path, r#"{"path": "/etc"}"#).await;
        expect_refusal(&refused, 400, "UnknownField", Some("path"));
    }
    let stopped = api.post("/v1/executions/ask%2Fone/stop", long("cause", 32_768));
    expect(&stopped.await, 204);
    expect(&api.post("/v1/backups", "{}").await, 202);
}

async fn read_in_parts(api: &TestApi, machine: &str, limit: u32, query: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let path =
            format!("/v1/executions/{machine}%2Fone/history?limit={limit}&after={after}{query}");
        let part = expect(&api.get(&path).await, 200);
        events.extend(part["events"].as_array().unwrap().iter().cloned());
        after = part["nextAfter"].as_u64().unwrap();
        if part["more"] == false {
            return events;
        }
    }
}

#[tokio::test]
async fn a_history_is_the_same_in_parts_of_every_size() {
    let api = with_one_that_asks().await;
    expect(
        &api.post("/v1/executions/ask%2Fone/events", r#"{"name": "answer"}"#)
            .await,
        204,
    );
    expect(&api.get("/v1/executions/ask%2Fone?wait=60").await, 200);
    let whole = read_in_parts(&api, "ask", 1_000, "").await;
    let types: Vec<_> = whole
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "TaskStateExited",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
    );
    let ids: Vec<_> = whole
        .iter()
        .map(|event| event["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, (1..=9).collect::<Vec<_>>());
    // A part that begins after the task was scheduled names what was called all the same.
    let succeeded = &whole[4]["taskSucceededEventDetails"];
    assert_eq!(succeeded["resourceType"], "stepwell");
    for limit in 1..=4 {
        assert_eq!(
            read_in_parts(&api, "ask", limit, "").await,
            whole,
            "in parts of {limit}"
        );
    }
    let mut reversed = read_in_parts(&api, "ask", 3, "&reverse=true").await;
    reversed.reverse();
    assert_eq!(reversed, whole);
}

#[tokio::test]
async fn a_part_of_many_bytes_ends_before_its_limit() {
    let api = TestApi::dev().await;
    let state = |next: &str| json!({"Type": "Pass", "Next": next});
    let states: serde_json::Map<String, Value> = (0..40)
        .map(|n| (format!("S{n}"), state(&format!("S{}", n + 1))))
        .chain([("S40".to_owned(), json!({"Type": "Pass", "End": true}))])
        .collect();
    let definition = json!({"StartAt": "S0", "States": states}).to_string();
    api.deploy("long", &definition).await;
    let input = "x".repeat(200_000);
    let start = json!({"stateMachine": "long", "name": "one", "input": input}).to_string();
    expect(&api.post("/v1/executions?wait=60", start).await, 201);
    let first = expect(
        &api.get("/v1/executions/long%2Fone/history?limit=1000")
            .await,
        200,
    );
    let shown = first["events"].as_array().unwrap().len();
    assert!(first["more"] == true && shown < 84, "{shown} events");
    assert_eq!(read_in_parts(&api, "long", 1_000, "").await.len(), 84);
    let answer = api
        .get("/v1/executions/long%2Fone/history?limit=1001")
        .await;
    expect_refusal(&answer, 400, "InvalidField", Some("limit"));
}

#[tokio::test]
async fn internal_events_are_shown_on_demand() {
    let api = with_one_that_asks().await;
    expect(
        &api.post("/v1/executions/ask%2Fone/events", r#"{"name": "answer"}"#)
            .await,
        204,
    );
    expect(&api.get("/v1/executions/ask%2Fone?wait=60").await, 200);
    let all = read_in_parts(&api, "ask", 1_000, "&internal=true").await;
    let hidden: Vec<_> = all.iter().filter(|event| event["id"] == 0).collect();
    let types: Vec<_> = hidden
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["EventReceived", "EventTaken"]);
    assert_eq!(hidden[0]["stepwell"]["eventName"], "answer");
    let numbers: Vec<_> = all
        .iter()
        .map(|event| event["stepwell"]["number"].as_u64())
        .collect();
    assert_eq!(numbers, (1..=11).map(Some).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_history_that_is_waited_for_comes_with_the_next_event() {
    let api = with_one_that_asks().await;
    let seen = expect(&api.get("/v1/executions/ask%2Fone/history").await, 200);
    let after = seen["nextAfter"].as_u64().unwrap();
    assert_eq!(seen["status"], "RUNNING");
    let path = format!("/v1/executions/ask%2Fone/history?after={after}&wait=60&internal=true");
    let (part, posted) = tokio::join!(
        api.get(&path),
        api.post("/v1/executions/ask%2Fone/events", r#"{"name": "answer"}"#)
    );
    expect(&posted, 204);
    let part = expect(&part, 200);
    assert_eq!(part["events"][0]["type"], "EventReceived");
    // At the end nobody waits.
    expect(&api.get("/v1/executions/ask%2Fone?wait=60").await, 200);
    let end = read_in_parts(&api, "ask", 1_000, "&wait=60").await;
    assert_eq!(end.last().unwrap()["type"], "ExecutionSucceeded");
}

#[tokio::test]
async fn a_token_that_is_none_is_refused() {
    let api = TestApi::dev().await;
    for (path, body) in [
        ("/v1/tasks/success", r#"{"taskToken": "x", "output": {}}"#),
        (
            "/v1/tasks/failure",
            r#"{"taskToken": "x", "error": "E", "cause": "c"}"#,
        ),
        ("/v1/tasks/heartbeat", r#"{"taskToken": "x"}"#),
    ] {
        let answer = api.post(path, body).await;
        expect_refusal(&answer, 400, "InvalidTaskToken", Some("taskToken"));
    }
    let answer = api.post("/v1/tasks/success", r#"{"taskToken": "x"}"#).await;
    expect_refusal(&answer, 400, "MissingField", Some("output"));
}

#[tokio::test]
async fn a_payload_over_the_limit_is_refused() {
    let api = TestApi::dev().await;
    api.deploy("pass", PASS).await;
    let long = "x".repeat(300_000);
    let start = json!({"stateMachine": "pass", "name": "one", "input": long}).to_string();
    let answer = api.post("/v1/executions", start).await;
    expect_refusal(&answer, 413, "PayloadTooLarge", Some("input"));
    expect_refusal(
        &api.get("/v1/executions/pass%2Fone").await,
        404,
        "NotFound",
        None,
    );
}

#[tokio::test]
async fn components_are_refused_listed_and_missed() {
    let api = TestApi::dev().await;
    for content_type in ["application/wasm", "application/octet-stream"] {
        let push = request(
            Method::PUT,
            "/v1/components/charge",
            Some(content_type),
            "\0asm",
        );
        expect_refusal(&api.send(push).await, 422, "NotWasm", None);
    }
    assert_eq!(
        expect(&api.get("/v1/components").await, 200),
        json!({"components": []})
    );
    expect_refusal(
        &api.get("/v1/components/charge").await,
        404,
        "NotFound",
        None,
    );
}

#[tokio::test]
async fn the_host_tells_of_itself() {
    let api = TestApi::dev().await;
    let ready = api.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (StatusCode::OK, "ready\n")
    );
    let served = expect(&api.get("/v1/openapi.json").await, 200);
    assert_eq!(served, serde_json::to_value(crate::openapi()).unwrap());
    let metrics = api.get("/metrics").await;
    assert_eq!(
        metrics.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(
        metrics
            .body
            .contains("stepwell_executions_started_total 0\n"),
        "{metrics:?}"
    );
}

#[tokio::test]
async fn a_state_is_tried_with_json_where_aws_has_texts() {
    let api = TestApi::dev().await;
    let state = json!({"Type": "Task", "Resource": "task:t", "ResultPath": "$.r", "Next": "B",
        "Catch": [{"ErrorEquals": ["Boom"], "Next": "C"}]});
    let tried = json!({"definition": state, "input": {"n": 1.50}, "mock": {"result": null},
        "inspectionLevel": "DEBUG"});
    let found = expect(&api.post("/v1/test-state", tried.to_string()).await, 200);
    let output = json!({"n": 1.50, "r": null});
    assert_eq!(
        found,
        json!({"status": "SUCCEEDED", "output": output, "nextState": "B", "inspectionData": {
            "input": {"n": 1.50}, "afterInputPath": {"n": 1.50},
            "afterParameters": {"n": 1.50}, "result": null, "afterResultSelector": null,
            "afterResultPath": output}})
    );
    let yaml = "StartAt: W\nStates: {W: {Type: Wait, Seconds: 9, Next: S}, S: {Type: Succeed}}";
    let tried = json!({"definition": yaml, "stateName": "W"});
    let found = expect(&api.post("/v1/test-state", tried.to_string()).await, 200);
    assert_eq!(
        found,
        json!({"status": "SUCCEEDED", "output": {}, "nextState": "S"})
    );
    let failing = json!({"definition": state, "mock": {"errorOutput": {"error": "Boom"}}});
    let found = expect(&api.post("/v1/test-state", failing.to_string()).await, 200);
    assert_eq!(found["status"], "CAUGHT_ERROR");
}

#[tokio::test]
async fn what_cannot_be_tried_is_refused() {
    let api = TestApi::dev().await;
    let post = async |body: Value| api.post("/v1/test-state", body.to_string()).await;
    let refused = post(json!({"definition": {"Type": "None"}})).await;
    expect_refusal(&refused, 422, "InvalidDefinition", Some("definition"));
    let pass = json!({"Type": "Pass", "End": true});
    let refused = post(json!({"definition": pass, "mock": {"result": 1}})).await;
    expect_refusal(&refused, 400, "InvalidField", None);
    let refused = post(json!({"definition": pass, "inspectionLevel": "ALL"})).await;
    assert_eq!(refused.status.as_u16(), 400);
    let refused = post(json!({"definition": pass, "more": 1})).await;
    expect_refusal(&refused, 400, "UnknownField", Some("more"));
}
