//! What a definition calls beyond components of its own: bindings, activities, HTTP.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;
use stepwell_tests::{Setup, TestServer, guest, segment};
use ureq::http::Method;

const PUBLISH: &str = include_str!("../../../../examples/publish-events.asl.json");

/// Sends the request that its input describes.
const CALLING: &str = r#"{"StartAt": "Call", "States": {"Call": {"Type": "Task",
    "Resource": "arn:aws:states:::http:invoke", "TimeoutSeconds": 30, "End": true}}}"#;

#[test]
fn a_connector_stands_for_the_integration_that_a_definition_names() {
    let server = TestServer::start();
    let client = server.client();
    // Unbound: a warning of the deployment, or a refusal where that is asked for.
    let request = json!({"name": "unbound", "definition": PUBLISH, "refuseUnbound": true});
    let refused = client.post("/v1/state-machines", &request);
    refused.expect_refusal(422, "InvalidDefinition", Some("definition"));
    let deployed = client.deploy("unbound", PUBLISH);
    assert!(
        deployed["warnings"]
            .to_string()
            .contains("INTEGRATION_NEEDS_BINDING"),
        "{deployed}"
    );
    let failed = client.run("unbound", &json!({"orderId": "o-1"}));
    assert_eq!(failed["error"], "Stepwell.NotBound", "{failed}");

    client.push("publish-events", &guest("publish-events").unwrap());
    let path = format!("/v1/bindings/{}", segment("events:putEvents"));
    let body = json!({"component": "publish-events"});
    let bound = client
        .send(Method::PUT, &path, "application/json", body.to_string())
        .expect(200);
    assert_eq!(bound["integration"], "events:putEvents");
    let listed = client.get("/v1/bindings").expect(200);
    assert_eq!(listed["bindings"], json!([bound]));
    let deployed = client.deploy("bound", PUBLISH);
    assert_eq!(deployed["warnings"], json!([]), "{deployed}");
    let ended = client.run("bound", &json!({"orderId": "o-1"}));
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert_eq!(
        ended["output"]["published"]["FailedEntryCount"], 0,
        "{ended}"
    );

    // What is deployed goes on with what it has pinned.
    client.delete(&path).expect_text(204);
    client.delete(&path).expect_refusal(404, "NotFound", None);
    let ended = client.run("bound", &json!({"orderId": "o-2"}));
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
}

#[test]
fn a_worker_takes_a_task_over_http() {
    let server = TestServer::start();
    let client = server.client();
    let made = client
        .post("/v1/activities", &json!({"name": "pick"}))
        .expect(201);
    let arn = made["activityArn"].as_str().unwrap().to_owned();
    client
        .post("/v1/activities", &json!({"name": "pick"}))
        .expect(200);
    let definition = json!({"StartAt": "Pick", "States": {"Pick": {"Type": "Task",
        "Resource": arn, "TimeoutSeconds": 600, "End": true}}});
    client.deploy("picking", &definition.to_string());
    let execution = client.start("picking", &json!({"n": 1}));
    let poll = format!("/v1/activities/{}/poll?wait=60", segment(&arn));
    let polled = client
        .post(&poll, &json!({"workerName": "ann"}))
        .expect(200);
    assert_eq!(polled["task"]["input"], json!({"n": 1}), "{polled}");
    let report = json!({"taskToken": polled["task"]["taskToken"], "output": {"picked": true}});
    client.post("/v1/tasks/success", &report).expect_text(204);
    let ended = client.wait_for_end(&execution);
    assert_eq!(ended["output"], json!({"picked": true}), "{ended}");
    let history = client.history(&execution).events().to_vec();
    let started = history
        .iter()
        .find(|event| event["type"] == "ActivityStarted")
        .unwrap();
    assert_eq!(started["activityStartedEventDetails"]["workerName"], "ann");
    let none = client
        .post("/v1/activities/pick/poll", &json!({}))
        .expect(200);
    assert_eq!(none, json!({}));
    client.delete("/v1/activities/pick").expect_text(204);
    client
        .post(&poll, &json!({}))
        .expect_refusal(404, "NotFound", None);
}

#[test]
fn nothing_is_sent_anywhere_unless_the_operator_allows_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = TestServer::start();
    let client = server.client();
    client.deploy("calling", CALLING);
    let ended = client.run("calling", &json!({"ApiEndpoint": address, "Method": "GET"}));
    assert_eq!(ended["error"], "Stepwell.EgressDenied", "{ended}");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nobody must have called");
}

#[test]
fn what_the_operator_allows_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 4_096];
        let _read = stream.read(&mut bytes).unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let server = TestServer::with(Setup {
        arguments: vec!["--allow-http".to_owned(), format!("GET {address}/a*")],
        ..Setup::default()
    });
    let client = server.client();
    client.deploy("calling", CALLING);
    let input = json!({"ApiEndpoint": format!("{address}/b"), "Method": "GET"});
    assert_eq!(
        client.run("calling", &input)["error"],
        "Stepwell.EgressDenied"
    );
    let input = json!({"ApiEndpoint": format!("{address}/a"), "Method": "GET"});
    let ended = client.run("calling", &input);
    assert_eq!(ended["output"]["ResponseBody"], "hi", "{ended}");
}
