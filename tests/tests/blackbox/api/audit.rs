//! Entries of what takes a component or a Map Run. The tests of the server look at the others.

use serde_json::{Value, json};
use stepwell_tests::{TestServer, guest, segment};
use ureq::http::Method;

use crate::definitions::ECHO;

const WAITING_MAP: &str = r#"{"StartAt": "All", "States": {"All": {"Type": "Map", "End": true,
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": true}}}
}}}"#;

/// Actions and resources of the tenant's allowed entries, oldest first.
fn entries(server: &TestServer) -> Vec<(String, String)> {
    let log = server.client().get("/v1/audit?limit=1000").expect(200);
    let mut found: Vec<(u64, (String, String))> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["entry"])
        .filter(|entry| entry["outcome"] == "allowed")
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let number = entry["number"].as_u64().unwrap();
            (number, (text("action"), text("resource")))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, entry)| entry).collect()
}

fn first_map_run(server: &TestServer, execution: &str) -> String {
    let path = format!("/v1/map-runs?execution={}", segment(execution));
    loop {
        let runs: Value = server.client().get(&path).expect(200);
        if let Some(arn) = runs["mapRuns"][0]["mapRunArn"].as_str() {
            return arn.to_owned();
        }
        std::thread::yield_now();
    }
}

#[test]
fn what_takes_a_component_or_a_map_run_leaves_entries() {
    let server = TestServer::start();
    let client = server.client();
    client.push("echo", &guest("echo").unwrap());
    let integration = "events:putEvents";
    let binding = format!("/v1/bindings/{}", segment(integration));
    let body = json!({ "component": "echo" }).to_string();
    client
        .send(Method::PUT, &binding, "application/json", body)
        .expect(200);
    client.delete(&binding).expect_text(204);
    client.deploy("echo", ECHO);
    let tried = json!({ "definition": { "Type": "Task", "Resource": "task:echo", "End": true } });
    client.post("/v1/test-state", &tried).expect(200);
    client.deploy("waiting", WAITING_MAP);
    let execution = client.start("waiting", &json!([1]));
    let run = first_map_run(&server, &execution);
    let update = format!("/v1/map-runs/{}/update", segment(&run));
    let changed = client.post(&update, &json!({ "maxConcurrency": 2 }));
    changed.expect_text(204);

    let mut all = entries(&server);
    // That of a state that was tried goes with no change, and follows the answer.
    while !all.iter().any(|(action, _)| action == "state:test") {
        std::thread::yield_now();
        all = entries(&server);
    }
    for (action, resource) in [
        ("component:push", "echo"),
        ("binding:put", integration),
        ("binding:delete", integration),
        ("map-run:update", &*run),
    ] {
        let entry = (action.to_owned(), resource.to_owned());
        assert!(all.contains(&entry), "{entry:?} is not in {all:?}");
    }
}
