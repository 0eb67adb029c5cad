//! Components and state machines: push, deploy, describe, list, delete.

use serde_json::{Value, json};
use stepwell_tests::{TestServer, core_module, guest, segment};
use ureq::http::Method;

use crate::definitions::{ASK, ECHO, PASS};

#[test]
fn a_component_is_pushed_once_and_described() {
    let server = TestServer::start();
    let client = server.client();
    let wasm = std::fs::read(guest("hostile").unwrap()).unwrap();
    let pushed = client.put_wasm("hostile", wasm.clone()).expect(201);
    assert_eq!(pushed["changed"], true);
    let component = &pushed["component"];
    assert_eq!(
        (&component["name"], &component["version"]),
        (&json!("hostile"), &json!(1))
    );
    assert_eq!(component["bytes"], wasm.len());
    let imports = component["imports"].to_string();
    assert!(imports.contains("stepwell:task/logging@0.1.0"), "{imports}");
    let said = &component["description"];
    assert_eq!(said["name"], "hostile");
    assert!(
        said["inputSchema"].to_string().contains("failByName"),
        "{said}"
    );

    let again = client.put_wasm("hostile", wasm).expect(200);
    assert_eq!(again["changed"], false);
    assert_eq!(&again["component"], component);
    let list = client.get("/v1/components").expect(200);
    assert_eq!(list["components"], json!([component]));
}

/// The module is built for `wasm32-unknown-unknown`; the host makes a component of it.
#[test]
fn a_core_module_is_wrapped_and_runs_and_is_the_next_version() {
    let server = TestServer::start();
    let client = server.client();
    let module = client.push("echo", &core_module("echo").unwrap());
    assert_eq!(module["component"]["version"], 1);
    client.deploy("echo", ECHO);
    let first = client.run("echo", &json!({ "n": [1, null, "é"] }));
    assert_eq!(first["output"], first["input"], "{first}");

    let component = client.push("echo", &guest("echo").unwrap());
    assert_eq!(component["component"]["version"], 2);
    let versions = client.get("/v1/components/echo").expect(200);
    let numbers: Vec<_> = versions["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["version"].as_u64())
        .collect();
    assert_eq!(numbers, [Some(2), Some(1)], "newest first");

    // What was deployed before runs what it pinned.
    let machine = client.get("/v1/state-machines/echo").expect(200);
    assert_eq!(
        machine["components"][0]["digest"],
        module["component"]["digest"]
    );
    let again = client.run("echo", &json!(1));
    assert_eq!(again["output"], 1, "{again}");
}

#[test]
fn a_definition_is_deployed_revised_and_unchanged() {
    let server = TestServer::start();
    let client = server.client();
    let deploy = |definition: &str| {
        let request = json!({ "name": "flow", "definition": definition });
        client.post("/v1/state-machines", &request)
    };
    let first = deploy(PASS).expect(201);
    assert_eq!(first["stateMachine"]["revision"], 1);
    let same = deploy(PASS).expect(200);
    assert_eq!(
        (&same["changed"], &same["stateMachine"]["revision"]),
        (&json!(false), &json!(1))
    );
    let second = deploy(ASK).expect(201);
    assert_eq!(second["stateMachine"]["revision"], 2);
    let machine = client.get("/v1/state-machines/flow").expect(200);
    assert_eq!(machine["definition"], ASK);
    assert_eq!(
        machine["asl"]["StartAt"], "answer",
        "the short form as AWS writes it"
    );
    let list = client.get("/v1/state-machines").expect(200);
    assert_eq!(list["stateMachines"].as_array().unwrap().len(), 1);
}

#[test]
fn an_execution_goes_on_with_the_revision_that_it_was_started_with() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("flow", ASK);
    let arn = client.start("flow", &json!({}));
    client.deploy("flow", PASS);
    assert_eq!(client.run("flow", &json!({}))["revision"], 2);
    client.post_event(&arn, &json!({ "name": "answer" }));
    let ended = client.wait_for_end(&arn);
    assert_eq!(
        (&ended["revision"], &ended["status"]),
        (&json!(1), &json!("SUCCEEDED"))
    );
}

#[test]
fn a_definition_comes_wrapped_or_as_it_is() {
    let server = TestServer::start();
    let client = server.client();
    let path = "/v1/state-machines?raw=true&name=as-json";
    client
        .send(Method::POST, path, "application/json", PASS)
        .expect(201);
    let text = "workflow: {name: as-yaml, states: {done: {type: succeed}}}";
    let deployed = client.send(Method::POST, "/v1/state-machines", "application/yaml", text);
    assert_eq!(deployed.expect(201)["stateMachine"]["name"], "as-yaml");
    for name in ["as-json", "as-yaml"] {
        assert_eq!(client.run(name, &Value::Null)["status"], "SUCCEEDED");
    }
}

#[test]
fn a_machine_is_deleted_when_nothing_of_it_runs() {
    let server = TestServer::start();
    let client = server.client();
    client.deploy("ask", ASK);
    let arn = client.start("ask", &json!({}));
    let refused = client.delete("/v1/state-machines/ask");
    refused.expect_refusal(400, "InvalidField", Some("stateMachine"));
    client.get("/v1/state-machines/ask").expect(200);

    let stop = format!("/v1/executions/{}/stop", segment(&arn));
    client.post(&stop, &json!({})).expect(204);
    client.delete("/v1/state-machines/ask").expect(204);
    client
        .get("/v1/state-machines/ask")
        .expect_refusal(404, "NotFound", None);
    client
        .post("/v1/executions", &json!({ "stateMachine": "ask" }))
        .expect_refusal(404, "NotFound", None);
    assert_eq!(
        client.describe(&arn)["status"],
        "ABORTED",
        "its executions stay"
    );
}
