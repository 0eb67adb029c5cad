//! `http:invoke`, against a server on loopback that the operator allows.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_egress::{Egress, Limits, Rule, SystemLookup};
use stepwell_engine::{ApiCall, ExecutionDescription, SimulatedClock, TimeForm};
use stepwell_store::StoreOptions;

use crate::harness::{Bench, START, Scripted};

/// A server that answers requests one after the other, and returns its address.
fn server(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (stream, answer) in listener.incoming().zip(answers) {
            let mut stream = stream.unwrap();
            let mut bytes = [0; 4_096];
            drop(stream.read(&mut bytes));
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    address
}

async fn bench(rules: &[String]) -> Bench {
    let rules: Vec<Rule> = rules
        .iter()
        .map(|rule| Rule::parse(rule).unwrap())
        .collect();
    let clock = SimulatedClock::new(START);
    Bench::open(
        StoreOptions::memory(),
        clock,
        Scripted::default(),
        |config| {
            config.egress = Egress::new(rules, Arc::new(SystemLookup), Limits::default());
        },
    )
    .await
}

async fn call(bench: &Bench, parameters: Value, retry: Value) -> ExecutionDescription {
    let definition = json!({"StartAt": "Call", "States": {"Call": {"Type": "Task",
        "Resource": "arn:aws:states:::http:invoke", "TimeoutSeconds": 30,
        "Parameters": parameters, "Retry": retry, "End": true}}});
    bench.run(&definition.to_string(), "{}").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_the_result_of_the_task() {
    let address = server(&["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
        Content-Length: 8\r\nConnection: close\r\n\r\n{\"a\":1 }"]);
    let bench = bench(&[format!("POST {address}/v1/*")]).await;
    let parameters = json!({"ApiEndpoint": format!("{address}/v1/x"), "Method": "POST",
        "RequestBody": {"b": 2}});
    let end = call(&bench, parameters, json!([])).await;
    let output = end
        .output
        .unwrap_or_else(|| panic!("{:?}", end.failure))
        .to_value();
    assert_eq!(output["StatusCode"], 200);
    assert_eq!(output["StatusText"], "OK");
    assert_eq!(output["ResponseBody"], json!({"a": 1}));
    assert_eq!(
        output["Headers"]["content-type"],
        json!(["application/json"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_fails_clearly() {
    let address = server(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let bench = bench(&[format!("GET {address}/allowed")]).await;
    let parameters = json!({"ApiEndpoint": format!("{address}/other"), "Method": "GET"});
    let end = call(&bench, parameters, json!([])).await;
    let failure = end.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("Stepwell.EgressDenied"));
    assert!(failure.cause.unwrap().contains("--allow-http"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_no_success_has_a_name_for_retry() {
    let address =
        server(&["HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"]);
    let bench = bench(std::slice::from_ref(&address)).await;
    let parameters = json!({"ApiEndpoint": format!("{address}/"), "Method": "GET"});
    let end = call(&bench, parameters, json!([])).await;
    let failure = end.failure.unwrap();
    assert_eq!(failure.error.as_deref(), Some("States.Http.StatusCode.503"));
    assert_eq!(failure.cause.as_deref(), Some("busy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_make_no_request_and_unknown_connections_fail_by_name() {
    let bench = bench(&["http://127.0.0.1:*".to_owned()]).await;
    let cases = [
        (
            json!({"ApiEndpoint": "http://127.0.0.1:1/", "Method": "GET",
                "Authentication": {"ConnectionArn": "arn:aws:events:r:1:connection/a/b"}}),
            "Stepwell.ConnectionNotFound",
        ),
        (
            json!({"ApiEndpoint": "http://127.0.0.1:1/", "Method": "TRACE"}),
            "Stepwell.InvalidHttpRequest",
        ),
        (
            json!({"ApiEndpoint": "file:///etc/passwd", "Method": "GET"}),
            "Stepwell.InvalidHttpRequest",
        ),
        (
            json!({"ApiEndpoint": "http://127.0.0.1:1/"}),
            "States.Runtime",
        ),
    ];
    for (index, (parameters, error)) in cases.into_iter().enumerate() {
        let definition = json!({"StartAt": "Call", "States": {"Call": {"Type": "Task",
            "Resource": "arn:aws:states:::http:invoke", "TimeoutSeconds": 30,
            "Parameters": parameters, "End": true}}});
        bench.deploy("machine", &definition.to_string()).await;
        let execution = bench.start("machine", &format!("e{index}"), "{}").await;
        let failure = bench.end(&execution).await.failure.unwrap();
        assert_eq!(failure.error.as_deref(), Some(error), "{parameters}");
    }
}

/// At the level TRACE, a tried state shows what was sent and what came back; below it, and
/// where nothing was sent, it does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_tried_request_is_shown_with_its_answer() {
    const ANSWER: &str = "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nContent-Length: 4\r\n\
        Connection: close\r\n\r\nnone";
    let address = server(&[ANSWER, ANSWER]);
    let bench = bench(&[format!("POST {address}/v1")]).await;
    let tried = async |path: &str, level: &str| {
        let state = json!({"Type": "Task", "Resource": "arn:aws:states:::http:invoke",
            "Parameters": {"ApiEndpoint": format!("{address}{path}"), "Method": "POST",
                "Headers": {"X-B": "2"}, "RequestBody": {"b": 2}}, "End": true});
        let call = ApiCall {
            operation: "TestState".to_owned(),
            request: json!({"definition": state.to_string(), "inspectionLevel": level,
                "roleArn": "arn:aws:iam::000000000000:role/r"}),
            times: TimeForm::Seconds,
            repeated: false,
        };
        bench.handle.call_sfn(&bench.caller, call).await.unwrap()
    };
    let found = tried("/v1", "TRACE").await;
    assert_eq!(found["error"], "States.Http.StatusCode.404");
    assert_eq!(
        found["inspectionData"]["request"],
        json!({"protocol": "http", "method": "POST", "url": format!("{address}/v1"),
            "headers": "{\"X-B\":[\"2\"],\"content-type\":[\"application/json\"]}",
            "body": "{\"b\":2}"})
    );
    let response = &found["inspectionData"]["response"];
    assert_eq!(
        (&response["statusCode"], &response["statusMessage"]),
        (&json!("404"), &json!("Not Found"))
    );
    assert_eq!(response["body"], "none");
    assert!(
        response["headers"]
            .as_str()
            .unwrap()
            .contains("\"x-a\":[\"1\"]")
    );
    for (path, level) in [("/v1", "DEBUG"), ("/other", "TRACE")] {
        let found = tried(path, level).await;
        assert_eq!(found["status"], "FAILED");
        assert_eq!(
            found["inspectionData"].get("request"),
            None,
            "{path} {level}"
        );
    }
}
